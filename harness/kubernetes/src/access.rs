//! A cluster that somebody runs: which one a kubeconfig means, and a client of it.
//!
//! What is shown of a kubeconfig is the context's name and the server's address; users, tokens and
//! keys are handed to the client and never told.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use gateproof_core::source::nearest::nearest;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::client::Client;
use crate::error::in_words;
use crate::patience::Patience;

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Which cluster a user means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// The kubeconfig file; `None` is the user's own (`KUBECONFIG`, `~/.kube/config`), or, inside a
    /// pod without one, the cluster around it.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; `None` is the current one.
    pub context: Option<String>,
}

/// A cluster that was found: how it is called and where its API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the context.
    pub context: String,
    /// The API server, such as `10.1.2.3:6443`.
    pub server: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context {} (API server {})", self.context, self.server)
    }
}

/// A kubeconfig that leads to no cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It cannot be read.
    #[error("the kubeconfig {from} cannot be used: {problem}")]
    Unusable {
        /// Which one.
        from: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// It has no context of that name.
    #[error("the kubeconfig {from} has no context `{asked}`{}", others(nearest.as_deref(), contexts))]
    NoContext {
        /// Which one.
        from: String,
        /// The context that was asked for.
        asked: String,
        /// What was meant, perhaps.
        nearest: Option<String>,
        /// Those that there are.
        contexts: Vec<String>,
    },
    /// Nobody says which context.
    #[error(
        "the kubeconfig {from} names no current context, so name one with --context{}",
        others(None, contexts)
    )]
    NoCurrentContext {
        /// Which one.
        from: String,
        /// Those that there are.
        contexts: Vec<String>,
    },
    /// There is no kubeconfig at all.
    #[error(
        "there is no kubeconfig: none was given with --kubeconfig, KUBECONFIG names no file that exists, ~/.kube/config does not exist, and this process does not run in a pod"
    )]
    None,
}

fn others(nearest: Option<&str>, contexts: &[String]) -> String {
    let meant = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let all = match contexts {
        [] => " (it has none)".to_owned(),
        contexts => format!(" (it has: {})", contexts.join(", ")),
    };
    format!("{meant}{all}")
}

impl Access {
    /// Makes a client of the cluster that is meant. Nothing is sent to it yet.
    ///
    /// # Errors
    /// When there is no such kubeconfig or context, or it is damaged.
    pub async fn connect(&self, patience: Patience) -> Result<(Client, Place), AccessError> {
        let from = self.kubeconfig.as_ref().map_or_else(
            || "of the user (KUBECONFIG or ~/.kube/config)".to_owned(),
            |path| path.display().to_string(),
        );
        let unusable = |problem: String| AccessError::Unusable { from: from.clone(), problem };
        let read = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let (config, context) = match read {
            Ok(kubeconfig) => {
                let context = self.choose(&kubeconfig, &from)?;
                let options =
                    KubeConfigOptions { context: Some(context.clone()), ..Default::default() };
                let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
                (config.map_err(|error| unusable(told(&error)))?, context)
            }
            Err(error) if self.kubeconfig.is_none() && is_absent(&error) => {
                if let Some(context) = &self.context {
                    return Err(unusable(format!(
                        "it does not exist, so it has no context `{context}`"
                    )));
                }
                let config = Config::incluster().map_err(|_| AccessError::None)?;
                (config, "(the cluster around this pod)".to_owned())
            }
            Err(error) => return Err(unusable(told(&error))),
        };
        let server = config.cluster_url.authority().map_or_else(
            || config.cluster_url.to_string(),
            |authority| authority.as_str().rsplit('@').next().unwrap_or_default().to_owned(),
        );
        let mut config = config;
        config.connect_timeout = Some(CONNECT_WITHIN);
        // Repeating is ours, in bounds.
        config.default_retry = false;
        let client = kube::Client::try_from(config).map_err(|error| unusable(in_words(&error)))?;
        Ok((Client::new(client).patient(patience), Place { context, server }))
    }

    /// The context that is meant.
    fn choose(&self, kubeconfig: &Kubeconfig, from: &str) -> Result<String, AccessError> {
        let mut contexts: Vec<String> =
            kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
        contexts.sort();
        let current = kubeconfig.current_context.as_ref().filter(|name| !name.is_empty());
        let Some(asked) = self.context.as_ref().or(current) else {
            return Err(AccessError::NoCurrentContext { from: from.to_owned(), contexts });
        };
        if contexts.contains(asked) {
            return Ok(asked.clone());
        }
        let nearest = nearest(asked, contexts.iter().map(String::as_str)).map(str::to_owned);
        let (from, asked) = (from.to_owned(), asked.clone());
        Err(AccessError::NoContext { from, asked, nearest, contexts })
    }
}

/// Whether there is no file.
fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}

/// What is wrong with a kubeconfig. Where its text cannot be parsed the parser's words are left
/// out, because they may quote it, and it holds secrets; its first line says where.
fn told(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, path) => format!("{}: {error}", path.display()),
        KubeconfigError::Parse(error) => match error.location() {
            Some(place) => {
                format!("it is no kubeconfig: see line {}, column {}", place.line(), place.column())
            }
            None => "it is no kubeconfig".to_owned(),
        },
        KubeconfigError::LoadClusterOfContext(name) => {
            format!("its context names cluster `{name}`, which it does not have")
        }
        KubeconfigError::LoadContext(name) => {
            format!("its context `{name}` names a cluster or user that it does not have")
        }
        KubeconfigError::MissingClusterUrl => "its cluster has no `server`".to_owned(),
        other => {
            let mut words = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(current) = cause {
                let next = current.to_string();
                if !words.contains(&next) {
                    words = format!("{words}: {next}");
                }
                cause = current.source();
            }
            words
        }
    }
}

#[cfg(test)]
mod tests;
