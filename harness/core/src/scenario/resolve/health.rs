//! Target-health claims.

use super::super::file::form::{PaceForm, TargetCountForm};
use super::super::file::socket::{TargetHealthCheckFile, TargetsFile};
use super::check::{Context, Named, report_unknown_gateway};
use super::nodes;
use crate::cluster::NodeSelector;
use crate::health::{
    Overrides, PROFILES, Problem as Limit, Settings, Severity, UnknownProfile, find_profile,
};
use crate::scenario::{Claim, Pace, TargetCount, TargetHealthClaim, TargetPorts};
use crate::source::nearest::nearest;
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::Place;

/// By what durations are divided unless the check says otherwise. With it, the slowest profile is
/// decided within ten seconds, while an interval of ten seconds still is half a second, far longer
/// than a connection on one machine takes.
const COMPRESSION: f64 = 20.0;

/// Resolves a claim about target health.
pub(super) fn resolve(
    file: &TargetHealthCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    let scope = context.scope;
    report_unknown_gateway(&file.gateway, at.get("gateway"), scope, problems);
    let nodes = nodes::selector(&file.nodes, at.get("nodes"), scope.topology, problems);
    let healthy = count(file, &nodes, at, context, problems);
    let profile = match find_profile(&file.profile) {
        Ok(profile) => profile,
        Err(error) => {
            problems.push(unknown_profile(at.get("profile"), &error));
            return None;
        }
    };
    let settings = overrides(file).apply(&profile.settings);
    report_limits(&settings, at, problems);
    let word = match healthy {
        TargetCount::All => "all healthy".to_owned(),
        TargetCount::None => "none healthy".to_owned(),
        TargetCount::Selected => "the selected healthy".to_owned(),
        TargetCount::Exactly(count) => format!("{count} healthy"),
    };
    let name = format!("target health of {} ({}): {word}", file.gateway, file.profile);
    let claim = TargetHealthClaim {
        gateway: file.gateway.clone(),
        targets: match file.targets {
            TargetsFile::Exposed => TargetPorts::Exposed,
            TargetsFile::NodePorts => TargetPorts::NodePorts,
            TargetsFile::ListenerPorts => TargetPorts::ListenerPorts,
        },
        nodes,
        profile: file.profile.clone(),
        settings,
        pace: match file.pace {
            None => Pace::Compressed(COMPRESSION),
            Some(PaceForm::Real) => Pace::RealTime,
            Some(PaceForm::Compressed(factor)) => Pace::Compressed(factor),
        },
        healthy,
    };
    Some((name, Claim::TargetHealth(claim)))
}

/// The settings that the check gives itself.
fn overrides(file: &TargetHealthCheckFile) -> Overrides {
    Overrides {
        interval: file.interval.map(|interval| interval.0),
        timeout: file.timeout.map(|timeout| timeout.0),
        healthy_threshold: file.healthy_threshold,
        unhealthy_threshold: file.unhealthy_threshold,
        initial_passes: file.initial_passes,
    }
}

fn unknown_profile(at: Place<'_>, error: &UnknownProfile) -> Problem {
    let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
    Problem::at(
        &at,
        format!("there is no target-health profile `{}`: {}", error.name, error.advice),
    )
    .expected(one_of(&names))
    .nearest(nearest(&error.name, names))
}

/// Reports settings that a load balancer would refuse.
fn report_limits(settings: &Settings, at: Place<'_>, problems: &mut Vec<Problem>) {
    let refused = |problem: &Limit| problem.severity == Severity::Error;
    for problem in settings.validate().into_iter().filter(refused) {
        problems.push(Problem::at(&at.get(&problem.setting.to_string()), problem.message));
    }
}

fn count(
    file: &TargetHealthCheckFile,
    nodes: &NodeSelector,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> TargetCount {
    let place = at.at(&["expect", "healthy"]);
    match file.expect.healthy {
        TargetCountForm::All => TargetCount::All,
        TargetCountForm::None => TargetCount::None,
        TargetCountForm::Selected => {
            report_nothing_selected(place, context, problems);
            TargetCount::Selected
        }
        TargetCountForm::Exactly(count) => {
            report_too_many(file, count, nodes, place, context, problems);
            TargetCount::Exactly(count)
        }
    }
}

/// `selected` means Cilium's node selector, which only host networking has.
fn report_nothing_selected(
    place: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) {
    let without = context.scope.variants.iter().find(|variant| {
        (context.variants.is_empty() || context.variants.contains(&variant.name))
            && variant.host_network().is_none()
    });
    if let Some(variant) = without {
        problems.push(
            Problem::at(&place, format!("the variant `{}` has no node selector", variant.name))
                .expected("`variants:` with host-network variants only")
                .note("without `gatewayAPI.hostNetwork` no node is selected"),
        );
    }
}

/// Targets are sockets: each registered node with each port of the Gateway.
fn report_too_many(
    file: &TargetHealthCheckFile,
    count: usize,
    nodes: &NodeSelector,
    place: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) {
    let scope = context.scope;
    if scope.inventory.changed.contains(&file.gateway) {
        return;
    }
    let registered = scope.topology.and_then(|topology| nodes::count(nodes, topology));
    let (Some(registered), Some(gateway)) =
        (registered, scope.inventory.gateways.get(&file.gateway))
    else {
        return;
    };
    let mut ports: Vec<u16> = gateway.listeners.iter().map(|listener| listener.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let most = registered * ports.len();
    if count > most {
        problems.push(
            Problem::at(&place, "there are not so many targets")
                .found(count.to_string())
                .expected(format!("{most} or less"))
                .note(format!("{registered} nodes with {} ports each", ports.len())),
        );
    }
}
