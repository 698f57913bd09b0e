//! The HTTP face as a real client sees it.

#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

mod pages;
mod requests;
mod watches;

use std::sync::Arc;

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::api::clock::SystemClock;
use crate::api::store::Store;

/// A store with a namespace `apps`, and a client that talks to it.
fn cluster() -> (Store, Client) {
    let store = Store::new(Arc::new(SystemClock));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    store.create("test", namespace).expect("a namespace needs nothing");
    let client = Client::new(super::service(store.clone()), "apps");
    (store, client)
}

fn kind(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn gateways(client: &Client) -> Api<DynamicObject> {
    let resource = kind("gateway.networking.k8s.io", "v1", "Gateway");
    Api::namespaced_with(client.clone(), "apps", &resource)
}

fn config_maps(client: &Client) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "apps", &kind("", "v1", "ConfigMap"))
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).expect("an object")
}

fn config_map(name: &str, data: Value) -> DynamicObject {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"app": name}}, "data": data}))
}

fn gateway(name: &str, port: u16) -> DynamicObject {
    object(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": name}, "spec": {"gatewayClassName": "cilium",
        "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}]}}))
}

/// What the server answered instead of an object.
fn refused<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> kube::core::Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("the request must be refused, but: {other:?}"),
    }
}
