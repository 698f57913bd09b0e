//! Where a Docker engine answers, as a value: the forms of `DOCKER_HOST`, parsed once.
//!
//! The forms are those of the Docker CLI (docker/cli: `opts/hosts.go`,
//! `cli/connhelper/connhelper.go`). A named pipe is refused: it exists on Windows alone.

use std::fmt;
use std::path::PathBuf;

/// Where a Docker engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket file of this machine.
    Unix(PathBuf),
    /// A TCP port, in the clear or with TLS.
    Tcp {
        /// Host name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// The certificates for TLS; `None` for a connection in the clear.
        tls: Option<TlsFiles>,
    },
    /// Through `ssh HOST docker system dial-stdio`, one process for each connection.
    Ssh(SshTarget),
}

/// The files of a TLS connection, as `DOCKER_CERT_PATH` holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Whom to trust.
    pub ca: PathBuf,
    /// Our certificate and its key; `None` for an engine that asks for none.
    pub client: Option<ClientFiles>,
}

/// A client's certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// A machine reached by ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// The user there; `None` for what ssh's configuration says.
    pub user: Option<String>,
    /// The machine.
    pub host: String,
    /// The port; `None` for what ssh's configuration says.
    pub port: Option<u16>,
    /// The engine's socket there; `None` for that machine's own default.
    pub socket: Option<String>,
}

/// An endpoint that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no Docker endpoint: {problem}")]
pub struct EndpointProblem {
    /// What was given.
    pub text: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// The forms an endpoint may have, for messages.
const FORMS: &str =
    "expected unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT], as in DOCKER_HOST";

impl Endpoint {
    /// Reads the form of `DOCKER_HOST`. TLS is not part of it; see [`Endpoint::with_tls`].
    ///
    /// # Errors
    ///
    /// When the text has none of the forms, with those that would be accepted.
    pub fn parse(text: &str) -> Result<Self, EndpointProblem> {
        let refuse =
            |problem: &str| EndpointProblem { text: text.to_owned(), problem: problem.to_owned() };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(refuse(&format!("it has no scheme; {FORMS}")));
        };
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(PathBuf::from(DEFAULT_SOCKET))),
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(refuse(&format!(
                "the path of a socket is absolute; did you mean unix:///{rest}?"
            ))),
            "tcp" | "http" | "https" => {
                let (host, port) =
                    host_and_port(rest.trim_end_matches('/')).map_err(|p| refuse(&p))?;
                let host = if host.is_empty() { "localhost".to_owned() } else { host };
                Ok(Self::Tcp { host, port: port.unwrap_or(2375), tls: None })
            }
            "ssh" => ssh(rest).map(Self::Ssh).map_err(|problem| refuse(&problem)),
            "npipe" => Err(refuse(
                "named pipes exist on Windows alone; use the engine's unix socket, or tcp:// or ssh://",
            )),
            "fd" => Err(refuse("fd:// is for the daemon itself; use the socket it listens on")),
            _ => Err(refuse(&format!("there is no scheme `{scheme}`; {FORMS}"))),
        }
    }

    /// The same endpoint over TLS; a socket and ssh stay what they are. As with the Docker CLI the
    /// port that was left out becomes 2376.
    pub fn with_tls(self, files: TlsFiles) -> Self {
        match self {
            Self::Tcp { host, port: 2375, .. } => Self::Tcp { host, port: 2376, tls: Some(files) },
            Self::Tcp { host, port, .. } => Self::Tcp { host, port, tls: Some(files) },
            other => other,
        }
    }
}

/// The socket where an engine listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

impl fmt::Display for Endpoint {
    /// The form of `DOCKER_HOST`; names no file of keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, .. } if host.contains(':') => {
                write!(f, "tcp://[{host}]:{port}")
            }
            Self::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
            Self::Ssh(SshTarget { user, host, port, socket }) => {
                write!(f, "ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                if host.contains(':') {
                    write!(f, "[{host}]")?;
                } else {
                    write!(f, "{host}")?;
                }
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                f.write_str(socket.as_deref().unwrap_or_default())
            }
        }
    }
}

/// `[USER@]HOST[:PORT][/SOCKET]`; a password has no place in it.
fn ssh(rest: &str) -> Result<SshTarget, String> {
    let (authority, socket) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err(
            "a password has no place in an ssh:// endpoint; use a key or an agent".to_owned()
        );
    }
    let (host, port) = host_and_port(place)?;
    // A leading dash would be read by ssh as an option.
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|user| user.starts_with('-')) {
        return Err(format!("it names no machine; {FORMS}"));
    }
    Ok(SshTarget {
        user: user.filter(|user| !user.is_empty()).map(str::to_owned),
        host,
        port,
        socket: socket.filter(|path| *path != "/").map(str::to_owned),
    })
}

/// `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT`.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((host, port)) = rest.split_once(']') else {
                return Err("the bracket of the IPv6 address is not closed".to_owned());
            };
            match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if port.is_empty() => (host, None),
                None => {
                    return Err(format!("`{port}` follows the IPv6 address instead of `:PORT`"));
                }
            }
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(
                    "an IPv6 address stands in brackets, such as tcp://[::1]:2376".to_owned()
                );
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.contains('/') {
        return Err(format!("`{host}` has a path; an endpoint is a host and a port"));
    }
    let port = match port {
        None => None,
        Some(port) => {
            Some(port.parse().map_err(|_| format!("`{port}` is no port; expected 1 to 65535"))?)
        }
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests;
