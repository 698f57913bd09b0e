//! The table of kinds that the API server serves.
//!
//! A kind that is served under several versions is stored once; versions only change the
//! `apiVersion` that is shown. There is no conversion, because the versions served here do not
//! differ in their fields.
//!
//! Sources: Kubernetes 1.36 (`pkg/registry`, API reference), Gateway API 1.6.1 experimental
//! channel (`config/crd/experimental`), Cilium 1.20 (`pkg/k8s/apis/cilium.io`), cert-manager 1.21
//! (`deploy/crds`).

pub mod definition;
mod lasting;

use std::fmt;

use serde_json::Value;

pub(super) use lasting::{lasting_resource, lasting_text, lasting_texts};

/// A group and kind, whatever the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind, such as `Gateway`.
    pub kind: String,
}

impl Kind {
    /// A kind of a group.
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }

    /// A kind of the core group.
    pub fn core(kind: impl Into<String>) -> Self {
        Self::new("", kind)
    }

    /// The kind an object says it has; `None` when `apiVersion` or `kind` is missing.
    pub fn of(object: &Value) -> Option<Self> {
        let (group, _) = split_api_version(object["apiVersion"].as_str()?);
        Some(Self::new(group, object["kind"].as_str()?))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.kind),
            group => write!(f, "{}.{group}", self.kind),
        }
    }
}

/// Whether objects of a kind live in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One set of names for the cluster.
    Cluster,
    /// One set of names per namespace.
    Namespaced,
}

/// How the status of a kind is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusPart {
    /// Through a subresource of its own.
    Subresource,
    /// Like any other field, if there is one.
    Ordinary,
}

/// Whether `metadata.generation` counts changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// It does.
    Counted,
    /// The kind has none.
    Absent,
}

/// Where a kind comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Part of Kubernetes.
    BuiltIn,
    /// A CustomResourceDefinition.
    Custom,
}

/// A served kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The plural, as it stands in paths.
    pub plural: &'static str,
    /// Short names for kubectl.
    pub short_names: &'static [&'static str],
    /// Served versions, the preferred one first.
    pub versions: &'static [&'static str],
    /// Whether it lives in namespaces.
    pub scope: Scope,
    /// How its status is written.
    pub status: StatusPart,
    /// Whether it counts generations.
    pub generation: Generation,
    /// Where it comes from.
    pub origin: Origin,
}

impl Resource {
    /// The kind as a value.
    pub fn as_kind(&self) -> Kind {
        Kind::new(self.group, self.kind)
    }

    /// The plural with its group, as messages write it: `gateways.gateway.networking.k8s.io`.
    pub fn qualified_plural(&self) -> String {
        match self.group {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// The preferred version.
    pub fn preferred_version(&self) -> &'static str {
        self.versions[0]
    }

    /// The `apiVersion` of a version.
    pub fn api_version(&self, version: &str) -> String {
        join_api_version(self.group, version)
    }
}

/// Every kind that is compiled in.
pub fn all() -> &'static [Resource] {
    RESOURCES
}

/// The served kind, if it is one.
pub fn of_kind(kind: &Kind) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.group == kind.group && resource.kind == kind.kind)
}

/// The kind served at a path.
pub fn at(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| {
        resource.group == group && resource.plural == plural && resource.versions.contains(&version)
    })
}

/// Group and version of an `apiVersion`; the core group is empty.
pub(super) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The `apiVersion` of a group and version.
pub(super) fn join_api_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

const GATEWAY: &str = gateproof_core::gateway_api::GROUP;
const CILIUM: &str = "cilium.io";
const CERT_MANAGER: &str = "cert-manager.io";
const ACME: &str = "acme.cert-manager.io";

const RESOURCES: &[Resource] = &[
    built_in("", "Namespace", "namespaces", &["ns"]).cluster().with_status(),
    built_in("", "Node", "nodes", &["no"]).cluster().with_status(),
    built_in("", "Pod", "pods", &["po"]).counted().with_status(),
    built_in("", "Service", "services", &["svc"]).with_status(),
    built_in("", "Endpoints", "endpoints", &["ep"]),
    built_in("", "Secret", "secrets", &[]),
    built_in("", "ConfigMap", "configmaps", &["cm"]),
    built_in("", "ServiceAccount", "serviceaccounts", &["sa"]),
    built_in("", "Event", "events", &["ev"]),
    built_in("apps", "Deployment", "deployments", &["deploy"]).counted().with_status(),
    built_in("apps", "ReplicaSet", "replicasets", &["rs"]).counted().with_status(),
    built_in("apps", "DaemonSet", "daemonsets", &["ds"]).counted().with_status(),
    built_in("discovery.k8s.io", "EndpointSlice", "endpointslices", &[]).counted(),
    built_in("coordination.k8s.io", "Lease", "leases", &[]),
    built_in(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        &[],
    )
    .cluster()
    .counted()
    .with_status(),
    built_in(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        &[],
    )
    .cluster(),
    built_in(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        &["crd", "crds"],
    )
    .cluster()
    .counted()
    .with_status(),
    custom(GATEWAY, "GatewayClass", "gatewayclasses", &["gc"])
        .served(&["v1", "v1beta1"])
        .cluster()
        .with_status(),
    custom(GATEWAY, "Gateway", "gateways", &["gtw"]).served(&["v1", "v1beta1"]).with_status(),
    custom(GATEWAY, "HTTPRoute", "httproutes", &[]).served(&["v1", "v1beta1"]).with_status(),
    custom(GATEWAY, "GRPCRoute", "grpcroutes", &[]).with_status(),
    custom(GATEWAY, "TLSRoute", "tlsroutes", &[])
        .served(&["v1", "v1alpha3", "v1alpha2"])
        .with_status(),
    custom(GATEWAY, "TCPRoute", "tcproutes", &[]).served(&["v1", "v1alpha2"]).with_status(),
    custom(GATEWAY, "UDPRoute", "udproutes", &[]).served(&["v1", "v1alpha2"]).with_status(),
    custom(GATEWAY, "ListenerSet", "listenersets", &["lset"]).with_status(),
    custom(GATEWAY, "ReferenceGrant", "referencegrants", &["refgrant"]).served(&["v1", "v1beta1"]),
    custom(GATEWAY, "BackendTLSPolicy", "backendtlspolicies", &["btlspolicy"])
        .served(&["v1", "v1alpha3"])
        .with_status(),
    custom(CILIUM, "CiliumEnvoyConfig", "ciliumenvoyconfigs", &["cec"]).served(&["v2"]),
    custom(
        CILIUM,
        "CiliumLoadBalancerIPPool",
        "ciliumloadbalancerippools",
        &["ippools", "ippool", "lbippool", "lbippools"],
    )
    .served(&["v2", "v2alpha1"])
    .cluster()
    .with_status(),
    custom(
        CILIUM,
        "CiliumL2AnnouncementPolicy",
        "ciliuml2announcementpolicies",
        &["l2announcement"],
    )
    .served(&["v2alpha1"])
    .cluster()
    .with_status(),
    custom(CILIUM, "CiliumGatewayClassConfig", "ciliumgatewayclassconfigs", &["cgcc"])
        .served(&["v2alpha1"])
        .with_status(),
    custom(CILIUM, "CiliumNode", "ciliumnodes", &["cn"]).served(&["v2"]).cluster().with_status(),
    custom(CERT_MANAGER, "Certificate", "certificates", &["cert", "certs"]).with_status(),
    custom(CERT_MANAGER, "CertificateRequest", "certificaterequests", &["cr", "crs"]).with_status(),
    custom(CERT_MANAGER, "Issuer", "issuers", &["iss"]).with_status(),
    custom(CERT_MANAGER, "ClusterIssuer", "clusterissuers", &["ciss"]).cluster().with_status(),
    custom(ACME, "Order", "orders", &[]).with_status(),
    custom(ACME, "Challenge", "challenges", &[]).with_status(),
];

/// A namespaced kind of Kubernetes in version v1, without generation and status subresource.
const fn built_in(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
) -> Resource {
    Resource {
        group,
        kind,
        plural,
        short_names,
        versions: &["v1"],
        scope: Scope::Namespaced,
        status: StatusPart::Ordinary,
        generation: Generation::Absent,
        origin: Origin::BuiltIn,
    }
}

/// A namespaced custom kind in version v1; every custom kind counts generations.
const fn custom(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
) -> Resource {
    let mut resource = built_in(group, kind, plural, short_names).counted();
    resource.origin = Origin::Custom;
    resource
}

impl Resource {
    const fn served(mut self, versions: &'static [&'static str]) -> Self {
        self.versions = versions;
        self
    }

    const fn cluster(mut self) -> Self {
        self.scope = Scope::Cluster;
        self
    }

    const fn with_status(mut self) -> Self {
        self.status = StatusPart::Subresource;
        self
    }

    const fn counted(mut self) -> Self {
        self.generation = Generation::Counted;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::{Kind, all, at, of_kind};

    #[test]
    fn every_kind_is_found_by_name_and_at_each_of_its_paths() {
        let mut paths = BTreeSet::new();
        for resource in all() {
            assert_eq!(of_kind(&resource.as_kind()), Some(resource));
            for version in resource.versions {
                assert_eq!(at(resource.group, version, resource.plural), Some(resource));
                assert!(paths.insert((resource.group, *version, resource.plural)));
            }
        }
    }

    #[test]
    fn a_version_that_is_not_served_is_not_found() {
        assert_eq!(at("gateway.networking.k8s.io", "v1alpha2", "gateways"), None);
        assert_eq!(at("", "v1", "gateways"), None);
        assert_eq!(of_kind(&Kind::core("Gateway")), None);
    }

    #[test]
    fn kind_of_an_object_ignores_its_version() {
        let object = json!({"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "Gateway"});
        assert_eq!(Kind::of(&object), Some(Kind::new("gateway.networking.k8s.io", "Gateway")));
        let object = json!({"apiVersion": "v1", "kind": "Service"});
        assert_eq!(Kind::of(&object), Some(Kind::core("Service")));
        assert_eq!(Kind::of(&json!({"kind": "Service"})), None);
    }
}
