//! Nodes of a topology, and pools given by their CIDR, as the objects they stand for.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::Given;
use crate::cluster::NodeRole;
use crate::scenario::Manifest;
use crate::setup;
use crate::source::problem::Problem;
use crate::source::tree::Source;
use crate::topology::Topology;

/// The first address of kind's own network, after its gateway; a topology names no addresses.
const FIRST_NODE: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 2);

/// Adds the objects that options stand for.
pub(super) fn add(
    given: &Given,
    objects: &mut Vec<Manifest>,
    sources: &mut Vec<Source>,
    notes: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) {
    for (index, cidr) in given.pools.iter().enumerate() {
        if let Some(pool) = pool(index, cidr, problems) {
            objects.push(Manifest { origin: format!("--pool {cidr}"), object: pool });
        }
    }
    let Some(file) = &given.topology else { return };
    if let Some(object) = objects.iter().find(|object| is_node(&object.object)) {
        problems.push(
            Problem::of_file(&file.path, "the nodes are given twice")
                .found(format!("a Node object at {}", object.origin))
                .note("leave out --nodes, or the Node objects"),
        );
        return;
    }
    match setup::topology(file) {
        Ok(topology) => {
            notes.push(format!(
                "{} names no addresses: its nodes are assumed to have {FIRST_NODE} and the \
                 following ones",
                file.path
            ));
            objects.extend(nodes(&topology, &file.path));
        }
        Err(found) => {
            problems.extend(found.iter().cloned());
            if let Ok(text) = &file.content {
                sources.push(Source { path: file.path.clone(), text: text.clone() });
            }
        }
    }
}

fn is_node(object: &Value) -> bool {
    object["apiVersion"] == "v1" && object["kind"] == "Node"
}

fn pool(index: usize, cidr: &str, problems: &mut Vec<Problem>) -> Option<Value> {
    let sound = cidr.split_once('/').is_some_and(|(address, length)| {
        let most = match address.parse() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        length.parse::<u8>().is_ok_and(|length| length <= most)
    });
    if !sound {
        problems.push(
            Problem::of_file(
                format!("--pool {cidr}"),
                format!("`{cidr}` is no range of addresses"),
            )
            .note("write an address and a prefix length, such as 172.18.255.0/28"),
        );
        return None;
    }
    Some(json!({
        "apiVersion": "cilium.io/v2alpha1",
        "kind": "CiliumLoadBalancerIPPool",
        "metadata": {"name": format!("pool-{}", index + 1)},
        "spec": {"blocks": [{"cidr": cidr}]},
    }))
}

/// The Node objects of a topology, as kind registers them.
fn nodes<'a>(topology: &'a Topology, path: &'a str) -> impl Iterator<Item = Manifest> + 'a {
    topology.nodes.iter().zip(0u32..).map(move |(node, index)| {
        let name = node.name.as_str();
        let mut labels: Map<String, Value> =
            node.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        labels.insert("kubernetes.io/hostname".to_owned(), json!(name));
        labels.insert("kubernetes.io/os".to_owned(), json!("linux"));
        if node.role == NodeRole::ControlPlane {
            labels.insert("node-role.kubernetes.io/control-plane".to_owned(), json!(""));
        }
        let address = Ipv4Addr::from(u32::from(FIRST_NODE) + index);
        Manifest {
            origin: path.to_owned(),
            object: json!({
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "status": {"addresses": [
                    {"type": "InternalIP", "address": address.to_string()},
                    {"type": "Hostname", "address": name},
                ]},
            }),
        }
    })
}
