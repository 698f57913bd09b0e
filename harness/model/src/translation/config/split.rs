//! Listeners by port, for Gateways whose ports one listener could not keep apart
//! (cilium/cilium 1.20 `operator/pkg/model/model.go`, `NeedsPerPortListeners`;
//! `translation/envoy_listener.go`, `desiredEnvoyListenerPerPort`).

use std::collections::BTreeSet;

use super::chains::{Chains, passthrough_chains, tls_chains};
use super::{INSECURE, LISTENER, Layout, Served, host_ports, sorted};
use crate::Input;
use crate::checks::hostname::overlaps;
use crate::facts::Behaviour;
use crate::ingestion::{HttpListener, Security};
use crate::translation::envoy::{HttpChain, Listener, PortRedirect};

/// Whether several ports want HTTPS, several want passthrough, or an HTTPS and a passthrough port
/// want the same server name.
pub(super) fn is_needed(input: &Input<'_>, served: Served<'_>) -> bool {
    input.holds(Behaviour::ListenerPerPort)
        && (https_ports(served).len() > 1
            || passthrough_ports(served).len() > 1
            || crosses_ports(served))
}

fn has_certificate(listener: &HttpListener) -> bool {
    matches!(&listener.security, Security::Tls(secrets) if !secrets.is_empty())
}

fn https_ports(served: Served<'_>) -> Vec<u16> {
    sorted(served.http.iter().filter(|l| has_certificate(l)).map(|listener| listener.port))
}

fn passthrough_ports(served: Served<'_>) -> Vec<u16> {
    let routed = served.passthrough.iter().filter(|listener| !listener.routes.is_empty());
    sorted(routed.map(|listener| listener.port))
}

fn crosses_ports(served: Served<'_>) -> bool {
    served.http.iter().filter(|listener| has_certificate(listener)).any(|https| {
        let others = served.passthrough.iter().filter(|tls| tls.port != https.port);
        others.flat_map(|tls| &tls.routes).any(|route| {
            route.hostnames.is_empty()
                || route.hostnames.iter().any(|host| overlaps(Some(&https.hostname), Some(host)))
        })
    })
}

/// `listener` for plain HTTP, with passthrough if that has a single port, and a listener with its
/// own route table for each HTTPS port and each of several passthrough ports.
pub(super) fn layout(input: &Input<'_>, served: Served<'_>) -> Layout {
    let passthrough = passthrough_ports(served);
    let apart: &[u16] = if passthrough.len() > 1 { &passthrough } else { &[] };
    let beside: &[u16] = if passthrough.len() == 1 { &passthrough } else { &[] };
    let plain: Vec<u16> = sorted(
        served
            .http
            .iter()
            .filter(|listener| !has_certificate(listener) && !passthrough.contains(&listener.port))
            .map(|listener| listener.port),
    );
    let listener = |name: String, ports: &[u16]| Listener {
        name,
        host_ports: host_ports(input, ports),
        proxy_protocol: input.config.proxy_protocol,
        plain: None,
        terminate: Vec::new(),
        passthrough: Vec::new(),
    };
    let redirect = |name: String, ports: Vec<u16>| PortRedirect { listener: Some(name), ports };
    let mut layout =
        Layout { listeners: Vec::new(), redirects: Vec::new(), secure_tables: Vec::new() };
    if !plain.is_empty() || !beside.is_empty() {
        let ports: BTreeSet<u16> = plain.iter().chain(beside).copied().collect();
        let ports: Vec<u16> = ports.into_iter().collect();
        let mut first = listener(LISTENER.to_owned(), &ports);
        first.plain = (!plain.is_empty()).then(|| HttpChain { route_table: INSECURE.to_owned() });
        if !beside.is_empty() {
            first.passthrough = passthrough_chains(input, served.passthrough, None);
        }
        layout.listeners.push(first);
    }
    if !plain.is_empty() {
        layout.redirects.push(redirect(LISTENER.to_owned(), plain));
    }
    for port in https_ports(served) {
        let name = format!("{LISTENER}-{port}");
        let mut own = listener(name.clone(), &[port]);
        own.terminate =
            tls_chains(input, served.http, Chains { port: Some(port), route_table: &name });
        layout.listeners.push(own);
        layout.redirects.push(redirect(name.clone(), vec![port]));
        layout.secure_tables.push((name, Some(port)));
    }
    for port in apart {
        let name = format!("{LISTENER}-{port}");
        let chains = passthrough_chains(input, served.passthrough, Some(*port));
        if !chains.is_empty() {
            let mut own = listener(name.clone(), &[*port]);
            own.passthrough = chains;
            layout.listeners.push(own);
        }
        layout.redirects.push(redirect(name, vec![*port]));
    }
    if !beside.is_empty() {
        layout.redirects.push(redirect(LISTENER.to_owned(), beside.to_vec()));
    }
    layout
}
