//! kubeadm's documents for the versions of Kubernetes, and for the addresses of nodes.

use super::{Case, PAIR};
use crate::plan::kubeadm::{DocumentError, Etcd, NodeAddresses};

fn addresses(v4: Option<&str>, v6: Option<&str>) -> NodeAddresses {
    NodeAddresses { v4: v4.map(str::to_owned), v6: v6.map(str::to_owned) }
}

/// The documents of the first node.
fn first(case: &Case, version: &str, addresses: &NodeAddresses) -> Result<String, DocumentError> {
    let plan = case.plan();
    let version = version.parse().expect("a version");
    Ok(plan.kubeadm_file(plan.first(), &version, addresses)?.content)
}

fn of_version(version: &str) -> String {
    let plan = Case::new("stand-in:latest", PAIR).plan();
    let addresses = addresses(Some("172.18.0.3"), None);
    let version = version.parse().expect("a version");
    let files: Vec<String> = plan
        .nodes
        .iter()
        .map(|node| {
            let file = plan.kubeadm_file(node, &version, &addresses);
            let file = file.unwrap_or_else(|error| panic!("{error}"));
            format!("# {} in {}\n{}", file.path, node.container.name, file.content)
        })
        .collect();
    files.join("\n")
}

#[test]
fn the_documents_of_every_version_are_as_reviewed() {
    insta::assert_snapshot!("kubernetes-1.23", of_version("v1.23.17"));
    insta::assert_snapshot!("kubernetes-1.30", of_version("v1.30.0"));
    insta::assert_snapshot!("kubernetes-1.31", of_version("v1.31.2"));
    insta::assert_snapshot!("kubernetes-1.35", of_version("v1.35.8"));
    insta::assert_snapshot!("kubernetes-1.36", of_version("v1.36.4"));
    insta::assert_snapshot!("kubernetes-1.37", of_version("v1.37.0"));
}

#[test]
fn a_version_that_is_too_old_is_refused() {
    let case = Case::new("stand-in:latest", "nodes: []");
    let error = first(&case, "v1.22.17", &addresses(Some("172.18.0.2"), None));
    let text = error.expect_err("too old").to_string();
    assert!(text.contains("node control-plane has Kubernetes v1.22.17"), "{text}");
    assert!(text.contains("1.23"), "{text}");
}

#[test]
fn a_node_without_an_address_of_the_family_is_told() {
    for (family, v4, v6, missing) in [
        ("ipv4", None, Some("fc00::2"), "IPv4"),
        ("ipv6", Some("172.18.0.2"), None, "IPv6"),
        ("dual", Some("172.18.0.2"), None, "IPv6"),
    ] {
        let case = Case::new("stand-in:latest", &format!("networking: {{ipFamily: {family}}}\n"));
        let error = first(&case, "v1.36.4", &addresses(v4, v6)).expect_err("an address is missing");
        assert!(error.to_string().contains(&format!("no {missing} address")), "{error}");
    }
}

#[test]
fn the_family_of_the_first_service_range_comes_first() {
    let both = addresses(Some("172.18.0.2"), Some("fc00::2"));
    for (ranges, order, advertised) in [
        ("10.96.0.0/16,fd00:10:96::/112", "172.18.0.2,fc00::2", "172.18.0.2"),
        ("fd00:10:96::/112,10.96.0.0/16", "fc00::2,172.18.0.2", "fc00::2"),
    ] {
        let networking = format!("networking: {{ipFamily: dual, serviceSubnet: '{ranges}'}}\n");
        let case = Case::new("stand-in:latest", &networking);
        let text = first(&case, "v1.35.0", &both).expect("documents");
        assert!(text.contains(&format!("node-ip: \"{order}\"")), "{text}");
        assert!(text.contains(&format!("advertiseAddress: \"{advertised}\"")), "{text}");
    }
}

#[test]
fn etcd_waits_for_the_disk_where_it_is_asked_to() {
    let mut case = Case::new("stand-in:latest", "nodes: []");
    let v4 = addresses(Some("172.18.0.2"), None);
    assert!(first(&case, "v1.36.4", &v4).expect("documents").contains("unsafe-no-fsync"));
    case.settings.etcd = Etcd::Durable;
    assert!(!first(&case, "v1.36.4", &v4).expect("documents").contains("etcd"));
}
