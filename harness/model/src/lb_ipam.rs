//! LB-IPAM: which addresses Cilium's operator gives to Services of type LoadBalancer
//! (cilium/cilium `operator/pkg/lbipam`).
//!
//! Which free address is taken is not promised by Cilium; the model takes the lowest, from pools
//! in order of their names.

mod pools;
mod range;
mod report;
mod sharing;

use std::collections::BTreeMap;
use std::net::IpAddr;

use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use self::pools::{Offer, State, settle};
use self::sharing::{Taken, annotation, key};
use crate::resources::core::Service;
use crate::{Input, Unmodelled};

pub use self::report::{Before, CONFLICT, PoolReport, pool_reports};

/// Annotations that ask for addresses; the second is an alias.
const REQUESTS: [&str; 2] = ["lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips"];
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
    /// This requested address belongs to a Service that it cannot be shared with, for this reason.
    Incompatible(IpAddr, &'static str),
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
            Self::Incompatible(address, why) => (
                "already_allocated_incompatible_service",
                format!(
                    "The IP '{address}' is already allocated to an incompatible service. Reason: {why}"
                ),
            ),
        };
        let status = if self == Self::Satisfied { "True" } else { "False" };
        json!({"type": "cilium.io/IPAMRequestSatisfied", "status": status, "reason": reason, "message": message})
    }
}

/// Assigns addresses to all Services of type LoadBalancer that LB-IPAM serves, sorted by Service.
/// Services keep what they have; the others are served by age, then by name.
pub fn assign(input: &Input<'_>) -> Vec<IpamAssignment> {
    let pools = settle(input.resources.pools.values());
    let mut services: Vec<&Service> =
        input.resources.services.values().filter(|service| is_served(service)).collect();
    services.sort_by_key(|service| (service.created.clone(), service.name.clone()));

    let mut office = Office { input, pools: &pools, taken: Taken::default() };
    let mut kept: BTreeMap<&NamespacedName, Vec<IpAddr>> = BTreeMap::new();
    for service in &services {
        kept.insert(&service.name, office.keep(service));
    }
    let mut assignments: Vec<IpamAssignment> = services
        .iter()
        .map(|service| {
            let keeps = kept.remove(&service.name).unwrap_or_default();
            office.serve(service, keeps)
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

/// Addresses a Service asks for by `spec.loadBalancerIP` and by annotation.
fn requested(service: &Service) -> Vec<IpAddr> {
    let annotated = annotation(service, REQUESTS).into_iter().flat_map(|text| text.split(','));
    let texts = service.spec.load_balancer_ip.as_deref().into_iter().chain(annotated);
    let mut wanted: Vec<IpAddr> = texts.filter_map(|text| text.trim().parse().ok()).collect();
    wanted.dedup();
    wanted
}

/// Gives addresses away, one Service after the other.
struct Office<'a> {
    input: &'a Input<'a>,
    pools: &'a [Offer<'a>],
    taken: Taken<'a>,
}

impl<'a> Office<'a> {
    /// What a Service keeps of the addresses it has.
    fn keep(&mut self, service: &'a Service) -> Vec<IpAddr> {
        let wanted = requested(service);
        let families = families(self.input, service);
        let mut kept = Vec::new();
        for address in service.ingress_addresses() {
            let is_wanted = wanted.is_empty() || wanted.contains(&address);
            let fits = families.iter().any(|family| family.holds(address));
            if !is_wanted || !fits || self.look_up(service, address) != LookUp::Offered {
                continue;
            }
            let shares = key(service).is_some() && self.taken.obstacle(address, service).is_none();
            if !kept.contains(&address) && (self.taken.is_free(address) || shares) {
                self.taken.give(address, service);
                kept.push(address);
            }
        }
        kept
    }

    fn serve(&mut self, service: &'a Service, mut addresses: Vec<IpAddr>) -> IpamAssignment {
        let mut request = IpamRequest::Satisfied;
        let wanted = requested(service);
        for address in &wanted {
            if addresses.contains(address) {
                continue;
            }
            match self.request(service, *address) {
                Ok(()) => addresses.push(*address),
                Err(problem) => request = problem,
            }
        }
        if wanted.is_empty() {
            for family in families(self.input, service) {
                if addresses.iter().any(|address| family.holds(*address)) {
                    continue;
                }
                match self.any(service, family) {
                    Ok(address) => addresses.push(address),
                    Err(problem) => request = problem,
                }
            }
        }
        let undecided = self.pools.iter().find_map(|pool| match pool.state {
            State::Undecided(other) if pool.selects(service) => Some((&pool.pool.name, other)),
            State::Undecided(_) | State::Usable | State::Conflicting => None,
        });
        let unmodelled = undecided.map(|(pool, other)| {
            Unmodelled::new(
                format!("Service {}", service.name),
                format!("pools {pool} and {other}, which overlap while neither is older"),
            )
        });
        if unmodelled.is_some() {
            addresses.clear();
        }
        IpamAssignment { service: service.name.clone(), addresses, request, unmodelled }
    }

    /// Gives a requested address.
    fn request(&mut self, service: &'a Service, address: IpAddr) -> Result<(), IpamRequest> {
        match self.look_up(service, address) {
            LookUp::Offered => {}
            LookUp::OfferedToOthers => return Err(IpamRequest::PoolSelectorMismatch(address)),
            LookUp::Nowhere => return Err(IpamRequest::NotInAnyPool(address)),
        }
        if !self.taken.is_free(address) {
            if key(service).is_none() {
                return Err(IpamRequest::AlreadyAllocated(address));
            }
            if let Some(why) = self.taken.obstacle(address, service) {
                return Err(IpamRequest::Incompatible(address, why));
            }
        }
        self.taken.give(address, service);
        Ok(())
    }

    /// Gives any address of a family: one that can be shared, else the lowest free one.
    fn any(&mut self, service: &'a Service, family: Family) -> Result<IpAddr, IpamRequest> {
        if let Some(address) = self.taken.shareable(service, |address| family.holds(address)) {
            self.taken.give(address, service);
            return Ok(address);
        }
        let mut problem = IpamRequest::NoPool;
        let usable = self.pools.iter().filter(|pool| pool.state == State::Usable);
        for pool in usable.filter(|pool| pool.selects(service)) {
            for range in pool.ranges.iter().filter(|range| family.holds(range.family_address())) {
                problem = IpamRequest::OutOfIps;
                let free = range.addresses().find(|address| self.taken.is_free(*address));
                if let Some(free) = free {
                    self.taken.give(free, service);
                    return Ok(free);
                }
            }
        }
        Err(problem)
    }

    /// Whether a pool offers this address to a Service.
    fn look_up(&self, service: &Service, address: IpAddr) -> LookUp {
        let usable = self.pools.iter().filter(|pool| pool.state == State::Usable);
        let mut holding = usable
            .filter(|pool| pool.ranges.iter().any(|range| range.contains(address)))
            .peekable();
        if holding.peek().is_none() {
            return LookUp::Nowhere;
        }
        if holding.any(|pool| pool.selects(service)) {
            LookUp::Offered
        } else {
            LookUp::OfferedToOthers
        }
    }
}

/// Where an address is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookUp {
    Offered,
    OfferedToOthers,
    Nowhere,
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

/// Families a Service gets an address of, by its policy: one, or all that are enabled
/// (`serviceIPFamilyRequest`).
fn families(input: &Input<'_>, service: &Service) -> Vec<Family> {
    let named: Vec<Family> = service
        .spec
        .ip_families
        .iter()
        .map(|family| if family == "IPv4" { Family::V4 } else { Family::V6 })
        .collect();
    let enabled: Vec<Family> = [(input.config.ipv4, Family::V4), (input.config.ipv6, Family::V6)]
        .into_iter()
        .filter_map(|(enabled, family)| enabled.then_some(family))
        .collect();
    match service.spec.ip_family_policy.as_deref() {
        Some("RequireDualStack") => enabled,
        Some("PreferDualStack") if named.is_empty() => enabled,
        Some("PreferDualStack") => {
            enabled.into_iter().filter(|family| named.contains(family)).collect()
        }
        _ => named.first().or(enabled.first()).copied().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests;
