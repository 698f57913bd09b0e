//! The HTTP face of the store: the part of the Kubernetes API that clients use.
//!
//! A tower service, so that the same code answers an in-process client and a hyper server. It reads
//! the request ([`body`]), finds what it is about ([`route`]), performs it and writes JSON.

mod body;
mod discovery;
mod objects;
mod openapi;
mod page;
mod patch;
mod pod_log;
mod query;
mod representation;
mod review;
mod route;
mod scale;
mod service_proxy;
mod table;
mod watch;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::BoxError;

use super::error::{ApiError, Reason};
use super::store::Store;
use query::Query;
use route::Target;

/// The body of an answer; a watch streams, everything else comes at once.
pub type ApiBody = UnsyncBoxBody<Bytes, Infallible>;

/// The Kubernetes version this server says it is. kubectl warns when it is more than one minor
/// version away from its own, so this is an old one that is still maintained.
const VERSION: (&str, &str, &str) = ("1", "33", "v1.33.0+gateproof");

/// The largest body that is read, as in a real API server (`MaxRequestBodyBytes` in
/// kubernetes/kubernetes 1.36: `staging/src/k8s.io/apiserver/pkg/server/config.go`).
const LARGEST_BODY: usize = 3 * 1024 * 1024;

/// A body that takes longer is given up.
const BODY_WITHIN: Duration = Duration::from_mins(1);

/// Serves a store over HTTP; see [`ApiService`].
pub fn service(store: Store) -> ApiService {
    ApiService { store }
}

/// A tower service that answers Kubernetes API requests from a store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiService {
    store: Store,
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ApiBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let store = self.store.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let answer =
                match timeout(BODY_WITHIN, Limited::new(body, LARGEST_BODY).collect()).await {
                    Ok(Ok(body)) => {
                        let call = Call { parts, body: body.to_bytes() };
                        match service_proxy::asked(&call, &store) {
                            Some(asked) => service_proxy::answer(&store, &call, &asked).await,
                            None => answer(&store, &call),
                        }
                    }
                    Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::new(
                        Reason::RequestEntityTooLarge,
                        format!("Request entity too large: limit is {LARGEST_BODY}"),
                    )),
                    Ok(Err(error)) => {
                        Err(ApiError::bad_request(format!("failed to read the body: {error}")))
                    }
                    Err(_) => Err(ApiError::new(
                        Reason::Timeout,
                        "the body of the request did not arrive in time",
                    )),
                };
            Ok(answer.unwrap_or_else(|error| refusal(&error)))
        })
    }
}

/// A request that has been read.
struct Call {
    parts: http::request::Parts,
    body: Bytes,
}

impl Call {
    fn header(&self, name: http::HeaderName) -> &str {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as a value, by its media type.
    fn object(&self) -> Result<Value, ApiError> {
        body::read(self.header(CONTENT_TYPE), &self.body)
    }
}

fn answer(store: &Store, call: &Call) -> Result<Response<ApiBody>, ApiError> {
    let query = Query::parse(call.parts.uri.query().unwrap_or_default());
    let kinds = store.kinds();
    let path = call.parts.uri.path();
    let target = Target::parse(path, &kinds).ok_or_else(ApiError::no_such_path)?;
    let accept = call.header(http::header::ACCEPT);
    body::can_be_answered(accept)?;
    let document = match &target {
        Target::Objects(place) => return objects::answer(store, call, &query, place),
        Target::Review(review) => return review::answer(call, *review),
        Target::ServiceProxy(_) => unreachable!("the other way, because it waits"),
        Target::IntoPod(way) => return Err(ApiError::no_container(way)),
        _ if call.parts.method != Method::GET && call.parts.method != Method::HEAD => {
            return Err(ApiError::method_not_allowed());
        }
        Target::Health => return Ok(text("ok".into())),
        Target::PodLog(pod) => return pod_log::answer(store, &query, pod),
        Target::Version => version(),
        Target::CoreVersions => {
            return Ok(discovery::core_versions(&kinds, accept));
        }
        Target::Groups => return Ok(discovery::groups(&kinds, accept)),
        Target::Group(group) => discovery::group(&kinds, group)?,
        Target::Resources { group, version } => discovery::resources(&kinds, group, version)?,
        Target::OpenApiIndex => openapi::index(&kinds),
        Target::OpenApi { group, version } => openapi::document(&kinds, group, version)?,
    };
    Ok(json_answer(StatusCode::OK, &document))
}

fn version() -> Value {
    let (major, minor, git) = VERSION;
    json!({"major": major, "minor": minor, "gitVersion": git, "gitCommit": "", "gitTreeState": "",
        "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
}

pub(super) fn refusal(error: &ApiError) -> Response<ApiBody> {
    let code = StatusCode::from_u16(error.reason.code())
        .expect("every reason has a code that is an HTTP status");
    json_answer(code, &error.status())
}

fn json_answer(code: StatusCode, document: &Value) -> Response<ApiBody> {
    json_text(code, document.to_string().into_bytes())
}

fn json_text(code: StatusCode, text: Vec<u8>) -> Response<ApiBody> {
    with_body(code, HeaderValue::from_static("application/json"), text.into())
}

fn text(text: String) -> Response<ApiBody> {
    with_body(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), text.into())
}

fn with_body(code: StatusCode, media_type: HeaderValue, body: Bytes) -> Response<ApiBody> {
    let mut response = Response::new(Full::new(body).boxed_unsync());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests;
