//! Whether a listener is valid: its protocol, its neighbours, its certificates and the kinds of
//! routes it allows (cilium/cilium `gateway_reconcile.go`, `validateListener` and
//! `setListenerStatus`).

mod certificate;
pub(crate) mod conflict;

pub(crate) use self::certificate::is_permitted;
use super::source::{Source, SourceKind, Sources};
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::gateway::{GROUP, Listener, Protocol};

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

/// A Gateway or ListenerSet with what is known of its listeners.
#[derive(Debug, Clone)]
pub(crate) struct Checked<'a> {
    pub source: Source<'a>,
    /// In the order of its listeners.
    pub validities: Vec<Validity>,
}

/// Checks all listeners of a Gateway and of the ListenerSets that attach to it, the Gateway first.
pub(crate) fn check_all<'a>(input: &Input<'_>, sources: &Sources<'a>) -> Vec<Checked<'a>> {
    let mut taken = Vec::new();
    sources
        .all()
        .map(|source| {
            let validities = match source.kind {
                SourceKind::Gateway => check_gateway(input, source, &mut taken),
                SourceKind::ListenerSet if input.holds(Behaviour::SetListenersConflictInPairs) => {
                    check_set_in_pairs(input, source, &mut taken)
                }
                SourceKind::ListenerSet => check_set_in_turn(input, source, &mut taken),
            };
            Checked { source, validities }
        })
        .collect()
}

/// Checks the listeners of a Gateway and adds those that ListenerSets must not displace to `taken`.
fn check_gateway<'a>(
    input: &Input<'_>,
    source: Source<'a>,
    taken: &mut Vec<&'a Listener>,
) -> Vec<Validity> {
    let listeners: Vec<&Listener> = source.listeners.iter().collect();
    let mut conflicts = conflict::conflicts(input, &listeners);
    let losers_claim = !input.holds(Behaviour::SetListenersConflictInPairs);
    let claims = |found: &&&Listener| losers_claim || !conflicts.contains_key(found.name.as_str());
    taken.extend(listeners.iter().filter(claims).copied());
    listeners
        .into_iter()
        .map(|listener| {
            let mut validity = validate(input, source, listener);
            if let Some(conflict) = conflicts.remove(listener.name.as_str()) {
                validity.messages.insert(0, conflict.message.clone());
                validity.conflict = Some(conflict);
            }
            validity
        })
        .collect()
}

/// Of two listeners in one ListenerSet the first wins; one that is not valid claims nothing.
fn check_set_in_turn<'a>(
    input: &Input<'_>,
    source: Source<'a>,
    taken: &mut Vec<&'a Listener>,
) -> Vec<Validity> {
    let mut validities = Vec::new();
    for listener in source.listeners {
        if let Some(conflict) = conflict::lost(input, listener, taken) {
            validities.push(displaced(conflict));
            continue;
        }
        let validity = validate(input, source, listener);
        if validity.is_valid() {
            taken.push(listener);
        }
        validities.push(validity);
    }
    validities
}

/// Of two listeners in one ListenerSet both lose; one that is not valid claims its port all the
/// same.
fn check_set_in_pairs<'a>(
    input: &Input<'_>,
    source: Source<'a>,
    taken: &mut Vec<&'a Listener>,
) -> Vec<Validity> {
    let lost: Vec<Option<Problem>> =
        source.listeners.iter().map(|found| conflict::lost(input, found, taken)).collect();
    let listeners = source.listeners.iter().zip(&lost);
    let left: Vec<&Listener> =
        listeners.filter(|(_, lost)| lost.is_none()).map(|(found, _)| found).collect();
    let within = conflict::conflicts(input, &left);
    let fine = |found: &&&Listener| !within.contains_key(found.name.as_str());
    taken.extend(left.iter().filter(fine).copied());
    let listeners = source.listeners.iter().zip(lost);
    listeners
        .map(|(listener, lost)| {
            let within = within.get(listener.name.as_str());
            let within = within.map(|problem| conflict::in_set(problem.reason));
            match lost.or(within) {
                Some(conflict) => displaced(conflict),
                None => validate(input, source, listener),
            }
        })
        .collect()
}

/// A listener of a ListenerSet that lost; nothing else is said of it.
fn displaced(conflict: Problem) -> Validity {
    Validity {
        kinds: None,
        refs: None,
        refuses_kinds: false,
        reason: conflict.reason,
        messages: vec![conflict.message.clone()],
        conflict: Some(conflict),
    }
}

/// Checks one listener by itself.
fn validate(input: &Input<'_>, source: Source<'_>, listener: &Listener) -> Validity {
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
        if let Err((problem, message)) = certificate::check(input, source, certificate) {
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
