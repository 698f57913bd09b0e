//! The founding scenario, and others, through real containers: every verdict as on the embedded
//! provider, at the addresses of the containers.

use gateproof_core::cluster::NodeRole;
use gateproof_core::report::{ExitCode, TrialReport, exit_code};
use gateproof_core::topology::TopologyNode;
use gateproof_core::verdict::Verdict;
use gateproof_stack::HelmSource;
use libtest_mimic::Failed;

use crate::Work;
use crate::bench::{Bench, plan_of};

const VARIANTS: [&str; 3] = ["::dedicated/", "::host-network/", "::host-network-node-selector/"];

pub(crate) fn tests() -> Vec<(String, Work)> {
    let mut tests: Vec<(String, Work)> = VARIANTS
        .into_iter()
        .map(|variant| {
            let name = variant.trim_matches([':', '/']);
            let work: Work = Box::new(move |bench| same_verdicts(bench, "shared-gateway", variant));
            (format!("founding::{name}"), work)
        })
        .collect();
    let work: Work = Box::new(helm_in_a_container);
    tests.push(("founding::helm_in_a_container".to_owned(), work));
    tests.push(("several_control_planes".to_owned(), Box::new(several_control_planes)));
    for scenario in ["redirect-to-https", "cross-namespace-routes"] {
        let work: Work = Box::new(move |bench| same_verdicts(bench, scenario, "/cilium-1.20"));
        tests.push((format!("scenario::{scenario}"), work));
    }
    tests
}

/// Without a Helm on this machine, the stack is installed all the same.
fn helm_in_a_container(bench: &Bench) -> Result<(), Failed> {
    let image = bench.helm_image()?;
    let mut plan = plan_of("wildcard-certificate", &["/cilium-1.20"])?;
    plan.clusters.truncate(1);
    let ran = bench.run_on(&plan, 1, bench.image(), |workplace| {
        workplace.stack.helm = HelmSource::Search { path: Vec::new() };
        workplace.settings.helm_image.clone_from(&image);
    })?;
    if ran.report.trials[0].verdict != Verdict::Passed {
        return Err(gateproof_report::failures(&ran.report).into());
    }
    bench.must_be_gone(&plan)
}

fn same_verdicts(bench: &Bench, scenario: &str, variant: &str) -> Result<(), Failed> {
    let mut plan = plan_of(scenario, &[variant])?;
    plan.clusters.truncate(1);
    let kind = bench.run(&plan, 1)?;
    let embedded = bench.run_embedded(&plan)?;
    for (ours, reference) in kind.report.trials.iter().zip(&embedded.report.trials) {
        let (ours, expected) = (verdicts(ours), verdicts(reference));
        if ours != expected {
            return Err(format!(
                "expected as on the embedded provider:\n{}\nfound:\n{}\n{}",
                expected.join("\n"),
                ours.join("\n"),
                gateproof_report::failures(&kind.report)
            )
            .into());
        }
    }
    let trial = &kind.report.trials[0];
    if trial.verdict != Verdict::Passed {
        return Err(gateproof_report::failures(&kind.report).into());
    }
    // A stand-in never passes for the real thing.
    let subject = trial.subject.as_ref().map(ToString::to_string).unwrap_or_default();
    if !subject.starts_with("reference model of Cilium ") {
        return Err(format!("the report says that {subject:?} was tried").into());
    }
    let addresses = kind.report.clusters.iter().flat_map(|cluster| &cluster.nodes);
    let loopback = addresses.flat_map(|node| &node.addresses).any(std::net::IpAddr::is_loopback);
    if loopback || kind.report.clusters.iter().all(|cluster| cluster.nodes.is_empty()) {
        return Err("the nodes have no addresses of their own".into());
    }
    eprintln!("{}: {:.1} s", trial.summary.trial, kind.took.as_secs_f64());
    bench.must_be_gone(&plan)
}

/// Behind a load balancer, whose address every client has.
fn several_control_planes(bench: &Bench) -> Result<(), Failed> {
    let mut plan = plan_of("wildcard-certificate", &["/cilium-1.20"])?;
    plan.clusters.truncate(1);
    let nodes = [
        ("control-plane", NodeRole::ControlPlane),
        ("control-plane2", NodeRole::ControlPlane),
        ("control-plane3", NodeRole::ControlPlane),
        ("worker", NodeRole::Worker),
    ];
    let nodes = nodes.map(|(name, role)| TopologyNode::plain(name, role)).to_vec();
    plan.clusters[0].topology.nodes = nodes;
    let balancer = bench.balancer()?;
    let ran = bench.run_on(&plan, 1, bench.image(), |workplace| {
        workplace.settings.load_balancer_image = Some(balancer);
    })?;
    if exit_code(&ran.report) != ExitCode::Passed {
        return Err(gateproof_report::failures(&ran.report).into());
    }
    let nodes = &ran.report.clusters[0].nodes;
    let roles = nodes.iter().filter(|node| node.role == NodeRole::ControlPlane).count();
    if (nodes.len(), roles) != (4, 3) {
        return Err(format!("other nodes came up: {nodes:?}").into());
    }
    bench.must_be_gone(&plan)
}

/// The verdict, and that of each check.
fn verdicts(trial: &TrialReport) -> Vec<String> {
    let checks = trial.checks.iter().map(|check| format!("{:?} {}", check.verdict, check.check));
    [format!("{:?} {}", trial.verdict, trial.summary.trial)].into_iter().chain(checks).collect()
}
