//! Which versions of Kubernetes the others were made for.

/// First and last minor version of Kubernetes, 1.x.
pub type Range = (u64, u64);

/// Kubernetes versions that Cilium's minor version is tested with (cilium/cilium
/// `Documentation/network/kubernetes/compatibility.rst` at the end of each branch that was read:
/// v1.16 and v1.17 at their cut, v1.18.10, v1.19.6, v1.20 at its cut).
pub const CILIUM: &[(u64, Range)] = &[
    (16, (27, 30)),
    (17, (29, 32)),
    (18, (30, 33)),
    (19, (32, 35)),
    (20, (33, 36)),
    (21, (33, 36)),
];

/// The first Kubernetes whose API server knows every function in the rules of the Gateway API 1.5
/// and later (kubernetes-sigs/gateway-api, guides of 1.5: the rules of TLSRoute).
pub const FIRST_FOR_GATEWAY_API_1_5: u64 = 31;

/// The Kubernetes versions that a Cilium's minor version is tested with.
pub fn of_cilium(minor: u64) -> Option<Range> {
    CILIUM.iter().find(|(cilium, _)| *cilium == minor).map(|(_, range)| *range)
}
