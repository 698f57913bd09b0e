//! From a cluster file to a topology.

use serde_json::Value;

use super::file::{ClusterFile, JsonPatchFile, MountFile, NodeFile, PropagationFile, RoleFile};
use super::loosen::{Unknown, loosen};
use super::patch::{self, ContainerdPatches, KubeadmPatches};
use super::ports::Taken;
use super::{
    Mount, MountAccess, MountPropagation, Topology, TopologyNode, labels, networking, ports, rules,
};
use crate::cluster::NodeRole;
use crate::name::NodeName;
use crate::scenario::schema::generate;
use crate::source::problem::Problem;
use crate::source::schema::check;
use crate::source::tree::Place;

/// The JSON Schema of cluster files.
pub(crate) fn schema() -> Value {
    generate::<ClusterFile>()
}

/// Reads a topology; what is wrong goes to `problems`, and then there is no topology.
pub(crate) fn read(
    name: &str,
    place: Place<'_>,
    schema: &Value,
    problems: &mut Vec<Problem>,
) -> Option<Topology> {
    let before = problems.len();
    let document = loosen(place, schema, Unknown::Keep)?;
    check(Place::document(place.source(), &document), schema, &[], problems);
    let document = loosen(place, schema, Unknown::Drop)?;
    let place = Place::document(place.source(), &document);
    let file: ClusterFile = match serde_json::from_value(document.to_json()) {
        Ok(file) => file,
        Err(_) if problems.len() > before => return None,
        Err(error) => {
            problems.push(
                Problem::at(&place, "this cluster fits the schema and cannot be decoded")
                    .found(error.to_string())
                    .note("this is a fault of Gateproof; please report it with the file"),
            );
            return None;
        }
    };
    rules::check(&file, place, problems);
    let topology = resolve(name, &file, place, problems);
    (problems.len() == before).then_some(topology)
}

fn resolve(
    name: &str,
    file: &ClusterFile,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Topology {
    let networking = networking::read(&file.networking, place.get("networking"), problems);
    let mut taken = Taken::by_api_server(&networking);
    let at = |key: &str| place.get(key);
    let nodes = named(&file.nodes)
        .into_iter()
        .enumerate()
        .map(|(index, (name, role, file))| {
            let place = at("nodes").item(index);
            labels::check(&file.labels, place.get("labels"), problems);
            let list = place.get("extraPortMappings");
            let family = networking.ip_family;
            TopologyNode {
                name,
                role,
                labels: file.labels.clone(),
                image: file.image.clone().filter(|image| !image.is_empty()),
                mounts: mounts(&file.extra_mounts, place.get("extraMounts"), problems),
                port_mappings: ports::mappings(
                    &file.extra_port_mappings,
                    family,
                    list,
                    &mut taken,
                    problems,
                ),
                kubeadm_patches: kubeadm_patches(
                    &file.kubeadm_config_patches,
                    &file.kubeadm_config_patches_json6902,
                    place,
                    problems,
                ),
            }
        })
        .collect();
    let merge = &file.containerd_config_patches;
    let json = &file.containerd_config_patches_json6902;
    Topology {
        name: name.to_owned(),
        nodes,
        networking,
        feature_gates: file.feature_gates.clone(),
        runtime_config: file.runtime_config.clone(),
        kubeadm_patches: kubeadm_patches(
            &file.kubeadm_config_patches,
            &file.kubeadm_config_patches_json6902,
            place,
            problems,
        ),
        containerd_patches: ContainerdPatches {
            merge: patch::containerd_merge(merge, at("containerdConfigPatches"), problems),
            json: patch::containerd_json(json, at("containerdConfigPatchesJSON6902"), problems),
        },
    }
}

fn kubeadm_patches(
    merge: &[String],
    json: &[JsonPatchFile],
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> KubeadmPatches {
    KubeadmPatches {
        merge: patch::kubeadm_merge(merge, place.get("kubeadmConfigPatches"), problems),
        json: patch::kubeadm_json(json, place.get("kubeadmConfigPatchesJSON6902"), problems),
    }
}

fn mounts(files: &[MountFile], list: Place<'_>, problems: &mut Vec<Problem>) -> Vec<Mount> {
    let mut mounts = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let at = list.item(index).get("containerPath");
        if !file.container_path.is_empty() && !file.container_path.starts_with('/') {
            problems.push(
                Problem::at(&at, "a mount needs an absolute path in the node")
                    .found(format!("`{}`", file.container_path))
                    .expected("a path that begins with `/`")
                    .note("Docker refuses anything else"),
            );
        }
        mounts.push(Mount {
            host_path: file.host_path.clone(),
            container_path: file.container_path.clone(),
            access: if file.read_only { MountAccess::ReadOnly } else { MountAccess::ReadWrite },
            selinux_relabel: file.selinux_relabel,
            propagation: match file.propagation {
                None | Some(PropagationFile::None) => MountPropagation::Private,
                Some(PropagationFile::HostToContainer) => MountPropagation::HostToContainer,
                Some(PropagationFile::Bidirectional) => MountPropagation::Bidirectional,
            },
        });
    }
    mounts
}

/// Nodes with their names as kind gives them: the first of a role without a number, then from 2
/// (kubernetes-sigs/kind v0.33.0: `pkg/cluster/internal/providers/common/namer.go`). Without any,
/// there is one control plane.
fn named(files: &[NodeFile]) -> Vec<(NodeName, NodeRole, NodeFile)> {
    let default = [NodeFile::default()];
    let files = if files.is_empty() { &default } else { files };
    let mut control_planes = 0;
    let mut workers = 0;
    files
        .iter()
        .map(|file| {
            let (role, word, count) = match file.role {
                RoleFile::ControlPlane => {
                    (NodeRole::ControlPlane, "control-plane", &mut control_planes)
                }
                RoleFile::Worker => (NodeRole::Worker, "worker", &mut workers),
            };
            *count += 1;
            let name = if *count == 1 { word.to_owned() } else { format!("{word}{count}") };
            (NodeName::new(name), role, file.clone())
        })
        .collect()
}

/// A topology's name: its file's, without folder and ending.
pub(crate) fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml")).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::{read, schema};
    use crate::cluster::NodeRole;
    use crate::source::parse::parse;
    use crate::source::schema::unsupported;
    use crate::source::tree::{Place, Source};
    use crate::topology::{DefaultCni, IpFamily, Topology};

    fn topology(nodes: &str) -> Topology {
        let text = format!(
            "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n\
             networking: {{disableDefaultCNI: true, ipFamily: dual}}\n{nodes}"
        );
        let source = Source { path: "clusters/a.yaml".to_owned(), text };
        let mut problems = Vec::new();
        let documents = parse(&source, &mut problems);
        let place = Place::document(&source, &documents[0]);
        let topology = read("a", place, &schema(), &mut problems);
        topology.unwrap_or_else(|| panic!("{problems:?}"))
    }

    #[test]
    fn nodes_are_named_as_kind_names_them() {
        let made = topology(
            "nodes: [{role: worker}, {}, {role: worker, labels: {a: b}}, {role: control-plane}]",
        );
        let names: Vec<&str> = made.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["worker", "control-plane", "worker2", "control-plane2"]);
        assert_eq!(made.nodes[2].labels["a"], "b");
        assert_eq!(made.networking.ip_family, IpFamily::Dual);
    }

    #[test]
    fn without_nodes_there_is_one_control_plane() {
        let made = topology("");
        assert_eq!(made.nodes.len(), 1);
        assert_eq!(made.nodes[0].role, NodeRole::ControlPlane);
        assert_eq!(made.networking.default_cni, DefaultCni::Off, "as written");
    }

    #[test]
    fn the_checker_enforces_every_keyword_of_kinds_schema() {
        assert_eq!(unsupported(&schema()), Vec::<String>::new());
    }
}
