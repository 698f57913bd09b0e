//! What a scenario's manifests declare: Gateways with their listeners, routes, Services,
//! certificates.
//!
//! Only names and ports, for checks to refer to. Whether the objects are right in themselves is
//! not asked here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::manifest::Object;
use crate::name::NamespacedName;
use crate::source::tree::Place;

/// What the manifests of a scenario declare.
#[derive(Debug, Default)]
pub(crate) struct Inventory<'a> {
    /// Gateways by name; a Gateway that is applied several times has all its listeners.
    pub(crate) gateways: BTreeMap<NamespacedName, GatewayEntry<'a>>,
    /// HTTPRoutes.
    pub(crate) routes: BTreeSet<NamespacedName>,
    /// Services, those of backends included.
    pub(crate) services: BTreeSet<NamespacedName>,
    /// Certificates: written, or made by cert-manager for a Gateway.
    pub(crate) certificates: BTreeSet<NamespacedName>,
    /// Gateways that ask the scenario's own issuer for certificates.
    pub(crate) asking_gateways: BTreeSet<NamespacedName>,
    /// The DNS names for which the scenario's own issuer is asked.
    pub(crate) asked_names: Vec<AskedName<'a>>,
    /// Whether a manifest brings an issuer of its own.
    pub(crate) has_issuer: bool,
    /// Every Gateway API object, for steps that change or delete one: `kind namespace/name`.
    pub(crate) gateway_api_objects: BTreeSet<String>,
    /// Gateways that a step changes or that have mistakes of their own, so that their listeners
    /// cannot be known here.
    pub(crate) changed: BTreeSet<NamespacedName>,
    /// Whether some object could not be read, so that a name that is not here may well be there.
    pub(crate) incomplete: bool,
    classes: BTreeMap<String, String>,
}

/// A DNS name for which a certificate is asked.
#[derive(Debug)]
pub(crate) struct AskedName<'a> {
    /// The name.
    pub(crate) name: String,
    /// Where it was written.
    pub(crate) place: Place<'a>,
}

/// A Gateway.
#[derive(Debug)]
pub(crate) struct GatewayEntry<'a> {
    /// Its GatewayClass.
    pub(crate) class: String,
    /// Its listeners.
    pub(crate) listeners: Vec<ListenerEntry<'a>>,
}

/// A listener.
#[derive(Debug)]
pub(crate) struct ListenerEntry<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Its protocol as written.
    pub(crate) protocol: String,
    /// Its port.
    pub(crate) port: u16,
    /// Where it was written.
    pub(crate) place: Place<'a>,
}

impl ListenerEntry<'_> {
    /// Whether clients speak TLS to it.
    pub(crate) fn speaks_tls(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTPS" | "TLS")
    }

    /// Whether Envoy binds its port on the node in host-network mode (cilium/cilium 1.20:
    /// `operator/pkg/model/translation/gateway-api/translator.go`, HTTP and TLS listeners).
    pub(crate) fn binds_host_port(&self) -> bool {
        self.protocol == "HTTP" || self.speaks_tls()
    }
}

impl<'a> Inventory<'a> {
    /// Adds an object.
    pub(crate) fn add(&mut self, object: &Object<'a>) {
        let reference = &object.reference;
        let name = NamespacedName::new(
            reference.namespace.as_deref().unwrap_or("default"),
            &reference.name,
        );
        let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
        if group == GATEWAY_API {
            self.gateway_api_objects.insert(described(&reference.kind, &name));
        }
        match (group, reference.kind.as_str()) {
            (GATEWAY_API, "Gateway") => {
                if object.flawed {
                    self.changed.insert(name.clone());
                }
                self.add_gateway(name, object);
            }
            (GATEWAY_API, "GatewayClass") => {
                let controller = object.place.at(&["spec", "controllerName"]).as_text();
                self.classes
                    .insert(reference.name.clone(), controller.unwrap_or_default().to_owned());
            }
            (GATEWAY_API, "HTTPRoute") => {
                self.routes.insert(name);
            }
            ("", "Service") => {
                self.services.insert(name);
            }
            (CERT_MANAGER, "Certificate") => {
                self.certificates.insert(name);
                if object.value["spec"]["issuerRef"]["name"] == OWN_ISSUER {
                    let places = object.place.at(&["spec", "dnsNames"]).items();
                    self.asked_names.extend(places.filter_map(asked_name));
                }
            }
            (CERT_MANAGER, "Issuer" | "ClusterIssuer") => self.has_issuer = true,
            _ => {}
        }
    }

    fn add_gateway(&mut self, name: NamespacedName, object: &Object<'a>) {
        let spec = object.place.get("spec");
        self.add_certificates(&name, &object.value);
        let annotations = &object.value["metadata"]["annotations"];
        if annotations["cert-manager.io/cluster-issuer"] == OWN_ISSUER {
            self.asking_gateways.insert(name.clone());
            let listeners = spec.get("listeners").items();
            let secured = listeners.filter(|it| it.get("tls").node().is_some());
            self.asked_names.extend(secured.filter_map(|it| asked_name(it.get("hostname"))));
        }
        let class = spec.get("gatewayClassName").as_text().unwrap_or_default().to_owned();
        let entry = self
            .gateways
            .entry(name)
            .or_insert_with(|| GatewayEntry { class: String::new(), listeners: Vec::new() });
        entry.class = class;
        for place in spec.get("listeners").items() {
            let port = place
                .get("port")
                .node()
                .and_then(|node| node.to_json().as_u64())
                .and_then(|port| u16::try_from(port).ok());
            if let (Some(listener), Some(port)) = (place.get("name").as_text(), port) {
                entry.listeners.push(ListenerEntry {
                    name: listener.to_owned(),
                    protocol: place.get("protocol").as_text().unwrap_or_default().to_owned(),
                    port,
                    place,
                });
            }
        }
    }

    /// cert-manager makes a Certificate of the Secret's name for each Secret of an annotated
    /// Gateway's TLS listeners (cert-manager 1.21: `pkg/controller/certificate-shim/sync.go`).
    fn add_certificates(&mut self, gateway: &NamespacedName, object: &Value) {
        let annotations = &object["metadata"]["annotations"];
        let asks = ["cert-manager.io/issuer", "cert-manager.io/cluster-issuer"]
            .iter()
            .any(|key| annotations.get(key).is_some());
        if !asks {
            return;
        }
        for listener in object["spec"]["listeners"].as_array().into_iter().flatten() {
            for secret in listener["tls"]["certificateRefs"].as_array().into_iter().flatten() {
                if let Some(secret) = secret["name"].as_str() {
                    self.certificates.insert(NamespacedName::new(&gateway.namespace, secret));
                }
            }
        }
    }

    /// Whether Cilium owns this class: the chart's own `cilium`, or a GatewayClass among the
    /// manifests with Cilium's controller.
    pub(crate) fn is_ciliums(&self, class: &str) -> bool {
        self.classes
            .get(class)
            .map_or(class == "cilium", |controller| controller == "io.cilium/gateway-controller")
    }

    /// Gateways of Cilium.
    pub(crate) fn cilium_gateways(
        &self,
    ) -> impl Iterator<Item = (&NamespacedName, &GatewayEntry<'a>)> {
        self.gateways.iter().filter(|(_, gateway)| self.is_ciliums(&gateway.class))
    }
}

/// An object in words, as [`Inventory::gateway_api_objects`] holds it.
pub(crate) fn described(kind: &str, name: &NamespacedName) -> String {
    format!("{kind} {name}")
}

/// The group of the Gateway API.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io";
const CERT_MANAGER: &str = "cert-manager.io";

/// The ClusterIssuer of a scenario.
const OWN_ISSUER: &str = "gateproof";

fn asked_name(place: Place<'_>) -> Option<AskedName<'_>> {
    let name = place.as_text().filter(|name| !name.is_empty())?.to_owned();
    Some(AskedName { name, place })
}
