//! Images of nodes: there, or pulled, once for all clusters of this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::{Place, Progress, Scene, Seen};
use crate::actions::ActionError;
use crate::engine::{Engine, Pull};
use crate::image::PullProgress;
use crate::settings::Deadlines;

/// Which images are known to be there. Clusters that come up at the same time share the pull of an
/// image; when the one that pulls is given up, the next one takes over.
#[derive(Debug, Default)]
pub(crate) struct Images {
    present: Mutex<BTreeMap<String, Arc<OnceCell<()>>>>,
}

impl Images {
    /// Sees to it that the engine has an image.
    pub(crate) async fn ensure(
        &self,
        scene: &Scene,
        engine: &Engine,
        reference: &str,
        deadlines: &Deadlines,
    ) -> Result<(), ActionError> {
        let cell = {
            let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(present.entry(reference.to_owned()).or_default())
        };
        if cell.initialized() {
            return Ok(());
        }
        scene
            .act("image", Place::Cluster, deadlines.pull, async |progress| {
                progress.awaiting(&format!("{reference} is not looked for yet"));
                cell.get_or_try_init(|| pull(engine, reference, deadlines, progress)).await.copied()
            })
            .await
    }
}

async fn pull(
    engine: &Engine,
    reference: &str,
    deadlines: &Deadlines,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    if engine.inspect_image(reference).await?.is_some() {
        return Ok(());
    }
    let pull = Pull { reference, platform: None, credentials: None, deadline: deadlines.pull };
    engine.pull_image(&pull, |so_far| progress.awaiting(&words(reference, so_far))).await?;
    Ok(())
}

/// Whole percents alone, so that whoever listens is told of something new.
fn words(reference: &str, so_far: &PullProgress) -> String {
    let again =
        if so_far.attempt > 1 { format!(" (try {})", so_far.attempt) } else { String::new() };
    match (so_far.fetched * 100).checked_div(so_far.total) {
        Some(percent) => {
            format!("{reference}: {percent} % of {} MB{again}", so_far.total / 1_000_000)
        }
        None => format!("{reference}: {}{again}", so_far.status),
    }
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::image::PullProgress;

    #[test]
    fn progress_is_told_in_whole_percents() {
        let told = |fetched, total, attempt| {
            words("a:1", &PullProgress { fetched, total, status: "Waiting".to_owned(), attempt })
        };
        assert_eq!(told(0, 0, 1), "a:1: Waiting");
        assert_eq!(told(123_000_000, 400_000_000, 1), "a:1: 30 % of 400 MB");
        assert_eq!(told(4, 4, 2), "a:1: 100 % of 0 MB (try 2)");
    }
}
