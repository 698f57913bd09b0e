//! The closed set of events of a run. The runner only emits them; every report, the console and
//! the exit code are folds of them, so they cannot disagree.
//!
//! Serialised as JSON lines, one [`Record`] a line; the format's version is [`FORMAT`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cilium::CiliumVersion;
use crate::cluster::{Node, ProviderKind, Subject};
use crate::dossier::Unread;
use crate::expectation::Expected;
use crate::exposure::Grid;
use crate::finding::Finding;
use crate::name::{ClusterName, ScenarioName, TrialName, VariantName};
use crate::observation::{HandshakeObservation, HttpObservation, TcpObservation};
use crate::verdict::{Failure, Verdict};

/// Version of the event log's format; raised when a reader of the old one would be misled.
pub const FORMAT: u32 = 1;

/// One line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Position in the log, from 0, without gaps.
    pub sequence: u64,
    /// Since the run started.
    #[serde(with = "crate::observation::micros", rename = "atMicros")]
    pub at: Duration,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum Event {
    /// The run started. Always first.
    RunStarted {
        /// [`FORMAT`].
        format: u32,
        /// Identity of the run, unique on this machine.
        run: String,
        /// Gateproof's version.
        gateproof: String,
        /// Start of the run, RFC 3339, UTC.
        started: String,
        /// Who runs the clusters.
        provider: ProviderKind,
        /// Which part of a plan that was split this run is; `None` when it is the whole plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shard: Option<Shard>,
        /// The trials that will run, in plan order.
        trials: Vec<TrialSummary>,
    },
    /// A cluster is being brought up.
    ClusterStarted {
        /// The cluster.
        cluster: ClusterName,
        /// How many nodes it will have.
        nodes: usize,
    },
    /// A provider began a small piece of its work on a cluster.
    ActionStarted {
        /// The cluster.
        cluster: ClusterName,
        /// What is being done, such as `kubeadm init`.
        action: String,
        /// The node it is done on; `None` for the whole cluster.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// What such an action waits for; sent when it changes.
    ActionAwaiting {
        /// The cluster.
        cluster: ClusterName,
        /// The action.
        action: String,
        /// Its node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// What is still missing, in words.
        missing: String,
    },
    /// Such an action goes on, with something that a user should know: no verdict changes by it.
    ActionWarned {
        /// The cluster.
        cluster: ClusterName,
        /// The action.
        action: String,
        /// Its node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// What to know, in words.
        warning: String,
    },
    /// Such an action is done.
    ActionFinished {
        /// The cluster.
        cluster: ClusterName,
        /// The action.
        action: String,
        /// Its node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// What went wrong; `None` when it succeeded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
        /// Since `ActionStarted`.
        #[serde(with = "crate::observation::micros", rename = "tookMicros")]
        took: Duration,
    },
    /// The cluster's nodes and API are there.
    ClusterReady {
        /// The cluster.
        cluster: ClusterName,
        /// Its nodes.
        nodes: Vec<Node>,
        /// Since `ClusterStarted`.
        #[serde(with = "crate::observation::micros", rename = "tookMicros")]
        took: Duration,
    },
    /// The cluster could not be brought up; its trials are inconclusive.
    ClusterFailed {
        /// The cluster.
        cluster: ClusterName,
        /// Why, for a human.
        reason: String,
    },
    /// A trial started.
    TrialStarted {
        /// The trial.
        trial: TrialName,
        /// Where it runs.
        cluster: ClusterName,
        /// What carries traffic there.
        subject: Subject,
    },
    /// A phase or step of a trial began: `install`, `certificates`, `backends`, or a step's name.
    ///
    /// A `StepFinished` of the same name ends it, or a `CheckFinished` whose check has that name.
    /// A trial that is called passed while a step is still open is not believed.
    StepStarted {
        /// The trial.
        trial: TrialName,
        /// The step.
        step: String,
    },
    /// What a step or check waits for; sent when it changes.
    Awaiting {
        /// The trial.
        trial: TrialName,
        /// The step or check.
        step: String,
        /// What is still missing, in words.
        missing: String,
    },
    /// A step that is no check is done.
    StepFinished {
        /// The trial.
        trial: TrialName,
        /// The step.
        step: String,
        /// Empty when it succeeded.
        failures: Vec<Failure>,
        /// Since `StepStarted`.
        #[serde(with = "crate::observation::micros", rename = "tookMicros")]
        took: Duration,
    },
    /// A check is decided.
    CheckFinished {
        /// The trial.
        trial: TrialName,
        /// The check.
        result: Box<CheckResult>,
    },
    /// Why a trial did not pass, or what was found about it in any case: what the rules make of its
    /// cluster. Comes before the trial is decided.
    Diagnosed {
        /// The trial.
        trial: TrialName,
        /// Findings, ranked; empty when no rule explains it.
        findings: Vec<Finding>,
        /// What could not be read, so that rules may have missed something.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unread: Vec<Unread>,
    },
    /// A trial is decided.
    TrialFinished {
        /// The trial.
        trial: TrialName,
        /// Its verdict: the gravest of its steps and checks.
        verdict: Verdict,
        /// Why it was skipped or is inconclusive, when no step or check says so.
        reason: Option<String>,
        /// Since `TrialStarted`.
        #[serde(with = "crate::observation::micros", rename = "tookMicros")]
        took: Duration,
    },
    /// Something was put away that helps to understand a failure.
    EvidenceCollected {
        /// The cluster.
        cluster: ClusterName,
        /// The trial it is about; `None` when the cluster did not come up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trial: Option<TrialName>,
        /// The folder.
        folder: String,
        /// How many files were written.
        files: usize,
        /// What could not be had, if anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// A cluster was handed over to the user and is not taken away.
    ClusterKept {
        /// The cluster.
        cluster: ClusterName,
    },
    /// A cluster was taken away.
    ClusterRemoved {
        /// The cluster.
        cluster: ClusterName,
        /// What went wrong meanwhile, if anything.
        problem: Option<String>,
    },
    /// Somebody asked the run to stop.
    Interrupted {
        /// The signal or cause, such as `SIGINT`.
        cause: String,
    },
    /// The run is over. Always last.
    RunFinished {
        /// Since `RunStarted`.
        #[serde(with = "crate::observation::micros", rename = "tookMicros")]
        took: Duration,
    },
}

/// One part of a plan that was split, written `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// Which part, from 1.
    pub index: u32,
    /// Into how many parts the plan was split.
    pub count: u32,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A trial as the plan has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialSummary {
    /// The stable name.
    pub trial: TrialName,
    /// The scenario.
    pub scenario: ScenarioName,
    /// The scenario's description.
    pub description: String,
    /// The variant.
    pub variant: VariantName,
    /// The Cilium version.
    pub cilium: CiliumVersion,
    /// The cluster it will run on.
    pub cluster: ClusterName,
    /// What must become of it when it is not to pass; `None` when everything has to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expected>,
}

/// A decided check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// The check's name.
    pub check: String,
    /// `gateway`, `route`, `service`, `certificate`, `http`, `https`, `tls`, `tcp`, `addresses`,
    /// `exposure` or `targetHealth`.
    pub kind: String,
    /// The claim in words.
    pub claim: String,
    /// Where it was written: `file:line:column`.
    pub origin: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What does not hold; empty on a pass.
    pub failures: Vec<Failure>,
    /// From the check's start to its verdict.
    #[serde(with = "crate::observation::micros", rename = "tookMicros")]
    pub took: Duration,
    /// What the verdict rests on.
    pub evidence: Evidence,
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// HTTP probes, the last of each entry point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<PlacedHttp>,
    /// What comes and goes although nothing is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comes_and_goes: Option<ComesAndGoes>,
    /// TCP probes, the last of each socket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<PlacedTcp>,
    /// TLS handshakes on their own, the last of each entry point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handshakes: Vec<PlacedHandshake>,
    /// The exposure grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    /// The targets of a load balancer over time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<TargetReport>,
    /// Requests per backend, for distributions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, u64>,
    /// How many probes were sent in all.
    pub probes: u64,
}

/// An HTTP observation and where it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedHttp {
    /// The entry point in the cluster's terms, such as `worker2 127.9.0.4:31080 (node port of 80)`.
    pub place: String,
    /// What was seen.
    pub observation: HttpObservation,
}

/// A claim that held in some looks and in others did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComesAndGoes {
    /// Looks in which it did not hold.
    pub misfits: u32,
    /// All looks.
    pub looks: u32,
}

/// A TCP observation and where it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedTcp {
    /// The socket in the cluster's terms.
    pub place: String,
    /// What was seen.
    pub observation: TcpObservation,
}

/// A TLS handshake and where it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedHandshake {
    /// The entry point in the cluster's terms.
    pub place: String,
    /// What was seen.
    pub observation: HandshakeObservation,
}

/// What a load balancer concluded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// The profile, such as `aws-lbc-cluster`.
    pub profile: String,
    /// The settings in words, such as `TCP every 10 s, timeout 10 s, 3 up, 3 down`.
    pub settings: String,
    /// All durations were divided by this; 1 is real time.
    pub compression: f64,
    /// The targets, sorted.
    pub targets: Vec<Target>,
}

/// One target: a node and port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The socket in the cluster's terms.
    pub place: String,
    /// The zone of its node, if labelled.
    pub zone: Option<String>,
    /// The final state in AWS's words: `initial`, `healthy`, `unhealthy`, …
    pub state: String,
    /// AWS's reason, such as `Target.FailedHealthChecks`.
    pub reason: Option<String>,
    /// Our finer cause, such as `refused`.
    pub cause: Option<String>,
    /// Every change of state, and when, on the load balancer's clock.
    pub timeline: Vec<Transition>,
}

/// A change of state of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// On the load balancer's clock, since registration.
    #[serde(with = "crate::observation::micros", rename = "atMicros")]
    pub at: Duration,
    /// The new state in AWS's words.
    pub state: String,
    /// AWS's reason.
    pub reason: Option<String>,
    /// Our finer cause.
    pub cause: Option<String>,
}
