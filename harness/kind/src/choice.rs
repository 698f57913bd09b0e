//! Which engine to use, decided as the Docker command line decides it (docker/cli:
//! `cli/command/cli.go`, `resolveContextName`; `cli/context/store`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest;
use serde::Deserialize;

use crate::docker_config::{DockerConfig, DockerConfigError, DockerEnvironment};
use crate::endpoint::{ClientFiles, DEFAULT_SOCKET, Endpoint, EndpointProblem, TlsFiles};

/// The name of the context that stands for the environment and the default socket.
const DEFAULT_CONTEXT: &str = "default";

/// It cannot be said which engine to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// What was given is no endpoint.
    #[error("failed to find out which Docker engine to use: {origin}: {problem}")]
    NoEndpoint {
        /// Where it was given.
        origin: String,
        /// What is wrong.
        problem: EndpointProblem,
    },
    /// Docker's settings cannot be read.
    #[error("failed to find out which Docker engine to use: {0}")]
    Settings(#[from] DockerConfigError),
    /// There is no such context.
    #[error(
        "failed to find out which Docker engine to use: {origin} names the context `{name}`, and \
         there is none at {}; `docker context ls` shows those that exist", file.display()
    )]
    NoContext {
        /// Who names it.
        origin: String,
        /// The context.
        name: String,
        /// Where it would be.
        file: PathBuf,
    },
    /// A context that cannot be used.
    #[error("failed to use the Docker context `{name}` of {}: {problem}", file.display())]
    BadContext {
        /// The context.
        name: String,
        /// Its file.
        file: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// TLS is asked for, and there is no authority to trust.
    #[error(
        "failed to prepare TLS for {endpoint}: {} does not exist; put the engine's certificate \
         authority there, or name the folder with DOCKER_CERT_PATH", ca.display()
    )]
    NoAuthority {
        /// The endpoint.
        endpoint: String,
        /// Where it was looked for.
        ca: PathBuf,
    },
}

/// Reads a file; how is for the caller to say.
pub type Read<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// Which engine to use: the one that is asked for, else `DOCKER_HOST`, else `DOCKER_CONTEXT`, else
/// the context in Docker's settings, else the default socket.
///
/// # Errors
///
/// When any of these says something that cannot be.
pub fn choose(
    asked_for: Option<&str>,
    environment: &DockerEnvironment,
    read: Read<'_>,
) -> Result<Endpoint, ChoiceError> {
    for (origin, text) in
        [("the endpoint asked for", asked_for), ("DOCKER_HOST", environment.host.as_deref())]
    {
        if let Some(text) = text {
            let endpoint = Endpoint::parse(text).map_err(|problem| ChoiceError::NoEndpoint {
                origin: origin.to_owned(),
                problem,
            })?;
            return with_environment_tls(endpoint, environment, read);
        }
    }
    let Some(folder) = environment.config_folder() else {
        return Ok(Endpoint::Unix(PathBuf::from(DEFAULT_SOCKET)));
    };
    let (origin, name) = if let Some(name) = &environment.context {
        ("DOCKER_CONTEXT".to_owned(), Some(name.clone()))
    } else {
        let settings = DockerConfig::read(&folder, read)?;
        (folder.join("config.json").display().to_string(), settings.current_context)
    };
    match name.filter(|name| !name.is_empty() && name != DEFAULT_CONTEXT) {
        None => Ok(Endpoint::Unix(PathBuf::from(DEFAULT_SOCKET))),
        Some(name) => context(&origin, &name, &folder, read),
    }
}

/// [`choose`] with the files of this machine.
///
/// # Errors
///
/// As [`choose`].
pub fn choose_here(
    asked_for: Option<&str>,
    environment: &DockerEnvironment,
) -> Result<Endpoint, ChoiceError> {
    choose(asked_for, environment, &|path| std::fs::read(path))
}

/// The proxies that Docker's settings have for containers on this engine, under the names of
/// environment variables.
///
/// # Errors
///
/// When the settings cannot be read.
pub fn proxies_here(
    endpoint: &Endpoint,
    environment: &DockerEnvironment,
) -> Result<BTreeMap<String, String>, DockerConfigError> {
    let Some(folder) = environment.config_folder() else { return Ok(BTreeMap::new()) };
    let settings = DockerConfig::read(&folder, |path| std::fs::read(path))?;
    Ok(settings.proxies(&endpoint.to_string()))
}

/// Sockets of engines that people run instead of the default one; for hints where that is absent.
pub fn other_sockets(environment: &DockerEnvironment) -> Vec<PathBuf> {
    let home = |below: &str| environment.home.as_ref().map(|home| home.join(below));
    let runtime = |below: &str| environment.runtime.as_ref().map(|folder| folder.join(below));
    [
        runtime("docker.sock"),
        home(".docker/desktop/docker.sock"),
        home(".docker/run/docker.sock"),
        home(".colima/default/docker.sock"),
        home(".orbstack/run/docker.sock"),
        home(".rd/docker.sock"),
        runtime("podman/podman.sock"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn with_environment_tls(
    endpoint: Endpoint,
    environment: &DockerEnvironment,
    read: Read<'_>,
) -> Result<Endpoint, ChoiceError> {
    if environment.tls_verify.is_none() || !matches!(endpoint, Endpoint::Tcp { .. }) {
        return Ok(endpoint);
    }
    let folder = environment.certificates.clone().or_else(|| environment.config_folder());
    let folder = folder.unwrap_or_else(|| PathBuf::from("/"));
    match tls_files(&folder, read) {
        Some(files) => Ok(endpoint.with_tls(files)),
        None => Err(ChoiceError::NoAuthority {
            endpoint: endpoint.to_string(),
            ca: folder.join("ca.pem"),
        }),
    }
}

/// The files of a folder; our certificate is optional.
fn tls_files(folder: &Path, read: Read<'_>) -> Option<TlsFiles> {
    let present = |name: &str| {
        let file = folder.join(name);
        read(&file).is_ok().then_some(file)
    };
    let client = present("cert.pem").zip(present("key.pem"));
    Some(TlsFiles {
        ca: present("ca.pem")?,
        client: client.map(|(certificate, key)| ClientFiles { certificate, key }),
    })
}

/// The file of a context, as far as it concerns Docker.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextFile {
    #[serde(default)]
    endpoints: ContextEndpoints,
}

#[derive(Deserialize, Default)]
struct ContextEndpoints {
    docker: Option<ContextEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEndpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

fn context(
    origin: &str,
    name: &str,
    folder: &Path,
    read: Read<'_>,
) -> Result<Endpoint, ChoiceError> {
    let id = sha256(name);
    let file = folder.join("contexts/meta").join(&id).join("meta.json");
    let bad = |problem: String| ChoiceError::BadContext {
        name: name.to_owned(),
        file: file.clone(),
        problem,
    };
    let text = match read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (origin, name) = (origin.to_owned(), name.to_owned());
            return Err(ChoiceError::NoContext { origin, name, file });
        }
        Err(error) => return Err(bad(error.to_string())),
    };
    let found: ContextFile =
        serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    let docker =
        found.endpoints.docker.ok_or_else(|| bad("it has no endpoint `docker`".to_owned()))?;
    if docker.host.is_empty() {
        return Ok(Endpoint::Unix(PathBuf::from(DEFAULT_SOCKET)));
    }
    let endpoint = Endpoint::parse(&docker.host).map_err(|problem| bad(problem.to_string()))?;
    if !matches!(endpoint, Endpoint::Tcp { .. }) {
        return Ok(endpoint);
    }
    let folder = folder.join("contexts/tls").join(id).join("docker");
    match (tls_files(&folder, read), docker.skip_tls_verify) {
        (_, true) => Err(bad(
            "it skips the check of the engine's certificate, which Gateproof does not do; give \
             the context the engine's authority with `docker context update --docker \
             host=…,ca=…`"
                .to_owned(),
        )),
        (Some(files), false) => Ok(endpoint.with_tls(files)),
        (None, false) => Ok(endpoint),
    }
}

fn sha256(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

#[cfg(test)]
mod tests;
