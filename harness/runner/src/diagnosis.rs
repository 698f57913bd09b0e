//! Why a trial did not pass: what its cluster shows, what the trial observed, and what the rules
//! make of both.
//!
//! Reads only. It comes after the last check, takes bounded time, and changes no verdict: where
//! something cannot be read, the diagnosis says what stays hidden.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gateproof_core::dossier::{Dossier, Exposure, Targets, Unread, Why};
use gateproof_core::event::{CheckResult, PlacedHttp};
use gateproof_core::exposure::Grid;
use gateproof_core::finding::{self, Finding};
use gateproof_core::name::NamespacedName;
use gateproof_core::plan::TrialPlan;
use gateproof_core::scenario::{Action, Check, Claim};
use gateproof_inspect::Options;
use gateproof_kubernetes::Cluster;
use tokio::time::Instant;

use crate::cause::with_causes;
use crate::check::{self, Circumstances, Memory};
use crate::clock;

/// How long the cluster may take to work through the last change.
const SETTLING: Duration = Duration::from_secs(10);
/// How long reading the cluster may take.
const READING: Duration = Duration::from_secs(25);
/// How long the ports of Gateways that no check looked at may be probed, all together.
const PROBING: Duration = Duration::from_secs(10);

/// When a trial is diagnosed.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Diagnose {
    /// When it did not pass.
    #[default]
    NotPassed,
    /// Whatever its verdict.
    Always,
    /// Whatever its verdict, with what was read of the cluster already: it is what the plan rests
    /// on, and an API that has become slow meanwhile hides no cause.
    From(Arc<Dossier>),
}

/// What trials saw of their cluster.
#[derive(Debug, Default)]
pub struct Observed {
    checks: Vec<CheckResult>,
    exposure: Vec<Exposure>,
    targets: Vec<Targets>,
    http: BTreeMap<NamespacedName, Vec<PlacedHttp>>,
}

/// What a diagnosis amounts to.
#[derive(Debug)]
pub(crate) struct Diagnosed {
    /// What it rests on.
    pub(crate) dossier: Dossier,
    /// What the rules found, ranked.
    pub(crate) findings: Vec<Finding>,
}

impl Observed {
    /// Takes in a decided check; the newest look at something replaces older ones.
    pub fn take_in(&mut self, check: &Check, result: &CheckResult) {
        match &check.claim {
            Claim::Exposure(claim) => {
                if let Some(grid) = &result.evidence.grid {
                    self.exposure.retain(|older| older.gateway != claim.gateway);
                    self.exposure
                        .push(Exposure { gateway: claim.gateway.clone(), grid: grid.clone() });
                }
            }
            Claim::TargetHealth(claim) => {
                if let Some(report) = &result.evidence.targets {
                    self.targets.retain(|older| older.gateway != claim.gateway);
                    self.targets
                        .push(Targets { gateway: claim.gateway.clone(), report: report.clone() });
                }
            }
            Claim::Http(claim) => {
                let requests = self.http.entry(claim.gateway.clone()).or_default();
                requests.extend(result.evidence.http.iter().cloned());
            }
            Claim::Gateway(_)
            | Claim::Route(_)
            | Claim::Routes(_)
            | Claim::Service(_)
            | Claim::Certificate(_)
            | Claim::Tcp(_)
            | Claim::Passthrough(_)
            | Claim::Addresses(_) => {}
        }
        self.checks.push(result.clone());
    }

    /// Adds it to what the cluster itself shows, whose nodes go by the same names.
    pub fn complete(self, dossier: &mut Dossier) {
        let Self { checks, exposure, targets, http } = self;
        for (gateway, requests) in &http {
            gateproof_inspect::served(dossier, gateway, requests);
        }
        dossier.http = http.into_values().flatten().collect();
        dossier.checks = checks;
        dossier.targets = targets;
        dossier.exposure = exposure;
    }
}

/// Collects a dossier and examines it.
pub(crate) async fn diagnose(
    plan: &TrialPlan,
    cluster: &dyn Cluster,
    observed: Observed,
    when: &Diagnose,
) -> Diagnosed {
    let mut dossier = match when {
        Diagnose::From(known) => known.as_ref().clone(),
        Diagnose::NotPassed | Diagnose::Always => collected(plan, cluster).await,
    };
    observed.complete(&mut dossier);
    dossier.about = about(plan);
    dossier.unread.extend(plan.unasked.iter().cloned());
    for Exposure { grid, .. } in &mut dossier.exposure {
        in_kubernetes(cluster, grid);
    }
    // What a check of an existing cluster asks is for its user to say.
    if !cluster.is_taken_as_it_is() {
        probe_the_rest(plan, cluster, &mut dossier).await;
    }
    let findings = finding::examine(&dossier);
    Diagnosed { dossier, findings }
}

/// The Gateways that a trial makes or claims something of: a cluster may have others.
fn about(plan: &TrialPlan) -> BTreeSet<NamespacedName> {
    let text = gateproof_core::dossier::text;
    let mut found = BTreeSet::new();
    for step in &plan.definition.steps {
        match &step.action {
            Action::Check(check) => found.extend(gateway_of(&check.claim).cloned()),
            Action::Apply(manifests) => {
                let objects = manifests.iter().map(|manifest| &manifest.object);
                let gateways = objects.filter(|object| text(object, "/kind") == Some("Gateway"));
                found.extend(gateways.filter_map(|object| {
                    let namespace = text(object, "/metadata/namespace").unwrap_or("default");
                    Some(NamespacedName::new(namespace, text(object, "/metadata/name")?))
                }));
            }
            Action::Patch { .. } | Action::Delete(_) => {}
        }
    }
    found
}

fn gateway_of(claim: &Claim) -> Option<&NamespacedName> {
    match claim {
        Claim::Gateway(claim) => Some(&claim.gateway),
        Claim::Routes(claim) => Some(&claim.gateway),
        Claim::Http(claim) => Some(&claim.gateway),
        Claim::Tcp(claim) => claim.gateway.as_ref(),
        Claim::Passthrough(claim) => Some(&claim.gateway),
        Claim::Addresses(claim) => Some(&claim.gateway),
        Claim::Exposure(claim) => Some(&claim.gateway),
        Claim::TargetHealth(claim) => Some(&claim.gateway),
        Claim::Route(_) | Claim::Service(_) | Claim::Certificate(_) => None,
    }
}

/// A diagnosis that did not come about.
pub(crate) fn hidden_by(why: String) -> Unread {
    Unread {
        what: "the whole diagnosis".to_owned(),
        why: Why::Failed(why),
        hides: "why the trial did not pass".to_owned(),
    }
}

/// What the cluster itself shows, once it has worked through what the trial changed last: a step
/// that fails leaves controllers at work, and what is half done looks like a fault.
async fn collected(plan: &TrialPlan, cluster: &dyn Cluster) -> Dossier {
    let mut unsettled = None;
    if !cluster.is_taken_as_it_is() {
        unsettled = match tokio::time::timeout(SETTLING, cluster.settle()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(with_causes(&error)),
            Err(_) => Some(format!("it still was not after {} s", SETTLING.as_secs())),
        };
    }
    let options =
        Options { taken: clock::now_rfc3339().parse().ok(), within: READING, ..Options::default() };
    let mut dossier = gateproof_inspect::live(&cluster.client(), &options).await;
    if let Some(why) = unsettled {
        dossier.unread.push(Unread {
            what: "the cluster at rest".to_owned(),
            why: Why::Failed(why),
            hides: "whether what is missing is still to come".to_owned(),
        });
    }
    if dossier.nodes.is_empty() {
        dossier.nodes = cluster.nodes();
        for node in &mut dossier.nodes {
            node.name = cluster.kubernetes_name(&node.name);
        }
    }
    // What is installed by the run is known; of somebody's cluster only what it tells.
    if !cluster.is_taken_as_it_is() {
        dossier.versions.cilium = Some(plan.cilium.clone());
        dossier.cilium.config = Some(plan.config.clone());
    }
    dossier
}

/// The grid with the names that nodes have in Kubernetes, as everything else in a dossier has them.
fn in_kubernetes(cluster: &dyn Cluster, grid: &mut Grid) {
    for cell in &mut grid.cells {
        cell.endpoint.node = cluster.kubernetes_name(&cell.endpoint.node);
    }
}

/// Probes the ports of Gateways whose exposure no check looked at, so that rules can tell dead
/// ports from other failures.
async fn probe_the_rest(plan: &TrialPlan, cluster: &dyn Cluster, dossier: &mut Dossier) {
    let known: BTreeSet<NamespacedName> =
        dossier.exposure.iter().map(|exposure| exposure.gateway.clone()).collect();
    let memory = Memory::default();
    let deadline = Instant::now() + PROBING;
    let circumstances = Circumstances { plan, cluster, deadline, memory: &memory };
    for gateway in gateways(dossier).difference(&known) {
        let probing = check::exposure_now(&circumstances, gateway);
        let why = match tokio::time::timeout_at(circumstances.deadline, probing).await {
            Ok(Ok(mut grid)) => {
                in_kubernetes(cluster, &mut grid);
                dossier.exposure.push(Exposure { gateway: gateway.clone(), grid });
                continue;
            }
            Ok(Err(failure)) => failure.seen,
            Err(_) => format!("not done after {} s", PROBING.as_secs()),
        };
        dossier.unread.push(Unread {
            what: format!("what Gateway {gateway} exposes"),
            why: Why::Failed(why),
            hides: "which of its ports carry traffic".to_owned(),
        });
    }
    dossier.exposure.sort_by(|one, other| one.gateway.cmp(&other.gateway));
}

/// The Gateways that exist.
fn gateways(dossier: &Dossier) -> BTreeSet<NamespacedName> {
    let text = gateproof_core::dossier::text;
    dossier
        .list(gateproof_core::gateway_api::GROUP, "Gateway")
        .filter_map(|object| {
            let namespace = text(object, "/metadata/namespace")?;
            Some(NamespacedName::new(namespace, text(object, "/metadata/name")?))
        })
        .collect()
}
