//! kind's own rules for cluster files that no schema can say.
//!
//! As kubernetes-sigs/kind v0.33.0 checks them (`pkg/internal/apis/config/validate.go`), plus one
//! of ours: Cilium needs a cluster without another network plug-in.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::file::{ClusterFile, IpFamilyFile, PortMappingFile, RoleFile};
use crate::source::problem::Problem;
use crate::source::tree::Place;

/// Checks a cluster file.
pub(super) fn check(file: &ClusterFile, place: Place<'_>, problems: &mut Vec<Problem>) {
    check_name(place, problems);
    check_roles(file, place, problems);
    check_port_mappings(file, place, problems);
    let networking = place.get("networking");
    let family = file.networking.ip_family;
    for (key, subnet) in [
        ("podSubnet", &file.networking.pod_subnet),
        ("serviceSubnet", &file.networking.service_subnet),
    ] {
        if let Some(subnet) = subnet {
            check_subnet(subnet, family, networking.get(key), problems);
        }
    }
    if let Some(address) = &file.networking.api_server_address {
        check_address(address, networking.get("apiServerAddress"), problems);
    }
    if !file.networking.disable_default_cni {
        problems.push(
            Problem::at(&networking, "kind's own network plug-in is not switched off")
                .expected("`networking: {disableDefaultCNI: true}`")
                .note("Cilium cannot be the second plug-in of a cluster"),
        );
    }
}

fn check_name(place: Place<'_>, problems: &mut Vec<Problem>) {
    let at = place.get("name");
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    if let Some(name) = at.as_text()
        && (name.is_empty() || !name.chars().all(fine))
    {
        problems.push(
            Problem::at(&at, "kind refuses this name")
                .found(format!("`{name}`"))
                .expected("small letters, digits, `.` and `-`"),
        );
    }
}

fn check_roles(file: &ClusterFile, place: Place<'_>, problems: &mut Vec<Problem>) {
    let has = file.nodes.iter().any(|node| node.role == RoleFile::ControlPlane);
    if !file.nodes.is_empty() && !has {
        problems.push(
            Problem::at(&place.key("nodes"), "no node runs the control plane")
                .expected("at least one node with `role: control-plane`"),
        );
    }
}

fn check_port_mappings(file: &ClusterFile, place: Place<'_>, problems: &mut Vec<Problem>) {
    let mut taken = BTreeSet::new();
    for (index, node) in file.nodes.iter().enumerate() {
        let mappings = place.get("nodes").item(index).get("extraPortMappings");
        for (index, mapping) in node.extra_port_mappings.iter().enumerate() {
            let at = mappings.item(index);
            if let Some(address) = &mapping.listen_address {
                check_address(address, at.get("listenAddress"), problems);
            }
            if mapping.host_port > 0 && !taken.insert(host_side(mapping, file)) {
                problems.push(
                    Problem::at(
                        &at.get("hostPort"),
                        format!("port {} of the host is there twice", mapping.host_port),
                    )
                    .note("a port of the host can lead to one node only"),
                );
            }
        }
    }
}

fn host_side(
    mapping: &PortMappingFile,
    file: &ClusterFile,
) -> (String, i32, super::file::ProtocolFile) {
    let any = if file.networking.ip_family == IpFamilyFile::Ipv6 { "::" } else { "0.0.0.0" };
    let address = mapping.listen_address.clone().unwrap_or_else(|| any.to_owned());
    (address, mapping.host_port, mapping.protocol)
}

fn check_address(address: &str, at: Place<'_>, problems: &mut Vec<Problem>) {
    if address.parse::<IpAddr>().is_err() {
        problems.push(
            Problem::at(&at, "this is no IP address")
                .found(format!("`{address}`"))
                .expected("an address such as `127.0.0.1`"),
        );
    }
}

fn check_subnet(subnet: &str, family: IpFamilyFile, at: Place<'_>, problems: &mut Vec<Problem>) {
    let ranges: Option<Vec<IpAddr>> = subnet.split(',').map(network).collect();
    let fits = ranges.as_deref().is_some_and(|ranges| match family {
        IpFamilyFile::Ipv4 => matches!(ranges, [one] if one.is_ipv4()),
        IpFamilyFile::Ipv6 => matches!(ranges, [one] if one.is_ipv6()),
        IpFamilyFile::Dual => matches!(ranges, [one, two] if one.is_ipv4() != two.is_ipv4()),
    });
    if !fits {
        let expected = match family {
            IpFamilyFile::Ipv4 => "one IPv4 range such as `10.244.0.0/16`",
            IpFamilyFile::Ipv6 => "one IPv6 range such as `fd00:10:244::/56`",
            IpFamilyFile::Dual => {
                "one range of each family, such as `10.244.0.0/16,fd00:10:244::/56`"
            }
        };
        problems.push(
            Problem::at(&at, "these address ranges do not fit the IP family")
                .found(format!("`{subnet}`"))
                .expected(expected),
        );
    }
}

fn network(text: &str) -> Option<IpAddr> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u8 = length.parse().ok()?;
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some(address)
}
