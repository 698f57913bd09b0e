//! Bringing up one cluster that becomes the user's: nodes, stack, and then it is handed over.
//!
//! Until it is handed over it belongs to this process like any cluster of a run, so that a failure,
//! an interrupt or a killed process leaves nothing behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateproof_core::plan::ClusterPlan;
use gateproof_kubernetes::{
    Cluster, Ledger, Provider, ProviderError, Remains, StackRequest, Surroundings, Witness,
};

use crate::cause::with_causes;
use crate::interrupt::Interrupt;
use crate::life::files_below;
use crate::process;

/// What to bring up, and with what.
pub struct Raising<'a> {
    /// Its name and nodes.
    pub plan: &'a ClusterPlan,
    /// What to install on it.
    pub stack: &'a StackRequest,
    /// Who brings it up.
    pub provider: Arc<dyn Provider>,
    /// The identity of this process's work.
    pub run: String,
    /// Hears what is done.
    pub witness: Arc<dyn Witness>,
    /// Where what is created is written down.
    pub ledger: Arc<dyn Ledger>,
    /// The folder for evidence.
    pub evidence: PathBuf,
}

/// It did not come up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotRaised {
    /// Why, for a human.
    pub reason: String,
    /// The files of evidence.
    pub evidence: Vec<PathBuf>,
    /// What could not be removed of it, if anything.
    pub left: Option<String>,
}

/// Brings the cluster up and hands it over to the user.
///
/// # Errors
///
/// When it does not come up, or the interrupt comes first; then it is gone, and evidence is there.
pub async fn raise(
    raising: &Raising<'_>,
    interrupt: &Interrupt,
) -> Result<Arc<dyn Cluster>, NotRaised> {
    let surroundings = Surroundings {
        run: raising.run.clone(),
        owner: process::owner(),
        witness: Arc::clone(&raising.witness),
        ledger: Arc::clone(&raising.ledger),
        evidence: raising.evidence.clone(),
    };
    let provisioned = tokio::select! {
        provisioned = raising.provider.provision(raising.plan, &surroundings) => {
            provisioned.map_err(|error| with_causes(&error))
        }
        () = interrupt.triggered() => Err(interrupted(interrupt)),
    };
    let limits = raising.provider.limits();
    let cluster = match provisioned {
        Ok(cluster) => cluster,
        Err(reason) => {
            let abandoned = raising.provider.abandon(raising.plan, &surroundings, Remains::Remove);
            let (evidence, left) = match bounded(limits.evidence + limits.removal, abandoned).await
            {
                Ok(files) => (files, None),
                Err(problem) => (files_below(&raising.evidence), Some(problem)),
            };
            return Err(NotRaised { reason, evidence, left });
        }
    };
    let settled = tokio::select! {
        settled = install_and_keep(cluster.as_ref(), raising.stack) => settled,
        () = interrupt.triggered() => Err(interrupted(interrupt)),
    };
    let folder = raising.evidence.join(raising.plan.name.as_str());
    let Err(reason) = settled else {
        // What was put away in advance is of no use now.
        if raising.evidence.is_dir()
            && let Err(error) = std::fs::remove_dir_all(&raising.evidence)
        {
            tracing::warn!(%error, "evidence of a cluster that is up stays");
        }
        return Ok(cluster);
    };
    let evidence = bounded(limits.evidence, cluster.collect_evidence(&folder)).await;
    let left = bounded(limits.removal, cluster.teardown()).await.err();
    Err(NotRaised { reason, evidence: evidence.unwrap_or_default(), left })
}

async fn install_and_keep(cluster: &dyn Cluster, stack: &StackRequest) -> Result<(), String> {
    let done = async {
        cluster.install(stack).await?;
        cluster.keep().await
    };
    done.await.map_err(|error| with_causes(&error))
}

fn interrupted(interrupt: &Interrupt) -> String {
    format!("{} while the cluster was coming up", interrupt.cause().unwrap_or("interrupted"))
}

async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|error| with_causes(&error)),
        Err(_) => Err(format!("not done after {} s", limit.as_secs())),
    }
}
