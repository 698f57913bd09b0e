//! What a dossier of a running cluster holds.

use gateproof_core::dossier::{Found, Hop, Why};
use gateproof_inspect::{Options, live};
use gateproof_kubernetes::Cluster;

use crate::bed::{cluster, dedicated};

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_cluster_is_known_from_its_nodes_to_its_certificates() {
    let cluster = cluster(dedicated(), Vec::new()).await;
    let dossier = live(&cluster.client(), &Options::default()).await;

    let nodes: Vec<&str> = dossier.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(nodes, ["control-plane", "worker"]);
    assert_eq!(dossier.list("gateway.networking.k8s.io", "Gateway").count(), 1);
    assert_eq!(dossier.list("cilium.io", "CiliumEnvoyConfig").count(), 1);
    let version = dossier.versions.cilium.as_ref().map(ToString::to_string);
    assert_eq!(version.as_deref(), Some("1.18.10"));
    assert_eq!(dossier.cilium.config, Some(dedicated()), "{:?}", dossier.cilium.config_map);

    let hops: Vec<(&Hop, &Found)> =
        dossier.certificates.iter().map(|at| (&at.hop, &at.found)).collect();
    let chain = |found: &Found| match found {
        Found::Chain(chain) => chain.first().map(|leaf| leaf.sha256.clone()),
        _ => None,
    };
    assert_eq!(hops.len(), 3, "{hops:#?}");
    assert!(matches!(hops[0], (Hop::Certificate(_), Found::Chain(_))), "{hops:#?}");
    let leaf = chain(hops[1].1).expect("a chain in the Secret");
    assert_eq!(chain(hops[2].1), Some(leaf), "the copy is the same: {hops:#?}");

    let failed: Vec<_> =
        dossier.unread.iter().filter(|unread| !matches!(unread.why, Why::NotServed)).collect();
    assert_eq!(failed, Vec::<&gateproof_core::dossier::Unread>::new());
}
