//! By which ports and protocols requests enter a Gateway: its own listeners and those of
//! ListenerSets that name it.
//!
//! Whether a ListenerSet is accepted is not asked here: the reference makes no route table for one
//! that is not, and then there is nothing to ask for.

use gateproof_core::dossier::{Dossier, text};
use serde_json::Value;

use super::super::{GROUP, name_of};

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS that Envoy ends.
    Https,
    /// TLS by server name, passed on.
    Tls,
}

/// The listeners of a Gateway, and of the ListenerSets that name it.
pub(in super::super) fn listeners<'d>(dossier: &'d Dossier, gateway: &'d Value) -> Vec<&'d Value> {
    let name = name_of(gateway);
    let is_its = |set: &&Value| {
        let parent = &set["spec"]["parentRef"];
        let own = text(set, "/metadata/namespace").unwrap_or_default();
        parent["name"] == name.name.as_str()
            && parent["namespace"].as_str().unwrap_or(own) == name.namespace
    };
    let sets = dossier.list(GROUP, "ListenerSet").filter(is_its);
    std::iter::once(gateway)
        .chain(sets)
        .flat_map(|object| object["spec"]["listeners"].as_array().into_iter().flatten())
        .collect()
}

/// Ports with their protocols.
pub(super) fn of(dossier: &Dossier, gateway: &Value) -> Vec<(u16, Protocol)> {
    listeners(dossier, gateway)
        .into_iter()
        .filter_map(|listener| {
            let protocol = match listener["protocol"].as_str()? {
                "HTTP" => Protocol::Http,
                "HTTPS" => Protocol::Https,
                "TLS" => Protocol::Tls,
                _ => return None,
            };
            Some((u16::try_from(listener["port"].as_u64()?).ok()?, protocol))
        })
        .collect()
}

/// Why nothing to ask is not good enough: the Gateway is accepted and has listeners for HTTP, so
/// something answers there. `None` where that is not so.
pub(in super::super) fn unasked(dossier: &Dossier, gateway: &Value) -> Option<String> {
    let conditions = gateway["status"]["conditions"].as_array().into_iter().flatten();
    let accepted =
        conditions.filter(|one| one["type"] == "Accepted").any(|one| one["status"] == "True");
    let for_http = of(dossier, gateway).iter().any(|(_, protocol)| *protocol != Protocol::Tls);
    (accepted && for_http).then(|| {
        "the Gateway is accepted, and the reference makes no routes of its listeners for HTTP"
            .to_owned()
    })
}
