//! GP0005: an HTTPS listener names a Secret that is missing or unusable.

use crate::dossier::{Dossier, Found, Hop};
use crate::finding::reading::{Condition, Gateway, Listener, gateways};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0005",
    title: "the Secret of an HTTPS listener is missing or unusable",
    explanation: "\
A listener that ends TLS needs a Secret whose tls.crt and tls.key each hold a PEM block. Cilium's \
operator looks for no more: a key that does not belong to the certificate, and a certificate that \
is out of date, pass there and fail at Envoy or at the client.

Up to 1.18.2 the listener stays Accepted with ResolvedRefs False (InvalidCertificateRef), and the \
rest of the Gateway works. From 1.18.3 on the listener is not accepted; when no listener of the \
Gateway is valid, the operator ends there: Accepted False (ListenersNotValid), and no Service, no \
endpoint and no CiliumEnvoyConfig are made, or older ones are left as they were. A Gateway with \
HTTPS listeners alone has no address until its certificate is issued.

cert-manager makes the Certificate from the Gateway alone, so a Secret from a CA or by DNS-01 heals \
this by itself. HTTP-01 cannot: its challenge must come in through a Gateway that has no Service. \
Give such a Gateway an HTTP listener.",
    remedy: &[
        "look at the Certificate that should write the Secret (kubectl -n NAMESPACE get certificate,certificaterequest), or create the Secret: kubectl -n NAMESPACE create secret tls NAME --cert=FILE --key=FILE",
        "add an HTTP listener on port 80, so that the Gateway is there before its first certificate",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.14.10 to 1.21-dev: what is looked at, and where reconciling ends",
        "cert-manager/cert-manager pkg/controller/certificate-shim/sync.go 1.13 to 1.21: Certificates are made from Gateways",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let mut firings = Vec::new();
    for gateway in gateways(dossier) {
        let broken: Vec<Broken> = gateway
            .listeners()
            .iter()
            .filter(|listener| listener.terminates_tls())
            .filter_map(|listener| broken(&gateway, listener))
            .collect();
        if broken.is_empty() {
            continue;
        }
        let mut firing = Firing::new(Role::Cause, Confidence::Certain);
        for one in &broken {
            firing = firing.about(&one.subject);
            firing = one.secrets.iter().fold(firing, Firing::rests_on);
            for (what, source) in &one.seen {
                firing = firing.seen(what, source);
            }
        }
        if let Some(accepted) = gateway.condition("Accepted").filter(Condition::is_false) {
            firing = firing.seen(accepted, format!("status of {gateway}"));
            if gateway.service().is_none() {
                firing = firing.inferred("no listener of this Gateway is valid, so the operator makes no Service: there is neither a port nor an address (1.18.3 and later)");
            }
        } else {
            firing = firing.inferred("TLS for this listener is reset after the ClientHello; other listeners work, perhaps after up to 30 s of waiting for the Secret");
        }
        firings.push(firing);
    }
    firings
}

/// A listener without a usable Secret, and what shows it.
struct Broken {
    subject: String,
    /// The Secrets that it names.
    secrets: Vec<String>,
    seen: Vec<(String, String)>,
}

fn broken(gateway: &Gateway<'_>, listener: &Listener<'_>) -> Option<Broken> {
    let mut seen = Vec::new();
    for hop in gateway.certificates() {
        if hop.listener != listener.name || hop.hop != Hop::Secret {
            continue;
        }
        match &hop.found {
            Found::Nothing => {
                seen.push(("not there".to_owned(), format!("Secret {}", hop.secret)));
            }
            Found::Unusable(why) => seen.push((why.clone(), format!("Secret {}", hop.secret))),
            Found::Chain(_) | Found::NotRead => {}
        }
    }
    // A Secret that is there now outweighs a status that has not followed yet, but not the other
    // way round.
    let there = gateway.certificates().any(|hop| {
        hop.listener == listener.name
            && hop.hop == Hop::Secret
            && matches!(hop.found, Found::Chain(_))
    });
    let condition = listener
        .condition("ResolvedRefs")
        .filter(|one| one.is_false() && one.reason == "InvalidCertificateRef");
    if let Some(condition) = condition
        && !there
    {
        seen.push((
            condition.to_string(),
            format!("status of listener {} of {gateway}", listener.name),
        ));
    }
    let subject = format!("listener {} of {gateway}", listener.name);
    let named = listener.secrets(&gateway.name);
    let secrets = named.iter().map(|secret| format!("Secret {secret}")).collect();
    (!seen.is_empty()).then_some(Broken { subject, secrets, seen })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Dossier, Found, Hop};
    use crate::finding::Role;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};

    fn secret(found: Found) -> Dossier {
        let mut dossier = dedicated();
        let hop = dossier.certificates.iter_mut().find(|hop| hop.hop == Hop::Secret);
        hop.expect("a hop").found = found;
        dossier
    }

    fn refused(dossier: Dossier) -> Dossier {
        dossier.set(
            "Gateway",
            "shared-gateway",
            "/status/listeners/1/conditions/0",
            &json!({"type": "ResolvedRefs", "status": "False", "reason": "InvalidCertificateRef",
                    "message": "Invalid CertificateRef"}),
        )
    }

    #[test]
    fn a_secret_that_is_not_there_or_unusable_is_a_cause() {
        for found in [Found::Nothing, Found::Unusable("tls.crt holds no PEM block".to_owned())] {
            assert_eq!(fires(&RULE, &secret(found)).role, Role::Cause);
        }
    }

    #[test]
    fn the_status_is_enough_where_secrets_may_not_be_read() {
        let firing = fires(&RULE, &refused(secret(Found::NotRead)).unread("secrets"));
        assert!(words(&firing).contains("InvalidCertificateRef"));
    }

    #[test]
    fn a_gateway_without_any_valid_listener_has_no_service() {
        let stopped = refused(secret(Found::Nothing))
            .without("Service", "cilium-gateway-shared-gateway")
            .set(
                "Gateway",
                "shared-gateway",
                "/status/conditions/0",
                &json!({"type": "Accepted", "status": "False", "reason": "ListenersNotValid",
                        "message": "No Accepted Listeners"}),
            );
        assert!(words(&fires(&RULE, &stopped)).contains("makes no Service"));
    }

    #[test]
    fn a_secret_that_was_not_read_is_not_missing() {
        silent(&RULE, &secret(Found::NotRead).unread("secrets"));
    }

    #[test]
    fn a_reference_that_is_not_permitted_is_another_matter() {
        let refused = dedicated().set(
            "Gateway",
            "shared-gateway",
            "/status/listeners/1/conditions/0",
            &json!({"type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted",
                    "message": "CertificateRef is not permitted"}),
        );
        silent(&RULE, &refused);
    }
}
