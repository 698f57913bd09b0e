//! The cluster to install on, and what its provider knows of it.

use std::fmt;
use std::sync::Arc;

use gateproof_core::topology::IpFamily;
use gateproof_kubernetes::Client;

use crate::helm::beside::HelmBeside;

/// A cluster to install on.
#[derive(Clone)]
pub struct Target {
    /// Its name; also the name of its folder of evidence.
    pub cluster: String,
    /// A client of it.
    pub client: Client,
    /// The same access for Helm on this machine.
    pub kubeconfig: Kubeconfig,
    /// Where Helm can run when there is none on this machine; `None` where there is no such place.
    pub beside: Option<Beside>,
    /// What Cilium has to be told of the cluster.
    pub facts: ClusterFacts,
    /// Addresses for LoadBalancer Services, when the provider has some.
    pub load_balancing: Option<LoadBalancing>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("cluster", &self.cluster)
            .field("facts", &self.facts)
            .field("load_balancing", &self.load_balancing)
            .finish_non_exhaustive()
    }
}

/// Helm in a container, and how it reaches the cluster.
#[derive(Clone)]
pub struct Beside {
    /// Runs it.
    pub helm: Arc<dyn HelmBeside>,
    /// A kubeconfig whose server can be reached from there.
    pub kubeconfig: Kubeconfig,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").field("image", &self.helm.image()).finish_non_exhaustive()
    }
}

/// The text of a kubeconfig: a secret, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Kubeconfig(String);

impl Kubeconfig {
    /// Takes the text of a kubeconfig.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the file that Helm is given.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kubeconfig(…)")
    }
}

/// What Cilium has to be told of a cluster, because it cannot find out by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFacts {
    /// The Kubernetes version, such as `1.36.4`; `None` when it is not known.
    pub kubernetes: Option<String>,
    /// How many nodes there are.
    pub nodes: usize,
    /// Where agents reach the API server without a Service: the name of the control plane's
    /// container or of the load balancer before several of them, and the port inside the network.
    pub api_server: Option<ApiServer>,
    /// Whether kube-proxy runs.
    pub kube_proxy: KubeProxy,
    /// Address families of pods and Services.
    pub ip_family: IpFamily,
    /// Where the nodes have Cilium's images from.
    pub images: Images,
}

/// Where agents reach the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiServer {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Whether kube-proxy runs in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KubeProxy {
    /// It runs, in whatever mode.
    Present,
    /// It does not (`networking.kubeProxyMode: none`), so nothing but Cilium serves Services.
    Absent,
}

/// Where the nodes have images from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images {
    /// They pull them.
    Pulled,
    /// They were loaded into the nodes beforehand, by tag: a digest would not be found.
    Preloaded,
}

/// Addresses for LoadBalancer Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancing {
    /// Ranges in CIDR notation, used when the scenario names none.
    pub pools: Vec<String>,
    /// Network interfaces on which nodes announce these addresses, as Cilium's policy has them
    /// (regular expressions such as `^eth0$`); empty for no announcement.
    pub announce_on: Vec<String>,
}
