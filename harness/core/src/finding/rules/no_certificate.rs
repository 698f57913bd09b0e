//! GP0025: the Gateway asks cert-manager for a certificate, and no Certificate is made.

use serde_json::Value;

use crate::dossier::{Component, Dossier, Found, Hop, text};
use crate::finding::reading::{Gateway, cited, could_read, gateways};
use crate::finding::{About, Confidence, Firing, Issue, Role, Rule};
use crate::name::NamespacedName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0025",
    title: "cert-manager makes no Certificate for an annotated Gateway",
    explanation: "\
A Gateway with the annotation cert-manager.io/issuer or cert-manager.io/cluster-issuer gets a \
Certificate for each Secret of its listeners, when cert-manager's support for the Gateway API is on. \
That is off by default in every version: up to 1.14 the feature gate \
ExperimentalGatewayAPISupport=true switches it on; from 1.15 on the gate alone does nothing, and \
config.enableGatewayAPI: true (from 1.21 on config.gatewayAPI.enabled: true) is needed. Without it \
there is neither a Certificate nor an event. Definitions of the Gateway API that were installed after \
cert-manager started are noticed at its next start only.

A listener is passed over when it has no hostname, no certificateRef, a Secret of another namespace or \
another mode than Terminate; an event BadConfig on the Gateway says so. Both annotations at once are \
refused as well. Routes play no part in this.",
    remedy: &[
        "switch it on as the version wants: config.enableGatewayAPI: true (1.15 to 1.20), config.gatewayAPI.enabled: true (1.21 and later), featureGates ExperimentalGatewayAPISupport=true (up to 1.14); then kubectl -n cert-manager rollout restart deployment/cert-manager",
        "look at the Gateway's events for BadConfig: kubectl -n NAMESPACE describe gateway NAME",
    ],
    sources: &[
        "cert-manager/cert-manager internal/controller/feature/features.go and internal/apis/config/controller/types.go 1.13 to 1.21: the switches",
        "cert-manager/cert-manager pkg/controller/certificate-shim/sync.go 1.21: which listeners",
        "cert-manager/website content/docs/usage/gateway.md",
    ],
    issues: &[
        Issue {
            reference: "envoyproxy/gateway#3491",
            about: About::Other("cert-manager 1.15 and later without the flag"),
        },
        Issue {
            reference: "cert-manager/cert-manager#6051",
            about: About::Other("listeners without a hostname, every version"),
        },
    ],
    examine,
};

const ISSUERS: &[&str] = &["cert-manager.io/issuer", "cert-manager.io/cluster-issuer"];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if !could_read(dossier, "Certificate") {
        return Vec::new();
    }
    gateways(dossier).iter().filter_map(|gateway| examine_gateway(dossier, gateway)).collect()
}

fn examine_gateway(dossier: &Dossier, gateway: &Gateway<'_>) -> Option<Firing> {
    let issuers: Vec<(&str, &str)> =
        ISSUERS.iter().filter_map(|key| Some((*key, gateway.annotation(key)?))).collect();
    let (key, issuer) = issuers.first()?;
    let mut without: Vec<NamespacedName> = Vec::new();
    let mut skipped: Vec<String> = Vec::new();
    for listener in gateway.listeners() {
        if !listener.terminates_tls() {
            continue;
        }
        for secret in listener.secrets(&gateway.name) {
            if has_certificate(dossier, &secret) || without.contains(&secret) {
                continue;
            }
            if listener.hostname.is_none() {
                skipped.push(format!("listener {} has no hostname", listener.name));
            } else if secret.namespace != gateway.name.namespace {
                skipped.push(format!(
                    "Secret {secret} of listener {} is in another namespace",
                    listener.name
                ));
            }
            without.push(secret);
        }
    }
    if without.is_empty() {
        return None;
    }
    let missing = |secret: &NamespacedName| {
        gateway.certificates().any(|hop| {
            hop.secret == *secret && hop.hop == Hop::Secret && hop.found == Found::Nothing
        })
    };
    let role = if without.iter().any(missing) { Role::Cause } else { Role::Contributing };
    let mut firing = Firing::new(role, Confidence::Likely)
        .about(gateway)
        .seen(format!("{key}: {issuer}"), format!("metadata.annotations of {gateway}"));
    for secret in &without {
        firing = firing
            .seen(format!("no Certificate writes Secret {secret}"), "Certificates")
            .accounts_for(format!("Secret {secret}"));
    }
    for why in &skipped {
        firing.confidence = Confidence::Certain;
        firing = firing.seen(why, gateway);
    }
    if issuers.len() > 1 {
        firing.confidence = Confidence::Certain;
        firing = firing
            .seen("both cert-manager.io/issuer and cert-manager.io/cluster-issuer", gateway)
            .remedy("keep one of the two annotations");
    }
    if let Some(event) = bad_config(dossier, gateway) {
        firing.confidence = Confidence::Certain;
        firing = firing.seen(text(event, "/message").unwrap_or("BadConfig"), cited(event));
    }
    let crashed = dossier
        .log(Component::CertManager)
        .find(|line| line.text.contains("Gateway API CRDs do not seem to be present"));
    if let Some(line) = crashed {
        firing = firing.seen(&line.text, format!("log {}", line.source));
    }
    Some(match &dossier.versions.cert_manager {
        Some(version) => firing.seen(format!("cert-manager {version}"), "image of its controller"),
        None => firing.inferred("cert-manager's version was not seen: is it installed?"),
    })
}

fn has_certificate(dossier: &Dossier, secret: &NamespacedName) -> bool {
    dossier.list("cert-manager.io", "Certificate").any(|certificate| {
        text(certificate, "/metadata/namespace") == Some(&secret.namespace)
            && text(certificate, "/spec/secretName") == Some(&secret.name)
    })
}

/// An event on the Gateway that says what cert-manager does not like.
fn bad_config<'d>(dossier: &'d Dossier, gateway: &Gateway<'_>) -> Option<&'d Value> {
    let events = dossier.list("", "Event").chain(dossier.list("events.k8s.io", "Event"));
    events.into_iter().find(|event| {
        let about = |field: &str, wanted: &str| {
            ["involvedObject", "regarding"]
                .iter()
                .any(|object| text(event, &format!("/{object}/{field}")) == Some(wanted))
        };
        text(event, "/reason") == Some("BadConfig")
            && about("name", &gateway.name.name)
            && about("namespace", &gateway.name.namespace)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Dossier, Found, Hop};
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};
    use crate::finding::{Confidence, Role};

    fn without_certificate() -> Dossier {
        let mut dossier = dedicated().without("Certificate", "wildcard");
        let hop = dossier.certificates.iter_mut().find(|hop| hop.hop == Hop::Secret);
        hop.expect("a hop").found = Found::Nothing;
        dossier
    }

    #[test]
    fn an_annotated_gateway_without_a_certificate_is_likely_the_switch() {
        let firing = fires(&RULE, &without_certificate());
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Likely));
    }

    #[test]
    fn what_cert_manager_passes_over_is_certain() {
        let nameless = without_certificate().edit("Gateway", "shared-gateway", |gateway| {
            gateway["spec"]["listeners"][1].as_object_mut().expect("one").remove("hostname");
        });
        assert_eq!(fires(&RULE, &nameless).confidence, Confidence::Certain);
        let both = without_certificate().set(
            "Gateway",
            "shared-gateway",
            "/metadata/annotations",
            &json!({"cert-manager.io/issuer": "a", "cert-manager.io/cluster-issuer": "b"}),
        );
        assert!(words(&fires(&RULE, &both)).contains("keep one"));
    }

    #[test]
    fn a_secret_made_by_hand_only_lacks_renewal() {
        let by_hand = dedicated().without("Certificate", "wildcard");
        assert_eq!(fires(&RULE, &by_hand).role, Role::Contributing);
    }

    #[test]
    fn nobody_asked_or_certificates_unread_is_no_finding() {
        let unasked = without_certificate().set(
            "Gateway",
            "shared-gateway",
            "/metadata/annotations",
            &json!({}),
        );
        silent(&RULE, &unasked);
        silent(&RULE, &without_certificate().unread("certificates.cert-manager.io"));
        silent(&RULE, &dedicated());
    }
}
