//! What listeners that pass TLS through serve
//! (cilium/cilium `operator/pkg/model/ingestion/gateway.go`, `toTLSRoutes`).

use gateproof_core::name::NamespacedName;

/// A listener that may pass TLS through.
#[derive(Debug, Clone)]
pub(crate) struct PassthroughListener {
    pub name: String,
    /// Its host name, `*` for every host.
    pub hostname: String,
    pub port: u16,
    pub routes: Vec<PassthroughRoute>,
}

/// One rule of a TLSRoute.
#[derive(Debug, Clone)]
pub(crate) struct PassthroughRoute {
    /// Server names; empty for every one.
    pub hostnames: Vec<String>,
    /// Backends that can be used.
    pub backends: Vec<PassthroughBackend>,
}

/// A backend that gets TLS as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassthroughBackend {
    pub service: NamespacedName,
    pub port: u16,
    pub weight: u32,
}

impl PassthroughBackend {
    /// The name of its cluster.
    pub(crate) fn cluster(&self) -> String {
        format!("{}:{}:{}", self.service.namespace, self.service.name, self.port)
    }
}
