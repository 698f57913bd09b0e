//! GP0026: an issuer is not ready, or issuing a certificate fails.

use serde_json::Value;

use crate::dossier::{Dossier, Found, Hop, text};
use crate::finding::reading::{Condition, cited, condition, could_read, gateways, items};
use crate::finding::{About, Confidence, Firing, Issue, Role, Rule};
use crate::name::NamespacedName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0026",
    title: "a certificate of the Gateway is not issued",
    explanation: "\
A Certificate makes a CertificateRequest, and with ACME an Order with Challenges; its issuer must be \
there and Ready. The last of these objects that exists holds the reason.

Usual ones: the annotation cert-manager.io/issuer names an Issuer in the Gateway's namespace, \
cert-manager.io/cluster-issuer a ClusterIssuer, and the other kind is not looked for. A wildcard needs \
DNS-01: with HTTP-01 solvers alone the Order ends with `no configured challenge solvers can be used`. \
An HTTP-01 challenge that waits for `wrong status code '404', expected '200'` has a solver route that \
does not attach (allowedRoutes, sectionName), or see GP0031. `failed to perform self check` with a \
time-out is the way from the cluster to its own address.

After a failure cert-manager waits an hour and longer before it tries again, so a mended cause shows \
nothing until it is triggered.",
    remedy: &[
        "follow the chain: kubectl -n NAMESPACE get certificate,certificaterequest,order,challenge, and describe the last one that is there",
        "when the cause is mended: cmctl renew NAME, or delete the failed CertificateRequest",
    ],
    sources: &[
        "cert-manager/cert-manager internal/controller/certificates/policies and pkg/controller/acmeorders, acmechallenges 1.21: states and reasons",
        "cert-manager/cert-manager pkg/controller/certificates/trigger 1.21: the wait after a failure",
    ],
    issues: &[
        Issue {
            reference: "cert-manager/cert-manager#2517",
            about: About::Other("every version: challenges that wait for 404"),
        },
        Issue {
            reference: "cert-manager/cert-manager#8696",
            about: About::Other("cert-manager before 1.21: a challenge that failed once for the network is not tried again"),
        },
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let mut firings = Vec::new();
    let mut known = Vec::new();
    for gateway in gateways(dossier) {
        for listener in gateway.listeners() {
            for secret in listener.secrets(&gateway.name) {
                let Some(certificate) = certificate_of(dossier, &secret) else { continue };
                let ready = certificate.get("status").and_then(|status| condition(status, "Ready"));
                if known.contains(&secret) || !ready.is_some_and(|ready| ready.is_false()) {
                    continue;
                }
                known.push(secret.clone());
                let there = gateway.certificates().any(|hop| {
                    hop.secret == secret
                        && hop.hop == Hop::Secret
                        && matches!(hop.found, Found::Chain(_))
                });
                let role = if there { Role::Contributing } else { Role::Cause };
                let mut firing = Firing::new(role, Confidence::Certain)
                    .about(cited(certificate))
                    .about(&gateway)
                    .rests_on(cited(certificate))
                    .accounts_for(format!("Secret {secret}"));
                for kind in ["Ready", "Issuing"] {
                    let told = certificate.get("status").and_then(|status| condition(status, kind));
                    if let Some(told) = told {
                        firing = firing.seen(told, format!("status of {}", cited(certificate)));
                    }
                }
                firing = issuer(dossier, certificate, firing);
                firing = hops(dossier, certificate, firing);
                firings.push(if there {
                    firing
                        .inferred("the Secret that is there goes on being served until it runs out")
                } else {
                    firing.inferred("the listener has no certificate until this one is issued")
                });
            }
        }
    }
    firings
}

fn certificate_of<'d>(dossier: &'d Dossier, secret: &NamespacedName) -> Option<&'d Value> {
    dossier.list("cert-manager.io", "Certificate").find(|certificate| {
        text(certificate, "/metadata/namespace") == Some(&secret.namespace)
            && text(certificate, "/spec/secretName") == Some(&secret.name)
    })
}

/// The issuer that the Certificate names.
fn issuer(dossier: &Dossier, certificate: &Value, firing: Firing) -> Firing {
    let Some(name) = text(certificate, "/spec/issuerRef/name") else { return firing };
    let kind = text(certificate, "/spec/issuerRef/kind").unwrap_or("Issuer");
    let group = text(certificate, "/spec/issuerRef/group").unwrap_or("cert-manager.io");
    let namespace = text(certificate, "/metadata/namespace").filter(|_| kind == "Issuer");
    let Some(found) = dossier.get(group, kind, namespace, name) else {
        if group != "cert-manager.io" || !could_read(dossier, kind) {
            return firing;
        }
        let other = if kind == "Issuer" { "ClusterIssuer" } else { "Issuer" };
        let there =
            dossier.list(group, other).find(|one| text(one, "/metadata/name") == Some(name));
        let firing = firing.seen(format!("there is no {kind} {name}"), format!("{kind}s"));
        return match there {
            Some(there) => firing.remedy(format!(
                "there is a {}: use the annotation for that kind on the Gateway",
                cited(there)
            )),
            None => firing,
        };
    };
    let ready = found.get("status").and_then(|status| condition(status, "Ready"));
    match ready.filter(Condition::is_false) {
        Some(ready) => firing.seen(ready, format!("status of {}", cited(found))),
        None => firing,
    }
}

/// What the further objects of its chain say.
fn hops(dossier: &Dossier, certificate: &Value, mut firing: Firing) -> Firing {
    let namespace = text(certificate, "/metadata/namespace");
    let name = text(certificate, "/metadata/name").unwrap_or_default();
    let of = |object: &&Value, prefix: &str| {
        text(object, "/metadata/namespace") == namespace
            && text(object, "/metadata/name").is_some_and(|name| name.starts_with(prefix))
    };
    let prefix = format!("{name}-");
    for request in dossier.list("cert-manager.io", "CertificateRequest") {
        let ready = request.get("status").and_then(|status| condition(status, "Ready"));
        if let Some(ready) = ready.filter(|ready| ready.is_false() && of(&request, &prefix)) {
            firing = firing.seen(ready, format!("status of {}", cited(request)));
        }
    }
    for kind in ["Order", "Challenge"] {
        for object in dossier.list("acme.cert-manager.io", kind) {
            let state = text(object, "/status/state").unwrap_or("no state yet");
            if state == "valid" || !of(&object, &prefix) {
                continue;
            }
            let reason = text(object, "/status/reason").unwrap_or_default();
            let failed = items(object, "/status/failedChallenges");
            let what =
                if reason.is_empty() { state.to_owned() } else { format!("{state}: {reason}") };
            firing = firing.seen(what, format!("status of {}", cited(object)));
            firing = failed.iter().fold(firing, |firing, one| {
                firing.seen(one, format!("failed challenges of {}", cited(object)))
            });
            if reason.contains("no configured challenge solvers") {
                firing = firing.remedy("give the issuer a DNS-01 solver, which wildcards need");
            }
        }
    }
    firing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Dossier, Found, Hop};
    use crate::finding::Role;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};

    fn failing() -> Dossier {
        let mut dossier = dedicated().set(
            "Certificate",
            "wildcard",
            "/status/conditions/0",
            &json!({
            "type": "Ready", "status": "False", "reason": "DoesNotExist",
            "message": "Issuing certificate as Secret does not exist"}),
        );
        let hop = dossier.certificates.iter_mut().find(|hop| hop.hop == Hop::Secret);
        hop.expect("a hop").found = Found::Nothing;
        dossier
    }

    #[test]
    fn every_hop_of_an_acme_certificate_is_cited() {
        let acme = failing().with(json!({"apiVersion": "acme.cert-manager.io/v1", "kind": "Order",
                "metadata": {"name": "wildcard-1-123", "namespace": "gateway"},
                "status": {"state": "errored",
                    "reason": "no configured challenge solvers can be used for this challenge"}}));
        let firing = fires(&RULE, &acme);
        assert_eq!(firing.role, Role::Cause);
        let words = words(&firing);
        assert!(words.contains("errored: no configured") && words.contains("DNS-01"), "{words}");
    }

    #[test]
    fn an_issuer_of_the_other_kind_is_pointed_out() {
        let wrong =
            failing().set("Certificate", "wildcard", "/spec/issuerRef/kind", &json!("Issuer"));
        let words = words(&fires(&RULE, &wrong));
        assert!(words.contains("there is no Issuer gateproof"), "{words}");
        assert!(words.contains("there is a ClusterIssuer gateproof"), "{words}");
    }

    #[test]
    fn an_issuer_that_is_not_ready_is_cited() {
        let unready = failing().set(
            "ClusterIssuer",
            "gateproof",
            "/status/conditions/0",
            &json!({
            "type": "Ready", "status": "False", "reason": "ErrGetKeyPair", "message": "no root"}),
        );
        assert!(words(&fires(&RULE, &unready)).contains("ErrGetKeyPair"));
    }

    #[test]
    fn a_renewal_that_fails_beside_a_good_secret_only_takes_part() {
        let mut renewing = failing();
        renewing.certificates = dedicated().certificates;
        assert_eq!(fires(&RULE, &renewing).role, Role::Contributing);
    }

    #[test]
    fn a_certificate_that_is_ready_or_of_another_secret_is_no_finding() {
        silent(&RULE, &dedicated());
        silent(
            &RULE,
            &failing().set("Certificate", "wildcard", "/spec/secretName", &json!("other")),
        );
    }
}
