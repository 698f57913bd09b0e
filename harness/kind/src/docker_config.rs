//! The Docker command line's own settings, as far as they say which engine to use and who we are
//! to a registry (docker/cli: `cli/config/configfile/file.go`).
//!
//! The file holds secrets. What is kept of it is never shown.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::image::Credentials;
use crate::image_reference::DEFAULT_REGISTRY;

/// The name of Docker Hub in settings (moby: `registry/config.go`, `IndexServer`).
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What the environment says about Docker; whoever reads the environment fills it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerEnvironment {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// `DOCKER_TLS_VERIFY`; anything but nothing means yes.
    pub tls_verify: Option<String>,
    /// `DOCKER_CERT_PATH`.
    pub certificates: Option<PathBuf>,
    /// `DOCKER_CONFIG`.
    pub config: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// `PATH` for `ssh` and credential helpers; `None` for this process's own.
    pub search_path: Option<OsString>,
}

impl DockerEnvironment {
    /// Fills it in; an empty variable counts as none, as for Docker.
    pub fn from_variables(read: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name| read(name).filter(|value| !value.is_empty());
        let path = |name| text(name).map(PathBuf::from);
        Self {
            host: text("DOCKER_HOST"),
            context: text("DOCKER_CONTEXT"),
            tls_verify: text("DOCKER_TLS_VERIFY"),
            certificates: path("DOCKER_CERT_PATH"),
            config: path("DOCKER_CONFIG"),
            home: path("HOME"),
            runtime: path("XDG_RUNTIME_DIR"),
            search_path: None,
        }
    }

    /// Where the settings are.
    pub fn config_folder(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }
}

/// Settings that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    /// The file cannot be read.
    #[error("failed to read Docker's settings in {}: {problem}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why not.
        problem: String,
    },
    /// It is no settings file. The message has a place in it and no content.
    #[error(
        "failed to understand Docker's settings in {} at line {line}, column {column}",
        file.display()
    )]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
}

/// Docker's settings.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerConfig {
    /// The context in use.
    pub current_context: Option<String>,
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
    proxies: BTreeMap<String, Proxies>,
}

/// Proxies of containers (docker/cli: `cli/config/configfile/file.go`, `ParseProxyConfig`); their
/// addresses may have passwords in them.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Proxies {
    #[serde(rename = "httpProxy")]
    http: Option<String>,
    #[serde(rename = "httpsProxy")]
    https: Option<String>,
    #[serde(rename = "noProxy")]
    without: Option<String>,
}

#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerConfig")
            .field("current_context", &self.current_context)
            .finish_non_exhaustive()
    }
}

/// Where credentials for a registry come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// There are none.
    Nowhere,
    /// They stand in the settings.
    Settings(Credentials),
    /// A program has them.
    Helper {
        /// The program, `docker-credential-…`.
        program: String,
        /// What it is asked for.
        server: String,
    },
}

impl DockerConfig {
    /// Reads the settings in a folder; none are as good as empty ones.
    ///
    /// # Errors
    ///
    /// When there is a file and it is not what Docker writes.
    pub fn read(
        folder: &Path,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Self, DockerConfigError> {
        let file = folder.join("config.json");
        let text = match read(&file) {
            Ok(text) => text,
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(DockerConfigError::Unreadable { file, problem: error.to_string() });
            }
        };
        serde_json::from_slice(&text).map_err(|error| DockerConfigError::Malformed {
            file,
            line: error.line(),
            column: error.column(),
        })
    }

    /// Where credentials for a registry come from: the helper of this registry, else the helper
    /// of all, else the settings themselves.
    pub fn credentials(&self, registry: &str) -> CredentialSource {
        let server = if registry == DEFAULT_REGISTRY { DOCKER_HUB } else { registry };
        let helper = self.cred_helpers.get(server).or(self.creds_store.as_ref());
        if let Some(helper) = helper.filter(|name| !name.is_empty()) {
            return CredentialSource::Helper {
                program: format!("docker-credential-{helper}"),
                server: server.to_owned(),
            };
        }
        // An older client wrote `https://HOST/v1/` instead of `HOST`.
        let entry = self.auths.get(server).or_else(|| {
            let mut entries = self.auths.iter();
            entries.find(|(key, _)| host_of(key) == host_of(server)).map(|(_, entry)| entry)
        });
        match entry.and_then(Entry::credentials) {
            Some(credentials) => CredentialSource::Settings(credentials),
            None => CredentialSource::Nowhere,
        }
    }
}

impl DockerConfig {
    /// The proxies of containers on an engine, or those of all engines where it has none of its
    /// own, under the names of environment variables.
    pub fn proxies(&self, engine: &str) -> BTreeMap<String, String> {
        let of = self.proxies.get(engine).or_else(|| self.proxies.get("default"));
        let Some(Proxies { http, https, without }) = of else {
            return BTreeMap::new();
        };
        [("HTTP_PROXY", http), ("HTTPS_PROXY", https), ("NO_PROXY", without)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }
}

impl Entry {
    fn credentials(&self) -> Option<Credentials> {
        if let Some(token) = self.identitytoken.clone().filter(|token| !token.is_empty()) {
            return Some(Credentials::IdentityToken(token));
        }
        if let (Some(user), Some(password)) = (&self.username, &self.password) {
            let (user, password) = (user.clone(), password.clone());
            return Some(Credentials::Password { user, password });
        }
        let decoded = STANDARD.decode(self.auth.as_ref()?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.trim_end_matches('\0').split_once(':')?;
        Some(Credentials::Password { user: user.to_owned(), password: password.to_owned() })
    }
}

fn host_of(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DockerConfig {
        DockerConfig::read(Path::new("/home/me/.docker"), |_| Ok(text.as_bytes().to_vec()))
            .expect("settings")
    }

    #[test]
    fn credentials_come_from_the_helper_of_a_registry_then_of_all_then_from_the_settings() {
        let text = r#"{
            "auths": {
                "https://index.docker.io/v1/": {"auth": "bWU6c2VjOnJldA=="},
                "quay.io": {"auth": "eW91OnB3"},
                "https://old.example.test/v1/": {"auth": "b2xkOnB3"},
                "token.example.test": {"auth": "YTpi", "identitytoken": "abc"},
                "empty.example.test": {},
                "broken.example.test": {"auth": "%%%"}
            },
            "credHelpers": {"gcr.example.test": "gcloud"},
            "HttpHeaders": {"User-Agent": "Docker-Client"}
        }"#;
        let settings = config(text);
        let with_store = config(&text.replacen('{', r#"{"credsStore": "desktop","#, 1));
        let password = |user: &str, password: &str| {
            CredentialSource::Settings(Credentials::Password {
                user: user.to_owned(),
                password: password.to_owned(),
            })
        };
        let helper = |program: &str, server: &str| CredentialSource::Helper {
            program: program.to_owned(),
            server: server.to_owned(),
        };
        for (settings, registry, source) in [
            (&settings, "docker.io", password("me", "sec:ret")),
            (&settings, "quay.io", password("you", "pw")),
            (&settings, "old.example.test", password("old", "pw")),
            (
                &settings,
                "token.example.test",
                CredentialSource::Settings(Credentials::IdentityToken("abc".to_owned())),
            ),
            (&settings, "empty.example.test", CredentialSource::Nowhere),
            (&settings, "broken.example.test", CredentialSource::Nowhere),
            (&settings, "unknown.example.test", CredentialSource::Nowhere),
            (&settings, "gcr.example.test", helper("docker-credential-gcloud", "gcr.example.test")),
            (&with_store, "docker.io", helper("docker-credential-desktop", DOCKER_HUB)),
            (
                &with_store,
                "gcr.example.test",
                helper("docker-credential-gcloud", "gcr.example.test"),
            ),
        ] {
            assert_eq!(settings.credentials(registry), source, "{registry}");
        }
    }

    #[test]
    fn an_engines_own_proxies_come_before_those_of_all() {
        let settings = config(
            r#"{"proxies": {
                "default": {"httpProxy": "http://all:1", "noProxy": "all.test", "ftpProxy": "x"},
                "unix:///mine.sock": {"httpsProxy": "http://mine:2", "httpProxy": ""}
            }}"#,
        );
        for (settings, engine, expected) in [
            (&settings, "unix:///mine.sock", &[("HTTPS_PROXY", "http://mine:2")][..]),
            (
                &settings,
                "tcp://other:2376",
                &[("HTTP_PROXY", "http://all:1"), ("NO_PROXY", "all.test")],
            ),
            (&config("{}"), "unix:///mine.sock", &[]),
        ] {
            let found = settings.proxies(engine);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expected, "{engine}");
        }
        assert!(!format!("{settings:?}").contains("all:1"));
    }

    #[test]
    fn settings_that_do_not_exist_are_empty_and_secrets_are_never_shown() {
        let absent =
            DockerConfig::read(Path::new("/none"), |_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(absent.expect("as good as empty"), DockerConfig::default());

        let shown = format!("{:?}", config(r#"{"auths": {"quay.io": {"auth": "eW91OnB3"}}}"#));
        assert!(!shown.contains("eW91OnB3"), "{shown}");
        let torn = |_: &Path| Ok(br#"{"auths": {"quay.io": {"auth": eW91OnB3"#.to_vec());
        let error = DockerConfig::read(Path::new("/home/me/.docker"), torn).expect_err("torn");
        let words = error.to_string();
        assert!(words.contains("/home/me/.docker/config.json at line 1"), "{words}");
        assert!(!words.contains("eW91OnB3"), "{words}");
    }
}
