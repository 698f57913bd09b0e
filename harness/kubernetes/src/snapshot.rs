//! Everything the reference model reads, taken from a cluster in one go.
//!
//! Kinds that the cluster does not serve are skipped and reported: an absent definition is a fact
//! about the cluster. Any other failure is an error, because a snapshot with a hole in it would
//! make the model predict something else. Secrets are redacted before they leave this module.

use futures_util::StreamExt;
use gateproof_core::redaction;
use serde_json::Value;

use crate::client::Client;
use crate::error::{Cause, ReadError};

/// A kind, and the versions of it to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindRef {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Versions by preference; the first that is served is read, so that no object is read twice.
    pub versions: &'static [&'static str],
}

impl KindRef {
    /// A kind with its versions.
    pub const fn new(
        group: &'static str,
        kind: &'static str,
        versions: &'static [&'static str],
    ) -> Self {
        Self { group, kind, versions }
    }

    /// `apiVersion` of one of the versions.
    pub fn api_version(self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }
}

/// How many kinds are read at the same time.
const SIDE_BY_SIDE: usize = 6;

/// The group of the Gateway API.
const GATEWAY: &str = "gateway.networking.k8s.io";

/// What the reference model reads. Versions of the Gateway API kinds: releases 0.8 to 1.6
/// (kubernetes-sigs/gateway-api, `config/crd`); Cilium's: 1.15 to 1.20 (cilium/cilium,
/// `pkg/k8s/apis/cilium.io`), where pools moved from `v2alpha1` to `v2`.
pub const REFERENCE_KINDS: &[KindRef] = &[
    KindRef::new("", "Namespace", &["v1"]),
    KindRef::new("", "Node", &["v1"]),
    KindRef::new("", "Service", &["v1"]),
    KindRef::new("", "Endpoints", &["v1"]),
    KindRef::new("", "Secret", &["v1"]),
    KindRef::new("discovery.k8s.io", "EndpointSlice", &["v1"]),
    KindRef::new(GATEWAY, "GatewayClass", &["v1", "v1beta1"]),
    KindRef::new(GATEWAY, "Gateway", &["v1", "v1beta1"]),
    KindRef::new(GATEWAY, "HTTPRoute", &["v1", "v1beta1"]),
    KindRef::new(GATEWAY, "GRPCRoute", &["v1", "v1alpha2"]),
    KindRef::new(GATEWAY, "TLSRoute", &["v1", "v1alpha3", "v1alpha2"]),
    KindRef::new(GATEWAY, "TCPRoute", &["v1", "v1alpha2"]),
    KindRef::new(GATEWAY, "UDPRoute", &["v1", "v1alpha2"]),
    KindRef::new(GATEWAY, "ReferenceGrant", &["v1", "v1beta1", "v1alpha2"]),
    KindRef::new(GATEWAY, "BackendTLSPolicy", &["v1", "v1alpha3", "v1alpha2"]),
    KindRef::new(GATEWAY, "ListenerSet", &["v1"]),
    KindRef::new("cilium.io", "CiliumGatewayClassConfig", &["v2alpha1"]),
    KindRef::new("cilium.io", "CiliumLoadBalancerIPPool", &["v2", "v2alpha1"]),
    KindRef::new("cilium.io", "CiliumEnvoyConfig", &["v2"]),
    KindRef::new("cert-manager.io", "Certificate", &["v1"]),
];

/// Objects of a cluster as they were when read; kinds one after another, each sorted by
/// namespace and name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The objects, Secrets redacted.
    pub objects: Vec<Value>,
    /// Kinds that the cluster does not serve in any of the versions.
    pub not_served: Vec<KindRef>,
    /// Kinds that the reader may not list.
    pub forbidden: Vec<KindRef>,
}

impl Snapshot {
    fn take(&mut self, kind: KindRef, read: Option<Vec<Value>>) {
        match read {
            Some(mut objects) => {
                objects.iter_mut().for_each(redaction::object);
                self.objects.extend(objects);
            }
            None => self.not_served.push(kind),
        }
    }
}

fn is_forbidden(error: &ReadError) -> bool {
    matches!(&error.cause, Cause::Rejected(refusal) if refusal.code == 403)
}

impl Client {
    /// Reads all objects of these kinds ([`REFERENCE_KINDS`] for the reference model).
    ///
    /// The kinds are read for themselves, so the snapshot is not a single point in time: take it
    /// when the cluster has settled.
    ///
    /// # Errors
    /// When a kind that is served cannot be read.
    pub async fn snapshot(&self, kinds: &[KindRef]) -> Result<Snapshot, ReadError> {
        let mut snapshot = Snapshot::default();
        for (kind, read) in self.read_all(kinds).await {
            snapshot.take(kind, read?);
        }
        Ok(snapshot)
    }

    /// The same without the kinds that the reader may not list: those are told.
    ///
    /// # Errors
    /// When a kind that is served and allowed cannot be read.
    pub async fn snapshot_of_readable(&self, kinds: &[KindRef]) -> Result<Snapshot, ReadError> {
        let mut snapshot = Snapshot::default();
        for (kind, read) in self.read_all(kinds).await {
            match read {
                Err(error) if is_forbidden(&error) => snapshot.forbidden.push(kind),
                read => snapshot.take(kind, read?),
            }
        }
        Ok(snapshot)
    }

    /// Reads kinds side by side, which is what takes time where every answer is slow.
    async fn read_all(
        &self,
        kinds: &[KindRef],
    ) -> Vec<(KindRef, Result<Option<Vec<Value>>, ReadError>)> {
        futures_util::stream::iter(kinds.iter().copied())
            .map(async |kind| (kind, self.list_first_served(&kind).await))
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await
    }

    async fn list_first_served(&self, kind: &KindRef) -> Result<Option<Vec<Value>>, ReadError> {
        for version in kind.versions {
            match self.list(&kind.api_version(version), kind.kind, None).await {
                Ok(objects) => return Ok(Some(objects)),
                Err(error) if matches!(error.cause, Cause::NotServed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
