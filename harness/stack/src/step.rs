//! One step of the installation, told from its start to its end.

use std::sync::Arc;
use std::time::Instant;

use gateproof_kubernetes::{Action, News, Surroundings, Witness};

use crate::error::StackError;

/// A step that has begun.
pub(crate) struct Step {
    witness: Arc<dyn Witness>,
    action: Action,
    started: Instant,
}

impl Step {
    /// Begins a step.
    pub(crate) fn begin(surroundings: &Surroundings, name: impl Into<String>) -> Self {
        let action = Action { name: name.into(), node: None };
        let witness = Arc::clone(&surroundings.witness);
        witness.tell(&action, News::Started);
        Self { witness, action, started: Instant::now() }
    }

    /// Tells what is still missing.
    pub(crate) fn awaiting(&self, missing: &str) {
        self.witness.tell(&self.action, News::Awaiting(missing.to_owned()));
    }

    /// Tells what is still missing, from wherever it is called.
    pub(crate) fn teller(&self) -> Arc<dyn Fn(&str) + Send + Sync> {
        let (witness, action) = (Arc::clone(&self.witness), self.action.clone());
        Arc::new(move |missing| witness.tell(&action, News::Awaiting(missing.to_owned())))
    }

    /// Tells what a user should know, though the step goes on.
    pub(crate) fn warn(&self, warning: &str) {
        self.witness.tell(&self.action, News::Warned(warning.to_owned()));
    }

    /// Does the work, and tells what came of it.
    pub(crate) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, StackError>>,
    ) -> Result<T, StackError> {
        let outcome = work.await;
        let problem = outcome.as_ref().err().map(StackError::in_words);
        let took = self.started.elapsed();
        self.witness.tell(&self.action, News::Finished { took, problem });
        outcome
    }
}
