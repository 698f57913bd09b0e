//! Dossiers for tests: healthy ones of the three variants, shaped like what the real operator was
//! recorded to make, and ways to break them.

mod announced;
mod healthy;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::{Firing, Rule};
use crate::dossier::{Component, Dossier, LogLine, Unread, Why, text};
use crate::event::{CheckResult, Evidence, PlacedHttp};
use crate::exposure::{Expectation, PortRole};
use crate::name::NodeName;
use crate::observation::{
    HttpObservation, HttpOutcome, HttpResponse, HttpVersion, TcpObservation, TcpOutcome, Timings,
};
use crate::verdict::Verdict;

pub(super) use announced::{LEASE, announced, asked, lease};
pub(super) use healthy::{NODES, Variant, facts, healthy, moment};

/// A healthy cluster with a Gateway that gets a LoadBalancer Service.
pub(super) fn dedicated() -> Dossier {
    healthy(Variant::Dedicated)
}

/// Ways to change a dossier.
pub(super) trait Change: Sized {
    fn dossier(&mut self) -> &mut Dossier;

    fn version(mut self, version: &str) -> Self {
        self.dossier().versions.cilium = Some(version.parse().expect("a version"));
        self
    }

    fn version_unknown(mut self) -> Self {
        self.dossier().versions.cilium = None;
        self
    }

    fn with(mut self, object: Value) -> Self {
        self.dossier().objects.push(object);
        self
    }

    /// Changes every object of a kind and name.
    fn edit(mut self, kind: &str, name: &str, change: impl Fn(&mut Value)) -> Self {
        let is = |object: &&mut Value| {
            text(object, "/kind") == Some(kind) && text(object, "/metadata/name") == Some(name)
        };
        let mut changed = 0;
        for object in self.dossier().objects.iter_mut().filter(is) {
            change(object);
            changed += 1;
        }
        assert!(changed > 0, "the fixture has no {kind} {name}");
        self
    }

    /// Replaces what stands at a JSON pointer of an object.
    fn set(self, kind: &str, name: &str, pointer: &str, value: &Value) -> Self {
        self.edit(kind, name, |object| {
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            let parent = object.pointer_mut(parent).expect("the parent is there");
            match parent {
                Value::Array(items) => {
                    items[key.parse::<usize>().expect("an index")] = value.clone();
                }
                parent => parent[key] = value.clone(),
            }
        })
    }

    fn without(mut self, kind: &str, name: &str) -> Self {
        let objects = &mut self.dossier().objects;
        let before = objects.len();
        objects.retain(|object| {
            text(object, "/kind") != Some(kind) || text(object, "/metadata/name") != Some(name)
        });
        assert!(objects.len() < before, "the fixture has no {kind} {name}");
        self
    }

    fn entry(mut self, key: &str, value: &str) -> Self {
        let map = self.dossier().cilium.config_map.as_mut().expect("a ConfigMap");
        map.entries.insert(key.to_owned(), value.to_owned());
        self
    }

    fn unread(mut self, what: &str) -> Self {
        self.dossier().unread.push(Unread {
            what: what.to_owned(),
            why: Why::Forbidden(format!("list {what}")),
            hides: "what depends on it".to_owned(),
        });
        self
    }

    fn log(mut self, component: Component, node: Option<&str>, line: &str) -> Self {
        self.dossier().logs.push(LogLine {
            component,
            node: node.map(NodeName::new),
            source: format!("pod on {}", node.unwrap_or("any node")),
            at: Some(moment("2026-11-21T02:30:00Z")),
            text: line.to_owned(),
        });
        self
    }

    /// Sees sockets of some nodes otherwise; which by their role.
    fn see(
        mut self,
        nodes: &[&str],
        which: impl Fn(PortRole, u16) -> bool,
        outcome: &TcpOutcome,
    ) -> Self {
        let grids = self.dossier().exposure.iter_mut();
        for cell in grids.flat_map(|exposure| &mut exposure.grid.cells) {
            let endpoint = &cell.endpoint;
            if nodes.contains(&endpoint.node.as_str()) && which(endpoint.role, endpoint.port) {
                cell.seen = Some(TcpObservation {
                    dialled: SocketAddr::new(endpoint.address, endpoint.port),
                    outcome: outcome.clone(),
                    took: Duration::from_millis(2),
                });
            }
        }
        self
    }

    /// Sees every socket of some nodes that should accept closed.
    fn dead(mut self, nodes: &[&str], outcome: &TcpOutcome) -> Self {
        let grids = self.dossier().exposure.iter_mut();
        for cell in grids.flat_map(|exposure| &mut exposure.grid.cells) {
            if nodes.contains(&cell.endpoint.node.as_str())
                && cell.expected == Expectation::Accepts
                && let Some(seen) = &mut cell.seen
            {
                seen.outcome = outcome.clone();
            }
        }
        self
    }

    /// Takes away everything that was probed.
    fn unprobed(mut self) -> Self {
        let dossier = self.dossier();
        dossier.http.clear();
        dossier.checks.clear();
        dossier.targets.clear();
        dossier.exposure.clear();
        self
    }

    /// A check of a kind that failed, with these answers.
    fn failed(mut self, kind: &str, answers: Vec<PlacedHttp>) -> Self {
        self.dossier().checks.push(CheckResult {
            check: format!("{kind} check"),
            kind: kind.to_owned(),
            claim: "a claim".to_owned(),
            origin: "scenario.yaml:1:1".to_owned(),
            verdict: Verdict::Failed,
            failures: Vec::new(),
            took: Duration::from_millis(10),
            evidence: Evidence { http: answers, ..Evidence::default() },
        });
        self
    }
}

impl Change for Dossier {
    fn dossier(&mut self) -> &mut Dossier {
        self
    }
}

/// An answer of Envoy's own, or of a backend when it says `upstream`.
pub(super) fn answer(status: u16, body: &str, headers: &[(&str, &str)]) -> PlacedHttp {
    let mut all = vec![("server".to_owned(), "envoy".to_owned())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    PlacedHttp {
        place: "worker 172.18.0.3:31080 (node port of 80)".to_owned(),
        observation: HttpObservation {
            dialled: "172.18.0.3:31080".parse().expect("a socket"),
            tls: None,
            outcome: HttpOutcome::Response(HttpResponse {
                status,
                version: HttpVersion::Http1,
                headers: all,
                body: body.to_owned(),
                body_cut: false,
                echo: None,
            }),
            timings: Timings::default(),
        },
    }
}

/// The cluster with a Challenge by DNS-01 in this state for this reason.
pub(super) fn dns_challenge(state: &str, reason: &str) -> Dossier {
    dedicated().with(
        serde_json::json!({"apiVersion": "acme.cert-manager.io/v1", "kind": "Challenge",
        "metadata": {"name": "wildcard-1-1-1", "namespace": "gateway"},
        "spec": {"type": "DNS-01", "dnsName": "obs.example.test", "wildcard": true,
            "key": "value", "solver": {"dns01": {"rfc2136": {"nameserver": "10.96.0.7:53",
                "tsigKeyName": "trial", "tsigAlgorithm": "HMACSHA256"}}}},
        "status": {"state": state, "reason": reason}}),
    )
}

/// The one firing of a rule.
#[track_caller]
pub(super) fn fires(rule: &Rule, dossier: &Dossier) -> Firing {
    let mut firings = (rule.examine)(dossier);
    assert_eq!(firings.len(), 1, "{} must fire once: {firings:#?}", rule.id);
    let firing = firings.remove(0);
    assert!(!firing.seen.is_empty(), "{} must say what it saw", rule.id);
    assert!(!firing.subjects.is_empty(), "{} must say what it is about", rule.id);
    firing
}

/// A rule that must not fire.
#[track_caller]
pub(super) fn silent(rule: &Rule, dossier: &Dossier) {
    let firings = (rule.examine)(dossier);
    assert!(firings.is_empty(), "{} must not fire: {firings:#?}", rule.id);
}

/// Everything a firing says, for tests of its words.
pub(super) fn words(firing: &Firing) -> String {
    let seen = firing.seen.iter().map(|seen| format!("{} [{}]", seen.what, seen.source));
    let all = firing.subjects.iter().cloned().chain(seen);
    all.chain(firing.inferred.clone()).chain(firing.remedy.clone()).collect::<Vec<_>>().join("\n")
}
