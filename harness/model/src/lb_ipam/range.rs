//! Ranges of addresses, as a pool's blocks give them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::resources::pool::{Block, Pool};

/// An inclusive range of addresses of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    V4(u32, u32),
    V6(u128, u128),
}

/// The ranges of a pool. Network and broadcast address are left out of CIDRs where the pool says
/// so.
pub(super) fn ranges(pool: &Pool) -> Vec<Range> {
    let without_ends = pool.spec.allow_first_last_ips.as_deref() == Some("No");
    let range = |block: &Block| match (&block.cidr, &block.start) {
        (Some(cidr), _) => {
            let range = Range::of_cidr(cidr)?;
            Some(if without_ends { range.without_ends() } else { range })
        }
        (None, Some(start)) => Range::between(start, block.stop.as_deref().unwrap_or(start)),
        (None, None) => None,
    };
    pool.spec.blocks.iter().filter_map(range).collect()
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::V4(first, last) => {
                write!(f, "{} - {}", Ipv4Addr::from(first), Ipv4Addr::from(last))
            }
            Self::V6(first, last) => {
                write!(f, "{} - {}", Ipv6Addr::from(first), Ipv6Addr::from(last))
            }
        }
    }
}

impl Range {
    pub(super) fn of_cidr(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let length: u32 = length.parse().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(address) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                let first = u32::from(address) & mask;
                Some(Self::V4(first, first | !mask))
            }
            IpAddr::V6(address) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
                let first = u128::from(address) & mask;
                Some(Self::V6(first, first | !mask))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }

    /// How many addresses it holds.
    pub(super) fn size(self) -> u128 {
        match self {
            Self::V4(first, last) => u128::from(last.saturating_sub(first)) + 1,
            Self::V6(first, last) => last.saturating_sub(first).saturating_add(1),
        }
    }

    fn between(start: &str, stop: &str) -> Option<Self> {
        match (start.parse().ok()?, stop.parse().ok()?) {
            (IpAddr::V4(start), IpAddr::V4(stop)) => Some(Self::V4(start.into(), stop.into())),
            (IpAddr::V6(start), IpAddr::V6(stop)) => Some(Self::V6(start.into(), stop.into())),
            _ => None,
        }
    }

    /// Whether two ranges have an address in common.
    pub(super) fn intersects(self, other: Self) -> bool {
        match (self, other) {
            (Self::V4(first, last), Self::V4(other_first, other_last)) => {
                first <= other_last && other_first <= last
            }
            (Self::V6(first, last), Self::V6(other_first, other_last)) => {
                first <= other_last && other_first <= last
            }
            _ => false,
        }
    }

    /// Without network and broadcast address; ranges of one or two addresses stay whole.
    fn without_ends(self) -> Self {
        match self {
            Self::V4(first, last) if last - first > 1 => Self::V4(first + 1, last - 1),
            Self::V6(first, last) if last - first > 1 => Self::V6(first + 1, last - 1),
            small => small,
        }
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4(first, last), IpAddr::V4(address)) => {
                (first..=last).contains(&address.into())
            }
            (Self::V6(first, last), IpAddr::V6(address)) => {
                (first..=last).contains(&address.into())
            }
            _ => false,
        }
    }

    pub(super) fn family_address(self) -> IpAddr {
        match self {
            Self::V4(first, _) => IpAddr::V4(first.into()),
            Self::V6(first, _) => IpAddr::V6(first.into()),
        }
    }

    pub(super) fn addresses(self) -> Box<dyn Iterator<Item = IpAddr>> {
        match self {
            Self::V4(first, last) => {
                Box::new((first..=last).map(|address| IpAddr::V4(address.into())))
            }
            Self::V6(first, last) => {
                Box::new((first..=last).map(|address| IpAddr::V6(address.into())))
            }
        }
    }
}
