//! From a cluster file to a topology.

use serde_json::Value;

use super::file::{ClusterFile, IpFamilyFile, NodeFile, RoleFile};
use super::{IpFamily, Topology, TopologyNode, rules};
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
    check(place, schema, &[], problems);
    if problems.len() > before {
        return None;
    }
    let document = place.node()?.to_json();
    let file: ClusterFile = match serde_json::from_value(document.clone()) {
        Ok(file) => file,
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
    if problems.len() > before {
        return None;
    }
    Some(Topology {
        name: name.to_owned(),
        nodes: nodes(&file.nodes),
        ip_family: match file.networking.ip_family {
            IpFamilyFile::Ipv4 => IpFamily::V4,
            IpFamilyFile::Ipv6 => IpFamily::V6,
            IpFamilyFile::Dual => IpFamily::Dual,
        },
        document,
    })
}

/// Names as kind gives them: the first of a role without a number, then from 2
/// (kubernetes-sigs/kind v0.33.0: `pkg/cluster/internal/providers/common/namer.go`).
fn nodes(files: &[NodeFile]) -> Vec<TopologyNode> {
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
            TopologyNode {
                name: NodeName::new(name),
                role,
                labels: file.labels.clone(),
                image: file.image.clone(),
            }
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
    use crate::topology::{IpFamily, Topology};

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
        assert_eq!(made.ip_family, IpFamily::Dual);
    }

    #[test]
    fn without_nodes_there_is_one_control_plane() {
        let made = topology("");
        assert_eq!(made.nodes.len(), 1);
        assert_eq!(made.nodes[0].role, NodeRole::ControlPlane);
        assert_eq!(made.document["networking"]["disableDefaultCNI"], true, "as written");
    }

    #[test]
    fn the_checker_enforces_every_keyword_of_kinds_schema() {
        assert_eq!(unsupported(&schema()), Vec::<String>::new());
    }
}
