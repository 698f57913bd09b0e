//! The textual forms the Gateway API asks for, each as a predicate and the words that explain it.
//!
//! Source: the patterns in kubernetes-sigs/gateway-api `apis/v1/shared_types.go` (1.6.1). A form
//! accepts exactly what the upstream pattern accepts, oddities included (an IPv4 address passes as
//! a hostname; a label may be longer than 63 characters): an object that a real API server stores
//! must not be refused here. Lengths are not part of a form.

/// A textual form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Any text.
    Any,
    /// A hostname, its first label possibly `*`.
    Hostname,
    /// A hostname without wildcard; also listener names, which follow the same pattern.
    Subdomain,
    /// A single DNS label.
    Label,
    /// An API group; empty means the core group.
    Group,
    /// An object kind.
    Kind,
    /// A listener protocol.
    Protocol,
    /// An address type.
    AddressType,
    /// A controller name: domain, slash, path.
    ControllerName,
    /// The key of a label or annotation.
    QualifiedKey,
    /// The value of a label.
    LabelValue,
    /// An HTTP header, query parameter or cookie name.
    Token,
    /// A duration: up to four numbers with units.
    Duration,
    /// A value of `Access-Control-Allow-Origin`.
    Origin,
}

impl Form {
    /// Whether the text has this form.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Hostname => is_subdomain(text.strip_prefix("*.").unwrap_or(text)),
            Self::Subdomain => is_subdomain(text),
            Self::Label => is_label(text),
            Self::Group => text.is_empty() || is_subdomain(text),
            Self::Kind => is_kind(text),
            Self::Protocol => is_protocol(text),
            Self::AddressType => is_address_type(text),
            Self::ControllerName => text
                .split_once('/')
                .is_some_and(|(domain, path)| is_subdomain(domain) && is_controller_path(path)),
            Self::QualifiedKey => is_qualified_key(text),
            Self::LabelValue => text.is_empty() || is_name_part(text),
            Self::Token => !text.is_empty() && text.bytes().all(is_token_byte),
            Self::Duration => milliseconds(text).is_some(),
            Self::Origin => is_origin(text),
        }
    }

    /// The form in words: a fragment that fits after "expected".
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Any => "text",
            Self::Hostname => {
                "a lower-case hostname such as `www.example.com`, or `*.example.com` with the \
                 wildcard as the whole first label"
            }
            Self::Subdomain => {
                "lower-case letters, digits, `-` and `.`, starting and ending with a letter or \
                 digit in every label"
            }
            Self::Label => {
                "lower-case letters, digits and `-`, starting and ending with a letter or digit"
            }
            Self::Group => {
                "an API group such as `gateway.networking.k8s.io`, without a version, or empty \
                 text for the core group"
            }
            Self::Kind => {
                "a kind such as `Service`: letters, digits and `-`, starting with a letter"
            }
            Self::Protocol => {
                "a protocol such as `HTTP`, `HTTPS`, `TLS`, `TCP` or `UDP`, or a domain-prefixed \
                 one such as `example.com/proto`"
            }
            Self::AddressType => {
                "`IPAddress`, `Hostname`, `NamedAddress` or a domain-prefixed type such as \
                 `example.com/pool`"
            }
            Self::ControllerName => "a domain-prefixed path such as `io.cilium/gateway-controller`",
            Self::QualifiedKey => {
                "an optional DNS prefix and `/`, then a name of up to 63 letters, digits, `-`, \
                 `_` and `.`, starting and ending with a letter or digit"
            }
            Self::LabelValue => {
                "empty text, or letters, digits, `-`, `_` and `.`, starting and ending with a \
                 letter or digit"
            }
            Self::Token => "a token of letters, digits and !#$%&'*+-.^_`|~",
            Self::Duration => {
                "a duration of one to four numbers with units h, m, s or ms, such as `10s` or \
                 `1m30s`"
            }
            Self::Origin => {
                "`*` or an origin such as `https://www.example.com` or `https://*.example.com:8443`"
            }
        }
    }
}

/// The length of a duration in milliseconds; `None` when the text is not one.
///
/// The pattern of `Duration` in `shared_types.go`: one to four groups of up to five digits and a
/// unit.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0;
    let mut groups = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=5).contains(&digits) || groups == 4 {
            return None;
        }
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, length) = match rest.as_bytes() {
            [b'm', b's', ..] => (1, 2),
            [b's', ..] => (1_000, 1),
            [b'm', ..] => (60_000, 1),
            [b'h', ..] => (3_600_000, 1),
            _ => return None,
        };
        total += number * unit;
        rest = &rest[length..];
        groups += 1;
    }
    (groups > 0).then_some(total)
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Whether the first and last byte satisfy `edge` and all bytes satisfy `edge` or `inner`.
fn is_edged(text: &str, edge: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(&first), Some(&last)) => {
            edge(first) && edge(last) && bytes.iter().all(|&byte| edge(byte) || inner(byte))
        }
        _ => false,
    }
}

fn is_label(text: &str) -> bool {
    is_edged(text, is_lower, |byte| byte == b'-')
}

/// Dot-separated labels.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_kind(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && is_edged(text, is_alphanumeric, |byte| byte == b'-')
}

/// The second alternative of the upstream pattern is not anchored at its start, so only the
/// character before the last slash matters.
fn is_protocol(text: &str) -> bool {
    is_edged(text, is_alphanumeric, |byte| byte == b'-')
        || text.rsplit_once('/').is_some_and(|(domain, name)| {
            domain.bytes().last().is_some_and(is_lower)
                && !name.is_empty()
                && name.bytes().all(is_alphanumeric)
        })
}

/// The upstream pattern anchors only its first and last alternative.
fn is_address_type(text: &str) -> bool {
    text.starts_with("Hostname")
        || text.contains("IPAddress")
        || text.contains("NamedAddress")
        || text.match_indices('/').any(|(slash, _)| {
            text[..slash].bytes().last().is_some_and(is_lower)
                && is_controller_path(&text[slash + 1..])
        })
}

fn is_controller_path(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte))
}

/// The name of a label key or a label value: edges alphanumeric, `-`, `_` and `.` inside.
fn is_name_part(text: &str) -> bool {
    is_edged(text, is_alphanumeric, |byte| b"-_.".contains(&byte))
}

fn is_qualified_key(text: &str) -> bool {
    let name = match text.split_once('/') {
        Some((prefix, name)) if prefix.len() < 253 && is_subdomain(prefix) => name,
        Some(_) => return false,
        None => text,
    };
    name.len() <= 63 && is_name_part(name)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let labels = host.strip_prefix("*.").unwrap_or(host);
    let host_fits = host == "*"
        || labels.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    let port_fits = port.is_none_or(|port| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    host_fits && port_fits
}

#[cfg(test)]
mod tests {
    use super::{Form, milliseconds};

    /// Each form with texts it accepts and look-alikes it refuses.
    const CASES: &[(Form, &[&str], &[&str])] = &[
        (
            Form::Hostname,
            &["example.com", "*.example.com", "a", "1.2.3.4", "a--b.c"],
            &["", "*", "*.", "*example.com", "a.*.com", "Example.com", "a..b", "-a.com", "a_b"],
        ),
        (Form::Subdomain, &["http", "http-1.a"], &["*.a", "Http", "a-", "a.-b"]),
        (Form::Label, &["team-a", "0"], &["team.a", "", "-a", "Team"]),
        (Form::Group, &["", "gateway.networking.k8s.io"], &["a/v1", "A", "."]),
        (Form::Kind, &["Service", "HTTPRoute", "my-Kind", "a"], &["", "1a", "a-", "a.b", "a/b"]),
        (
            Form::Protocol,
            &["HTTP", "http", "example.com/bar", "A.b/C"],
            &["", "foo.com/", "/x", "A B", "HTTP/"],
        ),
        (
            Form::AddressType,
            &["IPAddress", "Hostname", "NamedAddress", "example.com/pool"],
            &["ipaddress", "", "example.com/", "Host"],
        ),
        (
            Form::ControllerName,
            &["io.cilium/gateway-controller", "a/b/c"],
            &["cilium", "io.cilium/", "/x", "IO.cilium/x", "a/b c"],
        ),
        (
            Form::QualifiedKey,
            &["app", "example.com/Name_1", "a.b"],
            &["", "/a", "a/", "A.com/x", "a/b/c", "-a"],
        ),
        (Form::LabelValue, &["", "A-b_c.1"], &["-a", "a b", "a/"]),
        (Form::Token, &["X-Forwarded-For", "a|b", "`~"], &["", "a b", "a:b", "é", "a/b"]),
        (
            Form::Duration,
            &["0s", "10ms", "1h2m3s4ms", "99999s"],
            &["", "10", "s", "1h2m3s4ms5s", "100000s", "1.5s", "-1s", "1d"],
        ),
        (
            Form::Origin,
            &["*", "https://a.example.com", "http://*.example.com:8080", "https://*"],
            &["", "ftp://a", "https://", "https://a/", "https://a:123456", "example.com", "**"],
        ),
    ];

    #[test]
    fn form_accepts_its_texts_and_refuses_look_alikes() {
        for (form, good, bad) in CASES {
            for text in *good {
                assert!(form.accepts(text), "{form:?} must accept {text:?}");
            }
            for text in *bad {
                assert!(!form.accepts(text), "{form:?} must refuse {text:?}");
            }
        }
    }

    #[test]
    fn duration_units_add_up() {
        assert_eq!(milliseconds("1h1m1s1ms"), Some(3_661_001));
        assert_eq!(milliseconds("1m"), Some(60_000));
        assert_eq!(milliseconds("1ms"), Some(1));
    }
}
