//! Single metrics of a pod, asked through the API server.
//!
//! What a component counts about itself, in Prometheus' text form, is a page of many thousand lines,
//! of which a diagnosis wants one or two: the page is read line by line and never kept, and reading
//! ends as soon as everything that was asked for is there.

use std::time::Duration;

use futures_util::{AsyncBufReadExt, AsyncReadExt};
use http::Request;
use tokio::time::timeout;

use crate::client::Client;
use crate::error::{Cause, Operation, ReadError};

/// More of a page is not read.
const LARGEST: u64 = 16 << 20;

/// A port of a pod that speaks HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodPort<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// Its name.
    pub pod: &'a str,
    /// The port's number.
    pub port: u16,
}

impl Client {
    /// The line of a metric without labels on a pod's page of metrics; `None` when the page has
    /// none. Asked once, within this time: the API server dials the pod itself, and where a
    /// firewall is between them it waits for long.
    ///
    /// # Errors
    /// When the API does not answer, or the pod does not, or with another status than 200.
    pub async fn pod_metric(
        &self,
        place: PodPort<'_>,
        metric: &str,
        within: Duration,
    ) -> Result<Option<String>, ReadError> {
        let PodPort { namespace, pod, port } = place;
        let failed = |cause| ReadError {
            operation: Operation::Get,
            target: format!("metrics of Pod {namespace}/{pod}, port {port}"),
            origin: None,
            cause,
        };
        let address = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics");
        let request = Request::get(address)
            .body(Vec::new())
            .map_err(|error| failed(Cause::NotAnObject(error.to_string())))?;
        let Ok(answer) = timeout(within, self.line(request, metric)).await else {
            let words = format!("none within {} s", within.as_secs_f64());
            return Err(failed(Cause::Unreachable(words)));
        };
        answer.map_err(failed)
    }

    async fn line(&self, request: Request<Vec<u8>>, metric: &str) -> Result<Option<String>, Cause> {
        let page = self.inner().request_stream(request).await;
        let page = page.map_err(|error| Cause::of(&error))?;
        let mut page = page.take(LARGEST);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = page.read_until(b'\n', &mut line).await;
            let read = read.map_err(|error| Cause::Unreachable(error.to_string()))?;
            if read == 0 {
                return Ok(None);
            }
            let found = line.strip_prefix(metric.as_bytes());
            if found.is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_whitespace)) {
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use http::{Request, Response, StatusCode};
    use kube::client::Body;

    use super::PodPort;
    use crate::client::Client;
    use crate::error::{Cause, ReadError};

    const PAGE: &str = "# HELP cilium_drift_checker_config_delta Total number\n\
                        cilium_drift_checker_config_delta_total 9\n\
                        cilium_drift_checker_config_delta 3\n\
                        cilium_endpoint 4\n";

    async fn asked(code: StatusCode, page: &'static str) -> Result<Option<String>, ReadError> {
        let service = tower::service_fn(move |request: Request<Body>| async move {
            let wanted = "/api/v1/namespaces/kube-system/pods/cilium-x:9962/proxy/metrics";
            assert_eq!((request.method().as_str(), request.uri().path()), ("GET", wanted));
            let answer =
                Response::builder().status(code).body(Body::from(page.as_bytes().to_vec()));
            Ok::<_, Infallible>(answer.expect("a response"))
        });
        let place = PodPort { namespace: "kube-system", pod: "cilium-x", port: 9962 };
        let metric = "cilium_drift_checker_config_delta";
        Client::over(service).pod_metric(place, metric, Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn one_line_of_the_page_is_taken_and_its_neighbours_are_not() {
        let line = asked(StatusCode::OK, PAGE).await.expect("a page");
        assert_eq!(line.as_deref(), Some("cilium_drift_checker_config_delta 3"));
        let line = asked(StatusCode::OK, "cilium_endpoint 4\n").await.expect("a page");
        assert_eq!(line, None);
    }

    #[tokio::test]
    async fn a_pod_that_does_not_answer_is_told_in_the_words_of_the_api() {
        let refused = r#"{"kind":"Status","status":"Failure","message":"error trying to reach service: dial tcp 10.0.0.1:9962: connect: connection refused","reason":"ServiceUnavailable","code":503}"#;
        let error = asked(StatusCode::SERVICE_UNAVAILABLE, refused).await.expect_err("refused");
        assert!(matches!(&error.cause, Cause::Rejected(refusal) if refusal.code == 503));
        assert!(
            error.to_string().contains("kube-system/cilium-x, port 9962: error trying"),
            "{error}"
        );
    }
}
