//! Which kinds a cluster serves, and under which paths.
//!
//! Asks for one group and version at a time and remembers the answer. A kind that is missing from
//! a remembered answer is looked up once more, because definitions are installed while we run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIResourceList};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::Cause;

/// A kind as the cluster serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// `apiVersion`.
    pub(crate) api_version: String,
    /// `kind`.
    pub(crate) kind: String,
    /// The plural in paths, such as `httproutes`.
    plural: String,
    /// Where its objects live.
    scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Namespaced,
    Cluster,
}

impl Resource {
    /// Whether objects of this kind live in namespaces.
    pub(crate) fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// Its plural, as paths and permissions have it.
    pub(crate) fn plural(&self) -> &str {
        &self.plural
    }

    /// The namespace of an object of this kind: the one given, else `default`; none for kinds
    /// without namespaces, whatever was given.
    pub(crate) fn namespace<'n>(&self, given: Option<&'n str>) -> Option<&'n str> {
        self.is_namespaced().then(|| given.unwrap_or("default"))
    }

    /// The path of the collection, in one namespace or in all of them.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.api_version.contains('/') { "/apis" } else { "/api" };
        match namespace {
            Some(namespace) if self.is_namespaced() => {
                format!("{root}/{}/namespaces/{namespace}/{}", self.api_version, self.plural)
            }
            _ => format!("{root}/{}/{}", self.api_version, self.plural),
        }
    }
}

/// Remembered answers, by `apiVersion`.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    known: Mutex<HashMap<String, Vec<Resource>>>,
    /// Who asks for a group and version first lets others wait for the answer.
    asking: Mutex<HashMap<String, Arc<Asking>>>,
    /// The versions of groups.
    versions: Mutex<HashMap<String, Arc<OnceCell<Vec<String>>>>>,
}

/// When a group and version was asked for last.
type Asking = tokio::sync::Mutex<Option<Instant>>;

/// How long a patient client, for whose API every question counts, believes that a kind is not
/// served.
const BELIEVED: Duration = Duration::from_secs(30);

impl Discovery {
    /// Finds a kind; asks the cluster when it is not known yet.
    pub(crate) async fn find(
        &self,
        client: &Client,
        api_version: &str,
        kind: &str,
    ) -> Result<Resource, Cause> {
        if let Some(resource) = self.known(api_version, kind) {
            return Ok(resource);
        }
        let asking = self.asking(api_version);
        let mut asked = asking.lock().await;
        let absent =
            || Cause::NotServed { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let believed = client.is_patient() && asked.is_some_and(|at| at.elapsed() < BELIEVED);
        if believed || self.known(api_version, kind).is_some() {
            return self.known(api_version, kind).ok_or_else(absent);
        }
        let served = served(client, api_version).await?;
        *asked = Some(Instant::now());
        self.remember(api_version, served);
        self.known(api_version, kind).ok_or_else(absent)
    }

    fn asking(&self, api_version: &str) -> Arc<Asking> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(asking.entry(api_version.to_owned()).or_default())
    }

    /// The versions of a group, the preferred one first; none when the cluster does not know it.
    pub(crate) async fn versions(
        &self,
        client: &Client,
        group: &str,
    ) -> Result<Vec<String>, Cause> {
        let cell = {
            let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(versions.entry(group.to_owned()).or_default())
        };
        cell.get_or_try_init(|| versions(client, group)).await.cloned()
    }

    /// Forgets what is known of a group and version.
    pub(crate) fn forget(&self, api_version: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(api_version);
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).remove(api_version);
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
    }

    fn known(&self, api_version: &str, kind: &str) -> Option<Resource> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(api_version)?.iter().find(|resource| resource.kind == kind).cloned()
    }

    fn remember(&self, api_version: &str, served: Vec<Resource>) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(api_version.to_owned(), served);
    }
}

/// The kinds of one group and version; none when the cluster does not know it.
async fn served(client: &Client, api_version: &str) -> Result<Vec<Resource>, Cause> {
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    let request = Request::get(format!("{root}/{api_version}")).body(Vec::new());
    match client.send(request.map_err(kube::core::request::Error::BuildRequest)).await {
        Ok(list) => match APIResourceList::deserialize(list) {
            Ok(list) => Ok(resources(api_version, list)),
            Err(error) => {
                Err(Cause::Unreachable(format!("the answer is no list of resources: {error}")))
            }
        },
        Err(Cause::Rejected(refusal)) if refusal.code == 404 => Ok(Vec::new()),
        Err(cause) => Err(cause),
    }
}

async fn versions(client: &Client, group: &str) -> Result<Vec<String>, Cause> {
    let request = Request::get(format!("/apis/{group}")).body(Vec::new());
    let answer = client.send(request.map_err(kube::core::request::Error::BuildRequest)).await;
    let group = match answer {
        Ok(group) => APIGroup::deserialize(group)
            .map_err(|error| Cause::Unreachable(format!("the answer is no API group: {error}")))?,
        Err(Cause::Rejected(refusal)) if refusal.code == 404 => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    let preferred = group.preferred_version.map(|one| one.version);
    let all = group.versions.into_iter().map(|one| one.version);
    let mut versions: Vec<String> = preferred.into_iter().collect();
    for version in all {
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    Ok(versions)
}

fn resources(api_version: &str, list: APIResourceList) -> Vec<Resource> {
    list.resources
        .into_iter()
        .filter(|resource| !resource.name.contains('/'))
        .map(|resource| Resource {
            api_version: api_version.to_owned(),
            kind: resource.kind,
            plural: resource.name,
            scope: if resource.namespaced { Scope::Namespaced } else { Scope::Cluster },
        })
        .collect()
}
