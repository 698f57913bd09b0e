//! The features a GatewayClass claims, which Gateway API's conformance suite reads
//! (cilium/cilium `operator/pkg/gateway-api/gatewayclass_status.go`: every feature of the Gateway
//! API module that is compiled in, less a list of exceptions).

use gateproof_core::cilium::CiliumVersion;

/// The features of a version, sorted.
pub(super) fn supported(version: &CiliumVersion) -> Vec<&'static str> {
    let minor = version.minor();
    if minor <= 16 {
        return FIRST.to_vec();
    }
    let mut features = BASE.to_vec();
    for (since, more) in LATER {
        if minor >= since {
            features.extend(more);
        }
    }
    if minor >= 20 {
        features.retain(|feature| *feature != "BackendTLSPolicySANValidation");
    }
    features.sort_unstable();
    features
}

/// Whether a version writes features as objects with a name; before, as plain text
/// (kubernetes-sigs/gateway-api 1.1 and 1.2 `apis/v1/gatewayclass_types.go`).
pub(super) fn named(version: &CiliumVersion) -> Vec<serde_json::Value> {
    let features = supported(version).into_iter();
    if version.minor() <= 16 {
        return features.map(|feature| serde_json::json!(feature)).collect();
    }
    features.map(|feature| serde_json::json!({"name": feature})).collect()
}

/// The hand-written list of 1.16, in its order.
const FIRST: &[&str] = &[
    "Gateway",
    "HTTPRoute",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
    "TLSRoute",
];

/// 1.17 (Gateway API 1.2.0).
const BASE: &[&str] = &[
    "GRPCRoute",
    "Gateway",
    "GatewayHTTPListenerIsolation",
    "GatewayInfrastructurePropagation",
    "GatewayPort8080",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteSchemeRedirect",
    "Mesh",
    "MeshClusterIPMatching",
    "ReferenceGrant",
    "TLSRoute",
];

/// What later minor versions add: 1.18 (Gateway API before 1.4), 1.19 (1.4.0-rc.2), 1.20 (1.6.0)
/// and the main branch before 1.21 (1.6.1).
const LATER: [(u64, &[&str]); 4] = [
    (
        18,
        &[
            "GatewayAddressEmpty",
            "HTTPRouteRequestPercentageMirror",
            "MeshHTTPRouteBackendRequestHeaderModification",
            "MeshHTTPRouteQueryParamMatching",
            "MeshHTTPRouteRedirectPath",
            "MeshHTTPRouteRedirectPort",
            "MeshHTTPRouteRewritePath",
            "MeshHTTPRouteSchemeRedirect",
        ],
    ),
    (
        19,
        &[
            "BackendTLSPolicySANValidation",
            "GRPCRouteNamedRouteRule",
            "HTTPRouteNamedRouteRule",
            "MeshHTTPRouteNamedRouteRule",
        ],
    ),
    (
        20,
        &[
            "BackendTLSPolicy",
            "GatewayFrontendClientCertificateValidationInsecureFallback",
            "HTTPRouteCORS",
            "HTTPRouteRetry",
            "HTTPRouteRetryBackendTimeout",
            "HTTPRouteRetryConnectionError",
            "ListenerSet",
            "TCPRoute",
            "TLSRouteModeMixed",
            "UDPRoute",
        ],
    ),
    (
        21,
        &[
            "HTTPRoute303RedirectStatusCode",
            "HTTPRoute307RedirectStatusCode",
            "HTTPRoute308RedirectStatusCode",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::{named, supported};

    #[test]
    fn features_grow_with_the_versions_and_some_leave() {
        for (version, count, with, without) in [
            ("1.16.0", 15, "TLSRoute", "GRPCRoute"),
            ("1.17.4", 27, "GRPCRoute", "GatewayAddressEmpty"),
            ("1.18.10", 35, "GatewayAddressEmpty", "GRPCRouteNamedRouteRule"),
            ("1.19.6", 39, "BackendTLSPolicySANValidation", "HTTPRouteCORS"),
            ("1.20.0", 48, "ListenerSet", "BackendTLSPolicySANValidation"),
            ("1.21-dev", 51, "HTTPRoute308RedirectStatusCode", "HTTPRouteParentRefPort"),
        ] {
            let features = supported(&version.parse().expect("a version"));
            assert_eq!(features.len(), count, "{version}: {features:?}");
            assert!(features.contains(&with), "{version} has {with}");
            assert!(!features.contains(&without), "{version} lacks {without}");
            assert!(features.is_sorted(), "{version}");
        }
    }

    #[test]
    fn features_are_plain_text_up_to_1_16() {
        let first = |version: &str| named(&version.parse().expect("a version"))[0].clone();
        assert_eq!(first("1.16.5"), serde_json::json!("Gateway"));
        assert_eq!(first("1.17.0"), serde_json::json!({"name": "GRPCRoute"}));
    }
}
