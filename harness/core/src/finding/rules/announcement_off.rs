//! GP0042: a policy asks for Layer-2 announcements, and agents are not told to make any.

use crate::announcement::{SETTING, foreign_class};
use crate::dossier::Dossier;
use crate::finding::reading::{
    Reach, addressed, agents_labels, announces, cited, config_map, entry, policies,
};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0042",
    title: "a policy asks for Layer-2 announcements, which are switched off",
    explanation: "\
A CiliumL2AnnouncementPolicy does nothing by itself: agents look at policies only with \
enable-l2-announcements (l2announcements.enabled in the Helm values), which is off unless set. The \
API takes the policy all the same, LB-IPAM gives the address, the Gateway is Programmed, and nobody on \
the network answers for the address.

Something else may announce it: BGP, MetalLB, or a router with a route to the nodes. An address that \
answers needs no remedy.",
    remedy: &[
        "set l2announcements.enabled=true in Cilium's Helm values (it wants kubeProxyReplacement=true) and restart the agents: kubectl -n kube-system rollout restart daemonset/cilium",
        "or delete the policy, if something else is to announce the address",
    ],
    sources: &[
        "cilium/cilium pkg/l2announcer/l2announcer.go and pkg/option/config.go 1.16 to 1.21-dev: the setting",
        "cilium/cilium Documentation/network/l2-announcements.rst 1.16 to 1.21-dev: prerequisites",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if announces(dossier) != Some(false) {
        return Vec::new();
    }
    let Some(policies) = policies(dossier) else { return Vec::new() };
    let labels: Vec<_> = agents_labels(dossier).into_values().collect();
    let by_bgp = entry(dossier, "enable-bgp-control-plane") == Some("true");
    addressed(dossier)
        .into_iter()
        .filter(|one| one.reach != Reach::Reached && foreign_class(one.service).is_none())
        .filter_map(|one| {
            let asks = policies.iter().find(|policy| policy.denies(one.service, &labels).is_none());
            let value = entry(dossier, SETTING);
            let value =
                value.map_or(format!("no entry {SETTING}"), |value| format!("{SETTING}: {value}"));
            let mut firing = Firing::new(Role::Contributing, Confidence::Likely)
                .about(&one.gateway)
                .seen(
                    "it is there, and its selectors choose the Service",
                    format!("CiliumL2AnnouncementPolicy {}", asks?.name),
                )
                .seen(value, config_map(dossier))
                .seen(format!("address {}", one.in_words()), cited(one.service));
            if let Reach::Missed(missed) = &one.reach {
                (firing.role, firing.confidence) = (Role::Cause, Confidence::Certain);
                firing = firing.seen_all(missed.iter().cloned());
            }
            if by_bgp {
                firing.confidence = firing.confidence.less();
                firing = firing
                    .seen("enable-bgp-control-plane: true", config_map(dossier))
                    .inferred("the address may be announced by BGP instead");
            }
            Some(firing.inferred(
                "no agent answers for the address on its network; the node ports work without that",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, LEASE, announced, asked, dedicated, fires, silent};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    fn off() -> Dossier {
        announced().without("Lease", LEASE).entry("enable-l2-announcements", "false")
    }

    #[test]
    fn a_policy_without_the_setting_announces_nothing() {
        assert_eq!(fires(&RULE, &off()).role, Role::Contributing);
        let missed = fires(&RULE, &asked(off(), &TcpOutcome::TimedOut));
        assert_eq!((missed.role, missed.confidence), (Role::Cause, Confidence::Certain));
        let bgp = off().entry("enable-bgp-control-plane", "true");
        assert_eq!(fires(&RULE, &bgp).confidence, Confidence::Possible);
    }

    #[test]
    fn nothing_is_missing_without_a_policy_or_where_the_address_answers() {
        silent(&RULE, &announced());
        silent(&RULE, &dedicated());
        silent(&RULE, &off().without("CiliumL2AnnouncementPolicy", "l2"));
        silent(&RULE, &asked(off(), &TcpOutcome::Accepted));
    }

    #[test]
    fn a_configuration_that_was_not_read_is_not_off() {
        let mut unread = off();
        unread.cilium.config_map = None;
        silent(&RULE, &unread);
    }
}
