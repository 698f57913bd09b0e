//! Names as the cluster's DNS resolves them: Services, and what a `rewrite` of CoreDNS turns into
//! Services.
//!
//! Follows the ConfigMap `kube-system/coredns` as far as `rewrite [stop] name exact A B` goes
//! (coredns/coredns `plugin/rewrite`), and server blocks of a zone with `forward . ADDRESS`
//! (`plugin/forward`); nothing else of a Corefile, and nothing outside of the cluster: there is no
//! internet here.

use std::net::{IpAddr, SocketAddr};

use super::kind::{CONFIG_MAP, SERVICE};
use super::object::text;
use super::snapshot::Snapshot;

/// The namespace of the cluster's DNS.
pub(crate) const NAMESPACE: &str = "kube-system";
/// The ConfigMap with its configuration.
pub(crate) const CONFIG: &str = "coredns";

/// What kubeadm writes (kubernetes/kubernetes 1.36 `cmd/kubeadm/app/phases/addons/dns/manifests.go`),
/// as far as it matters who answers for what.
pub(crate) const COREFILE: &str = "\
.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa
    forward . /etc/resolv.conf
    cache 30
    reload
}
";

/// The cluster address of a name; a message says why there is none.
pub(crate) fn resolve(snapshot: &Snapshot, host: &str) -> Result<IpAddr, String> {
    let name = rewritten(corefile(snapshot), host);
    service(&name)
        .and_then(|(namespace, name)| snapshot.get(SERVICE, Some(namespace), name))
        .and_then(|service| text(service, "/spec/clusterIP")?.parse().ok())
        .ok_or_else(|| format!("lookup {host}: no such host"))
}

fn corefile(snapshot: &Snapshot) -> &str {
    let map = snapshot.get(CONFIG_MAP, Some(NAMESPACE), CONFIG);
    map.and_then(|map| text(map, "/data/Corefile")).unwrap_or_default()
}

/// Where the cluster's DNS asks for a name that is in a zone with a server block of its own: the
/// block of the longest zone decides.
pub(crate) fn forwarded_to(snapshot: &Snapshot, name: &str) -> Option<SocketAddr> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let within = |zone: &str| {
        let rest = name.strip_suffix(zone);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let mut nearest: Option<(&str, SocketAddr)> = None;
    let mut zones: Vec<&str> = Vec::new();
    for line in corefile(snapshot).lines() {
        if let Some(opened) = line.strip_suffix('{').filter(|line| !line.starts_with(' ')) {
            let of_zone =
                |zone: &'_ str| zone.rsplit_once(':').map_or(zone.len(), |(it, _)| it.len());
            zones = opened.split_whitespace().map(|zone| &zone[..of_zone(zone)]).collect();
        }
        let mut words = line.split_whitespace();
        let (Some("forward"), Some("."), Some(to)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let to = to.parse().ok().or_else(|| Some(SocketAddr::new(to.parse().ok()?, 53)));
        let zone =
            zones.iter().filter(|zone| **zone != "." && within(zone)).max_by_key(|it| it.len());
        if let (Some(zone), Some(to)) = (zone, to)
            && nearest.is_none_or(|(before, _)| before.len() < zone.len())
        {
            nearest = Some((zone, to));
        }
    }
    nearest.map(|(_, to)| to)
}

/// Namespace and name of the Service that a name of the cluster means.
pub(crate) fn service(name: &str) -> Option<(&str, &str)> {
    let name = name.trim_end_matches('.');
    let name = name.strip_suffix(".cluster.local").unwrap_or(name);
    let (service, namespace) = name.strip_suffix(".svc").unwrap_or(name).split_once('.')?;
    (!namespace.is_empty() && !namespace.contains('.')).then_some((namespace, service))
}

/// What the name is turned into, or the name itself.
fn rewritten(corefile: &str, host: &str) -> String {
    let host = host.trim_end_matches('.');
    corefile
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["rewrite", "stop" | "continue", "name", "exact", from, to, ..]
                | ["rewrite", "name", "exact", from, to, ..] => Some((*from, *to)),
                _ => None,
            }
        })
        .find(|(from, _)| from.trim_end_matches('.').eq_ignore_ascii_case(host))
        .map_or_else(|| host.to_owned(), |(_, to)| to.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{forwarded_to, resolve, service};
    use crate::controllers::snapshot::Snapshot;

    #[test]
    fn a_zone_is_asked_for_where_its_own_block_says() {
        let corefile = ".:53 {\n    forward . /etc/resolv.conf\n}\nexample.test:53 {\n    errors\n    \
            forward . 10.96.1.7\n}\nsub.example.test:53 other.test:53 {\n    forward . 10.96.1.8:5353\n}\n";
        let snapshot = Snapshot::from_values([json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "data": {"Corefile": corefile}})]);
        for (name, expected) in [
            ("_acme-challenge.Example.test.", Some("10.96.1.7:53")),
            ("example.test", Some("10.96.1.7:53")),
            ("a.sub.example.test.", Some("10.96.1.8:5353")),
            ("other.test.", Some("10.96.1.8:5353")),
            ("notexample.test.", None),
            ("test.", None),
        ] {
            let found = forwarded_to(&snapshot, name).map(|socket| socket.to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn names_are_services_or_are_rewritten_to_them() {
        let corefile = ".:53 {\n    rewrite stop name exact shop.example.test web.apps.svc.cluster.local answer auto\n    rewrite name suffix .b.test .svc\n}\n";
        let snapshot = Snapshot::from_values([
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "coredns", "namespace": "kube-system"},
                "data": {"Corefile": corefile}}),
            json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "web", "namespace": "apps"},
                "spec": {"clusterIP": "10.96.1.7"}}),
        ]);
        let address = Ok("10.96.1.7".parse().expect("an address"));
        for name in ["shop.example.test", "web.apps.svc", "web.apps.svc.cluster.local", "web.apps"]
        {
            assert_eq!(resolve(&snapshot, name), address, "{name}");
        }
        for name in ["other.example.test", "web.b.test", "web", "web.other.svc"] {
            assert_eq!(resolve(&snapshot, name), Err(format!("lookup {name}: no such host")));
        }
    }

    #[test]
    fn only_names_below_a_namespace_are_services() {
        assert_eq!(service("pebble.acme.svc"), Some(("acme", "pebble")));
        assert_eq!(service("acme-v02.api.letsencrypt.org"), None);
    }
}
