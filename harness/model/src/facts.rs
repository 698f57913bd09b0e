//! What differs between Cilium versions: one table, one row for each behaviour, with the releases
//! it holds in, where that was read and how certain it is.
//!
//! Nothing else in this crate compares versions, but for the features that a class claims. What holds in every covered version is no row
//! here but plain code. Every patch release of 1.18 and 1.19 was read; of 1.20 the main branch just
//! before its cut, which stands for 1.20.0, and of later patches only charts and issues. The first
//! release of 1.19 stands for the main branch before its cut likewise. Rows that lean on less say
//! so.

use gateproof_core::cilium::CiliumVersion;

macro_rules! behaviours {
    ($($(#[doc = $line:literal])+ $name:ident,)+) => {
        /// A behaviour that some Cilium versions have and others do not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub enum Behaviour {
            $($(#[doc = $line])+ $name,)+
        }

        impl Behaviour {
            /// Its name, such as `SpecAddresses`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it is, in a sentence or two.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($line),+).trim_start(),)+
                }
            }
        }
    };
}

behaviours! {
    /// Objects carry the label `gateway.networking.k8s.io/gateway-name`.
    GatewayNameLabel,
    /// Infrastructure labels and annotations go onto the endpoint object and the
    /// CiliumEnvoyConfig too, not only onto the Service.
    InfrastructureOnEveryObject,
    /// `spec.addresses` of a Gateway is honoured.
    SpecAddresses,
    /// Ports of the Service are sorted; before, they come in no fixed order.
    SortedServicePorts,
    /// The operator writes `ipFamilies` and `ipFamilyPolicy` into the Service.
    ServiceIpFamilies,
    /// CiliumGatewayClassConfig exists.
    ClassConfig,
    /// Host network makes a NodePort Service and reports node addresses; before, ClusterIP.
    HostNetworkNodePort,
    /// Node addresses in the status are only those that `nodes.matchLabels` selects.
    NodeAddressesHonourSelector,
    /// The Service says `service.cilium.io/node-selector` when nodes are selected.
    NodeSelectorAnnotation,
    /// The placeholder is an EndpointSlice; before, an Endpoints object.
    PlaceholderEndpointSlice,
    /// The placeholder is marked ready and names its Service in a label.
    PlaceholderReady,
    /// Use of the original source address is switched by an annotation; before, by a label.
    OriginalSourceAnnotation,
    /// The CiliumEnvoyConfig's service entry spells out an empty listener name.
    EmptyListenerNameWritten,
    /// Long names are shortened for the CiliumEnvoyConfig as they are for the Service.
    ShortEnvoyConfigName,
    /// Route tables are written even when they are empty.
    EmptyRouteTables,
    /// Clusters carry a connect timeout of five seconds.
    ConnectTimeout,
    /// The HTTP connection manager carries a stream idle timeout.
    StreamIdleTimeout,
    /// The HTTP connection manager lists internal addresses.
    InternalAddresses,
    /// That list holds `::1` even when IPv6 is off.
    InternalLoopbackAlwaysBoth,
    /// Host names isolate listeners of the same protocol only; before, all listeners.
    IsolationPerProtocol,
    /// `allowedRoutes` of each listener decides what it serves; before, a route that any listener
    /// allows is served by every listener whose host names fit.
    ListenerPolicyInRouting,
    /// `attachedRoutes` honours `allowedRoutes` of each listener.
    ListenerPolicyInAttachedRoutes,
    /// Namespaces are the first check on a route and pass over listeners whose host names it fits.
    NamespaceCheckedFirst,
    /// A namespace selector that refuses does not end the check; later listeners are asked.
    RefusingSelectorKeepsAsking,
    /// A route is refused where no listener has a protocol that it is for.
    RouteProtocolChecked,
    /// That refusal speaks of what the route requires; before, of what is allowed.
    ProtocolMismatchReworded,
    /// Kinds are checked on the listeners that the route means; before, every listener of the
    /// Gateway with a list of kinds had to allow the route's.
    KindCheckedPerSelectedListener,
    /// A listener without a list of kinds lets every kind attach, whatever others say.
    UnrestrictedListenerAllowsKind,
    /// A listener without a list of kinds takes only kinds that its protocol supports.
    KindsDefaultToProtocol,
    /// Two wildcard host names have the longer one in common, whoever has it.
    WildcardsIntersect,
    /// Every parent of a route gets a status, also one that is a foreign or missing Gateway.
    EveryParentGetsStatus,
    /// The same of GRPCRoutes and TLSRoutes, whose reconcilers were replaced later.
    EveryGrpcParentGetsStatus,
    /// GRPCRoutes are reconciled together with Gateways; before, they did not count as attached.
    GrpcRoutesWithGateways,
    /// Each parent's turn writes `ResolvedRefs` of all parents, which hides what was found before it.
    ParentsHideUnresolved,
    /// An accepted GRPCRoute or TLSRoute reads `Accepted HTTPRoute`.
    GrpcRouteAcceptedAsHttpRoute,
    /// A route whose references are not resolved attaches although no parent accepts it.
    UnresolvedRouteAttaches,
    /// Routes pass a filter that looks at the Gateway as a whole before they reach a listener.
    GatewayWideRouteFilter,
    /// Routing looks at whose listener a parent reference names.
    ParentIdentityInRouting,
    /// Routing looks at `parentRefs[].port` of GRPCRoutes and TLSRoutes too.
    ParentPortOfEveryRoute,
    /// A port that the Service does not have leaves a reference unresolved.
    BackendPortMustExist,
    /// The reference of an ExternalAuth filter counts among the backends of a route.
    ExternalAuthResolved,
    /// Regular expressions that cannot be read leave a route not accepted.
    RegexpsValidated,
    /// Setting the Host field with a header modifier leaves a route not accepted.
    HostModifierRefused,
    /// A mirror needs a ReferenceGrant as any other backend does.
    MirrorNeedsGrant,
    /// A mirror can be a ServiceImport; before, its kind was not looked at.
    MirrorResolvesImports,
    /// Routes with a method come before those without, and methods in order of their names.
    MethodDecidesOrder,
    /// The guard of a redirect does not count as a header match in the order of routes.
    RedirectGuardOutranksNothing,
    /// Rules of one HTTPRoute with the same match stay routes of their own, and an answer for rules
    /// without backends is written once; before, backends were joined and the answer repeated.
    RepeatedMatchesStayApart,
    /// A prefix that replaces `/` does not swallow the slash after it.
    RootRewriteKeepsSlash,
    /// A GRPCRoute's match on a service alone is a prefix, on a method alone a pattern; before, a
    /// service alone was the whole path and a method alone no match.
    GrpcMethodMatchesInParts,
    /// `retry` of an HTTPRoute is written into the configuration.
    RetryWritten,
    /// It says on what to retry, without which it has no effect.
    RetryEffective,
    /// The filter CORS has an effect.
    CorsFilter,
    /// The filter ExternalAuth has an effect.
    ExternalAuthFilter,
    /// BackendTLSPolicies are read.
    BackendTlsPolicies,
    /// The Gateway is programmed only once it has an address, listeners can be not accepted, and
    /// reconciliation ends when no listener is.
    WaitsForAddress,
    /// `ResolvedRefs` False carries `observedGeneration`.
    FailedRefsObserved,
    /// An HTTPS listener none of whose certificates is permitted is served as plain HTTP.
    UnpermittedCertificateServedPlain,
    /// Listeners that are not accepted are not served.
    RejectedListenersNotServed,
    /// HTTPS and TLS passthrough listeners of one port whose host names overlap are conflicting.
    SniConflicts,
    /// Listeners of one Gateway that share a port are conflicting whenever they cannot be told
    /// apart.
    ListenerConflicts,
    /// A listener that is not accepted says why in the reason, and a Gateway that has one of an
    /// unsupported protocol is accepted for another reason.
    GranularListenerReasons,
    /// Passthrough needs a listener of protocol TLS; before, every listener passes TLS through.
    PassthroughOnTlsOnly,
    /// TLSRoutes get a filter chain each, with weights; before, each of their backends has one.
    PassthroughPerRoute,
    /// Several HTTPS ports, several passthrough ports, or both for the same host names on
    /// different ports, get Envoy listeners of their own.
    ListenerPerPort,
    /// Copies of Secrets are named by a hash.
    HashedSecretNames,
    /// Infrastructure annotations that steer the agent are kept off the CiliumEnvoyConfig.
    SteeringAnnotationsFiltered,
    /// A redirect to https does not match a request that says it came over https already.
    RedirectGuard,
    /// `spec.infrastructure.parametersRef` of a Gateway is refused; before, ignored.
    GatewayParametersRefused,
    /// A Gateway is not accepted when `parametersRef` of its class is not usable.
    ClassParametersChecked,
    /// What was made for a Gateway is removed when its class goes or changes hands.
    CleansUpWithoutClass,
    /// Listeners of one ListenerSet that are in conflict both lose, and one that is not valid keeps
    /// others off its port all the same; before, the first of those that are valid wins.
    SetListenersConflictInPairs,
    /// A ListenerSet has its Secrets copied; before, they are copied only when the Secret changes or
    /// the operator starts after the set was there.
    SetSecretsCopied,
    /// A Gateway without a valid listener tells ListenerSets nothing; before, it refuses them first.
    ListenerSetsToldLast,
    /// `telemetry.accessLogs` of a CiliumGatewayClassConfig exists.
    AccessLogs,
    /// `httpOptions.grpcWebTranslation` of a CiliumGatewayClassConfig exists.
    GrpcWebSwitch,
    /// Requested and given addresses are compared as addresses; before, as text.
    AddressesCompareParsed,
    /// TCPRoute, UDPRoute and ListenerSet are served; before, ignored.
    LayerFourRoutes,
    /// Host network refuses TCP and UDP listeners.
    HostNetworkRefusesLayerFour,
    /// `gatewayAPI.useRemoteAddress` is a setting; before, always true.
    UseRemoteAddressSetting,
    /// RequestMirror honours `percent` and `fraction`.
    MirrorFraction,
    /// Agents refuse connections to a Service without backends; before, the placeholder was a
    /// backend and swallowed them.
    BackendlessServiceRefuses,
}

/// How much a row can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Recorded from the real operator on both sides of the boundary.
    Recorded,
    /// Read in source code, charts or release notes.
    Read,
    /// Reasoned; not seen running.
    Inferred,
}

/// A range of releases of Cilium 1, as (minor, patch); the end is excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Releases {
    /// First release.
    pub from: (u64, u64),
    /// First release it no longer holds in.
    pub until: Option<(u64, u64)>,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// The behaviour.
    pub behaviour: Behaviour,
    /// Where it holds.
    pub releases: &'static [Releases],
    /// Project, file and version it was read in.
    pub source: &'static str,
    /// How certain that is.
    pub certainty: Certainty,
}

const fn since(minor: u64, patch: u64) -> Releases {
    Releases { from: (minor, patch), until: None }
}

const fn between(from: (u64, u64), until: (u64, u64)) -> Releases {
    Releases { from, until: Some(until) }
}

macro_rules! facts {
    ($($behaviour:ident: $releases:expr, $certainty:ident, $source:literal;)*) => {
        /// The table.
        pub const FACTS: &[Fact] = &[$(Fact {
            behaviour: Behaviour::$behaviour,
            releases: &$releases,
            source: $source,
            certainty: Certainty::$certainty,
        }),*];
    };
}

facts! {
    GatewayNameLabel: [since(16, 7)], Inferred,
        "cilium/cilium operator/pkg/model/translation/gateway-api: absent at 1.16.0, present at 1.16.7 and 1.17.0";
    InfrastructureOnEveryObject: [since(17, 0)], Recorded, "operator recordings, 1.16 and 1.17 cuts";
    SpecAddresses: [since(17, 0)], Recorded, "operator recordings, case 13";
    SortedServicePorts: [since(18, 0)], Recorded, "operator recordings, case 07 (1.17 orders differ between runs)";
    ServiceIpFamilies: [since(18, 0)], Read, "cilium/cilium gateway-api/translator.go 1.18.0";
    ClassConfig: [since(18, 0)], Read, "cilium/cilium pkg/k8s/apis/cilium.io/v2alpha1 1.18.0";
    HostNetworkNodePort: [between((18, 12), (19, 0)), since(19, 6)], Read,
        "cilium/cilium gateway-api/translator.go at every patch release; recorded for 1.20 and 1.21-dev";
    NodeAddressesHonourSelector: [between((20, 2), (21, 0))], Read,
        "cilium/cilium #47463, #48636; 1.21-dev of 2026-08-14 recorded without";
    NodeSelectorAnnotation: [since(21, 0)], Recorded, "operator recordings, 1.21-dev with a node selector; #47079";
    PlaceholderEndpointSlice: [since(19, 0)], Recorded, "operator recordings, 1.18.10 and 1.19 cut";
    PlaceholderReady: [since(19, 5)], Read, "cilium/cilium gateway-api/translator.go 1.19.4 and 1.19.5; #44611";
    OriginalSourceAnnotation: [since(19, 0)], Recorded, "operator recordings, 1.18.10 and 1.19 cut";
    EmptyListenerNameWritten: [between((16, 0), (19, 0))], Recorded, "operator recordings, 1.18.10 and 1.19 cut";
    ShortEnvoyConfigName: [since(20, 0)], Read, "cilium/cilium gateway-api/translator.go 1.20 cut";
    EmptyRouteTables: [since(18, 0)], Recorded, "operator recordings, case 13; commit 1d03d7891";
    ConnectTimeout: [between((16, 0), (18, 0))], Recorded, "operator recordings, 1.17 cut and 1.18.10";
    StreamIdleTimeout: [since(18, 0)], Recorded, "operator recordings, 1.17 cut and 1.18.10";
    InternalAddresses: [since(17, 0)], Recorded, "operator recordings, 1.16 and 1.17 cuts";
    InternalLoopbackAlwaysBoth: [between((17, 0), (18, 0))], Recorded, "operator recordings, 1.17 cut and 1.18.10";
    IsolationPerProtocol: [between((18, 8), (19, 0)), since(19, 2)], Read,
        "cilium/cilium #44492; case 00 recorded without in the 1.19 cut and with in 1.18.10";
    ListenerPolicyInRouting: [since(19, 6)], Read,
        "cilium/cilium model/ingestion/gateway.go 1.19.5 and 1.19.6; recorded for 1.20, case 07";
    ListenerPolicyInAttachedRoutes: [between((18, 10), (19, 0)), since(19, 1)], Recorded,
        "recorded with in 1.18.10 and without in the 1.19 cut; listenerisAllowed in every 1.19 release";
    NamespaceCheckedFirst: [between((16, 0), (17, 0))], Recorded,
        "cilium/cilium httproute_reconcile.go and routechecks/gateway_checks.go 1.16 cut; operator recordings, case 07";
    RefusingSelectorKeepsAsking: [since(19, 6)], Read, "cilium/cilium 54aa8fca5c, first in 1.19.6";
    RouteProtocolChecked: [since(19, 2)], Read, "cilium/cilium 9fc2ea485c, first in 1.19.2";
    ProtocolMismatchReworded: [since(20, 0)], Read, "cilium/cilium routechecks/gateway_checks.go 1.19.6 and 1.20 cut";
    KindCheckedPerSelectedListener: [since(19, 6)], Read, "cilium/cilium 757605b265, first in 1.19.6";
    UnrestrictedListenerAllowsKind: [since(21, 0)], Read,
        "cilium/cilium 6a91c71920, after the 1.20 cut; back-ports to 1.20 were not read";
    KindsDefaultToProtocol: [between((18, 10), (19, 0)), since(19, 5)], Read,
        "cilium/cilium deb88646e0 after 1.18.10, but in the recorded operator of that name; fa306ce2ca first in 1.19.5";
    WildcardsIntersect: [since(19, 2)], Read, "cilium/cilium 9ee2db2b32, first in 1.19.2; not in 1.18.12";
    EveryParentGetsStatus: [between((16, 0), (18, 0))], Read,
        "cilium/cilium httproute_reconcile.go at the 1.16 and 1.17 cuts and in 1.18.2; 04e4aea674";
    EveryGrpcParentGetsStatus: [between((16, 0), (18, 3))], Read, "cilium/cilium grpcroute_reconcile.go 1.18.2; 5625858b91";
    GrpcRoutesWithGateways: [since(18, 3)], Read, "cilium/cilium 5625858b91, first in 1.18.3";
    ParentsHideUnresolved: [between((18, 0), (18, 3))], Read, "cilium/cilium grpcroute_reconcile.go 1.17 cut, 1.18.0 and 1.18.3";
    GrpcRouteAcceptedAsHttpRoute: [between((18, 3), (19, 6))], Read,
        "cilium/cilium gateway_reconcile.go 1.18.10; cdaae95465 first in 1.19.6";
    UnresolvedRouteAttaches: [between((16, 0), (20, 0))], Read, "cilium/cilium gateway_reconcile.go isAttachable, 1.16 cut to 1.19.6";
    GatewayWideRouteFilter: [between((16, 0), (20, 0))], Read, "cilium/cilium gateway_reconcile.go filterHTTPRoutesByGateway, 1.16 cut to 1.19.6";
    ParentIdentityInRouting: [since(20, 0)], Read, "cilium/cilium ingestion/gateway.go routeAllowedByParent, 1.20 cut";
    ParentPortOfEveryRoute: [since(21, 0)], Read,
        "cilium/cilium b38239dda3, after the 1.20 cut; back-ports to 1.20 were not read";
    BackendPortMustExist: [since(21, 0)], Read,
        "cilium/cilium 17766dc3e6, after the 1.20 cut; back-ports to 1.20 were not read";
    ExternalAuthResolved: [since(21, 0)], Read, "cilium/cilium routechecks/httproute.go 1.21-dev";
    RegexpsValidated: [since(20, 0)], Read, "cilium/cilium 2b65a7bf78, before the 1.20 cut";
    HostModifierRefused: [since(21, 0)], Read, "cilium/cilium 861940f0a0, after the 1.20 cut";
    MirrorNeedsGrant: [between((18, 11), (19, 0)), since(19, 5)], Read,
        "cilium/cilium e0b1cef513 first in 1.18.11 and f23929cff6 first in 1.19.5";
    MirrorResolvesImports: [since(21, 0)], Read, "cilium/cilium 518fce86c2, after the 1.20 cut";
    MethodDecidesOrder: [since(17, 0)], Read, "cilium/cilium a3510fe4a9; envoy_virtual_host.go 1.16 and 1.17 cuts";
    RedirectGuardOutranksNothing: [since(21, 0)], Read,
        "cilium/cilium f326616d3a, after the 1.20 cut; back-ports to 1.20 were not read";
    RepeatedMatchesStayApart: [since(21, 0)], Read,
        "cilium/cilium 18ee09825d, after the 1.20 cut; back-ports to 1.20 were not read";
    RootRewriteKeepsSlash: [since(19, 0)], Read, "cilium/cilium 5c4e963d36, first in 1.19.0; not in 1.18.12";
    GrpcMethodMatchesInParts: [since(17, 0)], Read, "cilium/cilium ingestion/gateway.go toGRPCPathMatch, 1.16 and 1.17 cuts";
    RetryWritten: [since(17, 0)], Read, "cilium/cilium ef03725aa8";
    RetryEffective: [since(20, 0)], Read, "cilium/cilium e3de836c26, before the 1.20 cut; not in 1.19.6";
    CorsFilter: [since(20, 0)], Read, "cilium/cilium dc111999a5, before the 1.20 cut";
    ExternalAuthFilter: [since(20, 0)], Read, "cilium/cilium fc687457d3, before the 1.20 cut";
    BackendTlsPolicies: [since(20, 0)], Read, "cilium/cilium d82835fb9b, before the 1.20 cut; not in 1.19.6";
    WaitsForAddress: [since(18, 3)], Read, "cilium/cilium gateway_reconcile.go 1.18.2 and 1.18.3; recorded from 1.18.10 on";
    FailedRefsObserved: [since(20, 0)], Recorded, "operator recordings, case 09";
    UnpermittedCertificateServedPlain: [since(19, 6)], Read,
        "cilium/cilium translation/envoy_route_configuration.go 1.19.5 and 1.19.6; recorded for 1.20, case 09";
    RejectedListenersNotServed: [since(21, 0)], Recorded, "operator recordings, case 09; #46917";
    SniConflicts: [since(19, 6)], Read, "cilium/cilium gateway_reconcile.go 1.19.5 and 1.19.6";
    ListenerConflicts: [since(20, 0)], Read, "cilium/cilium gateway_reconcile.go 1.20 cut, listenerPairConflict";
    GranularListenerReasons: [since(20, 0)], Read, "cilium/cilium gateway_reconcile.go 1.20 cut, validateListener";
    PassthroughOnTlsOnly: [between((18, 10), (19, 0)), since(19, 5)], Read,
        "cilium/cilium 41500c19c1 first in 1.19.5; e2a6386199 after 1.18.10, with deb88646e0 that the recorded operator of that name has";
    PassthroughPerRoute: [between((18, 11), (19, 0)), since(19, 5)], Read,
        "cilium/cilium translation/envoy_listener.go at every patch release, stableTLSPassthroughRoutes";
    ListenerPerPort: [since(19, 6)], Read, "cilium/cilium translation/cec_translator.go 1.19.5 and 1.19.6";
    HashedSecretNames: [between((18, 12), (19, 0)), between((19, 6), (20, 0)), since(20, 1)], Read,
        "cilium/cilium pkg/secretsync/names at every patch release; recorded without in the 1.20 cut, with in 1.21-dev";
    SteeringAnnotationsFiltered: [since(21, 0)], Read, "cilium/cilium gateway-api/translator.go 1.21-dev";
    RedirectGuard: [since(20, 0)], Recorded, "operator recordings, cases 04 and 18; #34539";
    GatewayParametersRefused: [since(20, 0)], Read, "cilium/cilium gateway_reconcile.go 1.20 cut";
    ClassParametersChecked: [since(19, 5)], Read, "cilium/cilium gateway_reconcile.go 1.19.4 and 1.19.5";
    CleansUpWithoutClass: [since(20, 0)], Read, "cilium/cilium gateway_reconcile.go 1.20 cut, cleanupOwnedResources";
    SetListenersConflictInPairs: [since(21, 0)], Read,
        "cilium/cilium gateway_reconcile.go 1.20 cut and 1.21-dev, conflictsAcrossSources; back-ports to 1.20 were not read";
    SetSecretsCopied: [since(21, 0)], Read,
        "cilium/cilium #47622, 607cac039a, after the 1.20 cut; back-ports to 1.20 were not read";
    ListenerSetsToldLast: [since(21, 0)], Read, "cilium/cilium gateway_reconcile.go 1.20 cut and 1.21-dev";
    AccessLogs: [between((18, 12), (19, 0)), since(19, 6)], Read,
        "cilium/cilium v2alpha1/gatewayclassconfig_types.go at every patch release";
    GrpcWebSwitch: [since(20, 0)], Read, "cilium/cilium v2alpha1/gatewayclassconfig_types.go 1.20 cut";
    AddressesCompareParsed: [since(21, 0)], Read, "cilium/cilium gateway_reconcile.go 1.20 cut and 1.21-dev";
    LayerFourRoutes: [since(20, 0)], Read, "cilium/cilium model/ingestion/gateway.go 1.19.6 and 1.20 cut";
    HostNetworkRefusesLayerFour: [since(21, 0)], Read, "cilium/cilium gateway_reconcile.go 1.21-dev, validateListener";
    UseRemoteAddressSetting: [since(20, 0)], Read, "cilium/charts 1.20.0 values.yaml";
    MirrorFraction: [since(17, 0)], Read, "cilium/cilium envoy_virtual_host.go 1.17.0";
    BackendlessServiceRefuses: [since(18, 0)], Inferred, "cilium/cilium pkg/loadbalancer 1.18; serviceNoBackendResponse reject";
}

/// Whether a version shows a behaviour.
pub fn holds(version: &CiliumVersion, behaviour: Behaviour) -> bool {
    FACTS.iter().filter(|fact| fact.behaviour == behaviour).any(|fact| {
        fact.releases.iter().any(|range| {
            version.is_at_least(range.from.0, range.from.1)
                && range.until.is_none_or(|(minor, patch)| !version.is_at_least(minor, patch))
        })
    })
}

/// Whether the model covers a version at all: 1.16 up to the main branch before 1.21.
pub fn covers(version: &CiliumVersion) -> bool {
    version.is_at_least(16, 0) && !version.is_at_least(22, 0)
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, FACTS, covers, holds};

    fn holds_in(version: &str, behaviour: Behaviour) -> bool {
        holds(&version.parse().expect("a version"), behaviour)
    }

    #[test]
    fn every_row_names_its_source_and_no_behaviour_has_two_rows() {
        for (index, fact) in FACTS.iter().enumerate() {
            assert!(!fact.source.is_empty(), "{:?}", fact.behaviour);
            let twin = FACTS[index + 1..].iter().any(|other| other.behaviour == fact.behaviour);
            assert!(!twin, "{:?} has two rows", fact.behaviour);
        }
    }

    #[test]
    fn a_backport_holds_in_its_branch_and_not_in_the_next_first_release() {
        for (version, expected) in [
            ("1.18.7", false),
            ("1.18.8", true),
            ("1.19.1", false),
            ("1.19.2", true),
            ("1.20.0", true),
        ] {
            assert_eq!(holds_in(version, Behaviour::IsolationPerProtocol), expected, "{version}");
        }
    }

    #[test]
    fn host_network_service_type_flips_in_two_patch_releases() {
        for (version, expected) in [
            ("1.18.11", false),
            ("1.18.12", true),
            ("1.19.5", false),
            ("1.19.6", true),
            ("1.20.0", true),
            ("1.21-dev", true),
        ] {
            assert_eq!(holds_in(version, Behaviour::HostNetworkNodePort), expected, "{version}");
        }
    }

    #[test]
    fn the_selector_is_honoured_from_1_20_2_but_not_in_the_recorded_main_branch() {
        for (version, expected) in [("1.20.1", false), ("1.20.2", true), ("1.21-dev", false)] {
            assert_eq!(
                holds_in(version, Behaviour::NodeAddressesHonourSelector),
                expected,
                "{version}"
            );
        }
    }

    #[test]
    fn versions_nobody_looked_at_are_not_covered() {
        for (version, expected) in
            [("1.15.15", false), ("1.16.0", true), ("1.21-dev", true), ("1.22.0", false)]
        {
            assert_eq!(covers(&version.parse().expect("a version")), expected, "{version}");
        }
    }
}
