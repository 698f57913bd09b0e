//! Pulls: with progress, and again when what went wrong may pass.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;
use gateproof_kubernetes::wait;
use tokio::time::Instant;

use super::Engine;
use super::error::{Cause, EngineError, ImageOperation};
use super::images::image_error;
use crate::image::{Credentials, Platform, PullProgress};
use crate::image_reference::{DEFAULT_REGISTRY, ImageReference};
use crate::pull_failure::PullFailure;
use crate::registry_credentials;

/// Further tries after the first, each after one more second (kubernetes-sigs/kind v0.33.0:
/// `pkg/cluster/internal/providers/docker/images.go`).
const RETRIES: u32 = 4;

/// What to pull.
#[derive(Debug, Clone)]
pub struct Pull<'a> {
    /// The image.
    pub reference: &'a str,
    /// For which platform; `None` for the engine's own.
    pub platform: Option<&'a Platform>,
    /// Who we are to the registry; `None` for what Docker's settings say, where the engine was
    /// given them.
    pub credentials: Option<&'a Credentials>,
    /// How long all tries together may take.
    pub deadline: Duration,
}

impl Engine {
    /// Pulls an image, whether the engine has it or not. What may pass is tried again; an image
    /// that does not exist, that we may not have, or a registry's limit is final.
    ///
    /// # Errors
    ///
    /// When it cannot be pulled, with what would help.
    pub async fn pull_image(
        &self,
        pull: &Pull<'_>,
        mut on_progress: impl FnMut(&PullProgress),
    ) -> Result<(), EngineError> {
        let end = Instant::now() + pull.deadline;
        let registry = ImageReference::parse(pull.reference).registry;
        let (known, unknown) = match pull.credentials {
            Some(credentials) => (Some(credentials.clone()), String::new()),
            None => self.known_credentials(&registry).await,
        };
        let pull = &Pull { credentials: known.as_ref(), ..pull.clone() };
        let mut attempt = 1;
        loop {
            let cause =
                match tokio::time::timeout_at(end, self.pull_once(pull, attempt, &mut on_progress))
                    .await
                {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(cause)) => cause,
                    Err(_) => {
                        let missing = format!("the pull is not done (try {attempt})");
                        let cause = Cause::TimedOut { limit: pull.deadline, missing };
                        return Err(image_error(ImageOperation::Pull, pull.reference, cause));
                    }
                };
            let failure = PullFailure::of(&cause.to_string());
            if !failure.may_pass() || attempt > RETRIES {
                let tries =
                    if attempt == 1 { String::new() } else { format!(" in {attempt} tries") };
                let words = format!("{cause}{tries}; {}{unknown}", failure.remedy(&registry));
                let cause = match cause {
                    Cause::NotFound(_) => Cause::NotFound(words),
                    _ => Cause::Unreadable(words),
                };
                return Err(image_error(ImageOperation::Pull, pull.reference, cause));
            }
            tracing::info!(image = pull.reference, attempt, %cause, "pulling again");
            wait::pause_until(end.min(Instant::now() + Duration::from_secs(attempt.into()))).await;
            attempt += 1;
        }
    }

    /// The credentials that Docker's settings have, or why they cannot be had. Most images need
    /// none, so that is no reason not to try.
    async fn known_credentials(&self, registry: &str) -> (Option<Credentials>, String) {
        let Some(environment) = &self.docker_settings else { return (None, String::new()) };
        match registry_credentials::find(registry, environment).await {
            Ok(credentials) => (credentials, String::new()),
            Err(error) => (None, format!("; pulled as nobody, because: {error}")),
        }
    }

    async fn pull_once(
        &self,
        pull: &Pull<'_>,
        attempt: u32,
        on_progress: &mut impl FnMut(&PullProgress),
    ) -> Result<(), Cause> {
        let name = ImageReference::parse(pull.reference);
        let options = CreateImageOptions {
            from_image: Some(name.name.clone()),
            tag: Some(name.version().to_owned()),
            platform: pull.platform.map(ToString::to_string).unwrap_or_default(),
            ..CreateImageOptions::default()
        };
        let credentials = pull.credentials.map(|it| wire_credentials(it, &name.registry));
        let mut answers = Box::pin(self.docker.create_image(Some(options), None, credentials));
        let mut layers = Layers::default();
        while let Some(answer) = answers.next().await {
            on_progress(&layers.take(answer?, attempt));
        }
        Ok(())
    }
}

/// Adds up what the engine tells of each layer.
#[derive(Debug, Default)]
struct Layers {
    /// Fetched and total bytes by layer.
    bytes: BTreeMap<String, (u64, u64)>,
}

impl Layers {
    fn take(&mut self, news: CreateImageInfo, attempt: u32) -> PullProgress {
        let status = news.status.unwrap_or_default();
        let detail = news.progress_detail.unwrap_or_default();
        if let Some(layer) = news.id {
            let known = self.bytes.entry(layer).or_default();
            match status.as_str() {
                // Extracting counts the same bytes once more.
                "Downloading" => {
                    let bytes = |count: Option<i64>| count.and_then(|it| u64::try_from(it).ok());
                    known.0 = bytes(detail.current).unwrap_or(known.0);
                    known.1 = bytes(detail.total).unwrap_or(known.1);
                }
                "Download complete" | "Pull complete" | "Extracting" => known.0 = known.1,
                _ => {}
            }
        }
        let fetched = self.bytes.values().map(|(fetched, _)| fetched).sum();
        let total = self.bytes.values().map(|(_, total)| total).sum();
        PullProgress { fetched, total, status, attempt }
    }
}

fn wire_credentials(credentials: &Credentials, registry: &str) -> DockerCredentials {
    let server = if registry == DEFAULT_REGISTRY {
        // Docker Hub's own name in credentials (moby: `registry/config.go`, `IndexServer`).
        "https://index.docker.io/v1/".to_owned()
    } else {
        registry.to_owned()
    };
    let server = DockerCredentials { serveraddress: Some(server), ..DockerCredentials::default() };
    match credentials.clone() {
        Credentials::Password { user, password } => {
            DockerCredentials { username: Some(user), password: Some(password), ..server }
        }
        Credentials::IdentityToken(token) => {
            DockerCredentials { identitytoken: Some(token), ..server }
        }
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    #[test]
    fn progress_adds_up_the_layers_and_never_counts_extracting_twice() {
        let mut layers = Layers::default();
        let mut tell = |id: &str, status: &str, bytes: Option<(i64, i64)>| {
            let news = CreateImageInfo {
                id: Some(id.to_owned()),
                status: Some(status.to_owned()),
                progress_detail: bytes.map(|(current, total)| ProgressDetail {
                    current: Some(current),
                    total: Some(total),
                }),
                ..CreateImageInfo::default()
            };
            let progress = layers.take(news, 1);
            (progress.fetched, progress.total)
        };
        for (id, status, bytes, adds_up) in [
            ("a", "Pulling fs layer", None, (0, 0)),
            ("a", "Downloading", Some((10, 100)), (10, 100)),
            ("b", "Downloading", Some((5, 50)), (15, 150)),
            ("a", "Download complete", None, (105, 150)),
            ("a", "Extracting", Some((1, 100)), (105, 150)),
            ("c", "Already exists", None, (105, 150)),
            ("b", "Pull complete", None, (150, 150)),
        ] {
            assert_eq!(tell(id, status, bytes), adds_up, "{id} {status}");
        }
    }
}
