//! Blocks of addresses, as `172.18.0.0/16`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses whose host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    network: IpAddr,
    length: u8,
}

/// What is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no block of addresses such as 172.18.0.0/16")]
pub struct CidrError(String);

impl Cidr {
    /// The block of this length that holds the address; `None` when addresses are shorter.
    pub fn around(address: IpAddr, length: u8) -> Option<Self> {
        let width = width(address);
        let host_bits = u32::from(width.checked_sub(length)?);
        let cleared = number(address).checked_shr(host_bits).unwrap_or(0);
        let network = address_like(address, cleared.checked_shl(host_bits).unwrap_or(0));
        Some(Self { network, length })
    }

    /// Its first address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many leading bits its addresses share.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// How many bits its addresses do not share.
    pub fn host_bits(&self) -> u8 {
        width(self.network) - self.length
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4()
            && Self::around(address, self.length) == Some(*self)
    }

    /// Whether the two share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }

    /// The address this far after the first; `None` outside of the block.
    pub fn nth(&self, offset: u128) -> Option<IpAddr> {
        if offset.checked_shr(self.host_bits().into()).unwrap_or(0) > 0 {
            return None;
        }
        Some(address_like(self.network, number(self.network).checked_add(offset)?))
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// Reads a block; host bits that are set are cleared, as an engine does it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (address, length) = text.split_once('/')?;
            Self::around(address.parse().ok()?, length.parse().ok()?)
        };
        read().ok_or_else(|| CidrError(text.to_owned()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// A number as an address of the same family, which it fits.
fn address_like(family: IpAddr, number: u128) -> IpAddr {
    match family {
        IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Cidr;

    fn cidr(text: &str) -> Cidr {
        text.parse().expect(text)
    }

    #[test]
    fn host_bits_are_cleared_and_the_rest_reads_back() {
        for (text, read) in [
            ("172.18.0.0/16", "172.18.0.0/16"),
            ("172.18.5.7/16", "172.18.0.0/16"),
            ("10.0.0.9/32", "10.0.0.9/32"),
            ("1.2.3.4/0", "0.0.0.0/0"),
            ("fc00:f853:ccd:e793::1/64", "fc00:f853:ccd:e793::/64"),
            ("::1/0", "::/0"),
        ] {
            assert_eq!(cidr(text).to_string(), read);
        }
        for text in ["", "172.18.0.0", "172.18.0.0/33", "fc00::/129", "a/16", "172.18.0.0/-1"] {
            let error = text.parse::<Cidr>().expect_err(text);
            assert!(error.to_string().starts_with(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn containment_ends_at_the_last_address_and_keeps_families_apart() {
        let block = cidr("172.18.255.16/28");
        for (address, inside) in [
            ("172.18.255.15", false),
            ("172.18.255.16", true),
            ("172.18.255.31", true),
            ("172.18.255.32", false),
            ("::ac12:ff10", false),
        ] {
            assert_eq!(block.contains(address.parse().expect(address)), inside, "{address}");
        }
        assert!(block.overlaps(&cidr("172.18.0.0/16")));
        assert!(cidr("172.18.0.0/16").overlaps(&block));
        assert!(!block.overlaps(&cidr("172.18.255.32/28")));
    }

    #[test]
    fn addresses_are_counted_from_the_first_and_not_past_the_last() {
        let block = cidr("10.0.0.248/29");
        let address = |text: &str| text.parse::<IpAddr>().expect(text);
        assert_eq!(block.nth(0), Some(address("10.0.0.248")));
        assert_eq!(block.nth(7), Some(address("10.0.0.255")));
        assert_eq!(block.nth(8), None);
        assert_eq!(cidr("255.255.255.248/29").nth(8), None);
    }
}
