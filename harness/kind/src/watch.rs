//! Watching the containers of a cluster that is up, so that nobody takes a dead node for a broken
//! Gateway.
//!
//! The engine is asked to answer when a container stops: no polling, and nothing is missed, also
//! when Docker starts the container again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::container::{ContainerState, Phase};
use crate::engine::{Cause, Engine};

/// How long one question waits for its answer; then it is asked again.
const ASK_FOR: Duration = Duration::from_hours(24);

/// Watches until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    problems: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
}

impl Watch {
    /// Watches these containers, which run. Must be called in a Tokio runtime.
    pub(crate) fn start(engine: &Engine, containers: &[ContainerState]) -> Self {
        let watch = Self { problems: Arc::default(), stop: CancellationToken::new() };
        for container in containers {
            let (engine, container) = (engine.clone(), container.clone());
            let (problems, stop) = (Arc::clone(&watch.problems), watch.stop.clone());
            tokio::spawn(async move {
                let Some(Some(problem)) =
                    stop.run_until_cancelled(end_of(&engine, &container)).await
                else {
                    return;
                };
                // What ends after the order to stop ends because of it.
                if !stop.is_cancelled() {
                    problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
                }
            });
        }
        watch
    }

    /// What has happened, in words.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops: whatever ends from now on is meant to.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits for a container's end and says what it was.
async fn end_of(engine: &Engine, container: &ContainerState) -> Option<String> {
    let name = &container.name;
    loop {
        match engine.wait_container(&container.id, ASK_FOR).await {
            Ok(code) => {
                let now = engine.inspect_container(&container.id).await.ok().flatten();
                return Some(words(name, code, now.as_ref()));
            }
            Err(error) => match error.cause() {
                Some(Cause::TimedOut { .. }) => {}
                Some(Cause::NotFound(_)) => {
                    return Some(format!("the container of node {name} was removed while in use"));
                }
                _ => {
                    return Some(format!(
                        "the engine does not tell what becomes of node {name} any more: {error}"
                    ));
                }
            },
        }
    }
}

fn words(name: &str, code: i64, now: Option<&ContainerState>) -> String {
    let then = match now.map(|state| &state.phase) {
        None => "; it is gone",
        Some(Phase::Running) => "; Docker has started it again",
        Some(Phase::Exited { out_of_memory: true, .. }) => {
            "; the kernel killed it for lack of memory"
        }
        Some(_) => "",
    };
    format!("the container of node {name} ended with exit code {code} while in use{then}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::words;
    use crate::container::{ContainerState, Phase};

    #[test]
    fn an_end_is_told_with_what_came_after_it() {
        let state = |phase| ContainerState {
            id: "1".to_owned(),
            name: "a-worker".to_owned(),
            image: String::new(),
            labels: BTreeMap::new(),
            phase,
            addresses: BTreeMap::new(),
            ports: Vec::new(),
        };
        let killed = state(Phase::Exited { code: 137, out_of_memory: true });
        let ended = state(Phase::Exited { code: 1, out_of_memory: false });
        for (now, told) in [
            (Some(&ended), "exit code 137 while in use"),
            (Some(&killed), "for lack of memory"),
            (Some(&state(Phase::Running)), "started it again"),
            (None, "it is gone"),
        ] {
            let words = words("a-worker", 137, now);
            assert!(words.contains("a-worker") && words.ends_with(told), "{words}");
        }
    }
}
