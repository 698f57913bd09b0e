//! Which listeners of a Gateway ask for a certificate (cert-manager 1.21
//! `pkg/controller/certificate-shim/sync.go`).

use serde_json::Value;

use crate::controllers::object::{items, namespace, text};

/// What the shim makes of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListenerVerdict {
    /// It asks for a certificate: its host name and the Secrets it names.
    Passed(String, Vec<String>),
    /// Another protocol, or TLS that is passed through: skipped silently.
    NotConcerned,
    /// It is not as the shim needs it: skipped with an event.
    Invalid(Vec<String>),
}

/// Looks at the listener with this index.
pub(super) fn judge(gateway: &Value, listener: &Value, index: usize) -> ListenerVerdict {
    let protocol = text(listener, "/protocol").unwrap_or_default();
    if !matches!(protocol, "HTTPS" | "TLS") || text(listener, "/tls/mode") == Some("Passthrough") {
        return ListenerVerdict::NotConcerned;
    }
    let at = |field: &str| format!("spec.listeners[{index}].{field}");
    let mut problems = Vec::new();
    let hostname = text(listener, "/hostname").unwrap_or_default();
    if hostname.is_empty() {
        problems.push(format!("{}: Required value: the hostname cannot be empty", at("hostname")));
    }
    if listener.get("tls").is_none_or(Value::is_null) {
        problems.push(format!("{}: Required value: the TLS block cannot be empty", at("tls")));
        return ListenerVerdict::Invalid(problems);
    }
    let references = items(listener, "/tls/certificateRefs");
    if references.is_empty() {
        problems.push(format!(
            "{}: Required value: listener has no certificateRefs",
            at("tls.certificateRef")
        ));
    }
    for (number, reference) in references.iter().enumerate() {
        let at = |field: &str| at(&format!("tls.certificateRef[{number}].{field}"));
        let group = text(reference, "/group").unwrap_or_default();
        if !matches!(group, "" | "core") {
            problems.push(format!(
                "{}: Unsupported value: {group:?}: supported values: \"core\", \"\"",
                at("group")
            ));
        }
        let kind = text(reference, "/kind").unwrap_or("Secret");
        if !matches!(kind, "" | "Secret") {
            problems.push(format!(
                "{}: Unsupported value: {kind:?}: supported values: \"Secret\", \"\"",
                at("kind")
            ));
        }
        let target = text(reference, "/namespace");
        if target.is_some() && target != namespace(gateway) {
            problems.push(format!(
                "{}: Invalid value: {:?}: cross-namespace secret references are not allowed in \
                 listeners",
                at("namespace"),
                target.unwrap_or_default()
            ));
        }
    }
    // The Gateway API's own default is Terminate.
    let mode = text(listener, "/tls/mode").unwrap_or("Terminate");
    if mode != "Terminate" {
        problems.push(format!(
            "{}: Unsupported value: {mode:?}: supported values: \"Terminate\"",
            at("tls.mode")
        ));
    }
    if !problems.is_empty() {
        return ListenerVerdict::Invalid(problems);
    }
    let secrets = references.iter().filter_map(|r| text(r, "/name")).map(str::to_owned).collect();
    ListenerVerdict::Passed(hostname.to_owned(), secrets)
}
