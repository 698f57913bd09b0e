//! The Kubernetes client as the rest of Gateproof uses it. Only this crate knows `kube`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{Method, Request, Response};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tower::{BoxError, Service};

use crate::discovery::{Discovery, Resource};
use crate::error::{Cause, Operation, ReadError};
use crate::patience::{Patience, Twice};
use crate::wait;

/// How often a patient client asks for an answer that can be read.
const READABLE_WITHIN: u32 = 4;

/// How long it waits in between.
const UNREADABLE_PAUSE: Duration = Duration::from_millis(100);

/// A client of one cluster; cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: kube::Client,
    discovery: Arc<Discovery>,
    patience: Option<Patience>,
    /// How long the slowest answer took, in milliseconds.
    slowest: Arc<AtomicU64>,
}

/// A cluster could not be addressed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read, or does not have the context.
    #[error("failed to read kubeconfig {from}{}", context.as_deref().map(|c| format!(", context `{c}`")).unwrap_or_default())]
    Kubeconfig {
        /// Where it came from.
        from: String,
        /// The context asked for; `None` is the current one.
        context: Option<String>,
        /// What is wrong with it.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// No client can be made of it, for instance because of its certificates.
    #[error("failed to make a Kubernetes client from {from}")]
    Client {
        /// Where the configuration came from.
        from: String,
        /// What is wrong with it.
        #[source]
        source: kube::Error,
    },
}

impl Client {
    /// Wraps a `kube` client.
    pub fn new(inner: kube::Client) -> Self {
        Self { inner, discovery: Arc::default(), patience: None, slowest: Arc::default() }
    }

    /// The same client, which bounds every request and repeats those that may be repeated.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// A client of an API in this process: a tower service that takes requests as `kube` makes
    /// them and may stream its response bodies (watches do).
    ///
    /// Must be called within a tokio runtime, which runs the queue in front of the service.
    pub fn over<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = <Body as http_body::Body>::Data> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::new(kube::Client::new(service, "default"))
    }

    /// A client for a kubeconfig file, or for the user's own (`KUBECONFIG`, `~/.kube/config`)
    /// when there is no path; for the named context, or the current one.
    ///
    /// # Errors
    /// When the file or the context is missing or damaged. Nothing is sent to the cluster yet.
    pub async fn from_kubeconfig(
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let from = path.map_or_else(
            || "of the user (KUBECONFIG or ~/.kube/config)".to_owned(),
            |path| path.display().to_string(),
        );
        let read = match path {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        Self::connect(read, from, context).await
    }

    /// A client for the text of a kubeconfig, as a provider has it of its own cluster.
    ///
    /// # Errors
    /// When the text is no kubeconfig. Nothing is sent to the cluster yet.
    pub async fn from_kubeconfig_text(text: &str) -> Result<Self, ConnectError> {
        Self::connect(Kubeconfig::from_yaml(text), "given as text".to_owned(), None).await
    }

    async fn connect(
        read: Result<Kubeconfig, kube::config::KubeconfigError>,
        from: String,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let context = context.map(str::to_owned);
        let options = KubeConfigOptions { context: context.clone(), ..Default::default() };
        let config = match read {
            Ok(kubeconfig) => kube::Config::from_custom_kubeconfig(kubeconfig, &options).await,
            Err(error) => Err(error),
        };
        match config {
            Ok(config) => kube::Client::try_from(config)
                .map(Self::new)
                .map_err(|source| ConnectError::Client { from, source }),
            Err(source) => Err(ConnectError::Kubeconfig { from, context, source }),
        }
    }

    /// The version of Kubernetes that the API server says, such as `1.36.4`.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn kubernetes_version(&self) -> Result<String, ReadError> {
        let failed = |cause| ReadError {
            operation: Operation::Get,
            target: "the version of Kubernetes".to_owned(),
            origin: None,
            cause,
        };
        let request = Request::get("/version").body(Vec::new());
        let request = request.map_err(kube::core::request::Error::BuildRequest);
        let told = self.send(request).await.map_err(failed)?;
        let Some(version) = told.get("gitVersion").and_then(Value::as_str) else {
            let words = "the answer says no `gitVersion`: is this a Kubernetes API?";
            return Err(failed(Cause::Unreachable(words.to_owned())));
        };
        Ok(version.trim_start_matches('v').to_owned())
    }

    /// Finds out what a group and version serves, so that nobody waits for that later. What cannot be
    /// found out now is asked for again when it is needed.
    pub async fn learn(&self, api_version: &str) {
        if let Err(cause) = self.resource(api_version, "").await {
            tracing::debug!(api_version, %cause, "learnt");
        }
    }

    /// The versions in which this cluster serves a group, the preferred one first; none when it does
    /// not know the group.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn versions_of(&self, group: &str) -> Result<Vec<String>, ReadError> {
        self.discovery.versions(self, group).await.map_err(|cause| ReadError {
            operation: Operation::Get,
            target: format!("the versions of {group}"),
            origin: None,
            cause,
        })
    }

    /// Whether its API is one for which every question counts.
    pub fn is_patient(&self) -> bool {
        self.patience.is_some()
    }

    /// The wrapped client.
    pub(crate) fn inner(&self) -> &kube::Client {
        &self.inner
    }

    /// The kind as this cluster serves it.
    pub(crate) async fn resource(&self, api_version: &str, kind: &str) -> Result<Resource, Cause> {
        self.discovery.find(self, api_version, kind).await
    }

    /// Forgets what was discovered of a group and version, because a definition came or went.
    pub(crate) fn forget(&self, api_version: &str) {
        self.discovery.forget(api_version);
    }

    /// Sends a request and reads the answer as JSON. The answer is not logged when it cannot be
    /// read, because it may hold secrets.
    pub(crate) async fn send(
        &self,
        request: Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, Cause> {
        let request = request.map_err(|error| Cause::NotAnObject(error.to_string()))?;
        let repeatable = self.is_patient() && request.method() == Method::GET;
        let mut attempts = if repeatable { READABLE_WITHIN } else { 1 };
        loop {
            let text = Box::pin(self.send_text(request.clone())).await?;
            attempts -= 1;
            match serde_json::from_str(&text) {
                Ok(value) => return Ok(value),
                Err(error) if attempts == 0 => {
                    let words = format!("the answer is not JSON: {error}");
                    return Err(Cause::Unreachable(words));
                }
                // Something between here and the API cut it off or put in its own.
                Err(_) => wait::pause(UNREADABLE_PAUSE).await,
            }
        }
    }

    /// Sends a request and gives the answer's text; repeats it as far as the client's patience and
    /// the request's nature allow.
    pub(crate) async fn send_text(&self, request: Request<Vec<u8>>) -> Result<String, Cause> {
        let Some(patience) = self.patience else {
            return self.inner.request_text(request).await.map_err(|error| Cause::of(&error));
        };
        let mut attempt = 1;
        loop {
            let answer = match Box::pin(self.attempt(patience, &request)).await {
                Ok(text) => return Ok(text),
                Err(cause) => cause,
            };
            let twice = Twice::of(request.method(), request.uri().path());
            match patience.pause_after(attempt, twice, &answer) {
                Some(pause) => wait::pause(pause).await,
                None => return Err(answer),
            }
            tracing::debug!(attempt, cause = %answer, path = %request.uri().path(), "asking again");
            attempt += 1;
        }
    }

    /// Sends a request and waits for its answer. A read whose answer is late for this API is sent
    /// once more beside it, and whichever answers first counts.
    async fn attempt(
        &self,
        patience: Patience,
        request: &Request<Vec<u8>>,
    ) -> Result<String, Cause> {
        let began = Instant::now();
        let end = began + patience.request;
        let slowest = Duration::from_millis(self.slowest.load(Ordering::Relaxed));
        let mut asked = FuturesUnordered::new();
        let mut sent = 0;
        loop {
            asked.push(self.inner.request_text(request.clone()));
            sent += 1;
            let again = patience.again_after(sent, request.method(), slowest);
            let until = again.map_or(end, |after| began + after);
            let cause = loop {
                match timeout_at(until, asked.next()).await {
                    Ok(Some(Ok(text))) => {
                        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                        self.slowest.fetch_max(took, Ordering::Relaxed);
                        return Ok(text);
                    }
                    // What was sent beside it may still be answered.
                    Ok(Some(Err(_))) if !asked.is_empty() => {}
                    Ok(Some(Err(error))) => break Some(Cause::of(&error)),
                    Ok(None) | Err(_) => break None,
                }
            };
            if let Some(cause) = cause {
                return Err(cause);
            }
            if again.is_none() {
                let within = patience.request.as_secs_f64();
                return Err(Cause::Unreachable(format!("none within {within} s")));
            }
        }
    }
}

#[cfg(test)]
mod tests;
