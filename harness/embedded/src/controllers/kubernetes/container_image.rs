//! Which container images the embedded cluster can run.
//!
//! It runs no containers. Echo images, CoreDNS, cert-manager's solver of challenges and Pebble stand
//! for in-process servers; images of Cilium and
//! cert-manager stand for what this crate does itself. Every other image cannot run here, and its
//! pods say so.

/// What stands for a container image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerImage {
    /// Gateproof's own image, whose containers here are all echo servers.
    GateproofEcho,
    /// The Gateway API's echo server (kubernetes-sigs/gateway-api `conformance/echo-basic`).
    EchoBasic,
    /// The Gateway API's echo server for meshes (`echo-advanced`, which is Istio's).
    EchoAdvanced,
    /// CoreDNS, which the conformance suite uses as a backend for UDP.
    CoreDns,
    /// cert-manager's solver, which answers one HTTP-01 challenge.
    AcmeSolver,
    /// Pebble, Let's Encrypt's ACME server for tests.
    Pebble,
    /// A component whose work the embedded cluster does itself.
    System(SystemComponent),
    /// Nothing: it cannot run here.
    Unknown,
}

/// A component whose work the embedded cluster does itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SystemComponent {
    /// Cilium's agent.
    CiliumAgent,
    /// Cilium's operator.
    CiliumOperator,
    /// The Envoy of the `cilium-envoy` DaemonSet.
    CiliumEnvoy,
    /// cert-manager's controller.
    CertManager,
    /// cert-manager's other programs, whose work the API server does or nobody needs.
    CertManagerHelper,
}

impl ContainerImage {
    /// Goes by the end of the repository's path, so that mirrors work: `…/gateproof/echo`,
    /// `gateproof.local/gateproof`, `…/echo-basic`, `…/cilium/cilium`; tag and digest do not matter.
    pub(crate) fn classify(reference: &str) -> Self {
        let repository = repository(reference);
        let mut path = repository.rsplit('/');
        let last = path.next().unwrap_or_default();
        let owner = path.next();
        match (owner, last) {
            (Some("gateproof"), "echo") | (Some("gateproof.local"), "gateproof") => {
                Self::GateproofEcho
            }
            (_, "echo-basic") => Self::EchoBasic,
            (_, "echo-advanced") => Self::EchoAdvanced,
            (Some("coredns"), "coredns") => Self::CoreDns,
            (_, "cert-manager-acmesolver") => Self::AcmeSolver,
            (Some("letsencrypt"), "pebble") => Self::Pebble,
            (Some("cilium"), "cilium") => Self::System(SystemComponent::CiliumAgent),
            (Some("cilium"), "cilium-envoy") => Self::System(SystemComponent::CiliumEnvoy),
            (Some("cilium"), name) if name.starts_with("operator") => {
                Self::System(SystemComponent::CiliumOperator)
            }
            (_, "cert-manager-controller") => Self::System(SystemComponent::CertManager),
            (_, "cert-manager-webhook" | "cert-manager-cainjector") => {
                Self::System(SystemComponent::CertManagerHelper)
            }
            _ => Self::Unknown,
        }
    }
}

/// The repository of an image reference, without tag and digest. A colon before the last slash
/// belongs to a registry's port.
fn repository(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::{ContainerImage, SystemComponent};

    #[test]
    fn images_are_known_by_the_end_of_their_path() {
        for (reference, expected) in [
            ("mirror.example.test/gateproof/echo:1", ContainerImage::GateproofEcho),
            ("mirror.example.test:5000/gateproof/echo", ContainerImage::GateproofEcho),
            ("gateproof.local/gateproof:0.1.0-abc", ContainerImage::GateproofEcho),
            ("mirror.example.test/gateproof", ContainerImage::Unknown),
            ("mirror.example.test:5000/x/echo-basic:v1@sha256:00", ContainerImage::EchoBasic),
            ("x/cilium/cilium:v1", ContainerImage::System(SystemComponent::CiliumAgent)),
            ("x/cilium/operator-generic", ContainerImage::System(SystemComponent::CiliumOperator)),
            ("coredns/coredns", ContainerImage::CoreDns),
            ("x/jetstack/cert-manager-acmesolver:v1", ContainerImage::AcmeSolver),
            ("mirror.example.test/letsencrypt/pebble:2.9.0", ContainerImage::Pebble),
            ("x/letsencrypt/pebble-challtestsrv", ContainerImage::Unknown),
            ("x/pebble", ContainerImage::Unknown),
            ("x/echo-advanced:v1", ContainerImage::EchoAdvanced),
            ("nginx:1.29", ContainerImage::Unknown),
            ("x/echo", ContainerImage::Unknown),
            ("x/gateproof/echo-other", ContainerImage::Unknown),
            ("x/echo-basic-fork", ContainerImage::Unknown),
            ("x/other/cilium", ContainerImage::Unknown),
        ] {
            assert_eq!(ContainerImage::classify(reference), expected, "{reference}");
        }
    }
}
