//! GP0061: cert-manager finds no zone for the name of a DNS-01 challenge.

use crate::dossier::Dossier;
use crate::finding::reading::{certificate_of, cited, open_in_dns};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0061",
    title: "no zone is found in DNS for an ACME challenge",
    explanation: "\
Before it adds a record for DNS-01, cert-manager asks for the SOA record of _acme-challenge.NAME, then of \
NAME, then of what is above, until a name server answers with one: that is the zone. It asks the name \
servers of its own pod, as a rule the cluster's DNS, or those of --dns01-recursive-nameservers.

Where the zone is known to servers inside an organisation alone, or to a server in the cluster, the \
cluster's DNS has to lead there (a server block with forward in CoreDNS), or cert-manager has to be told \
to ask another. NXDOMAIN at every step ends in `Could not find the SOA record`; any other answer, such as \
SERVFAIL or REFUSED, ends the search at once and is named.",
    remedy: &[
        "ask as cert-manager does, from a pod: dig SOA ZONE, by the name servers that the message names",
        "forward the zone in CoreDNS, or give cert-manager --dns01-recursive-nameservers=ADDRESS:53 (and --dns01-recursive-nameservers-only where it can ask no others)",
        "make sure that the zone exists at all, and is delegated to the server that is updated",
    ],
    sources: &[
        "cert-manager/cert-manager pkg/issuer/acme/dns/util/wait.go 1.21 FindZoneByFqdn: how a zone is found, and what is said when there is none",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    open_in_dns(dossier)
        .filter(|(_, reason)| {
            reason.contains("Could not find the SOA record")
                || reason.contains("When querying the SOA record")
        })
        .map(|(challenge, reason)| {
            let firing = Firing::new(Role::Cause, Confidence::Certain)
                .about(cited(challenge))
                .seen(reason, format!("status of {}", cited(challenge)))
                .inferred("the name servers that cert-manager asks do not lead to the zone");
            match certificate_of(dossier, challenge) {
                Some(certificate) => firing.accounts_for(certificate),
                None => firing,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::fixture::{dns_challenge, fires, silent, words};

    #[test]
    fn a_search_that_ends_without_a_zone_is_told_with_who_was_asked() {
        for reason in [
            "Could not find the SOA record in the DNS tree for the domain '_acme-challenge.example.test.' using nameservers [10.96.0.10:53]",
            "When querying the SOA record for the domain '_acme-challenge.example.test.' using nameservers [10.96.0.10:53], rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'",
            "Waiting for DNS-01 challenge propagation: Could not determine the zone for \"_acme-challenge.example.test.\": Could not find the SOA record in the DNS tree",
        ] {
            let words = words(&fires(&RULE, &dns_challenge("pending", reason)));
            assert!(words.contains(reason), "{words}");
        }
    }

    #[test]
    fn a_zone_that_was_found_is_none() {
        for reason in [
            "DNS update failed. Server replied: NOTZONE",
            "Waiting for DNS-01 challenge propagation: DNS record for \"example.test\" not yet propagated",
        ] {
            silent(&RULE, &dns_challenge("pending", reason));
        }
    }
}
