//! The store as controllers use it.

#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{Applied, Outcome, Part, Store};
use crate::api::clock::Clock;
use crate::api::error::{ApiError, Reason};
use crate::api::object::ObjectName;
use crate::api::resources::Kind;

/// A clock that moves by a second each time it is read.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> String {
        let seconds = self.0.fetch_add(1, Ordering::Relaxed);
        format!("2026-01-01T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

fn store() -> Store {
    let store = Store::new(Arc::new(Ticking::default()));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    store.create("test", namespace).expect("a namespace needs nothing");
    store
}

fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "apps"}, "data": data})
}

fn gateway(listeners: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "web", "namespace": "apps"},
        "spec": {"gatewayClassName": "cilium", "listeners": listeners}})
}

fn http(name: &str, port: u16) -> Value {
    json!({"name": name, "port": port, "protocol": "HTTP"})
}

fn named(kind: &str, name: &str) -> (Kind, ObjectName) {
    (Kind::core(kind), ObjectName::namespaced("apps", name))
}

fn apply(store: &Store, manager: &str, object: Value) -> Applied {
    store.apply(manager, object, Part::Whole).expect("the object is valid")
}

fn refused(result: Result<Applied, ApiError>) -> ApiError {
    result.expect_err("the write must be refused")
}

#[test]
fn applying_the_same_object_again_changes_nothing() {
    let store = store();
    let object = gateway(json!([http("http", 80)]));
    let first = apply(&store, "a", object.clone());
    assert_eq!(first.outcome, Outcome::Created);
    let revision = store.revision();
    let second = apply(&store, "a", object);
    assert_eq!(second.outcome, Outcome::Unchanged);
    assert_eq!(second.object, first.object, "even the time in managedFields stays");
    assert_eq!(store.revision(), revision, "no revision is used up");
}

#[test]
fn a_new_object_gets_its_identity_from_the_server() {
    let store = store();
    let mut object = config_map("c", json!({}));
    object["metadata"]["uid"] = json!("mine");
    object["metadata"]["generation"] = json!(7);
    let object = apply(&store, "a", object).object;
    let metadata = &object["metadata"];
    assert_eq!(metadata["uid"].as_str().map(str::len), Some(36), "{metadata}");
    assert_eq!(metadata["resourceVersion"], store.revision().to_string());
    assert_eq!(metadata.get("generation"), None, "a ConfigMap has no generation");
    assert!(metadata["creationTimestamp"].as_str().is_some_and(|time| time.starts_with("2026-")));
}

#[test]
fn generation_counts_changes_of_the_spec_only() {
    let store = store();
    let generation = |applied: Applied| applied.object["metadata"]["generation"].clone();
    assert_eq!(generation(apply(&store, "a", gateway(json!([http("http", 80)])))), 1);
    let mut labelled = gateway(json!([http("http", 80)]));
    labelled["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(generation(apply(&store, "a", labelled)), 1, "metadata does not count");
    let mut status = gateway(json!([]));
    status["status"] = json!({"addresses": [{"type": "IPAddress", "value": "10.0.0.1"}]});
    let applied = store.apply("b", status, Part::Status).expect("the Gateway exists");
    assert_eq!(applied.outcome, Outcome::Changed);
    assert_eq!(applied.object["spec"]["listeners"][0]["name"], "http", "a status is only a status");
    assert_eq!(generation(applied), 1, "status does not count");
    assert_eq!(generation(apply(&store, "a", gateway(json!([http("http", 81)])))), 2);
}

#[test]
fn whole_writes_cannot_touch_a_separate_status_and_ordinary_status_has_no_subresource() {
    let store = store();
    let mut object = gateway(json!([http("http", 80)]));
    object["status"] = json!({"addresses": []});
    let created = store.create("a", object).expect("valid").object;
    assert_eq!(
        created["status"]["conditions"][0]["reason"], "Pending",
        "only the default is there"
    );
    assert_eq!(created["status"].get("addresses"), None);
    let error = refused(store.apply("a", config_map("c", json!({})), Part::Status));
    assert_eq!(error.reason, Reason::NotFound);
}

#[test]
fn status_of_a_missing_object_is_refused() {
    let mut object = gateway(json!([http("http", 80)]));
    object["status"] = json!({});
    let error = refused(store().apply("a", object, Part::Status));
    assert_eq!(error.message, "gateways.gateway.networking.k8s.io \"web\" not found");
}

#[test]
fn conditions_of_several_managers_live_side_by_side_and_replace_the_defaults() {
    let store = store();
    apply(&store, "user", gateway(json!([http("http", 80)])));
    let condition = |kind: &str| {
        let mut object = gateway(json!([]));
        object["status"] = json!({"conditions": [{"type": kind, "status": "True", "reason": kind,
            "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
        object
    };
    store.apply("a", condition("Accepted"), Part::Status).expect("exists");
    let object = store.apply("b", condition("Mine"), Part::Status).expect("exists").object;
    let seen: Vec<_> = object["status"]["conditions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| format!("{}={}", one["type"], one["status"]).replace('"', ""))
        .collect();
    assert_eq!(seen, ["Accepted=True", "Programmed=Unknown", "Mine=True"]);
}

#[test]
fn fields_a_manager_stops_applying_go_and_those_of_others_stay() {
    let store = store();
    apply(&store, "a", gateway(json!([http("one", 80), http("two", 81)])));
    apply(&store, "b", gateway(json!([http("three", 82)])));
    let object = apply(&store, "a", gateway(json!([http("two", 81)]))).object;
    let names: Vec<_> = object["spec"]["listeners"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|listener| listener["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["two", "three"]);
}

#[test]
fn a_field_two_managers_apply_goes_with_the_last_of_them() {
    let store = store();
    let both = || config_map("c", json!({"shared": "1"}));
    apply(&store, "a", both());
    apply(&store, "b", both());
    let object = apply(&store, "a", config_map("c", json!({}))).object;
    assert_eq!(object["data"]["shared"], "1", "b still applies it");
    let object = apply(&store, "b", config_map("c", json!({}))).object;
    assert_eq!(object["data"].get("shared"), None);
}

#[test]
fn rules_of_the_gateway_api_are_enforced_with_their_fields() {
    let store = store();
    let mut listener = http("http", 80);
    listener["tls"] = json!({"mode": "Passthrough"});
    let error = refused(store.apply("a", gateway(json!([listener])), Part::Whole));
    assert_eq!(error.reason, Reason::Invalid);
    assert_eq!(error.causes[0].field, "spec.listeners[0].tls");
    assert!(
        error.message.starts_with(
            "Gateway.gateway.networking.k8s.io \"web\" is invalid: spec.listeners[0].tls: \
             Invalid value: {\"mode\":\"Passthrough\"}: expected "
        ),
        "{error}"
    );
    let error = refused(store.create("a", gateway(json!([http("http", 0)]))));
    assert_eq!(error.causes[0].field, "spec.listeners[0].port");
    assert_eq!(
        store.get(
            &Kind::of(&gateway(json!([]))).expect("a kind"),
            &ObjectName::namespaced("apps", "web")
        ),
        None,
        "nothing was stored"
    );
}

#[test]
fn a_list_with_the_same_key_twice_cannot_be_applied() {
    let object = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "s", "namespace": "apps"},
        "spec": {"ports": [{"port": 80}, {"port": 80, "protocol": "TCP"}]}});
    let error = refused(store().apply("a", object, Part::Whole));
    assert_eq!(error.reason, Reason::BadRequest);
    assert!(
        error.message.contains("duplicate entries for key [port=80,protocol=\"TCP\"]"),
        "{error}"
    );
}

#[test]
fn an_object_needs_its_namespace() {
    let mut object = config_map("c", json!({}));
    object["metadata"]["namespace"] = json!("nowhere");
    let error = refused(store().create("a", object));
    assert_eq!(error.reason, Reason::NotFound);
    assert_eq!(error.message, "namespaces \"nowhere\" not found");
}

#[test]
fn create_refuses_what_exists_and_replace_what_does_not() {
    let store = store();
    store.create("a", config_map("c", json!({}))).expect("new");
    let error = refused(store.create("a", config_map("c", json!({}))));
    assert_eq!(error.reason, Reason::AlreadyExists);
    assert_eq!(error.message, "configmaps \"c\" already exists");
    let error = refused(store.replace("a", config_map("d", json!({})), Part::Whole));
    assert_eq!(error.reason, Reason::NotFound);
    let error = refused(store.create("a", json!({"apiVersion": "v1", "kind": "Nothing"})));
    assert_eq!(error.message, "no matches for kind \"Nothing\" in group \"\"");
}

#[test]
fn replace_refuses_an_older_version() {
    let store = store();
    let first = store.create("a", config_map("c", json!({"a": "1"}))).expect("new").object;
    let mut newer = Value::clone(&first);
    newer["data"]["a"] = json!("2");
    store.replace("a", newer.clone(), Part::Whole).expect("based on the newest version");
    let error = refused(store.replace("a", newer, Part::Whole));
    assert_eq!(error.reason, Reason::Conflict);
    assert!(error.message.contains("configmaps \"c\": the object has been modified"), "{error}");
}

#[test]
fn finalizers_hold_an_object_until_they_are_gone() {
    let store = store();
    let mut object = config_map("c", json!({}));
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    store.create("a", object).expect("new");
    let (kind, name) = named("ConfigMap", "c");
    let marked = store.delete(&kind, &name).expect("exists");
    assert_eq!(marked.outcome, Outcome::Changed);
    assert!(marked.object["metadata"]["deletionTimestamp"].is_string());
    let revision = store.revision();
    store.delete(&kind, &name).expect("still exists");
    assert_eq!(store.revision(), revision, "marking twice changes nothing");
    let mut released = Value::clone(&marked.object);
    released["metadata"]["finalizers"] = json!([]);
    let applied = store.replace("a", released, Part::Whole).expect("exists");
    assert_eq!(applied.outcome, Outcome::Removed);
    assert_eq!(store.get(&kind, &name), None);
}

#[test]
fn dependants_go_with_their_last_owner() {
    let store = store();
    let owner = |name: &str| store.create("a", config_map(name, json!({}))).expect("new").object;
    let (first, second) = (owner("first"), owner("second"));
    let reference = |owner: &Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"]})
    };
    let dependant = |name: &str, owners: Value| {
        let mut object = config_map(name, json!({}));
        object["metadata"]["ownerReferences"] = owners;
        store.create("a", object).expect("new");
    };
    dependant("one", json!([reference(&first)]));
    dependant("both", json!([reference(&first), reference(&second)]));
    dependant("free", json!([]));
    let one = store.get(&named("ConfigMap", "one").0, &named("ConfigMap", "one").1).expect("there");
    dependant("grandchild", json!([reference(&one)]));
    let exists = |name: &str| {
        let (kind, name) = named("ConfigMap", name);
        store.get(&kind, &name).is_some()
    };
    store
        .delete(&Kind::core("ConfigMap"), &ObjectName::namespaced("apps", "first"))
        .expect("there");
    assert!(!exists("one") && !exists("grandchild"), "what first owned alone is gone, all the way");
    assert!(exists("both") && exists("free") && exists("second"));
    store
        .delete(&Kind::core("ConfigMap"), &ObjectName::namespaced("apps", "second"))
        .expect("there");
    assert!(!exists("both"), "its last owner is gone");
    assert!(exists("free"));
}

#[test]
fn an_owner_deleted_in_the_foreground_waits_for_those_that_block_it() {
    use super::{DeleteOptions, Propagation};

    let store = store();
    let owner = store.create("a", config_map("owner", json!({}))).expect("new").object;
    let dependant = |name: &str, blocks: bool, finalizers: Value| {
        let mut object = config_map(name, json!({}));
        object["metadata"]["finalizers"] = finalizers;
        object["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
            "uid": owner["metadata"]["uid"], "blockOwnerDeletion": blocks}]);
        store.create("a", object).expect("new").object
    };
    let waiting = json!(["example.com/wait"]);
    dependant("loose", true, json!([]));
    dependant("held", false, waiting.clone());
    let blocking = dependant("blocking", true, waiting);
    let (kind, name) = named("ConfigMap", "owner");
    let foreground =
        DeleteOptions { propagation: Propagation::Foreground, ..DeleteOptions::default() };
    let marked = store.delete_with(&kind, &name, &foreground).expect("exists").object;
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let exists = |name: &str| store.get(&kind, &named("ConfigMap", name).1).is_some();
    assert!(!exists("loose") && exists("held") && exists("blocking") && exists("owner"));
    let mut released = Value::clone(&blocking);
    released["metadata"]["finalizers"] = json!([]);
    released["metadata"]["resourceVersion"] = Value::Null;
    store.replace("a", released, Part::Whole).expect("exists");
    assert!(!exists("blocking") && !exists("owner"), "nothing blocks it any more");
    assert!(exists("held"), "what does not block is still waited for by nobody");
}

#[test]
fn a_namespace_goes_with_its_contents_and_waits_for_finalizers() {
    let store = store();
    let mut held = config_map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let held = store.create("a", held).expect("new").object;
    store.create("a", config_map("loose", json!({}))).expect("new");
    let (kind, name) = (Kind::core("Namespace"), ObjectName::cluster("apps"));
    let marked = store.delete(&kind, &name).expect("exists").object;
    assert_eq!(marked["status"]["phase"], "Terminating");
    assert_eq!(store.list(&Kind::core("ConfigMap")).len(), 1, "the loose one is gone");
    let error = refused(store.create("a", config_map("new", json!({}))));
    assert_eq!(error.reason, Reason::Forbidden);
    let mut released = Value::clone(&held);
    released["metadata"]["finalizers"] = json!([]);
    released["metadata"]["resourceVersion"] = Value::Null;
    store.replace("a", released, Part::Whole).expect("exists");
    assert_eq!(store.get(&kind, &name), None, "the last object took the namespace along");
}

#[test]
fn lists_are_sorted_and_stay_within_their_kind() {
    let store = store();
    for name in ["b", "c", "a"] {
        store.create("t", config_map(name, json!({}))).expect("new");
    }
    let names: Vec<_> = store
        .list(&Kind::core("ConfigMap"))
        .iter()
        .map(|object| ObjectName::of(object).expect("named").to_string())
        .collect();
    assert_eq!(names, ["apps/a", "apps/b", "apps/c"]);
    assert_eq!(store.list(&Kind::core("Secret")).len(), 0);
    let definitions = Kind::new("apiextensions.k8s.io", "CustomResourceDefinition");
    let all = store.all().len();
    assert_eq!(all, 4 + store.list(&definitions).len(), "three maps, a namespace, definitions");
}

#[test]
fn changes_tell_the_newest_revision() {
    let store = store();
    let mut changes = store.changes();
    assert_eq!(*changes.borrow_and_update(), store.revision());
    apply(&store, "a", config_map("c", json!({})));
    assert!(changes.has_changed().expect("the store lives"));
    assert_eq!(*changes.borrow_and_update(), store.revision());
    apply(&store, "a", config_map("c", json!({})));
    assert!(!changes.has_changed().expect("the store lives"), "nothing changed");
}

#[test]
fn kinds_served_under_several_versions_are_one() {
    let store = store();
    let grant = |version: &str| {
        json!({"apiVersion": format!("gateway.networking.k8s.io/{version}"),
            "kind": "ReferenceGrant", "metadata": {"name": "g", "namespace": "apps"},
            "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute",
                "namespace": "web"}], "to": [{"group": "", "kind": "Service"}]}})
    };
    apply(&store, "a", grant("v1beta1"));
    assert_eq!(apply(&store, "b", grant("v1")).object["spec"], grant("v1")["spec"]);
    assert_eq!(store.list(&Kind::new("gateway.networking.k8s.io", "ReferenceGrant")).len(), 1);
    assert_eq!(refused(store.apply("a", grant("v1alpha2"), Part::Whole)).reason, Reason::NotFound);
}

#[test]
fn debug_output_shows_no_secret() {
    let store = store();
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "s", "namespace": "apps"}, "data": {"tls.key": "aHVzaA=="}});
    apply(&store, "a", secret);
    assert!(!format!("{store:?}").contains("aHVzaA"));
}

#[test]
fn texts_of_a_secret_are_stored_as_data_and_nulls_not_at_all() {
    let store = store();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata":
        {"name": "s", "namespace": "apps", "labels": null}, "stringData": {"user": "foo"}});
    let object = apply(&store, "a", secret.clone()).object;
    assert_eq!((&object["data"]["user"], &object["type"]), (&json!("Zm9v"), &json!("Opaque")));
    assert_eq!((object.get("stringData"), object["metadata"].get("labels")), (None, None));
    assert_eq!(apply(&store, "a", secret).outcome, Outcome::Unchanged);
}
