//! Whether the stack of a cluster's trials fits the Kubernetes that its nodes' image promises: told
//! before anything is created. Pure.
//!
//! What an image does not promise is found out by the installation, which asks the cluster.

use gateproof_core::plan::ClusterPlan;
use gateproof_core::versions::{Asked, choose};

use crate::images::needed::promised;

/// What is known not to work, in words.
///
/// # Errors
///
/// Everything that is known not to work, each with what fits.
pub(crate) fn check(plan: &ClusterPlan, node_image: Option<&str>) -> Result<(), String> {
    let Some(kubernetes) = promised(plan, node_image) else { return Ok(()) };
    for trial in &plan.trials {
        choose(Asked {
            cilium: &trial.cilium,
            gateway_api: &trial.definition.gateway_api,
            cert_manager: trial.definition.cert_manager.as_deref(),
            kubernetes: Some(&kubernetes),
        })
        .map_err(|misfit| format!("{misfit} (Kubernetes as the image of the nodes has it)"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gateproof_core::cluster::ProviderKind;
    use gateproof_core::plan::selection::Selection;
    use gateproof_core::plan::{ClusterPlan, make};
    use gateproof_core::scenario::catalog::load;
    use gateproof_core::source::{Role, SourceTree};

    use super::check;

    fn plan(node_image: &str) -> ClusterPlan {
        let mut files = SourceTree::new();
        let topology = format!(
            "apiVersion: kind.x-k8s.io/v1alpha4
kind: Cluster
networking: {{disableDefaultCNI: true}}
nodes: [{{role: control-plane{node_image}}}]
"
        );
        files.insert(Role::Topology, "clusters/one.yaml", topology);
        files.insert(
            Role::Scenario,
            "a.yaml",
            "apiVersion: gateproof.dev/v1alpha1
kind: Scenario
metadata: {name: a}
spec:
  description: For versions.
  topology: one
  stack:
    cilium: 1.20.2
    values: {kubeProxyReplacement: true, gatewayAPI: {enabled: true}}
  variants: [{name: dedicated}]
  manifests:
  - apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: {name: gateway, namespace: shop}
    spec: {gatewayClassName: cilium, listeners: [{name: http, protocol: HTTP, port: 8080}]}
  checks:
  - gateway: {name: shop/gateway, conditions: {Accepted: true}}
",
        );
        let catalog = load(&files).unwrap_or_else(|problems| panic!("{problems}"));
        let plan = make(&catalog, ProviderKind::Kind, &Selection::default());
        plan.expect("a plan").clusters.remove(0)
    }

    #[test]
    fn a_stack_that_does_not_fit_the_image_of_the_nodes_is_refused() {
        for (in_topology, chosen) in
            [(", image: 'kindest/node:v1.30.4'", None), ("", Some("kindest/node:v1.30.4"))]
        {
            let words = check(&plan(in_topology), chosen).expect_err("too old");
            assert!(
                words.contains("needs Kubernetes 1.31 or later, and this is 1.30.4"),
                "{words}"
            );
        }
    }

    #[test]
    fn what_fits_or_is_not_promised_passes() {
        for (in_topology, chosen) in [
            ("", None),
            (", image: 'kindest/node:v1.36.4'", Some("kindest/node:v1.30.4")),
            ("", Some("our/node:latest")),
        ] {
            check(&plan(in_topology), chosen).expect("nothing stands against it");
        }
    }
}
