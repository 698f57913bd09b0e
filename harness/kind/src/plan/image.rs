//! Image references: which images nodes and load balancers have, and what a tag promises.

use super::version::KubernetesVersion;
use crate::image_reference::ImageReference;

/// The image of nodes that neither topology nor settings name: the newest patch of Kubernetes
/// 1.36 that kind publishes (kubernetes-sigs/kind, release notes of v0.33.0).
pub const DEFAULT_NODE_IMAGE: &str =
    "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed";

/// The image of the load balancer (kubernetes-sigs/kind v0.33.0:
/// `pkg/cluster/internal/loadbalancer/const.go`).
pub const DEFAULT_LOAD_BALANCER_IMAGE: &str = "docker.io/envoyproxy/envoy:v1.36.2";

/// The Kubernetes version that a node image's tag names, as kind's own images have it.
pub fn promised_version(reference: &str) -> Option<KubernetesVersion> {
    ImageReference::parse(reference).tag?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_NODE_IMAGE, promised_version};

    #[test]
    fn a_tag_promises_a_version_and_a_port_does_not() {
        for (reference, version) in [
            (DEFAULT_NODE_IMAGE, Some("v1.36.4")),
            ("kindest/node:v1.30.0", Some("v1.30.0")),
            ("localhost:5000/node:v1.31.2", Some("v1.31.2")),
            ("localhost:5000/node", None),
            ("stand-in:latest", None),
            ("kindest/node@sha256:00", None),
        ] {
            let promised = promised_version(reference).map(|version| version.to_string());
            assert_eq!(promised.as_deref(), version, "{reference}");
        }
    }
}
