//! Cilium × release of the Gateway API: whether the operator finds the definitions it asks for.
//!
//! When it starts, the operator asks for each kind at one exact version, looks only at the names
//! of a definition's versions, and stays without Gateway support when one is missing; when a name
//! is there and not served, it ends (cilium/cilium: `operator/pkg/gateway-api/cell.go`). Which
//! release has which versions was read in kubernetes-sigs/gateway-api, `config/crd` at each tag.

use super::Release;
use crate::cilium::CiliumVersion;
use crate::scenario::Channel;

/// What comes of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It works.
    Works,
    /// It works, except for what the text says.
    Partly(&'static str),
    /// The operator leaves Gateway API support off, for the reason in the text.
    Off(&'static str),
    /// The operator ends again and again, for the reason in the text.
    Crashes(&'static str),
    /// The pair is not in the table.
    Unknown,
}

/// How a row is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Upstream or a user saw it; where.
    Seen(&'static str),
    /// It follows from what the operator asks for and what the release has.
    Inferred,
}

/// A range of releases of one channel with a range of Cilium's minor versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// First and last minor version of the Gateway API, 1.x.
    pub releases: (u64, u64),
    /// The channel.
    pub channel: Channel,
    /// First and last minor version of Cilium, 1.x.
    pub cilium: (u64, u64),
    /// What comes of it.
    pub fit: Fit,
    /// How that is known.
    pub known: Known,
}

use Channel::{Experimental, Standard};
use Fit::{Crashes, Off, Partly, Works};
use Known::{Inferred, Seen};

const NO_OLD_GRPC: &str = "GRPCRoute v1alpha2 is missing";
const NO_GRPC: &str = "GRPCRoute v1 is missing";
const NO_TLS: &str = "TLSRoute is missing, which is in the experimental channel alone";
const NO_V1: &str = "TLSRoute, ReferenceGrant and BackendTLSPolicy v1 are missing";
const NO_TLS_ROUTES: &str = "there are no TLSRoutes";
const UNSERVED: &str = "TLSRoute v1alpha2 is listed and not served";
const CRASH_REPORTS: &str = "cilium/cilium #44920, #45139; kubernetes-sigs/kubespray #13222";
const REPORTS: &str = "kubernetes-sigs/gateway-api conformance/reports";

/// The newest minor versions that the table knows: Cilium's and the Gateway API's.
pub const NEWEST: (u64, u64) = (21, 6);

/// Every pair that is known, oldest release first.
pub const ROWS: &[Row] = &[
    row((0, 0), Standard, (15, 15), Off("GRPCRoute and TLSRoute are missing"), Inferred),
    row((0, 0), Standard, (16, 16), Off(NO_GRPC), Inferred),
    row((0, 0), Standard, (17, 19), Off(NO_GRPC), Inferred),
    row((0, 0), Standard, (20, 21), Off(NO_V1), Inferred),
    row((0, 0), Experimental, (15, 15), Works, Seen(REPORTS)),
    row((0, 0), Experimental, (16, 19), Off(NO_GRPC), Inferred),
    row((0, 0), Experimental, (20, 21), Off(NO_V1), Inferred),
    row((1, 1), Standard, (15, 16), Off(NO_TLS), Inferred),
    row((1, 1), Standard, (17, 19), Partly(NO_TLS_ROUTES), Inferred),
    row((1, 1), Standard, (20, 21), Off(NO_V1), Inferred),
    row((1, 1), Experimental, (15, 15), Works, Inferred),
    row((1, 1), Experimental, (16, 16), Works, Seen(REPORTS)),
    row((1, 1), Experimental, (17, 19), Works, Inferred),
    row((1, 1), Experimental, (20, 21), Off(NO_V1), Inferred),
    row((2, 4), Standard, (15, 15), Off(NO_OLD_GRPC), Inferred),
    row((2, 4), Standard, (16, 16), Off(NO_TLS), Inferred),
    row((2, 4), Standard, (17, 19), Partly(NO_TLS_ROUTES), Inferred),
    row((2, 4), Standard, (20, 21), Off(NO_V1), Inferred),
    row((2, 4), Experimental, (15, 15), Off(NO_OLD_GRPC), Inferred),
    row((2, 4), Experimental, (16, 16), Works, Inferred),
    row((2, 4), Experimental, (17, 19), Works, Seen(REPORTS)),
    row((2, 4), Experimental, (20, 21), Off(NO_V1), Seen("agalue/LGTM-PoC PR #69")),
    row((5, 6), Standard, (15, 15), Off(NO_OLD_GRPC), Inferred),
    row((5, 6), Standard, (16, 16), Crashes(UNSERVED), Inferred),
    row((5, 6), Standard, (17, 19), Crashes(UNSERVED), Seen(CRASH_REPORTS)),
    row((5, 5), Standard, (20, 21), Partly(OLD_FOR_20), Inferred),
    row((6, 6), Standard, (20, 20), Works, Seen(REPORTS)),
    row((6, 6), Standard, (21, 21), Works, Inferred),
    row((5, 6), Experimental, (15, 15), Off(NO_OLD_GRPC), Inferred),
    row((5, 6), Experimental, (16, 19), Works, Inferred),
    row((5, 5), Experimental, (20, 21), Partly(OLD_FOR_20), Inferred),
    row((6, 6), Experimental, (20, 20), Works, Seen(REPORTS)),
    row((6, 6), Experimental, (21, 21), Works, Inferred),
];

/// cilium/cilium: `Documentation/operations/upgrade-current.inc`.
const OLD_FOR_20: &str = "the upgrade notes of Cilium 1.20 ask for 1.6.1 or later";

const fn row(
    releases: (u64, u64),
    channel: Channel,
    cilium: (u64, u64),
    fit: Fit,
    known: Known,
) -> Row {
    Row { releases, channel, cilium, fit, known }
}

/// What comes of a Cilium version with a release.
#[must_use]
pub fn fit(cilium: &CiliumVersion, release: &Release) -> Fit {
    if release.version.major != 1 {
        return Fit::Unknown;
    }
    // Fixed in 1.17.4 (cilium/cilium #38420).
    let lists_tls_routes_always = cilium.minor() == 17 && cilium.patch() <= 2;
    let within = |(first, last): (u64, u64), minor: u64| first <= minor && minor <= last;
    let found = ROWS.iter().find(|row| {
        row.channel == release.channel
            && within(row.releases, release.version.minor)
            && within(row.cilium, cilium.minor())
    });
    match found.map(|row| row.fit) {
        Some(Partly(NO_TLS_ROUTES)) if lists_tls_routes_always => {
            Off("without the definition of TLSRoute no Gateway gets a status (cilium #38420)")
        }
        Some(fit) => fit,
        None => Fit::Unknown,
    }
}

/// The rows in which a Cilium version works at least partly, those without exceptions first.
pub fn fitting(cilium: &CiliumVersion) -> impl Iterator<Item = &'static Row> + use<> {
    let minor = cilium.minor();
    let of = move |wanted: fn(&Fit) -> bool| {
        ROWS.iter()
            .filter(move |row| row.cilium.0 <= minor && minor <= row.cilium.1 && wanted(&row.fit))
    };
    of(|fit| matches!(fit, Works)).chain(of(|fit| matches!(fit, Partly(_))))
}
