//! Who gives addresses to Services of type LoadBalancer, and the addresses of somebody else's load
//! balancer as a user writes them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use gateproof_core::name::NamespacedName;

use crate::translation::names;

/// More addresses than any setup needs.
const MOST: u128 = 65_536;

/// Who gives addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadBalancer<'a> {
    /// LB-IPAM, from the pools among the objects; nobody, if there are none.
    Ipam,
    /// Somebody else, such as a cloud.
    External(&'a Addresses),
}

/// What somebody else's load balancer gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// By the name of a Service or of its Gateway.
    named: BTreeMap<NamespacedName, String>,
    /// For the others: a single one for all of them, several for one each.
    others: Vec<String>,
}

impl Addresses {
    /// Reads what a user writes: `ADDRESS`, `FIRST-LAST`, a CIDR, or `NAMESPACE/NAME=ADDRESS`, where
    /// an address may also be a host name.
    ///
    /// # Errors
    ///
    /// What is none of these, each with what would be.
    pub fn read(texts: &[String]) -> Result<Self, Vec<String>> {
        let mut found = Self::default();
        let mut problems = Vec::new();
        for text in texts {
            let read = match text.split_once('=') {
                Some((name, address)) => named(name, address).map(|(name, address)| {
                    found.named.insert(name, address);
                }),
                None => several(text).map(|addresses| found.others.extend(addresses)),
            };
            if let Err(why) = read {
                problems.push(format!("{text}: {why}"));
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    /// Who gets which address of these Services, in their order.
    pub(super) fn given<'s>(
        &self,
        services: impl Iterator<Item = &'s NamespacedName>,
    ) -> BTreeMap<&'s NamespacedName, &str> {
        let mut next = self.others.iter();
        let mut given = BTreeMap::new();
        for service in services {
            let address = match (self.of(service), self.others.as_slice()) {
                (Some(own), _) => Some(own),
                (None, [only]) => Some(only),
                (None, _) => next.next(),
            };
            if let Some(address) = address {
                given.insert(service, address.as_str());
            }
        }
        given
    }

    /// Names of no such Service, nor of a Gateway with one.
    pub(super) fn unknown(&self, services: &[NamespacedName]) -> Vec<&NamespacedName> {
        let is_known = |name: &NamespacedName| {
            services.contains(name) || services.contains(&names::service(name))
        };
        self.named.keys().filter(|name| !is_known(name)).collect()
    }

    fn of(&self, service: &NamespacedName) -> Option<&String> {
        let mut named = self.named.iter();
        named
            .find(|(name, _)| *name == service || names::service(name) == *service)
            .map(|(_, address)| address)
    }
}

fn named(name: &str, address: &str) -> Result<(NamespacedName, String), String> {
    let (namespace, name) = name
        .split_once('/')
        .filter(|(namespace, name)| is_host_name(namespace) && is_host_name(name))
        .ok_or("expected NAMESPACE/NAME=ADDRESS, the name of a Gateway or of its Service")?;
    Ok((NamespacedName::new(namespace, name), single(address)?))
}

fn single(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() || is_host_name(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is neither an address nor a host name; expected 192.0.2.10, 192.0.2.10-192.0.2.20, \
         192.0.2.0/28, lb.example.test or NAMESPACE/NAME=ADDRESS"
    ))
}

fn is_host_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split('.').all(is_part)
}

/// A range, a CIDR, or a single one.
fn several(text: &str) -> Result<Vec<String>, String> {
    let ends = |(first, last): (&str, &str)| -> Option<(IpAddr, IpAddr)> {
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    if let Some((first, last)) = text.split_once('-').and_then(ends) {
        return range(first, last);
    }
    let Some((address, length)) = text.split_once('/') else { return Ok(vec![single(text)?]) };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else {
        return Err("expected a CIDR such as 192.0.2.0/28, or NAMESPACE/NAME=ADDRESS".to_owned());
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let host = bits_of_host(bits, length).ok_or(format!("the length is at most {bits}"))?;
    let first = number(address) & !host;
    range(back(first, address), back(first | host, address))
}

fn bits_of_host(bits: u32, length: u32) -> Option<u128> {
    let host = bits.checked_sub(length)?;
    Some(1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1))
}

fn range(first: IpAddr, last: IpAddr) -> Result<Vec<String>, String> {
    let (from, to) = (number(first), number(last));
    if first.is_ipv4() != last.is_ipv4() || from > to {
        return Err("the first address must come before the last, in one family".to_owned());
    }
    if to - from >= MOST {
        return Err(format!("a range may have at most {MOST} addresses"));
    }
    Ok((from..=to).map(|address| back(address, first).to_string()).collect())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of a number in the family of another one.
fn back(number: u128, like: IpAddr) -> IpAddr {
    match (like, u32::try_from(number)) {
        (IpAddr::V4(_), Ok(bits)) => IpAddr::V4(bits.into()),
        _ => IpAddr::V6(number.into()),
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::name::NamespacedName;

    use super::Addresses;

    fn read(texts: &[&str]) -> Result<Addresses, Vec<String>> {
        Addresses::read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn given(texts: &[&str]) -> Vec<String> {
        let services = ["a", "b", "cilium-gateway-c"].map(|name| NamespacedName::new("shop", name));
        let addresses = read(texts).expect("readable");
        let given = addresses.given(services.iter());
        services
            .iter()
            .map(|service| {
                given.get(service).map_or(String::new(), |address| (*address).to_owned())
            })
            .collect()
    }

    #[test]
    fn one_address_is_for_all_and_several_are_for_one_each() {
        for (texts, expected) in [
            (vec!["lb.example.test"], ["lb.example.test"; 3]),
            (vec!["192.0.2.1", "192.0.2.7"], ["192.0.2.1", "192.0.2.7", ""]),
            (vec!["192.0.2.1-192.0.2.3"], ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
            (vec!["192.0.2.9/30"], ["192.0.2.8", "192.0.2.9", "192.0.2.10"]),
            (vec!["2001:db8::/126"], ["2001:db8::", "2001:db8::1", "2001:db8::2"]),
            (vec!["shop/c=192.0.2.5", "lb-1"], ["lb-1", "lb-1", "192.0.2.5"]),
            (vec!["shop/cilium-gateway-c=192.0.2.5"], ["", "", "192.0.2.5"]),
            (vec!["shop/a=x", "y", "z"], ["x", "y", "z"]),
        ] {
            assert_eq!(given(&texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn everything_that_is_no_address_is_told_at_once() {
        let problems =
            read(&["", "a b", "192.0.2.0/40", "10.0.0.0/8", "192.0.2.9-192.0.2.1", "a=192.0.2.1"])
                .expect_err("none is readable");
        assert_eq!(problems.len(), 6, "{problems:?}");
        for (problem, fragment) in problems.iter().zip([
            "neither an address nor",
            "neither an address nor",
            "at most 32",
            "at most 65536",
            "must come before",
            "NAMESPACE/NAME=ADDRESS",
        ]) {
            assert!(problem.contains(fragment), "{problem}");
        }
    }
}
