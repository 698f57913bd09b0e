//! Faults of the embedded cluster beyond those of nodes: operator, Secrets, cert-manager,
//! definitions, Envoy.

use gateproof_core::verdict::Verdict::Failed;

use crate::case::{Change, Defect};

/// The last release whose copies are named plainly after their Secrets.
const PLAIN_NAMES: Change = ("cilium: \"1.20.2\"", "cilium: \"1.20.0\"");

/// Cilium copies no Secrets.
const SYNC_OFF: Change =
    ("gatewayAPI: {enabled: true}", "gatewayAPI: {enabled: true, secretsNamespace: {sync: false}}");

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "operator_was_not_restarted",
        base: "node-ports",
        changes: &[("  backends:\n", "  faults: [{operatorNotRestarted: {}}]\n  backends:\n")],
        verdict: Failed,
        failing: &["gateway", "request", "node port", "exposure", "targets"],
        look_alike: None,
    },
    Defect {
        name: "a_definition_that_the_operator_needs_is_absent",
        base: "node-ports",
        changes: &[(
            "  backends:\n",
            "  faults: [{definitionsAbsent: {kinds: [TLSRoute]}}]\n  backends:\n",
        )],
        verdict: Failed,
        failing: &["gateway", "request", "node port", "exposure", "targets"],
        // Cilium 1.18 does without.
        look_alike: Some(&[
            ("cilium: \"1.20.2\"", "cilium: \"1.18.10\""),
            (
                "  backends:\n",
                "  faults: [{definitionsAbsent: {kinds: [TLSRoute]}}]\n  backends:\n",
            ),
        ]),
    },
    Defect {
        name: "secrets_are_not_copied",
        base: "certificates",
        changes: &[("  backends:\n", "  faults: [{secretsNotCopied: {}}]\n  backends:\n")],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: None,
    },
    // What the chart's own switch does: nobody makes the copy that Envoy asks for.
    Defect {
        name: "copying_of_secrets_is_switched_off",
        base: "certificates",
        changes: &[(
            "gatewayAPI: {enabled: true}",
            "gatewayAPI: {enabled: true, secretsNamespace: {sync: false}}",
        )],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: Some(&[(
            "gatewayAPI: {enabled: true}",
            "gatewayAPI: {enabled: true, secretsNamespace: {sync: true}}",
        )]),
    },
    Defect {
        name: "cert_manager_does_not_look_at_gateways",
        base: "certificates",
        changes: &[(
            "  backends:\n",
            "  faults: [{certManagerWithoutGatewayApi: {}}]\n  backends:\n",
        )],
        verdict: Failed,
        failing: &["gateway", "certificate", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "policy_lets_nobody_in",
        base: "node-ports",
        changes: &[("  backends:\n", "  faults: [{ingressDenied: {}}]\n  backends:\n")],
        verdict: Failed,
        failing: &["request"],
        look_alike: None,
    },
    Defect {
        name: "envoy_refuses_a_changed_port",
        base: "port-change",
        changes: &[("  backends:\n", "  faults: [{portChangeRejected: {}}]\n  backends:\n")],
        verdict: Failed,
        failing: &["new port", "old port"],
        look_alike: None,
    },
    Defect {
        name: "programmed_is_claimed_of_1_18_with_host_network",
        base: "host-network",
        changes: &[
            ("cilium: \"1.20.2\"", "cilium: \"1.18.10\""),
            (
                "  - name: request\n",
                "  - name: gateway\n    gateway: {name: shop/public, conditions: {Programmed: true}}\n  - name: request\n",
            ),
        ],
        verdict: Failed,
        failing: &["gateway"],
        look_alike: Some(&[(
            "  - name: request\n",
            "  - name: gateway\n    gateway: {name: shop/public, conditions: {Programmed: true}}\n  - name: request\n",
        )]),
    },
    Defect {
        name: "load_balancer_is_pointed_at_node_ports_of_host_network",
        base: "host-network",
        changes: &[(
            "      expect: {healthy: selected}",
            "      targets: nodePorts\n      expect: {healthy: selected}",
        )],
        verdict: Failed,
        failing: &["targets"],
        look_alike: None,
    },
    // Whoever switches the copying off makes the copies, and this one is of something else.
    Defect {
        name: "copy_is_of_another_certificate",
        base: "secret",
        changes: &[
            PLAIN_NAMES,
            SYNC_OFF,
            (
                "  manifests:\n",
                "  manifests:\n  - apiVersion: v1\n    kind: Secret\n    metadata: {name: shop-shop-tls, namespace: cilium-secrets}\n    type: kubernetes.io/tls\n    stringData: {tls.crt: \"<certificate for another name>\", tls.key: \"<key for another name>\"}\n",
            ),
        ],
        verdict: Failed,
        failing: &["secure request"],
        look_alike: Some(&[
            PLAIN_NAMES,
            SYNC_OFF,
            (
                "  manifests:\n",
                "  manifests:\n  - apiVersion: v1\n    kind: Secret\n    metadata: {name: shop-shop-tls, namespace: cilium-secrets}\n    type: kubernetes.io/tls\n    stringData: {tls.crt: \"<certificate>\", tls.key: \"<key>\"}\n",
            ),
        ]),
    },
];
