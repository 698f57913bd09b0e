//! Large lists.

use gateproof_core::dossier::Why;
use gateproof_inspect::Options;
use serde_json::{Value, json};

use crate::api::{Api, status};

const SERVICES: &str = "/api/v1/services";

fn page(from: usize, to: usize, next: &str) -> Value {
    let items: Vec<Value> = (from..to)
        .map(|index| json!({"metadata": {"namespace": "apps", "name": format!("s{index}")}}))
        .collect();
    json!({"metadata": {"continue": next}, "items": items})
}

#[tokio::test]
async fn a_large_list_is_read_page_by_page() {
    let api = Api::new()
        .answer(&format!("{SERVICES}?&limit=500"), 200, page(0, 500, "two"))
        .answer(&format!("{SERVICES}?&limit=500&continue=two"), 200, page(500, 700, ""));
    let dossier = api.look(&Options::default()).await;
    assert_eq!(dossier.list("", "Service").count(), 700, "{:?}", api.asked());
}

#[tokio::test]
async fn a_list_whose_place_the_api_forgot_is_read_anew_and_whole() {
    let (code, expired) = status(410, "Expired");
    let api = Api::new()
        .answer(SERVICES, 200, page(0, 640, ""))
        .answer(&format!("{SERVICES}?&limit=500"), 200, page(0, 500, "two"))
        .answer(&format!("{SERVICES}?&limit=500&continue=two"), code, expired);
    let dossier = api.look(&Options::default()).await;
    assert_eq!(dossier.list("", "Service").count(), 640, "{:?}", api.asked());
    let told = dossier.unread.iter().any(|unread| unread.what == "Service objects");
    assert!(!told, "{:?}", dossier.unread);
}

#[tokio::test]
async fn a_kind_that_fails_alone_is_told_and_hurts_no_other() {
    let (code, down) = status(503, "ServiceUnavailable");
    let api = Api::new()
        .answer(SERVICES, 200, page(0, 3, ""))
        .answer("/apis/cilium.io/v2/ciliumenvoyconfigs", code, down.clone())
        .answer("/apis/metrics.k8s.io/v1beta1", code, down);
    let dossier = api.look(&Options::default()).await;
    assert_eq!(dossier.list("", "Service").count(), 3);
    let failed: Vec<&str> = dossier
        .unread
        .iter()
        .filter(|unread| matches!(unread.why, Why::Failed(_)))
        .map(|unread| unread.what.as_str())
        .collect();
    assert_eq!(failed, ["CiliumEnvoyConfig objects"]);
    let tries = api.asked().iter().filter(|asked| asked.contains("ciliumenvoyconfigs?")).count();
    assert!((5..=12).contains(&tries), "a few times, and then no more: {tries}");
}
