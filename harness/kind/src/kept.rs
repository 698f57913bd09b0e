//! Clusters that were handed over to the user, so that no clean-up takes them.
//!
//! Labels of a container cannot be changed, and a mark in one could not be made when it has ended.
//! So the mark is a thing of its own beside the containers: an empty volume whose labels name the
//! cluster and the run that made it. Without its cluster it is a leftover like any other.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_kubernetes::Surroundings;

use crate::engine::{Engine, EngineError};
use crate::label;
use crate::volume::VolumeState;

/// A kept cluster: its name and the run that made it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// The cluster.
    pub cluster: String,
    /// The run.
    pub run: String,
}

/// The name of the volume that marks a cluster as kept.
pub fn mark_name(cluster: &str) -> String {
    format!("{cluster}-kept-by-gateproof")
}

/// Marks a cluster of a run as the user's.
///
/// # Errors
///
/// When the engine does not answer; the cluster is then not kept.
pub async fn mark(
    engine: &Engine,
    cluster: &str,
    surroundings: &Surroundings,
) -> Result<(), EngineError> {
    let labels = [
        (label::KEPT, cluster.to_owned()),
        (label::RUN, surroundings.run.clone()),
        (label::OWNER, surroundings.owner.to_string()),
    ];
    // A mark that another cluster of this name has left would be taken as it is.
    unmark(engine, cluster).await?;
    let labels: BTreeMap<String, String> =
        labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    engine.ensure_volume(&VolumeState { name: mark_name(cluster), labels }).await
}

/// Takes the mark away, when a cluster goes.
///
/// # Errors
///
/// When the engine does not answer.
pub async fn unmark(engine: &Engine, cluster: &str) -> Result<(), EngineError> {
    engine.remove_volume(&mark_name(cluster)).await
}

/// Every kept cluster of an engine.
///
/// # Errors
///
/// When the engine does not answer.
pub async fn list(engine: &Engine) -> Result<BTreeSet<Kept>, EngineError> {
    let volumes = engine.list_volumes(&[(label::KEPT, None)]).await?;
    let kept = volumes.into_iter().filter_map(|volume| {
        let cluster = volume.labels.get(label::KEPT)?.clone();
        let run = volume.labels.get(label::RUN)?.clone();
        Some(Kept { cluster, run })
    });
    Ok(kept.collect())
}
