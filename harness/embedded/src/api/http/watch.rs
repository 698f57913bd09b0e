//! Watches: a stream of JSON lines, one per change.
//!
//! A watch starts with what exists, unless it names a resource version; then it follows the
//! changes. Objects that begin or cease to match the selector appear as added or deleted.
//!
//! A watch from a version that is no longer kept, or that falls behind, ends with an error event of
//! code 410, as the watch cache of a real API server does (kubernetes/kubernetes
//! `staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go`, `newErrWatcher`); clients list again.
//! A version this store never had, from an earlier cluster for example, is treated alike: waiting
//! for it would be a silent hang.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderName, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::query::Query;
use super::representation::Representation;
use super::route::Place;
use super::{ApiBody, Call};
use crate::api::error::{ApiError, Reason};
use crate::api::object::metadata_text;
use crate::api::resources::Kind;
use crate::api::selector::Selector;
use crate::api::store::{Change, ChangeKind, Store, revision_of};

/// How long a watch lasts when the client does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// Time between bookmarks.
const BOOKMARK_INTERVAL: Duration = Duration::from_mins(1);

/// Marks the bookmark after the initial events of a streaming list
/// (`InitialEventsAnnotationKey` in apimachinery's `meta/v1/types.go`).
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Starts a watch.
pub(super) fn start(
    store: &Store,
    call: &Call,
    query: &Query,
    place: &Place,
    selector: Selector,
) -> Result<Response<ApiBody>, ApiError> {
    let streaming_list = query.is_on("sendInitialEvents");
    if streaming_list && query.get("resourceVersionMatch") != "NotOlderThan" {
        return Err(ApiError::bad_request(
            "sendInitialEvents is set: resourceVersionMatch must be NotOlderThan",
        ));
    }
    let from = parse_revision(query.get("resourceVersion"))?;
    let wakeup = store.changes();
    let now = Instant::now();
    let timeout = match query.get("timeoutSeconds").parse() {
        Ok(0) | Err(_) => DEFAULT_TIMEOUT,
        Ok(seconds) => Duration::from_secs(seconds),
    };
    let mut watch = Watch {
        store: store.clone(),
        wakeup,
        kind: place.resource.as_kind(),
        representation: Representation::from_accept(call.header(http::header::ACCEPT)),
        place: place.clone(),
        selector,
        bookmarks: if query.is_on("allowWatchBookmarks") {
            Bookmarks::Next(now + BOOKMARK_INTERVAL)
        } else {
            Bookmarks::Never
        },
        ends: now + timeout,
        seen: 0,
        lines: VecDeque::new(),
        phase: Phase::Following,
    };
    match from {
        Some(revision) if !streaming_list => watch.begin_after(revision),
        _ => watch.begin_with_everything(streaming_list.then_some(INITIAL_EVENTS_END)),
    }
    let frames = stream::unfold(watch, async |mut watch| {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(line)), watch))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let no_cache = HeaderValue::from_static("no-cache, private");
    response.headers_mut().insert(HeaderName::from_static("cache-control"), no_cache);
    Ok(response)
}

/// The revision a list must not be older than; `None` for whatever is there now.
pub(super) fn starting_revision(store: &Store, text: &str) -> Result<Option<u64>, ApiError> {
    let revision = parse_revision(text)?;
    let newest = store.revision();
    match revision {
        Some(revision) if revision > newest => {
            let message =
                format!("Timeout: Too large resource version: {revision}, current: {newest}");
            Err(ApiError::new(Reason::Timeout, message))
        }
        revision => Ok(revision),
    }
}

/// A revision in a request; none given and 0 both mean whatever is there now.
fn parse_revision(text: &str) -> Result<Option<u64>, ApiError> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        ApiError::bad_request(format!("invalid resource version \"{text}\": expected a number"))
    })
}

/// A resource version that is no longer kept.
pub(super) fn expired(revision: u64, oldest: u64) -> ApiError {
    ApiError::new(Reason::Expired, format!("too old resource version: {revision} ({oldest})"))
}

struct Watch {
    store: Store,
    wakeup: watch::Receiver<u64>,
    kind: Kind,
    place: Place,
    representation: Representation,
    selector: Selector,
    bookmarks: Bookmarks,
    ends: Instant,
    /// The newest revision the client knows of.
    seen: u64,
    /// Lines that are ready.
    lines: VecDeque<Bytes>,
    phase: Phase,
}

enum Bookmarks {
    Never,
    Next(Instant),
}

#[derive(PartialEq, Eq)]
enum Phase {
    Following,
    /// Only what is ready is still sent.
    Ending,
}

impl Watch {
    fn begin_after(&mut self, revision: u64) {
        self.seen = revision;
        let newest = self.store.revision();
        if revision > newest {
            self.end_with(&expired(revision, newest));
        }
    }

    fn end_with(&mut self, error: &ApiError) {
        self.lines.push_back(line("ERROR", error.status().to_string().as_bytes()));
        self.phase = Phase::Ending;
    }

    fn begin_with_everything(&mut self, end_mark: Option<&str>) {
        let (objects, revision) = self.store.snapshot(&self.kind, self.place.namespace.as_deref());
        for object in &objects {
            if self.selector.matches(object) {
                self.push("ADDED", object);
            }
        }
        self.seen = revision;
        if let Some(mark) = end_mark {
            self.push_bookmark(Some(mark));
        }
    }

    /// The next line; `None` when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.phase == Phase::Ending {
                return None;
            }
            self.wakeup.mark_unchanged();
            self.follow();
            if self.lines.is_empty() {
                self.wait().await;
            }
        }
    }

    /// Makes lines of the changes since the last time.
    fn follow(&mut self) {
        match self.store.changes_after(&self.kind, self.seen) {
            Ok((changes, revision)) => {
                for change in &changes {
                    self.push_change(change);
                }
                self.seen = revision;
            }
            Err(too_old) => {
                self.end_with(&expired(self.seen, too_old.oldest));
            }
        }
    }

    /// Waits for a change, the next bookmark or the end.
    async fn wait(&mut self) {
        if self.phase == Phase::Ending {
            return;
        }
        let until = match self.bookmarks {
            Bookmarks::Next(next) => next.min(self.ends),
            Bookmarks::Never => self.ends,
        };
        match timeout_at(until, self.wakeup.changed()).await {
            Ok(Ok(())) => return,
            // The watch holds the store, so the sender is alive; if not, nothing can change.
            Ok(Err(_)) => self.phase = Phase::Ending,
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= self.ends {
            self.phase = Phase::Ending;
        }
        if matches!(self.bookmarks, Bookmarks::Next(_)) {
            self.push_bookmark(None);
            self.bookmarks = Bookmarks::Next(now + BOOKMARK_INTERVAL);
        }
    }

    fn push_change(&mut self, change: &Change) {
        let chosen = |object: &Arc<Value>| {
            let here = match &self.place.namespace {
                Some(namespace) => metadata_text(object, "namespace") == Some(namespace),
                None => true,
            };
            here && self.selector.matches(object)
        };
        let before = change.previous.as_ref().is_some_and(chosen);
        let after = change.kind != ChangeKind::Deleted && chosen(&change.object);
        match (before, after) {
            (false, true) => self.push("ADDED", &change.object),
            (true, true) => self.push("MODIFIED", &change.object),
            (true, false) => self.push("DELETED", &change.object),
            (false, false) => {}
        }
    }

    fn push(&mut self, kind: &str, object: &Value) {
        debug_assert!(revision_of(object) > 0, "stored objects have a resource version");
        let shown = self.representation.one_text(object, &self.place, &self.store.now());
        self.lines.push_back(line(kind, &shown));
    }

    fn push_bookmark(&mut self, mark: Option<&str>) {
        let mut object = json!({
            "apiVersion": self.place.resource.api_version(self.place.version),
            "kind": self.place.resource.kind,
            "metadata": {"resourceVersion": self.seen.to_string(), "creationTimestamp": null},
        });
        if let Some(mark) = mark {
            object["metadata"]["annotations"] = json!({mark: "true"});
        }
        self.lines.push_back(line("BOOKMARK", object.to_string().as_bytes()));
    }
}

fn line(kind: &str, object: &[u8]) -> Bytes {
    let head = format!("{{\"type\":\"{kind}\",\"object\":");
    [head.as_bytes(), object, b"}\n"].concat().into()
}
