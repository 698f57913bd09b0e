//! How much is read, and where.

use std::time::Duration;

use gateproof_core::moment::Moment;

/// How a dossier is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// When: no clock is read here.
    pub taken: Option<Moment>,
    /// All reads together take no longer. What was not answered by then is told as unread.
    pub within: Duration,
    /// One answer may take so long; it is asked for again when it does not come.
    pub answer_within: Duration,
    /// Where to look for objects of namespaces when the reader may not look everywhere; the
    /// namespaces of Gateways and of Cilium are added to these.
    pub namespaces: Vec<String>,
    /// Of how many pods of each component logs are read; those in trouble come first.
    pub logs_of: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            taken: None,
            within: Duration::from_secs(45),
            answer_within: Duration::from_secs(15),
            namespaces: Vec::new(),
            logs_of: 40,
        }
    }
}
