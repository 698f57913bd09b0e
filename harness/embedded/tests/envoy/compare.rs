//! What counts as a difference between two outcomes.

use std::collections::BTreeMap;

use crate::backend::Seen;
use crate::client::{Answer, Outcome};
use crate::request::{Body, Protocol, Request};

/// Requests that the data plane answers otherwise on purpose, with the reason.
pub(crate) fn deliberately_different(request: &Request) -> Option<&'static str> {
    let over_http1 = request.protocol != Protocol::Http2;
    if request.target.contains('#') {
        return Some("Envoy refuses a fragment; the HTTP library here has dropped it by then");
    }
    if request.target.contains(['<', '>', '`']) {
        return Some("the HTTP library here refuses characters that a target may not have");
    }
    if request.protocol == Protocol::Http10 && matches!(request.body, Body::Chunked(_)) {
        return Some("both refuse HTTP/1.0; the library here with 400 where the body has chunks");
    }
    if !over_http1 && !request.target.starts_with('/') {
        return Some("what the client here makes of such a target is not what was drawn");
    }
    if over_http1 && (request.target.is_empty() || request.target.starts_with('?')) {
        return Some("both refuse a target without path; the library here without words");
    }
    if request.fields.iter().any(|(_, value)| value.starts_with("application/grpc-web")) {
        return Some("grpc-web is not translated");
    }
    None
}

/// What the data plane does otherwise on purpose in an answer, with the reason.
fn is_deliberate(request: &Request, what: &str) -> bool {
    let says =
        |name: &str, value: &str| request.fields.iter().any(|(n, v)| n == name && v == value);
    // An answer to HEAD has no body, so `transfer-encoding: chunked`, which Envoy writes, says
    // nothing; the HTTP library here leaves it out. Its length is that of what the backend saw.
    (request.method == "HEAD"
        && (what.starts_with("field transfer-encoding of the answer")
            || what.starts_with("field content-length of the answer")))
        // Whether a long body was still on its way when the answer was made is a matter of time.
        || (matches!(&request.body, Body::Counted(body) if body.len() > 1000)
            && what.starts_with("field connection of"))
        // The library here tells an HTTP/1.0 client twice what becomes of the connection.
        || (request.protocol == Protocol::Http10 && what.starts_with("field connection of"))
        // To a client that asks for an end and a WebSocket at once, the library here says both.
        || (says("connection", "close")
            && says("connection", "Upgrade")
            && what.starts_with("field connection of the answer: Envoy Some([\"Upgrade\"])"))
        // A client that announces no body has nothing to wait for.
        || (says("expect", "100-continue")
            && (request.body == Body::None || request.body == Body::Counted(String::new()))
            && what.starts_with("interim answers"))
}

/// What differs, each in words: what Envoy did and what the data plane did.
pub(crate) fn differences(request: &Request, envoy: &Outcome, ours: &Outcome) -> Vec<String> {
    let (Outcome::Answer(envoy), Outcome::Answer(ours)) = (envoy, ours) else {
        return if envoy == ours { Vec::new() } else { vec![told("outcome", envoy, ours)] };
    };
    let mut found = Vec::new();
    let mut check = |what: &str, envoy: &dyn std::fmt::Debug, ours: &dyn std::fmt::Debug| {
        if format!("{envoy:?}") != format!("{ours:?}") {
            found.push(told(what, envoy, ours));
        }
    };
    check("status", &envoy.status, &ours.status);
    check("interim answers", &envoy.interim, &ours.interim);
    check("ALPN", &envoy.alpn, &ours.alpn);
    check("certificate", &envoy.certificate, &ours.certificate);
    check("whether the body is complete", &envoy.complete, &ours.complete);
    check("trailers", &envoy.trailers, &ours.trailers);
    let (seen_envoy, seen_ours) = (seen(envoy), seen(ours));
    match (&seen_envoy, &seen_ours) {
        (Some(envoy), Some(ours)) => {
            check("backend", &envoy.backend, &ours.backend);
            check("method at the backend", &envoy.method, &ours.method);
            check("target at the backend", &envoy.target, &ours.target);
            check("version at the backend", &envoy.version, &ours.version);
            check("body at the backend", &envoy.body, &ours.body);
            check("trailers at the backend", &envoy.trailers, &ours.trailers);
            fields("at the backend", &envoy.headers, &ours.headers, &mut check);
        }
        _ => check("body", &envoy.body, &ours.body),
    }
    let told = |answer: &Answer| {
        let mut fields = answer.fields.clone();
        if seen_envoy.is_some() && seen_ours.is_some() {
            // As long as what the backend saw, which is compared above.
            for field in &mut fields {
                if field.0.eq_ignore_ascii_case("content-length") {
                    field.1 = "(some)".into();
                }
            }
        }
        fields
    };
    fields("of the answer", &told(envoy), &told(ours), &mut check);
    found.retain(|what| !is_deliberate(request, what));
    found
}

fn told(what: &str, envoy: &dyn std::fmt::Debug, ours: &dyn std::fmt::Debug) -> String {
    format!("{what}: Envoy {}, data plane {}", short(envoy), short(ours))
}

fn short(value: &dyn std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    if text.len() > 700 {
        format!("{}…", text.chars().take(700).collect::<String>())
    } else {
        text
    }
}

/// What the backend says it saw, if the answer is from a backend.
fn seen(answer: &Answer) -> Option<Seen> {
    serde_json::from_str(&answer.body).ok()
}

type Check<'c> = dyn FnMut(&str, &dyn std::fmt::Debug, &dyn std::fmt::Debug) + 'c;

/// Compares fields by name; values of one name in their order.
fn fields(
    place: &str,
    envoy: &[(String, String)],
    ours: &[(String, String)],
    check: &mut Check<'_>,
) {
    let (envoy, ours) = (by_name(envoy), by_name(ours));
    let names: std::collections::BTreeSet<_> = envoy.keys().chain(ours.keys()).collect();
    for name in names {
        check(
            &format!("field {} {place}", name.trim_start_matches(':')),
            &envoy.get(name),
            &ours.get(name),
        );
    }
}

fn by_name(fields: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        let value = match name.as_str() {
            "x-case" | "date" => continue,
            "x-envoy-upstream-service-time" => "(milliseconds)".to_owned(),
            "x-request-id" => value
                .split(',')
                .map(|id| if is_uuid(id) { "(a UUID)" } else { id })
                .collect::<Vec<_>>()
                .join(","),
            _ => value.clone(),
        };
        named.entry(name).or_default().push(value);
    }
    named
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}
