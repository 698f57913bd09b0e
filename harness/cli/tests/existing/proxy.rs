//! A misbehaving way to an API: counts verbs by resource, and delays, forbids, fails and cuts as
//! told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use gateproof_embedded::api::{ApiService, Store, service};
use gateproof_kubernetes::wait;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::Service;

use crate::session;

/// How a proxy behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manners {
    /// Every call takes longer by this.
    pub(crate) delay: Duration,
    /// One in so many calls fails: with 500, with 429, or by breaking the connection off.
    pub(crate) fail_one_in: Option<u64>,
    /// What is forbidden: verb and resource, `*` for any.
    pub(crate) forbid: Vec<(&'static str, &'static str)>,
    /// What is told to be forbidden to whoever asks for permissions: verb and resource.
    pub(crate) deny: Vec<(&'static str, &'static str)>,
    /// Watches tell nothing and end soon.
    pub(crate) deaf_watches: bool,
}

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<BTreeMap<(String, String), u64>>>,
    _stop: DropGuard,
}

type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Clone)]
struct Front {
    service: ApiService,
    manners: Manners,
    count: Arc<AtomicU64>,
    calls: Arc<Mutex<BTreeMap<(String, String), u64>>>,
}

impl Proxy {
    /// Serves a store's API on loopback, without TLS.
    pub(crate) async fn start(store: Store, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback socket");
        let address = listener.local_addr().expect("it is bound");
        let stop = CancellationToken::new();
        let calls = Arc::default();
        let front = Front {
            service: service(store),
            manners,
            count: Arc::default(),
            calls: Arc::clone(&calls),
        };
        let stopped = stop.clone();
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stopped.cancelled() => return,
                };
                let Ok((stream, _)) = accepted else { continue };
                let front = front.clone();
                let serve = service_fn(move |request| front.clone().answer(request));
                let stopped = stopped.clone();
                tokio::spawn(async move {
                    let io = TokioIo::new(stream);
                    let serving = hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, serve)
                        .with_upgrades();
                    tokio::select! {
                        // A connection that broke off is what this proxy is for.
                        ended = serving => drop(ended),
                        () = stopped.cancelled() => {}
                    }
                });
            }
        });
        Self { address, calls, _stop: stop.drop_guard() }
    }

    /// A kubeconfig that leads here.
    pub(crate) fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: behind-proxy\n\
             clusters:\n- {{name: c, cluster: {{server: \"http://{}\"}}}}\n\
             users:\n- {{name: u, user: {{token: planted-token-7f3a}}}}\n\
             contexts:\n- {{name: behind-proxy, context: {{cluster: c, user: u}}}}\n",
            self.address
        )
    }

    /// Calls so far, by verb and resource.
    pub(crate) fn calls(&self) -> BTreeMap<(String, String), u64> {
        self.calls.lock().expect("nobody panicked").clone()
    }

    /// Calls that would change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let reads = ["get", "list", "watch"];
        self.calls()
            .into_iter()
            .filter(|((verb, resource), _)| {
                // A question for one's own permissions is made as one creates, and changes nothing.
                !reads.contains(&&**verb) && resource != "selfsubjectaccessreviews"
            })
            .map(|((verb, resource), count)| format!("{verb} {resource} ×{count}"))
            .collect()
    }
}

impl Front {
    async fn answer(mut self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let (verb, resource) = asked(&request);
        *self
            .calls
            .lock()
            .expect("nobody panicked")
            .entry((verb.to_owned(), resource.clone()))
            .or_default() += 1;
        if !self.manners.delay.is_zero() {
            wait::pause(self.manners.delay).await;
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(every) = self.manners.fail_one_in
            && number % every == every / 2
        {
            return match (number / every) % 3 {
                0 => Ok(status(500, "InternalError", "etcdserver: request timed out")),
                1 => Ok(status(429, "TooManyRequests", "too many requests, please try again")),
                _ => Err(io::ErrorKind::ConnectionReset.into()),
            };
        }
        let fits = |rule: &str, found: &str| rule == "*" || rule == found;
        let forbidden = self.manners.forbid.iter();
        if forbidden.clone().any(|(v, r)| fits(v, verb) && fits(r, &resource)) {
            let message = format!(
                "{resource} is forbidden: User \"reader\" cannot {verb} resource \"{resource}\""
            );
            return Ok(status(403, "Forbidden", &message));
        }
        if verb == "watch" && self.manners.deaf_watches {
            let ends = futures_util::stream::once(async {
                wait::pause(Duration::from_millis(200)).await;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Frame::data(Bytes::new()))
            });
            return Ok(Response::new(StreamBody::new(ends).boxed_unsync()));
        }
        if resource == "pods/exec" {
            let accepted: Response<Full<Bytes>> = session::accept(request);
            return Ok(accepted.map(|body| body.map_err(|never| match never {}).boxed_unsync()));
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        if resource == "selfsubjectaccessreviews" {
            let review: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let asked = &review["spec"]["resourceAttributes"];
            let mut denied = self.manners.deny.iter();
            if denied.any(|(verb, what)| asked["verb"] == *verb && asked["resource"] == *what) {
                return Ok(json_answer(
                    201,
                    &json!({"apiVersion": "authorization.k8s.io/v1",
                    "kind": "SelfSubjectAccessReview", "spec": review["spec"],
                    "status": {"allowed": false}}),
                ));
            }
        }
        let request = Request::from_parts(head, Full::new(body));
        let answered: Result<_, Infallible> = self.service.call(request).await;
        let answered = answered.unwrap_or_else(|never| match never {});
        Ok(answered.map(|body| {
            let frames = body.into_data_stream().map_ok(Frame::data).map_err(Into::into);
            StreamBody::new(frames).boxed_unsync()
        }))
    }
}

/// The verb and resource of a request, as RBAC names them.
fn asked<B>(request: &Request<B>) -> (&'static str, String) {
    let path = request.uri().path();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = parts.as_slice() else {
        return ("get", path.to_owned());
    };
    let rest = match rest {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
        rest => rest,
    };
    let [resource, rest @ ..] = rest else { return ("get", path.to_owned()) };
    let resource = match rest {
        [_, subresource, ..] => format!("{resource}/{subresource}"),
        _ => (*resource).to_owned(),
    };
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let verb = match *request.method() {
        Method::GET if watches => "watch",
        Method::GET if rest.is_empty() => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    };
    (verb, resource)
}

fn status(code: u16, reason: &str, message: &str) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    json_answer(code, &body)
}

fn json_answer(code: u16, body: &serde_json::Value) -> Response<Body> {
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).expect("a status code");
    let json = "application/json".parse().expect("a header value");
    response.headers_mut().insert("content-type", json);
    response
}
