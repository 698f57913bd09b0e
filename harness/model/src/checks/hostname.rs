//! Which host names a route and a listener have in common, and which of them another listener
//! takes away (cilium/cilium 1.18.10 `operator/pkg/model/helpers.go`).

/// The host names a route serves through a listener, sorted; `*` stands for every host, and an
/// empty result means that the route does not fit the listener.
///
/// `others` are host names of other listeners that isolate: where one of them fits a route's host
/// name better, this listener does not serve it.
pub(crate) fn intersect(route: &[String], listener: Option<&str>, others: &[&str]) -> Vec<String> {
    if route.is_empty() {
        return vec![listener.unwrap_or("*").to_owned()];
    }
    let mut hosts: Vec<String> = route
        .iter()
        .filter_map(|host| match listener {
            None => (!is_taken(host, "", others)).then_some(host.as_str()),
            Some(listener) if listener == host => Some(host),
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
    use super::intersect;

    fn hosts(route: &[&str], listener: Option<&str>, others: &[&str]) -> Vec<String> {
        let route: Vec<String> = route.iter().map(|host| (*host).to_owned()).collect();
        intersect(&route, listener, others)
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
}
