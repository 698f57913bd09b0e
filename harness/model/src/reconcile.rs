//! Reconciliation: what Cilium's operator makes of the resources, all at once: objects, statuses,
//! Envoy configurations, copied Secrets.
//!
//! A fixed point, not a controller: nothing is compared with what was there before. Where the
//! operator stops early it leaves older objects alone; the outcome then names the Gateway in
//! [`Outcome::left_alone`] instead of listing objects. Condition timestamps are the caller's.

mod class;
mod ending;
mod features;
mod listener_sets;
mod policies;
mod routes;
mod status;

use std::collections::BTreeMap;

use gateproof_core::name::NamespacedName;
use serde_json::Value;

use self::ending::Ending;
use self::policies::Ancestors;
use self::routes::Judged;
use crate::checks::backend_tls::Policies;
use crate::checks::coverage::gateway_limits;
use crate::checks::listener::check_all;
use crate::checks::source::{Source, Sources};
use crate::facts::{Behaviour, covers};
use crate::ingestion::layer_four::{self, LayerFourListener};
use crate::ingestion::{HttpListener, ingest, passthrough, served};
use crate::resources::class_config::{ClassConfig, ServiceParameters};
use crate::resources::gateway::{Gateway, GatewayClass};
use crate::translation::config::Served;
use crate::translation::envoy::EnvoyConfig;
use crate::translation::objects::{Balancing, ServicePort};
use crate::translation::{config, endpoint_slices, names, objects, render};
use crate::{Input, Unmodelled};

/// The name Cilium's operator answers to.
pub const CONTROLLER: &str = "io.cilium/gateway-controller";

/// What the operator makes of the resources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Desired Services, placeholder endpoints and CiliumEnvoyConfigs, sorted by kind, namespace
    /// and name; without fields that the API server fills in.
    pub objects: Vec<Value>,
    /// Statuses, sorted by kind, namespace and name.
    pub statuses: Vec<StatusUpdate>,
    /// The configuration of Envoy, one for each Gateway that has one, sorted by Gateway.
    pub envoy: Vec<EnvoyConfig>,
    /// Secrets that are copied for Envoy, sorted by source.
    pub synced_secrets: Vec<SyncedSecret>,
    /// Gateways for which the operator stopped before it wrote objects: whatever it wrote earlier
    /// stays and must not be removed.
    pub left_alone: Vec<NamespacedName>,
    /// Gateways that are nobody's or another controller's, whose objects the operator removes if
    /// any are there from before.
    pub given_up: Vec<GivenUp>,
    /// What the model does not cover, sorted. Gateways named here have no objects; they have a
    /// status only if they are also left alone.
    pub unmodelled: Vec<Unmodelled>,
}

/// A Gateway whose objects the operator removes. It removes only those that the Gateway controls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GivenUp {
    /// The Gateway.
    pub gateway: NamespacedName,
    /// The name of the Service, which EndpointSlices are labelled with, and of the
    /// CiliumEnvoyConfig.
    pub objects: NamespacedName,
}

/// The status of one object, as the operator writes it.
///
/// A route's holds only the parents of Cilium; those of other controllers stay.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusUpdate {
    /// Such as `gateway.networking.k8s.io/v1`.
    pub api_version: String,
    /// GatewayClass, CiliumGatewayClassConfig, Gateway, ListenerSet, a route or BackendTLSPolicy.
    pub kind: String,
    /// The namespace, unless the kind has none.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The status.
    pub status: Value,
}

/// A Secret that is copied into the namespace Envoy's certificates come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncedSecret {
    /// The Secret a Gateway names.
    pub source: NamespacedName,
    /// Its copy.
    pub copy: NamespacedName,
}

/// Works out what the operator makes of the resources.
pub fn reconcile(input: &Input<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    if !covers(input.version) {
        outcome
            .unmodelled
            .push(Unmodelled::new(format!("Cilium {}", input.version), "this version"));
        return outcome;
    }
    if !input.config.gateway_api || !input.config.kube_proxy_replacement {
        return outcome;
    }
    for class in own_classes(input) {
        class::reconcile(input, class, &mut outcome);
    }
    for config in input.resources.class_configs.values() {
        class::reconcile_config(input, config, &mut outcome);
    }
    let gateways = own_gateways(input, &mut outcome);
    let judged = routes::judge_routes(input, &mut outcome);
    let mut ancestors = Ancestors::default();
    for gateway in gateways.values() {
        reconcile_gateway(input, gateway, &judged, &mut ancestors, &mut outcome);
    }
    ancestors.write(&mut outcome);
    sync_secrets(input, &gateways, &mut outcome);
    sort(&mut outcome);
    outcome
}

fn own_classes<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a GatewayClass> {
    input.resources.classes.values().filter(|class| class.controller == CONTROLLER)
}

/// The class of a Gateway, if it is an own one.
fn own_class<'a>(input: &Input<'a>, gateway: &Gateway) -> Option<&'a GatewayClass> {
    own_classes(input).find(|class| class.name == gateway.spec.gateway_class_name)
}

/// The parameters of a class, where this version reads any and they exist.
fn parameters<'a>(input: &Input<'a>, class: &GatewayClass) -> Option<&'a ClassConfig> {
    let reference = class.parameters.as_ref().filter(|reference| reference.is_class_config())?;
    input.holds(Behaviour::ClassConfig).then_some(())?;
    input.resources.class_configs.get(&reference.full_name()?)
}

/// Gateways of own classes that the model covers. A Gateway of an absent or foreign class gets
/// nothing; whether it loses what it had goes by version.
fn own_gateways<'a>(
    input: &Input<'a>,
    outcome: &mut Outcome,
) -> BTreeMap<&'a NamespacedName, &'a Gateway> {
    let mut own = BTreeMap::new();
    for gateway in input.resources.gateways.values() {
        let Some(class) = own_class(input, gateway) else {
            if input.holds(Behaviour::CleansUpWithoutClass) {
                outcome.given_up.push(GivenUp {
                    gateway: gateway.name.clone(),
                    objects: names::service(&gateway.name),
                });
            }
            continue;
        };
        let limits = gateway_limits(input, gateway, class);
        if limits.is_empty() {
            own.insert(&gateway.name, gateway);
        } else {
            outcome.unmodelled.extend(limits);
        }
    }
    own
}

fn reconcile_gateway<'a>(
    input: &Input<'a>,
    gateway: &'a Gateway,
    judged: &Judged<'a>,
    ancestors: &mut Ancestors<'a>,
    outcome: &mut Outcome,
) {
    let sources = Sources::of(input, gateway);
    let routes = judged.attached(input, gateway, &sources.attached);
    let policies = Policies::judge(input, &routes, &mut outcome.unmodelled);
    let Some(class) = own_class(input, gateway) else { return };
    let parameters = parameters(input, class);
    let service_parameters = parameters.and_then(|config| config.spec.service.as_ref());
    let checked = check_all(input, &sources);
    let Some((own, sets)) = checked.split_first() else { return };
    let ending = match ending::ending(input, gateway, class, service_parameters, &own.validities) {
        Ok(ending) => ending,
        Err(limit) => return outcome.unmodelled.push(limit),
    };
    let attached_sets = match ending {
        Ending::Refused(_) => 0,
        Ending::NoValidListener => {
            if !input.holds(Behaviour::ListenerSetsToldLast) {
                listener_sets::refuse(&sources.refused, outcome);
            }
            0
        }
        _ => {
            listener_sets::refuse(&sources.refused, outcome);
            listener_sets::accept(input, (gateway, &sources.attached), sets, judged, outcome)
        }
    };
    if !matches!(ending, Ending::Refused(_)) {
        ancestors.add(input, &gateway.name, &policies);
    }
    outcome.statuses.push(StatusUpdate {
        api_version: "gateway.networking.k8s.io/v1".to_owned(),
        kind: "Gateway".to_owned(),
        namespace: Some(gateway.name.namespace.clone()),
        name: gateway.name.name.clone(),
        status: status::gateway(
            input,
            gateway,
            (&ending, &own.validities),
            (&judged.attached(input, gateway, &[]), attached_sets),
        ),
    });
    if !matches!(ending, Ending::Reconciled { .. }) {
        outcome.left_alone.push(gateway.name.clone());
        if input.resources.services.contains_key(&names::service(&gateway.name)) {
            outcome.unmodelled.push(Unmodelled::new(
                gateway.object(),
                "traffic of objects that were made before it became invalid",
            ));
        }
        return;
    }
    let written = served(input, &checked);
    let listeners = ingest(input, &written, &routes, &policies, &mut outcome.unmodelled);
    let direct = layer_four::ingest(input, &written, &routes, &mut outcome.unmodelled);
    let service = service(input, gateway, service_parameters, (&listeners, &direct));
    let slices = endpoint_slices::desired(input, gateway, &direct, &service);
    outcome.objects.push(service);
    if slices.is_empty() && !listeners.is_empty() {
        outcome.objects.push(objects::placeholder(input, gateway, service_parameters));
    }
    outcome.objects.extend(slices);
    let passthrough = passthrough::ingest(input, &written, &routes, &mut outcome.unmodelled);
    let served = Served { http: &listeners, passthrough: &passthrough };
    if let Some(config) = config::build(input, gateway, served, &mut outcome.unmodelled) {
        outcome.objects.push(render::envoy_config(input, gateway, parameters, &config));
        outcome.envoy.push(config);
    }
}

/// The Service with the ports of all listeners.
fn service(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ServiceParameters>,
    (listeners, direct): (&[HttpListener], &[LayerFourListener]),
) -> Value {
    let mut ports: Vec<ServicePort> =
        listeners.iter().map(|listener| ServicePort::tcp(listener.port)).collect();
    ports.extend(
        direct
            .iter()
            .map(|listener| ServicePort { port: listener.port, transport: listener.transport }),
    );
    // The CRD gives every backend a weight.
    let weighted = direct.iter().any(|listener| !listener.backends.is_empty());
    let balancing = if weighted { Balancing::ByWeight } else { Balancing::Usual };
    objects::service(input, gateway, parameters, ports, balancing)
}

/// Every existing Secret that a listener of an own Gateway names is copied, whether a grant permits
/// the listener to use it or not.
fn sync_secrets(
    input: &Input<'_>,
    gateways: &BTreeMap<&NamespacedName, &Gateway>,
    outcome: &mut Outcome,
) {
    if !input.config.secrets_sync {
        return;
    }
    for gateway in gateways.values() {
        for source in certificates(input, Source::from(*gateway)) {
            let copy = names::secret_copy(input, &source);
            outcome.synced_secrets.push(SyncedSecret { source, copy });
        }
    }
    if input.holds(Behaviour::LayerFourRoutes) {
        listener_sets::sync_secrets(input, gateways, outcome);
    }
}

/// The existing Secrets that listeners name.
fn certificates(input: &Input<'_>, source: Source<'_>) -> Vec<NamespacedName> {
    let listeners = source.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let named = listeners.flat_map(|tls| &tls.certificate_refs).filter(|found| found.is_secret());
    let named = named.map(|certificate| certificate.secret(source.namespace()));
    named.filter(|secret| input.resources.secrets.contains_key(secret)).collect()
}

fn sort(outcome: &mut Outcome) {
    let text = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    outcome.objects.sort_by_key(|object| {
        (text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"))
    });
    outcome
        .statuses
        .sort_by(|a, b| (&a.kind, &a.namespace, &a.name).cmp(&(&b.kind, &b.namespace, &b.name)));
    outcome.given_up.sort();
    outcome.synced_secrets.sort();
    outcome.synced_secrets.dedup();
    outcome.unmodelled.sort();
    outcome.unmodelled.dedup();
}

#[cfg(test)]
mod tests;
