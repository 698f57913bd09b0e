//! Versions that fit each other: Cilium, the Gateway API's release and channel, Kubernetes and
//! cert-manager, as data with sources.
//!
//! [`pairing`] decides most: whether Cilium's operator finds the definitions it asks for. [`mod@choose`]
//! fills in what a scenario leaves open and refuses what is known not to work, naming what fits.
//! Versions newer than these tables are let through with a warning, which
//! [`mod@doubts`] tells of a scenario before it runs.

use std::fmt;

use semver::Version;

use crate::scenario::Channel;

mod choose;
mod doubts;
pub mod pairing;
pub mod ranges;
mod releases;

pub use choose::{Asked, Chosen, Misfit, choose};
pub use doubts::doubts;
pub use releases::{CERT_MANAGER, CertManager, default_release};

/// A release of the Gateway API: version and channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// Its channel.
    pub channel: Channel,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.channel)
    }
}

#[cfg(test)]
mod tests;
