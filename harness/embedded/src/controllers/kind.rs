//! The kinds that controllers read and write, by group, version and kind.
//!
//! Only names; which fields a kind has is not known here.

/// A kind as a controller writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KindName {
    /// The API group; empty for the core group.
    pub(crate) group: &'static str,
    /// The version that controllers write.
    pub(crate) version: &'static str,
    /// The kind.
    pub(crate) kind: &'static str,
}

impl KindName {
    const fn new(group: &'static str, version: &'static str, kind: &'static str) -> Self {
        Self { group, version, kind }
    }

    /// `apiVersion` as objects of this kind carry it.
    pub(crate) fn api_version(self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

pub(crate) const NAMESPACE: KindName = KindName::new("", "v1", "Namespace");
pub(crate) const NODE: KindName = KindName::new("", "v1", "Node");
pub(crate) const POD: KindName = KindName::new("", "v1", "Pod");
pub(crate) const SERVICE: KindName = KindName::new("", "v1", "Service");
pub(crate) const ENDPOINTS: KindName = KindName::new("", "v1", "Endpoints");
pub(crate) const SECRET: KindName = KindName::new("", "v1", "Secret");
pub(crate) const CONFIG_MAP: KindName = KindName::new("", "v1", "ConfigMap");
pub(crate) const SERVICE_ACCOUNT: KindName = KindName::new("", "v1", "ServiceAccount");
pub(crate) const EVENT: KindName = KindName::new("", "v1", "Event");
pub(crate) const CUSTOM_RESOURCE_DEFINITION: KindName =
    KindName::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
pub(crate) const DEPLOYMENT: KindName = KindName::new("apps", "v1", "Deployment");
pub(crate) const REPLICA_SET: KindName = KindName::new("apps", "v1", "ReplicaSet");
pub(crate) const CILIUM_LOAD_BALANCER_IP_POOL: KindName =
    KindName::new("cilium.io", "v2", "CiliumLoadBalancerIPPool");
pub(crate) const DAEMON_SET: KindName = KindName::new("apps", "v1", "DaemonSet");
pub(crate) const ENDPOINT_SLICE: KindName =
    KindName::new("discovery.k8s.io", "v1", "EndpointSlice");
pub(crate) const GATEWAY_CLASS: KindName =
    KindName::new("gateway.networking.k8s.io", "v1", "GatewayClass");
pub(crate) const GATEWAY: KindName = KindName::new("gateway.networking.k8s.io", "v1", "Gateway");
pub(crate) const CILIUM_ENVOY_CONFIG: KindName =
    KindName::new("cilium.io", "v2", "CiliumEnvoyConfig");
pub(crate) const CILIUM_NODE: KindName = KindName::new("cilium.io", "v2", "CiliumNode");
pub(crate) const CILIUM_L2_ANNOUNCEMENT_POLICY: KindName =
    KindName::new("cilium.io", "v2alpha1", "CiliumL2AnnouncementPolicy");
pub(crate) const LEASE: KindName = KindName::new("coordination.k8s.io", "v1", "Lease");
pub(crate) const CERTIFICATE: KindName = KindName::new("cert-manager.io", "v1", "Certificate");
pub(crate) const ISSUER: KindName = KindName::new("cert-manager.io", "v1", "Issuer");
pub(crate) const CERTIFICATE_REQUEST: KindName =
    KindName::new("cert-manager.io", "v1", "CertificateRequest");
pub(crate) const ORDER: KindName = KindName::new("acme.cert-manager.io", "v1", "Order");
pub(crate) const CHALLENGE: KindName = KindName::new("acme.cert-manager.io", "v1", "Challenge");
pub(crate) const HTTP_ROUTE: KindName =
    KindName::new("gateway.networking.k8s.io", "v1", "HTTPRoute");
pub(crate) const CLUSTER_ISSUER: KindName = KindName::new("cert-manager.io", "v1", "ClusterIssuer");
