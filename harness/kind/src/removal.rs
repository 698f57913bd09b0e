//! Taking containers away, by label: again and again until a listing shows none, because somebody
//! may have created one between two looks.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use gateproof_kubernetes::wait::{self, Poll};

use crate::container::ContainerState;
use crate::engine::{Engine, EngineError};
use crate::label;

/// Between two looks at what is left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Which containers of a cluster are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Those that a run created, and no others: somebody else's cluster of the same name stays.
    Run(&'a str),
    /// All of them, whoever created them: the user asked for that by name.
    Anybody,
}

/// Containers that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// The cluster.
    pub cluster: String,
    /// The containers that are left, by name; empty when they could not be listed.
    pub containers: Vec<String>,
    /// Why.
    pub why: String,
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, containers, why } = self;
        if containers.is_empty() {
            write!(f, "it is not known what is left of cluster {cluster}: {why}")
        } else {
            write!(f, "{} of cluster {cluster} could not be removed: {why}", containers.join(", "))
        }
    }
}

impl std::error::Error for Remaining {}

/// Lists the containers of a cluster, the load balancer included, sorted by name.
///
/// # Errors
///
/// When the engine does not answer.
pub async fn containers(
    engine: &Engine,
    cluster: &str,
    whose: Whose<'_>,
) -> Result<Vec<ContainerState>, EngineError> {
    let mut labels = vec![(label::CLUSTER, Some(cluster))];
    if let Whose::Run(run) = whose {
        labels.push((label::RUN, Some(run)));
    }
    engine.list_containers(&labels).await
}

/// Removes the containers of a cluster with their anonymous volumes, all at once, and returns the
/// names of those that were there.
///
/// # Errors
///
/// When some are still there at the deadline.
pub async fn remove(
    engine: &Engine,
    cluster: &str,
    whose: Whose<'_>,
    deadline: Duration,
) -> Result<Vec<String>, Remaining> {
    let seen = Seen::default();
    let removed = wait::until(
        deadline,
        LOOK_EVERY,
        |_| (),
        || async {
            let found = match containers(engine, cluster, whose).await {
                Ok(found) => found,
                Err(error) => return Poll::NotYet { missing: error.to_string() },
            };
            let names: Vec<String> = found.into_iter().map(|container| container.name).collect();
            seen.note(&names);
            if names.is_empty() {
                return Poll::Ready(());
            }
            let removals = names.iter().map(|name| engine.remove_container(name));
            let failures: Vec<String> = join_all(removals)
                .await
                .into_iter()
                .filter_map(Result::err)
                .map(|error| error.to_string())
                .collect();
            let missing = if failures.is_empty() {
                "removed, and not looked at again".to_owned()
            } else {
                failures.join("; ")
            };
            Poll::NotYet { missing }
        },
    )
    .await;
    let Seen { ever, last } = seen;
    match removed {
        Ok(()) => Ok(into_inner(ever).into_iter().collect()),
        Err(error) => Err(Remaining {
            cluster: cluster.to_owned(),
            containers: into_inner(last),
            why: error.to_string(),
        }),
    }
}

/// The names that listings showed: all of them together, and the last one.
#[derive(Default)]
struct Seen {
    ever: Mutex<BTreeSet<String>>,
    last: Mutex<Vec<String>>,
}

impl Seen {
    fn note(&self, names: &[String]) {
        let mut ever = self.ever.lock().unwrap_or_else(PoisonError::into_inner);
        ever.extend(names.iter().cloned());
        names.clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
