//! `networking`: kind's rules and kind's defaults.
//!
//! Defaults as in kubernetes-sigs/kind v0.33.0 (`pkg/apis/config/v1alpha4/default.go`), rules as in
//! `pkg/internal/apis/config/validate.go`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::file::{IpFamilyFile, KubeProxyModeFile, NetworkingFile};
use super::{
    AddressFamily, DefaultCni, HostPort, IpFamily, KubeProxyMode, Networking, Subnet, ports,
};
use crate::source::problem::Problem;
use crate::source::tree::Place;

const POD_SUBNETS: [(&str, AddressFamily); 2] =
    [("10.244.0.0/16", AddressFamily::V4), ("fd00:10:244::/56", AddressFamily::V6)];
const SERVICE_SUBNETS: [(&str, AddressFamily); 2] =
    [("10.96.0.0/16", AddressFamily::V4), ("fd00:10:96::/112", AddressFamily::V6)];

impl Networking {
    /// kind's defaults for an IP family.
    pub fn defaults(ip_family: IpFamily) -> Self {
        Self {
            ip_family,
            api_server_address: match ip_family {
                IpFamily::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
                IpFamily::V4 | IpFamily::Dual => IpAddr::V4(Ipv4Addr::LOCALHOST),
            },
            api_server_port: HostPort::Any,
            pod_subnets: default_subnets(POD_SUBNETS, ip_family),
            service_subnets: default_subnets(SERVICE_SUBNETS, ip_family),
            default_cni: DefaultCni::Unsaid,
            kube_proxy_mode: None,
            dns_search: None,
        }
    }
}

fn default_subnets(all: [(&str, AddressFamily); 2], ip_family: IpFamily) -> Vec<Subnet> {
    all.into_iter()
        .filter(|(_, family)| match ip_family {
            IpFamily::V4 => *family == AddressFamily::V4,
            IpFamily::V6 => *family == AddressFamily::V6,
            IpFamily::Dual => true,
        })
        .map(|(text, family)| Subnet { text: text.to_owned(), family })
        .collect()
}

/// Checks and resolves `networking`.
pub(super) fn read(
    file: &NetworkingFile,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Networking {
    let ip_family = match file.ip_family {
        IpFamilyFile::Ipv4 => IpFamily::V4,
        IpFamilyFile::Ipv6 => IpFamily::V6,
        IpFamilyFile::Dual => IpFamily::Dual,
    };
    let mut networking = Networking::defaults(ip_family);
    if let Some(text) = written(file.api_server_address.as_deref())
        && let Some(address) = ports::address(text, place.get("apiServerAddress"), problems)
    {
        networking.api_server_address = address;
    }
    networking.api_server_port = ports::host_port(file.api_server_port);
    if let Some(text) = written(file.pod_subnet.as_deref()) {
        networking.pod_subnets = subnets(text, ip_family, place.get("podSubnet"), problems);
    }
    if let Some(text) = written(file.service_subnet.as_deref()) {
        networking.service_subnets = subnets(text, ip_family, place.get("serviceSubnet"), problems);
    }
    networking.default_cni = match file.disable_default_cni {
        Some(true) => DefaultCni::Off,
        None => DefaultCni::Unsaid,
        Some(false) => {
            problems.push(
                Problem::at(
                    &place.get("disableDefaultCNI"),
                    "kind's own network plug-in is asked for",
                )
                .found("`disableDefaultCNI: false`")
                .expected("`disableDefaultCNI: true`, or nothing, which is the same here")
                .note("Cilium cannot be the second network plug-in of a cluster"),
            );
            DefaultCni::Unsaid
        }
    };
    networking.kube_proxy_mode = file.kube_proxy_mode.as_ref().map(|mode| match mode {
        KubeProxyModeFile::Iptables => KubeProxyMode::Iptables,
        KubeProxyModeFile::Ipvs => KubeProxyMode::Ipvs,
        KubeProxyModeFile::Nftables => KubeProxyMode::Nftables,
        KubeProxyModeFile::None => KubeProxyMode::None,
    });
    networking.dns_search.clone_from(&file.dns_search);
    networking
}

/// An empty text is the same as none, as Go decodes it.
fn written(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn subnets(
    text: &str,
    ip_family: IpFamily,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Subnet> {
    let ranges: Option<Vec<Subnet>> = text.split(',').map(subnet).collect();
    let families = |ranges: &[Subnet]| ranges.iter().map(|one| one.family).collect::<Vec<_>>();
    let fits = ranges.as_deref().map(families).is_some_and(|families| match ip_family {
        IpFamily::V4 => matches!(families[..], [AddressFamily::V4]),
        IpFamily::V6 => matches!(families[..], [AddressFamily::V6]),
        // kind accepts a single range of either family.
        IpFamily::Dual => match families[..] {
            [_] => true,
            [one, two] => one != two,
            _ => false,
        },
    });
    if !fits {
        let expected = match ip_family {
            IpFamily::V4 => "one IPv4 range such as `10.244.0.0/16`",
            IpFamily::V6 => "one IPv6 range such as `fd00:10:244::/56`",
            IpFamily::Dual => "one range of each family, such as `10.244.0.0/16,fd00:10:244::/56`",
        };
        problems.push(
            Problem::at(&place, "these address ranges do not fit the IP family")
                .found(format!("`{text}`"))
                .expected(expected),
        );
    }
    ranges.unwrap_or_default()
}

fn subnet(text: &str) -> Option<Subnet> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u8 = length.parse().ok()?;
    let (most, family) =
        if address.is_ipv4() { (32, AddressFamily::V4) } else { (128, AddressFamily::V6) };
    (length <= most).then(|| Subnet { text: text.to_owned(), family })
}
