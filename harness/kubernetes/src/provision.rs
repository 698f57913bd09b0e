//! What a provider works with while it brings up clusters: whom it tells, and where it writes down
//! what it is about to create.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::owner::Owner;

/// What surrounds a provider's work.
#[derive(Clone)]
pub struct Surroundings {
    /// The run's identity, unique on this machine.
    pub run: String,
    /// The process that runs it; on the label of everything that is created.
    pub owner: Owner,
    /// Whom to tell of actions.
    pub witness: Arc<dyn Witness>,
    /// Where to write down what is about to be created.
    pub ledger: Arc<dyn Ledger>,
    /// The folder for evidence; made by whoever writes there first.
    pub evidence: PathBuf,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("run", &self.run)
            .field("evidence", &self.evidence)
            .finish_non_exhaustive()
    }
}

impl Surroundings {
    /// Surroundings in which nobody listens and nothing is written down: for providers that
    /// create nothing outside of this process, and for tests.
    pub fn none(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            owner: Owner::nobody(),
            witness: Arc::new(Nobody),
            ledger: Arc::new(Nobody),
            evidence: PathBuf::new(),
        }
    }
}

/// How long the ends of a cluster may take; what takes longer is left to the next start, and said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Collecting evidence.
    pub evidence: Duration,
    /// Taking away a cluster, or what there is of one.
    pub removal: Duration,
}

/// What is to become of a cluster that did not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remains {
    /// Whatever there is of it goes.
    Remove,
    /// It becomes the user's, who wants to look at it.
    Keep,
}

/// A small piece of a provider's work: it has a name, perhaps a node, and takes time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Action {
    /// What is being done, such as `kubeadm init`.
    pub name: String,
    /// The node it is done on; `None` for the whole cluster.
    pub node: Option<String>,
}

/// News of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It began.
    Started,
    /// It waits; what is still missing, in words. Told when it changes.
    Awaiting(String),
    /// It goes on, with something that a user should know.
    Warned(String),
    /// It is done.
    Finished {
        /// How long it took.
        took: Duration,
        /// What went wrong, for a human; `None` when it succeeded.
        problem: Option<String>,
    },
}

/// Hears of actions. Never blocks.
pub trait Witness: Send + Sync {
    /// Tells of an action.
    fn tell(&self, action: &Action, news: News);
}

/// Something outside the process that must not be left behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Thing {
    /// A container with its anonymous volumes.
    Container {
        /// The engine's endpoint, such as `unix:///var/run/docker.sock`.
        engine: String,
        /// Its name.
        name: String,
    },
    /// A named volume.
    Volume {
        /// The engine's endpoint.
        engine: String,
        /// Its name.
        name: String,
    },
    /// A network that only we use.
    Network {
        /// The engine's endpoint.
        engine: String,
        /// Its name.
        name: String,
    },
    /// An image that only we use.
    Image {
        /// The engine's endpoint.
        engine: String,
        /// Its reference.
        reference: String,
    },
    /// Everything that carries a run's label on a cluster that somebody else runs.
    Objects {
        /// The kubeconfig that leads there; `None` is the user's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kubeconfig: Option<PathBuf>,
        /// The context in it; `None` is the cluster around a pod.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        /// The run.
        run: String,
    },
    /// A file.
    File {
        /// Where.
        path: PathBuf,
    },
}

/// Keeps track of things outside the process, so that whatever a killed run left can be removed.
pub trait Ledger: Send + Sync {
    /// Writes down a thing. Called *before* it is created; when this fails it must not be.
    ///
    /// # Errors
    ///
    /// When it cannot be written down.
    fn note(&self, thing: &Thing) -> Result<(), LedgerError>;

    /// Strikes a thing out, once it is gone.
    ///
    /// # Errors
    ///
    /// When it cannot be written down.
    fn strike(&self, thing: &Thing) -> Result<(), LedgerError>;
}

/// Nothing could be written down.
#[derive(Debug, thiserror::Error)]
#[error("failed to write down what is about to be created")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Hears nothing and keeps nothing.
struct Nobody;

impl Witness for Nobody {
    fn tell(&self, _action: &Action, _news: News) {}
}

impl Ledger for Nobody {
    fn note(&self, _thing: &Thing) -> Result<(), LedgerError> {
        Ok(())
    }

    fn strike(&self, _thing: &Thing) -> Result<(), LedgerError> {
        Ok(())
    }
}
