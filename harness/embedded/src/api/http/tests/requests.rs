//! Requests that are answered at once.

use http::Request;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::params::ValidationDirective;
use kube::discovery::Discovery;
use serde_json::{Value, json};

use super::{cluster, config_map, config_maps, gateway, gateways, object, refused};

#[tokio::test]
async fn created_objects_come_back_with_their_defaults() {
    let (_, client) = cluster();
    let api = gateways(&client);
    let created = api.create(&PostParams::default(), &gateway("web", 80)).await.expect("valid");
    assert_eq!(created.metadata.namespace.as_deref(), Some("apps"));
    assert_eq!(created.metadata.generation, Some(1));
    assert_eq!(created.data["spec"]["listeners"][0]["allowedRoutes"]["namespaces"]["from"], "Same");
    assert_eq!(api.get("web").await.expect("exists"), created);
    let status = refused(api.create(&PostParams::default(), &gateway("web", 80)).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "AlreadyExists"));
}

#[tokio::test]
async fn missing_objects_and_kinds_are_told_apart() {
    let (_, client) = cluster();
    let status = refused(gateways(&client).get("web").await);
    assert_eq!(status.code, 404);
    assert_eq!(status.message, "gateways.gateway.networking.k8s.io \"web\" not found");
    assert_eq!(gateways(&client).get_opt("web").await.expect("an answer"), None);
    let request = Request::get("/apis/example.com/v1/things").body(Vec::new()).expect("a request");
    let status = refused(client.request_text(request).await);
    assert_eq!(status.message, "the server could not find the requested resource");
}

#[tokio::test]
async fn invalid_objects_are_refused_with_a_cause_per_field() {
    let (_, client) = cluster();
    let mut wrong = gateway("web", 0);
    wrong.data["spec"]["listeners"][0]["tls"] = json!({"mode": "Passthrough"});
    let status = refused(gateways(&client).create(&PostParams::default(), &wrong).await);
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    let details = status.details.expect("details");
    assert_eq!((details.name.as_str(), details.kind.as_str()), ("web", "Gateway"));
    let fields: Vec<_> = details.causes.iter().map(|cause| cause.field.as_str()).collect();
    assert_eq!(fields, ["spec.listeners[0].port", "spec.listeners[0].tls"]);
}

#[tokio::test]
async fn unknown_fields_are_refused_when_strict_and_dropped_when_not() {
    let (_, client) = cluster();
    let api = gateways(&client);
    api.create(&PostParams::default(), &gateway("web", 80)).await.expect("valid");
    let patch = json!({"spec": {"hostNetwork": true}});
    let mut params = PatchParams::default();
    let patched = api.patch("web", &params, &Patch::Merge(&patch)).await.expect("dropped");
    assert_eq!(patched.data["spec"].get("hostNetwork"), None);
    params.field_validation = Some(ValidationDirective::Strict);
    let status = refused(api.patch("web", &params, &Patch::Merge(&patch)).await);
    assert_eq!(status.code, 400);
    assert_eq!(status.message, "strict decoding error: unknown field \"spec.hostNetwork\"");
}

#[tokio::test]
async fn applies_conflict_until_forced() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    let (a, b) = (PatchParams::apply("a"), PatchParams::apply("b"));
    let mine = config_map("c", json!({"key": "1", "other": "x"}));
    api.patch("c", &a, &Patch::Apply(&mine)).await.expect("new");
    let same = config_map("c", json!({"key": "1"}));
    api.patch("c", &b, &Patch::Apply(&same)).await.expect("equal values are shared");
    let theirs = config_map("c", json!({"key": "2"}));
    let status = refused(api.patch("c", &b, &Patch::Apply(&theirs)).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        status.message,
        "Apply failed with 1 conflict: conflict with \"a\" using v1: .data.key"
    );
    let causes = status.details.expect("details").causes;
    assert_eq!(
        (causes[0].reason.as_str(), causes[0].field.as_str()),
        ("FieldManagerConflict", ".data.key")
    );
    let forced = api.patch("c", &b.force(), &Patch::Apply(&theirs)).await.expect("forced");
    assert_eq!(forced.data["data"], json!({"key": "2", "other": "x"}));
    let again = api.patch("c", &a, &Patch::Apply(&config_map("c", json!({"other": "x"})))).await;
    assert_eq!(again.expect("no claim on key").data["data"], json!({"key": "2", "other": "x"}));
}

#[tokio::test]
async fn apply_after_a_plain_update_conflicts_with_the_updater() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    let params = PostParams { field_manager: Some("editor".to_owned()), ..PostParams::default() };
    api.create(&params, &config_map("c", json!({"key": "1"}))).await.expect("new");
    let wanted = config_map("c", json!({"key": "2"}));
    let status = refused(api.patch("c", &PatchParams::apply("a"), &Patch::Apply(&wanted)).await);
    assert!(status.message.contains("conflict with \"editor\""), "{}", status.message);
}

#[tokio::test]
async fn patches_change_what_they_say() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    let params = PatchParams::default();
    api.create(&PostParams::default(), &config_map("c", json!({"a": "1", "b": "2"})))
        .await
        .expect("new");
    let merge = Patch::Merge(json!({"data": {"a": null, "c": "3"}}));
    let merged = api.patch("c", &params, &merge).await.expect("merged");
    assert_eq!(merged.data["data"], json!({"b": "2", "c": "3"}));
    let operations = json!([{"op": "test", "path": "/data/b", "value": "2"},
        {"op": "replace", "path": "/data/b", "value": "4"}]);
    let json_patch = |operations: Value| {
        Patch::Json::<()>(serde_json::from_value(operations).expect("a JSON patch"))
    };
    let patched = api.patch("c", &params, &json_patch(operations.clone())).await.expect("fits");
    assert_eq!(patched.data["data"]["b"], "4");
    let status = refused(api.patch("c", &params, &json_patch(operations)).await);
    assert_eq!(status.code, 422, "the test no longer holds");
    let strategic = Patch::Strategic(json!({"data": {"c": null, "d": "5"}}));
    let patched = api.patch("c", &params, &strategic).await.expect("a built-in kind");
    assert_eq!(patched.data["data"], json!({"b": "4", "d": "5"}));
    let web = gateway("web", 80);
    gateways(&client).create(&PostParams::default(), &web).await.expect("valid");
    let strategic = Patch::Strategic(json!({}));
    let status = refused(gateways(&client).patch("web", &params, &strategic).await);
    assert_eq!((status.code, status.reason.as_str()), (415, "UnsupportedMediaType"));
    let rename = Patch::Merge(json!({"metadata": {"name": "d"}}));
    assert_eq!(refused(api.patch("c", &params, &rename).await).code, 422);
    assert_eq!(refused(api.patch("nothing", &params, &merge).await).code, 404);
}

#[tokio::test]
async fn status_patch_changes_the_status_alone() {
    let (_, client) = cluster();
    let api = gateways(&client);
    api.create(&PostParams::default(), &gateway("web", 80)).await.expect("valid");
    let patch = json!({"spec": {"gatewayClassName": "other"}, "metadata": {"labels": {"a": "b"}},
        "status": {"addresses": [{"type": "IPAddress", "value": "10.0.0.1"}]}});
    let params = PatchParams::default();
    let patched = api.patch_status("web", &params, &Patch::Merge(&patch)).await.expect("exists");
    assert_eq!(patched.data["status"]["addresses"][0]["value"], "10.0.0.1");
    assert_eq!(patched.data["spec"]["gatewayClassName"], "cilium");
    assert_eq!(patched.metadata.labels, None);
    assert_eq!(patched.metadata.generation, Some(1));
}

#[tokio::test]
async fn update_needs_the_newest_version_of_a_custom_object() {
    let (_, client) = cluster();
    let api = gateways(&client);
    let params = PostParams::default();
    let created = api.create(&params, &gateway("web", 80)).await.expect("valid");
    let mut newer = created.clone();
    newer.data["spec"]["listeners"][0]["port"] = json!(81);
    let replaced = api.replace("web", &params, &newer).await.expect("based on the newest");
    assert_eq!(replaced.metadata.generation, Some(2));
    let status = refused(api.replace("web", &params, &newer).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    newer.metadata.resource_version = None;
    let status = refused(api.replace("web", &params, &newer).await);
    assert_eq!(status.details.expect("details").causes[0].field, "metadata.resourceVersion");
}

#[tokio::test]
async fn dry_run_answers_and_stores_nothing() {
    let (store, client) = cluster();
    let api = config_maps(&client);
    let before = store.revision();
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let answer = api.create(&params, &config_map("c", json!({"a": "1"}))).await.expect("valid");
    assert_eq!(answer.data["data"]["a"], "1");
    assert_eq!(api.get_opt("c").await.expect("an answer"), None);
    assert_eq!(store.revision(), before);
}

#[tokio::test]
async fn generated_names_differ() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    let unnamed = object(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"generateName": "c-"}}));
    let first = api.create(&PostParams::default(), &unnamed).await.expect("a name is made up");
    let second = api.create(&PostParams::default(), &unnamed).await.expect("and another");
    let name = first.metadata.name.expect("a name");
    assert!(name.starts_with("c-") && name.len() == 7, "{name}");
    assert_ne!(Some(name), second.metadata.name);
    let nameless = object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}));
    assert_eq!(refused(api.create(&PostParams::default(), &nameless).await).code, 422);
}

#[tokio::test]
async fn lists_obey_their_selectors() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    for name in ["a", "b", "c"] {
        api.create(&PostParams::default(), &config_map(name, json!({}))).await.expect("new");
    }
    let names = async |params: ListParams| {
        let list = api.list(&params).await.expect("a list");
        list.items.into_iter().filter_map(|item| item.metadata.name).collect::<Vec<_>>()
    };
    assert_eq!(names(ListParams::default()).await, ["a", "b", "c"]);
    assert_eq!(names(ListParams::default().labels("app in (a,c)")).await, ["a", "c"]);
    assert_eq!(names(ListParams::default().fields("metadata.name=b")).await, ["b"]);
    let status = refused(api.list(&ListParams::default().fields("data.x=y")).await);
    assert_eq!(status.code, 400);
    let status = refused(api.list(&ListParams::default().at("999999")).await);
    assert_eq!((status.code, status.reason.as_str()), (504, "Timeout"));
}

#[tokio::test]
async fn deletion_answers_a_status_or_the_object_that_waits() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    api.create(&PostParams::default(), &config_map("c", json!({}))).await.expect("new");
    let gone = api.delete("c", &DeleteParams::default()).await.expect("exists");
    assert!(gone.is_right(), "a status: {gone:?}");
    let mut held = config_map("h", json!({}));
    held.metadata.finalizers = Some(vec!["example.com/wait".to_owned()]);
    let held = api.create(&PostParams::default(), &held).await.expect("new");
    let stale = DeleteParams::default().preconditions(kube::core::params::Preconditions {
        uid: Some("another".to_owned()),
        resource_version: None,
    });
    assert_eq!(refused(api.delete("h", &stale).await).code, 409);
    let waiting = api.delete("h", &DeleteParams::default()).await.expect("exists");
    let waiting = waiting.left().expect("the object");
    assert!(waiting.metadata.deletion_timestamp.is_some());
    assert_eq!(waiting.metadata.uid, held.metadata.uid);
}

#[tokio::test]
async fn collections_are_deleted_by_selector() {
    let (_, client) = cluster();
    let api = config_maps(&client);
    for name in ["a", "b"] {
        api.create(&PostParams::default(), &config_map(name, json!({}))).await.expect("new");
    }
    let chosen = ListParams::default().labels("app=a");
    api.delete_collection(&DeleteParams::default(), &chosen).await.expect("a list");
    let left = api.list(&ListParams::default()).await.expect("a list").items;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].metadata.name.as_deref(), Some("b"));
}

#[tokio::test]
async fn discovery_finds_every_kind_in_both_forms() {
    let (_, client) = cluster();
    let plain = Discovery::new(client.clone()).run().await.expect("plain discovery");
    let aggregated = Discovery::new(client).run_aggregated().await.expect("aggregated discovery");
    for discovery in [plain, aggregated] {
        for resource in crate::api::resources::all() {
            let gvk = kube::core::GroupVersionKind::gvk(
                resource.group,
                resource.preferred_version(),
                resource.kind,
            );
            let (found, _) = discovery.resolve_gvk(&gvk).expect(resource.kind);
            assert_eq!(found.plural, resource.plural);
        }
    }
}

#[tokio::test]
async fn tables_and_metadata_are_served_on_request() {
    let (_, client) = cluster();
    gateways(&client).create(&PostParams::default(), &gateway("web", 80)).await.expect("valid");
    let get = async |accept: &str, path: &str| -> Value {
        let path = format!("/apis/gateway.networking.k8s.io/v1beta1/namespaces/apps/{path}");
        let request = Request::get(path).header("accept", accept).body(Vec::new());
        let text = client.request_text(request.expect("a request")).await.expect("an answer");
        serde_json::from_str(&text).expect("JSON")
    };
    let table = get("application/json;as=Table;v=v1;g=meta.k8s.io", "gateways").await;
    assert_eq!(table["kind"], "Table");
    let titles: Vec<_> = table["columnDefinitions"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| column["name"].as_str().expect("a title"))
        .collect();
    assert_eq!(titles, ["Name", "Class", "Address", "Programmed", "Age"]);
    let cells = &table["rows"][0]["cells"];
    assert_eq!(
        (&cells[0], &cells[1], &cells[3]),
        (&json!("web"), &json!("cilium"), &json!("Unknown"))
    );
    let metadata =
        get("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "gateways/web").await;
    assert_eq!(metadata["kind"], "PartialObjectMetadata");
    assert_eq!(metadata.get("spec"), None);
    let full = get("application/json", "gateways/web").await;
    assert_eq!(full["apiVersion"], "gateway.networking.k8s.io/v1beta1", "in the version asked for");
}

#[tokio::test]
async fn objects_must_fit_their_path_and_body_its_type() {
    let (_, client) = cluster();
    let post = async |media_type: &str, body: Value| {
        let request = Request::post("/api/v1/namespaces/apps/configmaps")
            .header("content-type", media_type)
            .body(body.to_string().into_bytes());
        refused(client.request_text(request.expect("a request")).await)
    };
    let fitting = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    assert_eq!(post("application/cbor", fitting.clone()).await.code, 415);
    let with = |field: &str, value: Value| {
        let mut object = fitting.clone();
        object[field] = value;
        object
    };
    for wrong in [
        with("kind", json!("Secret")),
        with("apiVersion", json!("v2")),
        with("metadata", json!({"name": "c", "namespace": "other"})),
        json!([]),
    ] {
        let status = post("application/json", wrong.clone()).await;
        assert_eq!(status.code, 400, "{wrong}: {}", status.message);
    }
    let request = Request::post("/api/v1/configmaps").body(b"{}".to_vec()).expect("a request");
    assert_eq!(refused(client.request_text(request).await).code, 405, "a namespace is needed");
}

#[tokio::test]
async fn version_health_and_openapi_are_answered() {
    let (_, client) = cluster();
    assert_eq!(client.apiserver_version().await.expect("a version").major, "1");
    let get = async |path: &str| {
        let request = Request::get(path).body(Vec::new()).expect("a request");
        client.request_text(request).await.expect(path)
    };
    assert_eq!(get("/readyz").await, "ok");
    let index: Value = serde_json::from_str(&get("/openapi/v3").await).expect("JSON");
    let url = &index["paths"]["apis/gateway.networking.k8s.io/v1"]["serverRelativeURL"];
    let document: Value =
        serde_json::from_str(&get(url.as_str().expect("a URL")).await).expect("JSON");
    let path = "/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}";
    let operation = &document["paths"][path]["patch"];
    assert_eq!(operation["x-kubernetes-group-version-kind"]["kind"], "Gateway");
}
