//! GP0008: a node serves another chain than the Secret holds.

use super::issue;
use crate::dossier::{CertificateAtHop, Dossier, Found, Hop};
use crate::finding::reading::gateways;
use crate::finding::releases::BEFORE_1_20;
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0008",
    title: "a node serves another certificate than the Secret holds",
    explanation: "\
A certificate goes from the Secret to its copy in Cilium's namespace for secrets, from there over \
each node's agent to that node's Envoy. Changes follow within seconds and restart nothing. When a \
node serves something else than the Secret holds, one of these hops is stuck, or another listener \
takes the server name.

When the copy is old, the operator is where to look. When the copy is right, it is the agent or \
Envoy of the node: agents that started without enable-gateway-api, or with another secrets \
namespace, hand out nothing new. When one node differs from the others, it is that node's. Before \
1.20, one server name on two HTTPS ports leaves one of the two certificates unused; and of several \
certificateRefs of one listener only one is of use.",
    remedy: &[
        "compare over all nodes: openssl s_client -connect NODE:PORT -servername NAME </dev/null | openssl x509 -noout -fingerprint -sha256",
        "where the copy is right and a node is behind, restart that node's agent and Envoy",
    ],
    sources: &[
        "cilium/cilium operator/pkg/secretsync and pkg/envoy 1.16 to 1.21-dev: copy, then SDS",
        "cilium/cilium operator/pkg/model/translation/cec_translator.go 1.18.10: one filter chain for each Secret, chosen by server name and not by port",
    ],
    issues: &[issue("cilium/cilium#31122", BEFORE_1_20), issue("cilium/cilium#37609", BEFORE_1_20)],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let mut firings: Vec<Firing> = Vec::new();
    for gateway in gateways(dossier) {
        let hops: Vec<&CertificateAtHop> = gateway.certificates().collect();
        for listener in gateway.listeners() {
            let of_listener = |hop: &&&CertificateAtHop| hop.listener == listener.name;
            let leaf = |wanted: fn(&Hop) -> bool| {
                let hop = hops.iter().filter(of_listener).find(|hop| wanted(&hop.hop))?;
                match &hop.found {
                    Found::Chain(chain) => chain.first(),
                    _ => None,
                }
            };
            let Some(secret) = leaf(|hop| *hop == Hop::Secret) else { continue };
            let copy = leaf(|hop| matches!(hop, Hop::Copy(_)));
            let mut firing: Option<Firing> = None;
            let mut served = 0;
            let mut other = 0;
            for hop in hops.iter().filter(of_listener) {
                let (Hop::Served { place, server_name }, Found::Chain(chain)) =
                    (&hop.hop, &hop.found)
                else {
                    continue;
                };
                served += 1;
                let Some(found) = chain.first().filter(|leaf| leaf.sha256 != secret.sha256) else {
                    continue;
                };
                other += 1;
                let begun = firing.take().unwrap_or_else(|| {
                    Firing::new(Role::Cause, Confidence::Certain)
                        .about(format!("listener {} of {gateway}", listener.name))
                        .seen(
                            format!(
                                "leaf {} for {}",
                                short(&secret.sha256),
                                secret.names.join(", ")
                            ),
                            format!("Secret {}", hop.secret),
                        )
                });
                firing = Some(begun.seen(
                    format!(
                        "leaf {} for {}, of {}",
                        short(&found.sha256),
                        found.names.join(", "),
                        found.issuer
                    ),
                    format!("served at {place} for {server_name}"),
                ));
            }
            let Some(firing) = firing else { continue };
            let old_copy = copy.is_some_and(|copy| copy.sha256 != secret.sha256);
            let follows = if old_copy {
                "the copy in Cilium's namespace for secrets is old, so the agents have nothing newer"
            } else if copy.is_some() && other < served {
                "the copy is right and other nodes serve it, so these nodes' agents or Envoys are behind"
            } else if copy.is_some() {
                "the copy is right, so it is not handed on by the agents, or another listener takes this server name"
            } else {
                "the copy was not seen, so it stays open at which hop the certificate is stuck"
            };
            firings.push(firing.inferred(follows));
        }
    }
    firings
}

fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{Dossier, Found, Hop};
    use crate::finding::Role;
    use crate::finding::fixture::{dedicated, facts, fires, silent, words};

    fn hop(wanted: fn(&Hop) -> bool, found: Found) -> Dossier {
        let mut dossier = dedicated();
        let hop = dossier.certificates.iter_mut().find(|hop| wanted(&hop.hop));
        hop.expect("a hop").found = found;
        dossier
    }

    fn served(hop: &Hop) -> bool {
        matches!(hop, Hop::Served { .. })
    }

    #[test]
    fn another_chain_than_the_secrets_is_a_cause_with_its_hop() {
        let firing = fires(&RULE, &hop(served, Found::Chain(vec![facts("old0")])));
        assert_eq!(firing.role, Role::Cause);
        assert!(words(&firing).contains("the copy is right"), "{firing:#?}");
    }

    #[test]
    fn an_old_copy_is_named_as_the_hop() {
        let mut dossier = hop(served, Found::Chain(vec![facts("old0")]));
        let copy = dossier.certificates.iter_mut().find(|hop| matches!(hop.hop, Hop::Copy(_)));
        copy.expect("a hop").found = Found::Chain(vec![facts("old0")]);
        assert!(words(&fires(&RULE, &dossier)).contains("the copy in Cilium's namespace"));
    }

    #[test]
    fn the_same_leaf_is_right_and_a_secret_that_was_not_read_compares_with_nothing() {
        silent(&RULE, &dedicated());
        let mut unread = hop(served, Found::Chain(vec![facts("old0")]));
        let secret = unread.certificates.iter_mut().find(|hop| hop.hop == Hop::Secret);
        secret.expect("a hop").found = Found::NotRead;
        silent(&RULE, &unread);
    }
}
