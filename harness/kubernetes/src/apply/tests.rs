use crate::memory_api::{MemoryApi, status};

use super::*;

const CRD_PATH: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.test";

fn options() -> ApplyOptions {
    ApplyOptions {
        manager: "gateproof".to_owned(),
        run: "run-1".to_owned(),
        definitions_within: Duration::from_secs(30),
    }
}

fn manifest(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Manifest {
    let mut metadata = json!({"name": name});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    Manifest {
        origin: format!("scenarios/x.yaml:{}", name.len()),
        object: json!({"apiVersion": api_version, "kind": kind, "metadata": metadata}),
    }
}

fn route(name: &str) -> Manifest {
    manifest("gateway.networking.k8s.io/v1", "HTTPRoute", Some("apps"), name)
}

fn definition(established: &str) -> Manifest {
    let mut manifest = manifest(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        None,
        "things.example.test",
    );
    manifest.object["spec"] = json!({"group": "example.test", "names": {"kind": "Thing"},
        "versions": [{"name": "v1", "served": true}, {"name": "v0", "served": false}]});
    manifest.object["status"] =
        json!({"conditions": [{"type": "Established", "status": established}]});
    manifest
}

fn last_parts(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.rsplit('/').next()).collect()
}

#[tokio::test]
async fn objects_are_applied_in_the_order_of_their_dependencies() {
    let api = MemoryApi::new();
    api.serve("apps/v1", "Deployment", "deployments", true);
    let gateway = "gateway.networking.k8s.io/v1";
    let manifests = [
        manifest("apps/v1", "Deployment", Some("apps"), "deployment"),
        route("route"),
        manifest(gateway, "Gateway", Some("apps"), "gateway"),
        manifest("v1", "Service", Some("apps"), "service-b"),
        manifest("v1", "Service", Some("apps"), "service-a"),
        manifest("v1", "Secret", Some("apps"), "secret"),
        manifest(gateway, "GatewayClass", None, "class"),
        manifest("v1", "Namespace", None, "apps"),
    ];
    let applied = api.client().apply_all(&manifests, &options()).await.unwrap();
    let expected =
        ["apps", "class", "secret", "service-b", "service-a", "gateway", "route", "deployment"];
    assert_eq!(last_parts(&api.writes()), expected);
    assert_eq!(applied.len(), expected.len());
}

#[tokio::test]
async fn missing_namespace_is_created_once_with_the_label_of_the_run() {
    let api = MemoryApi::new();
    api.client().apply_all(&[route("a"), route("b")], &options()).await.unwrap();
    assert_eq!(api.writes()[0], "POST /api/v1/namespaces");
    assert_eq!(last_parts(&api.writes()), ["namespaces", "a", "b"]);
    let namespace = api.object("/api/v1/namespaces/apps").unwrap();
    assert_eq!(namespace["metadata"]["labels"], json!({"gateproof.dev/run": "run-1"}));
}

#[tokio::test]
async fn namespace_that_exists_is_left_as_it_is() {
    let api = MemoryApi::new();
    let theirs = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    api.put("/api/v1/namespaces/apps", theirs.clone());
    api.client().apply_all(&[route("a")], &options()).await.unwrap();
    assert_eq!(api.object("/api/v1/namespaces/apps"), Some(theirs));
}

#[tokio::test]
async fn namespace_that_appears_meanwhile_is_no_failure_and_a_refused_one_is() {
    for (reason, code, fine) in [("AlreadyExists", 409, true), ("Forbidden", 403, false)] {
        let api = MemoryApi::new();
        api.answer("POST /api/v1/namespaces", code, status(code, reason, "no", &[]));
        let outcome = api.client().apply_all(&[route("a")], &options()).await;
        assert_eq!(outcome.is_ok(), fine, "{reason}: {outcome:?}");
    }
}

#[tokio::test]
async fn object_without_namespaces_gets_none_created() {
    let api = MemoryApi::new();
    let class = manifest("gateway.networking.k8s.io/v1", "GatewayClass", Some("apps"), "c");
    api.client().apply_all(&[class], &options()).await.unwrap();
    assert_eq!(last_parts(&api.writes()), ["c"]);
}

#[tokio::test]
async fn all_problems_of_a_stage_are_told_and_later_stages_are_not_begun() {
    let api = MemoryApi::new();
    for name in ["s", "tt"] {
        let line = format!("PATCH /api/v1/namespaces/apps/services/{name}");
        api.answer(&line, 422, status(422, "Invalid", "", &[("spec.ports", "Required value")]));
    }
    let manifests = [
        route("route"),
        manifest("v1", "Service", Some("apps"), "s"),
        manifest("v1", "Service", Some("apps"), "tt"),
        manifest("v1", "Service", Some("apps"), "uuu"),
    ];
    let error = api.client().apply_all(&manifests, &options()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to apply Service apps/s (scenarios/x.yaml:1): spec.ports: Required value \
         (Invalid, HTTP 422)\n\
         failed to apply Service apps/tt (scenarios/x.yaml:2): spec.ports: Required value \
         (Invalid, HTTP 422)"
    );
    assert_eq!(last_parts(&api.writes()), ["namespaces", "s", "tt", "uuu"]);
}

#[tokio::test]
async fn object_of_a_kind_in_the_same_set_waits_until_it_is_served() {
    let api = MemoryApi::new();
    api.serve(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    );
    let manifests =
        [manifest("example.test/v1", "Thing", Some("apps"), "thing"), definition("False")];
    let client = api.client();
    let options = options();
    let (applied, ()) = tokio::join!(client.apply_all(&manifests, &options), async {
        // The definition is established only after somebody has begun to watch it.
        while api.watchers() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(last_parts(&api.writes()), ["things.example.test"]);
        api.serve("example.test/v1", "Thing", "things", true);
        api.put(CRD_PATH, definition("True").object);
    });
    assert_eq!(applied.unwrap().len(), 2);
    assert!(api.object("/apis/example.test/v1/namespaces/apps/things/thing").is_some());
}

#[tokio::test]
async fn definition_that_never_takes_effect_is_named_with_what_was_missing() {
    let api = MemoryApi::new();
    api.serve(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    );
    let mut options = options();
    options.definitions_within = Duration::from_millis(20);
    let client = api.client();
    let error = client.apply_all(&[definition("True")], &options).await.unwrap_err().to_string();
    assert!(
        error.starts_with("CustomResourceDefinition things.example.test (scenarios/x.yaml:19)")
            && error.ends_with("discovery does not list Thing in example.test/v1"),
        "{error}"
    );
}

#[tokio::test]
async fn definition_whose_names_are_taken_is_given_up_at_once() {
    let api = MemoryApi::new();
    api.serve(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    );
    let mut taken = definition("False");
    taken.object["status"]["conditions"] = json!([{"type": "NamesAccepted", "status": "False",
        "reason": "PluralConflict", "message": "\"things\" is already in use"}]);
    let error = api.client().apply_all(&[taken], &options()).await.unwrap_err();
    let ApplyAllError::NotServed { cause: WaitError::Never { why }, .. } = &error else {
        panic!("{error}")
    };
    assert!(why.contains("already in use"), "{why}");
}
