//! One step of the installation, told from its start to its end.

use std::time::Instant;

use gateproof_kubernetes::{Action, News, Surroundings};

use crate::error::StackError;

/// Tells what a step waits for.
#[derive(Clone, Copy)]
pub(crate) struct Progress<'s> {
    surroundings: &'s Surroundings,
    action: &'s Action,
}

impl Progress<'_> {
    /// Tells what is still missing.
    pub(crate) fn awaiting(&self, missing: &str) {
        self.surroundings.witness.tell(self.action, News::Awaiting(missing.to_owned()));
    }
}

/// Does a step and tells of it.
pub(crate) async fn step<T>(
    surroundings: &Surroundings,
    name: impl Into<String>,
    work: impl AsyncFnOnce(Progress<'_>) -> Result<T, StackError>,
) -> Result<T, StackError> {
    let action = Action { name: name.into(), node: None };
    surroundings.witness.tell(&action, News::Started);
    let started = Instant::now();
    let outcome = work(Progress { surroundings, action: &action }).await;
    let problem = outcome.as_ref().err().map(StackError::in_words);
    surroundings.witness.tell(&action, News::Finished { took: started.elapsed(), problem });
    outcome
}
