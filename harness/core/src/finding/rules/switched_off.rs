//! GP0034: Gateway API support is switched off in Cilium's configuration.

use crate::dossier::Dossier;
use crate::finding::reading::{config_map, entry, gateways};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0034",
    title: "Gateway API support is switched off in Cilium's configuration",
    explanation: "\
Without gatewayAPI.enabled=true (enable-gateway-api in the ConfigMap cilium-config) the operator does \
not look at Gateways, agents do not watch CiliumEnvoyConfigs (unless Ingress or envoyConfig switched \
that on) and serve no Secrets. A class called cilium may be there all the same, from before or by hand, \
and a Gateway may still carry the status of a time when support was on.

It also needs l7Proxy, which is on by default.",
    remedy: &[
        "set gatewayAPI.enabled=true in Cilium's Helm values, then restart operator and agents: kubectl -n kube-system rollout restart deployment/cilium-operator daemonset/cilium",
    ],
    sources: &[
        "cilium/charts templates/cilium-configmap.yaml and templates/validate.yaml 1.14.0 to 1.21.0-pre.0",
        "cilium/cilium operator/pkg/gateway-api/cell.go 1.14.10 to 1.21-dev",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let gateways = gateways(dossier);
    let Some(map) = &dossier.cilium.config_map else { return Vec::new() };
    if gateways.is_empty() || map.entries.is_empty() {
        return Vec::new();
    }
    let mut firing = Firing::new(Role::Cause, Confidence::Certain)
        .inferred("nobody looks after the Gateways of Cilium's classes");
    let mut off = false;
    for (key, when_absent) in [("enable-gateway-api", "false"), ("enable-l7-proxy", "true")] {
        let value = entry(dossier, key);
        if value.unwrap_or(when_absent) != "true" {
            off = true;
            let seen = value.map_or(format!("no entry {key}"), |value| format!("{key}: {value}"));
            firing = firing.seen(seen, config_map(dossier));
        }
    }
    if !off {
        return Vec::new();
    }
    vec![gateways.iter().fold(firing, Firing::about)]
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};

    #[test]
    fn either_switch_is_a_cause() {
        for key in ["enable-gateway-api", "enable-l7-proxy"] {
            let firing = fires(&RULE, &dedicated().entry(key, "false"));
            assert!(words(&firing).contains(&format!("{key}: false")), "{firing:#?}");
        }
    }

    #[test]
    fn a_configuration_that_was_not_read_is_not_off() {
        silent(&RULE, &dedicated());
        let mut unread = dedicated();
        unread.cilium.config_map = None;
        silent(&RULE, &unread);
    }
}
