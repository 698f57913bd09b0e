//! GP0003: Envoy may not bind ports below 1024.

use serde_json::Value;

use super::issue;
use crate::cilium::HostNetwork;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{
    Socket, cited, config_map, entry, gateways, items, listed, rejections, sockets, told,
};
use crate::finding::releases::{Releases, since};
use crate::finding::{Confidence, Firing, Role, Rule, Seen};

const HOST_NETWORK: Releases = Releases(&[since(16, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0003",
    title: "Envoy may not bind ports below 1024",
    explanation: "\
With host network Envoy binds the Gateway's listener ports on the node itself. Ports below 1024 \
need the capability NET_BIND_SERVICE, and Envoy keeps it only when it is told to. Two settings are \
needed: envoy.securityContext.capabilities.keepCapNetBindService=true, and NET_BIND_SERVICE in \
envoy.securityContext.capabilities.envoy (with Envoy inside the agents: in \
securityContext.capabilities.ciliumAgent). Helm replaces lists, so NET_ADMIN and SYS_ADMIN must be \
repeated there.

Without it the kernel refuses the bind, Envoy rejects the listener, and the port stays closed. \
Service, CiliumEnvoyConfig and conditions look fine. When ports above 1024 of the same Gateway \
share its listener, they may stay closed with it.",
    remedy: &[
        "set envoy.securityContext.capabilities.keepCapNetBindService=true and envoy.securityContext.capabilities.envoy to [NET_ADMIN, SYS_ADMIN, NET_BIND_SERVICE] in Cilium's Helm values, and roll the Envoy pods: kubectl -n kube-system rollout restart daemonset/cilium-envoy",
        "or use listener ports from 1024 on",
    ],
    sources: &[
        "cilium/cilium Documentation/network/servicemesh/gateway-api/host-network-mode.rst 1.16 to 1.20",
        "cilium/charts values.yaml 1.16.0 to 1.21.0-pre.0: envoy.securityContext.capabilities",
    ],
    issues: &[
        issue("cilium/cilium#32768", HOST_NETWORK),
        issue("cilium/cilium#27273", HOST_NETWORK),
    ],
    examine,
};

const FIRST_FREE: u16 = 1024;
const KEEP: &str = "envoy-keep-cap-netbindservice";

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let Some(config) = &dossier.cilium.config else { return Vec::new() };
    if config.host_network == HostNetwork::Off {
        return Vec::new();
    }
    let sockets = sockets(dossier);
    let mut firings = Vec::new();
    for gateway in gateways(dossier) {
        let mut low: Vec<u16> = gateway.listeners().iter().map(|one| one.port).collect();
        low.retain(|port| *port < FIRST_FREE);
        low.sort_unstable();
        low.dedup();
        let theirs: Vec<_> = sockets
            .iter()
            .filter(|socket| socket.is_listener_port() && low.contains(&socket.port))
            .cloned()
            .collect();
        // A node may let anybody bind low ports (net.ipv4.ip_unprivileged_port_start).
        if low.is_empty() || theirs.iter().any(Socket::is_open) {
            continue;
        }
        let refused = refused_binds(dossier);
        let lacking = lacking(dossier, config.envoy_may_bind_low_ports);
        let (confidence, seen) = match (refused.is_empty(), lacking) {
            (false, Some((_, seen))) => (Confidence::Certain, vec![seen]),
            (false, None) => (Confidence::Certain, Vec::new()),
            (true, Some((confidence, seen))) => (confidence, vec![seen]),
            (true, None) => continue,
        };
        let ports: Vec<String> = low.iter().map(u16::to_string).collect();
        let mut firing = Firing::new(Role::Cause, confidence)
            .about(&gateway)
            .seen(format!("listener ports {} with host network", listed(&ports)), &gateway)
            .seen_all(seen)
            .seen_all(refused);
        let closed: Vec<_> = theirs.into_iter().filter(Socket::is_closed).collect();
        firing = firing.seen_all(told(&closed)).inferred(format!(
            "the kernel refuses Envoy to bind {}, Envoy rejects the listener, and nothing in Kubernetes shows it",
            listed(&ports)
        ));
        firings.extend(firing.on(dossier, HOST_NETWORK));
    }
    firings
}

/// Binds that were refused, by the logs.
fn refused_binds(dossier: &Dossier) -> Vec<Seen> {
    rejections(dossier)
        .iter()
        .filter(|one| {
            let words = one.words.to_lowercase();
            words.contains("permission denied") && words.contains("bind")
        })
        .map(|one| Seen { what: one.words.clone(), source: format!("log {}", one.line.source) })
        .collect()
}

/// What shows that a setting is lacking.
fn lacking(dossier: &Dossier, may: bool) -> Option<(Confidence, Seen)> {
    let seen = |what: String, source: String| Seen { what, source };
    let sets = ["cilium-envoy", "cilium"].iter().filter_map(|name| {
        let sets = dossier.list("apps", "DaemonSet");
        sets.into_iter().find(|set| text(set, "/metadata/name") == Some(name))
    });
    for set in sets {
        let envoy = |container: &&Value| {
            matches!(text(container, "/name"), Some("cilium-envoy" | "cilium-agent"))
        };
        let Some(container) = items(set, "/spec/template/spec/containers").iter().find(envoy)
        else {
            continue;
        };
        let added = items(container, "/securityContext/capabilities/add");
        let privileged = container.pointer("/securityContext/privileged");
        if added.is_empty() || privileged == Some(&Value::Bool(true)) {
            break;
        }
        let added: Vec<&str> = added.iter().filter_map(Value::as_str).collect();
        if !added.contains(&"NET_BIND_SERVICE") {
            let what = format!("capabilities {}, without NET_BIND_SERVICE", listed(&added));
            return Some((Confidence::Certain, seen(what, cited(set))));
        }
        break;
    }
    match entry(dossier, KEEP) {
        Some(value) if value != "true" => {
            Some((Confidence::Certain, seen(format!("{KEEP}: {value}"), config_map(dossier))))
        }
        _ if may => None,
        Some(_) => Some((
            Confidence::Likely,
            seen(
                format!("{KEEP}: true, but no NET_BIND_SERVICE among Envoy's capabilities"),
                "Cilium's configuration".to_owned(),
            ),
        )),
        None => {
            dossier.cilium.config_map.is_some().then(|| {
                (Confidence::Certain, seen(format!("no entry {KEEP}"), config_map(dossier)))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::fixture::{Change, NODES, Variant, fires, healthy, silent, words};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    /// Host network without the capability: the reference expects the ports closed, and they are.
    fn without_capability() -> Dossier {
        let mut dossier =
            healthy(Variant::HostNetwork).entry("envoy-keep-cap-netbindservice", "false").see(
                &NODES,
                |role, _| role == crate::exposure::PortRole::ListenerPort,
                &TcpOutcome::Refused,
            );
        dossier.cilium.config.as_mut().expect("a configuration").envoy_may_bind_low_ports = false;
        dossier
    }

    #[test]
    fn low_ports_without_the_capability_are_a_cause() {
        let firing = fires(&RULE, &without_capability());
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Certain));
        assert!(words(&firing).contains("envoy-keep-cap-netbindservice: false"));
        fires(&RULE, &without_capability().unprobed());
    }

    #[test]
    fn an_unknown_version_makes_it_less_sure_and_an_older_one_silent() {
        let firing = fires(&RULE, &without_capability().version_unknown());
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains("version is not known"), "{firing:#?}");
        silent(&RULE, &without_capability().version("1.15.9"));
    }

    #[test]
    fn a_list_of_capabilities_without_it_is_seen() {
        let set = json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "cilium-envoy", "namespace": "kube-system"},
            "spec": {"template": {"spec": {"containers": [{"name": "cilium-envoy",
                "securityContext": {"capabilities": {"add": ["NET_ADMIN", "SYS_ADMIN"]}}}]}}}});
        let firing = fires(&RULE, &healthy(Variant::HostNetwork).unprobed().with(set));
        assert!(words(&firing).contains("NET_ADMIN and SYS_ADMIN"), "{firing:#?}");
    }

    #[test]
    fn envoys_own_words_are_enough() {
        let line = r#"msg="NACK received for versions between the reported version up to the response nonce" xdsDetail="Error adding/updating listener(s) listener: cannot bind '0.0.0.0:80': Permission denied""#;
        let mut dossier = without_capability();
        dossier.cilium.config_map = None;
        dossier.cilium.config.as_mut().expect("one").envoy_may_bind_low_ports = true;
        silent(&RULE, &dossier);
        let told = dossier.log(Component::CiliumAgent, Some("worker"), line);
        assert_eq!(fires(&RULE, &told).confidence, Confidence::Certain);
    }

    #[test]
    fn ports_that_accept_are_no_finding_whatever_the_settings_say() {
        let open = without_capability().see(
            &NODES,
            |role, _| role == crate::exposure::PortRole::ListenerPort,
            &TcpOutcome::Accepted,
        );
        silent(&RULE, &open);
    }

    #[test]
    fn without_host_network_no_capability_is_needed() {
        let mut dossier =
            healthy(Variant::Dedicated).entry("envoy-keep-cap-netbindservice", "false");
        dossier.cilium.config.as_mut().expect("one").envoy_may_bind_low_ports = false;
        silent(&RULE, &dossier);
    }

    #[test]
    fn high_ports_need_none() {
        let high = without_capability()
            .set("Gateway", "shared-gateway", "/spec/listeners/0/port", &json!(8080))
            .set("Gateway", "shared-gateway", "/spec/listeners/1/port", &json!(8443));
        silent(&RULE, &high);
    }
}
