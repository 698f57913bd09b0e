//! Requests, drawn from a seed out of the same pools as the setups they are sent to.

use crate::draw::Draw;
use crate::setup::{FIELDS, GRPC, METHODS, PARAMETERS, PATHS, VALUES};

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Which of the listeners; modulo their number.
    pub(crate) listener: usize,
    /// The client's address; behind a PROXY protocol, the one that is claimed.
    pub(crate) client: [u8; 4],
    pub(crate) tls: Option<Tls>,
    pub(crate) protocol: Protocol,
    pub(crate) method: String,
    pub(crate) target: String,
    /// With Host; in HTTP/2 it becomes `:authority`.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// What a TLS client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Vec<&'static str>,
}

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http10,
    Http11,
    Http2,
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Counted(String),
    Chunked(Vec<String>),
}

const HOSTS: &[&str] = &[
    "a.test",
    "a.test",
    "b.test",
    "x.a.test",
    "y.x.a.test",
    "z.y.x.a.test",
    "c.test",
    "other.example",
    "A.Test",
    "a.test:80",
    "a.test:8080",
    "x.a.test:443",
    "b.test:",
    "a.test.",
    "127.0.0.1",
    "127.0.0.1:80",
    "[::1]",
    "[::1]:80",
    "",
];
const TAILS: &[&str] = &[
    "", "", "", "", "/", "//", "/x", "/..", "/../a", "/./b", "%2f", "%2F..", ";p=1", "#frag",
    "/%00", "/%zz", "/%", "\\b", "/'\"<>", "/|", "/{x}", "/^`", "/é",
];
const CLIENTS: &[[u8; 4]] = &[[127, 0, 0, 2], [127, 9, 9, 9]];
const PROXIED: &[[u8; 4]] = &[[10, 1, 2, 3], [203, 0, 113, 9], [192, 168, 7, 7], [172, 40, 0, 1]];

impl Request {
    /// A request to a setup that wants a PROXY protocol header or does not.
    pub(crate) fn drawn(draw: &mut Draw, proxied: Proxied) -> Self {
        let tls = draw.percent(40).then(|| Tls {
            server_name: draw.percent(85).then(|| {
                draw.pick(&[
                    "a.test",
                    "a.test",
                    "x.a.test",
                    "b.test",
                    "c.test",
                    "A.test",
                    "other.example",
                ])
                .to_owned()
            }),
            alpn: draw
                .pick(&[&[][..], &["h2", "http/1.1"], &["http/1.1"], &["h2"], &["other"]])
                .to_vec(),
        });
        let mut request = Self {
            listener: draw.below(4),
            client: draw.pick(if proxied == Proxied::Yes { PROXIED } else { CLIENTS }),
            tls,
            protocol: match draw.below(20) {
                0 => Protocol::Http10,
                1..=4 => Protocol::Http2,
                _ => Protocol::Http11,
            },
            method: draw.pick(&["GET", "GET", "GET", "GET", "HEAD", "POST", "PUT"]).to_owned(),
            target: target(draw),
            fields: Vec::new(),
            body: Body::None,
        };
        if draw.percent(14) {
            request.method = String::from(draw.pick(METHODS));
        }
        if draw.percent(3) {
            request.method =
                String::from(draw.pick(&["get", "BREW", "TRACE", "PROPFIND", "M-SEARCH"]));
        }
        request.fields = fields(draw);
        if request.method == "GET" && draw.percent(4) {
            for (name, value) in [
                ("connection", "Upgrade"),
                ("upgrade", draw.pick(&["websocket", "WebSocket", "other"])),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("sec-websocket-version", "13"),
            ] {
                request.fields.push((name.to_owned(), value.to_owned()));
            }
            return request;
        }
        if matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") || draw.percent(3) {
            request.body = body(draw);
        }
        request
    }

    /// Whether it names no host.
    pub(crate) fn has_empty_host(&self) -> bool {
        self.fields
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("host") && value.is_empty())
    }

    /// The same request of a client with a public address.
    pub(crate) fn without_private_addresses(&mut self) {
        if !self.client.starts_with(&[127]) {
            self.client = [203, 0, 113, 9];
        }
        self.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("x-forwarded-for"));
    }
}

/// Whether a PROXY protocol header comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxied {
    Yes,
    No,
}

fn target(draw: &mut Draw) -> String {
    if draw.percent(6) {
        return format!("/{}/{}", draw.pick(&GRPC[..2]), draw.pick(&GRPC[2..]));
    }
    let mut target = draw.pick(PATHS).to_owned();
    if draw.percent(30) {
        target.push_str(draw.pick(&["/1", "/b", "/12", "/c", "b", "a"]));
    }
    target.push_str(draw.pick(TAILS));
    if draw.percent(40) {
        let pairs: Vec<String> = (0..draw.between(0, 3))
            .map(|_| {
                let name = draw.pick(PARAMETERS);
                match draw.below(6) {
                    0 => name.to_owned(),
                    1 => format!("{name}=?x"),
                    _ => format!("{name}={}", draw.pick(VALUES).replace(' ', "+")),
                }
            })
            .collect();
        target = format!("{target}?{}", pairs.join(draw.pick(&["&", "&", "&", "&&", ";"])));
    }
    if draw.percent(4) {
        target = format!(
            "{}{target}",
            draw.pick(&[
                "http://a.test",
                "http://b.test:80",
                "https://x.a.test",
                "HTTP://A.test",
                "ws://a.test",
                "http://u:p@a.test",
            ])
        );
    }
    if draw.percent(1) {
        target = String::from(draw.pick(&["*", "a", "?q=1", "", "//", "http://a.test"]));
    }
    target
}

fn fields(draw: &mut Draw) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
    if !draw.percent(2) {
        add(draw.pick(&["host", "Host"]), draw.pick(HOSTS));
    }
    for name in draw.some(FIELDS, 20) {
        add(name, draw.pick(VALUES));
        if draw.percent(20) {
            add(&name.to_uppercase(), draw.pick(VALUES));
        }
    }
    if draw.percent(10) {
        add("x-empty", "");
    }
    if draw.percent(12) {
        add(
            "X-Forwarded-For",
            draw.pick(&["10.0.0.1", "203.0.113.1, 10.0.0.2", "bad", "1.2.3.4,5.6.7.8,9.9.9.9"]),
        );
    }
    if draw.percent(10) {
        add("x-forwarded-proto", draw.pick(&["https", "http", "HTTPS", "ftp"]));
    }
    if draw.percent(8) {
        add("x-request-id", "given");
    }
    if draw.percent(10) {
        add(
            "origin",
            draw.pick(&["https://a.test", "https://x.test", "http://b.test:8080", "null", ""]),
        );
        if draw.percent(60) {
            add("access-control-request-method", draw.pick(&["PUT", "GET", ""]));
            add("access-control-request-headers", "x-one");
        }
    }
    let rare: &[(&str, &str)] = &[
        ("x-forwarded-host", "other.test"),
        ("x-forwarded-port", "1"),
        ("forwarded", "for=1.2.3.4"),
        ("x-envoy-internal", "true"),
        ("x-envoy-external-address", "1.1.1.1"),
        ("x-envoy-original-path", "/forged"),
        ("x-envoy-expected-rq-timeout-ms", "7"),
        ("x-envoy-upstream-rq-timeout-ms", "100"),
        ("x-envoy-max-retries", "3"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-decorator-operation", "x"),
        ("x-envoy-force-trace", "1"),
        ("x-envoy-downstream-service-cluster", "c"),
        ("x-client-trace-id", "t"),
        ("connection", "x-one"),
        ("connection", "close"),
        ("Connection", "keep-alive, X-Three"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("te", "gzip"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("trailer", "x-last"),
        ("via", "1.1 proxy"),
        ("accept-encoding", "gzip"),
        ("expect", "100-continue"),
        ("expect", "other"),
        ("content-type", "application/grpc"),
        ("content-type", "application/grpc-web+proto"),
        ("content-type", "text/plain"),
        ("authorization", "Basic dTpw"),
        ("x_under_score", "1"),
        ("range", "bytes=0-1"),
        ("x-long", LONG),
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("x-forwarded-client-cert", "x"),
        ("grpc-timeout", "1S"),
        ("x-utf8", "é"),
        ("x-tab", "a\tb"),
        ("x-scheme", "https"),
    ];
    if draw.percent(30) {
        let (name, value) = draw.pick(rare);
        add(name, value);
    }
    if draw.percent(12) {
        add(
            "x-behave",
            draw.pick(&[
                "close", "never", "garbage", "half", "chunks", "eof", "interim", "old", "204",
                "304", "500", "503", "404", "418", "final",
            ]),
        );
    }
    fields
}

const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

fn body(draw: &mut Draw) -> Body {
    match draw.below(5) {
        0 => Body::None,
        1 | 2 => Body::Counted(draw.pick(&["", "x", "hello"]).to_owned()),
        3 => Body::Counted("y".repeat(100_000)),
        _ => Body::Chunked(vec!["he".into(), "l".into(), "lo".into()]),
    }
}
