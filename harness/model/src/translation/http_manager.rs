//! The HTTP connection manager's settings that decide what becomes of a request's fields
//! (cilium/cilium `operator/pkg/model/translation/envoy_http_connection_manager.go`).

use std::net::IpAddr;
use std::time::Duration;

use crate::Input;
use crate::facts::Behaviour;

/// How requests are treated before routing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpManager {
    /// Which address counts as the client's.
    pub client: ClientAddress,
    /// Proxies in front whose entries in X-Forwarded-For are trusted.
    pub trusted_hops: u32,
    /// Addresses whose requests count as internal; `None` leaves it to Envoy.
    pub internal: Option<Vec<AddressRange>>,
    /// How long nothing may happen on a request; `None` leaves it to Envoy (five minutes).
    pub idle_timeout: Option<Duration>,
}

/// Which address counts as the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAddress {
    /// The connection's; it is appended to X-Forwarded-For (`useRemoteAddress`).
    #[default]
    Connection,
    /// The one that X-Forwarded-For names; nothing is appended.
    ForwardedFor,
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    /// Its first address.
    pub prefix: IpAddr,
    /// How many bits count.
    pub length: u8,
}

impl AddressRange {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other, width) = match (self.prefix, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()), u128::from(other.to_bits()), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let ignored = width - u32::from(self.length).min(width);
        own.checked_shr(ignored).unwrap_or(0) == other.checked_shr(ignored).unwrap_or(0)
    }
}

/// The settings for a version and a configuration.
pub(crate) fn build(input: &Input<'_>) -> HttpManager {
    let config = input.config;
    let from_connection =
        config.use_remote_address || !input.holds(Behaviour::UseRemoteAddressSetting);
    HttpManager {
        client: if from_connection {
            ClientAddress::Connection
        } else {
            ClientAddress::ForwardedFor
        },
        trusted_hops: config.xff_num_trusted_hops,
        internal: input.holds(Behaviour::InternalAddresses).then(|| internal_ranges(input)),
        idle_timeout: input
            .holds(Behaviour::StreamIdleTimeout)
            .then(|| Duration::from_secs(u64::from(config.stream_idle_timeout_seconds))),
    }
}

/// Addresses that count as internal. That `::1` comes back with IPv6 on is inferred.
fn internal_ranges(input: &Input<'_>) -> Vec<AddressRange> {
    let range = |prefix: [u8; 4], length| AddressRange { prefix: prefix.into(), length };
    let mut ranges = vec![
        range([10, 0, 0, 0], 8),
        range([172, 16, 0, 0], 12),
        range([192, 168, 0, 0], 16),
        range([127, 0, 0, 1], 32),
    ];
    if input.config.ipv6 || input.holds(Behaviour::InternalLoopbackAlwaysBoth) {
        ranges.push(AddressRange { prefix: std::net::Ipv6Addr::LOCALHOST.into(), length: 128 });
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::AddressRange;

    #[test]
    fn a_range_holds_its_first_and_last_address_and_not_the_next() {
        let range = AddressRange { prefix: [172, 16, 0, 0].into(), length: 12 };
        for (address, inside) in [
            ([172, 16, 0, 0], true),
            ([172, 31, 255, 255], true),
            ([172, 32, 0, 0], false),
            ([172, 15, 255, 255], false),
        ] {
            assert_eq!(range.contains(address.into()), inside, "{address:?}");
        }
        assert!(!range.contains(std::net::Ipv6Addr::LOCALHOST.into()), "another family");
        let all = AddressRange { prefix: [0, 0, 0, 0].into(), length: 0 };
        assert!(all.contains([203, 0, 113, 9].into()), "no bit counts");
    }
}
