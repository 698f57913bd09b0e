//! Hints for TCP connections, by the kind of socket.
//!
//! What a node without the redirect answers (a time-out up to Cilium 1.17, a refusal from 1.18
//! on) is inferred from Cilium's source; the hints therefore send the reader to look.

use crate::entry::EntryPoint;
use crate::exposure::PortRole;
use crate::judge::everywhere::Contact;
use crate::judge::hints;
use crate::observation::TcpOutcome;

/// What to look at when a socket does not accept although it should.
pub(in crate::judge) fn hints_for(point: &EntryPoint, outcome: &TcpOutcome) -> Vec<String> {
    match outcome {
        TcpOutcome::Accepted => return Vec::new(),
        TcpOutcome::Other(_) => {
            return hints(&[
                "the attempt ended in a way that says nothing about the Gateway: look at the machine that sent it (file descriptors, permissions, local addresses)",
            ]);
        }
        TcpOutcome::Unreachable => {
            return hints(&[
                "there is no way to this address from here, or a router says so: look at routes and firewalls before Cilium",
            ]);
        }
        TcpOutcome::Refused | TcpOutcome::TimedOut | TcpOutcome::Reset => {}
    }
    let mut texts: Vec<String> = match (point.role, point.node.is_some()) {
        (Some(PortRole::NodePort { .. }), _) => hints(&[
            "on the node's agent, `cilium-dbg bpf lb list`: without an \"L7LB Proxy Port\" on the node-port frontend the CiliumEnvoyConfig is not applied there",
            "with it, `cilium-dbg envoy admin listeners`: if the Gateway's listener is missing, look at the Envoy pod and for rejected resources (NACK) in the agent's log",
            "node ports need no backend and no route to accept: routes and endpoints are not the place to look",
        ]),
        (Some(PortRole::ListenerPort), _) => listener_port(point.port),
        (Some(PortRole::HealthCheckNodePort), _) => hints(&[
            "the agent serves this port for Services with externalTrafficPolicy Local: look at spec.healthCheckNodePort and at the agent's log",
        ]),
        (None, false) => hints(&[
            "look at whether the address is announced (L2 announcement policy and its lease, BGP, or the cloud's load balancer)",
            "then ask through each node: if that answers, the Gateway works and the address is the problem",
        ]),
        (None, true) => hints(&["look at what should listen there, with `ss -ltnp` on the node"]),
    };
    if *outcome == TcpOutcome::TimedOut {
        texts.push(
            "silence also comes from firewalls and security groups between here and the node"
                .to_owned(),
        );
    }
    texts
}

fn listener_port(port: u16) -> Vec<String> {
    let mut texts = Vec::new();
    if port < 1024 {
        texts.push(format!(
            "port {port} needs keepCapNetBindService and NET_BIND_SERVICE for Envoy: look for \"Permission denied\" or \"cannot bind\" in its log"
        ));
    }
    texts.extend(hints(&[
        "listener ports are bound only in host-network mode, and only on nodes with the labels of gatewayAPI.hostNetwork.nodes.matchLabels: look at the CiliumEnvoyConfig's nodeSelector and at the CiliumNode's labels",
        "`cilium-dbg envoy admin listeners` on the node: if the port is missing, look for a rejected listener (NACK), such as a duplicate address after a port was edited (cilium#48132)",
    ]));
    texts
}

/// What to look at when a socket accepts although it should not.
pub(in crate::judge) fn hints_when_open(point: &EntryPoint) -> Vec<String> {
    match point.role {
        Some(PortRole::ListenerPort) => hints(&[
            "in host-network mode every node listens unless gatewayAPI.hostNetwork.nodes.matchLabels is set: look at gateway-api-hostnetwork-nodelabelselector in the ConfigMap cilium-config, for a misspelt Helm key (hostNetwork.nodeSelector) is dropped without a word",
            "`ss -ltnp` on the node tells whether it is Envoy that listens, or something else",
        ]),
        Some(PortRole::NodePort { .. }) => hints(&[
            "node ports of a Gateway's Service accept on every node where the agent redirects them: look at the Service's type and at gatewayAPI.hostNetwork",
        ]),
        Some(PortRole::HealthCheckNodePort) | None => {
            hints(&["`ss -ltnp` on the node tells who listens there"])
        }
    }
}

/// Whether a connection that was wanted is missing for a reason on the other side.
pub(in crate::judge) fn contact(outcome: &TcpOutcome) -> Contact {
    match outcome {
        TcpOutcome::Refused | TcpOutcome::TimedOut | TcpOutcome::Reset => Contact::Missing,
        TcpOutcome::Accepted | TcpOutcome::Unreachable | TcpOutcome::Other(_) => {
            Contact::NotAtIssue
        }
    }
}

/// Whether an outcome shows that a socket does not accept, or why it shows nothing.
///
/// Refused, reset and silence do. A missing route shows nothing about the socket, and neither
/// does a failure of the machine that asked: taken for "closed", both would pass claims falsely.
pub(in crate::judge) fn proves_closed(outcome: &TcpOutcome) -> Result<(), &'static str> {
    match outcome {
        TcpOutcome::Refused | TcpOutcome::Reset | TcpOutcome::TimedOut | TcpOutcome::Accepted => {
            Ok(())
        }
        TcpOutcome::Unreachable => Err(
            "an address without a way to it says nothing about the port: look at the route from here to the node",
        ),
        TcpOutcome::Other(_) => Err(
            "the attempt failed on the side that made it: look at the machine that sent it (file descriptors, permissions, local addresses)",
        ),
    }
}
