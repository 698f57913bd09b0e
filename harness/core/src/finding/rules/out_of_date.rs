//! GP0027: a certificate is out of date, or not for the name.

use crate::dossier::{CertificateFacts, Dossier, Found, Hop};
use crate::finding::reading::gateways;
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::observation::Trust;
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0027",
    title: "a certificate is expired, not valid yet, or not for the listener's name",
    explanation: "\
Neither Cilium's operator nor Envoy looks at dates and names: an expired certificate is served like \
any other, the listener stays Accepted and Programmed, and clients refuse it. A wildcard stands for \
exactly one label: *.example.com is good for a.example.com and not for a.b.example.com or \
example.com, although a listener with that hostname takes any depth.

A certificate that is not valid yet means a clock that is wrong, here or where it was issued. One that \
expired although cert-manager has a Certificate for it was not renewed: see what that Certificate says.",
    remedy: &[
        "renew it: cmctl renew NAME, or replace the Secret; Envoy follows without a restart",
        "issue it for the host names that clients use, deeper names of a wildcard listener included",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.14.10 to 1.21-dev: what is looked at in a Secret",
        "RFC 6125, section 6.4.3: a wildcard stands for one label",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let mut firings = Vec::new();
    for gateway in gateways(dossier) {
        for listener in gateway.listeners() {
            let mut firing: Option<Firing> = None;
            for hop in gateway.certificates().filter(|hop| hop.listener == listener.name) {
                let Found::Chain(chain) = &hop.found else { continue };
                let (place, name) = match &hop.hop {
                    Hop::Secret => (format!("Secret {}", hop.secret), listener.hostname),
                    Hop::Served { place, server_name } => {
                        (format!("served at {place}"), Some(server_name.as_str()))
                    }
                    Hop::Certificate(_) | Hop::Copy(_) => continue,
                };
                let dates = chain.iter().filter_map(|one| out_of_date(dossier, one));
                let names = chain.first().zip(name).and_then(|(leaf, name)| not_for(leaf, name));
                for problem in dates.chain(names) {
                    let begun = firing.take().unwrap_or_else(|| {
                        Firing::new(Role::Cause, Confidence::Certain)
                            .about(format!("listener {} of {gateway}", listener.name))
                    });
                    firing = Some(begun.seen(problem, &place));
                }
            }
            firings.extend(firing);
        }
    }
    if firings.is_empty() {
        firings.extend(by_handshake(dossier));
    }
    firings
}

/// By what a client made of a handshake; for when nothing else says what time it is.
fn by_handshake(dossier: &Dossier) -> Option<Firing> {
    let failed = dossier.checks.iter().filter(|check| check.verdict == Verdict::Failed);
    let placed = failed.flat_map(|check| &check.evidence.http).chain(&dossier.http);
    let late = placed.filter_map(|placed| {
        let told = placed.observation.tls.as_ref()?;
        match &told.trust {
            Trust::OutOfDate(words) => Some((words, &placed.place)),
            _ => None,
        }
    });
    let mut firing: Option<Firing> = None;
    for (words, place) in late {
        let begun = firing.take().unwrap_or_else(|| {
            Firing::new(Role::Cause, Confidence::Certain).about("certificates that were served")
        });
        firing = Some(begun.seen(words, format!("TLS handshake at {place}")));
    }
    firing
}

fn out_of_date(dossier: &Dossier, one: &CertificateFacts) -> Option<String> {
    let now = dossier.taken?;
    if now > one.not_after {
        Some(format!("{} expired at {}", one.subject, one.not_after))
    } else if now < one.not_before {
        Some(format!("{} is not valid before {}", one.subject, one.not_before))
    } else {
        None
    }
}

/// Whether a leaf is of no use for a name; a wildcard listener needs that very wildcard, or names
/// below it.
fn not_for(leaf: &CertificateFacts, name: &str) -> Option<String> {
    let name = name.to_lowercase();
    let suffix = name.strip_prefix('*').map(str::to_owned);
    let good = leaf.names.iter().map(|one| one.to_lowercase()).any(|one| match &suffix {
        Some(suffix) => one == name || one.ends_with(suffix.as_str()),
        None => one == name || covers(&one, &name),
    });
    let names = if leaf.names.is_empty() { "no name".to_owned() } else { leaf.names.join(", ") };
    (!good).then(|| format!("for {names}, not for {name}"))
}

/// Whether a wildcard of one label covers a name.
fn covers(wildcard: &str, name: &str) -> bool {
    let Some(suffix) = wildcard.strip_prefix("*.") else { return false };
    name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == suffix)
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{CertificateFacts, Dossier, Found, Hop};
    use crate::finding::fixture::{dedicated, facts, fires, moment, silent, words};

    fn chain(hop: fn(&Hop) -> bool, change: fn(&mut CertificateFacts)) -> Dossier {
        let mut dossier = dedicated();
        let mut leaf = facts("aa11");
        change(&mut leaf);
        let hop = dossier.certificates.iter_mut().find(|one| hop(&one.hop));
        hop.expect("a hop").found = Found::Chain(vec![leaf]);
        dossier
    }

    fn secret(hop: &Hop) -> bool {
        *hop == Hop::Secret
    }

    #[test]
    fn dates_are_compared_with_the_time_of_the_dossier() {
        let expired = chain(secret, |leaf| leaf.not_after = moment("2026-11-20T00:00:00Z"));
        assert!(words(&fires(&RULE, &expired)).contains("expired at 2026-11-20"));
        let early = chain(secret, |leaf| leaf.not_before = moment("2026-12-01T00:00:00Z"));
        assert!(words(&fires(&RULE, &early)).contains("not valid before"));
        let mut timeless = expired;
        timeless.taken = None;
        silent(&RULE, &timeless);
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let served = |hop: &Hop| matches!(hop, Hop::Served { .. });
        let other = chain(served, |leaf| leaf.names = vec!["*.example.test".to_owned()]);
        let words = words(&fires(&RULE, &other));
        assert!(words.contains("not for hello.obs.example.test"), "{words}");
        let exact = chain(served, |leaf| leaf.names = vec!["hello.obs.example.test".to_owned()]);
        silent(&RULE, &exact);
    }

    #[test]
    fn a_certificate_below_a_wildcard_listener_is_right() {
        silent(&RULE, &chain(secret, |leaf| leaf.names = vec!["a.obs.example.test".to_owned()]));
        fires(&RULE, &chain(secret, |leaf| leaf.names = vec!["obs.example.test".to_owned()]));
        silent(&RULE, &dedicated());
    }
}
