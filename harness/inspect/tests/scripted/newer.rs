//! Releases after those that are known.

use gateproof_core::dossier::Why;
use gateproof_inspect::Options;
use serde_json::json;

use crate::api::Api;

#[tokio::test]
async fn a_kind_that_is_served_in_a_newer_version_alone_is_read() {
    let policies = json!({"items": [{"metadata": {"name": "all"}}]});
    let api = Api::new()
        .serve("cilium.io/v7", "CiliumL2AnnouncementPolicy", "ciliuml2announcementpolicies", false)
        .answer("/apis/cilium.io/v7/ciliuml2announcementpolicies", 200, policies);
    let dossier = api.look(&Options::default()).await;
    assert_eq!(dossier.list("cilium.io", "CiliumL2AnnouncementPolicy").count(), 1);
    let why = |kind: &str| {
        let what = format!("{kind} objects");
        dossier.unread.iter().find(|unread| unread.what == what).map(|unread| unread.why.clone())
    };
    assert_eq!(why("CiliumL2AnnouncementPolicy"), None);
    assert_eq!(why("CiliumNode"), Some(Why::NotServed), "this one is served in no version");
}

#[tokio::test]
async fn objects_without_a_status_and_fields_that_nobody_knows_do_no_harm() {
    let pods = json!({"items": [{"metadata": {"namespace": "kube-system", "name": "cilium-x",
        "labels": {"k8s-app": "cilium"}, "deletionTimestamp": "2026-11-21T02:00:00Z"},
        "spec": {"nodeName": "a", "future": {"x": [1]}}}]});
    let gateways = json!({"items": [{"metadata": {"namespace": "g", "name": "w"}},
        {"metadata": {"namespace": "g", "name": "v"}, "spec": null, "status": null}]});
    let api = Api::new().answer("/api/v1/pods", 200, pods).answer(
        "/apis/gateway.networking.k8s.io/v1/gateways",
        200,
        gateways,
    );
    let dossier = api.look(&Options::default()).await;
    assert_eq!(dossier.list("gateway.networking.k8s.io", "Gateway").count(), 2);
    assert_eq!(dossier.cilium.agents.len(), 1, "the same pod by several labels is one");
    assert_eq!(dossier.cilium.agents[0].started, None);
}
