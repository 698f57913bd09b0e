//! Checks: each kind observes until its claim holds or its deadline passes.
//!
//! A check works in rounds. A round looks at everything the claim names once and judges what it
//! saw (`gateproof_core::judge`); [`rounds`] repeats rounds until enough of them in a row hold,
//! and keeps repeating them for claims that must hold over time. What was not reachable as an
//! address of this cluster is never probed.

mod addresses;
mod exposure;
mod http;
mod object;
mod passthrough;
mod place;
mod rounds;
mod target_health;
mod tcp;
mod trust;

use gateproof_core::event::Evidence;
use gateproof_core::exposure::Grid;
use gateproof_core::name::NamespacedName;
use gateproof_core::plan::TrialPlan;
use gateproof_core::scenario::Claim;
use gateproof_core::verdict::{Failure, Judgement};
use gateproof_kubernetes::Cluster;
use tokio::time::Instant;

pub(crate) use place::Memory;

/// What a check works with.
pub(crate) struct Circumstances<'a> {
    /// The trial it belongs to.
    pub(crate) plan: &'a TrialPlan,
    /// The cluster under test.
    pub(crate) cluster: &'a dyn Cluster,
    /// Until when the claim may become true.
    pub(crate) deadline: Instant,
    /// What earlier checks read.
    pub(crate) memory: &'a Memory,
}

/// A decided claim.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// What does not hold.
    pub(crate) judgement: Judgement,
    /// What that rests on.
    pub(crate) evidence: Evidence,
}

/// Tells what is still missing.
pub(crate) type Progress<'p> = &'p mut (dyn FnMut(&str) + Send);

/// Observes and judges until the claim is decided.
pub(crate) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &Claim,
    progress: Progress<'_>,
) -> Decided {
    match claim {
        Claim::Gateway(_)
        | Claim::Route(_)
        | Claim::Routes(_)
        | Claim::Service(_)
        | Claim::Certificate(_) => object::decide(circumstances, claim, progress).await,
        Claim::Http(claim) => http::decide(circumstances, claim, progress).await,
        Claim::Tcp(claim) => tcp::decide(circumstances, claim, progress).await,
        Claim::Passthrough(claim) => passthrough::decide(circumstances, claim, progress).await,
        Claim::Addresses(claim) => addresses::decide(circumstances, claim, progress).await,
        Claim::Exposure(claim) => exposure::decide(circumstances, claim, progress).await,
        Claim::TargetHealth(claim) => target_health::decide(circumstances, claim, progress).await,
    }
}

/// What a Gateway exposes now, by a single look: expected by the reference, and seen.
pub(crate) async fn exposure_now(
    circumstances: &Circumstances<'_>,
    gateway: &NamespacedName,
) -> Result<Grid, Box<Failure>> {
    exposure::now(circumstances, gateway).await
}

/// The kind of a claim as scenario files write it.
pub(crate) fn kind(claim: &Claim) -> &'static str {
    match claim {
        Claim::Gateway(_) => "gateway",
        Claim::Route(_) | Claim::Routes(_) => "route",
        Claim::Service(_) => "service",
        Claim::Certificate(_) => "certificate",
        Claim::Http(claim) if claim.tls => "https",
        Claim::Http(_) => "http",
        Claim::Tcp(_) => "tcp",
        Claim::Passthrough(_) => "tls",
        Claim::Addresses(_) => "addresses",
        Claim::Exposure(_) => "exposure",
        Claim::TargetHealth(_) => "targetHealth",
    }
}
