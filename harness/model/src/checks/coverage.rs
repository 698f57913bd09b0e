//! What a Gateway asks for that the model does not cover. Such a Gateway gets no prediction at
//! all: a partial one would be wrong in ways nobody sees.

use std::collections::{BTreeMap, BTreeSet};

use super::listener::supported_kinds;
use crate::facts::Behaviour;
use crate::resources::gateway::{Gateway, GatewayClass, Listener};
use crate::{Input, Unmodelled};

/// Everything about a Gateway of this class that is not covered.
pub(crate) fn gateway_limits(
    input: &Input<'_>,
    gateway: &Gateway,
    class: &GatewayClass,
) -> Vec<Unmodelled> {
    let mut what: Vec<String> =
        gateway.unread.iter().map(|field| format!("field spec.{field}")).collect();
    if class.parameters.is_some() {
        what.push(format!("the parameters of its GatewayClass {}", class.name));
    }
    for other in &input.resources.others {
        if other.kind.ends_with("ListenerSet") && other.gateways.contains(&gateway.name) {
            what.push(format!("the attached {}", other.object));
        }
    }
    for listener in &gateway.spec.listeners {
        listener_limits(input, listener, &mut what);
    }
    port_limits(input, gateway, &mut what);
    certificate_limits(gateway, &mut what);
    what.into_iter().map(|what| Unmodelled::new(gateway.object(), what)).collect()
}

fn listener_limits(input: &Input<'_>, listener: &Listener, what: &mut Vec<String>) {
    let name = &listener.name;
    match (listener.protocol.as_str(), &listener.tls) {
        ("HTTP", None) => {}
        ("HTTPS", Some(tls)) if tls.mode.as_deref().is_none_or(|mode| mode == "Terminate") => {
            if tls.certificate_refs.len() != 1 {
                // Several chains with the same server names; which one Envoy takes was not seen.
                what.push(format!(
                    "listener {name} with {} certificates",
                    tls.certificate_refs.len()
                ));
            }
        }
        (protocol, _) => {
            what.push(format!("listener {name} of protocol {protocol} with this tls section"));
        }
    }
    let kinds = supported_kinds(input);
    let unknown =
        listener.allowed_routes.kinds.iter().any(|kind| !kinds.contains(&kind.kind.as_str()));
    if unknown && !input.holds(Behaviour::ListenerConflicts) {
        // The words of older versions were not read.
        what.push(format!("listener {name} that allows kinds of routes it does not support"));
    }
}

fn port_limits(input: &Input<'_>, gateway: &Gateway, what: &mut Vec<String>) {
    let listeners = &gateway.spec.listeners;
    let https: BTreeSet<u16> =
        listeners.iter().filter(|listener| listener.protocol == "HTTPS").map(|l| l.port).collect();
    if https.len() > 1 && input.holds(Behaviour::ListenerPerHttpsPort) {
        what.push(
            "several HTTPS ports, which this version gives listeners of their own".to_owned(),
        );
    }
    if input.holds(Behaviour::ListenerConflicts)
        && listeners
            .iter()
            .any(|listener| listener.protocol == "HTTP" && https.contains(&listener.port))
    {
        what.push("HTTP and HTTPS listeners on one port".to_owned());
    }
    let mut seen = BTreeSet::new();
    for listener in listeners {
        if !seen.insert((listener.port, &listener.protocol, listener.hostname())) {
            what.push(format!("listener {}, which repeats another one", listener.name));
        }
    }
}

/// Chains for the same server name with different certificates are refused by Envoy, and the old
/// configuration stays: a state the model cannot know.
fn certificate_limits(gateway: &Gateway, what: &mut Vec<String>) {
    let mut by_host: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for listener in &gateway.spec.listeners {
        for certificate in listener.tls.iter().flat_map(|tls| &tls.certificate_refs) {
            by_host
                .entry(listener.hostname().unwrap_or("*"))
                .or_default()
                .insert(certificate.secret(&gateway.name.namespace).to_string());
        }
    }
    for (host, secrets) in by_host {
        if secrets.len() > 1 {
            what.push(format!("several certificates for host {host}"));
        }
    }
}
