//! Which TLS handshakes a check tries where TLS is passed through: one for each server name that a
//! TLSRoute takes, on every port whose listener takes it.
//!
//! Nothing is sent after the handshake, because nobody knows what the backend speaks behind it. A
//! wildcard is asked for a name that was made up; a backend may not know it, so the claim says where
//! the name comes from.

use std::collections::BTreeSet;

use gateproof_core::scenario::{NameOrigin, PassthroughClaim};
use gateproof_model::routing::{Chain, ClientHello, chain_for};
use gateproof_model::translation::envoy::Listener;
use serde_json::Value;

use super::cover;
use super::reference::Reference;
use super::requests::{ANY_HOST, Goes, host_of, ways};

/// A name goes through so many nodes at most.
const NODES: usize = 24;

/// The handshakes for a Gateway.
pub(super) fn of(reference: &Reference<'_>, gateway: &Value) -> Vec<(PassthroughClaim, Goes)> {
    let mut seen = BTreeSet::new();
    let mut claims = Vec::new();
    for written in ways::listeners(reference.dossier, gateway) {
        let port = written["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let (Some(port), Some("TLS")) = (port, written["protocol"].as_str()) else { continue };
        let Some(listener) = reference.listener(port) else { continue };
        let hostname = written["hostname"].as_str();
        for (server_name, origin, goes) in names(listener, hostname) {
            if seen.insert((port, server_name.clone())) {
                let claim = PassthroughClaim {
                    gateway: reference.gateway.clone(),
                    server_name,
                    origin,
                    listener_port: port,
                    entry: reference.entry(claims.len(), NODES),
                    own: own(reference, listener),
                    handshakes: 0,
                };
                claims.push((claim, goes));
            }
        }
    }
    claims
}

/// The name of a claim, which no other claim of a check has.
pub(super) fn name(claim: &PassthroughClaim) -> String {
    format!("tls://{} on port {}", claim.server_name, claim.listener_port)
}

/// A name for each one that a chain takes and that is passed through when it comes to the listener
/// of this hostname, with where it goes.
fn names(listener: &Listener, hostname: Option<&str>) -> Vec<(String, NameOrigin, Goes)> {
    let all = listener.passthrough.iter().flat_map(|chain| {
        if chain.server_names.is_empty() {
            // What takes every name is asked for one that the listener takes.
            vec![hostname.map_or_else(|| "*".to_owned(), str::to_owned)]
        } else {
            chain.server_names.clone()
        }
    });
    let asked = all.filter_map(|taken| {
        let name = host_of(std::slice::from_ref(&taken))?;
        let spelt_out = name == taken && name != ANY_HOST;
        Some((name, if spelt_out { NameOrigin::Route } else { NameOrigin::Wildcard }))
    });
    let arrives = |(name, origin): (String, NameOrigin)| {
        let hello = ClientHello { server_name: Some(&name) };
        match chain_for(listener, Some(&hello)) {
            Chain::Passthrough(chain) if hostname.is_none_or(|hostname| takes(hostname, &name)) => {
                Some((name, origin, cover::shares(&chain.clusters)))
            }
            _ => None,
        }
    };
    asked.filter_map(arrives).collect()
}

/// Whether a listener's hostname takes a name; a wildcard stands for one label or more.
fn takes(hostname: &str, name: &str) -> bool {
    match hostname.strip_prefix('*') {
        Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
        None => hostname.eq_ignore_ascii_case(name),
    }
}

/// What the same Envoy listener serves itself.
fn own(reference: &Reference<'_>, listener: &Listener) -> Vec<String> {
    let certificates =
        listener.terminate.iter().flat_map(|chain| reference.certificates(listener, chain));
    certificates.map(|(sha256, _)| sha256).collect::<BTreeSet<_>>().into_iter().collect()
}
