//! Header fields as Envoy changes them on the way in, on the way out, and by a route's edits.
//!
//! The connection manager is configured as in Cilium's own translation (recorded from Cilium
//! 1.20): `useRemoteAddress: true`, no trusted hops, internal addresses 10.0.0.0/8,
//! 172.16.0.0/12, 192.168.0.0/16 and 127.0.0.1/32. What that does is in envoyproxy/envoy
//! `source/common/http/conn_manager_utility.cc` (main branch, 2026). One deliberate difference: for a client on
//! loopback Envoy appends its own node's address to X-Forwarded-For; here loopback *is* the
//! network of the cluster, so the client's address is appended.

use std::net::IpAddr;

use gateproof_model::routing::Scheme;
use gateproof_model::translation::envoy::HeaderEdits;
use http::{HeaderMap, HeaderName, HeaderValue, header};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const INTERNAL: HeaderName = HeaderName::from_static("x-envoy-internal");
const EXTERNAL_ADDRESS: HeaderName = HeaderName::from_static("x-envoy-external-address");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whether the fields of a protocol upgrade survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// The connection becomes a WebSocket.
    WebSocket,
    /// It does not.
    None,
}

/// What Envoy's connection manager does to a request before routing.
pub(super) fn enter(
    headers: &mut HeaderMap,
    client: IpAddr,
    scheme: Scheme,
    request_id: impl FnOnce() -> String,
) {
    let trusted = !headers.contains_key(FORWARDED_FOR);
    let chain = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .chain([client.to_string()])
        .collect::<Vec<_>>()
        .join(",");
    insert(headers, FORWARDED_FOR, &chain);
    insert(headers, FORWARDED_PROTO, scheme.as_str());
    headers.remove(header::HeaderName::from_static("x-envoy-expected-rq-timeout-ms"));
    let internal = trusted && is_internal(client);
    if internal {
        insert(headers, INTERNAL, "true");
    } else {
        headers.remove(INTERNAL);
        insert(headers, EXTERNAL_ADDRESS, &client.to_string());
    }
    if !internal || !headers.contains_key(REQUEST_ID) {
        insert(headers, REQUEST_ID, &request_id());
    }
}

fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4 == std::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(_) => false,
    }
}

/// Removes the fields that concern one connection only (RFC 9110, section 7.6.1), those that
/// `Connection` names included. `TE: trailers` stays, gRPC needs it.
pub(super) fn strip_connection(headers: &mut HeaderMap, upgrade: Upgrade) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let upgrade_to = headers.get(header::UPGRADE).cloned();
    let trailers = headers
        .get_all(header::TE)
        .iter()
        .any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    for name in named {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let (Upgrade::WebSocket, Some(to)) = (upgrade, upgrade_to) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, to);
    }
}

/// Whether a request asks to become a WebSocket.
pub(super) fn upgrade(headers: &HeaderMap) -> Upgrade {
    let says = |name: HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(token))
    };
    if says(header::CONNECTION, "upgrade") && says(header::UPGRADE, "websocket") {
        Upgrade::WebSocket
    } else {
        Upgrade::None
    }
}

/// Applies edits in Envoy's order: remove, then replace, then append. A name or value that HTTP
/// does not allow is left out; the API server refuses those before they get here.
pub(super) fn edit(headers: &mut HeaderMap, edits: &HeaderEdits) {
    for name in &edits.remove {
        headers.remove(name.as_str());
    }
    for (name, value) in edits.set.iter().filter_map(parse) {
        headers.insert(name, value);
    }
    for (name, value) in edits.add.iter().filter_map(parse) {
        headers.append(name, value);
    }
}

fn parse((name, value): &(String, String)) -> Option<(HeaderName, HeaderValue)> {
    let parsed = name.parse().ok().zip(HeaderValue::from_str(value).ok());
    if parsed.is_none() {
        tracing::warn!(%name, "a route edits a header field with a name or value HTTP forbids");
    }
    parsed
}

/// The fields as routing looks at them.
pub(super) fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// Sets a field to a text; a text that HTTP does not allow removes the field.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(_) => {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Scheme, Upgrade, edit, enter, pairs, strip_connection, upgrade};
    use gateproof_model::translation::envoy::HeaderEdits;
    use http::HeaderMap;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn entered(fields: &[(&'static str, &'static str)], client: [u8; 4]) -> HeaderMap {
        let mut headers = map(fields);
        enter(&mut headers, IpAddr::from(client), Scheme::Https, || "new-id".into());
        headers
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
    fn claimed_scheme_of_an_untrusted_client_is_overwritten() {
        let headers = entered(&[("x-forwarded-proto", "ftp")], [203, 0, 113, 9]);
        assert_eq!(value(&headers, "x-forwarded-proto"), Some("https"));
    }

    #[test]
    fn edits_remove_then_set_then_add() {
        let text = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
        };
        let edits = HeaderEdits {
            add: text(&[("X-Both", "added"), ("x-add", "b"), ("bad name", "x")]),
            set: text(&[("x-both", "set"), ("x-set", "new")]),
            remove: vec!["X-Both".into(), "x-gone".into()],
        };
        let mut headers =
            map(&[("x-both", "old"), ("x-gone", "1"), ("x-set", "old"), ("x-add", "a")]);
        edit(&mut headers, &edits);
        let mut fields = pairs(&headers);
        fields.sort();
        assert_eq!(
            fields,
            text(&[
                ("x-add", "a"),
                ("x-add", "b"),
                ("x-both", "added"),
                ("x-both", "set"),
                ("x-set", "new")
            ])
        );
    }

    #[test]
    fn fields_of_one_connection_do_not_travel_and_others_do() {
        let fields = [
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("x-stays", "1"),
        ];
        let mut headers = map(&fields);
        strip_connection(&mut headers, Upgrade::None);
        let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["te", "x-stays"]);
    }

    #[test]
    fn websocket_upgrade_is_told_from_other_upgrades_and_kept() {
        let mut websocket = map(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]);
        assert_eq!(upgrade(&websocket), Upgrade::WebSocket);
        strip_connection(&mut websocket, Upgrade::WebSocket);
        assert_eq!(value(&websocket, "upgrade"), Some("WebSocket"));
        assert_eq!(value(&websocket, "connection"), Some("upgrade"));
        assert_eq!(upgrade(&map(&[("connection", "upgrade"), ("upgrade", "h2c")])), Upgrade::None);
        assert_eq!(upgrade(&map(&[("upgrade", "websocket")])), Upgrade::None);
    }
}
