//! Who signs the certificates of a scenario, and how an ACME server finds out whose names they are.

use crate::name::NamespacedName;

/// Who signs certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issuer {
    /// No cert-manager issuer is made.
    None,
    /// A SelfSigned ClusterIssuer named `gateproof`.
    SelfSigned,
    /// A CA ClusterIssuer named `gateproof` with a root made for the run.
    Ca,
    /// An ACME ClusterIssuer named `gateproof` for a Pebble in the cluster.
    Acme(Acme),
}

impl Issuer {
    /// Whether what it signs leads to a root that clients can be given.
    pub fn has_root(&self) -> bool {
        matches!(self, Self::Ca | Self::Acme(_))
    }
}

/// An ACME server in the cluster, and the way on which it is convinced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The image of Pebble.
    pub image: String,
    /// The way on which it is convinced.
    pub solver: Solver,
}

/// How it is shown whose a name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Solver {
    /// By an answer to an HTTP request (HTTP-01).
    Http01(Http01),
    /// By a TXT record (DNS-01), in these zones of a name server of our own; sorted.
    Dns01(Vec<String>),
}

/// HTTP-01: which names lead where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http01 {
    /// The DNS names for which certificates are asked, sorted.
    pub names: Vec<String>,
    /// Where challenges are answered: the HTTP listener of a Gateway.
    pub answered_at: ChallengeListener,
}

/// The listener through which challenges are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeListener {
    /// Its Gateway.
    pub gateway: NamespacedName,
    /// Its name.
    pub listener: String,
    /// Its port, which the ACME server asks.
    pub port: u16,
}

impl ChallengeListener {
    /// Whether cert-manager can ask for a challenge itself before the server does: it asks port 80
    /// and no other (cert-manager 1.21 `pkg/issuer/acme/http/http.go`).
    pub fn self_check(&self) -> SelfCheck {
        if self.port == 80 { SelfCheck::Made } else { SelfCheck::LeftOut }
    }
}

/// Whether cert-manager asks for a challenge before the ACME server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfCheck {
    /// It does.
    Made,
    /// It does not (`waitInsteadOfSelfCheck`, since cert-manager 1.21).
    LeftOut,
}
