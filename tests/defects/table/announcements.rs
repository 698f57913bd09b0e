//! Layer-2 announcements of a Gateway's address: no policy, no lease, no device, no holder.

use gateproof_core::verdict::Verdict::Failed;

use crate::case::{Change, Defect};

const BASE: &str = "announced";

/// Values of the chart that make Services of Gateways keep to nodes with a backend.
const LOCAL: Change =
    ("gatewayAPI: {enabled: true}", "gatewayAPI: {enabled: true, externalTrafficPolicy: Local}");

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "policy_announces_no_addresses_of_load_balancers",
        base: BASE,
        changes: &[("      loadBalancerIPs: true\n", "      externalIPs: true\n")],
        verdict: Failed,
        failing: &["address"],
        look_alike: Some(&[(
            "      loadBalancerIPs: true\n",
            "      externalIPs: true\n      loadBalancerIPs: true\n",
        )]),
    },
    Defect {
        name: "policy_is_for_other_services",
        base: BASE,
        changes: &[(
            "{io.kubernetes.service.namespace: shop}",
            "{io.kubernetes.service.name: public}",
        )],
        verdict: Failed,
        failing: &["address"],
        look_alike: Some(&[(
            "{io.kubernetes.service.namespace: shop}",
            "{io.kubernetes.service.name: cilium-gateway-public}",
        )]),
    },
    Defect {
        name: "policy_is_for_no_node",
        base: BASE,
        changes: &[(
            "{kubernetes.io/hostname: worker}}\n  -",
            "{kubernetes.io/hostname: edge}}\n  -",
        )],
        verdict: Failed,
        failing: &["address"],
        look_alike: Some(&[(
            "{kubernetes.io/hostname: worker}}\n  -",
            "{kubernetes.io/os: linux}}\n  -",
        )]),
    },
    Defect {
        name: "interfaces_match_no_device",
        base: BASE,
        changes: &[("\"^eth0$\"", "\"^ens[0-9]+\"")],
        verdict: Failed,
        failing: &["address"],
        look_alike: Some(&[("\"^eth0$\"", "\"^ens[0-9]+\", \"^eth\"")]),
    },
    Defect {
        name: "interfaces_are_no_regular_expression",
        base: BASE,
        changes: &[("\"^eth0$\"", "\"^eth[\"")],
        verdict: Failed,
        failing: &["address"],
        look_alike: None,
    },
    Defect {
        name: "announcements_are_switched_off",
        base: BASE,
        changes: &[("      l2announcements: {enabled: true}\n", "")],
        verdict: Failed,
        failing: &["address"],
        // Without a policy either, something else leads the address to nodes.
        look_alike: Some(&[
            ("      l2announcements: {enabled: true}\n", ""),
            (
                "  - apiVersion: cilium.io/v2alpha1\n    kind: CiliumL2AnnouncementPolicy\n    metadata: {name: gateways}\n    spec:\n      loadBalancerIPs: true\n      interfaces: [\"^eth0$\"]\n      serviceSelector: {matchLabels: {io.kubernetes.service.namespace: shop}}\n      nodeSelector: {matchLabels: {kubernetes.io/hostname: worker}}\n",
                "",
            ),
        ]),
    },
    Defect {
        name: "agents_may_not_write_leases",
        base: BASE,
        changes: &[("  backends:\n", "  faults: [{leasesForbidden: {}}]\n  backends:\n")],
        verdict: Failed,
        failing: &["address"],
        look_alike: None,
    },
    Defect {
        name: "holder_of_the_lease_is_lost",
        base: BASE,
        changes: &[(
            "  backends:\n",
            "  faults: [{nodeDown: {nodes: {names: [worker]}}}]\n  backends:\n",
        )],
        verdict: Failed,
        failing: &["node ports", "address"],
        // Another node that the policy chooses takes over, and nothing is claimed of the lost one.
        look_alike: None,
    },
    Defect {
        name: "a_local_service_is_announced_by_nobody_with_1_20_2",
        base: BASE,
        changes: &[LOCAL],
        verdict: Failed,
        failing: &["address"],
        look_alike: Some(&[LOCAL, ("cilium: \"1.20.2\"", "cilium: \"1.20.0\"")]),
    },
];
