//! Which authorities a kubeconfig names, and what the server shows: for whoever holds a kubeconfig of
//! a cluster that was made anew.

use std::time::Duration;

use gateproof_core::observation::Certificate;
use gateproof_kubernetes::Place;
use gateproof_probe::{HttpProbe, TlsProbe, TrustRoots, http};
use tokio::net::lookup_host;
use tokio::time::timeout;

/// The server answered a moment ago.
const WITHIN: Duration = Duration::from_secs(5);

/// Both in words. Asked without credentials, because whoever answers is not trusted.
pub(super) async fn compared(place: &Place) -> String {
    let named: Vec<String> = place
        .authorities
        .iter()
        .map(|authority| format!("{} since {}", authority.subject, authority.since))
        .collect();
    let trusted = match named.as_slice() {
        [] => "the kubeconfig names no authority, so those of this system count".to_owned(),
        some => format!("the kubeconfig's authority is {}", some.join(", ")),
    };
    // Through a proxy there is no way of our own.
    let served = if place.proxy.is_some() { None } else { served(&place.server).await };
    let Some(leaf) = served else { return trusted };
    let same_name = place.authorities.iter().any(|one| one.subject == leaf.issuer);
    let key = if same_name { ", which has the same name and another key" } else { "" };
    format!(
        "{trusted}; the server shows a certificate of {} since {}, signed by {}{key}",
        leaf.subject, leaf.not_before, leaf.issuer
    )
}

async fn served(server: &str) -> Option<Certificate> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()?),
        _ => (server, 443),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let socket = timeout(WITHIN, lookup_host((host, port))).await.ok()?.ok()?.next()?;
    let mut probe = HttpProbe::get(socket, server);
    "/version".clone_into(&mut probe.path_and_query);
    "HEAD".clone_into(&mut probe.method);
    // An address is never sent as a server's name.
    probe.tls = Some(TlsProbe::named(host, TrustRoots::empty()));
    let seen = timeout(WITHIN, http(&probe)).await.ok()?;
    seen.tls?.chain.into_iter().next()
}
