//! Nodes and ports: which should accept, which do, and what a load balancer makes of it.

use gateproof_core::verdict::Verdict::Failed;

use crate::case::Defect;

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "selector_chooses_no_node",
        base: "host-network",
        changes: &[(
            "nodes: {matchLabels: {role: gateway}}}}",
            "nodes: {matchLabels: {kubernetes.io/hostname: nobody}}}}",
        )],
        verdict: Failed,
        failing: &["request", "chosen node", "exposure", "targets"],
        look_alike: Some(&[(
            "nodes: {matchLabels: {role: gateway}}}}",
            "nodes: {matchLabels: {role: gateway, kubernetes.io/os: linux}}}}",
        )]),
    },
    Defect {
        name: "every_node_is_chosen",
        base: "host-network",
        changes: &[(", nodes: {matchLabels: {role: gateway}}}}", "}}")],
        verdict: Failed,
        failing: &["other nodes", "exposure"],
        look_alike: None,
    },
    Defect {
        name: "one_of_two_nodes_has_the_label",
        base: "host-network",
        changes: &[(
            "tcp: {port: listener/http, nodes: {role: gateway}, expect: accepted}",
            "tcp: {port: listener/http, nodes: {names: [worker, worker2]}, expect: accepted}",
        )],
        verdict: Failed,
        failing: &["chosen node"],
        look_alike: Some(&[(
            "tcp: {port: listener/http, nodes: {role: gateway}, expect: accepted}",
            "tcp: {port: listener/http, nodes: {names: [worker]}, expect: accepted}",
        )]),
    },
    Defect {
        name: "open_port_is_claimed_closed",
        base: "host-network",
        changes: &[(
            "nodes: {not: {role: gateway}}, expect: refused",
            "nodes: {role: gateway}, expect: refused",
        )],
        verdict: Failed,
        failing: &["other nodes"],
        look_alike: Some(&[("expect: refused,", "expect: notAccepted,")]),
    },
    Defect {
        name: "node_port_of_host_network_is_claimed_open",
        base: "host-network",
        changes: &[(
            "tcp: {port: listener/http, nodes: {role: gateway}",
            "tcp: {port: nodePort/http, nodes: {role: gateway}",
        )],
        verdict: Failed,
        failing: &["chosen node"],
        look_alike: None,
    },
    Defect {
        name: "all_targets_are_claimed_healthy",
        base: "host-network",
        changes: &[("expect: {healthy: selected}", "expect: {healthy: all}")],
        verdict: Failed,
        failing: &["targets"],
        look_alike: Some(&[("expect: {healthy: selected}", "expect: {healthy: 1}")]),
    },
    Defect {
        name: "envoy_may_bind_the_low_port",
        base: "low-port",
        changes: &[(
            "keepCapNetBindService: false, envoy: [NET_ADMIN",
            "keepCapNetBindService: true, envoy: [NET_BIND_SERVICE, NET_ADMIN",
        )],
        verdict: Failed,
        failing: &["shut", "exposure"],
        look_alike: None,
    },
    Defect {
        name: "agents_were_not_restarted",
        base: "node-ports",
        changes: &[("  backends:\n", "  faults: [{agentsNotRestarted: {}}]\n  backends:\n")],
        verdict: Failed,
        failing: &["request", "node port", "exposure", "targets"],
        look_alike: None,
    },
    Defect {
        name: "one_agent_was_not_restarted",
        base: "node-ports",
        changes: &[(
            "  backends:\n",
            "  faults: [{agentsNotRestarted: {nodes: {names: [worker2]}}}]\n  backends:\n",
        )],
        verdict: Failed,
        failing: &["request", "node port", "exposure", "targets"],
        look_alike: None,
    },
    Defect {
        name: "one_envoy_is_down",
        base: "node-ports",
        changes: &[(
            "  backends:\n",
            "  faults: [{envoyDown: {nodes: {names: [worker2]}}}]\n  backends:\n",
        )],
        verdict: Failed,
        failing: &["request", "node port", "exposure", "targets"],
        look_alike: None,
    },
    Defect {
        name: "closed_listener_port_is_claimed_open",
        base: "node-ports",
        changes: &[(
            "tcp: {port: listener/http, expect: refused, for: 200ms, count: 2}",
            "tcp: {port: listener/http, expect: accepted}",
        )],
        verdict: Failed,
        failing: &["listener port"],
        look_alike: Some(&[("expect: refused,", "expect: notAccepted,")]),
    },
    Defect {
        name: "closed_port_is_claimed_silent",
        base: "node-ports",
        changes: &[("expect: refused,", "expect: timedOut,")],
        verdict: Failed,
        failing: &["listener port"],
        look_alike: None,
    },
    Defect {
        name: "healthy_targets_are_claimed_unhealthy",
        base: "node-ports",
        changes: &[("expect: {healthy: all}", "expect: {healthy: none}")],
        verdict: Failed,
        failing: &["targets"],
        look_alike: Some(&[("expect: {healthy: all}", "expect: {healthy: 2}")]),
    },
    // What does not exist proves nothing: neither that no target is healthy nor that a port is shut.
    Defect {
        name: "nothing_is_proved_of_a_gateway_that_nobody_made",
        base: "node-ports",
        changes: &[
            ("gatewayClassName: cilium", "gatewayClassName: cillium"),
            (
                "tcp: {port: nodePort/http, expect: accepted}",
                "tcp: {port: nodePort/http, expect: notAccepted}",
            ),
            ("expect: {healthy: all}", "expect: {healthy: none}"),
            (
                "http: {url: \"http://basket.example.test/\", expect: {status: 200, backend: shop/basket}}",
                "http: {url: \"http://basket.example.test/\", expect: {failure: connect}}",
            ),
        ],
        verdict: Failed,
        failing: &["gateway", "request", "node port", "exposure", "targets"],
        look_alike: None,
    },
    Defect {
        name: "listener_ports_are_no_targets_without_host_network",
        base: "node-ports",
        changes: &[(
            "      profile: aws-lbc-cluster\n",
            "      profile: aws-lbc-cluster\n      targets: listenerPorts\n",
        )],
        verdict: Failed,
        failing: &["targets"],
        look_alike: Some(&[(
            "      profile: aws-lbc-cluster\n",
            "      profile: aws-lbc-cluster\n      targets: nodePorts\n",
        )]),
    },
];
