//! LB-IPAM: which addresses Cilium's operator gives to Services of type LoadBalancer
//! (cilium/cilium `operator/pkg/lbipam`).
//!
//! Which free address is taken is not promised by Cilium; the model takes the lowest, from pools
//! in order of their names. Address sharing is not modelled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use crate::resources::core::Service;
use crate::resources::pool::Pool;
use crate::{Input, Unmodelled};

/// Annotations that ask for addresses; the second is an alias.
const REQUESTS: [&str; 2] = ["lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips"];
/// Annotations that share an address; the second is an alias.
const SHARING: [&str; 2] = ["lbipam.cilium.io/sharing-key", "io.cilium/lb-ipam-sharing-key"];
/// Classes that LB-IPAM serves besides none.
const OWN_CLASSES: [&str; 2] = ["io.cilium/bgp-control-plane", "io.cilium/l2-announcer"];

/// What one Service gets.
#[derive(Debug, Clone, PartialEq)]
pub struct IpamAssignment {
    /// The Service.
    pub service: NamespacedName,
    /// Its addresses, for `status.loadBalancer.ingress` with `ipMode: VIP`.
    pub addresses: Vec<IpAddr>,
    /// Whether and why not its request is satisfied.
    pub request: IpamRequest,
    /// What it asks for that is not modelled; then it has no addresses here.
    pub unmodelled: Option<Unmodelled>,
}

/// Whether a request is satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpamRequest {
    /// It is.
    Satisfied,
    /// No enabled pool matches the Service.
    NoPool,
    /// All matching pools are used up.
    OutOfIps,
    /// No enabled pool holds this requested address.
    NotInAnyPool(IpAddr),
    /// The pool that holds this requested address does not select the Service.
    PoolSelectorMismatch(IpAddr),
    /// This requested address belongs to another Service.
    AlreadyAllocated(IpAddr),
}

impl IpamRequest {
    /// The condition `cilium.io/IPAMRequestSatisfied`, without its timestamp.
    pub fn condition(self) -> Value {
        let (reason, message) = match self {
            Self::Satisfied => ("satisfied", String::new()),
            Self::NoPool => (
                "no_pool",
                "There are no enabled CiliumLoadBalancerIPPools that match this service".to_owned(),
            ),
            Self::OutOfIps => (
                "out_of_ips",
                "All enabled CiliumLoadBalancerIPPools that match this service ran out of allocatable IPs"
                    .to_owned(),
            ),
            Self::NotInAnyPool(address) => {
                ("no_pool", format!("No pool exists with a CIDR containing '{address}'"))
            }
            Self::PoolSelectorMismatch(address) => (
                "pool_selector_mismatch",
                format!("The pool with the CIDR containing '{address}', doesn't select this service"),
            ),
            Self::AlreadyAllocated(address) => (
                "already_allocated",
                format!("The IP '{address}' is already allocated to another service"),
            ),
        };
        let status = if self == Self::Satisfied { "True" } else { "False" };
        json!({"type": "cilium.io/IPAMRequestSatisfied", "status": status, "reason": reason, "message": message})
    }
}

/// Assigns addresses to all Services of type LoadBalancer that LB-IPAM serves, sorted by Service.
/// Services keep what they have; the others are served by age, then by name.
pub fn assign(input: &Input<'_>) -> Vec<IpamAssignment> {
    let pools: Vec<Ranges<'_>> = input
        .resources
        .pools
        .values()
        .filter(|pool| !pool.spec.disabled)
        .map(Ranges::new)
        .collect();
    let mut services: Vec<&Service> =
        input.resources.services.values().filter(|service| is_served(service)).collect();
    services.sort_by_key(|service| (service.created.clone(), service.name.clone()));

    let mut taken: BTreeSet<IpAddr> = BTreeSet::new();
    let mut kept: BTreeMap<&NamespacedName, Vec<IpAddr>> = BTreeMap::new();
    for service in services.iter().filter(|service| !shares(service)) {
        let wanted = requested(service);
        let keeps: Vec<IpAddr> = service
            .ingress_addresses()
            .into_iter()
            .filter(|address| wanted.is_empty() || wanted.contains(address))
            .filter(|address| pools.iter().any(|pool| pool.offers(service, *address)))
            .filter(|address| taken.insert(*address))
            .collect();
        kept.insert(&service.name, keeps);
    }
    let mut assignments: Vec<IpamAssignment> = services
        .iter()
        .map(|service| {
            let keeps = kept.remove(&service.name).unwrap_or_default();
            serve(input, service, keeps, &pools, &mut taken)
        })
        .collect();
    assignments.sort_by(|a, b| a.service.cmp(&b.service));
    assignments
}

fn is_served(service: &Service) -> bool {
    service.spec.kind == "LoadBalancer"
        && service
            .spec
            .load_balancer_class
            .as_deref()
            .is_none_or(|class| OWN_CLASSES.contains(&class))
}

fn shares(service: &Service) -> bool {
    SHARING.iter().any(|key| service.annotations.contains_key(*key))
}

/// Addresses a Service asks for by annotation or `spec.loadBalancerIP`.
fn requested(service: &Service) -> Vec<IpAddr> {
    let annotated = REQUESTS.iter().filter_map(|key| service.annotations.get(*key));
    let mut wanted: Vec<IpAddr> = annotated
        .flat_map(|text| text.split(','))
        .chain(service.spec.load_balancer_ip.as_deref())
        .filter_map(|text| text.trim().parse().ok())
        .collect();
    wanted.dedup();
    wanted
}

fn serve(
    input: &Input<'_>,
    service: &Service,
    mut addresses: Vec<IpAddr>,
    pools: &[Ranges<'_>],
    taken: &mut BTreeSet<IpAddr>,
) -> IpamAssignment {
    let name = service.name.clone();
    if shares(service) {
        let unmodelled =
            Unmodelled::new(format!("Service {name}"), "sharing of load-balancer addresses");
        return IpamAssignment {
            service: name,
            addresses: Vec::new(),
            request: IpamRequest::NoPool,
            unmodelled: Some(unmodelled),
        };
    }
    let mut request = IpamRequest::Satisfied;
    let wanted = requested(service);
    if wanted.is_empty() {
        for family in families(input, service) {
            if addresses.iter().any(|address| family.holds(*address)) {
                continue;
            }
            match allocate(service, family, pools, taken) {
                Ok(address) => addresses.push(address),
                Err(problem) => request = problem,
            }
        }
    } else {
        for address in wanted {
            if addresses.contains(&address) {
                continue;
            }
            let holds = pools.iter().any(|pool| pool.holds(address));
            if pools.iter().any(|pool| pool.offers(service, address)) {
                if taken.insert(address) {
                    addresses.push(address);
                } else {
                    request = IpamRequest::AlreadyAllocated(address);
                }
            } else if holds {
                request = IpamRequest::PoolSelectorMismatch(address);
            } else {
                request = IpamRequest::NotInAnyPool(address);
            }
        }
    }
    IpamAssignment { service: name, addresses, request, unmodelled: None }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn holds(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

/// Families a Service gets an address of: its own among the enabled ones.
fn families(input: &Input<'_>, service: &Service) -> Vec<Family> {
    let asks = |name: &str| service.spec.ip_families.iter().any(|family| family == name);
    let unsaid = service.spec.ip_families.is_empty();
    let mut families = Vec::new();
    if input.config.ipv4 && (unsaid || asks("IPv4")) {
        families.push(Family::V4);
    }
    if input.config.ipv6 && (asks("IPv6") || (unsaid && !input.config.ipv4)) {
        families.push(Family::V6);
    }
    families
}

fn allocate(
    service: &Service,
    family: Family,
    pools: &[Ranges<'_>],
    taken: &mut BTreeSet<IpAddr>,
) -> Result<IpAddr, IpamRequest> {
    let mut problem = IpamRequest::NoPool;
    for pool in pools.iter().filter(|pool| pool.selects(service)) {
        for range in pool.ranges.iter().filter(|range| family.holds(range.family_address())) {
            problem = IpamRequest::OutOfIps;
            if let Some(free) = range.addresses().find(|address| !taken.contains(address)) {
                taken.insert(free);
                return Ok(free);
            }
        }
    }
    Err(problem)
}

/// The ranges of one enabled pool.
struct Ranges<'a> {
    pool: &'a Pool,
    ranges: Vec<Range>,
}

/// An inclusive range of addresses of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    V4(u32, u32),
    V6(u128, u128),
}

impl<'a> Ranges<'a> {
    fn new(pool: &'a Pool) -> Self {
        let without_ends = pool.spec.allow_first_last_ips.as_deref() == Some("No");
        let ranges = pool
            .spec
            .blocks
            .iter()
            .filter_map(|block| match (&block.cidr, &block.start) {
                (Some(cidr), _) => {
                    let range = Range::of_cidr(cidr)?;
                    Some(if without_ends { range.without_ends() } else { range })
                }
                (None, Some(start)) => {
                    Range::between(start, block.stop.as_deref().unwrap_or(start))
                }
                (None, None) => None,
            })
            .collect();
        Self { pool, ranges }
    }

    fn selects(&self, service: &Service) -> bool {
        let Some(selector) = &self.pool.spec.service_selector else { return true };
        let mut labels = service.labels.clone();
        labels.insert("io.kubernetes.service.namespace".to_owned(), service.name.namespace.clone());
        labels.insert("io.kubernetes.service.name".to_owned(), service.name.name.clone());
        selector.matches(&labels)
    }

    fn offers(&self, service: &Service, address: IpAddr) -> bool {
        self.selects(service) && self.holds(address)
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }
}

impl Range {
    fn of_cidr(text: &str) -> Option<Self> {
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

    fn between(start: &str, stop: &str) -> Option<Self> {
        match (start.parse().ok()?, stop.parse().ok()?) {
            (IpAddr::V4(start), IpAddr::V4(stop)) => Some(Self::V4(start.into(), stop.into())),
            (IpAddr::V6(start), IpAddr::V6(stop)) => Some(Self::V6(start.into(), stop.into())),
            _ => None,
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

    fn contains(self, address: IpAddr) -> bool {
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

    fn family_address(self) -> IpAddr {
        match self {
            Self::V4(first, _) => IpAddr::V4(first.into()),
            Self::V6(first, _) => IpAddr::V6(first.into()),
        }
    }

    fn addresses(self) -> Box<dyn Iterator<Item = IpAddr>> {
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

#[cfg(test)]
mod tests;
