//! The gRPC echo service: `Echo` and `EchoTwo` say what they saw, `EchoThree` is not implemented.
//!
//! Messages follow kubernetes-sigs/gateway-api v1.6.1 `conformance/echo-basic/grpcecho.proto` and
//! are written by hand; what a request says is not read.

use std::convert::Infallible;

use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};

use super::{Connection, EchoBody};

const SERVICE: &str = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho";

/// gRPC's code for a method or service that does not exist.
const UNIMPLEMENTED: &str = "12";

/// Answers a call.
pub(super) async fn reply(
    connection: &Connection,
    request: Request<Incoming>,
) -> Response<EchoBody> {
    let (parts, body) = request.into_parts();
    if body.collect().await.is_err() || parts.version != Version::HTTP_2 {
        return failed(UNIMPLEMENTED, "the request could not be read");
    }
    let path = parts.uri.path();
    let method = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    match method {
        Some((SERVICE, "Echo" | "EchoTwo")) => {}
        Some((SERVICE, method)) => {
            return failed(UNIMPLEMENTED, &format!("method {method} not implemented"));
        }
        Some((service, _)) => {
            return failed(UNIMPLEMENTED, &format!("unknown service {service}"));
        }
        None => return failed(UNIMPLEMENTED, "malformed method name"),
    }
    let kind = if connection.tls.is_some() { "TLS" } else { "plaintext" };
    connection.shared.say(format!("Received over {kind}: {path}"));
    let authority = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    let message = response(connection, path, &authority, &parts.headers).finish();
    let mut frame = vec![0];
    let length = u32::try_from(message.len()).expect("headers are far smaller than 4 GiB");
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame))
        .with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))))
        .boxed_unsync();
    grpc(Response::new(body))
}

fn grpc(mut response: Response<EchoBody>) -> Response<EchoBody> {
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// An answer that is nothing but a status.
fn failed(code: &'static str, message: &str) -> Response<EchoBody> {
    let mut response = grpc(Response::new(Full::default().boxed_unsync()));
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from_static(code));
    if let Ok(message) = HeaderValue::from_str(message) {
        headers.insert("grpc-message", message);
    }
    response
}

fn response(connection: &Connection, path: &str, authority: &str, headers: &HeaderMap) -> Message {
    let identity = &connection.shared.identity;
    let mut context = Message::default();
    context.text(1, &identity.namespace);
    context.text(3, &identity.service);
    context.text(4, &identity.pod);
    let mut assertions = Message::default();
    assertions.text(1, path);
    let pairs = headers
        .iter()
        .map(|(name, value)| {
            (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .chain([(":authority", authority.to_owned())]);
    for (name, value) in pairs {
        let mut pair = Message::default();
        pair.text(1, name);
        pair.text(2, &value);
        assertions.message(2, &pair);
    }
    assertions.text(3, authority);
    assertions.message(4, &context);
    if let Some(tls) = &connection.tls {
        let mut facts = Message::default();
        facts.text(1, &tls.version);
        facts.text(2, &tls.negotiated_protocol);
        facts.text(3, &tls.server_name);
        facts.text(4, &tls.cipher_suite);
        assertions.message(5, &facts);
    }
    let mut response = Message::default();
    response.message(1, &assertions);
    response
}

/// A protobuf message of length-delimited fields.
#[derive(Debug, Default)]
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn text(&mut self, field: u8, text: &str) {
        if !text.is_empty() {
            self.field(field, text.as_bytes());
        }
    }

    fn message(&mut self, field: u8, message: &Self) {
        self.field(field, &message.bytes);
    }

    /// Field numbers here are below 16, so that a tag is one byte.
    fn field(&mut self, field: u8, bytes: &[u8]) {
        self.bytes.push(field << 3 | 2);
        let mut length = bytes.len();
        while length >= 0x80 {
            self.bytes.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        self.bytes.push(length.to_le_bytes()[0]);
        self.bytes.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn fields_are_tagged_and_lengths_are_varints() {
        let mut inner = Message::default();
        inner.text(1, "a");
        inner.text(2, "");
        let mut message = Message::default();
        message.message(4, &inner);
        assert_eq!(message.finish(), [0x22, 3, 0x0a, 1, b'a']);
        let mut long = Message::default();
        long.text(1, &"x".repeat(300));
        assert_eq!(long.finish()[..3], [0x0a, 0xac, 0x02]);
    }
}
