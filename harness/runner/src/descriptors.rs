//! The limit of open files. Every node port and every probe is a socket of this process, and some
//! systems let a process have no more than 256 unless it asks.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Asks for as many open files as this process may have. Where the system refuses, it stays as it
/// is: a cluster that then lacks a socket says so.
pub fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) }
    });
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    use super::raise_limit;

    #[test]
    fn a_low_limit_is_raised_to_what_is_allowed() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        setrlimit(Resource::RLIMIT_NOFILE, 200.min(hard), hard).expect("it may be lowered");
        raise_limit();
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        assert_eq!(soft, hard);
    }
}
