//! An API of fixed answers that remembers what it was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use gateproof_core::dossier::Dossier;
use gateproof_inspect::{Options, live};
use gateproof_kubernetes::{Client, Patience};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::Service;

/// Answers by path, or by path and query.
#[derive(Clone, Default)]
pub(crate) struct Api {
    answers: BTreeMap<String, (u16, Value)>,
    /// Group and version → kind, plural, whether it is in namespaces.
    served: BTreeMap<String, Vec<(String, String, bool)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// Serves what every cluster does, and Gateways and routes; there is none of anything.
    pub(crate) fn new() -> Self {
        let mut api = Self::default();
        for (api_version, kind, plural, namespaced) in [
            ("v1", "Pod", "pods", true),
            ("v1", "Service", "services", true),
            ("v1", "Endpoints", "endpoints", true),
            ("v1", "ConfigMap", "configmaps", true),
            ("v1", "Secret", "secrets", true),
            ("v1", "Event", "events", true),
            ("v1", "Node", "nodes", false),
            ("v1", "Namespace", "namespaces", false),
            ("apps/v1", "DaemonSet", "daemonsets", true),
            ("apps/v1", "Deployment", "deployments", true),
            ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
            ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
            (
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                "customresourcedefinitions",
                false,
            ),
            ("gateway.networking.k8s.io/v1", "Gateway", "gateways", true),
            ("gateway.networking.k8s.io/v1", "GatewayClass", "gatewayclasses", false),
            ("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", true),
            ("cilium.io/v2", "CiliumEnvoyConfig", "ciliumenvoyconfigs", true),
        ] {
            api = api.serve(api_version, kind, plural, namespaced);
        }
        api.answer("/version", 200, json!({"gitVersion": "v1.36.2"}))
    }

    pub(crate) fn serve(
        mut self,
        api_version: &str,
        kind: &str,
        plural: &str,
        namespaced: bool,
    ) -> Self {
        let kinds = self.served.entry(api_version.to_owned()).or_default();
        kinds.push((kind.to_owned(), plural.to_owned(), namespaced));
        self
    }

    /// Answers a path so; with a query where one is given.
    pub(crate) fn answer(mut self, path: &str, code: u16, body: Value) -> Self {
        self.answers.insert(path.to_owned(), (code, body));
        self
    }

    /// Looks at it.
    pub(crate) async fn look(&self, options: &Options) -> Dossier {
        let client = Client::over(Front(self.clone())).patient(Patience::EXISTING);
        live(&client, options).await
    }

    /// What was asked for, paths with their queries.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panicked").clone()
    }

    fn reply(&self, path: &str, query: &str) -> (u16, Value) {
        let whole = format!("{path}?{query}");
        if let Some(answer) = self.answers.get(&whole).or_else(|| self.answers.get(path)) {
            return answer.clone();
        }
        let root = path.strip_prefix("/apis/").or_else(|| path.strip_prefix("/api/"));
        let Some(root) = root else { return status(404, "NotFound") };
        if let Some(kinds) = self.served.get(root) {
            let resources: Vec<Value> = kinds
                .iter()
                .map(|(kind, plural, namespaced)| {
                    json!({"kind": kind, "name": plural, "namespaced": namespaced,
                        "singularName": "", "verbs": ["get", "list"]})
                })
                .collect();
            return (200, json!({"groupVersion": root, "resources": resources}));
        }
        let versions: Vec<Value> = self
            .served
            .keys()
            .filter_map(|served| served.strip_prefix(&format!("{root}/")))
            .map(|version| json!({"groupVersion": format!("{root}/{version}"), "version": version}))
            .collect();
        if !versions.is_empty() {
            return (200, json!({"name": root, "versions": versions}));
        }
        let is_list = self.served.values().flatten().any(|(_, plural, _)| root.ends_with(plural));
        if is_list { (200, json!({"items": []})) } else { status(404, "NotFound") }
    }
}

/// A refusal.
pub(crate) fn status(code: u16, reason: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
        "reason": reason, "message": reason, "code": code});
    (code, body)
}

struct Front(Api);

impl<B> Service<Request<B>> for Front {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert_eq!(request.method(), "GET", "a look only reads");
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let asked = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        self.0.asked.lock().expect("nobody panicked").push(asked);
        let (code, body) = self.0.reply(path, query);
        let answer = Response::builder().status(code).body(Full::from(body.to_string()));
        ready(Ok(answer.expect("a response")))
    }
}
