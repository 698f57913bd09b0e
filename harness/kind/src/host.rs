//! Reads what is known of the engine's machine, when it is this one.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::capability::CapabilitySet;
use crate::endpoint::Endpoint;
use crate::engine_facts::EngineFacts;
use crate::preflight::{Host, is_here};

/// What can be read; a part that cannot be is left out. Nothing is known of another machine.
pub(crate) async fn read(endpoint: &Endpoint, facts: &EngineFacts) -> Host {
    if !is_here(facts) {
        return Host::default();
    }
    Host {
        inotify_watches: number("/proc/sys/fs/inotify/max_user_watches").await,
        inotify_instances: number("/proc/sys/fs/inotify/max_user_instances").await,
        free: facts.root_directory.as_ref().and_then(|folder| {
            // The engine's folder is often closed to us, but not what is above it.
            let reachable = folder.ancestors().find(|folder| folder.exists())?;
            let space = statvfs(reachable).ok()?;
            let bytes = u128::from(space.blocks_available()) * u128::from(space.fragment_size());
            Some((folder.clone(), u64::try_from(bytes).ok()?))
        }),
        daemon_may: match endpoint {
            Endpoint::Unix(socket) => bounding_set(socket).await,
            Endpoint::Tcp { .. } | Endpoint::Ssh(_) => None,
        },
    }
}

async fn number(file: &str) -> Option<u64> {
    tokio::fs::read_to_string(file).await.ok()?.trim().parse().ok()
}

/// The bounding set of whoever listens on a socket. With socket activation that is the init
/// process; a daemon gets its set from there unless its unit takes some away, so what is missing
/// is missing for certain, and what is there may be missing in the daemon.
async fn bounding_set(socket: &Path) -> Option<CapabilitySet> {
    let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
    let listener = stream.peer_cred().ok()?.pid()?;
    let status = tokio::fs::read_to_string(format!("/proc/{listener}/status")).await.ok()?;
    let last = number("/proc/sys/kernel/cap_last_cap").await?;
    CapabilitySet::bounding(&status, u32::try_from(last).ok()?)
}
