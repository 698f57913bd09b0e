//! ServiceImport of the Multi-Cluster Services API. Cilium serves one through the Service it names
//! in an annotation (cilium/cilium `operator/pkg/gateway-api/helpers/serviceimport.go`, 1.16 on).

use gateproof_core::name::NamespacedName;

use super::meta::Metadata;

/// The annotation that names the Service behind an import.
pub(crate) const DERIVED_SERVICE: &str = "multicluster.kubernetes.io/derived-service";

/// A ServiceImport.
#[derive(Debug, Clone)]
pub(crate) struct ServiceImport {
    pub name: NamespacedName,
    /// The name of the Service behind it, in its own namespace.
    pub service: Option<String>,
}

impl From<Metadata> for ServiceImport {
    fn from(metadata: Metadata) -> Self {
        Self {
            name: metadata.namespaced_name(),
            service: metadata.annotations.get(DERIVED_SERVICE).cloned(),
        }
    }
}
