//! A cluster that somebody runs: which one a kubeconfig means, and a client of it.
//!
//! What is shown of a kubeconfig is the context's name and the server's address; users, tokens and
//! keys are handed to the client and never told. Read in this order: `kubeconfig` (which one, by
//! kubectl's rules), `credential` (plugins, and what credentials say about themselves), `proxy`.

mod credential;
mod kubeconfig;
mod proxy;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use gateproof_probe::describe_certificate;
use kube::Config;
use kube::config::KubeConfigOptions;
use rustls_pki_types::CertificateDer;

use crate::client::Client;
use crate::patience::Patience;
use kubeconfig::{Found, Surroundings};

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
    /// The namespace that the context names, if it names one.
    pub namespace: Option<String>,
    /// Through which proxy the server is reached: its address alone.
    pub proxy: Option<String>,
    /// The authorities by which the server's certificate is verified; those of the system when
    /// there are none.
    pub authorities: Vec<Authority>,
    /// What the credentials say about themselves, such as until when they hold.
    pub credentials: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context {} (API server {}", self.context, self.server)?;
        if let Some(proxy) = &self.proxy {
            write!(f, ", through proxy {proxy}")?;
        }
        f.write_str(")")
    }
}

/// An authority that signs certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its name, such as `CN=kubernetes`.
    pub subject: String,
    /// Since when its certificate holds.
    pub since: String,
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
    /// Its credentials cannot be had.
    #[error("{place} was not asked: {problem}\n  next: {next}")]
    NoCredentials {
        /// Which cluster.
        place: Box<Place>,
        /// Why not, in words.
        problem: String,
        /// What to do.
        next: &'static str,
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

/// The configuration that a pod gets from Kubernetes.
const OF_POD: &str = "of this pod's service account";

/// What the cluster around a pod is called.
const AROUND: &str = "(the cluster around this pod)";

impl Access {
    /// Makes a client of the cluster that is meant. Nothing is sent to it yet; a plugin that the
    /// kubeconfig names for its credentials is run.
    ///
    /// # Errors
    /// When there is no such kubeconfig or context, it is damaged, or it gives no credentials.
    pub async fn connect(&self, patience: Patience) -> Result<(Client, Place), AccessError> {
        self.connect_from(&Surroundings::read(), patience).await
    }

    async fn connect_from(
        &self,
        around: &Surroundings,
        patience: Patience,
    ) -> Result<(Client, Place), AccessError> {
        let found = kubeconfig::find(self, around)?;
        let from = found.as_ref().map_or_else(
            || match &around.service_host {
                Some(_) if self.context.is_none() => OF_POD.to_owned(),
                _ => "of the user (KUBECONFIG or ~/.kube/config)".to_owned(),
            },
            |found| found.from.clone(),
        );
        let unusable = |problem: String| AccessError::Unusable { from: from.clone(), problem };
        let (mut config, context, namespace) = match found {
            Some(found) => of_context(self.context.as_deref(), found, around).await?,
            None if self.context.is_some() => {
                let context = self.context.as_deref().unwrap_or_default();
                return Err(unusable(format!(
                    "it does not exist, so it has no context `{context}`"
                )));
            }
            None => (around_this_pod(around)?, AROUND.to_owned(), None),
        };
        if config.root_cert.as_ref().is_some_and(Vec::is_empty) {
            return Err(unusable(
                "its certificate authority holds no certificate (expected PEM: `BEGIN CERTIFICATE`)"
                    .to_owned(),
            ));
        }
        credential::tidy_token_file(&mut config.auth_info).map_err(unusable)?;
        config.connect_timeout = Some(CONNECT_WITHIN);
        // Repeating is ours, in bounds.
        config.default_retry = false;
        let place = place(&config, context, namespace);
        let refused = |problem: String| AccessError::NoCredentials {
            place: Box::new(place.clone()),
            problem,
            next: "run the plugin by hand as the kubeconfig has it (`users[].user.exec`), and log in anew if it asks for that",
        };
        if let Some(exec) = &mut config.auth_info.exec {
            credential::settle(exec, around.person).map_err(refused)?;
        }
        let has_plugin = config.auth_info.exec.is_some();
        let client = credential::client(config, around.person).await;
        let client =
            client.map_err(|words| if has_plugin { refused(words) } else { unusable(words) })?;
        Ok((Client::new(client).patient(patience), place))
    }
}

async fn of_context(
    asked: Option<&str>,
    found: Found,
    around: &Surroundings,
) -> Result<(Config, String, Option<String>), AccessError> {
    let context = kubeconfig::choose(asked, &found)?;
    let details = found
        .kubeconfig
        .contexts
        .iter()
        .find(|named| named.name == context)
        .and_then(|named| named.context.clone())
        .unwrap_or_default();
    let names_a_proxy = found
        .kubeconfig
        .clusters
        .iter()
        .filter(|named| named.name == details.cluster)
        .filter_map(|named| named.cluster.as_ref()?.proxy_url.as_ref())
        .any(|proxy| !proxy.is_empty());
    let Found { kubeconfig, from } = found;
    let options = KubeConfigOptions { context: Some(context.clone()), ..Default::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| {
        let problem = kubeconfig::told(&error);
        AccessError::Unusable { from, problem }
    })?;
    if !names_a_proxy {
        leave_proxy_out(&mut config, around);
    }
    Ok((config, context, details.namespace.filter(|namespace| !namespace.is_empty())))
}

/// Inside a pod, where its service account leads.
fn around_this_pod(around: &Surroundings) -> Result<Config, AccessError> {
    if around.service_host.is_none() {
        return Err(AccessError::None);
    }
    Config::incluster().map_err(|error| AccessError::Unusable {
        from: OF_POD.to_owned(),
        problem: format!(
            "{error}; is the service account's token mounted (`automountServiceAccountToken`)?"
        ),
    })
}

/// A proxy that only the environment names is left out where the environment says so too.
fn leave_proxy_out(config: &mut Config, around: &Surroundings) {
    let Some(host) = config.cluster_url.host() else { return };
    let port = config.cluster_url.port_u16().unwrap_or(443);
    if proxy::is_left_out(&around.no_proxy, host, port) {
        config.proxy_url = None;
    }
}

fn place(config: &Config, context: String, namespace: Option<String>) -> Place {
    let bare = |url: &http::Uri| {
        url.authority().map_or_else(
            || url.to_string(),
            |authority| authority.as_str().rsplit('@').next().unwrap_or_default().to_owned(),
        )
    };
    let roots = config.root_cert.iter().flatten();
    Place {
        context,
        server: bare(&config.cluster_url),
        namespace,
        proxy: config.proxy_url.as_ref().map(bare),
        authorities: roots
            .map(|der| describe_certificate(&CertificateDer::from(der.as_slice())))
            .map(|seen| Authority { subject: seen.subject, since: seen.not_before })
            .collect(),
        credentials: credential::about(&config.auth_info),
    }
}

#[cfg(test)]
mod tests;
