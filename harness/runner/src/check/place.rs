//! Where a claim's probes go: the Gateway, its Service and the nodes as the cluster has them now,
//! and the way from an address of the cluster to a socket.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use gateproof_core::cluster::Node;
use gateproof_core::entry::{self, GatewayFacts, ServiceFacts, Site};
use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::ObjectRef;
use gateproof_core::verdict::Failure;
use gateproof_kubernetes::{Client, Cluster, KindRef, REFERENCE_KINDS};
use gateproof_probe::ProbeError;
use serde_json::Value;

use super::Circumstances;
use crate::cause::with_causes;
use crate::step::undecided;

/// The API could not be read: the claim stays open.
pub(super) type Unreadable = Box<Failure>;

const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";

pub(super) fn gateway_ref(name: &NamespacedName) -> ObjectRef {
    object_ref(GATEWAY_API, "Gateway", name)
}

pub(super) fn route_ref(name: &NamespacedName) -> ObjectRef {
    object_ref(GATEWAY_API, "HTTPRoute", name)
}

pub(super) fn service_ref(name: &NamespacedName) -> ObjectRef {
    object_ref("v1", "Service", name)
}

pub(super) fn certificate_ref(name: &NamespacedName) -> ObjectRef {
    object_ref("cert-manager.io/v1", "Certificate", name)
}

fn object_ref(api_version: &str, kind: &str, name: &NamespacedName) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(name.namespace.clone()),
        name: name.name.clone(),
    }
}

/// Reads one object; `None` when it does not exist.
pub(super) async fn read(client: &Client, object: &ObjectRef) -> Result<Option<Value>, Unreadable> {
    client.get(object).await.map_err(|error| Box::new(unreadable(&error)))
}

/// Lists every route, whatever its kind; kinds that are not served have none.
pub(super) async fn routes(client: &Client) -> Result<Vec<Value>, Unreadable> {
    let kinds: Vec<KindRef> =
        REFERENCE_KINDS.iter().filter(|kind| kind.kind.ends_with("Route")).copied().collect();
    let snapshot = client.snapshot(&kinds).await.map_err(|error| Box::new(unreadable(&error)))?;
    Ok(snapshot.objects)
}

/// Lists every object of a kind.
pub(super) async fn list(
    client: &Client,
    api_version: &str,
    kind: &str,
) -> Result<Vec<Value>, Unreadable> {
    client.list(api_version, kind, None).await.map_err(|error| Box::new(unreadable(&error)))
}

fn unreadable(error: &dyn std::error::Error) -> Failure {
    undecided("the Kubernetes API can be read", &with_causes(error))
}

/// The Service that Cilium made for a Gateway, found by its owner reference: its name is
/// shortened for long Gateway names, and not in every version alike.
pub(super) async fn service_of(
    client: &Client,
    gateway: &NamespacedName,
) -> Result<Option<Value>, Unreadable> {
    let services = client
        .list("v1", "Service", Some(&gateway.namespace))
        .await
        .map_err(|error| Box::new(unreadable(&error)))?;
    let owned = |service: &Value| {
        service["metadata"]["ownerReferences"].as_array().is_some_and(|owners| {
            owners
                .iter()
                .any(|owner| owner["kind"] == "Gateway" && owner["name"] == gateway.name.as_str())
        })
    };
    Ok(services.into_iter().find(owned))
}

/// Gateways and their Services as an earlier check of the trial read them: on a cluster that is
/// taken as it is they stay what they are, and a hundred checks need not read them a hundred times.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    gateways: Mutex<BTreeMap<NamespacedName, (GatewayFacts, Option<ServiceFacts>)>>,
}

impl Memory {
    fn of(
        &self,
        cluster: &dyn Cluster,
        name: &NamespacedName,
    ) -> Option<(GatewayFacts, Option<ServiceFacts>)> {
        if !cluster.is_taken_as_it_is() {
            return None;
        }
        self.gateways.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn keep(&self, name: &NamespacedName, read: &(GatewayFacts, Option<ServiceFacts>)) {
        let mut gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.insert(name.clone(), read.clone());
    }
}

/// A Gateway, its Service and the nodes as the cluster has them now.
pub(super) struct GatewayNow<'a> {
    circumstances: &'a Circumstances<'a>,
    gateway: GatewayFacts,
    service: Option<ServiceFacts>,
    nodes: Vec<Node>,
}

impl GatewayNow<'_> {
    /// What decides where traffic enters.
    pub(super) fn site(&self) -> Site<'_> {
        Site {
            config: &self.circumstances.plan.config,
            nodes: &self.nodes,
            gateway: &self.gateway,
            service: self.service.as_ref(),
        }
    }

    /// The nodes, sorted by name.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// Reads a Gateway and its Service.
pub(super) async fn gateway_now<'a>(
    circumstances: &'a Circumstances<'a>,
    name: &NamespacedName,
) -> Result<GatewayNow<'a>, Unreadable> {
    let known = circumstances.memory.of(circumstances.cluster, name);
    let (gateway, service) = if let Some(known) = known {
        known
    } else {
        let read = gateway_and_service(circumstances, name).await?;
        circumstances.memory.keep(name, &read);
        read
    };
    Ok(GatewayNow { circumstances, gateway, service, nodes: circumstances.cluster.nodes() })
}

async fn gateway_and_service(
    circumstances: &Circumstances<'_>,
    name: &NamespacedName,
) -> Result<(GatewayFacts, Option<ServiceFacts>), Unreadable> {
    let client = circumstances.cluster.client();
    let Some(gateway) = read(&client, &gateway_ref(name)).await? else {
        return Err(Box::new(crate::step::refuted(
            &format!("Gateway {name} exists"),
            "it does not exist",
        )));
    };
    let service = service_of(&client, name).await?;
    let gateway =
        GatewayFacts::from_object(&gateway).map_err(|error| Box::new(not_as_expected(&error)))?;
    let service = service.as_ref().map(ServiceFacts::from_object).transpose();
    let mut service = service.map_err(|error| Box::new(not_as_expected(&error)))?;
    if let Some(service) = &mut service {
        service.addresses = circumstances.cluster.balanced(&service.addresses).await;
    }
    Ok((gateway, service))
}

fn not_as_expected(error: &entry::Unreadable) -> Failure {
    undecided("the object has the fields its kind has", &error.to_string())
}

/// The socket to dial for an address of the cluster.
pub(super) fn socket(
    circumstances: &Circumstances<'_>,
    address: IpAddr,
    port: u16,
) -> Result<SocketAddr, Unreadable> {
    circumstances.cluster.address_book().resolve(address, port).ok_or_else(|| {
        Box::new(undecided(
            "every probed address belongs to the cluster under test",
            &format!("{address}:{port} does not, so it was not probed"),
        ))
    })
}

/// Nobody could ask the cluster, so nothing is known of it: the claim stays open.
pub(super) fn unasked(error: &ProbeError) -> Failure {
    undecided("the prober can ask the cluster", &with_causes(error))
}
