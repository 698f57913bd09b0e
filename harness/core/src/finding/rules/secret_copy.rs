//! GP0006: the Secret is not copied to where agents look for it, or the copy is old.

use super::issue;
use crate::dossier::{CertificateAtHop, Component, Dossier, Found, Hop};
use crate::finding::reading::{config_map, entry, gateways};
use crate::finding::releases::EVERY;
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0006",
    title: "the Secret is not copied into Cilium's namespace for secrets, or the copy is old",
    explanation: "\
Agents may not read Secrets everywhere. The operator copies each Secret that a Gateway of its own \
names into one namespace (cilium-secrets, unless gatewayAPI.secretsNamespace.name says otherwise), \
under the name NAMESPACE-NAME; from 1.21 on under cilium-sync-secret- and a hash. Agents read the \
copy and hand it to Envoy.

Without the copy Envoy has no certificate for the listener and resets TLS right after the \
ClientHello, while conditions stay green: the operator looks at the Secret itself. With an old copy \
Envoy goes on with the old certificate. gatewayAPI.secretsNamespace.sync=false stops the copying, \
and somebody else must then do it. Copying needs a running operator that may write in that \
namespace; it follows changes at once and looks again every hour or so.",
    remedy: &[
        "look at the operator: is it running, and does its log tell of the Secret or of `forbidden`? (kubectl -n kube-system logs deployment/cilium-operator | grep -i secret)",
        "is gatewayAPI.secretsNamespace.sync true, and does gatewayAPI.secretsNamespace.name name the namespace that agents read (gateway-api-secrets-namespace in the ConfigMap)?",
        "restart the operator, which copies at its start: kubectl -n kube-system rollout restart deployment/cilium-operator",
    ],
    sources: &[
        "cilium/cilium operator/pkg/secretsync 1.16 to 1.21-dev: what is copied, when, and under which name",
        "cilium/charts values.yaml 1.14.0 to 1.21.0-pre.0: gatewayAPI.secretsNamespace",
    ],
    issues: &[
        issue("cilium/cilium#32354", EVERY),
        issue("cilium/cilium#30720", EVERY),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let mut firings: Vec<Firing> = Vec::new();
    for gateway in gateways(dossier) {
        let hops: Vec<&CertificateAtHop> = gateway.certificates().collect();
        for hop in &hops {
            let Hop::Copy(copy) = &hop.hop else { continue };
            let original = hops.iter().find(|other| {
                other.hop == Hop::Secret
                    && other.secret == hop.secret
                    && other.listener == hop.listener
            });
            let Some(Found::Chain(original)) = original.map(|original| &original.found) else {
                continue;
            };
            let (what, follows) = match &hop.found {
                Found::Nothing => (
                    "not there".to_owned(),
                    "Envoy gets no certificate for this listener, and TLS is reset after the ClientHello",
                ),
                Found::Unusable(why) => (
                    why.clone(),
                    "Envoy cannot use the copy, and TLS is reset after the ClientHello",
                ),
                Found::Chain(chain) if chain.first() != original.first() => (
                    format!(
                        "leaf {}, where the Secret has {}",
                        short(chain.first().map_or("none", |leaf| &leaf.sha256)),
                        short(original.first().map_or("none", |leaf| &leaf.sha256))
                    ),
                    "Envoy goes on with the certificate of the copy",
                ),
                Found::Chain(_) | Found::NotRead => continue,
            };
            let firing = Firing::new(Role::Cause, Confidence::Certain)
                .about(format!("listener {} of {gateway}", hop.listener))
                .seen(what, format!("copy {copy} of Secret {}", hop.secret))
                .inferred(follows);
            firings.push(why(dossier, firing));
        }
    }
    firings
}

/// What may be the reason that nothing was copied.
fn why(dossier: &Dossier, mut firing: Firing) -> Firing {
    const SYNC: &str = "enable-gateway-api-secrets-sync";
    if let Some(value) = entry(dossier, SYNC).filter(|value| *value != "true") {
        firing = firing
            .seen(format!("{SYNC}: {value}"), config_map(dossier))
            .remedy("set gatewayAPI.secretsNamespace.sync=true, or copy the Secret yourself");
    }
    let forbidden = dossier.log(Component::CiliumOperator).find(|line| {
        let text = line.text.to_lowercase();
        text.contains("secret") && (text.contains("forbidden") || text.contains("not found"))
    });
    if let Some(line) = forbidden {
        firing = firing.seen(&line.text, format!("log {}", line.source));
    }
    firing
}

fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{Dossier, Found, Hop};
    use crate::finding::Role;
    use crate::finding::fixture::{Change, dedicated, facts, fires, silent, words};

    fn copy(found: Found) -> Dossier {
        let mut dossier = dedicated();
        let hop = dossier.certificates.iter_mut().find(|hop| matches!(hop.hop, Hop::Copy(_)));
        hop.expect("a hop").found = found;
        dossier
    }

    #[test]
    fn a_missing_copy_is_a_cause_and_says_when_copying_is_off() {
        let firing =
            fires(&RULE, &copy(Found::Nothing).entry("enable-gateway-api-secrets-sync", "false"));
        assert_eq!(firing.role, Role::Cause);
        let words = words(&firing);
        assert!(words.contains("cilium-secrets/gateway-wildcard"), "{words}");
        assert!(words.contains("enable-gateway-api-secrets-sync: false"), "{words}");
    }

    #[test]
    fn a_copy_of_another_certificate_is_a_cause() {
        fires(&RULE, &copy(Found::Chain(vec![facts("bb22")])));
    }

    #[test]
    fn a_copy_that_was_not_read_is_not_missing() {
        silent(&RULE, &copy(Found::NotRead));
    }

    #[test]
    fn without_a_secret_there_is_nothing_to_copy() {
        let mut dossier = copy(Found::Nothing);
        let hop = dossier.certificates.iter_mut().find(|hop| hop.hop == Hop::Secret);
        hop.expect("a hop").found = Found::Nothing;
        silent(&RULE, &dossier);
    }
}
