//! What this client may do, and which kinds a cluster serves.

use kube::api::PostParams;
use kube::core::Request;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{Cause, Operation, ReadError};

/// Something that may be allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The verb as RBAC names it, such as `create`.
    pub verb: &'static str,
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// A part of the object, such as `exec`; empty for the object itself.
    pub subresource: &'static str,
    /// In this namespace; `None` is all of them, or a kind without namespaces.
    pub namespace: Option<String>,
}

/// What became of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// It is.
    Yes,
    /// It is not: the missing permission in words, such as `create gateways in namespace apps`.
    No(String),
}

impl Client {
    /// Whether the cluster serves a kind.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn serves(&self, api_version: &str, kind: &str) -> Result<bool, ReadError> {
        match self.resource(api_version, kind).await {
            Ok(_) => Ok(true),
            Err(Cause::NotServed { .. }) => Ok(false),
            Err(cause) => Err(ReadError {
                operation: Operation::List,
                target: format!("the kinds of {api_version}"),
                origin: None,
                cause,
            }),
        }
    }

    /// Asks whether something is allowed, by a SelfSubjectAccessReview.
    ///
    /// # Errors
    /// When the kind is not served or the API does not answer.
    pub async fn may(&self, wanted: &Permission) -> Result<Allowed, ReadError> {
        let failed = |cause| ReadError {
            operation: Operation::Get,
            target: format!("whether {} {} is allowed", wanted.verb, wanted.kind),
            origin: None,
            cause,
        };
        let resource = self.resource(&wanted.api_version, &wanted.kind).await.map_err(failed)?;
        let group = wanted.api_version.split_once('/').map_or("", |(group, _)| group);
        let namespace = if resource.is_namespaced() { wanted.namespace.as_deref() } else { None };
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": wanted.verb,
                "group": group,
                "resource": resource.plural(),
                "subresource": wanted.subresource,
                "namespace": namespace.unwrap_or_default(),
            }},
        });
        let request = Request::new("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
            .create(&PostParams::default(), review.to_string().into_bytes());
        let answer = self.send(request).await.map_err(failed)?;
        if answer.pointer("/status/allowed").and_then(Value::as_bool) == Some(true) {
            return Ok(Allowed::Yes);
        }
        let place = namespace.map(|name| format!(" in namespace {name}")).unwrap_or_default();
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        let part = match wanted.subresource {
            "" => String::new(),
            part => format!("/{part}"),
        };
        Ok(Allowed::No(format!("{} {}{part}{group}{place}", wanted.verb, resource.plural())))
    }
}
