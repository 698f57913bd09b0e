//! A prediction taken apart into single statements, each with a key that both versions share.
//!
//! What only words change (a message with the same reason) is no facet: the objects' difference
//! has it.

use std::collections::BTreeMap;

use gateproof_core::exposure::PortRole;

use crate::predict::overview::{Condition, Does, Entry, GatewayOverview, Socket};

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Such as `Gateway apps/web`.
    pub(super) subject: String,
    /// Where it comes among the statements about its subject.
    rank: u8,
    /// Such as `Service type`.
    pub(super) what: String,
}

/// Statements by key.
pub(super) type Facets = BTreeMap<Key, String>;

/// The rank of statements about the order of routes.
const ORDER: u8 = 8;

/// Divides routes where their order is told.
const THEN: &str = ", then ";

impl Key {
    /// Whether two values of this key say that something changes. Routes in another order are a
    /// change where they are the same routes; else the routes themselves are told.
    pub(super) fn changes(&self, before: Option<&String>, after: Option<&String>) -> bool {
        let members = |value: &str| {
            let mut members: Vec<String> = value.split(THEN).map(str::to_owned).collect();
            members.sort();
            members
        };
        match (before, after) {
            (Some(before), Some(after)) if self.rank == ORDER => {
                before != after && members(before) == members(after)
            }
            (None, _) | (_, None) if self.rank == ORDER => false,
            (before, after) => before != after,
        }
    }
}

/// Divides what a socket is from the node it is on.
pub(super) const ON_NODE: &str = "\u{0}";

/// Takes all Gateways apart.
pub(super) fn facets(gateways: &[GatewayOverview]) -> Facets {
    let mut facets = Facets::new();
    for gateway in gateways {
        let subject = format!("Gateway {}", gateway.name);
        let mut add = |rank: u8, what: String, value: String| {
            facets.insert(Key { subject: subject.clone(), rank, what }, value);
        };
        for condition in &gateway.conditions {
            add(0, format!("condition {}", condition.kind), state(condition));
        }
        let addresses = gateway.addresses.join(", ");
        add(
            1,
            "addresses in the status".to_owned(),
            if addresses.is_empty() { "none".to_owned() } else { addresses },
        );
        if let Some(service) = &gateway.service {
            add(2, "Service".to_owned(), service.name.clone());
            add(3, "Service type".to_owned(), service.kind.clone());
            if let Some(policy) = &service.traffic_policy {
                add(3, "Service traffic policy".to_owned(), policy.clone());
            }
        }
        for listener in &gateway.listeners {
            if let Some(attached) = listener.attached {
                let what = format!("routes attached to listener {}", listener.name);
                add(4, what, attached.to_string());
            }
            let problems: Vec<String> = listener
                .problems
                .iter()
                .map(|problem| format!("{} {}", problem.kind, state(problem)))
                .collect();
            let problems =
                if problems.is_empty() { "none".to_owned() } else { problems.join(", ") };
            add(4, format!("problems of listener {}", listener.name), problems);
        }
        for socket in &gateway.sockets {
            add(5, format!("{}{ON_NODE}{}", socket_name(socket), socket.node), does(&socket.does));
        }
        for entry in &gateway.routing {
            routing(entry, &mut add);
        }
        for route in &gateway.routes {
            let section =
                route.section.as_ref().map_or(String::new(), |name| format!(" to listener {name}"));
            for condition in &route.conditions {
                add(7, format!("{}{section}: {}", route.name, condition.kind), state(condition));
            }
        }
    }
    facets
}

fn state(condition: &Condition) -> String {
    if condition.reason.is_empty() || condition.reason == condition.kind {
        condition.status.clone()
    } else {
        format!("{} ({})", condition.status, condition.reason)
    }
}

fn socket_name(socket: &Socket) -> String {
    match socket.role {
        PortRole::ListenerPort => {
            format!("socket of listener port {}", socket.port.unwrap_or_default())
        }
        PortRole::NodePort { listener } => format!("socket of the node port of {listener}"),
        PortRole::HealthCheckNodePort => "socket of the health-check node port".to_owned(),
    }
}

fn does(does: &Does) -> String {
    match does {
        Does::Accepts => "accepts".to_owned(),
        Does::Forwards => "forwards".to_owned(),
        Does::Answers(status) => format!("answers {status}"),
        Does::Refuses { why } => format!("refuses: {why}"),
        Does::Silent { why } => format!("silent: {why}"),
        Does::NotCovered { what } => format!("not covered: {what}"),
    }
}

/// Where requests go: by protocol, port, host and what the request must look like.
fn routing(entry: &Entry, add: &mut dyn FnMut(u8, String, String)) {
    let ports: Vec<String> = entry.ports.iter().map(ToString::to_string).collect();
    let way = format!("{} on {}", entry.protocol, ports.join(", "));
    add(6, way.clone(), "served".to_owned());
    for certificate in &entry.certificates {
        add(6, format!("{way}: certificate for {certificate}"), "offered".to_owned());
    }
    for host in &entry.hosts {
        let order: Vec<&str> = host.routes.iter().map(|route| route.when.as_str()).collect();
        add(ORDER, format!("{way}: order of routes for {}", host.name), order.join(THEN));
        for (index, route) in host.routes.iter().enumerate() {
            // The same match twice: the first one wins, and the second is another statement.
            let again = host.routes[..index].iter().filter(|one| one.when == route.when).count();
            let again = if again == 0 { String::new() } else { format!(" (again, {})", again + 1) };
            let mut value = route.goes_to.clone();
            for with in &route.with {
                value.push_str("; ");
                value.push_str(with);
            }
            add(6, format!("{way}: {} {}{again}", host.name, route.when), value);
        }
    }
}
