//! Resources: the Kubernetes objects the model reads, parsed once from their JSON.
//!
//! Defaults that the Gateway API's CRDs fill in are filled in here too, so that raw manifests and
//! objects from a live API read alike. Fields the model does not read are remembered with their
//! object, because ignoring them silently would make a wrong prediction look like a right one.

pub(crate) mod backend_tls;
pub(crate) mod class_config;
pub(crate) mod core;
pub(crate) mod endpoint_slice;
pub(crate) mod gateway;
pub(crate) mod grpc_route;
pub(crate) mod http_route;
pub(crate) mod layer_four_route;
pub(crate) mod listener_set;
pub(crate) mod meta;
pub(crate) mod pool;
pub(crate) mod route;
pub(crate) mod route_object;
pub(crate) mod service_import;
mod shape;
pub(crate) mod tls_route;

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::NamespacedName;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::backend_tls::{BackendTlsPolicy, ConfigMap};
use self::class_config::ClassConfig;
use self::core::{Namespace, Node, Secret, Service};
use self::endpoint_slice::ReadyPort;
use self::gateway::{Gateway, GatewayClass, ReferenceGrant};
use self::grpc_route::GrpcRoute;
use self::http_route::HttpRoute;
use self::layer_four_route::LayerFourRoute;
use self::listener_set::ListenerSet;
use self::meta::Object;
pub use self::meta::identity;
use self::pool::Pool;
use self::route::Route;
use self::service_import::ServiceImport;
use self::shape::unread_fields;
use self::tls_route::TlsRoute;

/// The objects of a cluster, as far as the model reads them.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    pub(crate) classes: BTreeMap<String, GatewayClass>,
    pub(crate) class_configs: BTreeMap<NamespacedName, ClassConfig>,
    pub(crate) gateways: BTreeMap<NamespacedName, Gateway>,
    pub(crate) routes: BTreeMap<NamespacedName, HttpRoute>,
    pub(crate) grpc_routes: BTreeMap<NamespacedName, GrpcRoute>,
    pub(crate) tls_routes: BTreeMap<NamespacedName, TlsRoute>,
    pub(crate) tcp_routes: BTreeMap<NamespacedName, LayerFourRoute>,
    pub(crate) udp_routes: BTreeMap<NamespacedName, LayerFourRoute>,
    pub(crate) service_imports: BTreeMap<NamespacedName, ServiceImport>,
    pub(crate) service_import_definition: Definition,
    pub(crate) backend_tls_policies: BTreeMap<NamespacedName, BackendTlsPolicy>,
    pub(crate) config_maps: BTreeMap<NamespacedName, ConfigMap>,
    pub(crate) grants: Vec<ReferenceGrant>,
    pub(crate) services: BTreeMap<NamespacedName, Service>,
    pub(crate) secrets: BTreeMap<NamespacedName, Secret>,
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) pools: BTreeMap<String, Pool>,
    pub(crate) listener_sets: BTreeMap<NamespacedName, ListenerSet>,
    pub(crate) ready_ports: BTreeSet<ReadyPort>,
}

/// Whether a CustomResourceDefinition is known to be installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Definition {
    /// Nothing shows it.
    #[default]
    NotSeen,
    /// It is there itself, or an object of its kind is.
    Installed,
}

/// An object that was not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// `Kind namespace/name`, as far as the object says.
    pub object: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why an object was not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// The model has no use for this kind.
    NotRead,
    /// The object is not what its kind says: the parser's message.
    Broken(String),
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reason {
            SkipReason::NotRead => write!(f, "{}: the model does not read this kind", self.object),
            SkipReason::Broken(why) => write!(
                f,
                "{}: cannot be read ({why}); compare it with what `kubectl explain` says of the kind",
                self.object
            ),
        }
    }
}

impl Resources {
    /// Reads objects. Those of kinds the model does not read are skipped and listed; broken ones
    /// are listed with the reason.
    pub fn from_objects<'a>(objects: impl IntoIterator<Item = &'a Value>) -> (Self, Vec<Skipped>) {
        let mut resources = Self::default();
        let mut skipped = Vec::new();
        for value in objects {
            let identity = identity(value);
            match resources.read(value) {
                Ok(true) => {}
                Ok(false) => {
                    skipped.push(Skipped { object: identity, reason: SkipReason::NotRead });
                }
                Err(error) => skipped.push(Skipped {
                    object: identity,
                    reason: SkipReason::Broken(error.to_string()),
                }),
            }
        }
        skipped.sort();
        (resources, skipped)
    }

    /// Reads one object; `false` when its kind is of no use.
    fn read(&mut self, value: &Value) -> Result<bool, serde_json::Error> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let (group, kind) =
            (text("apiVersion").split_once('/').map_or("", |(g, _)| g), text("kind"));
        match (group, kind) {
            ("gateway.networking.k8s.io", "GatewayClass") => {
                let object: Object<_> = parse(value)?;
                self.classes.insert(object.metadata.name.clone(), object.into());
            }
            ("gateway.networking.k8s.io", "Gateway") => {
                let mut gateway: Gateway = Object::into(parse(value)?);
                gateway.unread = unread_fields(value.get("spec"), &gateway::SHAPE);
                self.gateways.insert(gateway.name.clone(), gateway);
            }
            ("gateway.networking.k8s.io", "ListenerSet") => {
                let mut set: ListenerSet = Object::into(parse(value)?);
                set.unread = unread_fields(value.get("spec"), &listener_set::SHAPE);
                self.listener_sets.insert(set.name.clone(), set);
            }
            ("gateway.networking.k8s.io", "HTTPRoute") => {
                let mut route: HttpRoute = Object::into(parse(value)?);
                route.unread = unread_fields(value.get("spec"), &http_route::SHAPE);
                self.routes.insert(route.name.clone(), route);
            }
            ("gateway.networking.k8s.io", "GRPCRoute") => {
                let mut route: GrpcRoute = Object::into(parse(value)?);
                route.unread = unread_fields(value.get("spec"), &grpc_route::SHAPE);
                self.grpc_routes.insert(route.name.clone(), route);
            }
            ("gateway.networking.k8s.io", "TLSRoute") => {
                let mut route: TlsRoute = Object::into(parse(value)?);
                route.unread = unread_fields(value.get("spec"), &tls_route::SHAPE);
                self.tls_routes.insert(route.name.clone(), route);
            }
            ("gateway.networking.k8s.io", "TCPRoute" | "UDPRoute") => {
                let mut route: LayerFourRoute = Object::into(parse(value)?);
                route.unread = unread_fields(value.get("spec"), &layer_four_route::SHAPE);
                let routes =
                    if kind == "TCPRoute" { &mut self.tcp_routes } else { &mut self.udp_routes };
                routes.insert(route.name.clone(), route);
            }
            ("gateway.networking.k8s.io", "BackendTLSPolicy") => {
                let policy: BackendTlsPolicy = Object::into(parse(value)?);
                self.backend_tls_policies.insert(policy.name.clone(), policy);
            }
            ("", "ConfigMap") => {
                let found = ConfigMap::from_value(&parse::<Object<Value>>(value)?.metadata, value);
                self.config_maps.insert(found.name.clone(), found);
            }
            ("multicluster.x-k8s.io", "ServiceImport") => {
                let import = ServiceImport::from(parse::<Object<Value>>(value)?.metadata);
                self.service_import_definition = Definition::Installed;
                self.service_imports.insert(import.name.clone(), import);
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition")
                if value.pointer("/metadata/name").and_then(Value::as_str)
                    == Some("serviceimports.multicluster.x-k8s.io") =>
            {
                self.service_import_definition = Definition::Installed;
            }
            ("gateway.networking.k8s.io", "ReferenceGrant") => {
                self.grants.push(Object::into(parse(value)?));
            }
            ("", "Service") => {
                let service: Service = Service::from_object(parse(value)?, value)?;
                self.services.insert(service.name.clone(), service);
            }
            ("discovery.k8s.io", "EndpointSlice") => {
                self.ready_ports.extend(endpoint_slice::ready_ports(value));
            }
            ("", "Secret") => {
                let secret = Secret::from_value(&parse::<Object<Value>>(value)?.metadata, value);
                self.secrets.insert(secret.name.clone(), secret);
            }
            ("", "Namespace") => {
                let object: Object<Value> = parse(value)?;
                let name = object.metadata.name;
                self.namespaces.insert(name.clone(), Namespace::new(name, object.metadata.labels));
            }
            ("", "Node") => {
                let node = Node::from_value(parse::<Object<Value>>(value)?.metadata, value)?;
                self.nodes.insert(node.name.as_str().to_owned(), node);
            }
            ("cilium.io", "CiliumGatewayClassConfig") => {
                let mut config: ClassConfig = Object::into(parse(value)?);
                config.unread = unread_fields(value.get("spec"), &class_config::SHAPE);
                self.class_configs.insert(config.name.clone(), config);
            }
            ("cilium.io", "CiliumLoadBalancerIPPool") => {
                let pool: Pool = Object::into(parse(value)?);
                self.pools.insert(pool.name.clone(), pool);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Resources {
    /// Every route of a modelled kind, by kind, namespace and name.
    pub(crate) fn all_routes(&self) -> impl Iterator<Item = Route<'_>> {
        let http = self.routes.values().map(Route::Http);
        let grpc = self.grpc_routes.values().map(Route::Grpc);
        let tls = self.tls_routes.values().map(Route::Tls);
        let tcp = self.tcp_routes.values().map(Route::Tcp);
        let udp = self.udp_routes.values().map(Route::Udp);
        http.chain(grpc).chain(tls).chain(tcp).chain(udp)
    }
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    T::deserialize(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Resources, SkipReason};

    #[test]
    fn kinds_without_use_are_listed_and_not_an_error() {
        let (_, skipped) = Resources::from_objects([&json!({
            "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "x", "namespace": "y"}
        })]);
        assert_eq!(skipped[0].object, "LimitRange y/x");
        assert_eq!(skipped[0].reason, SkipReason::NotRead);
    }

    #[test]
    fn a_broken_object_is_listed_with_the_reason_and_the_others_are_read() {
        let broken = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "g", "namespace": "n"},
            "spec": {"gatewayClassName": "cilium", "listeners": [{"name": "http", "port": "eighty", "protocol": "HTTP"}]}
        });
        let fine = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
        let (resources, skipped) = Resources::from_objects([&broken, &fine]);
        assert_eq!(resources.namespaces.len(), 1);
        let message = skipped[0].to_string();
        assert!(message.starts_with("Gateway n/g: cannot be read"), "{message}");
        assert!(message.contains("eighty"), "the message shows what was found: {message}");
    }

    #[test]
    fn fields_nobody_reads_are_remembered() {
        let gateway = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "g", "namespace": "n"},
            "spec": {"gatewayClassName": "cilium", "listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP", "tls": {"frontendValidation": {}}}]}
        });
        let (resources, _) = Resources::from_objects([&gateway]);
        let gateway = resources.gateways.values().next().expect("one Gateway");
        assert_eq!(gateway.unread, ["listeners[0].tls.frontendValidation"]);
    }
}
