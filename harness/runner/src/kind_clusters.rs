//! The kind clusters of the usual engine, as a user manages them: whose they are, how to reach
//! them, their logs, and taking them away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateproof_kind::container::Phase;
use gateproof_kind::discovery::{self, Claim, Found, Maker, Vantage};
use gateproof_kind::engine::Engine;
use gateproof_kubernetes::Standing;

use crate::engines::Engines;
use crate::journal::dead;
use crate::process;

pub use gateproof_kind::kubeconfig::context_name;

/// How long collecting logs may take.
const LOGS_WITHIN: Duration = Duration::from_mins(2);

/// How long taking a cluster away may take.
const REMOVAL_WITHIN: Duration = Duration::from_mins(2);

/// A kind cluster, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCluster {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub ownership: Ownership,
    /// What its containers do, such as `running` or `2 of 3 running`.
    pub state: String,
    /// Its Kubernetes version, as far as its image tells.
    pub kubernetes: Option<String>,
    /// How many nodes it has.
    pub nodes: usize,
    /// The address of its API from here, when it runs.
    pub api: Option<String>,
}

/// Whose a kind cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// The user's: it was brought up for them, or a run handed it over.
    User,
    /// The `kind` program's, or somebody's who labels as it does.
    OtherProgram,
    /// A run's that goes on.
    LivingRun {
        /// The run.
        run: String,
    },
    /// A run's that was killed; `gateproof clean` removes it.
    DeadRun {
        /// The run.
        run: String,
    },
    /// A run's of which nobody here knows whether it goes on.
    Unclear {
        /// The run.
        run: String,
    },
}

/// How a cluster that was just brought up is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The address of its API.
    pub api: String,
    /// What carries its traffic, in words.
    pub subject: String,
}

/// The kind clusters of the usual engine, sorted by name.
///
/// # Errors
///
/// When the engine does not answer, in words.
pub async fn list(engines: &Engines, state: &Path) -> Result<Vec<KindCluster>, String> {
    let engine = engines.usual().await?;
    let runs = dead::runs(state).map_err(|error| crate::cause::with_causes(&error))?;
    let found = discovery::clusters(&engine).await.map_err(|error| error.to_string())?;
    Ok(found.iter().map(|found| described(found, &engine, &runs)).collect())
}

/// The kubeconfig of a cluster, with kind's names in it. It is a secret.
///
/// # Errors
///
/// When there is no such cluster or it does not run, in words.
pub async fn kubeconfig(engines: &Engines, name: &str) -> Result<String, String> {
    let engine = engines.usual().await?;
    let found = discovery::find(&engine, name).await.map_err(|error| error.to_string())?;
    found.kubeconfig(&engine, Vantage::Here).await.map_err(|error| error.to_string())
}

/// Writes logs of a cluster below a folder and says which files.
///
/// # Errors
///
/// When there is no such cluster or the folder cannot be made, in words.
pub async fn logs(engines: &Engines, name: &str, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let engine = engines.usual().await?;
    let found = discovery::find(&engine, name).await.map_err(|error| error.to_string())?;
    found.logs(&engine, folder, LOGS_WITHIN).await.map_err(|error| error.to_string())
}

/// Takes a cluster away, whoever made it.
///
/// # Errors
///
/// When something of it is left, in words.
pub async fn remove(engines: &Engines, name: &str) -> Result<(), String> {
    let engine = engines.usual().await?;
    let found = discovery::find(&engine, name).await.map_err(|error| error.to_string())?;
    found.delete(&engine, REMOVAL_WITHIN).await.map(|_| ()).map_err(|error| error.to_string())
}

fn described(found: &Found, engine: &Engine, runs: &dead::Runs) -> KindCluster {
    let all = found.containers.len();
    let running =
        found.containers.iter().filter(|container| container.phase == Phase::Running).count();
    KindCluster {
        name: found.name.clone(),
        ownership: ownership(&found.maker, runs),
        state: match running {
            _ if running == all => "running".to_owned(),
            0 => "stopped".to_owned(),
            running => format!("{running} of {all} running"),
        },
        kubernetes: found.image().and_then(version_of).map(str::to_owned),
        nodes: found.nodes().count(),
        api: gateproof_kind::api_endpoint::find(&found.name, &found.containers, engine.endpoint())
            .ok()
            .map(|endpoint| endpoint.server),
    }
}

/// Whose a cluster is. The lock of a run's folder outranks the owner on the label.
pub(crate) fn ownership(maker: &Maker, runs: &dead::Runs) -> Ownership {
    let Maker::Run { run, owner, claim, .. } = maker else { return Ownership::OtherProgram };
    let run = run.clone();
    if *claim == Claim::User {
        return Ownership::User;
    }
    if runs.living.contains(&run) {
        return Ownership::LivingRun { run };
    }
    if runs.dead.iter().any(|dead| dead.run == run) {
        return Ownership::DeadRun { run };
    }
    match owner.parse().map(|owner| process::standing(&owner)) {
        Ok(Standing::Alive) => Ownership::LivingRun { run },
        Ok(Standing::Dead) => Ownership::DeadRun { run },
        Ok(Standing::AnotherUser | Standing::OutOfSight) | Err(_) => Ownership::Unclear { run },
    }
}

/// The Kubernetes version in the tag of a node image, as kind tags them: `kindest/node:v1.36.4`.
fn version_of(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    let tag = name.rsplit('/').next()?.split_once(':')?.1;
    let version = tag.strip_prefix('v')?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gateproof_kind::discovery::{Claim, Maker};
    use gateproof_kubernetes::Owner;

    use super::{Ownership, ownership, version_of};
    use crate::journal::dead::Runs;
    use crate::process;

    #[test]
    fn cluster_is_whose_its_labels_and_the_journals_say() {
        let run = || "r1".to_owned();
        let made = |owner: String, claim| {
            let created = String::new();
            Maker::Run { run: run(), owner, created, claim }
        };
        let alive = process::owner();
        let dead = Owner { start: 0, ..alive.clone() };
        let elsewhere = Owner { namespace: 1, ..alive.clone() };
        let nobody_runs = Runs { living: BTreeSet::new(), dead: Vec::new() };
        let locked = Runs { living: BTreeSet::from([run()]), dead: Vec::new() };
        for (maker, runs, expected) in [
            (Maker::SomebodyElse, &locked, Ownership::OtherProgram),
            (made(dead.to_string(), Claim::User), &locked, Ownership::User),
            (made(dead.to_string(), Claim::Run), &locked, Ownership::LivingRun { run: run() }),
            (made(dead.to_string(), Claim::Run), &nobody_runs, Ownership::DeadRun { run: run() }),
            (
                made(alive.to_string(), Claim::Run),
                &nobody_runs,
                Ownership::LivingRun { run: run() },
            ),
            (
                made(elsewhere.to_string(), Claim::Run),
                &nobody_runs,
                Ownership::Unclear { run: run() },
            ),
            (made("?".to_owned(), Claim::Run), &nobody_runs, Ownership::Unclear { run: run() }),
        ] {
            assert_eq!(ownership(&maker, runs), expected, "{maker:?}");
        }
    }

    #[test]
    fn version_is_in_the_tag_of_node_images() {
        for (image, version) in [
            ("kindest/node:v1.36.4", Some("1.36.4")),
            ("mirror.test:5000/kindest/node:v1.35.8@sha256:00", Some("1.35.8")),
            ("mirror.test:5000/kindest/node@sha256:00", None),
            ("node:latest", None),
            ("node", None),
        ] {
            assert_eq!(version_of(image), version, "{image}");
        }
    }
}
