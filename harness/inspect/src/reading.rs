//! What is looked at in a cluster, and what stays hidden without it: a table.

use std::collections::BTreeSet;

use gateproof_kubernetes::KindRef;

/// A kind to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The kind and its versions.
    pub(crate) kind: KindRef,
    /// Its plural, as roles name it.
    pub(crate) plural: &'static str,
    /// Where its objects are.
    pub(crate) scope: Scope,
    /// Which of them.
    pub(crate) choice: Choice,
    /// What stays hidden without it.
    pub(crate) hides: &'static str,
}

/// Where objects of a kind are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In namespaces.
    Namespaces,
    /// In the cluster as a whole.
    Cluster,
}

/// Which objects of a kind are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// All of them.
    All,
    /// Those of components, by their labels.
    Components,
    /// Events about what has to do with Gateways.
    EventsOfGateways,
}

impl Reading {
    const fn new(kind: KindRef, plural: &'static str, scope: Scope, hides: &'static str) -> Self {
        Self { kind, plural, scope, choice: Choice::All, hides }
    }

    const fn only(mut self, choice: Choice) -> Self {
        self.choice = choice;
        self
    }

    /// The resource as roles name it: `gateways.gateway.networking.k8s.io`.
    pub(crate) fn resource(&self) -> String {
        if self.kind.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.kind.group)
        }
    }
}

use Scope::{Cluster, Namespaces};

const GATEWAY: &str = "gateway.networking.k8s.io";
const CILIUM: &str = "cilium.io";
const CERT_MANAGER: &str = "cert-manager.io";
const ACME: &str = "acme.cert-manager.io";
const ROUTES: &str = "which routes there are, and whether they are attached";
const ISSUANCE: &str = "why a certificate was not issued";

/// Read first: it tells in which namespaces the rest is, and which Secrets are asked for.
pub(crate) const FIRST: &[Reading] = &[
    Reading::new(
        KindRef::new(GATEWAY, "Gateway", &["v1", "v1beta1"]),
        "gateways",
        Namespaces,
        "which Gateways there are and what their status says",
    ),
    Reading::new(
        KindRef::new("", "Pod", &["v1"]),
        "pods",
        Namespaces,
        "when agents, operator and Envoy started, and whether they are ready",
    )
    .only(Choice::Components),
    Reading::new(
        KindRef::new(GATEWAY, "HTTPRoute", &["v1", "v1beta1"]),
        "httproutes",
        Namespaces,
        ROUTES,
    ),
    Reading::new(
        KindRef::new(GATEWAY, "ListenerSet", &["v1"]),
        "listenersets",
        Namespaces,
        "listeners that are added to Gateways from elsewhere",
    ),
];

/// Versions of Gateway API kinds: releases 0.8 to 1.6 (kubernetes-sigs/gateway-api, `config/crd`);
/// Cilium's: 1.14 to 1.20 (cilium/cilium, `pkg/k8s/apis/cilium.io`); cert-manager's: 1.0 and later.
pub(crate) const REST: &[Reading] = &[
    Reading::new(
        KindRef::new("", "Node", &["v1"]),
        "nodes",
        Cluster,
        "which nodes there are, their addresses and labels",
    ),
    Reading::new(
        KindRef::new("", "Namespace", &["v1"]),
        "namespaces",
        Cluster,
        "which namespaces a listener admits routes from",
    ),
    Reading::new(
        KindRef::new("", "Service", &["v1"]),
        "services",
        Namespaces,
        "node ports, load-balancer addresses, and whether backends exist",
    ),
    Reading::new(
        KindRef::new("", "Endpoints", &["v1"]),
        "endpoints",
        Namespaces,
        "the placeholder endpoint that Cilium up to 1.18 makes for a Gateway",
    ),
    Reading::new(
        KindRef::new("discovery.k8s.io", "EndpointSlice", &["v1"]),
        "endpointslices",
        Namespaces,
        "whether backends have ready endpoints",
    ),
    Reading::new(
        KindRef::new(GATEWAY, "GatewayClass", &["v1", "v1beta1"]),
        "gatewayclasses",
        Cluster,
        "whose Gateways these are",
    ),
    Reading::new(
        KindRef::new(GATEWAY, "GRPCRoute", &["v1", "v1alpha2"]),
        "grpcroutes",
        Namespaces,
        ROUTES,
    ),
    Reading::new(
        KindRef::new(GATEWAY, "TLSRoute", &["v1", "v1alpha3", "v1alpha2"]),
        "tlsroutes",
        Namespaces,
        ROUTES,
    ),
    Reading::new(
        KindRef::new(GATEWAY, "TCPRoute", &["v1", "v1alpha2"]),
        "tcproutes",
        Namespaces,
        ROUTES,
    ),
    Reading::new(
        KindRef::new(GATEWAY, "UDPRoute", &["v1", "v1alpha2"]),
        "udproutes",
        Namespaces,
        ROUTES,
    ),
    Reading::new(
        KindRef::new(GATEWAY, "ReferenceGrant", &["v1", "v1beta1", "v1alpha2"]),
        "referencegrants",
        Namespaces,
        "whether references to other namespaces are granted",
    ),
    Reading::new(
        KindRef::new(GATEWAY, "BackendTLSPolicy", &["v1", "v1alpha3", "v1alpha2"]),
        "backendtlspolicies",
        Namespaces,
        "whether backends are spoken to over TLS",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumGatewayClassConfig", &["v2alpha1"]),
        "ciliumgatewayclassconfigs",
        Namespaces,
        "which kind of Service a class asks for",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumLoadBalancerIPPool", &["v2", "v2alpha1"]),
        "ciliumloadbalancerippools",
        Cluster,
        "whether a pool has an address to give",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumL2AnnouncementPolicy", &["v2alpha1"]),
        "ciliuml2announcementpolicies",
        Cluster,
        "whether load-balancer addresses are announced",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumEnvoyConfig", &["v2"]),
        "ciliumenvoyconfigs",
        Namespaces,
        "what Envoy was told to serve",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumClusterwideEnvoyConfig", &["v2"]),
        "ciliumclusterwideenvoyconfigs",
        Cluster,
        "what else Envoy was told to serve",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumNode", &["v2"]),
        "ciliumnodes",
        Cluster,
        "the node labels that agents go by",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumNetworkPolicy", &["v2"]),
        "ciliumnetworkpolicies",
        Namespaces,
        "whether a policy denies what enters through the Gateway",
    ),
    Reading::new(
        KindRef::new(CILIUM, "CiliumClusterwideNetworkPolicy", &["v2"]),
        "ciliumclusterwidenetworkpolicies",
        Cluster,
        "whether a policy denies what enters through the Gateway",
    ),
    Reading::new(
        KindRef::new("networking.k8s.io", "NetworkPolicy", &["v1"]),
        "networkpolicies",
        Namespaces,
        "whether a policy keeps the Gateway from its backends",
    ),
    Reading::new(
        KindRef::new(CERT_MANAGER, "Certificate", &["v1"]),
        "certificates",
        Namespaces,
        "whether certificates were asked for and issued",
    ),
    Reading::new(
        KindRef::new(CERT_MANAGER, "CertificateRequest", &["v1"]),
        "certificaterequests",
        Namespaces,
        ISSUANCE,
    ),
    Reading::new(KindRef::new(CERT_MANAGER, "Issuer", &["v1"]), "issuers", Namespaces, ISSUANCE),
    Reading::new(
        KindRef::new(CERT_MANAGER, "ClusterIssuer", &["v1"]),
        "clusterissuers",
        Cluster,
        ISSUANCE,
    ),
    Reading::new(KindRef::new(ACME, "Order", &["v1"]), "orders", Namespaces, ISSUANCE),
    Reading::new(KindRef::new(ACME, "Challenge", &["v1"]), "challenges", Namespaces, ISSUANCE),
    Reading::new(
        KindRef::new("apps", "DaemonSet", &["v1"]),
        "daemonsets",
        Namespaces,
        "the versions, arguments and capabilities of agents and Envoy",
    )
    .only(Choice::Components),
    Reading::new(
        KindRef::new("apps", "Deployment", &["v1"]),
        "deployments",
        Namespaces,
        "the versions and arguments of Cilium's operator and cert-manager",
    )
    .only(Choice::Components),
    Reading::new(
        KindRef::new("", "Event", &["v1"]),
        "events",
        Namespaces,
        "what controllers said about Gateways and certificates",
    )
    .only(Choice::EventsOfGateways),
];

/// Read only where agents announce addresses, and only in Cilium's namespace, where the leases are.
pub(crate) const LEASES: Reading = Reading::new(
    KindRef::new("coordination.k8s.io", "Lease", &["v1"]),
    "leases",
    Namespaces,
    "which node announces a Gateway's address, if any",
);

/// Definitions that are read one by one, because a list of all of them is large: which bundle of
/// the Gateway API is installed, and in which versions its kinds are served.
pub(crate) const DEFINITIONS: &[&str] = &[
    "gatewayclasses.gateway.networking.k8s.io",
    "gateways.gateway.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
    "tlsroutes.gateway.networking.k8s.io",
    "tcproutes.gateway.networking.k8s.io",
    "udproutes.gateway.networking.k8s.io",
    "referencegrants.gateway.networking.k8s.io",
    "backendtlspolicies.gateway.networking.k8s.io",
    "listenersets.gateway.networking.k8s.io",
    "ciliumenvoyconfigs.cilium.io",
    "ciliumloadbalancerippools.cilium.io",
    "certificates.cert-manager.io",
];

/// Group and version of [`DEFINITIONS`].
pub(crate) const DEFINITIONS_IN: &str = "apiextensions.k8s.io/v1";

/// What stays hidden without [`DEFINITIONS`].
pub(crate) const DEFINITIONS_HIDE: &str =
    "which bundle of the Gateway API is installed, and which versions it serves";

/// The kinds whose events are of interest.
pub(crate) const EVENTS_ABOUT: &[&str] =
    &["Gateway", "HTTPRoute", "Certificate", "CertificateRequest", "Order", "Challenge"];

/// The groups and versions that are asked for beside [`FIRST`], as they are served by recent
/// releases.
pub(crate) fn api_versions() -> BTreeSet<String> {
    let usual = REST.iter().filter_map(|reading| {
        reading.kind.versions.first().map(|version| reading.kind.api_version(version))
    });
    usual.chain([DEFINITIONS_IN.to_owned()]).collect()
}

/// The groups of kinds that are defined, and may come to be served in further versions.
pub(crate) fn groups() -> BTreeSet<&'static str> {
    all().map(|reading| reading.kind.group).filter(|group| !group.is_empty()).collect()
}

/// Whether any kind of a group is asked for in this version: then none is new in it.
pub(crate) fn is_known(group: &str, version: &str) -> bool {
    all()
        .filter(|reading| reading.kind.group == group)
        .any(|reading| reading.kind.versions.contains(&version))
}

/// Every kind in the tables above that is looked at in any cluster.
pub(crate) fn all() -> impl Iterator<Item = &'static Reading> {
    FIRST.iter().chain(REST)
}
