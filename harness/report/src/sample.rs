//! Event logs for tests: a builder, and the runs that the snapshots show.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use gateproof_core::cluster::{Node, NodeRole, ProviderKind, Subject};
use gateproof_core::dossier::{Unread, Why};
use gateproof_core::event::{
    CheckResult, Event, Evidence, FORMAT, PlacedTcp, Record, Target, TargetReport, Transition,
    TrialSummary,
};
use gateproof_core::exposure::{Cell, CellState, Endpoint, Expectation, Grid, PortRole};
use gateproof_core::finding::{Confidence, Finding, Role, Seen, UpstreamIssue};
use gateproof_core::name::{ClusterName, NodeName, ScenarioName, TrialName, VariantName};
use gateproof_core::observation::{TcpObservation, TcpOutcome};
use gateproof_core::verdict::{Failure, FailureKind, Verdict};

pub(crate) const DEDICATED: &str = "dedicated";
pub(crate) const HOST_NETWORK: &str = "host-network";
pub(crate) const NODE_SELECTOR: &str = "host-network-node-selector";
pub(crate) const NODES: [&str; 5] = ["worker", "worker2", "worker3", "worker4", "worker5"];

/// A log under construction.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) records: Vec<Record>,
    provider: ProviderKind,
    now: Duration,
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn trial_name(variant: &str) -> TrialName {
    TrialName::new(format!("shared-gateway::{variant}/cilium-1.20.2"))
}

fn cluster() -> ClusterName {
    ClusterName::new("gateproof-five-workers")
}

fn address(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 9, 0, u8::try_from(node + 3).expect("few nodes")))
}

/// A place as the harness writes it.
pub(crate) fn place(node: usize, port: u16, role: &str) -> String {
    format!("{} {}:{port} ({role})", NODES[node], address(node))
}

impl Log {
    pub(crate) fn of(provider: ProviderKind, variants: &[&str]) -> Self {
        let trials = variants.iter().map(|variant| TrialSummary {
            expect: None,
            trial: trial_name(variant),
            scenario: ScenarioName::new("shared-gateway"),
            description: "One Gateway shared by every team, seen by an AWS NLB.".to_owned(),
            variant: VariantName::new(*variant),
            cilium: "1.20.2".parse().expect("a version"),
            cluster: cluster(),
        });
        let start = Event::RunStarted {
            format: FORMAT,
            run: "20261121-030000-7f3a".to_owned(),
            gateproof: "0.1.0".to_owned(),
            started: "2026-11-21T03:00:00Z".to_owned(),
            provider,
            shard: None,
            trials: trials.collect(),
        };
        Self { records: Vec::new(), provider, now: Duration::ZERO }.then(0, start)
    }

    /// The next event, some milliseconds later.
    pub(crate) fn then(mut self, later: u64, event: Event) -> Self {
        self.now += ms(later);
        let sequence = self.records.len() as u64;
        self.records.push(Record { sequence, at: self.now, event });
        self
    }

    pub(crate) fn cluster_up(self) -> Self {
        let nodes = (0..NODES.len()).map(|index| Node {
            name: NodeName::new(NODES[index]),
            role: NodeRole::Worker,
            labels: BTreeMap::from([(
                "topology.kubernetes.io/zone".to_owned(),
                format!("zone-{}", ["a", "b", "c"][index % 3]),
            )]),
            addresses: vec![address(index)],
        });
        let ready =
            Event::ClusterReady { cluster: cluster(), nodes: nodes.collect(), took: ms(420) };
        self.then(5, Event::ClusterStarted { cluster: cluster(), nodes: 5 }).then(420, ready)
    }

    pub(crate) fn cluster_failed(self, reason: &str) -> Self {
        self.then(5, Event::ClusterStarted { cluster: cluster(), nodes: 5 })
            .then(60_000, Event::ClusterFailed { cluster: cluster(), reason: reason.to_owned() })
    }

    pub(crate) fn start(self, variant: &str) -> Self {
        let subject = match self.provider {
            ProviderKind::Embedded => Subject::ReferenceModel { cilium: "1.20".to_owned() },
            _ => Subject::Cilium { version: "1.20.2".to_owned() },
        };
        let trial = trial_name(variant);
        self.then(10, Event::TrialStarted { trial, cluster: cluster(), subject })
    }

    pub(crate) fn awaiting(self, variant: &str, step: &str, missing: &str) -> Self {
        let (trial, step) = (trial_name(variant), step.to_owned());
        let missing = missing.to_owned();
        self.then(100, Event::StepStarted { trial: trial.clone(), step: step.clone() })
            .then(50, Event::Awaiting { trial, step, missing })
    }

    pub(crate) fn installed(self, variant: &str) -> Self {
        let (trial, step) = (trial_name(variant), "install".to_owned());
        self.awaiting(variant, "install", "3 of 5 cilium-agent pods are ready")
            .then(1_100, Event::StepFinished { trial, step, failures: vec![], took: ms(1_150) })
    }

    pub(crate) fn step_failed(self, variant: &str, step: &str, failures: Vec<Failure>) -> Self {
        let event = Event::StepFinished {
            trial: trial_name(variant),
            step: step.to_owned(),
            failures,
            took: ms(2_000),
        };
        self.then(2_000, event)
    }

    pub(crate) fn check(self, variant: &str, result: CheckResult) -> Self {
        let trial = trial_name(variant);
        self.then(300, Event::CheckFinished { trial, result: Box::new(result) })
    }

    pub(crate) fn diagnosed(
        self,
        variant: &str,
        findings: Vec<Finding>,
        unread: Vec<Unread>,
    ) -> Self {
        let trial = trial_name(variant);
        self.then(40, Event::Diagnosed { trial, findings, unread })
    }

    pub(crate) fn verdict(self, variant: &str, verdict: Verdict, reason: Option<&str>) -> Self {
        let trial = trial_name(variant);
        let reason = reason.map(ToOwned::to_owned);
        self.then(10, Event::TrialFinished { trial, verdict, reason, took: ms(2_650) })
    }

    pub(crate) fn end(self) -> Self {
        let removed = Event::ClusterRemoved { cluster: cluster(), problem: None };
        let log = self.then(200, removed);
        let took = log.now + ms(1);
        log.then(1, Event::RunFinished { took })
    }

    /// A trial in which everything holds.
    pub(crate) fn good_trial(self, variant: &str) -> Self {
        self.start(variant)
            .installed(variant)
            .check(variant, check("http", "http on each node", Verdict::Passed))
            .check(
                variant,
                exposure(Verdict::Passed, |_, port| match port {
                    80 | 443 => (Some(TcpOutcome::Refused), false),
                    _ => (Some(TcpOutcome::Accepted), true),
                }),
            )
            .check(variant, target_health(Verdict::Passed, None))
            .verdict(variant, Verdict::Passed, None)
    }

    pub(crate) fn jsonl(&self) -> String {
        let line = |record: &Record| serde_json::to_string(record).expect("serialisable");
        self.records.iter().map(|record| line(record) + "\n").collect()
    }
}

pub(crate) fn failure(kind: FailureKind, place: String) -> Failure {
    Failure {
        kind,
        expected: "status 200 from starlift-observability/go-hello-world".to_owned(),
        seen: "connection refused".to_owned(),
        place,
        hints: vec![
            "whether the cilium-agent pods restarted after `gateway-api` was enabled: \
             kubectl -n kube-system rollout restart daemonset/cilium"
                .to_owned(),
            "the log of cilium-envoy on that node for `listener` errors".to_owned(),
        ],
    }
}

/// A check without evidence but for its probes.
pub(crate) fn check(kind: &str, name: &str, verdict: Verdict) -> CheckResult {
    CheckResult {
        check: name.to_owned(),
        kind: kind.to_owned(),
        claim: "GET http://hello.obs.example.test/ answers 200 from \
                starlift-observability/go-hello-world"
            .to_owned(),
        origin: "scenarios/shared-gateway.yaml:31:5".to_owned(),
        verdict,
        failures: Vec::new(),
        took: ms(310),
        evidence: Evidence { probes: 5, ..Evidence::default() },
    }
}

/// A check that fails alike on these nodes out of all.
pub(crate) fn refused_on(nodes: &[usize]) -> CheckResult {
    let role = "node port of 80";
    let mut result = check("http", "http on each node", Verdict::Failed);
    let fail = |node: &usize| failure(FailureKind::Refuted, place(*node, 31080, role));
    result.failures = nodes.iter().map(fail).collect();
    let probe = |node: usize| PlacedTcp {
        place: place(node, 31080, role),
        observation: tcp(
            node,
            31080,
            if nodes.contains(&node) { TcpOutcome::Refused } else { TcpOutcome::Accepted },
        ),
    };
    result.evidence.tcp = (0..NODES.len()).map(probe).collect();
    result
}

fn tcp(node: usize, port: u16, outcome: TcpOutcome) -> TcpObservation {
    TcpObservation { dialled: SocketAddr::new(address(node), port), outcome, took: ms(2) }
}

/// An exposure check; for each node and port what was seen and whether it should accept.
pub(crate) fn exposure(
    verdict: Verdict,
    seen: impl Fn(usize, u16) -> (Option<TcpOutcome>, bool),
) -> CheckResult {
    let ports = [
        (80, PortRole::ListenerPort),
        (443, PortRole::ListenerPort),
        (31080, PortRole::NodePort { listener: 80 }),
        (31443, PortRole::NodePort { listener: 443 }),
    ];
    let mut cells = Vec::new();
    for (node, name) in NODES.iter().enumerate() {
        for (port, role) in &ports {
            let (outcome, accepts) = seen(node, *port);
            cells.push(Cell {
                endpoint: Endpoint {
                    node: NodeName::new(*name),
                    address: address(node),
                    port: *port,
                    role: *role,
                },
                expected: if accepts { Expectation::Accepts } else { Expectation::DoesNotAccept },
                seen: outcome.map(|outcome| tcp(node, *port, outcome)),
            });
        }
    }
    let mut result = check("exposure", "exposure", verdict);
    result.claim =
        "gateway/shared-gateway accepts where the reference says, and nowhere else".to_owned();
    result.origin = "scenarios/shared-gateway.yaml:38:5".to_owned();
    let wrong = cells.iter().filter_map(|cell| {
        let (expected, seen) = match cell.state() {
            CellState::UnexpectedlyOpen => ("closed", "open"),
            CellState::UnexpectedlyClosed => ("open", "closed"),
            CellState::AsExpected | CellState::Undecided => return None,
        };
        let Endpoint { node, address, port, role } = &cell.endpoint;
        Some(Failure {
            kind: FailureKind::Refuted,
            expected: expected.to_owned(),
            seen: seen.to_owned(),
            place: format!("{node} {address}:{port} ({role})"),
            hints: Vec::new(),
        })
    });
    result.failures = wrong.collect();
    result.evidence = Evidence { probes: 20, grid: Some(Grid { cells }), ..Evidence::default() };
    result
}

/// A target-health check; every target healthy, or unhealthy for this cause.
pub(crate) fn target_health(verdict: Verdict, cause: Option<&str>) -> CheckResult {
    let cause = cause.map(ToOwned::to_owned);
    let state = if cause.is_some() { "unhealthy" } else { "healthy" };
    let reason = cause.is_some().then(|| "Target.FailedHealthChecks".to_owned());
    let target = |node: usize| Target {
        place: place(node, 31080, "node port of 80"),
        zone: Some(format!("zone-{}", ["a", "b", "c"][node % 3])),
        state: state.to_owned(),
        reason: reason.clone(),
        cause: cause.clone(),
        timeline: vec![
            Transition {
                at: Duration::ZERO,
                state: "initial".to_owned(),
                reason: Some("Elb.InitialHealthChecking".to_owned()),
                cause: None,
            },
            Transition {
                at: ms(if cause.is_some() { 27_400 } else { 6_100 }),
                state: state.to_owned(),
                reason: reason.clone(),
                cause: cause.clone(),
            },
        ],
    };
    let mut result = check("targetHealth", "target health", verdict);
    result.claim = "an NLB finds every target of gateway/shared-gateway healthy".to_owned();
    result.origin = "scenarios/shared-gateway.yaml:39:5".to_owned();
    result.evidence = Evidence {
        probes: 45,
        targets: Some(TargetReport {
            profile: "aws-lbc-cluster".to_owned(),
            settings: "TCP every 10 s, timeout 10 s, 3 up, 3 down; all times divided by 20"
                .to_owned(),
            compression: 20.0,
            targets: (0..NODES.len()).map(target).collect(),
        }),
        ..Evidence::default()
    };
    if verdict == Verdict::Failed {
        let fail = |node: usize| Failure {
            kind: FailureKind::Refuted,
            expected: "healthy".to_owned(),
            seen: "unhealthy (Target.FailedHealthChecks), refused".to_owned(),
            place: place(node, 31080, "node port of 80"),
            hints: Vec::new(),
        };
        result.failures = (0..NODES.len()).map(fail).collect();
    }
    result
}

/// Three variants that pass.
pub(crate) fn all_passed() -> Log {
    [DEDICATED, HOST_NETWORK, NODE_SELECTOR]
        .into_iter()
        .fold(
            Log::of(ProviderKind::Embedded, &[DEDICATED, HOST_NETWORK, NODE_SELECTOR]).cluster_up(),
            Log::good_trial,
        )
        .end()
}

/// One passes, one fails in every way a check can, one is inconclusive, one is skipped.
pub(crate) fn mixed() -> Log {
    let variants = [DEDICATED, HOST_NETWORK, NODE_SELECTOR, "legacy"];
    let undecided = Failure {
        kind: FailureKind::Undecided,
        expected: "the reference covers `xffNumTrustedHops`".to_owned(),
        seen: "not modelled".to_owned(),
        place: "Gateway gateway/shared-gateway".to_owned(),
        hints: Vec::new(),
    };
    let mut unknown = check("http", "client address", Verdict::Inconclusive);
    unknown.failures = vec![undecided];
    unknown.claim = "the backend sees the client's address in X-Forwarded-For".to_owned();
    let broken = exposure(Verdict::Failed, |node, port| match (node, port) {
        (2, 443) => (Some(TcpOutcome::Accepted), false),
        (_, 80 | 443) => (Some(TcpOutcome::Refused), false),
        (3, 31443) => (Some(TcpOutcome::TimedOut), true),
        (4, 31443) => (None, true),
        (_, 31080) => (Some(TcpOutcome::Refused), true),
        _ => (Some(TcpOutcome::Accepted), true),
    });
    let mut partly = refused_on(&[1, 3]);
    partly.check = "https on each node".to_owned();
    partly.origin = "scenarios/shared-gateway.yaml:33:5".to_owned();
    Log::of(ProviderKind::Embedded, &variants)
        .cluster_up()
        .good_trial(DEDICATED)
        .start(HOST_NETWORK)
        .installed(HOST_NETWORK)
        .check(HOST_NETWORK, refused_on(&[0, 1, 2, 3, 4]))
        .check(HOST_NETWORK, partly)
        .check(HOST_NETWORK, broken)
        .check(HOST_NETWORK, target_health(Verdict::Failed, Some("refused")))
        .diagnosed(HOST_NETWORK, findings(), unread())
        .verdict(HOST_NETWORK, Verdict::Failed, None)
        .start(NODE_SELECTOR)
        .installed(NODE_SELECTOR)
        .check(NODE_SELECTOR, check("http", "http on each node", Verdict::Passed))
        .check(NODE_SELECTOR, unknown)
        .verdict(NODE_SELECTOR, Verdict::Inconclusive, None)
        .start("legacy")
        .verdict("legacy", Verdict::Skipped, Some("not for Cilium 1.20 and later"))
        .end()
}

/// Findings as rules make them: a cause with much evidence, what takes part, what is normal.
pub(crate) fn findings() -> Vec<Finding> {
    let finding = |id: &str, role, confidence, seen: &[(&str, &str)]| {
        let rule = gateproof_core::finding::rule(id).expect("a rule");
        Finding {
            rule: serde_json::from_value(rule.id.into()).expect("an id"),
            title: rule.title.to_owned(),
            role,
            confidence,
            subjects: vec!["Gateway gateway/shared-gateway".to_owned()],
            seen: seen
                .iter()
                .map(|(what, source)| Seen {
                    what: (*what).to_owned(),
                    source: (*source).to_owned(),
                })
                .collect(),
            inferred: vec!["what follows from it and was not measured".to_owned()],
            remedy: rule.remedy.iter().map(|text| (*text).to_owned()).collect(),
            issues: vec![UpstreamIssue {
                reference: "cilium/cilium#32873".to_owned(),
                versions: "every release".to_owned(),
            }],
        }
    };
    let logs = "logs of the agents on worker, worker2, worker3, worker4 and worker5";
    vec![
        finding(
            "GP0001",
            Role::Cause,
            Confidence::Certain,
            &[
                ("enable-gateway-api actual=false expectedValue=true", logs),
                ("gateway-api-hostnetwork-enabled has no local entry, expectedValue=false", logs),
                ("refused: worker 127.9.0.3:31080 (node port of 80) and 4 more", "TCP probes"),
                ("5 of 5 agents started before the ConfigMap was last written", "pods"),
                ("a fifth thing, which a brief report leaves out", "somewhere"),
            ],
        ),
        finding("GP0006", Role::Contributing, Confidence::Likely, &[("not there", "the copy")]),
        finding(
            "GP0002",
            Role::Explanation,
            Confidence::Certain,
            &[("endpoint 192.192.192.192:9999", "EndpointSlice")],
        ),
    ]
}

/// A permission that was missing.
pub(crate) fn unread() -> Vec<Unread> {
    vec![Unread {
        what: "Secrets in namespace gateway".to_owned(),
        why: Why::Forbidden("list secrets in namespace gateway".to_owned()),
        hides: "whether certificates are there and in date".to_owned(),
    }]
}

/// Killed in the middle of the second trial.
pub(crate) fn truncated() -> Log {
    Log::of(ProviderKind::Kind, &[DEDICATED, HOST_NETWORK, NODE_SELECTOR])
        .cluster_up()
        .good_trial(DEDICATED)
        .start(HOST_NETWORK)
        .awaiting(HOST_NETWORK, "install", "daemonset kube-system/cilium: 3 of 5 pods are ready")
}
