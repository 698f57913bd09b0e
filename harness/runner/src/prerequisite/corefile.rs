//! Names and zones of a trial in the configuration of the cluster's DNS: a pure edit of a Corefile.
//!
//! A name is rewritten to a Service, so that whoever asks inside the cluster comes to it
//! (coredns/coredns `plugin/rewrite`; `answer auto` gives the answer the name that was asked for).
//! A zone gets a server block that forwards to its name server (`plugin/forward`), without a cache:
//! what was not there a moment ago is asked for again. What was added stands between two comments, by which it is found and taken away again.

use std::net::IpAddr;

use gateproof_core::name::NamespacedName;

const BEGIN: &str = "# gateproof: names of a trial, taken away after it";
const END: &str = "# gateproof: end";

/// The Corefile cannot take names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Corefile has no server block for the zone `.`, such as `.:53 {{`")]
pub(crate) struct NoServerBlock;

/// The Corefile with these names and no others of ours.
pub(crate) fn with_names(
    corefile: &str,
    names: &[String],
    service: &NamespacedName,
) -> Result<String, NoServerBlock> {
    let corefile = without_names(corefile);
    let domain = cluster_domain(&corefile);
    let target = format!("{}.{}.svc.{domain}", service.name, service.namespace);
    let mut lines: Vec<String> = corefile.lines().map(str::to_owned).collect();
    let block = lines.iter().position(|line| serves_everything(line)).ok_or(NoServerBlock)?;
    let mut added = vec![format!("    {BEGIN}")];
    added.extend(
        names.iter().map(|name| format!("    rewrite stop name exact {name} {target} answer auto")),
    );
    added.push(format!("    {END}"));
    lines.splice(block + 1..=block, added);
    Ok(lines.join("\n") + "\n")
}

/// The Corefile with these zones and nothing else of ours: they are asked for at this address.
pub(crate) fn with_zones(
    corefile: &str,
    zones: &[String],
    address: IpAddr,
) -> Result<String, NoServerBlock> {
    let corefile = without_names(corefile);
    let port = corefile.lines().find_map(port_of_everything).ok_or(NoServerBlock)?;
    let mut lines: Vec<String> = corefile.lines().map(str::to_owned).collect();
    lines.push(BEGIN.to_owned());
    for zone in zones {
        lines.push(format!("{zone}:{port} {{"));
        lines.push("    errors".to_owned());
        lines.push(format!("    forward . {address}"));
        lines.push("}".to_owned());
    }
    lines.push(END.to_owned());
    Ok(lines.join("\n") + "\n")
}

/// The Corefile without what was added.
pub(crate) fn without_names(corefile: &str) -> String {
    let mut kept = String::new();
    let mut ours = false;
    for line in corefile.lines() {
        ours |= line.trim() == BEGIN;
        if !ours {
            kept.push_str(line);
            kept.push('\n');
        }
        ours &= line.trim() != END;
    }
    kept
}

/// Whether a line opens the server block for all zones.
fn serves_everything(line: &str) -> bool {
    port_of_everything(line).is_some()
}

/// The port of the server block for all zones that a line opens.
fn port_of_everything(line: &str) -> Option<u16> {
    let zones = line.trim().strip_suffix('{')?;
    zones.split([' ', ',', '\t']).find_map(|zone| {
        let zone = zone.strip_prefix("dns://").unwrap_or(zone);
        if zone == "." { Some(53) } else { zone.strip_prefix(".:")?.parse().ok() }
    })
}

/// The domain of Services: the first zone of the plugin `kubernetes`.
fn cluster_domain(corefile: &str) -> &str {
    let zone = corefile.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("kubernetes")).then(|| words.next())?
    });
    zone.filter(|zone| *zone != "{").unwrap_or("cluster.local").trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use gateproof_core::name::NamespacedName;

    use super::{NoServerBlock, with_names, with_zones, without_names};

    const COREFILE: &str = "\
.:53 {
    errors
    kubernetes cluster.example in-addr.arpa ip6.arpa {
        pods insecure
    }
    forward . /etc/resolv.conf
    reload
}
other.test:53 {
    forward . 192.0.2.1
}
";

    fn with(corefile: &str, names: &[&str]) -> Result<String, NoServerBlock> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        with_names(corefile, &names, &NamespacedName::new("web", "cilium-gateway-public"))
    }

    #[test]
    fn names_are_rewritten_to_the_service_in_the_clusters_domain() {
        let edited = with(COREFILE, &["a.example.test", "b.example.test"]).expect("edited");
        let expected = COREFILE.replacen(
            ".:53 {\n",
            "\
.:53 {
    # gateproof: names of a trial, taken away after it
    rewrite stop name exact a.example.test cilium-gateway-public.web.svc.cluster.example answer auto
    rewrite stop name exact b.example.test cilium-gateway-public.web.svc.cluster.example answer auto
    # gateproof: end
",
            1,
        );
        assert_eq!(edited, expected);
        assert_eq!(without_names(&edited), COREFILE, "as it was before");
    }

    #[test]
    fn zones_are_forwarded_from_server_blocks_of_their_own() {
        let zones = |corefile: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            with_zones(corefile, &names, [10, 96, 0, 7].into())
        };
        let edited = zones(COREFILE, &["a.test", "b.test"]).expect("edited");
        let expected = format!(
            "{COREFILE}\
# gateproof: names of a trial, taken away after it
a.test:53 {{
    errors
    forward . 10.96.0.7
}}
b.test:53 {{
    errors
    forward . 10.96.0.7
}}
# gateproof: end
"
        );
        assert_eq!(edited, expected);
        assert_eq!(without_names(&edited), COREFILE, "as it was before");
        assert_eq!(zones(&edited, &["a.test", "b.test"]), Ok(expected));
        assert_eq!(with(&edited, &["c.test"]), with(COREFILE, &["c.test"]), "of an earlier trial");
        let other = zones(".:1053 {\n}", &["a.test"]).expect("edited");
        assert!(
            other.contains("}\n# gateproof: names") && other.contains("a.test:1053 {"),
            "{other}"
        );
        assert_eq!(zones("a.test:53 {\n}\n", &["b.test"]), Err(NoServerBlock));
    }

    #[test]
    fn names_of_an_earlier_trial_are_replaced() {
        let first = with(COREFILE, &["a.example.test"]).expect("edited");
        let second = with(&first, &["b.example.test"]).expect("edited");
        assert_eq!(Ok(second), with(COREFILE, &["b.example.test"]));
    }

    #[test]
    fn the_server_block_for_everything_is_found_or_missed() {
        for block in ["dns://.:53 {", ".:1053 {", ". {", "cluster.local:53 .:53 {"] {
            assert!(with(&format!("{block}\n}}\n"), &["a.test"]).is_ok(), "{block}");
        }
        for block in ["example.test:53 {", ".example {", "# .:53"] {
            assert_eq!(with(&format!("{block}\n}}\n"), &["a.test"]), Err(NoServerBlock), "{block}");
        }
    }
}
