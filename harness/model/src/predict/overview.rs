//! A prediction in words: for every Gateway its conditions, listeners, sockets and where requests
//! go, for tables and for comparing versions.
//!
//! Made from the prediction alone; nothing is decided here.

mod routing;
mod sockets;

use gateproof_core::name::NamespacedName;
use serde::Serialize;
use serde_json::Value;

use super::{Prediction, Question};
use crate::translation::names;

pub use routing::{Entry, Host, RouteLine};
pub use sockets::{Does, Socket};

/// A Gateway of Cilium, as it was predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayOverview {
    /// `namespace/name`.
    pub name: String,
    /// Its class.
    pub class: String,
    /// The Service made for it, if one was made.
    pub service: Option<ServiceOverview>,
    /// The addresses in its status.
    pub addresses: Vec<String>,
    /// The conditions in its status.
    pub conditions: Vec<Condition>,
    /// Its listeners and those of its ListenerSets.
    pub listeners: Vec<ListenerOverview>,
    /// The grid of sockets, sorted.
    pub sockets: Vec<Socket>,
    /// Where requests go, by the way they come in.
    pub routing: Vec<Entry>,
    /// Routes that name it or a ListenerSet of it, with what is wrong with them.
    pub routes: Vec<RouteOverview>,
}

/// The Service of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceOverview {
    /// `namespace/name`.
    pub name: String,
    /// `spec.type`.
    pub kind: String,
    /// `spec.externalTrafficPolicy`, if it has one.
    pub traffic_policy: Option<String>,
}

/// A condition of a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its type, such as `Programmed`.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// A listener of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerOverview {
    /// Its name, with the ListenerSet it is of if it is of one.
    pub name: String,
    /// Its port.
    pub port: u64,
    /// Its protocol.
    pub protocol: String,
    /// Its host name; none takes any.
    pub hostname: Option<String>,
    /// `attachedRoutes` of its status; none when it has no status.
    pub attached: Option<u64>,
    /// Conditions that are not true.
    pub problems: Vec<Condition>,
}

/// A route that names a Gateway or one of its ListenerSets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteOverview {
    /// Such as `HTTPRoute apps/web`, with the ListenerSet it names if it names one.
    pub name: String,
    /// Which listener it asks for, if it does.
    pub section: Option<String>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

impl RouteOverview {
    /// Conditions that are not true.
    pub fn problems(&self) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(|condition| condition.status != "True")
    }
}

/// Puts a prediction into words.
pub fn overview(question: &Question<'_>, prediction: &Prediction) -> Vec<GatewayOverview> {
    let statuses = prediction.objects.iter().filter(|object| object["kind"] == "Gateway");
    let sockets = sockets::all(question, prediction);
    statuses.map(|gateway| of_gateway(prediction, gateway, &sockets)).collect()
}

fn of_gateway(
    prediction: &Prediction,
    status: &Value,
    sockets: &[(NamespacedName, Socket)],
) -> GatewayOverview {
    let name = name_of(status);
    let applied = prediction.find("Gateway", &name).unwrap_or(status);
    GatewayOverview {
        class: text(applied, "/spec/gatewayClassName"),
        service: service(prediction, &name),
        addresses: list(status, "/status/addresses").map(|one| text(one, "/value")).collect(),
        conditions: conditions(status, "/status/conditions"),
        listeners: listeners(prediction, &name, applied, status),
        sockets: sockets
            .iter()
            .filter(|(gateway, _)| *gateway == name)
            .map(|(_, socket)| socket.clone())
            .collect(),
        routing: prediction
            .outcome
            .envoy
            .iter()
            .filter(|config| config.gateway == name)
            .flat_map(routing::entries)
            .collect(),
        routes: routes(prediction, &name),
        name: name.to_string(),
    }
}

/// The listeners of a Gateway, then those of ListenerSets that it let attach.
fn listeners(
    prediction: &Prediction,
    gateway: &NamespacedName,
    applied: &Value,
    status: &Value,
) -> Vec<ListenerOverview> {
    let own = list(applied, "/spec/listeners").map(|listener| of_listener(listener, status));
    let mut listeners: Vec<ListenerOverview> = own.collect();
    for set in prediction.objects.iter().filter(|object| object["kind"] == "ListenerSet") {
        let name = name_of(set);
        let Some(applied) = prediction.find("ListenerSet", &name) else { continue };
        let is_told = list(set, "/status/listeners").next().is_some();
        if !is_told || !is_for(prediction, &name, gateway) {
            continue;
        }
        listeners.extend(list(applied, "/spec/listeners").map(|listener| {
            let overview = of_listener(listener, set);
            ListenerOverview {
                name: format!("{} of ListenerSet {name}", overview.name),
                ..overview
            }
        }));
    }
    listeners
}

/// Whether a ListenerSet is for a Gateway.
fn is_for(prediction: &Prediction, set: &NamespacedName, gateway: &NamespacedName) -> bool {
    prediction.resources.listener_sets.get(set).is_some_and(|set| set.gateway == *gateway)
}

fn service(prediction: &Prediction, gateway: &NamespacedName) -> Option<ServiceOverview> {
    let name = names::service(gateway);
    let made = |object: &&Value| object["kind"] == "Service" && name_of(object) == name;
    let service = prediction.objects.iter().find(made)?;
    let policy = text(service, "/spec/externalTrafficPolicy");
    Some(ServiceOverview {
        kind: text(service, "/spec/type"),
        traffic_policy: (!policy.is_empty()).then_some(policy),
        name: name.to_string(),
    })
}

fn of_listener(listener: &Value, gateway: &Value) -> ListenerOverview {
    let name = text(listener, "/name");
    let status = list(gateway, "/status/listeners").find(|one| one["name"] == listener["name"]);
    let hostname = text(listener, "/hostname");
    let problems = status.map(|status| conditions(status, "/conditions")).unwrap_or_default();
    ListenerOverview {
        name,
        port: listener["port"].as_u64().unwrap_or_default(),
        protocol: text(listener, "/protocol"),
        hostname: (!hostname.is_empty()).then_some(hostname),
        attached: status.and_then(|status| status["attachedRoutes"].as_u64()),
        problems: problems.into_iter().filter(is_a_problem).collect(),
    }
}

/// `Conflicted` and `OverlappingTLSConfig` are good when they are false.
fn is_a_problem(condition: &Condition) -> bool {
    let good = match condition.kind.as_str() {
        "Conflicted" | "OverlappingTLSConfig" => "False",
        _ => "True",
    };
    condition.status != good
}

fn routes(prediction: &Prediction, gateway: &NamespacedName) -> Vec<RouteOverview> {
    let mut routes = Vec::new();
    for object in prediction.objects.iter().filter(|object| is_route(object)) {
        let name = name_of(object);
        for parent in list(object, "/status/parents") {
            let reference = &parent["parentRef"];
            let namespace = reference["namespace"].as_str().unwrap_or(&name.namespace).to_owned();
            let section = text(reference, "/sectionName");
            let of_cilium = parent["controllerName"] == crate::reconcile::CONTROLLER;
            let kind = reference["kind"].as_str().unwrap_or("Gateway");
            let parent_name = NamespacedName::new(namespace, text(reference, "/name"));
            let through = match kind {
                "Gateway" if parent_name == *gateway => String::new(),
                "ListenerSet" if is_for(prediction, &parent_name, gateway) => {
                    format!(" through ListenerSet {parent_name}")
                }
                _ => continue,
            };
            if of_cilium {
                routes.push(RouteOverview {
                    name: format!("{} {name}{through}", text(object, "/kind")),
                    section: (!section.is_empty()).then_some(section),
                    conditions: conditions(parent, "/conditions"),
                });
            }
        }
    }
    routes
}

fn is_route(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.ends_with("Route"))
}

fn conditions(value: &Value, pointer: &str) -> Vec<Condition> {
    list(value, pointer)
        .map(|condition| Condition {
            kind: text(condition, "/type"),
            status: text(condition, "/status"),
            reason: text(condition, "/reason"),
            message: text(condition, "/message"),
        })
        .collect()
}

fn name_of(object: &Value) -> NamespacedName {
    NamespacedName::new(text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests;
