//! Whether a listener is valid: its protocol, its neighbours, its certificates and the kinds of
//! routes it allows (cilium/cilium `gateway_reconcile.go`, `validateListener` and
//! `setListenerStatus`).

mod certificate;
pub(crate) mod conflict;

pub(crate) use self::certificate::is_permitted;
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::gateway::{GROUP, Gateway, Listener, Protocol};

/// What is known of a listener before any route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Validity {
    /// Kinds of routes it supports; `None` is left out of the status.
    pub kinds: Option<Vec<&'static str>>,
    /// Why its references are not resolved, if so.
    pub refs: Option<Problem>,
    /// With which listener it is in conflict, if so.
    pub conflict: Option<Problem>,
    /// Whether it allows kinds that it does not support, whatever else is wrong with it.
    pub refuses_kinds: bool,
    /// The reason it is not accepted, when it is not.
    pub reason: &'static str,
    /// Why it is not valid, in Cilium's words; empty when it is.
    pub messages: Vec<String>,
}

/// A reason of the Gateway API and Cilium's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub reason: &'static str,
    pub message: String,
}

impl Validity {
    /// Whether the listener can be accepted.
    pub(crate) fn is_valid(&self) -> bool {
        self.messages.is_empty()
    }
}

/// Kinds of routes that listeners of a protocol support; `None` for a protocol nobody knows.
pub(crate) fn supported_kinds(
    input: &Input<'_>,
    protocol: Protocol,
) -> Option<&'static [&'static str]> {
    match protocol {
        Protocol::Http | Protocol::Https if input.holds(Behaviour::WaitsForAddress) => {
            Some(&["HTTPRoute", "GRPCRoute"])
        }
        Protocol::Http | Protocol::Https => Some(&["HTTPRoute"]),
        Protocol::Tls => Some(&["TLSRoute"]),
        Protocol::Tcp => Some(&["TCPRoute"]),
        Protocol::Udp => Some(&["UDPRoute"]),
        Protocol::Other => None,
    }
}

/// Checks all listeners of a Gateway, in order.
pub(crate) fn validate_all(input: &Input<'_>, gateway: &Gateway) -> Vec<Validity> {
    let mut conflicts = conflict::conflicts(input, &gateway.spec.listeners);
    let listeners = gateway.spec.listeners.iter();
    listeners
        .map(|listener| {
            let mut validity = validate(input, gateway, listener);
            if let Some(conflict) = conflicts.remove(listener.name.as_str()) {
                validity.messages.insert(0, conflict.message.clone());
                validity.conflict = Some(conflict);
            }
            validity
        })
        .collect()
}

/// Checks one listener by itself.
fn validate(input: &Input<'_>, gateway: &Gateway, listener: &Listener) -> Validity {
    let granular = input.holds(Behaviour::GranularListenerReasons);
    let supported = supported_kinds(input, listener.speaks());
    let mut validity = Validity {
        kinds: supported.map(<[_]>::to_vec),
        refs: None,
        conflict: None,
        refuses_kinds: false,
        reason: "Invalid",
        messages: Vec::new(),
    };
    if supported.is_none() {
        validity.messages.push("Unsupported Listener Protocol.".to_owned());
        if granular {
            validity.reason = "UnsupportedProtocol";
        }
    }
    if matches!(listener.speaks(), Protocol::Tcp | Protocol::Udp)
        && input.config.host_network.is_on()
        && input.holds(Behaviour::HostNetworkRefusesLayerFour)
    {
        validity.kinds = None;
        validity.reason = "UnsupportedProtocol";
        validity.messages.push(format!(
            "{} listeners are not supported when Gateway API Host Network mode is enabled",
            listener.protocol
        ));
        return validity;
    }
    check_kinds(input, listener, supported.unwrap_or_default(), &mut validity);
    for certificate in listener.tls.iter().flat_map(|tls| &tls.certificate_refs) {
        if let Err((problem, message)) = certificate::check(input, gateway, certificate) {
            validity.refs = Some(problem);
            validity.messages.push(message);
            break;
        }
    }
    let mode = listener.tls.as_ref().map(|tls| tls.mode.as_deref().unwrap_or("Terminate"));
    if granular && listener.speaks() == Protocol::Tls && mode == Some("Terminate") {
        let message = "Using TLSRoute with TLS.mode Terminate is unsupported.";
        validity.messages.push(message.to_owned());
        validity.reason = "UnsupportedValue";
        validity.kinds = Some(Vec::new());
    }
    validity
}

/// Narrows the kinds to those the listener allows.
///
/// Up to 1.18.2 one kind that is not supported is enough to make a listener invalid.
fn check_kinds(
    input: &Input<'_>,
    listener: &Listener,
    supported: &[&'static str],
    validity: &mut Validity,
) {
    let allowed = &listener.allowed_routes.kinds;
    if allowed.is_empty() {
        return;
    }
    let is_allowed = |kind: &&'static str| {
        allowed.iter().any(|allowed| allowed.group == GROUP && allowed.kind == **kind)
    };
    let kinds: Vec<&'static str> = supported.iter().copied().filter(is_allowed).collect();
    if kinds.len() != allowed.len() {
        validity.refs = Some(Problem {
            reason: "InvalidRouteKinds",
            message: "Unsupported Route Kinds in allowedRoutes.kinds".to_owned(),
        });
        validity.refuses_kinds = true;
        if kinds.is_empty() || !input.holds(Behaviour::WaitsForAddress) {
            validity.messages.push("None of the Allowed Route Kinds are supported.".to_owned());
        }
    }
    validity.kinds = Some(kinds);
}

#[cfg(test)]
mod tests;
