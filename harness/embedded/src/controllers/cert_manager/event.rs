//! Events that the gateway-shim records about a Gateway.
//!
//! An event is written once for each reason and message; repetitions are not counted.

use serde_json::{Value, json};

use crate::controllers::kind::EVENT;
use crate::controllers::object::{name, namespace, skeleton, suffix, text, uid};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// The source of the shim's events (cert-manager `pkg/controller/certificate-shim/gateways`).
const SOURCE: &str = "cert-manager-gateway-shim";

/// `type` of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventType {
    /// For information.
    Normal,
    /// Something is wrong.
    Warning,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its type.
    pub(super) kind: EventType,
    /// Its reason, such as `BadConfig`.
    pub(super) reason: &'static str,
    /// Its message.
    pub(super) text: String,
}

/// The write that records an event about an object; `None` when it is recorded already.
pub(super) fn record(
    snapshot: &Snapshot,
    about: &Value,
    message: &Message,
    now: &str,
) -> Option<Write> {
    let seed = format!("{}{}{}", uid(about).unwrap_or_default(), message.reason, message.text);
    let event_name = format!("{}.{}", name(about), suffix(&seed, 16));
    if snapshot.get(EVENT, namespace(about), &event_name).is_some() {
        return None;
    }
    let mut event = skeleton(EVENT, namespace(about), &event_name);
    event["involvedObject"] = json!({
        "apiVersion": text(about, "/apiVersion"),
        "kind": text(about, "/kind"),
        "namespace": namespace(about),
        "name": name(about),
        "uid": uid(about),
    });
    event["type"] = match message.kind {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    }
    .into();
    event["reason"] = message.reason.into();
    event["message"] = message.text.clone().into();
    event["source"] = json!({"component": SOURCE});
    event["reportingComponent"] = SOURCE.into();
    event["count"] = 1.into();
    event["firstTimestamp"] = now.into();
    event["lastTimestamp"] = now.into();
    Some(Write::Apply(FieldManager::CertManager, event))
}
