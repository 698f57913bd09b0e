//! What pages of other origins may do, as Envoy's CORS filter answers it before a request is routed
//! on (envoyproxy/envoy `source/extensions/filters/http/cors/cors_filter.cc`).

use std::borrow::Cow;

use gateproof_model::routing::text_matches;
use gateproof_model::translation::envoy::{Cors, Credentials};
use http::{HeaderMap, HeaderValue, Method, Response, header};

use super::answer::{self, Body};

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It goes on; these fields are set on its answer.
    On(Vec<(header::HeaderName, HeaderValue)>),
    /// It is answered.
    Answered(Response<Body>),
}

/// Judges a request by the policy of its route.
pub(super) fn judge(policy: &Cors, method: &Method, headers: &HeaderMap) -> Verdict {
    let origin = headers.get(header::ORIGIN).filter(|origin| !origin.is_empty());
    let Some(origin) = origin else { return Verdict::On(Vec::new()) };
    let asks = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    let preflight = *method == Method::OPTIONS && asks.is_some_and(|method| !method.is_empty());
    let text = String::from_utf8_lossy(origin.as_bytes());
    let allowed =
        policy.origins.iter().any(|known| text_matches(known, "*") || text_matches(known, &text));
    if !allowed {
        return if preflight {
            Verdict::Answered(answer::status(200))
        } else {
            Verdict::On(Vec::new())
        };
    }
    let mut fields = vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())];
    if policy.credentials == Credentials::Allowed {
        fields.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
    }
    let mut say = |name, text: &str| {
        if !text.is_empty()
            && let Ok(value) = HeaderValue::from_str(text)
        {
            fields.push((name, value));
        }
    };
    // The filter sets this on every answer on its way back, its own to a preflight included.
    say(header::ACCESS_CONTROL_EXPOSE_HEADERS, &policy.expose_headers);
    if !preflight {
        return Verdict::On(fields);
    }
    let requested = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let methods = requested(header::ACCESS_CONTROL_REQUEST_METHOD);
    say(header::ACCESS_CONTROL_ALLOW_METHODS, &listed(policy, &policy.methods, methods));
    let names = requested(header::ACCESS_CONTROL_REQUEST_HEADERS);
    say(header::ACCESS_CONTROL_ALLOW_HEADERS, &listed(policy, &policy.headers, names));
    say(header::ACCESS_CONTROL_MAX_AGE, &policy.max_age);
    let mut answer = answer::status(200);
    set(&mut answer, fields);
    Verdict::Answered(answer)
}

/// What is allowed: where everything is, also for requests with credentials, what was asked for.
/// Browsers take no wildcard there. Inferred from the conformance suite's test of CORS
/// (kubernetes-sigs/gateway-api v1.6.1 `conformance/tests/httproute-cors.go`), which Cilium passes.
fn listed<'p>(policy: &'p Cors, allowed: &'p str, requested: Option<Cow<'p, str>>) -> Cow<'p, str> {
    match requested {
        Some(requested) if allowed == "*" && policy.credentials == Credentials::Allowed => {
            requested
        }
        _ => Cow::Borrowed(allowed),
    }
}

/// Sets fields on an answer.
pub(super) fn set(answer: &mut Response<Body>, fields: Vec<(header::HeaderName, HeaderValue)>) {
    for (name, value) in fields {
        answer.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use gateproof_model::translation::envoy::{Cors, Credentials, ValueMatch};
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::{Verdict, judge};

    fn policy() -> Cors {
        Cors {
            origins: vec![ValueMatch::Exact("https://a.test".into())],
            credentials: Credentials::Allowed,
            methods: "GET, PUT".into(),
            headers: String::new(),
            expose_headers: "x-own".into(),
            max_age: "5".into(),
        }
    }

    fn asked(method: &Method, fields: &[(&'static str, &'static str)]) -> Verdict {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        judge(&policy(), method, &fields.collect::<HeaderMap>())
    }

    fn names(fields: &[(HeaderName, HeaderValue)]) -> Vec<&str> {
        fields.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn allowed_origin_is_told_and_others_and_none_are_passed_on_silently() {
        let Verdict::On(fields) = asked(&Method::GET, &[("origin", "https://a.test")]) else {
            panic!("a request goes on")
        };
        assert_eq!(
            names(&fields),
            [
                "access-control-allow-origin",
                "access-control-allow-credentials",
                "access-control-expose-headers"
            ]
        );
        for origin in [&[("origin", "https://b.test")][..], &[]] {
            let verdict = asked(&Method::GET, origin);
            assert!(matches!(verdict, Verdict::On(fields) if fields.is_empty()), "{origin:?}");
        }
    }

    #[test]
    fn a_wildcard_is_what_was_asked_for_where_credentials_are_allowed() {
        let fields = [
            ("origin", "https://a.test"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-one, x-two"),
        ];
        let headers: HeaderMap = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        for (credentials, methods, names) in
            [(Credentials::Allowed, "PUT", "x-one, x-two"), (Credentials::Refused, "*", "*")]
        {
            let policy = Cors { credentials, methods: "*".into(), headers: "*".into(), ..policy() };
            let Verdict::Answered(answer) = judge(&policy, &Method::OPTIONS, &headers) else {
                panic!("a preflight is answered")
            };
            assert_eq!(answer.headers()["access-control-allow-methods"], methods);
            assert_eq!(answer.headers()["access-control-allow-headers"], names);
        }
    }

    #[test]
    fn preflight_is_answered_whoever_asks_and_options_alone_is_none() {
        let method = ("access-control-request-method", "PUT");
        let Verdict::Answered(answer) =
            asked(&Method::OPTIONS, &[("origin", "https://a.test"), method])
        else {
            panic!("a preflight is answered")
        };
        assert_eq!(answer.headers()["access-control-allow-methods"], "GET, PUT");
        assert_eq!(answer.headers()["access-control-max-age"], "5");
        assert_eq!(answer.headers()["access-control-expose-headers"], "x-own");
        assert!(!answer.headers().contains_key("access-control-allow-headers"));
        let Verdict::Answered(answer) =
            asked(&Method::OPTIONS, &[("origin", "https://b.test"), method])
        else {
            panic!("a preflight is answered")
        };
        assert_eq!((answer.status().as_u16(), answer.headers().len()), (200, 0));
        let plain = asked(&Method::OPTIONS, &[("origin", "https://a.test")]);
        assert!(matches!(plain, Verdict::On(_)), "no method is asked for");
    }
}
