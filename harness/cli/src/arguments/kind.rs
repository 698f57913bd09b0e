//! What can be typed about kind clusters; every option has a variable, so that tests that take no
//! options read the same.

use std::path::PathBuf;

use clap::Args;
use gateproof_kind::plan::mirror::REGISTRY_IMAGE;
use gateproof_runner::workplace::{self, Wishes};

/// The images that clusters are made of, for what runs on them and for what lists or fetches them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ClusterImages {
    /// The image of every node that the topology gives none, such as kindest/node:v1.35.8.
    #[arg(long, env = workplace::NODE_IMAGE, value_name = "IMAGE")]
    pub(crate) node_image: Option<String>,
    /// The image of the load balancer before several control planes.
    #[arg(long, env = workplace::LOAD_BALANCER_IMAGE, value_name = "IMAGE")]
    pub(crate) load_balancer_image: Option<String>,
    /// Pull through a mirror for each registry, whose data stays for later clusters; the image of
    /// the mirrors is a choice, with `--registry-mirror=IMAGE`.
    #[arg(
        long,
        env = workplace::REGISTRY_MIRROR,
        value_name = "IMAGE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = REGISTRY_IMAGE
    )]
    pub(crate) registry_mirror: Option<String>,
    /// A published image of gateproof for backends and the prober inside; on kind clusters one is
    /// packed from this program by default.
    #[arg(long, env = workplace::OWN_IMAGE, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// An image whose entrypoint is Helm, to run it in a container on the cluster's network.
    #[arg(long, env = workplace::HELM_IMAGE, value_name = "IMAGE")]
    pub(crate) helm_image: Option<String>,
}

/// Options of the kind provider.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "kind clusters")]
pub(crate) struct KindArguments {
    #[command(flatten)]
    pub(crate) images: ClusterImages,
    /// With which rights nodes run: `privileged`, or, for hosts that refuse that, a list of
    /// capabilities or `default-capabilities` for a list that usually works.
    #[arg(long, env = workplace::NODE_PRIVILEGES, value_name = "RIGHTS")]
    pub(crate) node_privileges: Option<String>,
    /// From where sockets are asked: `host`, `container` (a helper on the cluster's network), or
    /// `auto`, which takes the helper where container addresses have no route from here. On
    /// existing clusters `outside`, `inside` (a pod), or `auto`.
    #[arg(long, env = workplace::VANTAGE, value_name = "PLACE")]
    pub(crate) vantage: Option<String>,
    /// The Helm program; by default the one on PATH, else Helm in a container.
    #[arg(long, env = workplace::HELM, value_name = "PATH")]
    pub(crate) helm: Option<PathBuf>,
    /// The Gateway API's definitions: a file or an address; by default those of the release that
    /// fits the Cilium version.
    #[arg(long, env = workplace::GATEWAY_API_CRDS, value_name = "FILE|URL")]
    pub(crate) gateway_api_crds: Option<String>,
    /// Cilium's chart: a repository's address, `oci://…`, or a path.
    #[arg(long, env = workplace::CILIUM_CHART, value_name = "CHART")]
    pub(crate) cilium_chart: Option<String>,
    /// cert-manager's chart: a repository's address, `oci://…`, or a path.
    #[arg(long, env = workplace::CERT_MANAGER_CHART, value_name = "CHART")]
    pub(crate) cert_manager_chart: Option<String>,
}

impl KindArguments {
    /// The same as values.
    pub(crate) fn wishes(&self) -> Wishes {
        let Self {
            images:
                ClusterImages { node_image, load_balancer_image, registry_mirror, image, helm_image },
            node_privileges,
            vantage,
            helm,
            gateway_api_crds,
            cilium_chart,
            cert_manager_chart,
        } = self.clone();
        Wishes {
            node_image,
            load_balancer_image,
            registry_mirror,
            node_privileges,
            own_image: image,
            vantage,
            helm,
            helm_image,
            gateway_api_crds,
            cilium_chart,
            cert_manager_chart,
        }
    }
}
