//! Networks: made once however many try, looked at, removed.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkInspect};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};
use gateproof_kubernetes::wait;

use super::error::{Cause, EngineError, NetworkOperation};
use super::{Engine, wire, within};
use crate::network::{NetworkSpec, NetworkState, SUBNET_ATTEMPTS, ipv6_subnet, survivor_first};

/// The option of a bridge for its MTU.
const MTU: &str = "com.docker.network.driver.mtu";
/// The option of a bridge for masquerading.
const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";

/// How long another creator's network may take to show itself after its subnet is taken.
const SHOW_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks for it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Engine {
    /// Sees to it that there is exactly one network of a name, and returns it. An existing one is
    /// taken as it is, whatever its options, as kind does it; so it may also be somebody else's.
    ///
    /// Whoever creates at the same time, kind among them, converges on the same network; a
    /// network to which a container is attached always survives. Until then its subnets may be
    /// those of one that loses, so look again once containers are attached.
    ///
    /// # Errors
    ///
    /// When the engine refuses: it has no address pool left, IPv4 is unusable.
    pub async fn ensure_network(&self, spec: &NetworkSpec) -> Result<NetworkState, EngineError> {
        // Creators in one process need not race.
        let _alone = self.network_creation.lock().await;
        if let Some(found) = self.settle_network(&spec.name).await? {
            return Ok(found);
        }
        let mtu = match spec.mtu {
            Some(mtu) => Some(mtu.to_string()),
            None => self.default_mtu().await?,
        };
        self.create_network(spec, mtu.as_deref()).await?;
        self.settle_network(&spec.name).await?.ok_or_else(|| {
            let cause = Cause::NotFound("it was created, and then somebody removed it".to_owned());
            network_error(NetworkOperation::Create, &spec.name, cause)
        })
    }

    /// Tries subnet after subnet, until there is a network, ours or another's.
    async fn create_network(
        &self,
        spec: &NetworkSpec,
        mtu: Option<&str>,
    ) -> Result<(), EngineError> {
        let mut last = None;
        for attempt in 0..SUBNET_ATTEMPTS {
            let subnet = ipv6_subnet(&spec.name, attempt);
            let error = match self.request_network(spec, Some(&subnet), mtu).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match Refusal::of(&error) {
                Refusal::NoIpv6 => return self.request_network(spec, None, mtu).await,
                // The name is taken, or the subnet that belongs to the name: most likely somebody
                // is creating the same network, and it shows itself in a moment.
                Refusal::Taken => {
                    if self.shows_itself(&spec.name).await? {
                        return Ok(());
                    }
                }
                Refusal::Other => return Err(error),
            }
            last = Some(error);
        }
        Err(last.expect("there is at least one attempt, and it failed"))
    }

    async fn request_network(
        &self,
        spec: &NetworkSpec,
        subnet: Option<&str>,
        mtu: Option<&str>,
    ) -> Result<(), EngineError> {
        let mut options = HashMap::from([(MASQUERADE.to_owned(), "true".to_owned())]);
        options.extend(mtu.map(|mtu| (MTU.to_owned(), mtu.to_owned())));
        let request = NetworkCreateRequest {
            name: spec.name.clone(),
            driver: Some("bridge".to_owned()),
            enable_ipv6: Some(subnet.is_some()),
            // No IPv4 subnet: the engine takes one of its pools.
            ipam: subnet.map(|subnet| Ipam {
                config: Some(vec![IpamConfig {
                    subnet: Some(subnet.to_owned()),
                    ..IpamConfig::default()
                }]),
                ..Ipam::default()
            }),
            options: Some(options),
            labels: Some(wire::hashed(&spec.labels)),
            ..NetworkCreateRequest::default()
        };
        let created = within(self.patience, self.docker.create_network(request)).await;
        created
            .map(|_| ())
            .map_err(|cause| network_error(NetworkOperation::Create, &spec.name, cause))
    }

    async fn shows_itself(&self, name: &str) -> Result<bool, EngineError> {
        let look = || async {
            match self.networks_named(name).await {
                Ok(found) if found.is_empty() => {
                    wait::Poll::NotYet { missing: format!("network {name}") }
                }
                other => wait::Poll::Ready(other),
            }
        };
        match wait::until(SHOW_WITHIN, LOOK_EVERY, |_| (), look).await {
            Ok(found) => found.map(|_| true),
            Err(_) => Ok(false),
        }
    }

    /// Removes all but one of the networks of a name; `None` when there is none.
    async fn settle_network(&self, name: &str) -> Result<Option<NetworkState>, EngineError> {
        let look = || async {
            let mut found = match self.networks_named(name).await {
                Ok(found) => found,
                Err(error) => return wait::Poll::Ready(Err(error)),
            };
            survivor_first(&mut found);
            if found.len() <= 1 {
                return wait::Poll::Ready(Ok(found.pop()));
            }
            for duplicate in &found[1..] {
                if let Err(error) = self.remove_network(&duplicate.id).await {
                    // It has got a container meanwhile; the next look sorts anew.
                    tracing::debug!(%error, "a network of the same name stays for now");
                }
            }
            wait::Poll::NotYet { missing: format!("only one of {} networks", found.len()) }
        };
        match wait::until(self.patience, LOOK_EVERY, |_| (), look).await {
            Ok(settled) => settled,
            Err(error) => Err(network_error(
                NetworkOperation::Create,
                name,
                Cause::Conflict(format!(
                    "there are several networks of this name, and containers on them: {error}; \
                     remove all but one with `docker network rm`"
                )),
            )),
        }
    }

    /// The network of a name, with its subnets and who holds which address; `None` when there is
    /// none. Of several it is the one that will be kept.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn inspect_network(&self, name: &str) -> Result<Option<NetworkState>, EngineError> {
        let mut found = self.networks_named(name).await?;
        survivor_first(&mut found);
        Ok(found.into_iter().next())
    }

    /// Networks with all of these labels, sorted by name.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn list_networks(
        &self,
        labels: &[(&str, Option<&str>)],
    ) -> Result<Vec<NetworkState>, EngineError> {
        let mut found = self.networks(wire::label_filter(labels), "with labels").await?;
        found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        Ok(found)
    }

    /// Removes a network by name or id. One that does not exist is as good as removed.
    ///
    /// # Errors
    ///
    /// When containers are attached to it, or the engine refuses otherwise.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        match within(self.patience, self.docker.remove_network(name)).await {
            Ok(()) | Err(Cause::NotFound(_)) => Ok(()),
            Err(cause) => Err(network_error(NetworkOperation::Remove, name, cause)),
        }
    }

    async fn networks_named(&self, name: &str) -> Result<Vec<NetworkState>, EngineError> {
        // The engine's filter takes a pattern and finds more than this name.
        let filter = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
        let mut found = self.networks(filter, name).await?;
        found.retain(|network| network.name == name);
        Ok(found)
    }

    async fn networks(
        &self,
        filters: HashMap<String, Vec<String>>,
        described: &str,
    ) -> Result<Vec<NetworkState>, EngineError> {
        let fail = |cause| network_error(NetworkOperation::Inspect, described, cause);
        let options = ListNetworksOptions { filters: Some(filters) };
        let call = self.docker.list_networks(Some(options));
        let listed = within(self.patience, call).await.map_err(fail)?;
        let mut found = Vec::new();
        for id in listed.into_iter().filter_map(|network| network.id) {
            let call = self.docker.inspect_network(&id, None::<InspectNetworkOptions>);
            match within(self.patience, call).await {
                Ok(network) => found.push(network_state(network)),
                // It went between the two looks.
                Err(Cause::NotFound(_)) => {}
                Err(cause) => return Err(fail(cause)),
            }
        }
        Ok(found)
    }

    /// The MTU that the default bridge sets, as clouds with a smaller one configure it.
    async fn default_mtu(&self) -> Result<Option<String>, EngineError> {
        let call = self.docker.inspect_network("bridge", None::<InspectNetworkOptions>);
        match within(self.patience, call).await {
            Ok(bridge) => Ok(bridge
                .options
                .and_then(|options| options.get(MTU).cloned())
                .filter(|mtu| mtu.parse::<u32>().is_ok_and(|mtu| mtu > 0))),
            // An engine can be told to have no default bridge.
            Err(Cause::NotFound(_)) => Ok(None),
            Err(cause) => Err(network_error(NetworkOperation::Inspect, "bridge", cause)),
        }
    }
}

/// What a refusal to create a network means (the messages are matched as kind matches them; the
/// same file as [`ipv6_subnet`], `isIPv6UnavailableError` and `isPoolOverlapError`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NoIpv6,
    Taken,
    Other,
}

impl Refusal {
    fn of(error: &EngineError) -> Self {
        let words = error.cause().map(Cause::to_string).unwrap_or_default();
        if words.contains("Cannot read IPv6 setup for bridge")
            || (words.contains("ip6tables") && words.contains("failed"))
        {
            Self::NoIpv6
        } else if error.is_conflict()
            || words.contains("Pool overlaps with other one on this address space")
            || words.contains("networks have overlapping")
        {
            Self::Taken
        } else {
            Self::Other
        }
    }
}

fn network_state(found: NetworkInspect) -> NetworkState {
    let configured = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for pool in configured {
        if let Some(subnet) = pool.subnet {
            let gateway: Option<IpAddr> = pool.gateway.and_then(|text| address(&text));
            let family = if subnet.contains(':') { &mut v6 } else { &mut v4 };
            family.push((subnet, gateway));
        }
    }
    let (subnets, gateways): (Vec<String>, Vec<Option<IpAddr>>) = v4.into_iter().chain(v6).unzip();
    let mut taken = BTreeMap::new();
    for (id, endpoint) in found.containers.unwrap_or_default() {
        let name = endpoint.name.filter(|name| !name.is_empty()).unwrap_or(id);
        let held = [endpoint.ipv4_address, endpoint.ipv6_address];
        let held = held.into_iter().flatten().filter_map(|text| address(&text)).collect();
        taken.insert(name, held);
    }
    NetworkState {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
        subnets,
        gateways: gateways.into_iter().flatten().collect(),
        taken,
        labels: found.labels.unwrap_or_default().into_iter().collect(),
    }
}

/// An address, with or without the length of its prefix.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

fn network_error(operation: NetworkOperation, network: &str, cause: Cause) -> EngineError {
    EngineError::Network { operation, network: network.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_judged_by_the_daemons_words() {
        let refused = |message: &str| {
            let cause = Cause::Refused { status: 500, message: message.to_owned() };
            Refusal::of(&network_error(NetworkOperation::Create, "kind", cause))
        };
        for (words, meaning) in [
            (
                "Cannot read IPv6 setup for bridge br-1: open /proc/sys: no such file",
                Refusal::NoIpv6,
            ),
            (
                "Failed to Setup IP tables: Unable to enable NAT rule: (iptables failed: ip6tables --wait -t nat",
                Refusal::NoIpv6,
            ),
            ("Pool overlaps with other one on this address space", Refusal::Taken),
            (
                "cannot create network x (br-x): conflicts with network y (br-y): networks have overlapping IPv6",
                Refusal::Taken,
            ),
            (
                "could not find an available, non-overlapping IPv4 address pool among the defaults",
                Refusal::Other,
            ),
        ] {
            assert_eq!(refused(words), meaning, "{words}");
        }
        let taken = Cause::Conflict("network with name kind already exists".to_owned());
        let taken = network_error(NetworkOperation::Create, "kind", taken);
        assert_eq!(Refusal::of(&taken), Refusal::Taken);
    }
}
