//! Prediction: what a setup settles to on a cluster of some Cilium version, without a cluster.
//!
//! The operator, the API server and LB-IPAM answer each other until nothing changes: the operator
//! makes a Service, the API server completes it, LB-IPAM or a cloud gives it an address, and the
//! operator writes that into the Gateway's status. What the API server would choose freely (node
//! ports, cluster addresses) is shown as [`ALLOCATED`].
//!
//! Everything starts from the given objects: a prediction for two versions is two fresh starts,
//! not an upgrade of what the older one made.

pub mod comparison;
pub mod endpoints;
mod load_balancer;
mod missing;
mod objects;
pub mod overview;
mod service;

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use self::service::complete;
use crate::facts::{Behaviour, holds};
use crate::lb_ipam::{IpamAssignment, assign};
use crate::resources::gateway::GROUP;
use crate::resources::meta::identity;
use crate::{Input, Outcome, Resources, Skipped, Unmodelled, reconcile};

pub use load_balancer::{Addresses, LoadBalancer};
use objects::read_back;
pub use service::ALLOCATED;

/// More rounds than any setup needs: an address takes one, and what depends on it another.
const MOST_ROUNDS: usize = 8;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The Cilium version.
    pub version: &'a CiliumVersion,
    /// Its configuration.
    pub config: &'a CiliumConfig,
    /// The objects in the cluster, as written.
    pub objects: &'a [Value],
    /// Who gives load-balancer addresses.
    pub load_balancer: LoadBalancer<'a>,
    /// A behaviour that is turned over, to learn what it alone changes.
    turned: Option<Behaviour>,
}

impl<'a> Question<'a> {
    /// What these objects become on this version; LB-IPAM gives addresses.
    pub fn new(version: &'a CiliumVersion, config: &'a CiliumConfig, objects: &'a [Value]) -> Self {
        Self { version, config, objects, load_balancer: LoadBalancer::Ipam, turned: None }
    }

    /// The same with somebody else giving load-balancer addresses.
    #[must_use]
    pub fn balanced_by(self, load_balancer: LoadBalancer<'a>) -> Self {
        Self { load_balancer, ..self }
    }
    /// What the model works on when these are the resources.
    fn input<'r>(&'r self, resources: &'r Resources) -> Input<'r> {
        Input { turned: self.turned, ..Input::new(self.version, self.config, resources) }
    }
}

/// What a setup settles to.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// What would be read back from the cluster: objects that Cilium made, then objects with the
    /// status Cilium wrote, in a fixed order.
    pub objects: Vec<Value>,
    /// What the operator wants.
    pub outcome: Outcome,
    /// The cluster as it settled.
    pub resources: Resources,
    /// The cluster's objects as they settled, by group, kind, namespace and name.
    cluster: BTreeMap<Key, Value>,
    /// Objects that were not read.
    pub skipped: Vec<Skipped>,
    /// What is not covered, sorted; with any, the prediction is incomplete.
    pub unmodelled: Vec<Unmodelled>,
    /// What a reader should know, in sentences.
    pub notes: Vec<String>,
}

impl Prediction {
    /// Whether everything that was asked is covered.
    pub fn is_complete(&self) -> bool {
        self.unmodelled.is_empty()
    }

    /// An object of the cluster as it settled.
    fn find(&self, kind: &str, name: &NamespacedName) -> Option<&Value> {
        let found = |((_, of, namespace, called), _): &(&Key, &Value)| {
            of == kind && *namespace == name.namespace && *called == name.name
        };
        self.cluster.iter().find(found).map(|(_, object)| object)
    }
}

/// Works out what a setup settles to.
pub fn predict(question: &Question<'_>) -> Prediction {
    let mut cluster = Cluster::new(question.objects);
    let mut rounds = 0;
    loop {
        let (resources, skipped) = Resources::from_objects(cluster.objects.values());
        let outcome = reconcile(&question.input(&resources));
        rounds += 1;
        let changed = cluster.settle(question, &outcome);
        if !changed || rounds == MOST_ROUNDS {
            return conclude(question, cluster, resources, skipped, outcome, changed);
        }
    }
}

/// The objects of a cluster by kind, namespace and name.
struct Cluster {
    objects: BTreeMap<Key, Value>,
    unmodelled: Vec<Unmodelled>,
}

/// Group, kind, namespace, name.
type Key = (String, String, String, String);

impl Cluster {
    fn new(objects: &[Value]) -> Self {
        let mut cluster = Self { objects: BTreeMap::new(), unmodelled: Vec::new() };
        for object in objects {
            let mut object = object.clone();
            if object["metadata"].is_object() && object["metadata"].get("generation").is_none() {
                object["metadata"]["generation"] = json!(1);
            }
            cluster.objects.insert(key(&object), object);
        }
        cluster
    }

    /// Writes what the operator wants and what others answer to it; tells whether anything that
    /// the operator reads changed.
    fn settle(&mut self, question: &Question<'_>, outcome: &Outcome) -> bool {
        let services = |objects: &BTreeMap<Key, Value>| -> Vec<Value> {
            objects.values().filter(|object| is_service(object)).cloned().collect()
        };
        let before = services(&self.objects);
        for wanted in outcome.objects.iter().filter(|object| is_service(object)) {
            let live = self.objects.get(&key(wanted));
            let completed = complete(wanted, live, self.objects.len());
            self.objects.insert(key(wanted), completed);
        }
        self.unmodelled.clear();
        match question.load_balancer {
            LoadBalancer::External(addresses) => self.balance(addresses),
            LoadBalancer::Ipam => self.allocate(question),
        }
        before != services(&self.objects)
    }

    /// An external load balancer gives addresses to the Services that ask for one.
    fn balance(&mut self, addresses: &Addresses) {
        let services = balanced(&self.objects);
        let given = addresses.given(services.iter());
        for service in self.objects.values_mut().filter(|object| is_load_balanced(object)) {
            let Some(address) = given.get(&name_of(service)) else { continue };
            let ingress = if address.parse::<std::net::IpAddr>().is_ok() {
                json!([{"ip": address, "ipMode": "VIP"}])
            } else {
                json!([{"hostname": address}])
            };
            service["status"] = json!({"loadBalancer": {"ingress": ingress}});
        }
    }

    /// LB-IPAM sleeps until there is a pool (cilium/cilium 1.20 cut `operator/pkg/lbipam/lbipam.go`).
    fn allocate(&mut self, question: &Question<'_>) {
        // Nothing else is asked of the cluster here.
        let asked = self.objects.iter().filter(|((_, kind, ..), _)| {
            matches!(kind.as_str(), "Service" | "CiliumLoadBalancerIPPool")
        });
        let (resources, _) = Resources::from_objects(asked.map(|(_, object)| object));
        if resources.pools.is_empty() {
            return;
        }
        for assignment in assign(&question.input(&resources)) {
            let IpamAssignment { service, addresses, request, unmodelled } = assignment;
            self.unmodelled.extend(unmodelled);
            let Some(object) = self.objects.get_mut(&service_key(&service)) else { continue };
            let ingress: Vec<Value> = addresses
                .iter()
                .map(|address| json!({"ip": address.to_string(), "ipMode": "VIP"}))
                .collect();
            object["status"] = json!({"conditions": [request.condition()], "loadBalancer": {}});
            if !ingress.is_empty() {
                object["status"]["loadBalancer"] = json!({"ingress": ingress});
            }
        }
    }
}

fn conclude(
    question: &Question<'_>,
    cluster: Cluster,
    resources: Resources,
    skipped: Vec<Skipped>,
    outcome: Outcome,
    unsettled: bool,
) -> Prediction {
    let mut unmodelled = outcome.unmodelled.clone();
    unmodelled.extend(cluster.unmodelled.iter().cloned());
    if unsettled {
        unmodelled.push(Unmodelled::new("the setup", "a setup that does not settle"));
    }
    let services: Vec<&Value> = outcome
        .objects
        .iter()
        .filter(|object| is_service(object))
        .filter_map(|wanted| cluster.objects.get(&key(wanted)))
        .collect();
    let mut notes = Vec::new();
    for service in &services {
        let name = identity(service);
        if service["spec"]["type"] == "NodePort" && resources.nodes.is_empty() {
            unmodelled.push(Unmodelled::new(
                name,
                "the addresses of nodes, of which none are given; add Node objects or --nodes",
            ));
        } else if is_load_balanced(service) && !has_ingress(service) {
            let why = match question.load_balancer {
                LoadBalancer::Ipam if resources.pools.is_empty() => {
                    "there is no address pool among the manifests; if a cloud gives addresses, say \
                     --load-balancer ADDRESS"
                        .to_owned()
                }
                LoadBalancer::External(_) => format!(
                    "--load-balancer has none left for it; say another address, a range, or {}=ADDRESS",
                    name_of(service)
                ),
                LoadBalancer::Ipam => service["status"]["conditions"][0]["message"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            };
            notes.push(format!("{name} stays without an address: {why}"));
        }
    }
    if let LoadBalancer::External(addresses) = question.load_balancer {
        let unknown = addresses.unknown(&balanced(&cluster.objects)).into_iter();
        notes.extend(unknown.map(|name| {
            format!(
                "--load-balancer {name}=…: {name} is neither a Service of type LoadBalancer nor a \
                 Gateway with one"
            )
        }));
    }
    notes.extend(ignored_gateways(question, &resources));
    notes.extend(missing::notes(&cluster.objects));
    unmodelled.sort();
    unmodelled.dedup();
    let uncovered: BTreeSet<&str> = unmodelled.iter().map(|one| one.object.as_str()).collect();
    let waiting = waiting(question, &cluster.objects, &outcome, &uncovered);
    let objects = read_back(&outcome, waiting, |wanted| {
        if endpoints::is_filled_in(wanted) {
            return Some(endpoints::filled_in(wanted, cluster.objects.values()));
        }
        let object = cluster.objects.get(&key(wanted))?;
        Some(if is_service(wanted) { service::shown(object) } else { object.clone() })
    });
    let cluster = cluster.objects;
    Prediction { objects, outcome, resources, cluster, skipped, unmodelled, notes }
}

/// The Services that ask for an address, in order.
fn balanced(objects: &BTreeMap<Key, Value>) -> Vec<NamespacedName> {
    objects.values().filter(|object| is_load_balanced(object)).map(name_of).collect()
}

fn name_of(object: &Value) -> NamespacedName {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    NamespacedName::new(text("namespace"), text("name"))
}

/// Gateways and routes that nobody writes a status for: they keep the one they have, or get the
/// first one of the CRD, where a Gateway waits for a controller and a route has none. Those that
/// the model does not cover are left out, since Cilium would write something.
fn waiting(
    question: &Question<'_>,
    cluster: &BTreeMap<Key, Value>,
    outcome: &Outcome,
    uncovered: &BTreeSet<&str>,
) -> Vec<Value> {
    let later = holds(question.version, Behaviour::LayerFourRoutes);
    let is_shown = |kind: &str| match kind {
        "Gateway" | "HTTPRoute" | "GRPCRoute" | "TLSRoute" => true,
        "TCPRoute" | "UDPRoute" => later,
        _ => false,
    };
    let judged = |(_, kind, namespace, name): &Key| {
        outcome.statuses.iter().any(|update| {
            update.kind == *kind
                && update.name == *name
                && update.namespace.as_ref() == Some(namespace)
        })
    };
    if uncovered.iter().any(|one| one.starts_with("Cilium ")) {
        return Vec::new();
    }
    cluster
        .iter()
        .filter(|(key, _)| key.0 == GROUP && is_shown(&key.1) && !judged(key))
        .filter(|(_, object)| !uncovered.contains(identity(object).as_str()))
        .map(|(_, object)| {
            let mut object = object.clone();
            gateproof_core::gateway_api::default(&mut object);
            object
        })
        .collect()
}

/// Gateways that Cilium leaves alone, which looks like forgetting them.
fn ignored_gateways(question: &Question<'_>, resources: &Resources) -> Vec<String> {
    if !question.config.gateway_api || !question.config.kube_proxy_replacement {
        return Vec::new();
    }
    let mut notes = Vec::new();
    for gateway in resources.gateways.values() {
        let class = &gateway.spec.gateway_class_name;
        let why = match resources.classes.get(class) {
            None => format!("its GatewayClass `{class}` does not exist"),
            Some(found) if found.controller != crate::reconcile::CONTROLLER => {
                format!("its GatewayClass `{class}` belongs to {}", found.controller)
            }
            Some(_) => continue,
        };
        notes.push(format!("Cilium ignores Gateway {}: {why}", gateway.name));
    }
    notes
}

fn key(object: &Value) -> Key {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    (
        group.to_owned(),
        text("/kind").to_owned(),
        text("/metadata/namespace").to_owned(),
        text("/metadata/name").to_owned(),
    )
}

fn service_key(name: &NamespacedName) -> Key {
    (String::new(), "Service".to_owned(), name.namespace.clone(), name.name.clone())
}

fn is_service(object: &Value) -> bool {
    object["kind"] == "Service" && object["apiVersion"] == "v1"
}

fn is_load_balanced(object: &Value) -> bool {
    is_service(object) && object["spec"]["type"] == "LoadBalancer"
}

fn has_ingress(service: &Value) -> bool {
    service.pointer("/status/loadBalancer/ingress").is_some()
}

#[cfg(test)]
mod tests;
