//! `kubectl` as nodes are asked for it: `taint`, `label`, `apply` and `create`.

use std::io::Read;
use std::path::Path;

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::Client;
use serde_json::{Value, json};

use crate::{Failure, Outcome, block_on};

const MANAGER: &str = "kubectl-client-side-apply";

/// Runs a command.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut kubeconfig = "/etc/kubernetes/admin.conf";
    if let Some(path) = words.first().and_then(|word| word.strip_prefix("--kubeconfig=")) {
        kubeconfig = path;
        words.remove(0);
    }
    match words[..] {
        ["taint", "nodes", "--all", ref taints @ ..] => {
            all_nodes(kubeconfig, taints, Removal::Taint)
        }
        ["label", "nodes", "--all", ref labels @ ..] => {
            all_nodes(kubeconfig, labels, Removal::Label)
        }
        ["apply" | "create", "-f", "-"] => apply(kubeconfig),
        _ => Err(Failure::new(format!("stand-in: kubectl does not do {arguments:?}"))),
    }
}

async fn connect(kubeconfig: &str) -> Result<Client, Failure> {
    if !Path::new(kubeconfig).exists() {
        return Err(Failure::new(format!("error: stat {kubeconfig}: no such file or directory")));
    }
    Client::from_kubeconfig(Some(Path::new(kubeconfig)), None)
        .await
        .map_err(|error| Failure::new(format!("error: {error}")))
}

/// What is taken away from nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    Taint,
    Label,
}

impl Removal {
    /// The patch of a node. A label that is not there is no error for the real program, a taint is.
    fn patch(self, node: &Value, key: &str) -> Option<Value> {
        match self {
            Self::Taint => untaint(node, key),
            Self::Label => Some(json!({"metadata": {"labels": {key: null}}})),
        }
    }
}

/// Takes away from every node what each word names; they end in `-`.
fn all_nodes(kubeconfig: &str, words: &[&str], removal: Removal) -> Outcome {
    block_on(async {
        let client = connect(kubeconfig).await?;
        let failed = |error: gateproof_kubernetes::RequestError| Failure::new(error.to_string());
        for node in client.list("v1", "Node", None).await.map_err(failed)? {
            for word in words {
                let key = word.strip_suffix('-').ok_or_else(|| {
                    Failure::new(format!("stand-in: only removals are done here, not {word:?}"))
                })?;
                let name = node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let patch = removal.patch(&node, key).ok_or_else(|| {
                    Failure::new(format!("error: {key:?} not found on node {name:?}"))
                })?;
                let node = ObjectRef {
                    api_version: "v1".to_owned(),
                    kind: "Node".to_owned(),
                    namespace: None,
                    name: name.clone(),
                };
                client.merge_patch(&node, &patch, "kubectl").await.map_err(failed)?;
                println!("node/{name} changed");
            }
        }
        Ok(())
    })
}

fn untaint(node: &Value, key: &str) -> Option<Value> {
    let taints = node.pointer("/spec/taints")?.as_array()?;
    let left: Vec<&Value> = taints.iter().filter(|taint| taint["key"] != key).collect();
    (left.len() < taints.len()).then(|| json!({"spec": {"taints": left}}))
}

fn apply(kubeconfig: &str) -> Outcome {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text)
        .map_err(|error| Failure::new(format!("error: error parsing STDIN: {error}")))?;
    block_on(async {
        let client = connect(kubeconfig).await?;
        for object in objects.into_iter().filter(|object| !object.is_null()) {
            client
                .apply(&object, MANAGER)
                .await
                .map_err(|error| Failure::new(format!("error: {error}")))?;
        }
        Ok(())
    })
}
