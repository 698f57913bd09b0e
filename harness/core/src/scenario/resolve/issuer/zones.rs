//! `certificates.issuer.acme` with `solver: dns01`: the zones in which names are proved.

use std::collections::BTreeSet;

use crate::scenario::file::AcmeFile;
use crate::scenario::inventory::Inventory;
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::Place;

/// The domain that is the cluster's own. Its zone would take every Service's name away.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// The zones: those that were named, or those that begin at the names themselves; sorted. What is
/// wrong goes to `problems`.
pub(super) fn resolve(
    acme: &AcmeFile,
    place: Place<'_>,
    inventory: &Inventory<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<String>> {
    for (key, given) in [("gateway", acme.gateway.is_some()), ("listener", acme.listener.is_some())]
    {
        if given {
            problems.push(
                Problem::at(
                    &place.get(key),
                    format!("`{key}` has no meaning with `solver: dns01`"),
                )
                .expected("no such key, or `solver: http01`")
                .note("by DNS-01 a name is proved in DNS, and no Gateway is asked"),
            );
        }
    }
    if inventory.asked_names.is_empty() && !inventory.incomplete {
        problems.push(Problem::at(&place, "nobody asks this issuer for a certificate").expected(
            "a Gateway with the annotation `cert-manager.io/cluster-issuer: gateproof` and a \
             hostname, or a Certificate that names this issuer",
        ));
        return None;
    }
    let names = inventory.asked_names.iter().map(|asked| base(&asked.name).to_owned());
    let zones = match &acme.zones {
        None => nearest_to_the_root(names),
        Some(zones) => named(zones, place, inventory, problems),
    };
    if acme.zones.is_none() {
        for zone in zones.iter().filter(|zone| is_of_the_cluster(zone)) {
            problems.push(of_the_cluster(&place, zone));
        }
    }
    Some(zones)
}

/// The zones that were named, each name in one of them.
fn named(
    zones: &[String],
    place: Place<'_>,
    inventory: &Inventory<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    for at in place.get("zones").items() {
        let zone = plain(at.as_text().unwrap_or_default());
        if !is_name(&zone) {
            problems.push(
                Problem::at(&at, "this is no zone in DNS")
                    .found(format!("`{zone}`"))
                    .expected("a name such as `example.test`, without a wildcard"),
            );
        } else if is_of_the_cluster(&zone) {
            problems.push(of_the_cluster(&at, &zone));
        }
    }
    let zones: BTreeSet<String> = zones.iter().map(|zone| plain(zone)).collect();
    let known: Vec<&str> = zones.iter().map(String::as_str).collect();
    for asked in &inventory.asked_names {
        if !zones.iter().any(|zone| is_within(base(&asked.name), zone)) {
            problems.push(
                Problem::at(&asked.place, "this name is in no zone of the issuer")
                    .found(format!("`{}`", asked.name))
                    .expected(format!("a name in {}, or its zone among `zones`", one_of(&known)))
                    .note(
                        "cert-manager would wait with `Could not find the SOA record in the DNS \
                         tree`",
                    ),
            );
        }
    }
    zones.into_iter().collect()
}

/// A name without a wildcard: what an ACME server proves (RFC 8555, 7.1.3).
fn base(name: &str) -> &str {
    name.strip_prefix("*.").unwrap_or(name)
}

fn plain(zone: &str) -> String {
    zone.trim_end_matches('.').to_ascii_lowercase()
}

/// Names without those that are below another.
fn nearest_to_the_root(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: BTreeSet<String> = names.map(|name| plain(&name)).collect();
    let above = |name: &String| names.iter().any(|other| other != name && is_within(name, other));
    names.iter().filter(|name| !above(name)).cloned().collect()
}

fn is_within(name: &str, zone: &str) -> bool {
    let name = plain(name);
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_of_the_cluster(zone: &str) -> bool {
    is_within(zone, CLUSTER_DOMAIN) || is_within(CLUSTER_DOMAIN, zone)
}

fn of_the_cluster(place: &Place<'_>, zone: &str) -> Problem {
    Problem::at(place, "this zone would take the names of Services away")
        .found(format!("`{zone}`"))
        .expected(format!("a zone outside of `{CLUSTER_DOMAIN}`"))
}

fn is_name(zone: &str) -> bool {
    zone.len() <= 220
        && zone.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
        })
}

#[cfg(test)]
mod tests {
    use super::{is_name, is_of_the_cluster, is_within, nearest_to_the_root};

    #[test]
    fn a_zone_begins_at_each_name_that_is_below_no_other() {
        let zones =
            |names: &[&str]| nearest_to_the_root(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(zones(&["example.test", "a.example.test", "EXAMPLE.test"]), ["example.test"]);
        assert_eq!(zones(&["a.test", "b.a.test", "ba.test"]), ["a.test", "ba.test"]);
        assert_eq!(zones(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_name_is_in_its_zone_by_whole_labels() {
        for (name, zone, expected) in [
            ("example.test", "example.test", true),
            ("A.Example.Test.", "example.test", true),
            ("notexample.test", "example.test", false),
            ("test", "example.test", false),
        ] {
            assert_eq!(is_within(name, zone), expected, "{name} in {zone}");
        }
    }

    #[test]
    fn the_domain_of_services_is_no_zone() {
        for (zone, expected) in [
            ("cluster.local", true),
            ("local", true),
            ("web.svc.cluster.local", true),
            ("mycluster.local", false),
            ("example.test", false),
        ] {
            assert_eq!(is_of_the_cluster(zone), expected, "{zone}");
        }
    }

    #[test]
    fn a_zone_is_a_name_without_a_wildcard() {
        assert!(is_name("example.test") && is_name("_acme-challenge.example.test"));
        for zone in ["", "*.example.test", "a..b", "a b", "ex*mple", &"a.".repeat(120)] {
            assert!(!is_name(zone), "{zone}");
        }
    }
}
