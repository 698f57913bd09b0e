//! Single objects over the API in memory: paths, field managers, refusals, discovery.

use gateproof_core::scenario::ObjectRef;
use serde_json::json;

use crate::error::Cause;
use crate::memory_api::{MemoryApi, status};
use crate::object::Deleted;

use super::*;

const GATEWAY_PATH: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/apps/gateways/web";

fn gateway() -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"namespace": "apps", "name": "web"}})
}

fn object(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    }
}

fn web() -> ObjectRef {
    object("gateway.networking.k8s.io/v1", "Gateway", Some("apps"), "web")
}

#[tokio::test]
async fn apply_is_a_forced_strict_server_side_apply_at_the_discovered_path() {
    let api = MemoryApi::new();
    api.client().apply(&gateway(), "gateproof").await.unwrap();
    let seen = api.seen().pop().unwrap();
    assert_eq!(seen.line, format!("PATCH {GATEWAY_PATH}"));
    assert_eq!(seen.content_type, "application/apply-patch+yaml");
    for part in ["fieldManager=gateproof", "force=true", "fieldValidation=Strict"] {
        assert!(seen.query.contains(part), "{part} in {}", seen.query);
    }
    assert_eq!(seen.body, gateway());
}

#[tokio::test]
async fn namespace_is_ignored_where_the_kind_has_none_and_defaulted_where_it_has_one() {
    let api = MemoryApi::new();
    let client = api.client();
    for (kind, given, path) in [
        ("Node", Some("apps"), "/api/v1/nodes/x"),
        ("Service", None, "/api/v1/namespaces/default/services/x"),
        ("Service", Some("apps"), "/api/v1/namespaces/apps/services/x"),
    ] {
        assert_eq!(client.get(&object("v1", kind, given, "x")).await.unwrap(), None);
        assert_eq!(api.seen().pop().unwrap().line, format!("GET {path}"));
    }
}

#[tokio::test]
async fn discovery_is_asked_once_for_each_group_and_version() {
    let api = MemoryApi::new();
    let client = api.client();
    for kind in ["Service", "Secret", "Service"] {
        client.get(&object("v1", kind, Some("a"), "x")).await.unwrap();
    }
    let asked = api.seen().iter().filter(|seen| seen.line == "GET /api/v1").count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn kind_that_is_installed_later_is_found_without_a_new_client() {
    let api = MemoryApi::new();
    let client = api.client();
    let certificate = object("cert-manager.io/v1", "Certificate", Some("a"), "x");
    let error = client.get(&certificate).await.unwrap_err();
    assert!(matches!(error.cause, Cause::NotServed { .. }), "{error}");
    api.serve("cert-manager.io/v1", "Certificate", "certificates", true);
    assert_eq!(client.get(&certificate).await.unwrap(), None);
}

#[tokio::test]
async fn kind_whose_definition_went_away_is_not_served_rather_than_absent() {
    let api = MemoryApi::new();
    let client = api.client();
    assert_eq!(client.get(&web()).await.unwrap(), None);
    api.stop_serving("gateway.networking.k8s.io/v1");
    let gone = status(404, "NotFound", "the server could not find the requested resource", &[]);
    api.answer(&format!("GET {GATEWAY_PATH}"), 404, gone);
    let error = client.get(&web()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to read Gateway apps/web: the cluster serves no kind Gateway in \
         gateway.networking.k8s.io/v1; is its CustomResourceDefinition installed, in this version?"
    );
}

#[tokio::test]
async fn path_that_discovery_promises_and_the_server_does_not_know_is_no_absence() {
    let api = MemoryApi::new();
    api.answer(&format!("GET {GATEWAY_PATH}"), 404, json!("404 page not found"));
    api.answer(&format!("DELETE {GATEWAY_PATH}"), 404, json!("404 page not found"));
    let error = api.client().get(&web()).await.unwrap_err();
    assert!(error.to_string().contains("404 page not found"), "{error}");
    assert!(
        api.client().delete(&web()).await.is_err(),
        "nothing was looked at, so nothing is known"
    );
}

#[tokio::test]
async fn refused_object_is_told_with_the_paths_of_its_fields() {
    let api = MemoryApi::new();
    let causes = [("spec.listeners[0].port", "Invalid value: 70000"), ("spec.x", "Required value")];
    api.answer(
        &format!("PATCH {GATEWAY_PATH}"),
        422,
        status(422, "Invalid", "Gateway \"web\" is invalid: [long]", &causes),
    );
    let error = api.client().apply(&gateway(), "gateproof").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to apply Gateway apps/web: spec.listeners[0].port: Invalid value: 70000; \
         spec.x: Required value (Invalid, HTTP 422)"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn overloaded_server_is_transient_and_refusal_is_not() {
    let api = MemoryApi::new();
    let line = format!("GET {GATEWAY_PATH}");
    api.answer(&line, 503, status(503, "ServiceUnavailable", "starting", &[]));
    api.answer(&line, 403, status(403, "Forbidden", "not yours", &[]));
    let client = api.client();
    assert!(client.get(&web()).await.unwrap_err().is_transient());
    assert!(!client.get(&web()).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn value_that_is_no_named_object_is_told_without_a_request() {
    let api = MemoryApi::new();
    let cases = [
        (json!({}), "failed to apply a document: it has no `apiVersion`"),
        (
            json!({"apiVersion": "v1", "kind": "Secret"}),
            "failed to apply a Secret: it has no `metadata.name`",
        ),
    ];
    for (value, expected) in cases {
        let error = api.client().apply(&value, "gateproof").await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn name_that_leads_to_another_path_is_refused() {
    let api = MemoryApi::new();
    for name in ["../secrets/x", "a/b", "", "..", "a?b"] {
        let error = api.client().get(&object("v1", "Service", Some("a"), name)).await.unwrap_err();
        assert!(matches!(error.cause, Cause::NotAnObject(_)), "{name}: {error}");
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn listed_objects_carry_their_kind_and_are_sorted() {
    let api = MemoryApi::new();
    for (namespace, name) in [("b", "a"), ("a", "z"), ("a", "b")] {
        api.put(
            &format!("/api/v1/namespaces/{namespace}/services/{name}"),
            json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"namespace": namespace, "name": name}}),
        );
    }
    let list = api.client().list("v1", "Service", None).await.unwrap();
    let names: Vec<_> = list
        .iter()
        .map(|item| format!("{}/{}", item["metadata"]["namespace"], item["metadata"]["name"]))
        .collect();
    assert_eq!(names, [r#""a"/"b""#, r#""a"/"z""#, r#""b"/"a""#]);
    assert!(list.iter().all(|item| item["kind"] == "Service" && item["apiVersion"] == "v1"));
    let list = api.client().list("v1", "Service", Some("b")).await.unwrap();
    assert_eq!(list.len(), 1);
}

#[tokio::test]
async fn answer_that_is_no_list_is_an_error_and_not_an_empty_list() {
    let api = MemoryApi::new();
    api.answer("GET /api/v1/services", 200, json!({"kind": "ServiceList"}));
    let error = api.client().list("v1", "Service", None).await.unwrap_err();
    assert!(error.to_string().contains("no `items`"), "{error}");
}

#[tokio::test]
async fn merge_patch_is_sent_as_one_and_absence_is_told() {
    let api = MemoryApi::new();
    let client = api.client();
    client.merge_patch(&web(), &json!({"spec": {"a": null}}), "gateproof").await.unwrap();
    let seen = api.seen().pop().unwrap();
    assert_eq!(seen.content_type, "application/merge-patch+json");
    assert_eq!(seen.body, json!({"spec": {"a": null}}));
    let absent = status(404, "NotFound", "gateways \"web\" not found", &[]);
    api.answer(&format!("PATCH {GATEWAY_PATH}"), 404, absent);
    let error = client.merge_patch(&web(), &json!({}), "gateproof").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to patch Gateway apps/web: gateways \"web\" not found (NotFound, HTTP 404)"
    );
}

#[tokio::test]
async fn deleting_says_whether_there_was_anything() {
    let api = MemoryApi::new();
    let client = api.client();
    client.apply(&gateway(), "gateproof").await.unwrap();
    assert_eq!(client.delete(&web()).await.unwrap(), Deleted::Accepted);
    assert_eq!(client.delete(&web()).await.unwrap(), Deleted::WasAbsent);
}

#[tokio::test]
async fn kubeconfig_without_the_context_is_told_with_its_place() {
    let file = std::env::temp_dir().join("gateproof-no-such-kubeconfig");
    let error = Client::from_kubeconfig(Some(&file), Some("prod")).await.err().unwrap();
    let words = error.to_string();
    assert!(words.contains("gateproof-no-such-kubeconfig") && words.contains("`prod`"), "{words}");
}

#[test]
fn requests_can_be_made_from_any_task() {
    fn assert_send(_: impl Send) {}
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let client = MemoryApi::new().client();
    let (reference, value) = (web(), gateway());
    assert_send(client.get(&reference));
    assert_send(client.apply(&value, "gateproof"));
    assert_send(client.list("v1", "Service", None));
}
