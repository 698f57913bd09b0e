//! What a cluster was made from, as far as nobody can see it in a cluster that is up: one
//! fingerprint for each part, on a label of its nodes. A run that wants to use a cluster compares
//! them with what it would make itself.
//!
//! Fingerprints of different versions of this program need not agree; then a cluster is not used,
//! which costs time and no verdict.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use gateproof_core::topology::fit::{StackNeeds, fit};
use gateproof_core::topology::patch::{ContainerdPatches, KubeadmPatches};
use gateproof_core::topology::{Mount, Topology};
use ring::digest::{SHA256, digest};

/// The parts of a cluster with their fingerprints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape(BTreeMap<String, String>);

impl Shape {
    /// The shape of a cluster of this topology; relative paths of mounts count from `folder`.
    pub fn of(topology: &Topology, needs: StackNeeds, folder: &Path) -> Self {
        let networking = &topology.networking;
        let nodes = &topology.nodes;
        let each_node = |part: &dyn Fn(usize) -> String| {
            (0..nodes.len()).map(part).collect::<Vec<String>>().join("\n")
        };
        let mounts = |at: usize| {
            let absolute = |mount: &Mount| (folder.join(&mount.host_path), mount.clone());
            format!("{:?}", nodes[at].mounts.iter().map(absolute).collect::<Vec<_>>())
        };
        let parts = [
            (
                "networking",
                fingerprint(&(
                    networking.ip_family,
                    &networking.pod_subnets,
                    &networking.service_subnets,
                    &networking.dns_search,
                    fit(networking, needs).kube_proxy_mode,
                )),
            ),
            ("features", fingerprint(&(&topology.feature_gates, &topology.runtime_config))),
            (
                "kubeadm-patches",
                fingerprint(&(
                    of_kubeadm(&topology.kubeadm_patches),
                    each_node(&|at| of_kubeadm(&nodes[at].kubeadm_patches)),
                )),
            ),
            ("containerd-patches", fingerprint(&of_containerd(&topology.containerd_patches))),
            ("images", fingerprint(&each_node(&|at| format!("{:?}", nodes[at].image)))),
            ("ports", fingerprint(&each_node(&|at| format!("{:?}", nodes[at].port_mappings)))),
            ("mounts", fingerprint(&each_node(&mounts))),
        ];
        Self(parts.map(|(part, print)| (part.to_owned(), print)).into())
    }

    /// As a label's value.
    pub fn to_label(&self) -> String {
        let parts = self.0.iter().map(|(part, print)| format!("{part}={print}"));
        parts.collect::<Vec<String>>().join(",")
    }

    /// From a label's value.
    pub fn from_label(text: &str) -> Self {
        let parts = text.split(',').filter_map(|part| part.split_once('='));
        Self(parts.map(|(part, print)| (part.to_owned(), print.to_owned())).collect())
    }

    /// The parts in which another one differs, sorted by name.
    pub fn differing<'s>(&'s self, other: &'s Self) -> Vec<&'s str> {
        let mut parts: Vec<&str> =
            self.0.keys().chain(other.0.keys()).map(String::as_str).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.retain(|part| self.0.get(*part) != other.0.get(*part));
        parts
    }
}

/// Patches without where they are written.
fn of_kubeadm(patches: &KubeadmPatches) -> String {
    let merge = patches.merge.iter().map(|patch| (&patch.target, &patch.body));
    let json = patches.json.iter().map(|patch| (&patch.target, &patch.operations));
    format!("{:?} {:?}", merge.collect::<Vec<_>>(), json.collect::<Vec<_>>())
}

fn of_containerd(patches: &ContainerdPatches) -> String {
    let merge = patches.merge.iter().map(|patch| (patch.version, &patch.body));
    let json = patches.json.iter().map(|patch| &patch.operations);
    format!("{:?} {:?}", merge.collect::<Vec<_>>(), json.collect::<Vec<_>>())
}

/// A value's fingerprint, of its form for debugging: every field has a part in it.
fn fingerprint(value: &impl Debug) -> String {
    let hashed = digest(&SHA256, format!("{value:?}").as_bytes());
    let first = hashed.as_ref().first_chunk().expect("a digest has 32 octets");
    format!("{:08x}", u32::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gateproof_core::cluster::NodeRole;
    use gateproof_core::topology::fit::{ServicesBy, StackNeeds};
    use gateproof_core::topology::patch::{
        ContainerdMergePatch, ContainerdPatches, DocumentKind, KubeadmMergePatch, Target,
    };
    use gateproof_core::topology::{IpFamily, Topology, TopologyNode};
    use serde_json::json;

    use super::Shape;

    fn topology() -> Topology {
        let node = |name| TopologyNode::plain(name, NodeRole::ControlPlane);
        Topology::of_nodes("pair", vec![node("control-plane"), node("control-plane2")])
    }

    fn shape(topology: &Topology) -> Shape {
        let needs = StackNeeds { services: ServicesBy::Cilium };
        Shape::of(topology, needs, Path::new("/here"))
    }

    #[test]
    fn each_part_is_told_that_differs_and_nothing_else() {
        let usual = shape(&topology());
        let check = |change: &dyn Fn(&mut Topology), expected: &[&str]| {
            let mut changed = topology();
            change(&mut changed);
            let label = shape(&changed).to_label();
            assert_eq!(usual.differing(&Shape::from_label(&label)), expected, "{label}");
        };
        check(&|_| {}, &[]);
        check(&|it| "another".clone_into(&mut it.name), &[]);
        check(&|it| it.networking.ip_family = IpFamily::Dual, &["networking"]);
        check(&|it| it.networking.dns_search = Some(Vec::new()), &["networking"]);
        check(&|it| it.feature_gates = [("A".to_owned(), true)].into(), &["features"]);
        check(&|it| it.nodes[1].image = Some("a".to_owned()), &["images"]);
        let containerd = |origin: &str| ContainerdPatches {
            merge: vec![ContainerdMergePatch {
                version: None,
                body: json!({"debug": {"level": "trace"}}),
                origin: origin.to_owned(),
            }],
            json: Vec::new(),
        };
        check(&|it| it.containerd_patches = containerd("a.yaml:1"), &["containerd-patches"]);
        let moved = ["a.yaml:1", "a.yaml:7"].map(|origin| {
            let mut topology = topology();
            topology.containerd_patches = containerd(origin);
            shape(&topology)
        });
        assert_eq!(moved[0], moved[1], "where it is written makes no difference");
        let kubeadm = KubeadmMergePatch {
            target: Target { kind: DocumentKind::KubeletConfiguration, api_version: None },
            body: json!({"maxPods": 40}),
            origin: String::new(),
        };
        let of_node = |it: &mut Topology| {
            it.nodes[1].kubeadm_patches.merge.push(kubeadm.clone());
        };
        check(&of_node, &["kubeadm-patches"]);
        let label = |it: &mut Topology| {
            it.nodes[0].labels.insert("role".to_owned(), "gateway".to_owned());
        };
        check(&label, &[]);
    }

    #[test]
    fn who_does_kube_proxys_work_is_a_part_of_the_networking() {
        let needs = StackNeeds { services: ServicesBy::KubeProxy };
        let other = Shape::of(&topology(), needs, Path::new("/here"));
        assert_eq!(shape(&topology()).differing(&other), ["networking"]);
    }

    #[test]
    fn without_a_label_everything_differs() {
        assert_eq!(shape(&topology()).differing(&Shape::from_label("")).len(), 7);
    }
}
