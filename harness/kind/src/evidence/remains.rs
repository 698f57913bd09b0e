//! Evidence of whatever there is of a cluster, also when the engine has gone away meanwhile: one
//! that restarts gets some of the time to come back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateproof_kubernetes::wait::{self, Poll};
use tokio::time::Instant;

use super::{collect, save_texts};
use crate::container::ContainerState;
use crate::engine::Engine;
use crate::removal::{self, Whose};

/// Between two looks whether the engine is back.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Tells why nothing else is there.
const NOTHING: &str = "containers.txt";

/// Collects evidence of the containers of a cluster below `folder`, and says which files there are:
/// none when there are no containers. What the engine does not tell is told by a file.
pub(crate) async fn collect_remains(
    engine: &Engine,
    cluster: &str,
    whose: Whose<'_>,
    folder: &Path,
    deadline: Duration,
) -> Vec<PathBuf> {
    let end = Instant::now() + deadline;
    let problem = match containers(engine, cluster, whose, deadline / 2).await {
        Ok(containers) if containers.is_empty() => return Vec::new(),
        Ok(containers) => {
            let left = end.saturating_duration_since(Instant::now());
            match collect(engine, &containers, folder, left).await {
                Ok(written) => return written,
                Err(error) => format!("{} cannot be made: {error}", folder.display()),
            }
        }
        Err(problem) => problem,
    };
    tracing::warn!(%cluster, problem, "no logs of its containers");
    let text = format!("the containers and their logs are not to be had: {problem}\n");
    save_texts(vec![(folder.join(NOTHING), text)]).await
}

/// The containers of a cluster, as soon as the engine tells them.
pub(crate) async fn containers(
    engine: &Engine,
    cluster: &str,
    whose: Whose<'_>,
    within: Duration,
) -> Result<Vec<ContainerState>, String> {
    let look = || async {
        match removal::containers(engine, cluster, whose).await {
            Ok(containers) => Poll::Ready(containers),
            Err(error) => Poll::NotYet { missing: error.to_string() },
        }
    };
    wait::until(within, LOOK_EVERY, |_| (), look).await.map_err(|error| error.to_string())
}
