//! What an echo server answers to HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use gateproof_core::observation::Echo;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};

use super::retry::Attempt;
use super::{Application, Connection, Cut, EchoBody, web_socket};

/// Answers a request, after the delay it asks for or when the server stops.
pub(super) async fn reply(
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<EchoBody>, Cut> {
    if connection.shared.serving.application == Application::H2c {
        let upgrade = request.headers().get(header::UPGRADE).is_some_and(|value| value == "h2c");
        if request.version() != Version::HTTP_2 && !upgrade {
            return Ok(plain(StatusCode::BAD_REQUEST, "Expected h2c request"));
        }
        return Ok(echo(connection, &read(request).await?).await);
    }
    if request.uri().path() == "/ws" && web_socket::is_wanted(request.headers()) {
        return Ok(web_socket::upgrade(connection, request, Full::default().boxed_unsync()));
    }
    let parts = read(request).await?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.uri.path() == "/health" {
        return Ok(plain(StatusCode::OK, "OK"));
    }
    if let Some(code) = path.strip_prefix("/status/") {
        return Ok(plain(status(code), ""));
    }
    let query = parts.uri.query().unwrap_or_default();
    if parts.uri.path().starts_with("/retry/") {
        let attempt = connection.shared.attempts.count(|name| parameter(query, name));
        if matches!(attempt, Attempt::IsCut | Attempt::Fails(_))
            && let Err(response) = rest(connection, query, "delayRetry").await
        {
            return Ok(*response);
        }
        match attempt {
            Attempt::Succeeds => {}
            Attempt::IsCut => return Err(Cut),
            Attempt::Fails(code) => return Ok(plain(code, "")),
            Attempt::Malformed(why) => return Ok(plain(StatusCode::BAD_REQUEST, why)),
        }
    }
    Ok(echo(connection, &parts).await)
}

/// Reads the whole request, as the real server does, so that a client that sends first is served.
async fn read(request: Request<Incoming>) -> Result<Parts, Cut> {
    let (parts, body) = request.into_parts();
    body.collect().await.map_err(|_| Cut)?;
    Ok(parts)
}

async fn echo(connection: &Connection, parts: &Parts) -> Response<EchoBody> {
    let shared = &connection.shared;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    shared.say(format!("Echoing back request made to {path} to client ({})", connection.client));
    if let Err(response) = rest(connection, parts.uri.query().unwrap_or_default(), "delay").await {
        return *response;
    }
    let host = match parts.uri.authority() {
        Some(authority) => authority.to_string(),
        None => text(parts.headers.get(header::HOST)),
    };
    let echo = Echo {
        path: path.to_owned(),
        host,
        method: parts.method.to_string(),
        proto: if parts.version == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" }.into(),
        headers: canonical(&parts.headers),
        namespace: shared.identity.namespace.clone(),
        ingress: String::new(),
        service: shared.identity.service.clone(),
        pod: shared.identity.pod.clone(),
        tls: connection.tls.as_ref().map(|tls| serde_json::to_value(tls).expect("text serializes")),
    };
    let mut document = serde_json::to_value(&echo).expect("text and maps of text serialize");
    document["httpPort"] = shared.serving.port.to_string().into();
    let mut response = json(StatusCode::OK, &document);
    set_headers(response.headers_mut(), &parts.headers);
    response
}

/// Waits as long as a parameter of the query asks for; the answer to give instead if that cannot
/// be done.
async fn rest(
    connection: &Connection,
    query: &str,
    name: &str,
) -> Result<(), Box<Response<EchoBody>>> {
    match delay(query, name) {
        Ok(None) => Ok(()),
        Ok(Some(delay)) => {
            let stopped = tokio::time::timeout(delay, connection.shared.stop.cancelled()).await;
            match stopped {
                Err(_) => Ok(()),
                Ok(()) => Err(Box::new(plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the echo server is stopping",
                ))),
            }
        }
        Err(reason) => Err(Box::new(json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &serde_json::json!({"message": reason}),
        ))),
    }
}

/// A parameter of a query as it stands there; `None` when it is missing or empty.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

fn plain(status: StatusCode, body: &'static str) -> Response<EchoBody> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<EchoBody> {
    let body = serde_json::to_vec_pretty(value).expect("text and maps of text serialize");
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The status of `/status/<three digits>`, 400 for anything else.
fn status(code: &str) -> StatusCode {
    let digits = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    let parsed = code.parse().ok().filter(|_| digits);
    parsed.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::BAD_REQUEST)
}

/// A duration in a query, as Go writes them: `500ms`, `1.5s`, `1m30s`.
fn delay(query: &str, name: &str) -> Result<Option<Duration>, String> {
    let Some(asked) = parameter(query, name) else { return Ok(None) };
    go_duration(&asked)
        .map(Some)
        .ok_or_else(|| format!("{name}={asked}: expected a duration such as 500ms, 1.5s or 1m30s"))
}

fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..number].parse().ok()?;
        rest = &rest[number..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(value * seconds).ok()?)?;
        rest = &rest[unit..];
    }
    Some(total)
}

/// Header fields by their canonical names; Host is not among them, as in Go.
fn canonical(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if name != header::HOST {
            fields.entry(canonical_name(name.as_str())).or_default().push(text(Some(value)));
        }
    }
    fields
}

fn canonical_name(name: &str) -> String {
    let mut upper = true;
    name.chars()
        .map(|c| {
            let shown = if upper { c.to_ascii_uppercase() } else { c };
            upper = c == '-';
            shown
        })
        .collect()
}

/// Response fields that the request asks for: `X-Echo-Set-Header: name:value, other:value`.
fn set_headers(response: &mut HeaderMap, request: &HeaderMap) {
    for list in request.get_all("x-echo-set-header") {
        for pair in text(Some(list)).split(',') {
            let (name, value) = pair.trim().split_once(':').unwrap_or((pair.trim(), ""));
            let name = name.parse::<HeaderName>();
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) {
                response.append(name, value);
            }
        }
    }
}

fn text(value: Option<&HeaderValue>) -> String {
    value.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{canonical_name, delay, status};

    #[test]
    fn delays_are_read_as_go_writes_them() {
        let millis = |query| delay(query, "delay").map(|d| d.map(|d| d.as_millis()));
        assert_eq!(millis("a=1&delay=1.5s"), Ok(Some(1500)));
        assert_eq!(millis("delay=1m30s"), Ok(Some(90_000)));
        assert_eq!(millis("delay=500ms"), Ok(Some(500)));
        assert_eq!(delay("delay=250us", "delay"), Ok(Some(Duration::from_micros(250))));
        assert_eq!(millis("xdelay=1s"), Ok(None));
        assert_eq!(millis("delay="), Ok(None));
        for bad in ["delay=5", "delay=s", "delay=1x", "delay=1..5s"] {
            let error = delay(bad, "delay").expect_err(bad);
            assert!(error.contains("expected a duration"), "{error}");
        }
    }

    #[test]
    fn only_three_digits_are_a_status() {
        assert_eq!(status("503").as_u16(), 503);
        for bad in ["", "50", "5033", "x03", "099"] {
            assert_eq!(status(bad).as_u16(), 400, "{bad}");
        }
    }

    #[test]
    fn header_names_are_canonical() {
        assert_eq!(canonical_name("x-forwarded-for"), "X-Forwarded-For");
    }
}
