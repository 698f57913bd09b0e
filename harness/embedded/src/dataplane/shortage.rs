//! What this machine denied the data plane: descriptors, memory, ports for its own connections.
//!
//! A client sees no difference between a Gateway that does not carry traffic and a process that
//! has no descriptor left to carry it with. So every such denial is kept, in words, for as long as
//! the data plane lives: from then on no result counts against Cilium.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};

/// The denials so far, each text once.
#[derive(Debug, Default)]
pub(super) struct Shortages {
    seen: Mutex<BTreeSet<String>>,
}

impl Shortages {
    /// Keeps the error when it is this machine's doing and not the peer's.
    pub(super) fn note(&self, doing: &str, error: &io::Error) {
        if is_the_peers(error) {
            return;
        }
        let text = format!(
            "this machine did not let the embedded data plane {doing}: {error}; where too many \
             files are open, raise the limit (`ulimit -n 1024`) or run fewer clusters side by side"
        );
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(text) {
            tracing::warn!(%error, "this machine did not let the data plane {doing}");
        }
    }

    /// What was denied, sorted.
    pub(super) fn told(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// What the other end of a connection can bring about.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::Shortages;

    #[test]
    fn only_what_the_machine_denies_is_kept_and_once() {
        let shortages = Shortages::default();
        shortages.note("reach a backend", &io::ErrorKind::ConnectionRefused.into());
        assert!(shortages.told().is_empty(), "a backend that refuses is no shortage");
        // EMFILE is 24 on every system that this runs on.
        for _ in 0..2 {
            shortages.note("accept a connection", &io::Error::from_raw_os_error(24));
        }
        let told = shortages.told();
        assert!(told.len() == 1 && told[0].contains("ulimit -n"), "{told:?}");
        assert!(told[0].contains("accept a connection: Too many open files"), "{told:?}");
    }
}
