//! Waiting for a mirror of a registry: until its log says that it listens.

use std::collections::VecDeque;

use futures_util::StreamExt;

use super::{Progress, Seen, ended};
use crate::engine::Engine;
use crate::plan::mirror::Mirror;

/// What a registry says once it takes connections (distribution: `registry/registry.go`).
const LISTENS: &str = "listening on";

/// How many lines are kept for the message.
const KEPT: usize = 12;

/// Follows the mirror's log until it listens. The deadline is the action's.
pub(crate) async fn listens(
    engine: &Engine,
    mirror: &Mirror,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    let mut lines = engine.follow_log(&mirror.container.name);
    let mut last: VecDeque<String> = VecDeque::with_capacity(KEPT);
    progress.awaiting(&format!(
        "the mirror of {} ({}) does not say `{LISTENS}` yet",
        mirror.upstream, mirror.container.image
    ));
    while let Some(line) = lines.next().await {
        let line = line?;
        if line.contains(LISTENS) {
            return Ok(());
        }
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line);
    }
    let how = match engine.inspect_container(&mirror.container.name).await? {
        None => "the container is gone".to_owned(),
        Some(state) => ended(&state.phase),
    };
    let what = format!("{how} before the mirror of {} listened", mirror.upstream);
    Err(Seen::with_output(what, &Vec::from(last).join("\n")))
}
