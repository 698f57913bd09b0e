//! BackendTLSPolicy and the ConfigMaps it names
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/backendtlspolicy_types.go`).
//!
//! Cilium asks no name of the backend's certificate (1.20, 1.21-dev): `subjectAltNames` and
//! `options` are passed over, as it passes over them.

use gateproof_core::name::NamespacedName;
use serde::Deserialize;
use serde_json::Value;

use super::core::Pem;
use super::meta::{Metadata, Object};

/// A BackendTLSPolicy.
#[derive(Debug, Clone)]
pub(crate) struct BackendTlsPolicy {
    pub name: NamespacedName,
    pub generation: Option<i64>,
    /// When it was made, as RFC 3339 in UTC, so that the order of texts is that of times.
    pub created: Option<String>,
    pub spec: BackendTlsPolicySpec,
}

impl From<Object<BackendTlsPolicySpec>> for BackendTlsPolicy {
    fn from(object: Object<BackendTlsPolicySpec>) -> Self {
        Self {
            name: object.metadata.namespaced_name(),
            generation: object.metadata.generation,
            created: object.metadata.creation_timestamp,
            spec: object.spec,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BackendTlsPolicySpec {
    pub target_refs: Vec<TargetRef>,
    pub validation: Validation,
}

/// What a policy is for, in its own namespace.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetRef {
    #[serde(default)]
    pub group: String,
    pub kind: String,
    pub name: String,
    /// The name of a port; every port without.
    #[serde(default)]
    pub section_name: String,
}

impl TargetRef {
    /// Whether it names a Service.
    pub(crate) fn is_service(&self) -> bool {
        self.kind == "Service" && self.group.is_empty()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Validation {
    pub ca_certificate_refs: Vec<CaCertificateRef>,
    pub well_known_ca_certificates: Option<String>,
    pub hostname: String,
}

/// A reference to certificates of an authority, in the policy's namespace.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct CaCertificateRef {
    #[serde(default)]
    pub group: String,
    pub kind: String,
    pub name: String,
}

/// A ConfigMap, as far as a policy looks at it.
#[derive(Debug, Clone)]
pub(crate) struct ConfigMap {
    pub name: NamespacedName,
    /// Its entry `ca.crt`, if there is one.
    pub authority: Option<Pem>,
}

impl ConfigMap {
    pub(super) fn from_value(metadata: &Metadata, value: &Value) -> Self {
        let entry = value.pointer("/data/ca.crt").and_then(Value::as_str);
        Self { name: metadata.namespaced_name(), authority: entry.map(Pem::of) }
    }
}
