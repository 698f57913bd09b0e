//! Which kubeconfig is meant, by kubectl's rules, and what is wrong with one, in words.
//!
//! Several files of `KUBECONFIG` are one: what the first of them says of a name counts, files that do
//! not exist are passed over, and relative paths are relative to the file that they stand in
//! (Kubernetes' documentation, "Organizing Cluster Access Using kubeconfig Files"; kubectl v1.32).

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use gateproof_core::source::nearest::nearest;
use kube::config::{Kubeconfig, KubeconfigError, LoadDataError};

use super::{Access, AccessError};

/// What the process around says, as kubectl reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// `KUBECONFIG`.
    pub(super) kubeconfig: Option<OsString>,
    /// The user's folder.
    pub(super) home: Option<PathBuf>,
    /// `NO_PROXY` or `no_proxy`.
    pub(super) no_proxy: String,
    /// Who could answer a question.
    pub(super) person: Person,
    /// `KUBERNETES_SERVICE_HOST`: Kubernetes sets it in pods.
    pub(super) service_host: Option<OsString>,
}

/// Whether somebody sits at a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    /// Yes.
    There,
    /// No: a CI system, a pipe.
    Absent,
}

impl Surroundings {
    /// Reads them.
    pub(super) fn read() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let no_proxy = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
        let terminal = std::io::stdin().is_terminal();
        Self {
            kubeconfig: variable("KUBECONFIG"),
            home: std::env::home_dir(),
            no_proxy: no_proxy.to_string_lossy().into_owned(),
            person: if terminal { Person::There } else { Person::Absent },
            service_host: variable("KUBERNETES_SERVICE_HOST"),
        }
    }
}

/// A kubeconfig that was found.
pub(super) struct Found {
    pub(super) kubeconfig: Kubeconfig,
    /// Where, as messages name it.
    pub(super) from: String,
}

/// Finds and reads it; `None` when there is none at all.
pub(super) fn find(access: &Access, around: &Surroundings) -> Result<Option<Found>, AccessError> {
    if let Some(path) = &access.kubeconfig {
        return read(std::slice::from_ref(path), path.display().to_string()).map(Some);
    }
    let named: Vec<PathBuf> = around
        .kubeconfig
        .iter()
        .flat_map(std::env::split_paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if named.is_empty() {
        let usual = around.home.as_ref().map(|home| home.join(".kube").join("config"));
        let Some(usual) = usual.filter(|path| exists(path)) else { return Ok(None) };
        return read(&[usual], "~/.kube/config".to_owned()).map(Some);
    }
    let there: Vec<PathBuf> = named.into_iter().filter(|path| exists(path)).collect();
    let shown: Vec<String> = there.iter().map(|path| path.display().to_string()).collect();
    if there.is_empty() {
        return Ok(None);
    }
    read(&there, format!("{} (by KUBECONFIG)", shown.join(" with "))).map(Some)
}

/// Whether there is such a file, also one that may not be read: that is to be told.
fn exists(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
}

fn read(paths: &[PathBuf], from: String) -> Result<Found, AccessError> {
    let unusable = |problem: String| AccessError::Unusable { from: from.clone(), problem };
    let mut merged = Kubeconfig::default();
    for path in paths {
        let name = if paths.len() > 1 { format!("{}: ", path.display()) } else { String::new() };
        let mut next = Kubeconfig::read_from(path)
            .map_err(|error| unusable(format!("{name}{}", told(&error))))?;
        // Where a file says it is nobody, the next one is asked.
        next.current_context = next.current_context.filter(|context| !context.is_empty());
        merged = merged.merge(next).map_err(|error| unusable(format!("{name}{}", told(&error))))?;
    }
    if merged.contexts.is_empty() && merged.clusters.is_empty() {
        let problem = if paths.iter().all(is_empty) {
            "it is empty".to_owned()
        } else {
            "it has no contexts and no clusters".to_owned()
        };
        return Err(unusable(problem));
    }
    Ok(Found { kubeconfig: merged, from })
}

fn is_empty(path: &PathBuf) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() == 0)
}

/// The context that is meant.
pub(super) fn choose(asked: Option<&str>, found: &Found) -> Result<String, AccessError> {
    let Found { kubeconfig, from } = found;
    let names = |all: Vec<&String>| -> Vec<String> {
        let mut names: Vec<String> = all.into_iter().cloned().collect();
        names.sort();
        names
    };
    let contexts = names(kubeconfig.contexts.iter().map(|context| &context.name).collect());
    let Some(asked) = asked.or(kubeconfig.current_context.as_deref()) else {
        return Err(AccessError::NoCurrentContext { from: from.clone(), contexts });
    };
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == asked) else {
        let nearest = nearest(asked, contexts.iter().map(String::as_str)).map(str::to_owned);
        let (from, asked) = (from.clone(), asked.to_owned());
        return Err(AccessError::NoContext { from, asked, nearest, contexts });
    };
    // kubectl refuses what the client library would take for nobody.
    let user = context.context.as_ref().and_then(|context| context.user.as_ref());
    let users = names(kubeconfig.auth_infos.iter().map(|user| &user.name).collect());
    if let Some(user) = user.filter(|user| !user.is_empty() && !users.contains(user)) {
        let meant = nearest(user, users.iter().map(String::as_str));
        let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        let problem =
            format!("its context `{asked}` names user `{user}`, which it does not have{meant}");
        return Err(AccessError::Unusable { from: from.clone(), problem });
    }
    Ok(asked.to_owned())
}

/// What is wrong with a kubeconfig. Where its text cannot be parsed the parser's words are left
/// out, because they may quote it, and it holds secrets; its first line says where.
pub(super) fn told(error: &KubeconfigError) -> String {
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
        KubeconfigError::LoadCertificateAuthority(error) => file("certificate authority", error),
        KubeconfigError::LoadClientCertificate(error) => file("client certificate", error),
        KubeconfigError::LoadClientKey(error) => file("client key", error),
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

fn file(what: &str, error: &LoadDataError) -> String {
    match error {
        LoadDataError::ReadFile(error, path) => {
            format!("failed to read its {what}, {}: {error}", path.display())
        }
        LoadDataError::DecodeBase64(_) => {
            format!("the data of its {what} are not base64, which they must be in a kubeconfig")
        }
        LoadDataError::NoBase64DataOrFile => format!("it names no {what}"),
    }
}
