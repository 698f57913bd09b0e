//! What a Service inside the cluster answers, asked through the API server.
//!
//! The API server dials the endpoint itself and verifies no certificate
//! (kubernetes/kubernetes 1.36 `pkg/registry/core/service/storage`), so this is for what the harness
//! needs to know of its own helpers and proves nothing about a Gateway.

use http::Request;

use crate::client::Client;
use crate::error::{Cause, Operation, ReadError};

/// A port of a Service that speaks HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurePort<'a> {
    /// The Service's namespace.
    pub namespace: &'a str,
    /// Its name.
    pub service: &'a str,
    /// The port's number.
    pub port: u16,
}

impl Client {
    /// The body that a path of a Service answers with.
    ///
    /// # Errors
    /// When the API does not answer, or the Service does not, or with another status than 200.
    pub async fn ask_service(
        &self,
        place: SecurePort<'_>,
        path: &str,
    ) -> Result<String, ReadError> {
        let SecurePort { namespace, service, port } = place;
        let failed = |cause| ReadError {
            operation: Operation::Get,
            target: format!("{path} of Service {namespace}/{service}, port {port}"),
            origin: None,
            cause,
        };
        let address =
            format!("/api/v1/namespaces/{namespace}/services/https:{service}:{port}/proxy{path}");
        let request = Request::get(address)
            .body(Vec::new())
            .map_err(|error| failed(Cause::NotAnObject(error.to_string())))?;
        self.send_text(request).await.map_err(failed)
    }
}
