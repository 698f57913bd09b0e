//! `gateproof cluster up --provider kind`: a kind cluster with Cilium on it, which is the user's.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_kubernetes::{Action, Ledger, News, Witness};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::journal::{Entry, Journal};
use gateproof_runner::kind_clusters::{self, Access};
use gateproof_runner::leftovers::Reach;
use gateproof_runner::provider::{self, Setup};
use gateproof_runner::raise::{self, Raising};
use gateproof_runner::{clock, workplace};

use super::super::run::{close, leave_at_once};
use super::super::{CommandError, clean, engines, journal_error, print, tell};
use super::{kind, up};
use crate::arguments::cluster::UpArguments;
use crate::environment::Environment;

/// Tells of a provider's work on standard error, a line for each end.
struct Teller;

impl Witness for Teller {
    fn tell(&self, action: &Action, news: News) {
        let what = match &action.node {
            Some(node) => format!("{} on {node}", action.name),
            None => action.name.clone(),
        };
        let line = match news {
            News::Started => return,
            News::Awaiting(missing) => format!("{what} waits for: {missing}\n"),
            News::Warned(warning) => format!("warning: {warning}\n"),
            News::Finished { took, problem: None } => {
                format!("{what} done in {:.1}s\n", took.as_secs_f64())
            }
            News::Finished { took, problem: Some(problem) } => {
                format!("{what} failed after {:.1}s: {problem}\n", took.as_secs_f64())
            }
        };
        // Nobody reads it: the end of the command says how it went.
        if let Err(error) = std::io::stderr().lock().write_all(line.as_bytes()) {
            tracing::debug!(%error, "standard error cannot be written to");
        }
    }
}

pub(super) fn run(arguments: &UpArguments, environment: &Environment) -> Result<u8, CommandError> {
    if arguments.kubeconfig.is_some() {
        return Err(CommandError::Usage(
            "--kubeconfig: the kubeconfig of a kind cluster comes from `gateproof cluster \
             kubeconfig NAME`, and `--merge-into FILE` puts it where you want it"
                .to_owned(),
        ));
    }
    let standing = up::plan(arguments)?;
    let mut workplace = super::super::workplace(&arguments.kind)?;
    clean::before_start(environment, Reach::Engines)?;
    let run = clock::run_id();
    let state = &environment.state;
    let journal = Arc::new(Journal::open(state, &run).map_err(|e| journal_error(e, state))?);
    let evidence = up::absolute(&workplace::usual_evidence(state, &run));
    journal.note(&Entry::Folder { path: evidence.clone() }).map_err(|e| journal_error(e, state))?;
    journal.folder().clone_into(&mut workplace.stack.scratch);
    let stack = standing.stack();
    let plan = ClusterPlan {
        name: ClusterName::new(standing.name),
        topology: standing.topology,
        trials: Vec::new(),
    };
    let raising = Raising {
        plan: &plan,
        stack: &stack,
        provider: provider::make(Setup::Kind(Box::new(workplace))),
        run,
        witness: Arc::new(Teller),
        ledger: Arc::clone(&journal) as Arc<dyn Ledger>,
        evidence: evidence.clone(),
    };
    let runtime = crate::command::threaded_runtime()?;
    let raised = runtime.block_on(async {
        let interrupt = Interrupt::new();
        interrupt.listen(leave_at_once).context("failed to listen for signals")?;
        anyhow::Ok(raise::raise(&raising, &interrupt).await.map(|cluster| cluster.subject()))
    })?;
    close(&journal, environment)?;
    match raised {
        Ok(subject) => {
            let name = plan.name.as_str();
            let engines = engines()?;
            let clusters = runtime
                .block_on(kind_clusters::list(&engines, state))
                .map_err(|problem| anyhow::anyhow!(problem))?;
            let api = clusters.into_iter().find(|found| found.name == name);
            let api = api.and_then(|found| found.api).unwrap_or_else(|| "-".to_owned());
            print(&kind::greeting(name, &Access { api, subject: subject.to_string() }))?;
            Ok(0)
        }
        Err(failed) => {
            if !failed.evidence.is_empty() {
                tell(&format!(
                    "evidence: {} ({} files)\n",
                    evidence.display(),
                    failed.evidence.len()
                ));
            }
            if let Some(left) = &failed.left {
                tell(&format!("warning: not removed cleanly: {left}\n"));
            }
            Err(CommandError::Infrastructure(anyhow::Error::new(failed)))
        }
    }
}
