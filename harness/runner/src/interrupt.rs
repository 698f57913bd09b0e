//! Turns signals into a cancelled token, so that a run ends in order: report, clean up, exit.

use tokio_util::sync::CancellationToken;

/// A run's wish to stop and why.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    token: CancellationToken,
    cause: std::sync::Arc<std::sync::OnceLock<String>>,
}

impl Interrupt {
    /// Not interrupted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to stop; the first cause is kept.
    pub fn trigger(&self, cause: &str) {
        if self.cause.set(cause.to_owned()).is_ok() {
            self.token.cancel();
        }
    }

    /// Why the run was asked to stop, if it was.
    pub fn cause(&self) -> Option<&str> {
        self.cause.get().map(String::as_str)
    }

    /// Waits until the run is asked to stop.
    pub async fn triggered(&self) {
        self.token.cancelled().await;
    }

    /// Listens for SIGINT and SIGTERM from now on.
    ///
    /// The first signal triggers the interrupt; the second ends the process at once through
    /// `force`, for a user who does not want to wait for the clean-up.
    ///
    /// # Errors
    ///
    /// When the system refuses the signal handlers.
    pub fn listen(&self, force: impl Fn() + Send + 'static) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                };
                if this.cause().is_some() {
                    force();
                    return;
                }
                this.trigger(name);
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Interrupt;

    #[tokio::test]
    async fn the_first_cause_is_kept() {
        let interrupt = Interrupt::new();
        assert_eq!(interrupt.cause(), None);
        interrupt.trigger("SIGINT");
        interrupt.trigger("SIGTERM");
        interrupt.triggered().await;
        assert_eq!(interrupt.cause(), Some("SIGINT"));
    }
}
