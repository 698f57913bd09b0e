//! Claims about the loop itself.

use std::sync::Arc;

use serde_json::json;

use super::{ComponentLogs, Controllers, Installation, Surroundings};
use crate::address::AddressBlock;
use crate::api::{Part, Store, SystemClock};
use crate::dataplane::DataPlane;

fn start() -> (Store, Controllers) {
    let store = Store::new(Arc::new(SystemClock));
    let block = AddressBlock::claim().expect("a free block");
    let controllers = Controllers::start(Surroundings {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        data_plane: Some(Arc::new(DataPlane::new(block))),
        logs: ComponentLogs::default(),
        installation: Installation::Told,
    });
    (store, controllers)
}

fn namespace(store: &Store, name: &str) {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    store.apply("test", object, Part::Whole).expect("a namespace");
}

#[tokio::test]
async fn once_settled_another_pass_changes_nothing() {
    let (store, controllers) = start();
    namespace(&store, "apps");
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "apps"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    });
    store.apply("test", service, Part::Whole).expect("a Service");
    controllers.settled(store.revision()).await.expect("running");
    let settled = store.revision();
    // A change that no controller cares about starts another pass.
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "apps"},
    });
    store.apply("test", map, Part::Whole).expect("a ConfigMap");
    controllers.settled(store.revision()).await.expect("running");
    assert_eq!(store.revision(), settled + 1, "the controllers wrote nothing more");
    assert!(controllers.findings().refused_writes.is_empty(), "{:?}", controllers.findings());
    controllers.shutdown().await;
}

#[tokio::test]
async fn a_port_that_is_dropped_from_an_applied_service_goes() {
    let (store, controllers) = start();
    namespace(&store, "apps");
    let service = |ports: serde_json::Value| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"type": "NodePort", "ports": ports},
        })
    };
    let both = json!([{"name": "a", "port": 80}, {"name": "b", "port": 443}]);
    store.apply("test", service(both), Part::Whole).expect("a Service");
    controllers.settled(store.revision()).await.expect("running");
    let one = json!([{"name": "b", "port": 443}]);
    store.apply("test", service(one), Part::Whole).expect("a Service");
    controllers.settled(store.revision()).await.expect("running");
    let live =
        store.list(&crate::api::Kind::core("Service")).into_iter().next().expect("the Service");
    let ports = live["spec"]["ports"].as_array().expect("ports");
    assert_eq!(ports.len(), 1, "{ports:?}");
    assert_eq!(ports[0]["port"], 443);
    assert!(ports[0]["nodePort"].is_u64());
    controllers.shutdown().await;
}

#[tokio::test]
async fn stopped_controllers_say_so_instead_of_waiting_for_ever() {
    let (store, controllers) = start();
    controllers.shutdown().await;
    namespace(&store, "late");
    assert!(controllers.settled(store.revision()).await.is_err());
}
