//! Waiting for a node's init system: until its log has the line that kind waits for.
//!
//! A command that lands before that disturbs how systemd sets up cgroups, and the kubelet then
//! fails (kubernetes-sigs/kind #2409), so nothing is run in a node earlier.

use std::collections::VecDeque;
use std::sync::LazyLock;

use futures_util::StreamExt;
use regex::Regex;

use super::{Progress, Seen};
use crate::container::Phase;
use crate::engine::Engine;

/// The line that says it (kubernetes-sigs/kind v0.33.0:
/// `pkg/cluster/internal/providers/common/cgroups.go`).
static UP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("Reached target .*Multi-User System.*|detected cgroup v1")
        .expect("a pattern that is part of the program")
});

/// How many lines are kept for the message.
const KEPT: usize = 12;

/// Whether a line of a node's log says that commands may be run.
pub(crate) fn is_up(line: &str) -> bool {
    UP.is_match(line)
}

/// Follows the container's log until the line comes. The deadline is the action's; what is told
/// as missing is what an error then shows.
pub(crate) async fn boot(
    engine: &Engine,
    container: &str,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    let mut lines = engine.follow_log(container);
    let mut last: VecDeque<String> = VecDeque::with_capacity(KEPT);
    progress.awaiting("its log says nothing yet");
    let mut told = false;
    while let Some(line) = lines.next().await {
        let line = line?;
        if is_up(&line) {
            return Ok(());
        }
        if line.trim().is_empty() {
            continue;
        }
        if !told {
            progress.awaiting("its init system is not up yet");
            told = true;
        }
        progress.keep_in_mind(format!(
            "no line of its log says `Reached target Multi-User System`; the last one is `{}`",
            line.trim()
        ));
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line);
    }
    // A log ends with its container.
    let state = engine.inspect_container(container).await?;
    let how = ended_meanwhile(state.as_ref().map(|state| &state.phase));
    let output: Vec<String> = last.into();
    let what = format!("{how} before its init system was up");
    Err(Seen::with_output(what, &output.join("\n")))
}

/// What a container does that does not run, in words.
pub(crate) fn ended(phase: &Phase) -> String {
    match phase {
        Phase::Created => "the container was never started".to_owned(),
        Phase::Running => "the container runs".to_owned(),
        Phase::Exited { code, out_of_memory: false } => {
            format!("the container ended with exit code {code}")
        }
        Phase::Exited { code, out_of_memory: true } => {
            format!("the container was killed for lack of memory (exit code {code})")
        }
        Phase::Other(word) => format!("the container is {word}"),
    }
}

/// That a container ended while it was worked on. Docker starts it again a moment later, so how it
/// ended can be read only by chance; what is certain is said.
pub(crate) fn ended_meanwhile(phase: Option<&Phase>) -> &'static str {
    match phase {
        None => "the container is gone",
        Some(Phase::Created) => "the container was never started",
        Some(Phase::Exited { out_of_memory: true, .. }) => {
            "the container was killed for lack of memory"
        }
        Some(Phase::Running | Phase::Exited { .. } | Phase::Other(_)) => "the container ended",
    }
}

#[cfg(test)]
mod tests {
    use super::is_up;

    #[test]
    fn the_line_of_systemd_or_of_the_entrypoint_says_it() {
        for (line, up) in [
            ("[  OK  ] Reached target Multi-User System.", true),
            ("         Reached target multi-user.target - Multi-User System.", true),
            ("INFO: detected cgroup v1", true),
            ("INFO: detected cgroup v2", false),
            ("[  OK  ] Reached target Basic System.", false),
            ("Starting Multi-User System", false),
        ] {
            assert_eq!(is_up(line), up, "{line}");
        }
    }
}
