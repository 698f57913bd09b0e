//! Releases to choose from.

use semver::Version;

use super::Release;
use super::ranges::Range;
use crate::cilium::CiliumVersion;
use crate::scenario::Channel;

/// The first minor version of cert-manager whose client asks for a version of the Gateway API that
/// is still served: before, it was `v1alpha2` (cert-manager/cert-manager `go.mod` at each tag).
pub(super) const FIRST_CERT_MANAGER: u64 = 12;

/// A minor version of cert-manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertManager {
    /// Its newest release that is known of.
    pub newest: (u64, u64, u64),
    /// The Kubernetes versions it supports.
    pub kubernetes: Range,
    /// What to know of it; empty when there is nothing.
    pub note: &'static str,
}

/// cert-manager's minor versions, newest first (cert-manager/website
/// `content/docs/releases/README.md` and release notes; newer patches may exist).
pub const CERT_MANAGER: &[CertManager] = &[
    one((1, 21, 1), (33, 36), ""),
    one((1, 20, 3), (32, 35), ""),
    one((1, 19, 6), (31, 35), "1.19.0 issues every certificate anew"),
    one((1, 18, 0), (29, 33), ""),
    one((1, 17, 0), (29, 33), ""),
    one((1, 16, 0), (25, 32), ""),
    one((1, 15, 2), (25, 32), "before 1.15.2 it makes HTTPRoutes without end"),
    one((1, 14, 0), (24, 31), ""),
    one((1, 13, 3), (21, 27), ""),
];

const fn one(newest: (u64, u64, u64), kubernetes: Range, note: &'static str) -> CertManager {
    CertManager { newest, kubernetes, note }
}

/// Releases of cert-manager that are better left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownBad {
    /// The minor version.
    minor: u64,
    /// The last patch of it that is bad.
    until: u64,
    /// What it does, as a clause after its name.
    pub(super) what: &'static str,
}

impl KnownBad {
    /// Whether a release is one of them.
    pub(super) fn is_of(self, version: &Version) -> bool {
        version.major == 1 && version.minor == self.minor && version.patch <= self.until
    }
}

/// cert-manager/cert-manager #7178, #7186 (1.15.2), #8175 and #8178 (1.19.1), #8658 (1.20.1), and
/// its release notes of 1.21.1.
pub(super) const KNOWN_BAD: &[KnownBad] = &[
    KnownBad { minor: 15, until: 1, what: "makes HTTPRoutes without end; take 1.15.2 or later" },
    KnownBad {
        minor: 19,
        until: 0,
        what: "issues every certificate anew after an upgrade; take 1.19.1 or later",
    },
    KnownBad {
        minor: 20,
        until: 0,
        what: "may refer to a Gateway twice in its routes for challenges; take 1.20.1 or later",
    },
    KnownBad {
        minor: 21,
        until: 0,
        what: "ends when the renewal of a certificate is switched off; take 1.21.1 or later",
    },
];

impl CertManager {
    /// Its newest release that is known of.
    pub fn version(&self) -> Version {
        Version::new(self.newest.0, self.newest.1, self.newest.2)
    }
}

/// The release of the Gateway API that upstream's own report for this Cilium was made with
/// (kubernetes-sigs/gateway-api `conformance/reports`); in the channel that was asked for, else
/// the standard one where there is a report for it, else the experimental one.
#[must_use]
pub fn default_release(cilium: &CiliumVersion, channel: Option<Channel>) -> Release {
    let (version, reported) = match cilium.minor() {
        0..=14 => ((0, 7, 1), Channel::Experimental),
        15 => ((1, 0, 0), Channel::Experimental),
        16 => ((1, 1, 0), Channel::Experimental),
        17 => ((1, 2, 1), Channel::Experimental),
        18 => ((1, 3, 0), Channel::Experimental),
        19 => ((1, 4, 0), Channel::Experimental),
        _ => ((1, 6, 1), Channel::Standard),
    };
    let (major, minor, patch) = version;
    Release { version: Version::new(major, minor, patch), channel: channel.unwrap_or(reported) }
}
