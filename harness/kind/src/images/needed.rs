//! Which images a plan needs, and why. Pure.

use std::collections::BTreeMap;

use gateproof_core::cluster::NodeRole;
use gateproof_core::plan::ClusterPlan;
use gateproof_core::scenario::issuer::Issuer;
use gateproof_core::versions::{Asked, choose};

use super::cilium;
use crate::plan::image::{DEFAULT_LOAD_BALANCER_IMAGE, DEFAULT_NODE_IMAGE, promised_version};
use crate::settings::{OwnImage, Settings};

/// The images of cert-manager: the solver is started for the first HTTP01 challenge
/// (cert-manager's chart: `values.yaml`). The chart's check of the API is switched off.
const CERT_MANAGER: [(&str, &str); 4] = [
    ("controller", "cert-manager's controller"),
    ("webhook", "cert-manager's webhook"),
    ("cainjector", "cert-manager's CA injector"),
    ("acmesolver", "cert-manager's solver of HTTP01 challenges"),
];

/// An image that a run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededImage {
    /// Its name, with a tag where one is said.
    pub reference: String,
    /// Its digest, where it is known; `sha256:…`.
    pub digest: Option<String>,
    /// What it is for.
    pub reason: String,
    /// How sure that is.
    pub certainty: Certainty,
}

/// How sure it is that a run needs an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certainty {
    /// A source says so for this very version.
    Known,
    /// It is concluded from another; how, in words.
    Inferred(String),
}

/// What a user chose instead of the usual images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// The image of nodes to which the topology gives none.
    pub node: Option<String>,
    /// The image of load balancers.
    pub load_balancer: Option<String>,
    /// The image of mirrors of registries; `None` for no mirrors.
    pub registry_mirror: Option<String>,
    /// The image for Helm, where it runs in a container.
    pub helm: Option<NeededImage>,
    /// Our own image: what is known of it.
    pub own: Option<NeededImage>,
}

/// Every image that a plan needs, once each, in the order in which a run needs them.
pub fn needed(clusters: &[ClusterPlan], choices: &Choices) -> Vec<NeededImage> {
    let mut list = List::default();
    for cluster in clusters {
        let nodes = &cluster.topology.nodes;
        for node in nodes {
            let (image, reason) = match (&node.image, &choices.node) {
                (Some(image), _) => (image.as_str(), format!("nodes of {}", cluster.topology.name)),
                (None, Some(image)) => (image.as_str(), "nodes, as chosen".to_owned()),
                (None, None) => (DEFAULT_NODE_IMAGE, "nodes".to_owned()),
            };
            list.add(reference(image, reason));
        }
        let is_control_plane = |role: NodeRole| role == NodeRole::ControlPlane;
        if nodes.iter().filter(|node| is_control_plane(node.role)).count() > 1 {
            let image = choices.load_balancer.as_deref().unwrap_or(DEFAULT_LOAD_BALANCER_IMAGE);
            list.add(reference(
                image,
                "the load balancer before several control planes".to_owned(),
            ));
        }
    }
    if let Some(image) = &choices.registry_mirror {
        list.add(reference(image, "mirrors of registries, as chosen".to_owned()));
    }
    let kubernetes = |cluster: &ClusterPlan| promised(cluster, choices.node.as_deref());
    for image in of_stack(clusters, kubernetes) {
        list.add(image);
    }
    for image in [&choices.helm, &choices.own].into_iter().flatten() {
        list.add(image.clone());
    }
    list.images
}

/// The Kubernetes version of a cluster, as far as the image of its first control plane says it.
pub fn promised(cluster: &ClusterPlan, chosen: Option<&str>) -> Option<String> {
    let own = cluster.topology.control_planes().next().and_then(|node| node.image.as_deref());
    let version = promised_version(own.or(chosen).unwrap_or(DEFAULT_NODE_IMAGE))?;
    Some(version.to_string().trim_start_matches('v').to_owned())
}

/// Every image that the stacks of these clusters need on their Kubernetes versions, once each.
pub fn of_stack(
    clusters: &[ClusterPlan],
    kubernetes: impl Fn(&ClusterPlan) -> Option<String>,
) -> Vec<NeededImage> {
    let mut list = List::default();
    for trial in clusters.iter().flat_map(|cluster| &cluster.trials) {
        for image in cilium::images(&trial.cilium, &trial.config, &trial.values) {
            list.add(image);
        }
    }
    for cluster in clusters {
        let kubernetes = kubernetes(cluster);
        for trial in &cluster.trials {
            let chosen = choose(Asked {
                cilium: &trial.cilium,
                gateway_api: &trial.definition.gateway_api,
                cert_manager: trial.definition.cert_manager.as_deref(),
                kubernetes: kubernetes.as_deref(),
            });
            // What does not fit is refused by the run, with the reason.
            let Ok(version) = chosen.map(|chosen| chosen.cert_manager) else { continue };
            for (component, what) in CERT_MANAGER {
                list.add(reference(
                    &format!("quay.io/jetstack/cert-manager-{component}:v{version}"),
                    format!("{what}, {version}"),
                ));
            }
            if let Issuer::Acme(acme) = &trial.definition.issuer {
                list.add(reference(&acme.image, "Pebble, the ACME server".to_owned()));
            }
        }
    }
    list.images
}

/// What nodes of a cluster may be asked to pull; without trials, Cilium comes later.
pub fn pulled_by_nodes(cluster: &ClusterPlan, settings: &Settings) -> Vec<String> {
    let kubernetes = |cluster: &ClusterPlan| promised(cluster, settings.node_image.as_deref());
    let stack = of_stack(std::slice::from_ref(cluster), kubernetes);
    let mut references: Vec<String> = stack.into_iter().map(|image| image.reference).collect();
    if references.is_empty() {
        references.push("quay.io/cilium/cilium".to_owned());
    }
    if let OwnImage::Published(reference) = &settings.own_image {
        references.push(reference.clone());
    }
    references
}

/// Images in order of their first mention.
#[derive(Default)]
struct List {
    images: Vec<NeededImage>,
    places: BTreeMap<String, usize>,
}

impl List {
    fn add(&mut self, image: NeededImage) {
        if !self.places.contains_key(&image.reference) {
            self.places.insert(image.reference.clone(), self.images.len());
            self.images.push(image);
        }
    }
}

/// An image by name; a digest in it is one that is known.
fn reference(text: &str, reason: String) -> NeededImage {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest.to_owned())),
        None => (text, None),
    };
    NeededImage { reference: name.to_owned(), digest, reason, certainty: Certainty::Known }
}
