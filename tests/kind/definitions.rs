//! A manifest of the Gateway API's definitions, made of those that an embedded cluster serves: no
//! file of the project itself is kept here, and nothing is fetched.

use std::path::Path;

use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_embedded::EmbeddedProvider;
use gateproof_kubernetes::Cluster;
use serde_json::{Value, json};

const GROUP: &str = "gateway.networking.k8s.io";

/// Writes the manifest; the definitions say that they are of the standard channel.
pub(crate) async fn write(path: &Path, mut shape: ClusterPlan) -> Result<(), String> {
    shape.name = ClusterName::new("definitions");
    let cluster = EmbeddedProvider::new().start(&shape).await.map_err(|error| error.to_string())?;
    let all = cluster
        .client()
        .list("apiextensions.k8s.io/v1", "CustomResourceDefinition", None)
        .await
        .map_err(|error| error.to_string())?;
    let documents: Vec<String> = all
        .iter()
        .filter(|one| one["spec"]["group"] == GROUP)
        .map(|one| as_released(one).to_string())
        .collect();
    cluster.teardown().await.map_err(|error| error.to_string())?;
    std::fs::write(path, documents.join("\n---\n")).map_err(|error| error.to_string())
}

/// A definition without what an API server added.
fn as_released(definition: &Value) -> Value {
    let mut annotations = definition["metadata"]["annotations"].clone();
    annotations[format!("{GROUP}/channel")] = "standard".into();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition["metadata"]["name"], "annotations": annotations},
        "spec": definition["spec"],
    })
}
