//! Steps: changes that do not happen, fail half-way, or change something else than was meant.

use gateproof_core::verdict::Verdict::{Failed, Inconclusive};

use crate::case::Defect;

const BASE: &str = "steps";

const DELETE: &str = "delete: {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, namespace: shop, name: basket}";

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "what_is_not_covered_goes_away_before_the_end",
        base: BASE,
        changes: &[
            (
                "    - apiVersion: gateway.networking.k8s.io/v1\n      kind: HTTPRoute\n",
                "    - {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: g, namespace: shop}, spec: {parentRefs: [{name: public}], hostnames: [g.example.test], rules: [{backendRefs: [{name: basket, port: 80, weight: 0}, {name: basket, port: 80, weight: 0}]}]}}\n    - apiVersion: gateway.networking.k8s.io/v1\n      kind: HTTPRoute\n",
            ),
            (
                "  - name: rename the host\n",
                "  - name: cover everything\n    delete: {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, namespace: shop, name: g}\n  - name: rename the host\n",
            ),
        ],
        verdict: Inconclusive,
        failing: &["coverage", "first"],
        look_alike: None,
    },
    Defect {
        name: "object_to_patch_does_not_exist",
        base: BASE,
        changes: &[(
            "object: {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, namespace: shop, name: basket}\n      patch: {spec: {hostnames: [cart.example.test]}}",
            "object: {apiVersion: v1, kind: Service, namespace: shop, name: cart}\n      patch: {spec: {type: NodePort}}",
        )],
        verdict: Failed,
        failing: &["rename the host"],
        look_alike: None,
    },
    Defect {
        name: "api_refuses_a_patch",
        base: BASE,
        changes: &[(
            "patch: {spec: {hostnames: [cart.example.test]}}",
            "patch: {spec: {hostnames: [\"cart.*.test\"]}}",
        )],
        verdict: Failed,
        failing: &["rename the host"],
        look_alike: Some(&[(
            "patch: {spec: {hostnames: [cart.example.test]}}",
            "patch: {spec: {hostnames: [cart.example.test, more.example.test]}}",
        )]),
    },
    Defect {
        name: "patch_changes_something_else",
        base: BASE,
        changes: &[(
            "patch: {spec: {hostnames: [cart.example.test]}}",
            "patch: {metadata: {labels: {host: cart}}}",
        )],
        verdict: Failed,
        failing: &["new host", "old host"],
        look_alike: None,
    },
    Defect {
        name: "object_to_delete_does_not_exist",
        base: BASE,
        changes: &[(
            DELETE,
            "delete: {apiVersion: v1, kind: Service, namespace: shop, name: cart}",
        )],
        verdict: Failed,
        failing: &["take the route away"],
        look_alike: None,
    },
    Defect {
        name: "something_else_is_deleted",
        base: BASE,
        changes: &[(
            DELETE,
            "delete: {apiVersion: v1, kind: Service, namespace: shop, name: basket}",
        )],
        verdict: Failed,
        failing: &["no route"],
        look_alike: Some(&[(
            DELETE,
            "delete: {apiVersion: gateway.networking.k8s.io/v1beta1, kind: HTTPRoute, namespace: shop, name: basket}",
        )]),
    },
    // The claims are those of the time before the change: what answers then must not pass.
    Defect {
        name: "state_before_a_patch_is_not_believed",
        base: BASE,
        changes: &[(
            "http: {url: \"http://cart.example.test/\", expect: {status: 200, backend: shop/basket}}",
            "http: {url: \"http://basket.example.test/\", expect: {status: 200, backend: shop/basket}}",
        )],
        verdict: Failed,
        failing: &["new host"],
        look_alike: None,
    },
    Defect {
        name: "state_before_a_deletion_is_not_believed",
        base: BASE,
        changes: &[(
            "http: {url: \"http://cart.example.test/\", expect: {status: 404}, for: 200ms, count: 2}",
            "http: {url: \"http://cart.example.test/\", expect: {status: 200}}",
        )],
        verdict: Failed,
        failing: &["no route"],
        look_alike: None,
    },
    Defect {
        name: "step_that_applies_is_refused_half_way",
        base: BASE,
        changes: &[(
            "    apply:\n",
            "    apply:\n    - {apiVersion: v1, kind: ConfigMap, metadata: {name: Not_A_Name, namespace: shop}}\n",
        )],
        verdict: Failed,
        failing: &["begin"],
        look_alike: Some(&[(
            "    apply:\n",
            "    apply:\n    - {apiVersion: v1, kind: ConfigMap, metadata: {name: a-name, namespace: shop}}\n",
        )]),
    },
];
