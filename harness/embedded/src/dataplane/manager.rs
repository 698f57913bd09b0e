//! What Envoy's HTTP connection manager does to a request's fields before routing: who the client
//! is, whether it is internal, and which fields a client may not set.
//!
//! As envoyproxy/envoy `source/common/http/conn_manager_utility.cc` does it, compared with Envoy
//! 1.40 by `tests/envoy`. One deliberate difference: for a client at 127.0.0.1 Envoy appends its
//! own node's address to X-Forwarded-For; here loopback *is* the network of the cluster, so the
//! client's address is appended. Fields by which internal clients steer retries
//! (`x-envoy-retry-on`) have no effect.

use std::net::IpAddr;

use gateproof_model::routing::Scheme;
use gateproof_model::translation::envoy::{ClientAddress, HttpManager};
use http::{HeaderMap, HeaderName, Version, header};

use super::headers::{self, insert};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const INTERNAL: HeaderName = HeaderName::from_static("x-envoy-internal");
const EXTERNAL_ADDRESS: HeaderName = HeaderName::from_static("x-envoy-external-address");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Fields that only internal clients may set.
const INTERNAL_ONLY: [&str; 14] = [
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-original-url",
    "x-envoy-hedge-on-per-try-timeout",
];

/// Fields that clients at the edge may not set either.
const NOT_FROM_THE_EDGE: [&str; 5] = [
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
];

/// Does it.
pub(super) fn enter(
    headers: &mut HeaderMap,
    version: Version,
    manager: &HttpManager,
    client: IpAddr,
    scheme: Scheme,
    request_id: impl FnOnce() -> String,
) {
    for name in &headers::SINGLE_IN_REQUESTS {
        join(headers, name, ",");
    }
    if version == Version::HTTP_2 {
        // HTTP/2 may send each cookie by itself (RFC 9113, section 8.2.3).
        join(headers, &header::COOKIE, "; ");
    }
    headers.remove(INTERNAL);
    headers.remove("x-forwarded-client-cert");
    let from_connection = manager.client == ClientAddress::Connection;
    let identity = if from_connection {
        at_the_edge(headers, manager, client, scheme)
    } else {
        behind_a_proxy(headers, manager, client, scheme)
    };
    let internal = identity.alone && is_internal(manager, identity.address);
    let edge = !internal && from_connection;
    if internal {
        insert(headers, INTERNAL, "true");
    } else {
        remove(headers, &INTERNAL_ONLY);
    }
    if edge {
        remove(headers, &NOT_FROM_THE_EDGE);
        insert(headers, EXTERNAL_ADDRESS, &identity.address.to_string());
    }
    if edge || !headers.contains_key(REQUEST_ID) {
        insert(headers, REQUEST_ID, &request_id());
    }
}

/// Who sent a request.
struct Identity {
    address: IpAddr,
    /// Whether no proxy stood between.
    alone: bool,
}

/// The connection's address, unless proxies in front are trusted to name it.
fn at_the_edge(
    headers: &mut HeaderMap,
    manager: &HttpManager,
    client: IpAddr,
    scheme: Scheme,
) -> Identity {
    let forwarded = text(headers, &FORWARDED_FOR);
    let trusted = usize::try_from(manager.trusted_hops).unwrap_or(usize::MAX);
    let named = trusted
        .checked_sub(1)
        .and_then(|hop| forwarded.as_deref().and_then(|chain| from_the_end(chain, hop)));
    let chain = match &forwarded {
        Some(before) if !before.is_empty() => format!("{before},{client}"),
        _ => client.to_string(),
    };
    insert(headers, FORWARDED_FOR, &chain);
    if trusted == 0 || !headers.contains_key(FORWARDED_PROTO) {
        insert(headers, FORWARDED_PROTO, scheme.as_str());
    }
    Identity { address: named.unwrap_or(client), alone: forwarded.is_none() }
}

/// The address that X-Forwarded-For names; the field is left as it is.
fn behind_a_proxy(
    headers: &mut HeaderMap,
    manager: &HttpManager,
    client: IpAddr,
    scheme: Scheme,
) -> Identity {
    let forwarded = text(headers, &FORWARDED_FOR);
    let hop = usize::try_from(manager.trusted_hops).unwrap_or(usize::MAX);
    let named = forwarded.as_deref().and_then(|chain| from_the_end(chain, hop));
    if !headers.contains_key(FORWARDED_PROTO) {
        insert(headers, FORWARDED_PROTO, scheme.as_str());
    }
    let single = forwarded.as_deref().is_some_and(|chain| !chain.contains(','));
    match named {
        Some(address) => Identity { address, alone: single },
        None => Identity { address: client, alone: false },
    }
}

/// The address at a place of the chain, the last one being at 0.
fn from_the_end(chain: &str, place: usize) -> Option<IpAddr> {
    chain.rsplit(',').nth(place)?.trim().parse().ok()
}

/// Without a list of its own Envoy takes every private address for internal.
fn is_internal(manager: &HttpManager, address: IpAddr) -> bool {
    match (&manager.internal, address) {
        (Some(ranges), _) => ranges.iter().any(|range| range.contains(address)),
        (None, IpAddr::V4(v4)) => v4.is_private() || v4 == std::net::Ipv4Addr::LOCALHOST,
        (None, IpAddr::V6(v6)) => v6.is_loopback() || v6.is_unique_local(),
    }
}

fn remove(headers: &mut HeaderMap, names: &[&str]) {
    for name in names {
        headers.remove(*name);
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn join(headers: &mut HeaderMap, name: &HeaderName, between: &str) {
    let mut values = headers.get_all(name).iter();
    if values.next().is_none() || values.next().is_none() {
        return;
    }
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    insert(headers, name.clone(), &values.join(between));
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{ClientAddress, HttpManager, Scheme, enter};
    use http::{HeaderMap, Version};

    fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn with(
        manager: &HttpManager,
        fields: &[(&'static str, &'static str)],
        client: [u8; 4],
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a header value"));
        }
        let client = IpAddr::from(client);
        let id = || "new-id".into();
        enter(&mut headers, Version::HTTP_2, manager, client, Scheme::Https, id);
        headers
    }

    fn entered(fields: &[(&'static str, &'static str)], client: [u8; 4]) -> HeaderMap {
        with(&HttpManager::default(), fields, client)
    }

    #[test]
    fn private_client_is_internal_and_public_or_forwarded_one_is_not() {
        let internal = entered(&[("x-request-id", "kept")], [172, 18, 0, 9]);
        assert_eq!(value(&internal, "x-envoy-internal"), Some("true"));
        assert_eq!(value(&internal, "x-envoy-external-address"), None);
        assert_eq!(value(&internal, "x-request-id"), Some("kept"));
        let public = entered(&[("x-request-id", "theirs")], [203, 0, 113, 9]);
        assert_eq!(value(&public, "x-envoy-internal"), None);
        assert_eq!(value(&public, "x-envoy-external-address"), Some("203.0.113.9"));
        assert_eq!(value(&public, "x-request-id"), Some("new-id"));
        let forwarded = entered(
            &[("x-forwarded-for", "10.0.0.1"), ("x-envoy-internal", "true")],
            [10, 0, 0, 2],
        );
        assert_eq!(value(&forwarded, "x-forwarded-for"), Some("10.0.0.1,10.0.0.2"));
        assert_eq!(value(&forwarded, "x-envoy-internal"), None);
    }

    #[test]
    fn claimed_scheme_of_an_untrusted_client_is_overwritten_and_a_trusted_proxys_is_not() {
        let untrusted = entered(&[("x-forwarded-proto", "ftp")], [203, 0, 113, 9]);
        assert_eq!(value(&untrusted, "x-forwarded-proto"), Some("https"));
        let trusting = HttpManager { trusted_hops: 1, ..HttpManager::default() };
        let trusted = with(&trusting, &[("x-forwarded-proto", "http")], [203, 0, 113, 9]);
        assert_eq!(value(&trusted, "x-forwarded-proto"), Some("http"));
    }

    #[test]
    fn trusted_hops_count_from_the_end_of_the_chain() {
        let chain = [("x-forwarded-for", "1.1.1.1, 2.2.2.2,3.3.3.3")];
        for (hops, expected) in [(0, "9.9.9.9"), (1, "3.3.3.3"), (2, "2.2.2.2"), (4, "9.9.9.9")] {
            let manager = HttpManager { trusted_hops: hops, ..HttpManager::default() };
            let headers = with(&manager, &chain, [9, 9, 9, 9]);
            assert_eq!(value(&headers, "x-envoy-external-address"), Some(expected), "{hops}");
        }
    }

    #[test]
    fn without_the_remote_address_nothing_is_appended() {
        let manager = HttpManager { client: ClientAddress::ForwardedFor, ..HttpManager::default() };
        let headers = with(&manager, &[("x-forwarded-for", "10.0.0.1")], [203, 0, 113, 9]);
        assert_eq!(value(&headers, "x-forwarded-for"), Some("10.0.0.1"));
        assert_eq!(value(&headers, "x-envoy-internal"), Some("true"));
        let headers = with(&manager, &[], [10, 0, 0, 9]);
        assert_eq!(value(&headers, "x-forwarded-for"), None);
        assert_eq!(value(&headers, "x-envoy-internal"), None);
        assert_eq!(value(&headers, "x-envoy-external-address"), None);
    }

    #[test]
    fn original_host_and_path_are_taken_from_the_edge_and_left_behind_a_proxy() {
        let behind = HttpManager { client: ClientAddress::ForwardedFor, ..HttpManager::default() };
        for (manager, kept) in [(&HttpManager::default(), None), (&behind, Some("/before"))] {
            for name in ["x-envoy-original-path", "x-envoy-original-host"] {
                let fields = [(name, "/before"), ("x-envoy-retry-on", "5xx")];
                let headers = with(manager, &fields, [203, 0, 113, 9]);
                assert_eq!(value(&headers, name), kept, "{name}");
                assert_eq!(value(&headers, "x-envoy-retry-on"), None);
            }
        }
    }

    #[test]
    fn cookies_become_one_field_and_steering_fields_of_the_edge_go() {
        let headers = entered(
            &[("cookie", "a=1"), ("cookie", "b=2"), ("x-envoy-retry-on", "5xx"), ("x-own", "1")],
            [203, 0, 113, 9],
        );
        assert_eq!(value(&headers, "cookie"), Some("a=1; b=2"));
        assert_eq!(value(&headers, "x-envoy-retry-on"), None);
        assert_eq!(value(&headers, "x-own"), Some("1"));
    }
}
