//! Routes and backends: where a request should go and does not.

use gateproof_core::verdict::Verdict::Failed;

use crate::case::Defect;

const BASE: &str = "routes";

/// A Service whose selector is put in between.
macro_rules! service_selecting {
    ($label:literal) => {
        (
            "  - apiVersion: gateway.networking.k8s.io/v1beta1",
            concat!(
                "  - {apiVersion: v1, kind: Service, metadata: {name: other, namespace: shop}, ",
                "spec: {selector: {app.kubernetes.io/name: ",
                $label,
                "}, ports: [{port: 80, targetPort: 3000}]}}\n",
                "  - apiVersion: gateway.networking.k8s.io/v1beta1"
            ),
        )
    };
}

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "service_is_missing",
        base: BASE,
        changes: &[(
            "backendRefs: [{name: basket, port: 80}]",
            "backendRefs: [{name: baskets, port: 80}]",
        )],
        verdict: Failed,
        failing: &["route", "basket"],
        look_alike: Some(&[
            (
                "backendRefs: [{name: basket, port: 80}]",
                "backendRefs: [{kind: Service, name: basket, port: 80}, {name: baskets, port: 80, weight: 0}]",
            ),
            (
                "name: shop/basket, accepted: true, resolvedRefs: true",
                "name: shop/basket, accepted: true",
            ),
        ]),
    },
    Defect {
        name: "service_has_no_endpoints",
        base: BASE,
        changes: &[
            service_selecting!("nobody"),
            ("backendRefs: [{name: basket, port: 80}]", "backendRefs: [{name: other, port: 80}]"),
        ],
        verdict: Failed,
        failing: &["basket"],
        look_alike: Some(&[
            service_selecting!("basket"),
            ("backendRefs: [{name: basket, port: 80}]", "backendRefs: [{name: other, port: 80}]"),
        ]),
    },
    Defect {
        name: "backend_port_is_not_the_services",
        base: BASE,
        changes: &[(
            "backendRefs: [{name: basket, port: 80}]",
            "backendRefs: [{name: basket, port: 81}]",
        )],
        verdict: Failed,
        failing: &["basket"],
        look_alike: None,
    },
    Defect {
        name: "listener_allows_another_namespace",
        base: BASE,
        changes: &[(
            "{from: Same}",
            "{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: stock}}}",
        )],
        verdict: Failed,
        failing: &[
            "gateway",
            "route",
            "route across namespaces",
            "basket",
            "stock",
            "redirect",
            "shares",
        ],
        look_alike: Some(&[(
            "{from: Same}",
            "{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}",
        )]),
    },
    Defect {
        name: "listener_allows_another_kind",
        base: BASE,
        changes: &[("          namespaces: {from: Same}", "          kinds: [{kind: GRPCRoute}]")],
        verdict: Failed,
        failing: &[
            "gateway",
            "route",
            "route across namespaces",
            "basket",
            "stock",
            "redirect",
            "shares",
        ],
        look_alike: Some(&[(
            "          namespaces: {from: Same}",
            "          kinds: [{kind: HTTPRoute}]",
        )]),
    },
    Defect {
        name: "grant_is_in_the_wrong_namespace",
        base: BASE,
        changes: &[(
            "{name: routes-of-shop, namespace: stock}",
            "{name: routes-of-shop, namespace: shop}",
        )],
        verdict: Failed,
        failing: &["route across namespaces", "stock"],
        look_alike: Some(&[(
            "to: [{group: \"\", kind: Service}]",
            "to: [{group: \"\", kind: Service, name: stock}]",
        )]),
    },
    Defect {
        name: "section_name_is_no_listeners",
        base: BASE,
        changes: &[("sectionName: http}", "sectionName: https}")],
        verdict: Failed,
        failing: &["gateway", "route", "basket"],
        look_alike: Some(&[("sectionName: http}", "port: 80}")]),
    },
    Defect {
        name: "hostname_is_outside_the_listeners",
        base: BASE,
        changes: &[("hostnames: [basket.example.test]", "hostnames: [basket.example.net]")],
        verdict: Failed,
        failing: &["gateway", "route", "basket"],
        look_alike: Some(&[(
            "hostnames: [basket.example.test]",
            "hostnames: [basket.example.net, basket.example.test]",
        )]),
    },
    Defect {
        name: "wildcard_is_not_the_apex",
        base: BASE,
        changes: &[("hostnames: [basket.example.test]", "hostnames: [example.test]")],
        verdict: Failed,
        failing: &["gateway", "route", "basket"],
        look_alike: Some(&[(
            "hostnames: [basket.example.test]",
            "hostnames: [\"*.example.test\"]",
        )]),
    },
    Defect {
        name: "class_is_nobodys",
        base: BASE,
        changes: &[("gatewayClassName: cilium", "gatewayClassName: cillium")],
        verdict: Failed,
        failing: &[
            "gateway",
            "service",
            "route",
            "route across namespaces",
            "basket",
            "stock",
            "redirect",
            "shares",
            "unknown host",
            "exposure",
        ],
        look_alike: Some(&[
            ("gatewayClassName: cilium", "gatewayClassName: ours"),
            (
                "  - apiVersion: gateway.networking.k8s.io/v1beta1",
                "  - {apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: ours}, spec: {controllerName: io.cilium/gateway-controller}}\n  - apiVersion: gateway.networking.k8s.io/v1beta1",
            ),
        ]),
    },
    Defect {
        name: "weights_are_others",
        base: BASE,
        changes: &[
            ("name: basket, port: 80, weight: 80", "name: basket, port: 80, weight: 20"),
            ("name: basket-next, port: 80, weight: 20", "name: basket-next, port: 80, weight: 80"),
        ],
        verdict: Failed,
        failing: &["shares"],
        look_alike: Some(&[("weight: 80", "weight: 4"), ("weight: 20", "weight: 1")]),
    },
    Defect {
        name: "one_of_two_weighted_backends_is_missing",
        base: BASE,
        changes: &[(
            "{name: basket-next, port: 80, weight: 20}",
            "{name: basket-nxt, port: 80, weight: 20}",
        )],
        verdict: Failed,
        failing: &["shares"],
        look_alike: None,
    },
    Defect {
        name: "redirect_leads_elsewhere",
        base: BASE,
        changes: &[(
            "requestRedirect: {hostname: basket.example.test,",
            "requestRedirect: {hostname: cart.example.test,",
        )],
        verdict: Failed,
        failing: &["redirect"],
        look_alike: Some(&[(
            "requestRedirect: {hostname: basket.example.test,",
            "requestRedirect: {port: 80, hostname: basket.example.test,",
        )]),
    },
    Defect {
        // From Cilium 1.20 on a redirect that names a scheme passes over requests of that scheme.
        name: "redirect_names_the_scheme_that_it_came_by",
        base: BASE,
        changes: &[(
            "requestRedirect: {hostname: basket.example.test,",
            "requestRedirect: {scheme: http, port: 80, hostname: basket.example.test,",
        )],
        verdict: Failed,
        failing: &["redirect"],
        look_alike: None,
    },
    Defect {
        name: "annotation_is_the_gateways_own",
        base: BASE,
        changes: &[
            (
                "      namespace: shop\n    spec:\n      gatewayClassName",
                "      namespace: shop\n      annotations: {example.test/team: shop}\n    spec:\n      gatewayClassName",
            ),
            ("      infrastructure:\n        annotations: {example.test/team: shop}\n", ""),
        ],
        verdict: Failed,
        failing: &["service"],
        look_alike: Some(&[(
            "      namespace: shop\n    spec:\n      gatewayClassName",
            "      namespace: shop\n      annotations: {example.test/team: stock}\n    spec:\n      gatewayClassName",
        )]),
    },
    Defect {
        name: "another_backend_answers",
        base: BASE,
        changes: &[(
            "expect: {status: 200, backend: shop/basket}",
            "expect: {status: 200, backend: shop/basket-next}",
        )],
        verdict: Failed,
        failing: &["basket"],
        look_alike: None,
    },
    Defect {
        name: "known_host_is_claimed_unknown",
        base: BASE,
        changes: &[("http://basket.example.org/", "http://stock.example.test/")],
        verdict: Failed,
        failing: &["unknown host"],
        look_alike: Some(&[("http://basket.example.org/", "http://example.test/")]),
    },
    Defect {
        name: "api_refuses_a_manifest",
        base: BASE,
        changes: &[(
            "  - apiVersion: gateway.networking.k8s.io/v1beta1",
            "  - {apiVersion: v1, kind: Service, metadata: {name: Other_Name, namespace: shop}, spec: {ports: [{port: 80}]}}\n  - apiVersion: gateway.networking.k8s.io/v1beta1",
        )],
        verdict: Failed,
        failing: &["apply manifests"],
        look_alike: Some(&[service_selecting!("nobody")]),
    },
    Defect {
        name: "kind_is_not_served",
        base: BASE,
        changes: &[(
            "  - apiVersion: gateway.networking.k8s.io/v1beta1",
            "  - {apiVersion: example.test/v1, kind: Widget, metadata: {name: w, namespace: shop}}\n  - apiVersion: gateway.networking.k8s.io/v1beta1",
        )],
        verdict: Failed,
        failing: &["apply manifests"],
        look_alike: Some(&[(
            "  - apiVersion: gateway.networking.k8s.io/v1beta1",
            "  - {apiVersion: v1, kind: ConfigMap, metadata: {name: w, namespace: shop}}\n  - apiVersion: gateway.networking.k8s.io/v1beta1",
        )]),
    },
    Defect {
        name: "grpc_route_is_attached_too",
        base: BASE,
        changes: &[(
            "  - apiVersion: gateway.networking.k8s.io/v1beta1",
            "  - {apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: g, namespace: shop}, spec: {parentRefs: [{name: public}], rules: [{backendRefs: [{name: basket, port: 80}]}]}}\n  - apiVersion: gateway.networking.k8s.io/v1beta1",
        )],
        verdict: Failed,
        failing: &["gateway"],
        look_alike: Some(&[(
            "  - apiVersion: gateway.networking.k8s.io/v1beta1",
            "  - {apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: g, namespace: shop}, spec: {parentRefs: [{name: another}], rules: [{backendRefs: [{name: basket, port: 80}]}]}}\n  - apiVersion: gateway.networking.k8s.io/v1beta1",
        )]),
    },
    Defect {
        name: "node_ports_are_claimed_for_one_node",
        base: BASE,
        changes: &[("expect: {nodePorts: all}", "expect: {nodePorts: {role: gateway}}")],
        verdict: Failed,
        failing: &["exposure"],
        look_alike: Some(&[("expect: {nodePorts: all}", "expect: reference")]),
    },
    Defect {
        name: "open_gateway_is_claimed_shut",
        base: BASE,
        changes: &[("expect: {nodePorts: all}", "expect: nothing")],
        verdict: Failed,
        failing: &["exposure"],
        look_alike: None,
    },
];
