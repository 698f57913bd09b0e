//! Header fields between two connections: those of one connection only, and a route's edits.

use gateproof_model::translation::envoy::HeaderEdits;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::format::{self, Facts};

/// Whether the fields of a protocol upgrade survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// The connection becomes a WebSocket.
    WebSocket,
    /// The client asks for another protocol, which no chain allows.
    Forbidden,
    /// It does not.
    None,
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
    let word = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|word| {
            let word = word.trim();
            let found = word.eq_ignore_ascii_case("upgrade");
            found.then(|| HeaderValue::from_str(word).ok()).flatten()
        });
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
    if let (Upgrade::WebSocket, Some(to), Some(word)) = (upgrade, upgrade_to, word) {
        headers.insert(header::CONNECTION, word);
        headers.insert(header::UPGRADE, to);
    }
}

/// Which upgrade a request asks for. `h2c` is no upgrade: Envoy takes it out and goes on. Of several
/// to choose from Envoy knows none.
pub(super) fn upgrade(headers: &HeaderMap) -> Upgrade {
    let mut asked = headers.get_all(header::UPGRADE).iter();
    let Some(to) = asked.next().filter(|_| says(headers, header::CONNECTION, "upgrade")) else {
        return Upgrade::None;
    };
    let only = asked.next().is_none();
    if only && to.as_bytes().eq_ignore_ascii_case(b"websocket") {
        Upgrade::WebSocket
    } else if only && to.as_bytes().eq_ignore_ascii_case(b"h2c") {
        Upgrade::None
    } else {
        Upgrade::Forbidden
    }
}

/// Whether a field has this among its comma-separated words.
pub(super) fn says(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// Fields that hold one value in Envoy: what is added to them is joined by a comma
/// (envoyproxy/envoy `envoy/http/header_map.h`). Of those that it has, the ones that clients send.
pub(super) const SINGLE_IN_REQUESTS: [HeaderName; 9] = [
    HeaderName::from_static("x-envoy-original-path"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    header::USER_AGENT,
    HeaderName::from_static("x-request-id"),
    header::VIA,
    header::CONTENT_TYPE,
];

/// The same for answers.
const SINGLE_IN_ANSWERS: [HeaderName; 5] = [
    HeaderName::from_static("x-request-id"),
    header::VIA,
    header::CONTENT_TYPE,
    header::LOCATION,
    header::DATE,
];

/// Applies edits of a request, in Envoy's order: remove, then replace, then append; values are filled in by what
/// the request was before them. A name or value that HTTP does not allow is left out; the API server
/// refuses those before they get here.
pub(super) fn edit(headers: &mut HeaderMap, edits: &HeaderEdits, facts: Option<&Facts<'_>>) {
    apply(headers, edits, facts, &SINGLE_IN_REQUESTS);
}

/// The same for an answer.
pub(super) fn edit_response(
    headers: &mut HeaderMap,
    edits: &HeaderEdits,
    facts: Option<&Facts<'_>>,
) {
    apply(headers, edits, facts, &SINGLE_IN_ANSWERS);
}

fn apply(
    headers: &mut HeaderMap,
    edits: &HeaderEdits,
    facts: Option<&Facts<'_>>,
    single: &[HeaderName],
) {
    for name in &edits.remove {
        headers.remove(name.as_str());
    }
    for (name, value) in edits.set.iter().filter_map(|edit| parse(edit, facts)) {
        headers.insert(name, value);
    }
    for (name, value) in edits.add.iter().filter_map(|edit| parse(edit, facts)) {
        match headers.get(&name).filter(|_| single.contains(&name)) {
            Some(before) => {
                let joined = [before.as_bytes(), b",", value.as_bytes()].concat();
                if let Ok(joined) = HeaderValue::from_bytes(&joined) {
                    headers.insert(name, joined);
                }
            }
            None => {
                headers.append(name, value);
            }
        }
    }
}

/// Whether edits ask for facts of the request.
pub(super) fn asks(edits: &HeaderEdits) -> bool {
    edits.set.iter().chain(&edits.add).any(|(_, value)| value.contains('%'))
}

fn parse(
    (name, value): &(String, String),
    facts: Option<&Facts<'_>>,
) -> Option<(HeaderName, HeaderValue)> {
    let value = format::filled_in(value, facts);
    let parsed = name.parse().ok().zip(value.and_then(|value| HeaderValue::from_str(&value).ok()));
    if parsed.is_none() {
        tracing::warn!(%name, "a route's edit of a header field is left out");
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
    use super::{Upgrade, edit, pairs, strip_connection, upgrade};
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
        edit(&mut headers, &edits, None);
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
        assert_eq!(value(&websocket, "connection"), Some("Upgrade"));
        assert_eq!(upgrade(&map(&[("connection", "upgrade"), ("upgrade", "h2c")])), Upgrade::None);
        assert_eq!(upgrade(&map(&[("upgrade", "websocket")])), Upgrade::None);
        let others: [&[&str]; 5] = [
            &["tls/1.0"],
            &["h2c", "websocket"],
            &["websocket", "websocket"],
            &["websocket, h2c"],
            &["h2c, foo"],
        ];
        for to in others {
            let mut asked = vec![("connection", "upgrade")];
            asked.extend(to.iter().map(|to| ("upgrade", *to)));
            assert_eq!(upgrade(&map(&asked)), Upgrade::Forbidden, "{to:?}");
        }
    }
}
