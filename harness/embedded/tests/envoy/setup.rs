//! Setups: Kubernetes objects and a Cilium configuration, drawn from a seed. The pools are small, so
//! that rules meet, overlap and shadow each other.

use gateproof_core::cilium::{CiliumConfig, CiliumVersion, HostNetwork};
use serde_json::{Value, json};

use crate::draw::Draw;

/// A version, a configuration, and objects.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) version: CiliumVersion,
    pub(crate) config: CiliumConfig,
    pub(crate) objects: Vec<Value>,
}

pub(crate) const NAMESPACE: &str = "apps";
/// Host names of listeners and routes.
pub(crate) const HOSTS: &[&str] =
    &["a.test", "b.test", "x.a.test", "y.x.a.test", "*.a.test", "*.x.a.test", "*.test"];
/// Paths of matches.
pub(crate) const PATHS: &[&str] = &[
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/c",
    "/a%2fb",
    "/A",
    "/ab",
    "/a.b",
    "/%61",
    "/caf%C3%A9",
    "/a+b",
    "/a~b",
    "/a:b@c",
    "/long/path/with/many/elements",
];
const EXPRESSIONS: &[&str] = &[
    "/a.*",
    "/[a-c]/[0-9]+",
    "/(a|b)/?",
    ".*",
    "/a/\\d+",
    "/\\w+/b",
    "/a(/.*)?",
    "(?i)/a/b",
    "/a/b$",
    "^/a",
    "/\\p{Greek}+",
    "/a{2,3}",
    "/[^/]+/c",
];
/// Names of header fields.
pub(crate) const FIELDS: &[&str] =
    &["x-one", "X-Two", "x-three", "user-agent", "cookie", "x-empty"];
/// Values of header fields and query parameters.
pub(crate) const VALUES: &[&str] = &["1", "2", "one", "One", "a,b", "a b", "1,2", "%31", "a=b"];
/// Names of query parameters.
pub(crate) const PARAMETERS: &[&str] = &["q", "Q", "r", "a%20b", "long"];
const VALUE_EXPRESSIONS: &[&str] = &["[0-9]+", "one|two", "o.*", "(?i)ONE", ".*", "a[, ]b", "^1"];
/// Methods.
pub(crate) const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
/// Services with an endpoint; `gone` has none, `shut` has one that refuses.
const LIVE: &[&str] = &["s0", "s1", "s2", "s3"];
/// Names of the certificates and what they are for.
pub(crate) const SECRETS: &[(&str, &[&str])] =
    &[("cert-a", &["a.test", "*.a.test"]), ("cert-b", &["b.test", "*.test"])];

impl Setup {
    /// The setup of a seed.
    pub(crate) fn drawn(draw: &mut Draw) -> Self {
        let version = draw.pick(&["1.16.19", "1.17.18", "1.18.12", "1.19.6", "1.20.2", "1.20.2"]);
        let alpn = draw.percent(50);
        let config = CiliumConfig {
            gateway_api: true,
            kube_proxy_replacement: true,
            alpn,
            app_protocol: alpn || draw.percent(30),
            proxy_protocol: draw.percent(15),
            xff_num_trusted_hops: draw.pick(&[0, 0, 0, 1, 2]),
            use_remote_address: !draw.percent(10),
            envoy_may_bind_low_ports: true,
            host_network: if draw.percent(20) {
                HostNetwork::On { match_labels: std::collections::BTreeMap::new() }
            } else {
                HostNetwork::Off
            },
            ..CiliumConfig::default()
        };
        let mut objects = vec![
            object(
                "gateway.networking.k8s.io/v1",
                "GatewayClass",
                "cilium",
                &json!({
                "controllerName": "io.cilium/gateway-controller"}),
            ),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
            gateway(draw),
        ];
        for name in LIVE.iter().chain(&["gone", "shut"]) {
            let protocol = match *name {
                "s3" => Some("kubernetes.io/h2c"),
                "s2" if draw.percent(30) => Some("kubernetes.io/ws"),
                _ => None,
            };
            objects.push(object(
                "v1",
                "Service",
                name,
                &json!({"type": "ClusterIP", "ports": [
                {"name": "web", "port": 80, "appProtocol": protocol},
                {"name": "alt", "port": 8080}]}),
            ));
        }
        for (name, hosts) in SECRETS {
            let pair = crate::certificate::pair(name, hosts);
            objects.push(json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "stringData": {"tls.crt": pair.chain_pem, "tls.key": pair.key_pem}}));
        }
        for index in 0..draw.between(1, 3) {
            objects.push(route(draw, index));
        }
        if draw.percent(30) {
            objects.push(grpc_route(draw));
        }
        Self { version: version.parse().expect("a version"), config, objects }
    }
}

pub(crate) fn object(api_version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec})
}

fn gateway(draw: &mut Draw) -> Value {
    let mut listeners = Vec::new();
    for index in 0..draw.between(1, 3) {
        let tls = draw.percent(45);
        let mut listener = json!({
            "name": format!("l{index}"),
            "port": if tls { draw.pick(&[443, 443, 8443]) } else { draw.pick(&[80, 80, 8080]) },
            "protocol": if tls { "HTTPS" } else { "HTTP" },
        });
        if draw.percent(50) {
            listener["hostname"] = json!(draw.pick(HOSTS));
        }
        if tls {
            let secret = draw.pick(SECRETS).0;
            listener["tls"] = json!({"mode": "Terminate", "certificateRefs": [{"name": secret}]});
        }
        listeners.push(listener);
    }
    object(
        "gateway.networking.k8s.io/v1",
        "Gateway",
        "gw",
        &json!({
        "gatewayClassName": "cilium", "listeners": listeners}),
    )
}

fn route(draw: &mut Draw, index: usize) -> Value {
    let rules: Vec<Value> = (0..draw.between(1, 3)).map(|_| rule(draw)).collect();
    let mut spec = json!({"parentRefs": [{"name": "gw"}], "rules": rules});
    let hosts = draw.some(HOSTS, 25);
    if !hosts.is_empty() {
        spec["hostnames"] = json!(hosts);
    }
    if draw.percent(15) {
        spec["parentRefs"][0]["sectionName"] = json!("l0");
    }
    object("gateway.networking.k8s.io/v1", "HTTPRoute", &format!("r{index}"), &spec)
}

/// Names of gRPC's services and methods.
pub(crate) const GRPC: &[&str] = &["pkg.Echo", "pkg.Other", "Ping", "Pong"];

fn grpc_route(draw: &mut Draw) -> Value {
    let rules: Vec<Value> = (0..draw.between(1, 2))
        .map(|_| {
            let mut method = json!({"service": draw.pick(&GRPC[..2])});
            if draw.percent(60) {
                method["method"] = json!(draw.pick(&GRPC[2..]));
            }
            let mut rule = json!({"backendRefs": [{"name": draw.pick(LIVE), "port": 80}]});
            if draw.percent(80) {
                rule["matches"] = json!([{"method": method}]);
            }
            if draw.percent(25) {
                rule["filters"] = json!([{"type": "RequestHeaderModifier",
                    "requestHeaderModifier": edits(draw)}]);
            }
            rule
        })
        .collect();
    let spec =
        json!({"parentRefs": [{"name": "gw"}], "hostnames": draw.some(HOSTS, 25), "rules": rules});
    object("gateway.networking.k8s.io/v1", "GRPCRoute", "g0", &spec)
}

fn cors(draw: &mut Draw) -> Value {
    let mut cors = json!({});
    let origins = draw.some(&["https://a.test", "https://*.test", "http://b.test:8080", "*"], 40);
    if !origins.is_empty() {
        cors["allowOrigins"] = json!(origins);
    }
    if draw.percent(40) {
        cors["allowMethods"] = json!(draw.pick(&[&["GET"][..], &["PUT", "POST"], &["*"]]));
    }
    if draw.percent(40) {
        cors["allowHeaders"] = json!(draw.pick(&[&["x-one"][..], &["x-one", "X-Two"], &["*"]]));
    }
    if draw.percent(40) {
        cors["exposeHeaders"] = json!(draw.pick(&[&["x-back"][..], &["*"]]));
    }
    if draw.percent(40) {
        cors["allowCredentials"] = json!(true);
    }
    if draw.percent(40) {
        cors["maxAge"] = json!(draw.pick(&[5, 600]));
    }
    cors
}

fn rule(draw: &mut Draw) -> Value {
    let matches: Vec<Value> = (0..draw.between(0, 3)).map(|_| a_match(draw)).collect();
    let mut filters: Vec<Value> = Vec::new();
    let redirects = draw.percent(15);
    if draw.percent(25) {
        filters
            .push(json!({"type": "RequestHeaderModifier", "requestHeaderModifier": edits(draw)}));
    }
    if draw.percent(25) {
        filters
            .push(json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": edits(draw)}));
    }
    if redirects {
        filters.push(json!({"type": "RequestRedirect", "requestRedirect": redirect(draw)}));
    } else {
        if draw.percent(30) {
            filters.push(json!({"type": "URLRewrite", "urlRewrite": rewrite(draw)}));
        }
        if draw.percent(15) {
            let service = draw.pick(LIVE);
            filters.push(json!({"type": "RequestMirror",
                "requestMirror": {"backendRef": {"name": service, "port": 80}}}));
        }
    }
    if draw.percent(10) {
        filters.push(json!({"type": "CORS", "cors": cors(draw)}));
    }
    let mut rule = json!({"filters": filters});
    if !matches.is_empty() {
        rule["matches"] = json!(matches);
    }
    if !redirects {
        rule["backendRefs"] = json!(backends(draw));
        if draw.percent(15) {
            let mut retry = json!({"attempts": draw.pick(&[1, 2])});
            if draw.percent(70) {
                retry["codes"] = json!(draw.pick(&[&[500][..], &[503, 404], &[418]]));
            }
            if draw.percent(30) {
                retry["backoff"] = json!("10ms");
            }
            rule["retry"] = retry;
        }
        if draw.percent(15) {
            rule["timeouts"] = json!({"request": draw.pick(&["150ms", "10s", "0s"])});
        }
    }
    rule
}

fn backends(draw: &mut Draw) -> Vec<Value> {
    let mut backends: Vec<Value> = Vec::new();
    for _ in 0..draw.pick(&[0, 1, 1, 1, 1, 1, 2, 3]) {
        let name =
            draw.pick(&["s0", "s0", "s1", "s1", "s2", "s2", "s3", "gone", "shut", "missing"]);
        let mut backend = json!({"name": name, "port": draw.pick(&[80, 80, 8080])});
        if draw.percent(40) {
            backend["weight"] = json!(draw.pick(&[0, 1, 5]));
        }
        if draw.percent(15) {
            backend["filters"] = json!([
                {"type": "RequestHeaderModifier", "requestHeaderModifier": edits(draw)},
                {"type": "ResponseHeaderModifier", "responseHeaderModifier": edits(draw)}]);
        }
        backends.push(backend);
    }
    backends
}

fn a_match(draw: &mut Draw) -> Value {
    let mut found = json!({});
    match draw.below(10) {
        0..=2 => found["path"] = json!({"type": "Exact", "value": draw.pick(PATHS)}),
        3..=6 => found["path"] = json!({"type": "PathPrefix", "value": draw.pick(PATHS)}),
        7..=8 => {
            found["path"] = json!({"type": "RegularExpression", "value": draw.pick(EXPRESSIONS)});
        }
        _ => {}
    }
    if draw.percent(20) {
        found["method"] = json!(draw.pick(METHODS));
    }
    for (key, names, percent) in [("headers", FIELDS, 25), ("queryParams", PARAMETERS, 20)] {
        if !draw.percent(percent) {
            continue;
        }
        let values: Vec<Value> = draw
            .some(names, 35)
            .into_iter()
            .map(|name| {
                if draw.percent(40) {
                    let value = draw.pick(VALUE_EXPRESSIONS);
                    json!({"name": name, "type": "RegularExpression", "value": value})
                } else {
                    json!({"name": name, "value": draw.pick(VALUES)})
                }
            })
            .collect();
        if !values.is_empty() {
            found[key] = json!(values);
        }
    }
    found
}

fn edits(draw: &mut Draw) -> Value {
    let names = &[
        "x-one",
        "X-Two",
        "x-new",
        "x-back",
        "user-agent",
        "server",
        "x-forwarded-for",
        "x-request-id",
        "x-envoy-original-path",
        "via",
    ];
    let values = &["set", "1", "a b", "100%%", "a,b"];
    let mut set = Vec::new();
    let mut add = Vec::new();
    for name in draw.some(names, 12) {
        set.push(json!({"name": name, "value": draw.pick(values)}));
    }
    for name in draw.some(names, 12) {
        add.push(json!({"name": name, "value": draw.pick(values)}));
    }
    json!({"set": set, "add": add, "remove": draw.some(names, 10)})
}

fn redirect(draw: &mut Draw) -> Value {
    let mut redirect = json!({"statusCode": draw.pick(&[301, 302])});
    if draw.percent(40) {
        redirect["scheme"] = json!(draw.pick(&["http", "https"]));
    }
    if draw.percent(40) {
        redirect["hostname"] = json!(draw.pick(&["new.test", "a.test"]));
    }
    if draw.percent(40) {
        redirect["port"] = json!(draw.pick(&[80, 443, 8080]));
    }
    if draw.percent(40) {
        redirect["path"] = path_modifier(draw);
    }
    redirect
}

fn rewrite(draw: &mut Draw) -> Value {
    let mut rewrite = json!({});
    if draw.percent(50) {
        rewrite["hostname"] = json!(draw.pick(&["inner.test", "inner.test.example"]));
    }
    if draw.percent(80) {
        rewrite["path"] = path_modifier(draw);
    }
    rewrite
}

fn path_modifier(draw: &mut Draw) -> Value {
    let path = draw.pick(&["/", "/new", "/new/", "/n/e/w", "/a", "/n%2fe"]);
    if draw.percent(50) {
        json!({"type": "ReplaceFullPath", "replaceFullPath": path})
    } else {
        json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": path})
    }
}
