//! Which listeners are in conflict with each other
//! (cilium/cilium 1.20 `gateway_reconcile.go`, `listenerPairConflict`; 1.19.6
//! `samePortCrossProtocolConflictedListeners`).

use std::collections::BTreeMap;

use super::Problem;
use crate::Input;
use crate::checks::hostname::overlaps;
use crate::facts::Behaviour;
use crate::resources::gateway::{Listener, Protocol};

/// The conflicts of listeners of one source, by name. A listener in several conflicts tells of the
/// last one.
pub(super) fn conflicts<'a>(
    input: &Input<'_>,
    listeners: &[&'a Listener],
) -> BTreeMap<&'a str, Problem> {
    let mut conflicts = BTreeMap::new();
    for (index, &first) in listeners.iter().enumerate() {
        for &second in &listeners[index + 1..] {
            if let Some(conflict) = conflict(input, first, second) {
                conflicts.insert(first.name.as_str(), conflict.told_of(first, second));
                conflicts.insert(second.name.as_str(), conflict.told_of(second, first));
            }
        }
    }
    conflicts
}

/// The conflict of a ListenerSet's listener with the first of those that it must not displace.
pub(super) fn lost(input: &Input<'_>, listener: &Listener, taken: &[&Listener]) -> Option<Problem> {
    let conflict = taken.iter().find_map(|other| conflict(input, other, listener))?;
    Some(in_set(conflict.reason()))
}

/// A conflict as a ListenerSet tells it: nobody learns with what.
pub(super) fn in_set(reason: &'static str) -> Problem {
    Problem { reason, message: "Listener has a conflict".to_owned() }
}

/// Why two listeners of one port cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Same protocol, same host name.
    Hostname,
    /// HTTPS and TLS passthrough whose host names overlap.
    ServerName,
    /// TCP or UDP beside something that wants the port too.
    Protocol,
}

impl Conflict {
    /// The condition's reason.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Hostname => "HostnameConflict",
            Self::ServerName | Self::Protocol => "ProtocolConflict",
        }
    }

    fn told_of(self, listener: &Listener, other: &Listener) -> Problem {
        let what = match self {
            Self::Hostname => "overlapping hostnames",
            Self::ServerName => "overlapping HTTPS and TLS passthrough hostnames",
            Self::Protocol => "incompatible protocols",
        };
        Problem {
            reason: self.reason(),
            message: format!(
                "Listener conflicts with listener \"{}\": same port {} has {what}.",
                other.name, listener.port
            ),
        }
    }
}

/// Whether and why two listeners are in conflict. Different ports never are.
pub(crate) fn conflict(input: &Input<'_>, first: &Listener, second: &Listener) -> Option<Conflict> {
    if first.port != second.port || !input.holds(Behaviour::SniConflicts) {
        return None;
    }
    let whole = input.holds(Behaviour::ListenerConflicts);
    let (one, other) = (first.speaks(), second.speaks());
    let is_layer_four = |protocol| matches!(protocol, Protocol::Tcp | Protocol::Udp);
    if whole && (is_layer_four(one) || is_layer_four(other)) {
        let shares = is_layer_four(one) && is_layer_four(other) && one != other;
        return (!shares).then_some(Conflict::Protocol);
    }
    let is_pair = |https: &Listener, tls: &Listener| {
        https.speaks() == Protocol::Https && tls.passes_through()
    };
    if is_pair(first, second) || is_pair(second, first) {
        return overlaps(first.hostname(), second.hostname()).then_some(Conflict::ServerName);
    }
    let same_name = first.hostname().unwrap_or("*") == second.hostname().unwrap_or("*");
    (whole && first.protocol == second.protocol && same_name).then_some(Conflict::Hostname)
}
