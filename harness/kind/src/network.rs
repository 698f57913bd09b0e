//! The Docker network that clusters share, as a value.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use ring::digest;

/// A bridge network to be there before containers are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name; kind's is `kind`, or `KIND_EXPERIMENTAL_DOCKER_NETWORK`.
    pub name: String,
    /// Its MTU; `None` for that of the default bridge, when that one sets any.
    pub mtu: Option<u32>,
    /// Labels, for a network that only we use; kind's shared one has none.
    pub labels: BTreeMap<String, String>,
}

/// A network as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkState {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its subnets (CIDR), IPv4 first.
    pub subnets: Vec<String>,
    /// Its gateways, in the order of the subnets; an engine names none for some.
    pub gateways: Vec<IpAddr>,
    /// Addresses that containers hold, by container name.
    pub taken: BTreeMap<String, Vec<IpAddr>>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// How many IPv6 subnets are tried for a name before giving up.
pub const SUBNET_ATTEMPTS: u32 = 5;

/// The IPv6 subnet of a network, made of its name, so that engines without a pool of IPv6
/// addresses need none (kubernetes-sigs/kind v0.33.0:
/// `pkg/cluster/internal/providers/docker/network.go`, `generateULASubnetFromName`): `fc00::/8`
/// followed by bytes of the SHA-1 of the name and the attempt.
pub fn ipv6_subnet(name: &str, attempt: u32) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(name.as_bytes());
    hash.update(&attempt.to_le_bytes());
    let hash = hash.finish();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&hash.as_ref()[..8]);
    bytes[..2].copy_from_slice(&[0xfc, 0x00]);
    format!("{}/64", Ipv6Addr::from(bytes))
}

/// Sorts networks of one name so that the one to keep comes first: the one with most containers,
/// then the lowest id. Everybody who creates sorts alike, kind included, so that all keep the same
/// one (the same file, `sortNetworkInspectEntries`).
pub fn survivor_first(networks: &mut [NetworkState]) {
    networks.sort_by(|one, other| {
        other.taken.len().cmp(&one.taken.len()).then_with(|| one.id.cmp(&other.id))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ipv6_subnet_is_the_one_kind_computes() {
        for (name, attempt, subnet) in [
            ("kind", 0, "fc00:f853:ccd:e793::/64"),
            ("kind", 1, "fc00:8866:27d0:bd7e::/64"),
            ("kind-cilium", 0, "fc00:acd3:cd8b:46f6::/64"),
            ("foo", 0, "fc00:75c:d427:bc90::/64"),
        ] {
            assert_eq!(ipv6_subnet(name, attempt), subnet, "{name}, attempt {attempt}");
        }
    }

    #[test]
    fn of_several_networks_the_used_one_is_kept_and_then_the_lowest_id() {
        let network = |id: &str, containers: usize| NetworkState {
            id: id.to_owned(),
            name: "kind".to_owned(),
            subnets: Vec::new(),
            gateways: Vec::new(),
            taken: (0..containers).map(|number| (number.to_string(), Vec::new())).collect(),
            labels: BTreeMap::new(),
        };
        for (given, kept) in [
            (vec![network("b", 0), network("a", 0)], "a"),
            (vec![network("a", 0), network("b", 1)], "b"),
            (vec![network("c", 2), network("a", 1), network("b", 2)], "b"),
        ] {
            let mut sorted = given.clone();
            survivor_first(&mut sorted);
            assert_eq!(sorted[0].id, kept, "{given:?}");
        }
    }
}
