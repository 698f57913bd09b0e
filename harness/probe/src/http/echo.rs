//! The echo server's JSON, recognised by its shape.
//!
//! Any JSON object would fit [`Echo`], whose fields all have defaults, so the fields that the
//! echo server always writes must be there (kubernetes-sigs/gateway-api,
//! `conformance/echo-basic/echo-basic.go`, v1.6.1: only `tls` may be omitted).

use gateproof_core::observation::Echo;
use serde_json::Value;

/// Fields without which a body is not the echo server's.
const ALWAYS_THERE: [&str; 6] = ["path", "host", "method", "proto", "headers", "pod"];

/// What the echo server saw, if the body is its answer.
pub(super) fn parse(body: &[u8]) -> Option<Echo> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let object = value.as_object()?;
    if !ALWAYS_THERE.iter().all(|field| object.contains_key(*field)) {
        return None;
    }
    serde_json::from_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: &str = r#"{"path":"/a?b","host":"a.example","method":"GET","proto":"HTTP/1.1",
        "headers":{"X-A":["1","2"]},"namespace":"apps","ingress":"","service":"web","pod":"web-0"}"#;

    #[test]
    fn echo_of_a_backend_is_read() {
        let echo = parse(ECHO.as_bytes()).unwrap();
        assert_eq!(
            (echo.pod.as_str(), echo.namespace.as_str(), echo.path.as_str()),
            ("web-0", "apps", "/a?b")
        );
        assert_eq!(echo.headers["X-A"], ["1", "2"]);
    }

    #[test]
    fn other_json_is_not_taken_for_an_echo() {
        for other in ["{}", "[]", "null", r#"{"path":"/","host":"a.example"}"#, "not json", ""] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
    }
}
