//! GP0022: two Gateways, or another program, want one port of the hosts.

use std::collections::BTreeMap;

use crate::dossier::Dossier;
use crate::finding::reading::{
    Gateway, Socket, ciliums_gateways, listed, rejections, sockets, told,
};
use crate::finding::releases::{Releases, since};
use crate::finding::{Confidence, Firing, Role, Rule};

const HOST_NETWORK: Releases = Releases(&[since(16, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0022",
    title: "two Gateways, or another program, want one port of the hosts",
    explanation: "\
With host network every listener port of every Gateway is bound on the nodes themselves, so ports \
must be unique over all Gateways of the cluster. Two Gateways with a listener on 443 cannot both have \
it; Envoy rejects the second listener, and nothing in the status says so. Several listeners of one \
Gateway on one port are fine.

Ports that other programs of the host hold are lost too: Cilium's own (9878 and 9964 of Envoy, 4240, \
4244, 9234, 9879, 9890, 9891, 9901, 9962, 9963), the kubelet's 10250, the API server's 6443, and \
ingress controllers on 80 and 443.",
    remedy: &[
        "give each Gateway ports of its own, or put the listeners into one Gateway",
        "look at who holds the port: ss -ltnp on the node",
    ],
    sources: &[
        "cilium/cilium Documentation/network/servicemesh/gateway-api/host-network-mode.rst 1.16 to 1.20: ports must be unique",
        "cilium/charts values.yaml 1.16.0 to 1.20.0: ports of Envoy, agents and operator",
    ],
    issues: &[],
    examine,
};

/// Ports that Cilium and Kubernetes hold on nodes, and who does.
const HELD: &[(u16, &str)] = &[
    (4240, "Cilium's health checks"),
    (4244, "Hubble"),
    (6443, "the API server"),
    (9234, "Cilium's operator"),
    (9878, "Envoy's health port"),
    (9879, "the agent's health port"),
    (9890, "the agent's gops"),
    (9891, "the operator's gops"),
    (9901, "Envoy's administration"),
    (9962, "the agent's metrics"),
    (9963, "the operator's metrics"),
    (9964, "Envoy's metrics"),
    (10250, "the kubelet"),
    (10256, "kube-proxy's health port"),
];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if !dossier.cilium.config.as_ref().is_some_and(|config| config.host_network.is_on()) {
        return Vec::new();
    }
    let gateways = ciliums_gateways(dossier);
    let mut by_port: BTreeMap<u16, Vec<&Gateway<'_>>> = BTreeMap::new();
    for gateway in &gateways {
        let mut ports: Vec<u16> = gateway.listeners().iter().map(|one| one.port).collect();
        ports.sort_unstable();
        ports.dedup();
        for port in ports {
            by_port.entry(port).or_default().push(gateway);
        }
    }
    by_port.retain(|_, wanting| wanting.iter().any(|gateway| gateway.is_diagnosed()));
    let sockets = sockets(dossier);
    let mut firings = Vec::new();
    for (port, wanting) in &by_port {
        let closed: Vec<Socket<'_>> = sockets
            .iter()
            .filter(|socket| {
                socket.is_listener_port() && socket.port == *port && socket.is_closed()
            })
            .cloned()
            .collect();
        let held = HELD.iter().find(|(held, _)| held == port).map(|(_, who)| *who);
        let taken = in_use(dossier, *port);
        let firing = match (wanting.as_slice(), held, &taken) {
            ([_, _, ..], _, _) => {
                let names: Vec<String> = wanting.iter().map(ToString::to_string).collect();
                Firing::new(Role::Cause, Confidence::Certain)
                    .seen(format!("port {port} of {}", listed(&names)), "listeners, with host network")
                    .inferred("only one of them can have the port; the others' listeners are rejected on the nodes")
            }
            (_, Some(who), _) => Firing::new(Role::Cause, Confidence::Likely)
                .seen(format!("port {port}"), "listeners, with host network")
                .inferred(format!("{who} usually has port {port} on every node")),
            (_, None, Some(line)) => Firing::new(Role::Cause, Confidence::Certain)
                .seen(&line.0, &line.1)
                .inferred(format!("another program has port {port} on the node")),
            (_, None, None) => continue,
        };
        let firing = wanting.iter().fold(firing, Firing::about);
        firings.extend(firing.seen_all(told(&closed)).on(dossier, HOST_NETWORK));
    }
    firings
}

/// A line that says that a port is in use.
fn in_use(dossier: &Dossier, port: u16) -> Option<(String, String)> {
    rejections(dossier).into_iter().find_map(|one| {
        let words = one.words.to_lowercase();
        let spoken = words.contains("address already in use")
            && words.contains(&format!(":{port}'"))
            || words.contains("address already in use") && words.contains(&format!(":{port} "));
        spoken.then(|| (one.words.clone(), format!("log {}", one.line.source)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, Variant, fires, healthy, silent};

    fn another(dossier: Dossier, port: u16) -> Dossier {
        dossier.with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "other", "namespace": "apps"},
            "spec": {"gatewayClassName": "cilium",
                "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}]}}))
    }

    #[test]
    fn two_gateways_on_one_port_are_a_cause_with_host_network_alone() {
        let firing = fires(&RULE, &another(healthy(Variant::HostNetwork), 80));
        assert_eq!(firing.confidence, Confidence::Certain);
        assert_eq!(firing.subjects.len(), 2);
        silent(&RULE, &another(healthy(Variant::HostNetwork), 8080));
        silent(&RULE, &another(healthy(Variant::Dedicated), 80));
    }

    #[test]
    fn a_port_that_cilium_holds_itself_is_likely() {
        assert_eq!(
            fires(&RULE, &another(healthy(Variant::HostNetwork), 9878)).confidence,
            Confidence::Likely
        );
    }

    #[test]
    fn envoys_words_name_the_port() {
        let line = |port: u16| {
            format!("[warning] listener: cannot bind '0.0.0.0:{port}': Address already in use")
        };
        let host = || healthy(Variant::HostNetwork);
        fires(&RULE, &host().log(Component::Envoy, Some("worker"), &line(443)));
        silent(&RULE, &host().log(Component::Envoy, Some("worker"), &line(4433)));
    }
}
