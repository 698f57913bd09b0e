//! GP0031: an HTTP-01 challenge gets 404, because host names isolate listeners across protocols.

use serde_json::Value;

use super::issue;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{Gateway, answers, certificate_of, cited, gateways};
use crate::finding::releases::{Releases, between};
use crate::finding::{Confidence, Firing, Role, Rule};

const ACROSS: Releases = Releases(&[between((16, 0), (18, 8)), between((19, 0), (19, 2))]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0031",
    title: "an HTTP-01 challenge gets 404 from a listener of another protocol",
    explanation: "\
A more specific listener takes its host names away from the others of its Gateway. From 1.16.0 to \
1.18.7 and in 1.19.0 and 1.19.1 this reached across protocols: an HTTPS listener for a.example.com took \
that name away from the HTTP listener without a hostname, so plain HTTP for a.example.com found no \
route: 404 with an empty body. cert-manager's solver route for HTTP-01 is exactly such a route; the \
challenge waits for ever (wrong status code '404', expected '200'). The same holds for redirects from \
HTTP to HTTPS.

1.18.8 and 1.19.2 isolate within a protocol only.",
    remedy: &[
        "upgrade to 1.18.8, 1.19.2 or later",
        "until then give the HTTP listener the same hostname as the HTTPS listener, or add an HTTP listener with it",
    ],
    sources: &[
        "cilium/cilium #44492, first in 1.18.8 and 1.19.2",
        "recorded from the operators of 1.18.10 (isolated by protocol) and of 1.19 before its branch (across)",
        "cert-manager/cert-manager pkg/issuer/acme/http: what a challenge waits for",
    ],
    issues: &[
        issue("cilium/cilium#36750", ACROSS),
        issue("cilium/cilium#44123", ACROSS),
        issue("cilium/cilium#41305", ACROSS),
        issue("cilium/cilium#44492", ACROSS),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let challenge = dossier
                .list("acme.cert-manager.io", "Challenge")
                .find(|challenge| waits_for_404(challenge) && isolated(gateway, challenge).is_some())?;
            let (http, https) = isolated(gateway, challenge)?;
            let reason = text(challenge, "/status/reason").unwrap_or("404");
            let mut firing = Firing::new(Role::Cause, Confidence::Certain)
                .about(cited(challenge))
                .about(gateway)
                .seen(reason, format!("status of {}", cited(challenge)))
                .seen(format!("listener {http} takes every host, listener {https} takes this one"), gateway)
                .inferred("this Cilium takes the name away from the HTTP listener, because a listener of another protocol is more specific");
            if let Some(certificate) = certificate_of(dossier, challenge) {
                firing = firing.accounts_for(certificate);
            }
            if let Some((place, _)) = answers(dossier).into_iter().find(|(_, one)| one.status == 404) {
                firing = firing.seen(format!("404 at {place}"), "HTTP probes");
            }
            firing.on(dossier, ACROSS)
        })
        .collect()
}

fn waits_for_404(challenge: &Value) -> bool {
    text(challenge, "/spec/type") == Some("HTTP-01")
        && text(challenge, "/status/state") != Some("valid")
        && text(challenge, "/status/reason").is_some_and(|reason| reason.contains("404"))
}

/// An HTTP listener for every host beside an HTTPS listener for the challenge's.
fn isolated<'d>(gateway: &Gateway<'d>, challenge: &Value) -> Option<(&'d str, &'d str)> {
    let host = text(challenge, "/spec/dnsName")?;
    let listeners = gateway.listeners();
    let http = listeners.iter().find(|one| one.protocol == "HTTP" && one.hostname.is_none())?;
    let https = listeners
        .iter()
        .find(|one| one.protocol == "HTTPS" && one.hostname.is_some() && one.takes(host))?;
    let own = listeners
        .iter()
        .any(|one| one.protocol == "HTTP" && one.hostname.is_some() && one.takes(host));
    (!own).then_some((http.name, https.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, dedicated, fires, silent};

    fn waiting(version: &str, host: &str, reason: &str) -> Dossier {
        dedicated().version(version).with(json!({"apiVersion": "acme.cert-manager.io/v1",
            "kind": "Challenge", "metadata": {"name": "wildcard-1-1-1", "namespace": "gateway"},
            "spec": {"type": "HTTP-01", "dnsName": host},
            "status": {"state": "pending", "reason": reason}}))
    }

    const WAITS: &str =
        "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'";
    const HOST: &str = "a.obs.example.test";

    #[test]
    fn it_fires_on_the_releases_that_isolate_across_protocols_alone() {
        for version in ["1.16.4", "1.18.7", "1.19.1"] {
            fires(&RULE, &waiting(version, HOST, WAITS));
        }
        for version in ["1.18.8", "1.19.2", "1.20.2"] {
            silent(&RULE, &waiting(version, HOST, WAITS));
        }
    }

    #[test]
    fn other_reasons_and_hosts_that_no_https_listener_takes_are_other_matters() {
        silent(&RULE, &waiting("1.18.7", HOST, "dial tcp: i/o timeout"));
        silent(&RULE, &waiting("1.18.7", "a.other.test", WAITS));
        let own = waiting("1.18.7", HOST, WAITS).set(
            "Gateway",
            "shared-gateway",
            "/spec/listeners/0/hostname",
            &json!(HOST),
        );
        silent(&RULE, &own);
    }
}
