//! One read at a time: bounded, repeated when that may help, and its failure in words.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateproof_core::dossier::Why;
use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::wait::pause;
use gateproof_kubernetes::{
    Cause, Client, LogRequest, Page, PageRequest, PodPort, ReadError, Rejection,
};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::options::Options;

/// How many reads are under way at a time: few enough for any API server, enough for a slow one.
const AT_ONCE: usize = 48;
/// How often a read is tried.
const TRIES: u32 = 6;
/// How often, where the client itself asks several times.
const TRIES_OF_PATIENT: u32 = 2;
/// How often a log is.
const LOG_TRIES: u32 = 1;
/// How long is waited before the second try; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(150);
/// Objects in a page.
const PAGE: u32 = 500;

/// Reads of one dossier.
pub(super) struct Reader<'r> {
    client: &'r Client,
    end: Instant,
    options: &'r Options,
    slots: Semaphore,
    /// Set once something was refused.
    few_rights: AtomicBool,
}

/// Why a read brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The reader may not.
    Forbidden,
    /// There is no such kind.
    NotServed,
    /// Anything else, in words.
    Other(String),
}

impl Failure {
    /// As the dossier has it; `permission` is the one that is missing if it is one.
    pub(super) fn why(&self, permission: &str) -> Why {
        match self {
            Self::Forbidden => Why::Forbidden(permission.to_owned()),
            Self::NotServed => Why::NotServed,
            Self::Other(words) => Why::Failed(words.clone()),
        }
    }
}

/// Which objects are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub(super) api_version: &'w str,
    pub(super) kind: &'w str,
    pub(super) namespace: Option<&'w str>,
    pub(super) labels: &'w str,
    pub(super) fields: &'w str,
}

impl<'r> Reader<'r> {
    pub(super) fn new(client: &'r Client, options: &'r Options) -> Self {
        let end = Instant::now() + options.within;
        let few_rights = AtomicBool::new(false);
        Self { client, end, options, slots: Semaphore::new(AT_ONCE), few_rights }
    }

    /// Whether anything was refused so far.
    pub(super) fn has_few_rights(&self) -> bool {
        self.few_rights.load(Ordering::Relaxed)
    }

    /// The version that the API server says, with a `v`.
    pub(super) async fn kubernetes_version(&self) -> Result<String, Failure> {
        let version = self.ask(|| self.client.kubernetes_version()).await?;
        Ok(format!("v{version}"))
    }

    /// The versions of a group that is served.
    pub(super) async fn versions(&self, group: &str) -> Result<Vec<String>, Failure> {
        self.ask(|| self.client.versions_of(group)).await
    }

    /// Finds out which kinds there are, before anybody needs to know.
    pub(super) async fn learn(&self, api_version: &str) {
        // What is late is found out when it is needed.
        drop(timeout_at(self.end, self.client.learn(api_version)).await);
    }

    /// Finds out in which versions there is a group, before anybody needs to know.
    pub(super) async fn learn_group(&self, group: &str) {
        drop(timeout_at(self.end, self.client.versions_of(group)).await);
    }

    /// One object; `None` when there is none.
    pub(super) async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, Failure> {
        let object = ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        self.ask(|| self.client.get(&object)).await
    }

    /// All objects, page by page. When the API has forgotten where a page ended, everything is
    /// asked for at once.
    pub(super) async fn list(&self, wanted: Wanted<'_>) -> Result<Vec<Value>, Failure> {
        let mut objects: Vec<Value> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            match self.page(wanted, Some(PAGE), after.as_deref()).await {
                Ok(page) => {
                    objects.extend(page.objects);
                    match page.next {
                        Some(next) => after = Some(next),
                        None => return Ok(objects),
                    }
                }
                Err(Failure::Other(words)) if after.is_some() && words.contains("HTTP 410") => {
                    return Ok(self.page(wanted, None, None).await?.objects);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn page(
        &self,
        wanted: Wanted<'_>,
        limit: Option<u32>,
        after: Option<&str>,
    ) -> Result<Page, Failure> {
        let request = PageRequest {
            api_version: wanted.api_version,
            kind: wanted.kind,
            namespace: wanted.namespace,
            labels: wanted.labels,
            fields: wanted.fields,
            limit,
            after,
        };
        self.ask(|| self.client.list_page(&request)).await
    }

    /// A part of a container's log. A kubelet that the API server cannot reach is not tried for as
    /// long as the API itself: there may be one on every node, and no log is needed for a verdict.
    pub(super) async fn log(&self, wanted: LogRequest<'_>) -> Result<String, Failure> {
        self.ask_so_often(LOG_TRIES, || self.client.pod_log(wanted)).await
    }

    /// The line of a metric of a pod, asked once: no verdict needs it.
    pub(super) async fn metric(
        &self,
        place: PodPort<'_>,
        metric: &str,
        within: Duration,
    ) -> Result<Option<String>, Failure> {
        self.ask_so_often(1, || self.client.pod_metric(place, metric, within)).await
    }

    /// Asks until there is an answer that asking again would not change, or the time is over.
    async fn ask<T, Asked>(&self, ask: impl Fn() -> Asked) -> Result<T, Failure>
    where
        Asked: Future<Output = Result<T, ReadError>>,
    {
        let tries = if self.client.is_patient() { TRIES_OF_PATIENT } else { TRIES };
        self.ask_so_often(tries, ask).await
    }

    async fn ask_so_often<T, Asked>(
        &self,
        tries: u32,
        ask: impl Fn() -> Asked,
    ) -> Result<T, Failure>
    where
        Asked: Future<Output = Result<T, ReadError>>,
    {
        let mut rest = FIRST_PAUSE;
        let mut last: Option<String> = None;
        for attempt in 1..=tries {
            let Ok(Ok(slot)) = timeout_at(self.end, self.slots.acquire()).await else { break };
            let limit = self.end.min(Instant::now() + self.options.answer_within);
            let answer = timeout_at(limit, ask()).await;
            drop(slot);
            match answer {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) if !error.is_transient() || attempt == tries => {
                    let failure = failure(&error);
                    if failure == Failure::Forbidden {
                        self.few_rights.store(true, Ordering::Relaxed);
                    }
                    return Err(failure);
                }
                Ok(Err(error)) => last = Some(error.cause.to_string()),
                Err(_) => last = last.or_else(|| Some("the API did not answer".to_owned())),
            }
            if Instant::now() + rest >= self.end {
                break;
            }
            pause(rest).await;
            rest *= 2;
        }
        let within = self.options.within.as_secs_f64();
        let words = last.unwrap_or_else(|| "there was no time left to ask".to_owned());
        Err(Failure::Other(format!("{words} (within {within:.0} s for all reads)")))
    }
}

fn failure(error: &ReadError) -> Failure {
    match &error.cause {
        Cause::Rejected(Rejection { code: 403, .. }) => Failure::Forbidden,
        Cause::NotServed { .. } => Failure::NotServed,
        Cause::Rejected(Rejection { code: 401, .. }) => Failure::Other(
            "the API server does not accept the credentials of this kubeconfig (HTTP 401)"
                .to_owned(),
        ),
        other => Failure::Other(other.to_string()),
    }
}
