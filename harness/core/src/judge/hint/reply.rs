//! Hints for answers that are not what was claimed, and for their absence.
//!
//! Envoy's own answers and a backend's are told apart by `x-envoy-upstream-service-time`, which
//! Envoy adds to what came from upstream; `server: envoy` alone proves nothing, for it overwrites
//! the backend's (Cilium 1.14 to 1.20).

use crate::judge::hints;
use crate::observation::{HttpResponse, NoResponse, TlsFailure};
use crate::scenario::{HttpClaim, HttpExpectation, ResponseExpectation, ServerName};

/// Who made an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) enum Author {
    /// Envoy itself.
    Envoy,
    /// A backend behind Envoy.
    Backend,
    /// Nobody can tell: perhaps not this Gateway.
    Unknown,
}

pub(in crate::judge) fn author(answer: &HttpResponse) -> Author {
    if answer.echo.is_some() || answer.header("x-envoy-upstream-service-time").is_some() {
        Author::Backend
    } else if answer.header("server") == Some("envoy") {
        Author::Envoy
    } else {
        Author::Unknown
    }
}

/// What to look at when the status or the author of an answer is not what was claimed.
pub(in crate::judge) fn after_status(claim: &HttpClaim, answer: &HttpResponse) -> Vec<String> {
    match (author(answer), answer.status) {
        (Author::Envoy, 404) => no_route(claim),
        (Author::Envoy, 500) => hints(&[
            "Envoy answered 500 itself, as it does for a rule none of whose backendRefs is valid: look at the route's ResolvedRefs",
        ]),
        (Author::Envoy, 503) => hints(&[
            "Envoy answered 503 itself, as it does when there is no backend to send to: look at whether the Service has the port of the backendRef (ResolvedRefs does not tell), at its ready endpoints, then at the way from this node to those pods",
        ]),
        (Author::Envoy, 504) => hints(&[
            "Envoy answered 504 itself, as it does when a backend is late: look at the rule's timeouts and at the backend",
        ]),
        (Author::Envoy, 403) => hints(&[
            "with body \"Access denied\" this is network policy: client to reserved:ingress, and reserved:ingress to the backend (fromEntities: ingress) must be allowed",
        ]),
        (Author::Envoy, 301 | 302 | 303 | 307 | 308) => hints(&[
            "a RequestRedirect filter answered: compare the rule that matched, and the Location, with what was meant",
        ]),
        (Author::Envoy, 400 | 426) => hints(&[
            "Envoy rejected the request itself: compare protocol and version with the listener's",
        ]),
        (Author::Backend, 200..=399) if refusal_is_claimed(claim) => vec![format!(
            "a route takes host {} and path {}: look at the hostnames and matches of the HTTPRoutes; one without hostnames takes every host of its listener",
            claim.host, claim.path
        )],
        (Author::Backend, status) => vec![format!(
            "the {status} came from a backend, so listener and route work: look at which rule matched and at that backend's log"
        )],
        (Author::Envoy, _) => {
            hints(&["Envoy made this answer itself: look at its access log on the node"])
        }
        (Author::Unknown, _) => hints(&[
            "nothing in this answer is Envoy's: does something else listen on this address and port?",
        ]),
    }
}

/// What to look at when Envoy found no route.
fn no_route(claim: &HttpClaim) -> Vec<String> {
    let mut look_at = vec![
        format!(
            "Envoy answered 404 itself, as it does when no virtual host or route matches, here host {} and path {}: compare the hostnames of listener and HTTPRoute, and the route's Accepted condition",
            claim.host, claim.path
        ),
        "a route attached to another Gateway does not count, nor one whose host a more specific listener of this Gateway takes".to_owned(),
    ];
    if wants_redirect(&claim.expect) {
        look_at.push("from Cilium 1.20 on a redirect that names a scheme passes over requests that came by that scheme: leave requestRedirect.scheme out where it would not change".to_owned());
    }
    look_at
}

fn wants_redirect(expect: &HttpExpectation) -> bool {
    matches!(expect, HttpExpectation::Response(ResponseExpectation { status: Some(300..=399), .. }))
}

/// Whether the claim is that the request gets nowhere.
fn refusal_is_claimed(claim: &HttpClaim) -> bool {
    match &claim.expect {
        HttpExpectation::Response(wanted) => wanted.status.is_some_and(|status| status >= 400),
        _ => false,
    }
}

/// What to look at when a TLS handshake failed that should not.
pub(in crate::judge) fn after_tls(claim: &HttpClaim, failure: &TlsFailure) -> Vec<String> {
    let mut texts = Vec::new();
    match failure {
        TlsFailure::Alert(name) if name.contains("application_protocol") => {
            return hints(&["the client insists on a protocol that is not offered: Cilium offers h2 by ALPN only with gatewayAPI.enableAlpn"]);
        }
        TlsFailure::Alert(name) if name.contains("protocol_version") => {
            return hints(&["client and server share no TLS version: look at what the client offers"]);
        }
        TlsFailure::ClosedByPeer | TlsFailure::Alert(_) | TlsFailure::Other(_) => {
            texts.push(no_chain(claim));
        }
        TlsFailure::NotTls => {
            return hints(&[
                "plain HTTP answers on this port: is the listener's protocol HTTPS? An HTTPS listener none of whose certificateRefs is permitted falls into the plain chain (seen up to Cilium 1.19)",
                "look at the listener's ResolvedRefs condition",
            ]);
        }
        TlsFailure::TimedOut => texts.push(
            "Envoy may still wait for a Secret (up to 30 s for a listener that warms up): look at the Secret that the listener names".to_owned(),
        ),
    }
    texts.push("does the listener's Secret exist, does its tls.key belong to its tls.crt, and is there a copy in Cilium's secrets namespace (<namespace>-<name>)? Agents started without enable-gateway-api do not serve these Secrets".to_owned());
    texts
}

fn no_chain(claim: &HttpClaim) -> String {
    let name = match &claim.server_name {
        ServerName::Host => &claim.host,
        ServerName::Name(name) => name,
        ServerName::Absent => {
            return "without a server name only an HTTPS listener without a hostname answers: compare the listeners' hostnames".to_owned();
        }
    };
    format!(
        "Envoy ends a handshake for which it has no filter chain: compare server name {name} with the hostnames of the HTTPS listeners"
    )
}

/// What to look at when a handshake completed that should fail.
pub(in crate::judge) fn unexpected_handshake(claim: &HttpClaim) -> Vec<String> {
    let name = match &claim.server_name {
        ServerName::Host => format!("server name {}", claim.host),
        ServerName::Name(name) => format!("server name {name}"),
        ServerName::Absent => "a connection without a server name".to_owned(),
    };
    vec![format!(
        "a listener takes {name}: one without a hostname takes every name, and *.suffix takes any depth below it; before 1.21 a rejected listener may still be served (cilium#46917)"
    )]
}

/// What to look at when a connected request brought no response.
pub(in crate::judge) fn after_silence(claim: &HttpClaim, missing: &NoResponse) -> Vec<String> {
    match missing {
        NoResponse::Closed | NoResponse::Reset => {
            let mut texts = hints(&[
                "with gatewayAPI.enableProxyProtocol Envoy closes connections that do not begin with a PROXY header: look at that setting",
            ]);
            if !claim.tls {
                texts.push("is this port a TLS listener's? A Gateway without any plain HTTP listener closes plain connections".to_owned());
            }
            texts
        }
        NoResponse::TimedOut => hints(&[
            "the connection was taken but nobody answered: look at the backend, at the rule's timeouts, and at the way from this node to the backend's pods",
        ]),
        NoResponse::NotHttp(_) => hints(&[
            "something else than HTTP answers here: is this the Gateway's port, and is TLS meant?",
        ]),
        NoResponse::Other(_) => hints(&["look at Envoy's log on the node"]),
    }
}
