//! The request of a probe as an HTTP message.

use gateproof_core::observation::HttpVersion;
use http::header::{HOST, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;

use crate::request::{HttpProbe, VersionChoice};

/// How a probe names itself when the caller gave no `user-agent`.
const AGENT: &str = concat!("gateproof/", env!("CARGO_PKG_VERSION"));

/// Whether the request can be sent at all, in every version that may be chosen; otherwise what
/// is wrong with it, in words.
pub(super) fn check(probe: &HttpProbe) -> Result<(), String> {
    if probe.version != VersionChoice::Http2 {
        build(probe, HttpVersion::Http1)?;
    }
    let may_become_http2 = match probe.version {
        VersionChoice::Http1 => false,
        VersionChoice::Http2 => true,
        VersionChoice::ByAlpn => probe.tls.is_some(),
    };
    if may_become_http2 {
        build(probe, HttpVersion::Http2)?;
    }
    Ok(())
}

/// The message in one version: `Host` and a bare path in HTTP/1.1, an absolute URI (which becomes
/// `:scheme`, `:authority` and `:path`) in HTTP/2.
pub(super) fn build(
    probe: &HttpProbe,
    version: HttpVersion,
) -> Result<Request<Empty<Bytes>>, String> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::from_bytes(probe.method.as_bytes())
        .map_err(|_| cannot("method", &probe.method, "a token such as GET"))?;
    let path = path(&probe.path_and_query)?;
    match version {
        HttpVersion::Http1 => {
            *request.uri_mut() = Uri::from(path);
            let host = value("Host", &probe.host)?;
            request.headers_mut().insert(HOST, host);
        }
        HttpVersion::Http2 => *request.uri_mut() = absolute(probe, path)?,
    }
    for (name, text) in &probe.headers {
        let field = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| cannot("header name", name, "a token such as x-team"))?;
        request.headers_mut().append(field, value(name, text)?);
    }
    if !request.headers().contains_key(USER_AGENT) {
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
    }
    Ok(request)
}

fn path(text: &str) -> Result<PathAndQuery, String> {
    let wanted = "a path that starts with / and has no fragment";
    if !text.starts_with('/') || text.contains('#') {
        return Err(cannot("path", text, wanted));
    }
    text.parse().map_err(|_| cannot("path", text, wanted))
}

fn absolute(probe: &HttpProbe, path: PathAndQuery) -> Result<Uri, String> {
    let wanted = "a host name, with a port if need be";
    let authority: Authority =
        probe.host.parse().map_err(|_| cannot(":authority", &probe.host, wanted))?;
    let scheme = if probe.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|_| cannot(":authority", &probe.host, wanted))
}

fn value(name: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text)
        .map_err(|_| cannot(&format!("value of {name}"), text, "visible characters"))
}

fn cannot(what: &str, found: &str, wanted: &str) -> String {
    format!("the request cannot be sent: {what} is `{}`; expected {wanted}", found.escape_debug())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    fn probe() -> HttpProbe {
        HttpProbe::get(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), "a.example:8080")
    }

    #[test]
    fn http1_carries_the_host_as_given_and_a_bare_path() {
        let mut probe = probe();
        probe.path_and_query = "/x/..//y?q=%20".to_owned();
        let request = build(&probe, HttpVersion::Http1).unwrap();
        assert_eq!(request.headers()[HOST], "a.example:8080");
        assert_eq!(request.uri().to_string(), "/x/..//y?q=%20");
    }

    #[test]
    fn http2_carries_the_authority_and_no_host_field() {
        let request = build(&probe(), HttpVersion::Http2).unwrap();
        assert_eq!(request.uri().authority().unwrap(), "a.example:8080");
        assert!(!request.headers().contains_key(HOST));
    }

    #[test]
    fn given_user_agent_is_not_replaced() {
        let mut probe = probe();
        assert_eq!(build(&probe, HttpVersion::Http1).unwrap().headers()[USER_AGENT], AGENT);
        probe.headers.push(("User-Agent".to_owned(), "mine".to_owned()));
        assert_eq!(build(&probe, HttpVersion::Http1).unwrap().headers()[USER_AGENT], "mine");
    }

    #[test]
    fn field_given_twice_is_sent_twice() {
        let mut probe = probe();
        probe.headers = vec![("x-a".into(), "1".into()), ("x-a".into(), "2".into())];
        let request = build(&probe, HttpVersion::Http1).unwrap();
        assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        type Spoil = fn(&mut HttpProbe);
        let cases: [(&str, Spoil); 5] = [
            ("method", |p| p.method = "GE T".into()),
            ("path", |p| p.path_and_query = "relative".into()),
            ("path", |p| p.path_and_query = "/a#b".into()),
            ("header name", |p| p.headers.push(("a b".into(), String::new()))),
            ("value of x-a", |p| p.headers.push(("x-a".into(), "a\nb".into()))),
        ];
        for (named, spoil) in cases {
            let mut probe = probe();
            spoil(&mut probe);
            let problem = check(&probe).unwrap_err();
            assert!(problem.contains(named), "{named}: {problem}");
        }
        assert_eq!(check(&probe()), Ok(()));
    }
}
