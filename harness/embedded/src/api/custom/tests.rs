use std::sync::Arc;

use serde_json::{Value, json};

use super::priority;
use crate::api::{ApiError, Kind, ObjectName, Part, Store, SystemClock};

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.test"},
        "spec": {
            "group": "example.test",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {
                        "type": "object",
                        "properties": {
                            "size": {"type": "integer", "minimum": 1, "default": 3},
                            "least": {"type": "integer"},
                            "parts": {"type": "array", "x-kubernetes-list-type": "map",
                                "x-kubernetes-list-map-keys": ["name"],
                                "items": {"type": "object", "properties": {
                                    "name": {"type": "string"}, "colour": {"type": "string"}}}},
                        },
                        "x-kubernetes-validations": [
                            {"rule": "!has(self.least) || self.least <= self.size",
                             "message": "least must not exceed size"},
                        ],
                    },
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    })
}

fn widget(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "example.test/v1", "kind": "Widget",
        "metadata": {"name": name, "namespace": "apps"}, "spec": spec})
}

fn store() -> Store {
    let store = Store::new(Arc::new(SystemClock));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    store.create("test", namespace).expect("a namespace");
    store
}

fn refused(result: Result<crate::api::Applied, ApiError>) -> String {
    result.expect_err("it must be refused").message
}

#[test]
fn a_kind_is_served_defaulted_and_judged_while_its_definition_is_there() {
    let store = store();
    assert!(refused(store.create("test", widget("a", &json!({})))).contains("no matches for kind"));
    let applied = store.create("test", definition()).expect("a definition");
    let conditions = applied.object["status"]["conditions"].to_string();
    assert!(conditions.contains("Established") && conditions.contains("NamesAccepted"));

    let made = store.create("test", widget("a", &json!({"least": 2}))).expect("it fits");
    assert_eq!(made.object["spec"], json!({"least": 2, "size": 3}), "the default is filled in");
    for (spec, message) in [
        (
            json!({"size": 0}),
            "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ),
        (json!({"size": 2, "least": 5}), "least must not exceed size"),
        (json!({"parts": [{"name": "x"}, {"name": "x"}]}), "spec.parts[1]: Duplicate value"),
        (json!({"colour": "red"}), "unknown field \"spec.colour\""),
    ] {
        let told = refused(store.create("test", widget("b", &spec)).and_then(|applied| {
            // Unknown fields are dropped with a warning unless somebody asks for more.
            match applied.warnings.first() {
                Some(warning) => Err(ApiError::bad_request(warning.clone())),
                None => Ok(applied),
            }
        }));
        assert!(told.contains(message), "{spec}: {told}");
    }

    let kind = Kind::new("apiextensions.k8s.io", "CustomResourceDefinition");
    store.delete(&kind, &ObjectName::cluster("widgets.example.test")).expect("it exists");
    let widgets = Kind::new("example.test", "Widget");
    assert_eq!(store.list(&widgets), Vec::<Arc<Value>>::new(), "its objects go with it");
    assert!(refused(store.create("test", widget("a", &json!({})))).contains("no matches for kind"));
}

#[test]
fn list_maps_of_a_definition_have_owners_entry_by_entry() {
    let store = store();
    store.create("test", definition()).expect("a definition");
    let part = |name: &str| widget("a", &json!({"parts": [{"name": name, "colour": name}]}));
    store.apply("one", part("x"), Part::Whole).expect("it fits");
    let both = store.apply("other", part("y"), Part::Whole).expect("it fits");
    assert_eq!(both.object["spec"]["parts"].as_array().map(Vec::len), Some(2));
    let left = store.apply("one", widget("a", &json!({})), Part::Whole).expect("it fits");
    assert_eq!(left.object["spec"]["parts"], json!([{"name": "y", "colour": "y"}]));
}

#[test]
fn a_definition_takes_over_a_kind_that_is_compiled_in() {
    let store = store();
    let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "g", "namespace": "apps"}, "spec": {"anything": 1}});
    assert!(store.create("test", gateway.clone()).is_err(), "our own rules hold");
    let mut theirs = definition();
    theirs["metadata"]["name"] = json!("gateways.gateway.networking.k8s.io");
    theirs["spec"]["group"] = json!("gateway.networking.k8s.io");
    theirs["spec"]["names"] = json!({"kind": "Gateway", "plural": "gateways"});
    theirs["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    store.apply("test", theirs, Part::Whole).expect("a definition");
    let made = store.create("test", gateway).expect("the definition's rules hold");
    assert_eq!(made.object["spec"], json!({"anything": 1}));
}

#[test]
fn definitions_that_cannot_be_served_are_refused_with_every_reason() {
    let store = store();
    let mut wrong = definition();
    wrong["metadata"]["name"] = json!("widget.example.test");
    wrong["spec"]["versions"][0]["storage"] = json!(false);
    let schema = &mut wrong["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    schema["properties"]["spec"]["x-kubernetes-validations"][0]["rule"] = json!("self.(");
    let told = refused(store.create("test", wrong));
    for part in
        ["spec.names.plural+\".\"+spec.group", "0 versions have storage", "does not compile"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn versions_are_ordered_as_kubernetes_orders_them() {
    let mut versions = vec!["v1alpha2", "v1beta1", "v2", "v1", "v1alpha3", "v10"];
    versions.sort_by_key(|version| priority(version));
    assert_eq!(versions, ["v10", "v2", "v1", "v1beta1", "v1alpha3", "v1alpha2"]);
}
