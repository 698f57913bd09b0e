//! Addresses for load balancers: a block of the Docker network that belongs to one cluster.
//!
//! Docker gives low addresses to containers first, so a block near the top of the network's real
//! subnet is free, whatever the size of the network (that Docker does so is inferred from its
//! habits; what is taken is therefore checked as well). Several clusters share the network: each
//! begins to look at a place that follows from its name, and passes over the blocks that others
//! hold. The top of a large network is left alone, because recipes for MetalLB and Cilium put
//! pools of fixed addresses there.

use std::net::IpAddr;

use gateproof_core::topology::IpFamily;
use ring::digest::{SHA256, digest};

use crate::cidr::{Cidr, CidrError};
use crate::network::NetworkState;

/// How many blocks are looked at, at most.
const LOOKED_AT: u128 = 4096;

/// From this many host bits on a network is large enough to leave its top alone.
const LARGE: u8 = 12;

/// How many addresses at the top of a large network are left alone: a /24.
const LEFT_ALONE: u128 = 256;

/// A cluster gets no addresses for load balancers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The network has no subnet of a family that the cluster has.
    #[error(
        "Docker network {network} has no {family} subnet (it has {}); \
         remove it when nothing uses it, and it is made anew",
        list(subnets)
    )]
    NoSubnet {
        /// The network.
        network: String,
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The subnets it has.
        subnets: Vec<String>,
    },
    /// A subnet cannot be read.
    #[error("Docker network {network} has a subnet that cannot be read: {problem}")]
    Unreadable {
        /// The network.
        network: String,
        /// What is wrong.
        problem: CidrError,
    },
    /// The subnet is too small for nodes and load balancers.
    #[error(
        "subnet {subnet} of Docker network {network} is too small for load balancer addresses; \
         at least a /27 is needed"
    )]
    TooSmall {
        /// The network.
        network: String,
        /// The subnet.
        subnet: Cidr,
    },
    /// Every block is taken.
    #[error(
        "no block of {} addresses is free in the upper quarter of {subnet} (Docker network \
         {network}): {} addresses and {held} blocks are taken; remove clusters that are no \
         longer used",
        1_u32 << block_bits,
        taken
    )]
    Full {
        /// The network.
        network: String,
        /// The subnet.
        subnet: Cidr,
        /// The size of a block, in bits.
        block_bits: u8,
        /// How many addresses are taken.
        taken: usize,
        /// How many blocks other clusters hold.
        held: usize,
    },
}

fn list(subnets: &[String]) -> String {
    if subnets.is_empty() { "none at all".to_owned() } else { subnets.join(", ") }
}

/// The blocks of one cluster: one of each of its families, IPv4 first. `held` are the blocks of
/// other clusters.
///
/// # Errors
///
/// When the network has no room for one.
pub fn blocks(
    network: &NetworkState,
    family: IpFamily,
    cluster: &str,
    held: &[Cidr],
) -> Result<Vec<Cidr>, PoolError> {
    let wanted: &[&'static str] = match family {
        IpFamily::V4 => &["IPv4"],
        IpFamily::V6 => &["IPv6"],
        IpFamily::Dual => &["IPv4", "IPv6"],
    };
    let subnets: Vec<Cidr> = network
        .subnets
        .iter()
        .map(|subnet| subnet.parse())
        .collect::<Result<_, _>>()
        .map_err(|problem| PoolError::Unreadable { network: network.name.clone(), problem })?;
    let taken: Vec<IpAddr> =
        network.gateways.iter().chain(network.taken.values().flatten()).copied().collect();
    wanted
        .iter()
        .map(|family| {
            let subnet = subnets
                .iter()
                .find(|subnet| subnet.network().is_ipv4() == (*family == "IPv4"))
                .ok_or_else(|| PoolError::NoSubnet {
                    network: network.name.clone(),
                    family,
                    subnets: network.subnets.clone(),
                })?;
            block(&network.name, *subnet, cluster, &taken, held)
        })
        .collect()
}

/// Blocks as a label's value.
pub fn to_label(blocks: &[Cidr]) -> String {
    blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Blocks from a label's value; what cannot be read is nobody's block.
pub fn from_label(text: &str) -> Vec<Cidr> {
    text.split(',').filter_map(|block| block.parse().ok()).collect()
}

/// Whether a cluster has lost its blocks to another one that chose them at the same time: of two,
/// the one whose name sorts later. `held` are clusters with the labels of their blocks.
pub fn is_lost<'a>(
    cluster: &str,
    mine: &[Cidr],
    mut held: impl Iterator<Item = (&'a str, &'a str)>,
) -> bool {
    let overlap = |other: &Cidr| mine.iter().any(|block| block.overlaps(other));
    held.any(|(other, label)| other < cluster && from_label(label).iter().any(overlap))
}

/// The block of one cluster in one subnet.
fn block(
    network: &str,
    subnet: Cidr,
    cluster: &str,
    taken: &[IpAddr],
    held: &[Cidr],
) -> Result<Cidr, PoolError> {
    let too_small = || PoolError::TooSmall { network: network.to_owned(), subnet };
    let bits = block_bits(subnet.host_bits()).ok_or_else(too_small)?;
    let size = 1_u128 << bits;
    let all = 1_u128 << subnet.host_bits().min(127);
    // The last block has the broadcast address.
    let left_alone = if subnet.host_bits() >= LARGE { LEFT_ALONE } else { size };
    let candidates = ((all / 4 - left_alone) / size).min(LOOKED_AT);
    let start = place(cluster) % candidates;
    (0..candidates)
        .map(|step| (start + step) % candidates)
        .filter_map(|index| subnet.nth(all - left_alone - (index + 1) * size))
        .filter_map(|first| Cidr::around(first, subnet.length() + subnet.host_bits() - bits))
        .find(|block| {
            !taken.iter().any(|address| block.contains(*address))
                && !held.iter().any(|other| block.overlaps(other))
        })
        .ok_or_else(|| PoolError::Full {
            network: network.to_owned(),
            subnet,
            block_bits: bits,
            taken: taken.iter().filter(|address| subnet.contains(**address)).count(),
            held: held.iter().filter(|other| subnet.overlaps(other)).count(),
        })
}

/// How large a block is, in bits, by the size of its network; `None` when there is no room.
fn block_bits(host_bits: u8) -> Option<u8> {
    match host_bits {
        0..5 => None,
        5..8 => Some(2),
        8..10 => Some(3),
        _ => Some(4),
    }
}

/// Where a cluster begins to look.
fn place(cluster: &str) -> u128 {
    let digest = digest(&SHA256, cluster.as_bytes());
    digest.as_ref().iter().take(8).fold(0, |number, octet| (number << 8) | u128::from(*octet))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateproof_core::topology::IpFamily;

    use super::{PoolError, blocks, from_label, to_label};
    use crate::cidr::Cidr;
    use crate::network::NetworkState;

    fn network(subnets: &[&str]) -> NetworkState {
        NetworkState {
            id: "1".to_owned(),
            name: "kind".to_owned(),
            subnets: subnets.iter().map(|subnet| (*subnet).to_owned()).collect(),
            gateways: Vec::new(),
            taken: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    fn cidr(text: &str) -> Cidr {
        text.parse().expect(text)
    }

    #[test]
    fn of_two_clusters_with_one_block_the_later_name_loses_it() {
        let mine = [cidr("172.18.240.16/28")];
        for (cluster, other, label, lost) in [
            ("b", "a", "172.18.240.16/28", true),
            ("a", "b", "172.18.240.16/28", false),
            ("b", "a", "172.18.240.32/28", false),
            ("b", "a", "fd00::/120,172.18.240.0/24", true),
            ("b", "b", "172.18.240.16/28", false),
        ] {
            let held = [(other, label)].into_iter();
            assert_eq!(super::is_lost(cluster, &mine, held), lost, "{cluster}, {other}: {label}");
        }
    }

    #[test]
    fn a_block_lies_near_the_top_of_the_real_subnet() {
        for (subnet, within, length) in [
            ("172.18.0.0/16", "172.18.192.0/18", 28),
            ("172.18.32.0/20", "172.18.44.0/22", 28),
            ("192.168.7.0/24", "192.168.7.192/26", 29),
            ("10.1.2.32/27", "10.1.2.56/29", 30),
            ("fc00:f853:ccd:e793::/64", "fc00:f853:ccd:e793:ffff:ffff:ffff:0/112", 124),
        ] {
            let family = if subnet.contains(':') { IpFamily::V6 } else { IpFamily::V4 };
            for cluster in ["a", "b", "gp-shared-gateway"] {
                let found = blocks(&network(&[subnet]), family, cluster, &[]).expect(subnet);
                assert_eq!(found.len(), 1);
                assert!(cidr(within).contains(found[0].network()), "{subnet}: {found:?}");
                assert_eq!(found[0].length(), length, "{subnet}");
            }
        }
    }

    #[test]
    fn the_broadcast_address_and_the_top_that_recipes_use_stay_free() {
        for (subnet, free) in [
            ("172.18.32.0/20", "172.18.47.0/24"),
            ("192.168.7.0/24", "192.168.7.248/29"),
            ("10.1.2.32/27", "10.1.2.60/30"),
        ] {
            let mut held = Vec::new();
            while let Ok(found) = blocks(&network(&[subnet]), IpFamily::V4, "a", &held) {
                assert!(!found[0].overlaps(&cidr(free)), "{found:?}");
                held.extend(found);
            }
            assert!(!held.is_empty(), "{subnet}");
        }
    }

    #[test]
    fn clusters_side_by_side_get_blocks_of_their_own() {
        let network = network(&["172.18.0.0/16"]);
        let mut held: Vec<Cidr> = Vec::new();
        for index in 0..200 {
            let found =
                blocks(&network, IpFamily::V4, &format!("gp-{index}"), &held).expect("room");
            assert!(!held.iter().any(|other| other.overlaps(&found[0])), "{found:?} {held:?}");
            held.extend(found);
        }
    }

    #[test]
    fn a_label_holds_blocks_and_a_strangers_value_holds_none() {
        let blocks = vec![cidr("172.18.200.16/28"), cidr("fc00::10/124")];
        assert_eq!(from_label(&to_label(&blocks)), blocks);
        assert_eq!(from_label(""), []);
        assert_eq!(from_label("x,172.18.200.16/28"), blocks[..1]);
    }

    #[test]
    fn a_cluster_finds_its_block_again() {
        let network = network(&["172.18.0.0/16"]);
        let found = |name| blocks(&network, IpFamily::V4, name, &[]).expect("room");
        assert_eq!(found("a"), found("a"));
        assert_ne!(found("a"), found("b"));
    }

    #[test]
    fn addresses_that_somebody_has_are_passed_over() {
        let free = network(&["172.18.0.0/16"]);
        let first = blocks(&free, IpFamily::V4, "a", &[]).expect("room");
        let inside = first[0].nth(7).expect("in the block");
        let mut gateway = free.clone();
        gateway.gateways.push(inside);
        let mut container = free.clone();
        container.taken.insert("somebody".to_owned(), vec![inside]);
        for network in [gateway, container] {
            let next = blocks(&network, IpFamily::V4, "a", &[]).expect("room");
            assert!(!next[0].contains(inside), "{next:?}");
        }
    }

    #[test]
    fn dual_stack_gets_a_block_of_each_family() {
        let both = network(&["172.18.0.0/16", "fc00:f853:ccd:e793::/64"]);
        let found = blocks(&both, IpFamily::Dual, "a", &[]).expect("room");
        assert_eq!(
            found.iter().map(|block| block.network().is_ipv4()).collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn a_network_without_room_is_an_error_that_says_what_to_do() {
        let full: Vec<Cidr> = vec![cidr("172.18.0.0/16")];
        for (network, held, told) in [
            (network(&["172.18.0.0/16"]), full, "remove clusters that are no longer used"),
            (network(&["10.0.0.0/28"]), Vec::new(), "at least a /27 is needed"),
            (network(&["fc00::/64"]), Vec::new(), "has no IPv4 subnet (it has fc00::/64)"),
            (network(&[]), Vec::new(), "none at all"),
            (network(&["here"]), Vec::new(), "`here` is no block of addresses"),
        ] {
            let error = blocks(&network, IpFamily::V4, "a", &held).expect_err(told);
            assert!(error.to_string().contains(told), "{error}");
            assert!(error.to_string().contains("kind"), "{error}");
            assert!(!matches!(error, PoolError::Full { held: 0, .. }));
        }
    }
}
