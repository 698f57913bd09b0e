//! The rules of a Gateway: what fits which protocol, distinct listeners, addresses.
//!
//! Conflicts that the API server lets through (HTTP and HTTPS on one port, for example) are the
//! controller's to report in the status of the listeners.

use std::collections::HashMap;
use std::net::IpAddr;

use super::At;
use crate::gateway_api::form::Form;
use crate::gateway_api::{FieldError, Problem};

/// Adds the mistakes of a Gateway's spec.
pub(super) fn check(spec: &At<'_>, errors: &mut Vec<FieldError>) {
    let listeners = spec.field("listeners").entries();
    for listener in &listeners {
        listener_fits_protocol(listener, errors);
    }
    distinct_listeners(&listeners, errors);
    let addresses = spec.field("addresses").entries();
    for address in &addresses {
        address_value(address, errors);
    }
    distinct_addresses(&addresses, errors);
}

fn listener_fits_protocol(listener: &At<'_>, errors: &mut Vec<FieldError>) {
    let tls = listener.field("tls");
    let hostname = listener.field("hostname");
    let protocol = listener.field("protocol").text();
    if matches!(protocol, "HTTP" | "TCP" | "UDP") && tls.exists() {
        let expected =
            format!("no `tls` on a listener with protocol {protocol}; only HTTPS and TLS have it");
        errors.push(FieldError::new(tls.path.clone(), Problem::Invalid, tls.value, expected));
    }
    if protocol == "HTTPS" && tls.field("mode").text() == "Passthrough" {
        let mode = tls.field("mode");
        let expected =
            "`Terminate`, the only mode of protocol HTTPS; passthrough needs protocol TLS";
        errors.push(FieldError::new(mode.path, Problem::Invalid, mode.value, expected));
    }
    if protocol == "TLS" && !tls.exists() {
        let expected = "an object with `mode: Terminate` or `mode: Passthrough`; protocol TLS \
                        requires it";
        errors.push(FieldError::required(tls.path.clone(), expected));
    }
    if matches!(protocol, "TCP" | "UDP") && hostname.exists() {
        let expected = format!("no `hostname` on a listener with protocol {protocol}");
        errors.push(FieldError::new(hostname.path, Problem::Invalid, hostname.value, expected));
    }
    if tls.field("mode").text() == "Terminate" {
        let empty = |name: &str| match &tls.value[name] {
            serde_json::Value::Array(entries) => entries.is_empty(),
            serde_json::Value::Object(entries) => entries.is_empty(),
            _ => true,
        };
        if empty("certificateRefs") && empty("options") {
            let path = tls.path.field("certificateRefs");
            let expected =
                "at least one certificate reference, or `options`, when mode is Terminate";
            errors.push(FieldError::required(path, expected));
        }
    }
}

/// Port, protocol and hostname together must differ between listeners.
fn distinct_listeners(listeners: &[At<'_>], errors: &mut Vec<FieldError>) {
    let mut seen = HashMap::new();
    for (index, listener) in listeners.iter().enumerate() {
        let Some(port) = listener.value["port"].as_i64() else { continue };
        let protocol = listener.field("protocol").text();
        let hostname = listener.field("hostname").value.as_str();
        let first = *seen.entry((port, protocol, hostname)).or_insert(index);
        if first != index {
            let name = listeners[first].field("name").text();
            let host = hostname.map_or("no hostname".to_owned(), |name| format!("hostname {name}"));
            errors.push(FieldError {
                path: listener.path.clone(),
                problem: Problem::Duplicate,
                found: format!("port {port}, protocol {protocol} and {host}"),
                expected: format!("a combination that listener `{name}` does not have"),
                nearest: None,
            });
        }
    }
}

fn address_value(address: &At<'_>, errors: &mut Vec<FieldError>) {
    let value = address.field("value");
    let Some(text) = value.value.as_str() else { return };
    let expected = match address.field("type").text() {
        "IPAddress" if text.parse::<IpAddr>().is_err() => {
            "an IPv4 or IPv6 address, because the type is IPAddress (the default); set \
             `type: Hostname` for a name"
        }
        "Hostname" if !Form::Hostname.accepts(text) => Form::Hostname.expected(),
        _ => return,
    };
    errors.push(FieldError::new(value.path, Problem::Invalid, value.value, expected));
}

fn distinct_addresses(addresses: &[At<'_>], errors: &mut Vec<FieldError>) {
    let mut seen = HashMap::new();
    for (index, address) in addresses.iter().enumerate() {
        let kind = address.field("type").text();
        let value = address.field("value");
        if !matches!(kind, "IPAddress" | "Hostname") || !value.exists() {
            continue;
        }
        let first = *seen.entry((kind, value.text())).or_insert(index);
        if first != index {
            let expected = format!("a value that address {first} does not have");
            errors.push(FieldError::new(value.path, Problem::Duplicate, value.value, expected));
        }
    }
}
