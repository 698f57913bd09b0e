//! A Kubernetes API in memory for this crate's tests: discovery, objects by path, watches, and
//! answers that a test prescribes. It validates nothing and merges nothing.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::client::Client;

type Bytes = <Body as http_body::Body>::Data;
type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

#[derive(Clone)]
pub(crate) struct MemoryApi {
    state: Arc<Mutex<State>>,
    changes: broadcast::Sender<Change>,
}

#[derive(Clone)]
struct Change {
    path: String,
    line: String,
}

#[derive(Default)]
struct State {
    /// `apiVersion` → kind, plural, namespaced.
    served: BTreeMap<String, Vec<(String, String, bool)>>,
    objects: BTreeMap<String, Value>,
    prescribed: BTreeMap<String, VecDeque<(u16, Value)>>,
    seen: Vec<Seen>,
    revision: u64,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `METHOD path`.
    pub(crate) line: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl MemoryApi {
    /// Serves Namespaces, Nodes, Services, Secrets, Gateways and HTTPRoutes.
    pub(crate) fn new() -> Self {
        let api = Self::empty();
        api.serve("v1", "Namespace", "namespaces", false);
        api.serve("v1", "Node", "nodes", false);
        api.serve("v1", "Service", "services", true);
        api.serve("v1", "Secret", "secrets", true);
        api.serve("gateway.networking.k8s.io/v1", "GatewayClass", "gatewayclasses", false);
        api.serve("gateway.networking.k8s.io/v1", "Gateway", "gateways", true);
        api.serve("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", true);
        api
    }

    pub(crate) fn empty() -> Self {
        Self { state: Arc::default(), changes: broadcast::channel(64).0 }
    }

    pub(crate) fn client(&self) -> Client {
        Client::over(self.clone())
    }

    pub(crate) fn serve(&self, api_version: &str, kind: &str, plural: &str, namespaced: bool) {
        let mut state = self.state.lock().unwrap();
        let kinds = state.served.entry(api_version.to_owned()).or_default();
        kinds.push((kind.to_owned(), plural.to_owned(), namespaced));
    }

    pub(crate) fn stop_serving(&self, api_version: &str) {
        self.state.lock().unwrap().served.remove(api_version);
    }

    /// Answers `METHOD path` so once, before anything else is looked at; the last of several
    /// prescriptions stays.
    pub(crate) fn answer(&self, line: &str, code: u16, body: Value) {
        let mut state = self.state.lock().unwrap();
        state.prescribed.entry(line.to_owned()).or_default().push_back((code, body));
    }

    /// Puts an object at a path and tells those who watch.
    pub(crate) fn put(&self, path: &str, object: Value) {
        let change = self.state.lock().unwrap().put(path, object);
        // Nobody may be watching.
        drop(self.changes.send(change));
    }

    /// Puts an object without telling anyone, as if the event had been lost.
    pub(crate) fn put_silently(&self, path: &str, object: Value) {
        self.state.lock().unwrap().put(path, object);
    }

    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    pub(crate) fn remove(&self, path: &str) {
        let change = self.state.lock().unwrap().remove(path);
        drop(self.changes.send(change));
    }

    pub(crate) fn watchers(&self) -> usize {
        self.changes.receiver_count()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let seen = self.seen();
        seen.into_iter().map(|seen| seen.line).filter(|line| !line.starts_with("GET ")).collect()
    }

    fn handle(&self, method: &Method, path: &str, query: &str, body: &Value) -> Answer {
        let line = format!("{method} {path}");
        let mut state = self.state.lock().unwrap();
        if let Some(queue) = state.prescribed.get_mut(&line)
            && let Some((code, body)) =
                if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() }
        {
            return answer(code, &body);
        }
        if let Some(kinds) = path.strip_prefix("/apis/").or(path.strip_prefix("/api/"))
            && method == Method::GET
            && (kinds.matches('/').count() == usize::from(path.starts_with("/apis/")))
        {
            return state.discovery(kinds);
        }
        if query.contains("watch=true") {
            return self.watch(path);
        }
        match *method {
            Method::GET => state.get(path),
            Method::POST => {
                let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let change = state.put(&format!("{path}/{name}"), body.clone());
                drop(self.changes.send(change));
                answer(201, body)
            }
            Method::DELETE => {
                if !state.objects.contains_key(path) {
                    return not_found(path);
                }
                let change = state.remove(path);
                drop(self.changes.send(change));
                answer(200, &json!({"kind": "Status", "status": "Success"}))
            }
            _ => {
                let change = state.put(path, body.clone());
                drop(self.changes.send(change));
                answer(200, body)
            }
        }
    }

    fn watch(&self, collection: &str) -> Answer {
        let prefix = format!("{collection}/");
        let events = stream::unfold(self.changes.subscribe(), move |mut changes| {
            let prefix = prefix.clone();
            async move {
                loop {
                    let change = changes.recv().await.ok()?;
                    if change.path.starts_with(&prefix) {
                        return Some((change.line, changes));
                    }
                }
            }
        });
        streaming(events)
    }
}

impl State {
    fn discovery(&self, group_version: &str) -> Answer {
        let Some(kinds) = self.served.get(group_version) else { return not_found(group_version) };
        let resources: Vec<Value> = kinds
            .iter()
            .map(|(kind, plural, namespaced)| {
                json!({"name": plural, "singularName": "", "kind": kind,
                    "namespaced": namespaced, "verbs": ["get", "list", "watch", "patch"]})
            })
            .collect();
        answer(
            200,
            &json!({"kind": "APIResourceList", "apiVersion": "v1",
                "groupVersion": group_version, "resources": resources}),
        )
    }

    fn get(&self, path: &str) -> Answer {
        if let Some(object) = self.objects.get(path) {
            return answer(200, object);
        }
        let plural = path.rsplit('/').next().unwrap_or_default();
        let is_collection = self.served.values().flatten().any(|(_, known, _)| known == plural);
        if !is_collection {
            return not_found(path);
        }
        // A list over all namespaces has a shorter path than the objects in it.
        let (root, _) = path.split_at(path.len() - plural.len());
        let items: Vec<Value> = self
            .objects
            .iter()
            .filter(|(at, _)| at.starts_with(root) && at.rsplit('/').nth(1) == Some(plural))
            .map(|(_, object)| {
                let mut item = object.clone();
                let fields = item.as_object_mut().unwrap();
                fields.remove("kind");
                fields.remove("apiVersion");
                item
            })
            .collect();
        let version = self.revision.to_string();
        answer(
            200,
            &json!({"kind": "List", "metadata": {"resourceVersion": version}, "items": items}),
        )
    }

    fn put(&mut self, path: &str, object: Value) -> Change {
        self.revision += 1;
        let line = format!("{}\n", json!({"type": "MODIFIED", "object": object}));
        self.objects.insert(path.to_owned(), object);
        Change { path: path.to_owned(), line }
    }

    fn remove(&mut self, path: &str) -> Change {
        self.revision += 1;
        let object = self.objects.remove(path).unwrap_or_default();
        let line = format!("{}\n", json!({"type": "DELETED", "object": object}));
        Change { path: path.to_owned(), line }
    }
}

impl tower::Service<Request<Body>> for MemoryApi {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let octets = body.collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&octets).unwrap_or_default();
            let path = parts.uri.path().to_owned();
            let query = parts.uri.query().unwrap_or_default().to_owned();
            let content_type = parts.headers.get("content-type");
            api.state.lock().unwrap().seen.push(Seen {
                line: format!("{} {path}", parts.method),
                query: query.clone(),
                content_type: content_type
                    .map(|value| value.to_str().unwrap().to_owned())
                    .unwrap_or_default(),
                body: body.clone(),
            });
            Ok(api.handle(&parts.method, &path, &query, &body))
        })
    }
}

/// A refusal as the API writes it.
pub(crate) fn status(code: u16, reason: &str, message: &str, causes: &[(&str, &str)]) -> Value {
    let causes: Vec<Value> = causes
        .iter()
        .map(|(field, message)| json!({"reason": reason, "field": field, "message": message}))
        .collect();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": {"causes": causes}, "code": code})
}

fn not_found(path: &str) -> Answer {
    let name = path.rsplit('/').next().unwrap_or_default();
    answer(404, &status(404, "NotFound", &format!("\"{name}\" not found"), &[]))
}

fn answer(code: u16, body: &Value) -> Answer {
    let line = body.to_string();
    let mut response = streaming(stream::once(async move { line }));
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
    response
}

fn streaming(lines: impl Stream<Item = String> + Send + 'static) -> Answer {
    let frames = lines.map(|line| Ok(Frame::data(Bytes::from(line.into_bytes()))));
    Response::new(UnsyncBoxBody::new(StreamBody::new(frames)))
}
