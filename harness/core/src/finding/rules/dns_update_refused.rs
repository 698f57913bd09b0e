//! GP0060: the name server does not take cert-manager's update for a DNS-01 challenge.

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::finding::reading::{certificate_of, cited, open_in_dns};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0060",
    title: "the name server does not take cert-manager's update for an ACME challenge",
    explanation: "\
For DNS-01 with the rfc2136 solver, cert-manager adds a TXT record by a dynamic update that is signed with \
a shared key (TSIG). The Challenge is not presented until the server takes it, and says why it does not.

`dns: bad authentication` is said of every answer NOTAUTH, which has two causes: name, algorithm or secret \
of the key are not those of the server (its own log says BADKEY or BADSIG, or BADTIME when clocks are apart), \
or the server is not the authority for the zone that was found. tsigAlgorithm is HMACMD5 unless it is said, \
which few servers still take. The secret is the text that the server's configuration has, in base64: an \
entry of a Secret is encoded once more by Kubernetes, and not a second time by you.

`Server replied: REFUSED` is a server that knows the key, or wants none, and does not let it change this \
name. A time-out is the way from cert-manager's pod to the server, by UDP unless the solver says TCP.",
    remedy: &[
        "compare tsigKeyName, tsigAlgorithm and the Secret of tsigSecretSecretRef with the server's configuration; a ClusterIssuer reads the Secret from cert-manager's own namespace",
        "try the same update by hand: nsupdate -y ALGORITHM:NAME:SECRET, with server, zone and update add",
        "afterwards delete the Challenge, or wait: cert-manager tries again with growing pauses",
    ],
    sources: &[
        "cert-manager/cert-manager pkg/issuer/acme/dns/rfc2136/{rfc2136,provider}.go 1.21: how the update is made and signed, and what is said",
        "miekg/dns v1.1 client.go: NOTAUTH is `bad authentication`, whatever the server means by it; measured with cert-manager's code against a server that says BADKEY, BADSIG, and that a zone is not its own",
        "RFC 2136, 3 and RFC 8945, 5: who answers NOTAUTH, REFUSED and NOTZONE",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    open_in_dns(dossier)
        .filter_map(|(challenge, reason)| {
            let (confidence, inferred) = meaning(reason)?;
            Some(firing(dossier, challenge, reason, confidence).inferred(inferred))
        })
        .collect()
}

/// What a reason says of the update.
fn meaning(reason: &str) -> Option<(Confidence, &'static str)> {
    if reason.contains("data entry with key") {
        return Some((Confidence::Certain, "the Secret is there, and has no such entry"));
    }
    let told = reason.split_once("DNS update failed").map(|(_, told)| told)?;
    Some(if told.contains("bad authentication") || told.contains("NOTAUTH") {
        (
            Confidence::Certain,
            "the key is not the server's, or the server is not the authority for the zone",
        )
    } else if told.contains("TSIG secret") {
        (Confidence::Certain, "the secret of the key is not in base64")
    } else if told.contains("Server replied") {
        (Confidence::Certain, "the server understood the update, and does not allow it")
    } else {
        (Confidence::Likely, "the server is not reached, or its answer is not")
    })
}

fn firing(dossier: &Dossier, challenge: &Value, reason: &str, confidence: Confidence) -> Firing {
    let mut firing = Firing::new(Role::Cause, confidence)
        .about(cited(challenge))
        .seen(reason, format!("status of {}", cited(challenge)));
    for key in ["nameserver", "tsigKeyName", "tsigAlgorithm"] {
        if let Some(value) = text(challenge, &format!("/spec/solver/dns01/rfc2136/{key}")) {
            firing = firing.seen(format!("{key}: {value}"), cited(challenge));
        }
    }
    match certificate_of(dossier, challenge) {
        Some(certificate) => firing.accounts_for(certificate),
        None => firing,
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::fixture::{dns_challenge, fires, silent, words};

    #[test]
    fn every_way_of_not_taking_an_update_is_told_apart() {
        for (reason, told) in [
            ("DNS update failed: dns: bad authentication", "not the authority"),
            ("DNS update failed. Server replied: REFUSED", "does not allow it"),
            ("DNS update failed. Server replied: NOTAUTH", "not the server's"),
            ("DNS update failed: read udp 10.0.0.1:4->10.0.0.2:53: i/o timeout", "not reached"),
            (
                "DNS update failed: error decoding the provided TSIG secret: illegal base64 data at input byte 9",
                "not in base64",
            ),
            ("data entry with key \"secret\" not found in secret", "no such entry"),
        ] {
            let words = words(&fires(&RULE, &dns_challenge("pending", reason)));
            assert!(words.contains(told) && words.contains("tsigKeyName: trial"), "{words}");
        }
    }

    #[test]
    fn a_challenge_that_waits_for_something_else_or_is_fulfilled_is_none() {
        for reason in [
            "Waiting for DNS-01 challenge propagation: DNS record for \"example.test\" not yet propagated",
            "Could not find the SOA record in the DNS tree for the domain '_acme-challenge.example.test.' using nameservers [10.96.0.10:53]",
            "error instantiating azuredns challenge solver: no zone",
            "",
        ] {
            silent(&RULE, &dns_challenge("pending", reason));
        }
        silent(&RULE, &dns_challenge("valid", "DNS update failed: dns: bad authentication"));
    }
}
