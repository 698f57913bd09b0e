use k8s_openapi::ByteString;
use serde_json::json;

use crate::memory_api::{MemoryApi, status};

use super::*;

const SECRET: KindRef = KindRef::new("", "Secret", &["v1"]);
const ROUTE: KindRef = KindRef::new("gateway.networking.k8s.io", "HTTPRoute", &["v1", "v1beta1"]);
const GRANT: KindRef =
    KindRef::new("gateway.networking.k8s.io", "ReferenceGrant", &["v1", "v1beta1"]);

fn route(version: &str) -> Value {
    json!({"apiVersion": format!("gateway.networking.k8s.io/{version}"), "kind": "HTTPRoute",
        "metadata": {"namespace": "a", "name": "x"}})
}

#[tokio::test]
async fn kinds_that_are_not_served_are_reported_and_not_missed() {
    let api = MemoryApi::new();
    api.put("/apis/gateway.networking.k8s.io/v1/namespaces/a/httproutes/x", route("v1"));
    let snapshot = api.client().snapshot(&[GRANT, ROUTE]).await.unwrap();
    assert_eq!(snapshot.objects, [route("v1")]);
    assert_eq!(snapshot.not_served, [GRANT]);
}

#[tokio::test]
async fn kind_served_in_two_versions_is_read_once() {
    let api = MemoryApi::new();
    api.serve("gateway.networking.k8s.io/v1beta1", "HTTPRoute", "httproutes", true);
    api.put("/apis/gateway.networking.k8s.io/v1/namespaces/a/httproutes/x", route("v1"));
    api.put("/apis/gateway.networking.k8s.io/v1beta1/namespaces/a/httproutes/x", route("v1beta1"));
    let snapshot = api.client().snapshot(&[ROUTE]).await.unwrap();
    assert_eq!(snapshot.objects, [route("v1")]);
}

#[tokio::test]
async fn kind_served_only_in_an_older_version_is_read_there() {
    let api = MemoryApi::empty();
    api.serve("gateway.networking.k8s.io/v1beta1", "HTTPRoute", "httproutes", true);
    api.put("/apis/gateway.networking.k8s.io/v1beta1/namespaces/a/httproutes/x", route("v1beta1"));
    let snapshot = api.client().snapshot(&[ROUTE]).await.unwrap();
    assert_eq!(snapshot.objects, [route("v1beta1")]);
}

#[tokio::test]
async fn kind_that_may_not_be_read_is_an_error_and_not_a_hole() {
    let api = MemoryApi::new();
    api.answer("GET /api/v1/secrets", 403, status(403, "Forbidden", "not yours", &[]));
    let error = api.client().snapshot(&[SECRET]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to list all Secret objects (v1): not yours (Forbidden, HTTP 403)"
    );
}

#[tokio::test]
async fn secrets_leave_without_their_secrets() {
    let api = MemoryApi::new();
    let password = serde_json::to_value(ByteString(b"hunter2".to_vec())).unwrap();
    api.put(
        "/api/v1/namespaces/a/secrets/x",
        json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"namespace": "a", "name": "x"}, "data": {"password": password}}),
    );
    let snapshot = api.client().snapshot(&[SECRET]).await.unwrap();
    assert_eq!(snapshot.objects.len(), 1);
    assert_ne!(snapshot.objects[0]["data"]["password"], password);
    assert_eq!(snapshot.objects[0]["type"], "Opaque");
}

#[test]
fn every_kind_of_the_reference_is_listed_once_with_a_version() {
    let mut kinds: Vec<_> = REFERENCE_KINDS.iter().map(|kind| (kind.group, kind.kind)).collect();
    kinds.sort_unstable();
    let before = kinds.len();
    kinds.dedup();
    assert_eq!(kinds.len(), before);
    assert!(REFERENCE_KINDS.iter().all(|kind| !kind.versions.is_empty()));
}
