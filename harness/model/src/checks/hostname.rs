//! Which host names a route and a listener have in common, and which of them another listener
//! takes away (cilium/cilium `operator/pkg/model/helpers.go`, 1.16 to 1.21-dev).

use crate::Input;
use crate::facts::Behaviour;

/// What two wildcards have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    /// The route's, if it is the longer one; a shorter one of the route has nothing in common.
    RouteMustBeLonger,
    /// The longer one, whoever has it.
    Intersect,
}

impl Wildcards {
    /// As this version of Cilium has it.
    pub(crate) fn of(input: &Input<'_>) -> Self {
        if input.holds(Behaviour::WildcardsIntersect) {
            Self::Intersect
        } else {
            Self::RouteMustBeLonger
        }
    }
}

/// The host names a route serves through a listener, sorted; `*` stands for every host, and an
/// empty result means that the route does not fit the listener.
///
/// `others` are host names of other listeners that isolate: where one of them fits a route's host
/// name better, this listener does not serve it.
pub(crate) fn intersect(
    wildcards: Wildcards,
    route: &[String],
    listener: Option<&str>,
    others: &[&str],
) -> Vec<String> {
    if route.is_empty() {
        return vec![listener.unwrap_or("*").to_owned()];
    }
    let mut hosts: Vec<String> = route
        .iter()
        .filter_map(|host| match listener {
            None => (!is_taken(host, "", others)).then_some(host.as_str()),
            Some(listener) if listener == host => Some(host),
            Some(listener)
                if wildcards == Wildcards::Intersect
                    && both_wildcards_overlap(host, listener)
                    && !is_taken(host, listener, others) =>
            {
                Some(if labels(listener) > labels(host) { listener } else { host })
            }
            Some(listener) if listener.starts_with('*') => {
                (is_below(host, listener) && !is_taken(host, listener, others)).then_some(host)
            }
            Some(listener) => {
                (host.starts_with('*') && is_below(listener, host)).then_some(listener)
            }
        })
        .map(str::to_owned)
        .collect();
    hosts.sort();
    hosts
}

fn labels(host: &str) -> usize {
    host.split('.').count()
}

/// Whether two wildcards agree in all labels that both spell out.
fn both_wildcards_overlap(one: &str, other: &str) -> bool {
    matches!(
        (one.strip_prefix("*."), other.strip_prefix("*.")),
        (Some(one), Some(other)) if !one.is_empty() && !other.is_empty() && share_labels(one, other)
    )
}

/// Whether two listeners' host names have a server name in common; none is every name
/// (cilium/cilium 1.19.6 `operator/pkg/gateway-api/helpers`, `SNIHostnamesIntersect`).
pub(crate) fn overlaps(one: Option<&str>, other: Option<&str>) -> bool {
    let (one, other) = (one.unwrap_or("*"), other.unwrap_or("*"));
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (Some(""), _) | (_, Some("")) => true,
        (Some(first), Some(second)) => share_labels(first, second),
        (Some(_), None) => is_below(other, one),
        (None, Some(_)) => is_below(one, other),
        (None, None) => one == other,
    }
}

/// Whether one of two wildcard suffixes such as `.x.test` ends with the labels of the other.
fn share_labels(first: &str, second: &str) -> bool {
    let labels = |suffix: &str| -> Vec<String> {
        suffix.trim_start_matches('.').rsplit('.').map(str::to_owned).collect()
    };
    labels(first).iter().zip(&labels(second)).all(|(one, other)| one == other)
}

/// Whether another listener's host name fits a host better than `own` does.
fn is_taken(host: &str, own: &str, others: &[&str]) -> bool {
    others.iter().filter(|other| **other != own).any(|other| {
        *other == host
            || (other.starts_with('*') && is_below(host, other) && other.len() > own.len())
    })
}

/// Whether a host name is below a wildcard: `*.x` holds any depth below x, not x itself.
fn is_below(host: &str, wildcard: &str) -> bool {
    let suffix = wildcard.trim_start_matches('*');
    host.len() > suffix.len() && host.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use super::{Wildcards, intersect, overlaps};

    fn hosts(route: &[&str], listener: Option<&str>, others: &[&str]) -> Vec<String> {
        let route: Vec<String> = route.iter().map(|host| (*host).to_owned()).collect();
        let old = intersect(Wildcards::RouteMustBeLonger, &route, listener, others);
        let new = intersect(Wildcards::Intersect, &route, listener, others);
        assert_eq!(old, new, "nothing here depends on the version");
        new
    }

    #[test]
    fn a_shorter_wildcard_of_the_route_narrows_to_the_listener_only_in_newer_versions() {
        let common = |wildcards, host: &str, listener: &str| {
            intersect(wildcards, &[host.to_owned()], Some(listener), &[])
        };
        let (old, new) = (Wildcards::RouteMustBeLonger, Wildcards::Intersect);
        assert!(common(old, "*.test", "*.x.test").is_empty());
        assert_eq!(common(new, "*.test", "*.x.test"), ["*.x.test"]);
        assert_eq!(common(old, "*.x.test", "*.test"), ["*.x.test"]);
        assert_eq!(common(new, "*.x.test", "*.test"), ["*.x.test"]);
        assert!(common(new, "*.y.test", "*.x.test").is_empty(), "a look-alike");
    }

    #[test]
    fn no_host_names_on_either_side_means_every_host() {
        assert_eq!(hosts(&[], None, &[]), ["*"]);
        assert_eq!(hosts(&[], Some("a.test"), &[]), ["a.test"]);
        assert_eq!(hosts(&["a.test"], None, &[]), ["a.test"]);
    }

    #[test]
    fn wildcard_listener_does_not_match_apex_host() {
        assert_eq!(
            hosts(&["a.x.test", "b.a.x.test", "x.test"], Some("*.x.test"), &[]),
            ["a.x.test", "b.a.x.test"]
        );
    }

    #[test]
    fn wildcard_route_narrows_to_the_listener() {
        assert_eq!(hosts(&["*.x.test"], Some("a.x.test"), &[]), ["a.x.test"]);
        assert!(hosts(&["*.x.test"], Some("x.test"), &[]).is_empty());
    }

    #[test]
    fn a_suffix_that_is_no_label_does_not_match() {
        assert!(hosts(&["ax.test"], Some("*.x.test"), &[]).is_empty());
    }

    #[test]
    fn a_more_specific_listener_takes_its_host_names_away() {
        assert!(hosts(&["a.x.test"], None, &["*.x.test"]).is_empty());
        assert!(hosts(&["a.x.test"], Some("*.x.test"), &["a.x.test"]).is_empty());
        assert_eq!(
            hosts(&["a.x.test"], Some("*.x.test"), &["*.test"]),
            ["a.x.test"],
            "a less specific one does not"
        );
        assert_eq!(hosts(&["a.x.test"], Some("a.x.test"), &["*.x.test"]), ["a.x.test"]);
    }

    #[test]
    fn server_names_overlap_when_one_name_fits_both() {
        for (one, other, expected) in [
            (None, Some("a.test"), true),
            (Some("a.test"), Some("a.test"), true),
            (Some("a.test"), Some("b.test"), false),
            (Some("*.test"), Some("a.test"), true),
            (Some("*.a.test"), Some("a.test"), false),
            (Some("*.test"), Some("*.a.test"), true),
            (Some("*.b.test"), Some("*.a.test"), false),
            (Some("*.ba.test"), Some("*.a.test"), false),
        ] {
            assert_eq!(overlaps(one, other), expected, "{one:?} {other:?}");
            assert_eq!(overlaps(other, one), expected, "{other:?} {one:?}");
        }
    }
}
