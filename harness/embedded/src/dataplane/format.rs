//! Values of header edits as Envoy reads them: `%` begins a command of its access-log format, and
//! `%%` is a percent sign. Cilium writes a route's values as they are, so a lone `%` makes Envoy
//! refuse the route table.
//!
//! Run are the commands that a request answers by itself; a value with any other command that Envoy
//! knows leaves its field out (Envoy would fill it in), and a log line says so. Sources:
//! envoyproxy/envoy `source/common/formatter/substitution_format_utility.cc` and
//! `substitution_formatter.cc` (1.40).

use std::borrow::Cow;
use std::net::SocketAddr;

use http::HeaderMap;

/// What commands ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The request's fields.
    pub(super) request: &'a HeaderMap,
    /// Who connected.
    pub(super) client: SocketAddr,
    /// `HTTP/1.1` or `HTTP/2`.
    pub(super) protocol: &'a str,
}

/// Names of commands that Envoy knows and that are not run here.
const NOT_RUN: [&str; 16] = [
    "START_TIME",
    "RESP",
    "TRAILER",
    "DYNAMIC_METADATA",
    "FILTER_STATE",
    "UPSTREAM_METADATA",
    "DOWNSTREAM_LOCAL_ADDRESS",
    "UPSTREAM_REMOTE_ADDRESS",
    "UPSTREAM_HOST",
    "UPSTREAM_CLUSTER",
    "HOSTNAME",
    "RESPONSE_CODE",
    "RESPONSE_FLAGS",
    "REQUESTED_SERVER_NAME",
    "ROUTE_NAME",
    "REQUEST_DURATION",
];

/// Why Envoy would refuse a value.
pub(super) fn refusal(value: &str) -> Option<String> {
    pieces(value).err().map(|at| {
        format!(
            "the value {value:?} has a % at byte {at} that begins no command; %% is a percent sign"
        )
    })
}

/// The value for a request; `None` when it holds a command that is not run here.
pub(super) fn filled_in<'v>(value: &'v str, facts: Option<&Facts<'_>>) -> Option<Cow<'v, str>> {
    if !value.contains('%') {
        return Some(Cow::Borrowed(value));
    }
    let mut filled = String::new();
    for piece in pieces(value).ok()? {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Percent => filled.push('%'),
            Piece::Command { name, argument } => filled.push_str(&run(name, argument, facts?)?),
        }
    }
    Some(Cow::Owned(filled))
}

enum Piece<'v> {
    Text(&'v str),
    Percent,
    Command { name: &'v str, argument: Option<&'v str> },
}

/// The pieces of a value; else where it goes wrong.
fn pieces(value: &str) -> Result<Vec<Piece<'_>>, usize> {
    let mut pieces = Vec::new();
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        if at > 0 {
            pieces.push(Piece::Text(&rest[..at]));
        }
        let position = value.len() - rest.len() + at;
        let after = &rest[at + 1..];
        if let Some(more) = after.strip_prefix('%') {
            pieces.push(Piece::Percent);
            rest = more;
            continue;
        }
        let (command, more) = command(after).ok_or(position)?;
        pieces.push(command);
        rest = more;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// `NAME%` or `NAME(ARGUMENT)%`, and what follows.
fn command(text: &str) -> Option<(Piece<'_>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_')?;
    let (name, rest) = text.split_at(end);
    let (argument, rest) = match rest.strip_prefix('(') {
        Some(inner) => {
            let (argument, rest) = inner.split_once(')')?;
            (Some(argument), rest)
        }
        None => (None, rest),
    };
    // A limit of length may follow.
    let rest = match rest.strip_prefix(':') {
        Some(limit) => limit.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let rest = rest.strip_prefix('%')?;
    let known = NOT_RUN.contains(&name) || RUN.contains(&name);
    known.then_some((Piece::Command { name, argument }, rest))
}

const RUN: [&str; 6] = [
    "REQ",
    "PROTOCOL",
    "DOWNSTREAM_REMOTE_ADDRESS",
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
];

fn run(name: &str, argument: Option<&str>, facts: &Facts<'_>) -> Option<String> {
    match (name, argument) {
        ("PROTOCOL", None) => Some(facts.protocol.to_owned()),
        ("DOWNSTREAM_REMOTE_ADDRESS" | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", None) => {
            Some(facts.client.to_string())
        }
        (
            "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
            | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
            None,
        ) => Some(facts.client.ip().to_string()),
        ("REQ", Some(names)) if !names.starts_with(':') => {
            let found = names.split('?').find_map(|name| facts.request.get(name));
            let text =
                |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            Some(found.map(text).unwrap_or_default())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, filled_in, refusal};
    use http::HeaderMap;

    #[test]
    fn a_lone_percent_sign_is_refused_and_a_doubled_one_or_a_command_is_not() {
        for value in ["100%", "%41", "%", "%NOPE%", "a%b", "%REQ(x"] {
            assert!(refusal(value).is_some(), "{value}");
        }
        for value in ["100%%", "%REQ(x-a?x-b):10%", "%PROTOCOL%", "%START_TIME%", "plain"] {
            assert_eq!(refusal(value), None, "{value}");
        }
    }

    #[test]
    fn commands_are_filled_in_from_the_request() {
        let mut request = HeaderMap::new();
        request.insert("x-b", "two".parse().expect("a value"));
        let facts = Facts {
            request: &request,
            client: ([192, 0, 2, 1], 5000).into(),
            protocol: "HTTP/1.1",
        };
        for (value, expected) in [
            ("100%%", Some("100%")),
            ("<%REQ(x-a?x-b)%>", Some("<two>")),
            ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", Some("192.0.2.1")),
            ("%PROTOCOL% %%", Some("HTTP/1.1 %")),
            ("%START_TIME%", None),
        ] {
            assert_eq!(filled_in(value, Some(&facts)).as_deref(), expected, "{value}");
        }
    }
}
