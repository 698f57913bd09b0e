//! Watches as wake-up calls: they say that something changed, and nothing about what.
//!
//! Nobody is meant to build state from the events here; the looks of a wait read the objects.

use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use gateproof_core::scenario::ObjectRef;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use serde_json::Value;

use crate::client::Client;
use crate::error::Cause;

/// What to watch: one object, or all objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// Only in this namespace; `None` is all of them.
    pub namespace: Option<String>,
    /// Only the object of this name; `None` is all of them.
    pub name: Option<String>,
}

impl Watched {
    /// One object.
    pub fn object(object: &ObjectRef) -> Self {
        Self {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: Some(object.name.clone()),
        }
    }

    /// All objects of a kind, in all namespaces.
    pub fn kind(api_version: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { api_version: api_version.into(), kind: kind.into(), namespace: None, name: None }
    }

    fn selector(&self) -> Option<String> {
        self.name.as_ref().map(|name| format!("metadata.name={name}"))
    }
}

pub(crate) type Events = BoxStream<'static, Result<WatchEvent<Value>, kube::Error>>;

/// Several watches, some of them open.
pub(super) struct Watches {
    client: Client,
    open: Vec<(Watched, Events)>,
    closed: Vec<Watched>,
}

impl Watches {
    /// None is open yet.
    pub(super) fn new(client: Client, watched: &[Watched]) -> Self {
        Self { client, open: Vec::new(), closed: watched.to_vec() }
    }

    /// Opens those that are closed, as far as that is possible now.
    pub(super) async fn open(&mut self) {
        let mut index = 0;
        while index < self.closed.len() {
            match events(&self.client, &self.closed[index]).await {
                Ok(events) => self.open.push((self.closed.swap_remove(index), events)),
                Err(cause) => {
                    let watched = &self.closed[index];
                    tracing::debug!(kind = watched.kind, %cause, "no watch for now");
                    index += 1;
                }
            }
        }
    }

    /// Waits until an object changes or a watch breaks off; takes everything that has arrived by
    /// then as one change.
    pub(super) async fn change(&mut self) {
        poll_fn(|context| if self.drain(context) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn drain(&mut self, context: &mut Context<'_>) -> bool {
        let mut changed = false;
        let mut index = 0;
        while index < self.open.len() {
            match self.open[index].1.poll_next_unpin(context) {
                Poll::Pending => index += 1,
                // A bookmark tells a new resource version, and no change.
                Poll::Ready(Some(Ok(WatchEvent::Bookmark(_)))) => {}
                Poll::Ready(Some(Ok(
                    WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_),
                ))) => changed = true,
                Poll::Ready(Some(Ok(WatchEvent::Error(_)) | Err(_)) | None) => {
                    self.closed.push(self.open.swap_remove(index).0);
                    changed = true;
                }
            }
        }
        changed
    }
}

/// The objects of a kind as they are now, and what becomes of them.
pub(crate) struct Followed {
    /// The objects.
    pub(crate) objects: Vec<Value>,
    /// What changes from there on.
    pub(crate) events: Events,
}

/// Lists all objects of a kind and follows from there.
pub(crate) async fn follow(
    client: &Client,
    api_version: &str,
    kind: &str,
) -> Result<Followed, Cause> {
    let resource = client.resource(api_version, kind).await?;
    let request = Request::new(resource.path(None));
    let mut state = client.send(request.list(&ListParams::default())).await?;
    let version = version_of(&state)?;
    let follow = request
        .watch(&WatchParams::default(), &version)
        .map_err(|error| Cause::NotAnObject(error.to_string()))?;
    let events =
        client.inner().request_events::<Value>(follow).await.map_err(|error| Cause::of(&error))?;
    let Some(Value::Array(mut objects)) = state.get_mut("items").map(Value::take) else {
        return Err(Cause::Unreachable("the answer is no list: it has no `items`".to_owned()));
    };
    for fields in objects.iter_mut().filter_map(Value::as_object_mut) {
        fields.entry("apiVersion").or_insert_with(|| api_version.into());
        fields.entry("kind").or_insert_with(|| kind.into());
    }
    Ok(Followed { objects, events: events.boxed() })
}

fn version_of(list: &Value) -> Result<String, Cause> {
    list.pointer("/metadata/resourceVersion")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Cause::Unreachable("the list has no resourceVersion".to_owned()))
}

/// Opens one watch from the state as it is now: lists for the resource version, and follows
/// from there, as client-go's reflector does.
async fn events(client: &Client, watched: &Watched) -> Result<Events, Cause> {
    let resource = client.resource(&watched.api_version, &watched.kind).await?;
    let namespace = match &watched.name {
        Some(_) => resource.namespace(watched.namespace.as_deref()),
        None => watched.namespace.as_deref(),
    };
    let request = Request::new(resource.path(namespace));
    let mut list = ListParams::default().limit(1);
    list.field_selector = watched.selector();
    let state = client.send(request.list(&list)).await?;
    let version = version_of(&state)?;
    let params = WatchParams { field_selector: watched.selector(), ..WatchParams::default() };
    let follow =
        request.watch(&params, &version).map_err(|error| Cause::NotAnObject(error.to_string()))?;
    let events =
        client.inner().request_events::<Value>(follow).await.map_err(|error| Cause::of(&error))?;
    Ok(events.boxed())
}
