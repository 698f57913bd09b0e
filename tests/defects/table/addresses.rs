//! Load-balancer addresses: asked for, outside the pool, used up.

use gateproof_core::verdict::Verdict::Failed;

use crate::case::Defect;

const BASE: &str = "addresses";

/// A second Gateway that asks for an address.
macro_rules! second_gateway {
    ($address:literal) => {
        (
            "  checks:\n",
            concat!(
                "  - apiVersion: gateway.networking.k8s.io/v1\n    kind: Gateway\n",
                "    metadata: {name: second, namespace: shop}\n    spec:\n",
                "      gatewayClassName: cilium\n      infrastructure:\n",
                "        annotations: {io.cilium/lb-ipam-ips: ",
                $address,
                "}\n      listeners:\n      - {name: http, port: 8080, protocol: HTTP}\n",
                "  checks:\n  - name: second\n    gateway: {name: shop/second, conditions: {Programmed: true}}\n"
            ),
        )
    };
}

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "address_is_outside_the_pool",
        base: BASE,
        changes: &[("lb-ipam-ips: 172.18.255.9", "lb-ipam-ips: 172.18.255.77")],
        verdict: Failed,
        failing: &["gateway", "service", "request"],
        look_alike: Some(&[("\"172.18.255.8/30\"", "\"172.18.255.0/24\"")]),
    },
    Defect {
        name: "gateway_has_another_address_than_claimed",
        base: BASE,
        changes: &[("lb-ipam-ips: 172.18.255.9", "lb-ipam-ips: 172.18.255.10")],
        verdict: Failed,
        failing: &["gateway", "service"],
        look_alike: None,
    },
    Defect {
        name: "address_is_taken",
        base: BASE,
        changes: &[second_gateway!("172.18.255.9")],
        verdict: Failed,
        failing: &["second"],
        look_alike: Some(&[second_gateway!("172.18.255.10")]),
    },
    Defect {
        name: "pool_is_used_up",
        base: BASE,
        changes: &[
            ("\"172.18.255.8/30\"", "\"172.18.255.9/32\""),
            second_gateway!("172.18.255.10"),
        ],
        verdict: Failed,
        failing: &["second"],
        look_alike: None,
    },
];
