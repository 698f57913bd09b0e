//! `services/<service>/proxy/<path>`: a request that the API server passes on to a ready endpoint.
//!
//! As in Kubernetes the Service is written `name`, `name:port` or `scheme:name:port`, and a
//! certificate behind `https` is not verified (kubernetes/kubernetes 1.36
//! `pkg/registry/core/service/storage`, `ResourceLocation`). Only GET, only ports of pods that run in
//! this process, and the headers of the request stay here.

use std::net::{IpAddr, SocketAddr};

use gateproof_core::observation::HttpOutcome;
use gateproof_probe::{HttpProbe, TlsProbe, TrustRoots};
use http::{Method, Response, StatusCode};
use serde_json::Value;

use super::route::{ServiceProxy, Target};
use super::{ApiBody, Call, with_body};
use crate::api::error::{ApiError, Reason};
use crate::api::object::ObjectName;
use crate::api::resources::at;
use crate::api::{Kind, Store};

/// What a request passes on, if it does.
pub(super) fn asked(call: &Call, store: &Store) -> Option<ServiceProxy> {
    match Target::parse(call.parts.uri.path(), &store.kinds()) {
        Some(Target::ServiceProxy(asked)) => Some(asked),
        _ => None,
    }
}

/// Passes a request on and brings the answer back.
pub(super) async fn answer(
    store: &Store,
    call: &Call,
    asked: &ServiceProxy,
) -> Result<Response<ApiBody>, ApiError> {
    if call.parts.method != Method::GET {
        return Err(ApiError::method_not_allowed());
    }
    let place = Place::parse(&asked.service)?;
    let socket = endpoint(store, &asked.namespace, &place)?;
    let mut probe = HttpProbe::get(socket, place.name);
    probe.path_and_query.clone_from(&asked.path);
    if let Some(query) = call.parts.uri.query() {
        probe.path_and_query = format!("{}?{query}", asked.path);
    }
    probe.tls = place.secure.then(|| TlsProbe::named(place.name, TrustRoots::empty()));
    let seen = gateproof_probe::http(&probe).await;
    let HttpOutcome::Response(response) = seen.outcome else {
        let why = match seen.outcome {
            HttpOutcome::NotConnected(outcome) => outcome.to_string(),
            HttpOutcome::TlsFailed(failure) => failure.to_string(),
            HttpOutcome::NoResponse(failure) => failure.to_string(),
            HttpOutcome::Response(_) => String::new(),
        };
        let message = format!("error trying to reach service: {why}");
        return Err(ApiError::new(Reason::ServiceUnavailable, message));
    };
    let media_type = response.header("content-type").and_then(|text| text.parse().ok());
    let media_type = media_type.unwrap_or_else(|| http::HeaderValue::from_static("text/plain"));
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY);
    Ok(with_body(status, media_type, response.body.into_bytes().into()))
}

/// A Service as a path names it.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    secure: bool,
    name: &'a str,
    port: &'a str,
}

impl<'a> Place<'a> {
    fn parse(written: &'a str) -> Result<Self, ApiError> {
        let parts: Vec<&str> = written.split(':').collect();
        match parts.as_slice() {
            [name] => Ok(Self { secure: false, name, port: "" }),
            [name, port] | ["http" | "", name, port] => Ok(Self { secure: false, name, port }),
            ["https", name, port] => Ok(Self { secure: true, name, port }),
            _ => Err(ApiError::bad_request(format!("invalid service request {written:?}"))),
        }
    }
}

/// The socket of a ready endpoint.
fn endpoint(store: &Store, namespace: &str, place: &Place<'_>) -> Result<SocketAddr, ApiError> {
    let name = ObjectName::namespaced(namespace, place.name);
    let service = store.get(&Kind::core("Service"), &name).ok_or_else(|| {
        ApiError::not_found(at("", "v1", "services").expect("services are served"), &name)
    })?;
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let ports = ports.map(Vec::as_slice).unwrap_or_default();
    let wanted = ports.iter().find(|port| {
        place.port.is_empty()
            || port["name"].as_str() == Some(place.port)
            || place.port.parse::<u64>().is_ok_and(|number| port["port"].as_u64() == Some(number))
    });
    let unavailable = |message: String| ApiError::new(Reason::ServiceUnavailable, message);
    let wanted = wanted.ok_or_else(|| {
        unavailable(format!("no service port {:?} found for service {:?}", place.port, place.name))
    })?;
    let port_name = wanted["name"].as_str().unwrap_or_default();
    store
        .list(&Kind::new("discovery.k8s.io", "EndpointSlice"))
        .iter()
        .filter(|slice| slice["metadata"]["namespace"].as_str() == Some(namespace))
        .filter(|slice| {
            slice["metadata"]["labels"]["kubernetes.io/service-name"].as_str() == Some(place.name)
        })
        .flat_map(|slice| of_slice(slice, port_name))
        .find_map(|(address, port)| store.pod_network().socket(address, port))
        .ok_or_else(|| {
            unavailable(format!("no endpoints available for service {:?}", place.service()))
        })
}

impl Place<'_> {
    fn service(&self) -> String {
        let scheme = if self.secure { "https:" } else { "" };
        let port = if self.port.is_empty() { String::new() } else { format!(":{}", self.port) };
        format!("{scheme}{}{port}", self.name)
    }
}

/// The ready endpoints of a slice, each with the number of its port.
fn of_slice(slice: &Value, port_name: &str) -> Vec<(IpAddr, u16)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ports = list(&slice["ports"]);
    let port = ports.iter().find(|port| port["name"].as_str().unwrap_or_default() == port_name);
    let port = port.and_then(|port| u16::try_from(port["port"].as_u64()?).ok());
    list(&slice["endpoints"])
        .iter()
        .filter(|endpoint| endpoint["conditions"]["ready"] != Value::Bool(false))
        .flat_map(|endpoint| list(&endpoint["addresses"]))
        .filter_map(|address| Some((address.as_str()?.parse().ok()?, port?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_service_is_written_with_scheme_and_port_or_without() {
        for (written, secure, name, port) in [
            ("pebble", false, "pebble", ""),
            ("pebble:15000", false, "pebble", "15000"),
            ("https:pebble:management", true, "pebble", "management"),
            ("https:pebble:", true, "pebble", ""),
            (":pebble:80", false, "pebble", "80"),
        ] {
            assert_eq!(Place::parse(written).ok(), Some(Place { secure, name, port }), "{written}");
        }
        for written in ["ftp:pebble:21", "a:b:c:d"] {
            assert!(Place::parse(written).is_err(), "{written}");
        }
    }
}
