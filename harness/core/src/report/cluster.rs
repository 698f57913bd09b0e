//! What became of a cluster: how it came up, what was done for it, what was put away, how it went.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cluster::Node;
use crate::name::{ClusterName, TrialName};

/// What became of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterReport {
    /// Its name.
    pub name: ClusterName,
    /// Its nodes, once it is ready.
    pub nodes: Vec<Node>,
    /// How bringing it up went.
    pub bring_up: BringUp,
    /// What its provider did for it, in the order in which that began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionReport>,
    /// What was put away to understand failures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceReport>,
    /// How it went; `None` while it stands.
    pub removal: Option<Removal>,
}

/// How bringing up a cluster went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "state")]
pub enum BringUp {
    /// Not done yet.
    Running,
    /// Nodes and API were there.
    Ready {
        /// Since it was started.
        #[serde(with = "crate::observation::micros", rename = "tookMicros")]
        took: Duration,
    },
    /// It could not be brought up.
    Failed {
        /// Why, for a human.
        reason: String,
    },
}

/// A small piece of a provider's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionReport {
    /// What was done, such as `kubeadm init`.
    pub action: String,
    /// The node it was done on; `None` for the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What it waited for last, while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaiting: Option<String>,
    /// How long it took, once it is done.
    #[serde(
        with = "crate::observation::optional_micros",
        rename = "tookMicros",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub took: Option<Duration>,
    /// What a user should know of it, though it changes no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What went wrong, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What was put away to understand a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceReport {
    /// The trial it is about; `None` when the cluster did not come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialName>,
    /// The folder.
    pub folder: String,
    /// How many files were written.
    pub files: usize,
    /// What could not be had, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How a cluster went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "state")]
pub enum Removal {
    /// It was taken away.
    Removed {
        /// What went wrong meanwhile, if anything.
        problem: Option<String>,
    },
    /// It was handed over to the user and still stands.
    Kept,
}

impl ClusterReport {
    /// A cluster of which nothing is known yet.
    pub(super) fn named(name: &ClusterName) -> Self {
        Self {
            name: name.clone(),
            nodes: Vec::new(),
            bring_up: BringUp::Running,
            actions: Vec::new(),
            evidence: Vec::new(),
            removal: None,
        }
    }

    /// The actions that failed, in the order in which they began.
    pub fn failed_actions(&self) -> impl Iterator<Item = &ActionReport> {
        self.actions.iter().filter(|action| action.problem.is_some())
    }

    /// What a user should know of what was done, each once, in the order in which it was said.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let all = || self.actions.iter().flat_map(|action| &action.warnings);
        all().enumerate().filter_map(move |(index, warning)| {
            let said = all().take(index).any(|earlier| earlier == warning);
            (!said).then_some(warning.as_str())
        })
    }

    /// The evidence about a trial, or about a cluster that did not come up.
    pub fn evidence_about<'a>(
        &'a self,
        trial: &'a TrialName,
    ) -> impl Iterator<Item = &'a EvidenceReport> {
        let about = move |of: &Option<TrialName>| of.as_ref().is_none_or(|of| of == trial);
        self.evidence.iter().filter(move |evidence| about(&evidence.trial))
    }

    /// The action of this name that goes on; one that was never said to start begins here.
    pub(super) fn action(&mut self, action: &str, node: Option<&str>) -> &mut ActionReport {
        let open = |known: &ActionReport| {
            known.took.is_none() && known.action == action && known.node.as_deref() == node
        };
        let index = self.actions.iter().position(open).unwrap_or_else(|| {
            self.start_action(action, node);
            self.actions.len() - 1
        });
        &mut self.actions[index]
    }

    pub(super) fn start_action(&mut self, action: &str, node: Option<&str>) {
        let (action, node) = (action.to_owned(), node.map(str::to_owned));
        self.actions.push(ActionReport {
            action,
            node,
            awaiting: None,
            took: None,
            warnings: Vec::new(),
            problem: None,
        });
    }
}
