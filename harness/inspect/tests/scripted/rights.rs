//! Readers with few rights.

use std::collections::BTreeSet;

use gateproof_core::dossier::Why;
use gateproof_inspect::Options;
use serde_json::json;

use crate::api::{Api, status};

const GATEWAY_API: &str = "/apis/gateway.networking.k8s.io/v1";

/// May list Gateways and routes everywhere, and Services in one namespace.
fn api() -> Api {
    let (code, forbidden) = status(403, "Forbidden");
    let mut api = Api::new();
    for plural in [
        "/api/v1/pods",
        "/api/v1/services",
        "/api/v1/endpoints",
        "/api/v1/events",
        "/api/v1/nodes",
        "/apis/apps/v1/daemonsets",
        "/apis/apps/v1/deployments",
        "/apis/discovery.k8s.io/v1/endpointslices",
        "/apis/cilium.io/v2/ciliumenvoyconfigs",
    ] {
        api = api.answer(plural, code, forbidden.clone());
        let (root, kind) = plural.rsplit_once('/').expect("a path");
        for namespace in
            ["apps", "gateway", "kube-system", "cilium", "cilium-system", "cert-manager"]
        {
            if (namespace, kind) != ("apps", "services") {
                let path = format!("{root}/namespaces/{namespace}/{kind}");
                api = api.answer(&path, code, forbidden.clone());
            }
        }
    }
    let object =
        |namespace: &str| json!({"items": [{"metadata": {"namespace": namespace, "name": "x"}}]});
    api.answer(&format!("{GATEWAY_API}/gateways"), 200, object("gateway"))
        .answer(&format!("{GATEWAY_API}/httproutes"), 200, object("apps"))
        .answer("/api/v1/namespaces/apps/services", 200, object("apps"))
}

#[tokio::test]
async fn what_is_refused_everywhere_is_looked_for_where_gateways_and_cilium_are() {
    let api = api();
    let dossier = api.look(&Options::default()).await;
    assert_eq!(dossier.list("", "Service").count(), 1, "the one that may be seen");
    let why = Why::Forbidden("list services in namespace gateway".to_owned());
    assert!(dossier.unread.iter().any(|unread| unread.why == why), "{:?}", dossier.unread);

    let asked = api.asked();
    let lists = |part: &str| asked.iter().filter(|path| path.contains(part)).count();
    let once: BTreeSet<&String> = asked.iter().collect();
    assert_eq!(once.len(), asked.len(), "nothing is asked for twice: {asked:#?}");
    assert_eq!(lists("/endpointslices"), 3, "everywhere, and where Gateways and routes are");
    assert_eq!(lists("/events"), 3, "in one form each");
    assert_eq!(lists("namespaces/kube-system/services"), 0, "no Gateway is there");
    assert_eq!(lists("namespaces/gateway/daemonsets"), 0, "no component is there");
    assert_eq!(lists("namespaces/kube-system/daemonsets"), 1);
}

#[tokio::test]
async fn gateways_are_looked_for_where_the_user_says_they_are() {
    let (code, forbidden) = status(403, "Forbidden");
    let there = json!({"items": [{"metadata": {"namespace": "mine", "name": "x"}}]});
    let api = api().answer(&format!("{GATEWAY_API}/gateways"), code, forbidden).answer(
        &format!("{GATEWAY_API}/namespaces/mine/gateways"),
        200,
        there,
    );
    let options = Options { namespaces: vec!["mine".to_owned()], ..Options::default() };
    let dossier = api.look(&options).await;
    assert_eq!(dossier.list("gateway.networking.k8s.io", "Gateway").count(), 1);
}
