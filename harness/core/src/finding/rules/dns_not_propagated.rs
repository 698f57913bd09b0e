//! GP0062: the record of a DNS-01 challenge was added, and those who look for it do not find it.

use crate::dossier::Dossier;
use crate::finding::reading::{certificate_of, cited, open_in_dns};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0062",
    title: "the record of an ACME challenge is not found where it is looked for",
    explanation: "\
The server that cert-manager updated took the record, and another is asked for it. cert-manager looks \
first: it asks for the zone's NS records and then every server among them directly, at port 53, until each \
has the record (`not yet propagated`); only then does it tell the ACME server, which asks once, by its own \
way through DNS (`No TXT records found`, `Correct value not found`).

Usual causes are an update of a server that is not among the zone's, such as an internal view of it; a \
secondary that gets no notice, or is far behind; NS records that lead to servers which the cluster does \
not reach; and an ACME server that sees another view of the zone than the cluster does.",
    remedy: &[
        "ask each server of the zone: dig NS ZONE, then dig TXT _acme-challenge.NAME @SERVER for every one, from inside the cluster and from outside",
        "update the server that the others follow (nameserver of the solver), and have it notify them",
        "where the cluster cannot reach the zone's servers: --dns01-recursive-nameservers-only with servers that it reaches",
    ],
    sources: &[
        "cert-manager/cert-manager pkg/issuer/acme/dns/util/wait.go 1.21 checkDNSPropagation: who is asked, and what is said",
        "letsencrypt/pebble v2.10.1 va/va.go validateDNS01: what an ACME server says of a record that it does not find",
    ],
    issues: &[],
    examine,
};

/// What is said of a record that was added and is not found.
const MISSED: &[&str] = &[
    "not yet propagated",
    "No TXT records found for DNS challenge",
    "No TXT record found at _acme-challenge",
    "Correct value not found for DNS challenge",
    "Incorrect TXT record",
    "Error retrieving TXT records for DNS challenge",
];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    open_in_dns(dossier)
        .filter(|(_, reason)| is_missed(reason))
        .map(|(challenge, reason)| {
            // The server looks once, and what it did not find it will not look for again.
            let confidence = if reason.contains("propagation") {
                Confidence::Likely
            } else {
                Confidence::Certain
            };
            let firing = Firing::new(Role::Cause, confidence)
                .about(cited(challenge))
                .seen(reason, format!("status of {}", cited(challenge)))
                .inferred("the server that was updated is not the one that is asked, or not yet of one mind with it");
            match certificate_of(dossier, challenge) {
                Some(certificate) => firing.accounts_for(certificate),
                None => firing,
            }
        })
        .collect()
}

fn is_missed(reason: &str) -> bool {
    let by_a_server = reason.contains("challenge propagation: NS ") && reason.contains("returned");
    by_a_server || MISSED.iter().any(|words| reason.contains(words))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::Confidence;
    use crate::finding::fixture::{dns_challenge, fires, silent};

    #[test]
    fn a_record_that_nobody_finds_is_told_and_for_certain_once_the_server_has_looked() {
        for (state, reason, confidence) in [
            (
                "pending",
                "Waiting for DNS-01 challenge propagation: DNS record for \"example.test\" not yet propagated",
                Confidence::Likely,
            ),
            (
                "pending",
                "Waiting for DNS-01 challenge propagation: NS ns.example.test.:53 returned REFUSED for _acme-challenge.example.test.",
                Confidence::Likely,
            ),
            (
                "invalid",
                "Error accepting authorization: acme: authorization error for example.test: 403 urn:ietf:params:acme:error:unauthorized: No TXT records found for DNS challenge",
                Confidence::Certain,
            ),
        ] {
            let firing = fires(&RULE, &dns_challenge(state, reason));
            assert_eq!(firing.confidence, confidence, "{reason}");
        }
    }

    #[test]
    fn a_record_that_was_never_added_is_none() {
        for reason in [
            "DNS update failed: dns: bad authentication",
            "Waiting for DNS-01 challenge propagation: Could not determine the zone for \"x\": Could not find the SOA record in the DNS tree",
            "Waiting 30s before accepting DNS-01 challenge without self-check",
        ] {
            silent(&RULE, &dns_challenge("pending", reason));
        }
    }
}
