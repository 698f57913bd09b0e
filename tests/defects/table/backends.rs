//! What stands between a route and its backend: endpoints that answer now and then, protocols that
//! do not fit, configuration that Envoy refuses.

use gateproof_core::verdict::Verdict::Failed;

use crate::case::{Change, Defect};

/// An EndpointSlice that somebody made by hand for the Service, with an address where nobody is.
const LEFT_OVER: Change = (
    "  checks:\n",
    "  - apiVersion: discovery.k8s.io/v1\n    kind: EndpointSlice\n    metadata: {name: basket-left-over, namespace: shop, labels: {kubernetes.io/service-name: basket}}\n    addressType: IPv4\n    ports: [{name: http, port: 3000, protocol: TCP}]\n    endpoints: [{addresses: [10.244.9.9], conditions: {ready: true}}]\n  checks:\n",
);

/// One node is asked, so that what is seen does not depend on whose turn it is.
const ONE_NODE: Change = (
    "http: {url: \"http://basket.example.test/\", expect",
    "http: {url: \"http://basket.example.test/\", nodes: {names: [worker]}, expect",
);

/// The same, and the endpoint says that it is not ready.
const LEFT_OVER_UNREADY: Change = (
    "  checks:\n",
    "  - apiVersion: discovery.k8s.io/v1\n    kind: EndpointSlice\n    metadata: {name: basket-left-over, namespace: shop, labels: {kubernetes.io/service-name: basket}}\n    addressType: IPv4\n    ports: [{name: http, port: 3000, protocol: TCP}]\n    endpoints: [{addresses: [10.244.9.9], conditions: {ready: false}}]\n  checks:\n",
);

/// Envoy is told to speak TLS to a backend.
macro_rules! tls_to {
    ($service:literal) => {
        (
            "  checks:\n",
            concat!(
                "  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: authority, namespace: shop}\n    data: {ca.crt: \"<certificate>\"}\n",
                "  - apiVersion: gateway.networking.k8s.io/v1\n    kind: BackendTLSPolicy\n    metadata: {name: basket, namespace: shop}\n    spec:\n",
                "      targetRefs: [{group: \"\", kind: Service, name: ",
                $service,
                "}]\n      validation:\n        hostname: basket.example.test\n        caCertificateRefs: [{group: \"\", kind: ConfigMap, name: authority}]\n  checks:\n"
            ),
        )
    };
}

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "an_endpoint_is_left_over",
        base: "every-node",
        changes: &[LEFT_OVER, ONE_NODE],
        verdict: Failed,
        failing: &["request"],
        look_alike: Some(&[LEFT_OVER_UNREADY, ONE_NODE]),
    },
    Defect {
        name: "backend_speaks_no_tls",
        base: "every-node",
        changes: &[tls_to!("basket")],
        verdict: Failed,
        failing: &["request"],
        look_alike: Some(&[tls_to!("basket-next")]),
    },
    Defect {
        name: "a_lone_percent_sign_is_refused_by_envoy",
        base: "every-node",
        changes: &[(
            "      - backendRefs: [{name: basket, port: 80}]\n",
            "      - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-discount, value: \"100%\"}]}}]\n        backendRefs: [{name: basket, port: 80}]\n",
        )],
        verdict: Failed,
        failing: &["request"],
        look_alike: Some(&[(
            "      - backendRefs: [{name: basket, port: 80}]\n",
            "      - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-discount, value: \"100%%\"}]}}]\n        backendRefs: [{name: basket, port: 80}]\n",
        )]),
    },
    Defect {
        name: "status_lists_nodes_that_do_not_listen",
        base: "host-network",
        changes: &[
            ("cilium: \"1.20.2\"", "cilium: \"1.20.0\""),
            (
                "  - name: chosen node\n",
                "  - name: addresses\n    within: 1s\n    gateway: {name: shop/public, addresses: [198.51.100.1]}\n  - name: chosen node\n",
            ),
        ],
        verdict: Failed,
        failing: &["addresses"],
        look_alike: Some(&[("cilium: \"1.20.2\"", "cilium: \"1.20.0\"")]),
    },
    Defect {
        name: "redirect_loops_behind_a_balancer_that_ends_tls",
        base: "routes",
        changes: &[
            ("cilium: \"1.20.2\"", "cilium: \"1.18.10\""),
            (
                "annotations: {example.test/team: shop}\n      listeners",
                "annotations: {example.test/team: shop, service.beta.kubernetes.io/aws-load-balancer-ssl-cert: \"arn:aws:acm:eu-central-1:1:certificate/a\"}\n      listeners",
            ),
            (
                "requestRedirect: {hostname: basket.example.test, statusCode: 301}",
                "requestRedirect: {scheme: https, statusCode: 301}",
            ),
        ],
        verdict: Failed,
        failing: &["redirect"],
        look_alike: None,
    },
];
