//! What becomes of a request as a whole: forwarded, redirected, or answered by Envoy itself.

use super::{Request, RouteHit, choose_cluster, location, rewritten_path, route};
use crate::translation::envoy::{Action, RouteTable, WeightedCluster};

/// What becomes of a request, if the backend is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'t> {
    /// It goes to a backend.
    Forward {
        /// The route that serves it.
        hit: RouteHit<'t>,
        /// The cluster that the draw chose.
        cluster: &'t WeightedCluster,
        /// The Host field that the backend sees.
        host: String,
        /// The path and query that the backend sees.
        path_and_query: String,
    },
    /// It is sent elsewhere.
    Redirect {
        /// The status.
        status: u16,
        /// The `Location` field.
        location: String,
    },
    /// Envoy answers: 404 when no route fits, the status of a route that only answers, or 503 when
    /// there is no cluster to choose from.
    Answer {
        /// The status, see [`grpc_status`] for what a gRPC client gets instead.
        status: u16,
    },
}

/// Decides what becomes of a request. `draw` is any number, evenly distributed: it chooses among
/// weighted clusters.
pub fn decide<'t>(table: &'t RouteTable, request: &Request<'_>, draw: u64) -> Decision<'t> {
    let Some(hit) = route(table, request) else { return Decision::Answer { status: 404 } };
    match &hit.route.action {
        Action::Respond { status } => Decision::Answer { status: *status },
        Action::Redirect(redirect) => Decision::Redirect {
            status: redirect.status,
            location: location(hit.route, redirect, request),
        },
        Action::Forward(forward) => match choose_cluster(forward, draw) {
            None => Decision::Answer { status: 503 },
            Some(cluster) => Decision::Forward {
                hit,
                cluster,
                host: forward.host_rewrite.clone().unwrap_or_else(|| request.host.to_owned()),
                path_and_query: forward.path_rewrite.as_ref().map_or_else(
                    || request.path_and_query.to_owned(),
                    |rewrite| rewritten_path(hit.route, rewrite, request.path_and_query),
                ),
            },
        },
    }
}

/// The `grpc-status` of Envoy's own answer to a gRPC request, which then has the HTTP status 200
/// (envoyproxy/envoy `source/common/grpc/status.cc`; no version pinned).
pub fn grpc_status(http: u16) -> u32 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// Whether a request is one of gRPC: by its content type.
pub fn is_grpc(request: &Request<'_>) -> bool {
    request.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type")
            && (value == "application/grpc" || value.starts_with("application/grpc+"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Decision, decide, grpc_status, is_grpc};
    use crate::fixture::Cluster;
    use crate::routing::{Request, Scheme};

    fn request<'a>(path_and_query: &'a str, headers: &'a [(String, String)]) -> Request<'a> {
        Request { method: "POST", host: "h", path_and_query, headers, scheme: Scheme::Http }
    }

    /// The decision in short.
    fn decided(cluster: &Cluster, path: &str) -> String {
        let outcome = cluster.outcome();
        assert!(outcome.unmodelled.is_empty(), "{:?}", outcome.unmodelled);
        let table = &outcome.envoy[0].route_tables["listener-insecure"];
        match decide(table, &request(path, &[]), 0) {
            Decision::Forward { cluster, host, path_and_query, .. } => {
                format!("{} {host}{path_and_query}", cluster.cluster)
            }
            Decision::Redirect { status, location } => format!("{status} {location}"),
            Decision::Answer { status } => status.to_string(),
        }
    }

    fn cluster(rules: &Value, grpc_rules: &Value) -> Cluster {
        let spec = |rules: &Value| json!({"parentRefs": [{"name": "gw"}], "hostnames": ["h"], "rules": rules});
        Cluster::new("1.20.0")
            .gateway(json!([{"name": "http", "port": 80, "protocol": "HTTP"}]))
            .route("r", spec(rules))
            .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
                "metadata": {"name": "g", "namespace": "apps"}, "spec": spec(grpc_rules)}))
    }

    #[test]
    fn a_request_is_forwarded_redirected_or_answered() {
        let rules = json!([
            {"matches": [{"path": {"value": "/old"}}], "backendRefs": [{"name": "web", "port": 80}],
             "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "new.test",
                "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}}}]},
            {"matches": [{"path": {"value": "/gone"}}], "backendRefs": [{"name": "gone", "port": 80}]},
            {"matches": [{"path": {"value": "/away"}}], "filters": [{"type": "RequestRedirect",
                "requestRedirect": {"hostname": "away.test", "statusCode": 301}}]}]);
        let grpc = json!([{"matches": [{"method": {"service": "a.B", "method": "C"}}],
                           "backendRefs": [{"name": "api", "port": 80}]}]);
        let cluster = cluster(&rules, &grpc);
        for (path, expected) in [
            ("/old/x?q=1", "apps:web:80 new.test/new/x?q=1"),
            ("/gone", "500"),
            ("/away", "301 http://away.test:80/away"),
            ("/a.B/C", "apps:api:80 h/a.B/C"),
            ("/a.B/D", "404"),
            ("/", "404"),
        ] {
            assert_eq!(decided(&cluster, path), expected, "{path}");
        }
    }

    #[test]
    fn grpc_requests_are_told_by_their_content_type_and_get_a_status_of_their_own() {
        let of = |value: &str| vec![("Content-Type".to_owned(), value.to_owned())];
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            assert_eq!(is_grpc(&request("/", &of(value))), expected, "{value}");
        }
        assert_eq!([404, 500, 503].map(grpc_status), [12, 2, 14]);
    }
}
