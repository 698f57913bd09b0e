//! What a response must be: status, backend, header fields, path and host as the backend saw them.

use std::collections::BTreeMap;

use super::hint::reply;
use super::{hints, refuted, tls, undecided};
use crate::entry::EntryPoint;
use crate::name::NamespacedName;
use crate::observation::{Echo, HttpResponse, TlsObservation};
use crate::scenario::{HttpClaim, ResponseExpectation};
use crate::verdict::Failure;

/// Compares a response with what was claimed of it; what is not claimed is not looked at.
pub(super) fn judge(
    claim: &HttpClaim,
    wanted: &ResponseExpectation,
    point: &EntryPoint,
    answer: &HttpResponse,
    tls_seen: Option<&TlsObservation>,
) -> Vec<Failure> {
    let place = &point.place;
    let mut failures = Vec::new();
    if let Some(status) = wanted.status.filter(|status| *status != answer.status) {
        failures.push(refuted(
            place,
            format!("status {status}"),
            described(answer),
            reply::after_status(claim, answer),
        ));
    }
    if let Some(version) = wanted.version.filter(|version| *version != answer.version) {
        let hints = hints(&[
            "Cilium offers HTTP/2 to clients only with gatewayAPI.enableAlpn, or to clients that speak it unasked",
        ]);
        failures.push(refuted(place, version.to_string(), answer.version.to_string(), hints));
    }
    failures.extend(response_headers(wanted, place, answer));
    match &answer.echo {
        Some(echo) => failures.extend(as_the_backend_saw_it(wanted, place, echo)),
        // The status already says that this is not the answer that was meant.
        None if needs_echo(wanted) && failures.is_empty() => {
            failures.push(no_echo(claim, wanted.backend.as_ref(), place, answer));
        }
        None => {}
    }
    if let Some(certificate) = &wanted.certificate {
        failures.extend(tls::judge(claim, certificate, place, tls_seen));
    }
    failures
}

/// Whether a response can be counted for a backend.
pub(super) fn countable(
    claim: &HttpClaim,
    point: &EntryPoint,
    answer: &HttpResponse,
) -> Vec<Failure> {
    match &answer.echo {
        Some(echo) if echo.service.is_empty() => vec![nameless(&point.place, "a backend", echo)],
        Some(_) => Vec::new(),
        None => vec![no_echo(claim, None, &point.place, answer)],
    }
}

/// A response in one line: status, version, who says so.
pub(super) fn described(answer: &HttpResponse) -> String {
    let mut parts = vec![answer.version.to_string()];
    for name in ["server", "location"] {
        parts.extend(answer.header(name).map(|value| format!("{name}: {value}")));
    }
    parts.push(match &answer.echo {
        Some(echo) => format!("from {}", backend_of(echo)),
        None if answer.body.is_empty() => "empty body".to_owned(),
        None => {
            let start: String = answer.body.chars().take(60).collect();
            format!("body {start:?}")
        }
    });
    format!("status {} ({})", answer.status, parts.join(", "))
}

fn needs_echo(wanted: &ResponseExpectation) -> bool {
    wanted.backend.is_some()
        || wanted.request_path.is_some()
        || wanted.request_host.is_some()
        || !wanted.request_headers.is_empty()
}

fn no_echo(
    claim: &HttpClaim,
    backend: Option<&NamespacedName>,
    place: &str,
    answer: &HttpResponse,
) -> Failure {
    let expected = backend.map_or_else(
        || "an answer of an echo backend".to_owned(),
        |backend| format!("an answer of backend {backend}"),
    );
    if answer.body_cut {
        let hints = hints(&["the body was longer than what is kept, so the echo cannot be read"]);
        return undecided(place, expected, described(answer), hints);
    }
    let mut hints = reply::after_status(claim, answer);
    hints.push("the body is not the JSON of the Gateway API's echo server; only such backends say who they are".to_owned());
    refuted(place, expected, described(answer), hints)
}

fn nameless(place: &str, expected: &str, echo: &Echo) -> Failure {
    let hints = hints(&[
        "the echo server tells its Service from the variable SERVICE_NAME of its container",
    ]);
    let seen = format!("{} without the name of its Service", backend_of(echo));
    undecided(place, expected, seen, hints)
}

fn as_the_backend_saw_it(wanted: &ResponseExpectation, place: &str, echo: &Echo) -> Vec<Failure> {
    let mut failures = Vec::new();
    if let Some(backend) = &wanted.backend {
        failures.extend(backend_failure(place, backend, echo));
    }
    if let Some(path) = wanted.request_path.as_ref().filter(|path| **path != echo.path) {
        failures.push(refuted(
            place,
            format!("the backend sees path {path}"),
            format!("path {}", echo.path),
            hints(&["look at the route's URLRewrite filter and at which rule matched"]),
        ));
    }
    if let Some(host) = wanted.request_host.as_ref().filter(|host| **host != echo.host) {
        failures.push(refuted(
            place,
            format!("the backend sees host {host}"),
            format!("host {}", echo.host),
            hints(&["look at the hostname of the route's URLRewrite filter"]),
        ));
    }
    let seen = |name: &str| {
        let fields = echo.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        fields.flat_map(|(_, values)| values.iter().map(String::as_str)).collect::<Vec<_>>()
    };
    let hint = "look at the RequestHeaderModifier filters of the rule and of its backendRefs";
    let what = "request header as the backend sees it:";
    failures.extend(headers(&wanted.request_headers, place, seen, (what, hint)));
    failures
}

fn backend_failure(place: &str, wanted: &NamespacedName, echo: &Echo) -> Option<Failure> {
    let expected = format!("an answer of backend {wanted}");
    if echo.namespace != wanted.namespace
        || (!echo.service.is_empty() && echo.service != wanted.name)
    {
        let hints = hints(&[
            "another rule or route matched: compare hostnames and matches of the HTTPRoutes on this listener; the HTTP listeners of a Gateway share their routes on all ports",
        ]);
        return Some(refuted(place, expected, format!("an answer of {}", backend_of(echo)), hints));
    }
    echo.service.is_empty().then(|| nameless(place, &expected, echo))
}

fn backend_of(echo: &Echo) -> String {
    let service = if echo.service.is_empty() { "?" } else { &echo.service };
    if echo.pod.is_empty() {
        format!("{}/{service}", echo.namespace)
    } else {
        format!("{}/{service} (pod {})", echo.namespace, echo.pod)
    }
}

fn response_headers(
    wanted: &ResponseExpectation,
    place: &str,
    answer: &HttpResponse,
) -> Vec<Failure> {
    let seen = |name: &str| {
        let fields = answer.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    let hint = "look at the ResponseHeaderModifier and RequestRedirect filters of the rule";
    headers(&wanted.headers, place, seen, ("response header", hint))
}

/// Compares header fields; several fields of one name count as one list, as HTTP has it.
fn headers<'a>(
    wanted: &BTreeMap<String, Option<String>>,
    place: &str,
    seen: impl Fn(&str) -> Vec<&'a str>,
    (what, hint): (&str, &str),
) -> Vec<Failure> {
    let told = |value: Option<&str>| {
        value.map_or_else(|| "absent".to_owned(), |value| format!("\"{value}\""))
    };
    let mut failures = Vec::new();
    for (name, wanted) in wanted {
        let values = seen(name);
        let seen = (!values.is_empty()).then(|| values.join(", "));
        if seen.as_deref().map(normal) != wanted.as_deref().map(normal) {
            failures.push(refuted(
                place,
                format!("{what} {name} {}", told(wanted.as_deref())),
                format!("{name} {}", told(seen.as_deref())),
                hints(&[hint]),
            ));
        }
    }
    failures
}

/// A header's value with the blanks around its commas removed.
fn normal(value: &str) -> String {
    value.split(',').map(str::trim).collect::<Vec<_>>().join(",")
}
