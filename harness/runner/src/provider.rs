//! Which provider runs the clusters.

use std::sync::Arc;

use gateproof_core::cluster::ProviderKind;
use gateproof_embedded::EmbeddedProvider;
use gateproof_kubernetes::Provider;

/// A provider that this build does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("provider `{0}` is not built into this gateproof; available: embedded")]
pub struct NotAvailable(pub String);

/// Reads a provider's name, as in `GATEPROOF_PROVIDER`.
///
/// # Errors
///
/// When no available provider has that name.
pub fn named(name: &str) -> Result<ProviderKind, NotAvailable> {
    match name {
        "embedded" => Ok(ProviderKind::Embedded),
        other => Err(NotAvailable(other.to_owned())),
    }
}

/// Makes the provider.
///
/// # Errors
///
/// When this build does not have it.
pub fn make(kind: ProviderKind) -> Result<Arc<dyn Provider>, NotAvailable> {
    match kind {
        ProviderKind::Embedded => Ok(Arc::new(EmbeddedProvider::new())),
        ProviderKind::Kind | ProviderKind::Existing => Err(NotAvailable(kind.to_string())),
    }
}
