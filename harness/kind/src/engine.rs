//! A Docker engine: values in, values out.
//!
//! The only place that knows the Docker client. Each file below is one family of calls. Nothing
//! here decides what a cluster looks like, and nothing retries what the engine refused; the one
//! exception are pulls, where registries fail in passing.
//!
//! The client sends requests without an API version, so an engine ignores a field that it does not
//! know instead of refusing it. Whatever needs a version looks at [`Engine::api_version`] first.

mod containers;
mod error;
mod events;
mod exec;
mod facts;
mod files;
mod images;
mod logs;
mod networks;
mod output;
mod pull;
mod volumes;
mod wire;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as ClientError;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use http::header::HOST;
use http::{HeaderValue, Uri};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;

pub use error::{
    Cause, ContainerOperation, EngineError, ImageOperation, NetworkOperation, VolumeOperation,
};
pub use events::ContainerEvent;
pub use exec::{Input, Output};
pub use logs::LogLines;
pub use output::Written;
pub use pull::Pull;

use crate::choice;
use crate::docker_config::DockerEnvironment;
use crate::endpoint::{DEFAULT_SOCKET, Endpoint};
use crate::transport::Dialer;

/// How long an engine may take for a call that has no deadline of its own: creating a container
/// copies the image's `/var` into its volume, which takes long on a slow disk.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// How long an engine may take for its first answer.
const GREETING: Duration = Duration::from_secs(30);

/// The client's own limit, out of the way of ours: it counts whole seconds, and a long upload.
const CLIENT_LIMIT_SECONDS: u64 = 24 * 60 * 60;

/// A connection to a Docker engine; clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    endpoint: Endpoint,
    api: ApiVersion,
    patience: Duration,
    network_creation: Arc<Mutex<()>>,
    docker_settings: Option<Arc<DockerEnvironment>>,
}

/// A version of the engine's API, such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u32,
    /// After it.
    pub minor: u32,
}

impl ApiVersion {
    /// Reads `1.41`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Engine {
    /// Connects, and learns the engine's API version. `search_path` is where programs such as
    /// `ssh` are looked for; `None` for this process's own `PATH`.
    ///
    /// # Errors
    ///
    /// When no engine answers, with what to do about it.
    pub async fn connect(
        endpoint: Endpoint,
        search_path: Option<OsString>,
    ) -> Result<Self, EngineError> {
        let unreachable = |why: &Cause| EngineError::unreachable(&endpoint, why);
        let dialer = Dialer::new(&endpoint, search_path)
            .map_err(|error| unreachable(&Cause::Disconnected(error.to_string())))?;
        let dialer = Arc::new(dialer);
        let docker = Docker::connect_with_custom_transport(
            move |request| carry(Arc::clone(&dialer), request),
            Some("http://docker"),
            CLIENT_LIMIT_SECONDS,
            API_DEFAULT_VERSION,
        )
        .map_err(|error| unreachable(&error.into()))?;
        let version = within(GREETING, docker.version()).await.map_err(|why| unreachable(&why))?;
        let reported = version.api_version.unwrap_or_default();
        let api = ApiVersion::parse(&reported).ok_or_else(|| {
            unreachable(&Cause::Unreadable(format!("it reports the API version `{reported}`")))
        })?;
        Ok(Self {
            docker,
            endpoint,
            api,
            patience: PATIENCE,
            network_creation: Arc::default(),
            docker_settings: None,
        })
    }

    /// Connects to the engine that the Docker command line would use, and pulls with the
    /// credentials that it would use.
    ///
    /// # Errors
    ///
    /// When it cannot be said which engine that is, or when it does not answer; then with a hint
    /// when another engine's socket is there.
    pub async fn open(
        asked_for: Option<&str>,
        environment: &DockerEnvironment,
    ) -> Result<Self, EngineError> {
        let endpoint = choice::choose_here(asked_for, environment)?;
        let is_default = endpoint == Endpoint::Unix(DEFAULT_SOCKET.into());
        match Self::connect(endpoint, environment.search_path.clone()).await {
            Ok(engine) => Ok(engine.with_docker_settings(environment.clone())),
            Err(EngineError::Unreachable { endpoint, why, remedy }) if is_default => {
                let mut others = choice::other_sockets(environment).into_iter();
                let remedy = match others.find(|socket| socket.exists()) {
                    Some(other) => format!(
                        "there is a socket at {0}: try DOCKER_HOST=unix://{0}; else {remedy}",
                        other.display()
                    ),
                    None => remedy,
                };
                Err(EngineError::Unreachable { endpoint, why, remedy })
            }
            Err(error) => Err(error),
        }
    }

    /// The same engine, with the credentials for registries that Docker's settings have.
    pub fn with_docker_settings(self, environment: DockerEnvironment) -> Self {
        Self { docker_settings: Some(Arc::new(environment)), ..self }
    }

    /// The same engine with another limit for calls that have no deadline of their own.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where it answers.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The version of its API.
    pub fn api_version(&self) -> ApiVersion {
        self.api
    }
}

/// Bounds a call.
async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, Cause> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(Cause::from),
        Err(_) => Err(Cause::TimedOut { limit, missing: "no answer from the engine".to_owned() }),
    }
}

/// Carries a request over a connection of its own.
async fn carry(
    dialer: Arc<Dialer>,
    request: BollardRequest,
) -> Result<http::Response<Incoming>, ClientError> {
    let (mut parts, body) = request.into_parts();
    // On a connection to one server only the path is said, and the host is a formality.
    parts.uri = match parts.uri.path_and_query() {
        Some(path) => Uri::from(path.clone()),
        None => Uri::from_static("/"),
    };
    parts.headers.insert(HOST, HeaderValue::from_static("docker"));
    let connection = TokioIo::new(dialer.dial().await?);
    let (mut sender, driver) = hyper::client::conn::http1::handshake(connection).await?;
    // It goes on by itself for as long as somebody reads the answer.
    let driver = tokio::spawn(driver.with_upgrades());
    match sender.send_request(http::Request::from_parts(parts, body)).await {
        // The connection broke before the request was on its way, and knows why; a server that
        // wants another certificate says so only after the handshake.
        Err(error) if error.is_canceled() => match driver.await {
            Ok(Err(cause)) => Err(cause.into()),
            _ => Err(error.into()),
        },
        answer => Ok(answer?),
    }
}
