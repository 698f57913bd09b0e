//! GP0010: kube-proxy replacement is off, and with it Gateway API support.

use super::issue;
use crate::dossier::{Component, Dossier};
use crate::finding::reading::{config_map, entry, gateways};
use crate::finding::releases::{EVERY, Releases, before};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0010",
    title: "kube-proxy replacement is off, so Gateway API support is too",
    explanation: "\
Cilium's operator leaves its Gateway API support off when the agents do not serve Services \
themselves. It says so in one warning at its start (Gateway API support requires \
kube-proxy-replacement enabled) and then makes and writes nothing: Gateways keep waiting for a \
controller.

Up to 1.18 nodePort.enabled was enough; from 1.19 on that switch is gone and only \
kubeProxyReplacement counts.",
    remedy: &[
        "set kubeProxyReplacement=true in Cilium's Helm values (and k8sServiceHost and k8sServicePort, when nothing else serves the API's Service), and restart operator and agents",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/cell.go 1.14.10 to 1.21-dev: the condition and the warning",
    ],
    issues: &[issue("cilium/cilium#32596", EVERY)],
    examine,
};

const KEY: &str = "kube-proxy-replacement";
const NODE_PORTS_SUFFICE: Releases = Releases(&[before(19, 0)]);

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if gateways(dossier).is_empty() || entry(dossier, "enable-gateway-api") == Some("false") {
        return Vec::new();
    }
    let said = dossier
        .log(Component::CiliumOperator)
        .find(|line| line.text.to_lowercase().contains("gateway api support requires"));
    let node_ports = entry(dossier, "enable-node-port") == Some("true")
        && dossier.versions.cilium.as_ref().is_none_or(|version| NODE_PORTS_SUFFICE.hold(version));
    let off = dossier.cilium.config.as_ref().is_some_and(|config| !config.kube_proxy_replacement)
        && !node_ports;
    if said.is_none() && !off {
        return Vec::new();
    }
    let mut firing = Firing::new(Role::Cause, Confidence::Certain)
        .inferred("the operator makes no Service and writes no status for any Gateway");
    for gateway in gateways(dossier) {
        firing = firing.about(gateway);
    }
    if off {
        let value =
            entry(dossier, KEY).map_or("no entry".to_owned(), |value| format!("{KEY}: {value}"));
        firing = firing.seen(value, config_map(dossier));
    } else {
        // The warning is from the operator's start; the setting may be right since.
        firing.confidence = Confidence::Likely;
        firing = firing.remedy("the configuration is right by now: restart the operator (kubectl -n kube-system rollout restart deployment/cilium-operator)");
    }
    if let Some(line) = said {
        firing = firing.seen(&line.text, format!("log {}", line.source));
    }
    vec![firing]
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, dedicated, fires, silent};

    fn off() -> Dossier {
        let mut dossier = dedicated().entry("kube-proxy-replacement", "false");
        dossier.cilium.config.as_mut().expect("one").kube_proxy_replacement = false;
        dossier
    }

    #[test]
    fn without_it_nothing_is_reconciled() {
        assert_eq!(fires(&RULE, &off()).confidence, Confidence::Certain);
    }

    #[test]
    fn the_operators_warning_is_enough() {
        let line =
            r#"level=warn msg="Gateway API support requires kube-proxy-replacement enabled""#;
        let firing = fires(&RULE, &dedicated().log(Component::CiliumOperator, None, line));
        assert_eq!(firing.confidence, Confidence::Likely, "the setting is right by now");
    }

    #[test]
    fn node_ports_suffice_up_to_1_18() {
        let node_ports = off().entry("enable-node-port", "true");
        silent(&RULE, &node_ports.clone().version("1.18.10"));
        fires(&RULE, &node_ports.version("1.19.0"));
    }

    #[test]
    fn where_gateway_api_is_off_altogether_this_is_not_the_reason() {
        silent(&RULE, &off().entry("enable-gateway-api", "false"));
    }
}
