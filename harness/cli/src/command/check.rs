//! `gateproof check`: looks at a cluster that somebody runs, with reads alone, or at what was dumped
//! from one (`offline`).

mod offline;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use gateproof_core::dossier::Dossier;
use gateproof_core::event::Event;
use gateproof_core::health::find_profile;
use gateproof_core::name::{ClusterName, NamespacedName};
use gateproof_core::plan::Plan;
use gateproof_core::scenario::Action;
use gateproof_existing::connect::ConnectError;
use gateproof_existing::plan::{NoPlan, Probing, Wishes};
use gateproof_existing::provider::{Found, Purpose};
use gateproof_existing::{Connected, connect, plan, survey};
use gateproof_kubernetes::{AccessError, Ledger};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::provider::{self, Setup};
use gateproof_runner::{Diagnose, Observed, Options, clock, descriptors};

use super::run::{self, Evidence};
use super::standpoint::{self, Wish};
use super::{CommandError, journal_error, print, tell};
use crate::arguments::check::CheckArguments;
use crate::arguments::existing::ExistingArguments;
use crate::environment::Environment;

/// The permissions that a check needs.
const ROLE: &str = include_str!("../../../../docs/check-role.yaml");

/// How long the whole command takes at most, but for its reports.
const WITHIN: Duration = Duration::from_secs(58);

/// How long looking at the cluster may take, before its sockets are asked.
const LOOK_WITHIN: Duration = Duration::from_secs(28);

pub(crate) fn run(
    arguments: &CheckArguments,
    environment: &Environment,
) -> Result<u8, CommandError> {
    if arguments.print_role {
        print(ROLE)?;
        return Ok(0);
    }
    let specs = run::specs(&arguments.report)?;
    let wishes = wishes(arguments)?;
    if let Some(path) = &arguments.from {
        return offline::look(path, arguments, &wishes, environment, &specs);
    }
    let wish = Wish {
        vantage: arguments.vantage.as_deref(),
        image: arguments.image.as_deref(),
        writes: arguments.allow_writes.into(),
    };
    wish.vantage()?;
    let started = Instant::now();
    let runtime = super::threaded_runtime()?;
    let (connected, mut dossier) =
        runtime.block_on(look(&arguments.existing, &arguments.gateways, LOOK_WITHIN))?;
    let cluster = ClusterName::new(file_name(&connected.place.context));
    let plan = plan(&cluster, &dossier, &wishes).map_err(nothing)?;
    let survey = runtime.block_on(survey(&dossier));
    if wishes.probing != Probing::Nothing(NO_PROBES.to_owned()) {
        tell(&format!("{survey}\n"));
    }
    let mut options = Options::new(clock::run_id(), std::num::NonZeroUsize::MIN);
    let access = arguments.existing.access();
    let purpose =
        match wish.inside(&survey, &options.run)? {
            None => Purpose::Look,
            Some(inside) => Purpose::LookFromInside(runtime.block_on(
                standpoint::errand_of_check(wish, inside, &options.run, (&access, &connected)),
            )?),
        };
    let found = Found::new(connected, survey, &dossier);

    options.diagnose = Diagnose::From(Arc::new(dossier.clone()));
    options.within = Some(WITHIN.saturating_sub(started.elapsed()));
    let evidence = Evidence::usual(environment, &options.run);
    let journal = Arc::new(
        run::journal(environment, &options.run, &specs, &evidence)
            .map_err(|e| journal_error(e, &environment.state))?,
    );
    options.ledger = Arc::clone(&journal) as Arc<dyn Ledger>;
    evidence.folder().clone_into(&mut options.evidence);
    let verbosity = run::told(arguments.quiet, arguments.verbose);
    let console = run::console(verbosity, environment, &specs);
    let mut reporters = run::open(&specs)?.with_console(console);
    descriptors::raise_limit();
    let mut problems = Vec::new();
    let mut observed = Observed::default();
    let provider = provider::make(Setup::Existing { found: Box::new(found), purpose });
    runtime.block_on(async {
        let interrupt = Interrupt::new();
        interrupt.listen(run::leave_at_once).context("failed to listen for signals")?;
        gateproof_runner::run(&plan, provider, &options, &interrupt, |record| {
            take_in(&mut observed, &plan, &record.event);
            problems.extend(reporters.record(record).err());
        })
        .await;
        anyhow::Ok(())
    })?;
    let code = run::end(reporters, problems);
    run::close(&journal, environment)?;
    if let Some(path) = &arguments.bundle {
        observed.complete(&mut dossier);
        write_bundle(&dossier, path)?;
    }
    Ok(code)
}

/// Keeps what a check of the plan saw.
fn take_in(observed: &mut Observed, plan: &Plan, event: &Event) {
    let Event::CheckFinished { trial, result } = event else { return };
    let trials = plan.clusters.iter().flat_map(|cluster| &cluster.trials);
    let steps = trials.filter(|planned| planned.name == *trial).flat_map(|planned| {
        planned.definition.steps.iter().filter(|step| step.name == result.check)
    });
    for step in steps {
        if let Action::Check(check) = &step.action {
            observed.take_in(check, result);
        }
    }
}

/// Writes what a check rests on, and says where.
fn write_bundle(dossier: &Dossier, path: &Path) -> Result<(), CommandError> {
    gateproof_inspect::bundle(dossier, path)
        .map_err(|error| CommandError::Infrastructure(error.into()))?;
    tell(&format!("bundle: {}, secrets redacted\n", path.display()));
    Ok(())
}

const NO_PROBES: &str = "no socket was asked (--no-probes)";

/// What was typed, read and checked.
fn wishes(arguments: &CheckArguments) -> Result<Wishes, CommandError> {
    let profile = find_profile(&arguments.profile)
        .map_err(|error| CommandError::Usage(format!("--profile: {error}")))?;
    let probing = match (arguments.no_probes, arguments.no_requests) {
        _ if arguments.from.is_some() => Probing::Nothing(offline::NO_SOCKETS.to_owned()),
        (true, _) => Probing::Nothing(NO_PROBES.to_owned()),
        (false, true) => Probing::Connections,
        (false, false) => Probing::Requests,
    };
    let (gateways, cilium) = (arguments.gateways.clone(), arguments.cilium.clone());
    Ok(Wishes { gateways, probing, profile, cilium })
}

/// Connects, and reads what the cluster has; where the reader may not look everywhere, in the
/// namespaces of these Gateways and of the context.
pub(super) async fn look(
    cluster: &ExistingArguments,
    gateways: &[NamespacedName],
    within: Duration,
) -> Result<(Connected, Dossier), CommandError> {
    let access = cluster.access();
    let connected = connect(&access, |place| tell(&format!("{place}\n"))).await;
    let connected = connected.map_err(not_connected)?;
    let taken = clock::now_rfc3339().parse().ok();
    let named = gateways.iter().map(|gateway| gateway.namespace.clone());
    let namespaces = named.chain(connected.place.namespace.clone()).collect();
    let options = gateproof_inspect::Options { taken, within, namespaces, ..Default::default() };
    let dossier = gateproof_inspect::live(&connected.client, &options).await;
    Ok((connected, dossier))
}

/// A kubeconfig that leads nowhere is the user's to change; a server that is silent is not.
fn not_connected(error: ConnectError) -> CommandError {
    match error {
        error @ (ConnectError::NoAnswer { .. }
        | ConnectError::Access(AccessError::NoCredentials { .. })) => {
            CommandError::Infrastructure(error.into())
        }
        ConnectError::Access(error) => CommandError::Usage(error.to_string()),
    }
}

fn nothing(error: NoPlan) -> CommandError {
    match error {
        NoPlan::NoSuchGateway { .. } | NoPlan::NoGateway { .. } => {
            CommandError::NothingSelected(error.to_string())
        }
        NoPlan::Hidden { .. } | NoPlan::NoVersion { .. } => {
            CommandError::Infrastructure(error.into())
        }
    }
}

/// A context's name as the name of a file: names of cloud clusters hold slashes and colons.
pub(super) fn file_name(context: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = context.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "cluster".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_of_contexts_become_names_of_files() {
        for (context, expected) in [
            ("prod", "prod"),
            ("arn:aws:eks:eu-west-1:1:cluster/prod", "arn-aws-eks-eu-west-1-1-cluster-prod"),
            ("../..", "cluster"),
            ("(the cluster around this pod)", "the-cluster-around-this-pod"),
        ] {
            assert_eq!(file_name(context), expected);
        }
    }
}
