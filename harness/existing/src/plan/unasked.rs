//! Listeners that a check cannot ask for anything, whatever their routes: told, so that nobody takes
//! a check that passed for more than it saw.

use gateproof_core::dossier::{Dossier, Unread};
use serde_json::Value;

use super::requests::{unread, ways};

/// Listeners of a Gateway that are not asked.
pub(super) fn of(dossier: &Dossier, gateway: &Value) -> Vec<Unread> {
    ways::listeners(dossier, gateway).into_iter().filter_map(of_listener).collect()
}

fn of_listener(listener: &Value) -> Option<Unread> {
    let name = listener["name"].as_str().unwrap_or_default();
    let (port, protocol) = (&listener["port"], listener["protocol"].as_str()?);
    let why = match (protocol, listener["tls"]["mode"].as_str()) {
        ("UDP", _) => "a datagram that nobody answers looks like one that was lost",
        ("TLS", None | Some("Terminate")) => {
            "Cilium sends nothing on from a TLS listener that ends TLS itself"
        }
        _ => return None,
    };
    Some(unread(format!("what listener {name} ({protocol}) on port {port} serves"), why.to_owned()))
}
