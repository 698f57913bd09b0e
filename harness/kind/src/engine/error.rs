//! Why a call to the engine failed: which operation, on what, and what the engine said.

use std::fmt;
use std::time::Duration;

use bollard::errors::Error as ClientError;

use crate::choice::ChoiceError;
use crate::endpoint::Endpoint;
use crate::preflight::Unfit;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It cannot be said which engine to use.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// No engine answers.
    #[error("no Docker engine answers at {endpoint}: {why}; {remedy}")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// What happened instead.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// No cluster will come up on it.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The engine does not tell about itself.
    #[error("failed to read the engine's facts at {endpoint}: {cause}")]
    Facts {
        /// Where it was asked.
        endpoint: String,
        /// Why not.
        cause: Cause,
    },
    /// A container.
    #[error("failed to {operation} container {container}: {cause}")]
    Container {
        /// What was to be done.
        operation: ContainerOperation,
        /// Its name.
        container: String,
        /// Why not.
        cause: Cause,
    },
    /// A command in a container.
    #[error("failed to run `{command}` in container {container}: {cause}")]
    Exec {
        /// The container's name.
        container: String,
        /// The command.
        command: String,
        /// Why not.
        cause: Cause,
    },
    /// A container's log.
    #[error("failed to read the log of container {container}: {cause}")]
    Log {
        /// The container's name.
        container: String,
        /// Why not.
        cause: Cause,
    },
    /// A network.
    #[error("failed to {operation} network {network}: {cause}")]
    Network {
        /// What was to be done.
        operation: NetworkOperation,
        /// Its name.
        network: String,
        /// Why not.
        cause: Cause,
    },
    /// An image.
    #[error("failed to {operation} image {image}: {cause}")]
    Image {
        /// What was to be done.
        operation: ImageOperation,
        /// Its name.
        image: String,
        /// Why not.
        cause: Cause,
    },
    /// A volume.
    #[error("failed to {operation} volume {volume}: {cause}")]
    Volume {
        /// What was to be done.
        operation: VolumeOperation,
        /// Its name.
        volume: String,
        /// Why not.
        cause: Cause,
    },
    /// The engine's events.
    #[error("failed to follow the engine's events: {cause}")]
    Events {
        /// Why not.
        cause: Cause,
    },
    /// A file in a container.
    #[error("failed to {operation} {path} in container {container}: {cause}")]
    File {
        /// `read`, `write` or `download`.
        operation: &'static str,
        /// The container's name.
        container: String,
        /// The path.
        path: String,
        /// Why not.
        cause: Cause,
    },
}

/// What was to be done with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerOperation {
    /// Create it.
    Create,
    /// Start it.
    Start,
    /// Look at it.
    Inspect,
    /// Find those with certain labels.
    List,
    /// Stop it.
    Stop,
    /// Wait for its end.
    Wait,
    /// Remove it.
    Remove,
}

impl fmt::Display for ContainerOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Inspect => "inspect",
            Self::List => "find",
            Self::Stop => "stop",
            Self::Wait => "wait for the end of",
            Self::Remove => "remove",
        })
    }
}

/// What was to be done with a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkOperation {
    /// Create it.
    Create,
    /// Look at it.
    Inspect,
    /// Remove it.
    Remove,
}

impl fmt::Display for NetworkOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Inspect => "inspect",
            Self::Remove => "remove",
        })
    }
}

/// What was to be done with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageOperation {
    /// Look at it.
    Inspect,
    /// Pull it.
    Pull,
    /// Write it into an archive.
    Save,
    /// Read it from an archive.
    Load,
    /// Make it of a root filesystem.
    Import,
    /// Build it.
    Build,
    /// Name it.
    Tag,
    /// Remove it.
    Remove,
}

impl fmt::Display for ImageOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inspect => "inspect",
            Self::Pull => "pull",
            Self::Save => "save",
            Self::Load => "load",
            Self::Import => "import",
            Self::Build => "build",
            Self::Tag => "tag",
            Self::Remove => "remove",
        })
    }
}

/// What was to be done with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeOperation {
    /// Create it.
    Create,
    /// Find those with certain labels.
    List,
    /// Remove it.
    Remove,
}

impl fmt::Display for VolumeOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::List => "find",
            Self::Remove => "remove",
        })
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The engine knows no such thing.
    NotFound(String),
    /// It stands in the way of something that exists, or of something under way.
    Conflict(String),
    /// The engine refused for another reason.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// Not done in time.
    TimedOut {
        /// How long was waited.
        limit: Duration,
        /// What was still missing.
        missing: String,
    },
    /// There was no connection, or it broke.
    Disconnected(String),
    /// An answer that makes no sense, or an outcome that is none.
    Unreadable(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(words) | Self::Conflict(words) | Self::Unreadable(words) => {
                f.write_str(words)
            }
            Self::Refused { status, message } => write!(f, "{message} (HTTP {status})"),
            Self::TimedOut { limit, missing } => {
                write!(f, "timed out after {} s: {missing}", limit.as_secs_f64())
            }
            Self::Disconnected(words) => write!(f, "no connection to the engine: {words}"),
        }
    }
}

impl From<ClientError> for Cause {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::DockerResponseServerError { status_code, message } => {
                let message = message.trim().to_owned();
                match status_code {
                    404 => Self::NotFound(message),
                    409 => Self::Conflict(message),
                    status => Self::Refused { status, message },
                }
            }
            ClientError::DockerStreamError { error } => {
                Self::Refused { status: 200, message: error.trim().to_owned() }
            }
            ClientError::DockerContainerWaitError { error, code } => {
                Self::Unreadable(format!("exit code {code} {error}"))
            }
            ClientError::JsonDataError { message, .. } => {
                Self::Unreadable(format!("the engine's answer cannot be read: {message}"))
            }
            ClientError::IOError { err } => Self::Disconnected(chain(&err)),
            ClientError::HyperResponseError { err } => Self::Disconnected(chain(&err)),
            other => Self::Unreadable(chain(&other)),
        }
    }
}

/// An error with what is below it, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let said = cause.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        below = cause.source();
    }
    words
}

impl EngineError {
    /// No engine answered; the remedy depends on how.
    pub(super) fn unreachable(endpoint: &Endpoint, why: &Cause) -> Self {
        let why = match why {
            Cause::Disconnected(words) => words.clone(),
            other => other.to_string(),
        };
        let remedy = remedy(endpoint, &why);
        Self::Unreachable { endpoint: endpoint.to_string(), why, remedy }
    }

    /// Why it failed; `None` when no engine answers at all.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Choice(_) | Self::Unreachable { .. } | Self::Unfit(_) => None,
            Self::Facts { cause, .. }
            | Self::Container { cause, .. }
            | Self::Exec { cause, .. }
            | Self::Log { cause, .. }
            | Self::Network { cause, .. }
            | Self::Image { cause, .. }
            | Self::Volume { cause, .. }
            | Self::Events { cause }
            | Self::File { cause, .. } => Some(cause),
        }
    }

    /// Whether what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self.cause(), Some(Cause::NotFound(_)))
    }

    /// Whether it stood in the way of something that exists.
    pub fn is_conflict(&self) -> bool {
        matches!(self.cause(), Some(Cause::Conflict(_)))
    }
}

fn remedy(endpoint: &Endpoint, why: &str) -> String {
    let why = why.to_lowercase();
    match endpoint {
        Endpoint::Unix(_) if why.contains("permission denied") => {
            "add yourself to the group that owns the socket (usually `sudo usermod -aG docker \
             $USER`, then log in again), or use a rootless engine"
                .to_owned()
        }
        Endpoint::Unix(_) if why.contains("no such file") => {
            "install and start Docker (`sudo systemctl start docker`), or name another engine with \
             DOCKER_HOST or DOCKER_CONTEXT"
                .to_owned()
        }
        Endpoint::Unix(_) => {
            "start the engine (`sudo systemctl start docker`, or Docker Desktop)".to_owned()
        }
        Endpoint::Tcp { tls: None, .. } => {
            "see that the engine listens there, and whether it wants TLS (DOCKER_TLS_VERIFY and \
             DOCKER_CERT_PATH)"
                .to_owned()
        }
        Endpoint::Tcp { .. } => {
            "see that the engine listens there with TLS, and that ca.pem, cert.pem and key.pem in \
             DOCKER_CERT_PATH belong to it"
                .to_owned()
        }
        Endpoint::Ssh(target) => format!(
            "see that `ssh {} docker version` works without a question (a key or an agent, a known \
             host, Docker 18.09 or newer there)",
            target.host
        ),
    }
}
