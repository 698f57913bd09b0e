//! Claims about what the API server adds to Services.

use serde_json::{Value, json};

use super::desired;
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

fn service(name: &str, spec: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "apps"},
    });
    service["spec"] = spec;
    service
}

fn completed(services: impl IntoIterator<Item = Value>) -> Vec<Value> {
    desired(&Snapshot::from_values(services))
        .into_iter()
        .map(|write| match write {
            Write::Complete(object) => object,
            other => panic!("Services are completed, not: {other:?}"),
        })
        .collect()
}

fn complete(spec: Value) -> Value {
    completed([service("web", spec)]).remove(0)
}

#[test]
fn a_completed_service_is_left_alone() {
    let spec =
        json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]});
    let once = complete(spec);
    assert!(completed([once]).is_empty(), "completing twice must change nothing");
}

#[test]
fn a_load_balancer_gets_cluster_ip_and_node_ports_in_range() {
    let web = complete(json!({"type": "LoadBalancer", "ports": [{"port": 80}, {"port": 443}]}));
    let ports: Vec<u64> = web["spec"]["ports"]
        .as_array()
        .expect("ports")
        .iter()
        .map(|port| port["nodePort"].as_u64().expect("a node port"))
        .collect();
    assert!(ports.iter().all(|port| (30_000..=32_767).contains(port)), "{ports:?}");
    assert_ne!(ports[0], ports[1]);
    assert_eq!(web["spec"]["ports"][0]["targetPort"], 80);
    assert_eq!(web["spec"]["ports"][0]["protocol"], "TCP");
    assert_eq!(web["spec"]["externalTrafficPolicy"], "Cluster");
    assert_eq!(web["spec"]["clusterIPs"][0], web["spec"]["clusterIP"]);
    assert!(web["spec"].get("healthCheckNodePort").is_none(), "policy Cluster has none");
}

#[test]
fn a_cluster_ip_service_gets_no_node_port() {
    let web = complete(json!({"ports": [{"port": 80}]}));
    assert!(web["spec"]["ports"][0].get("nodePort").is_none());
    assert_eq!(web["spec"]["type"], "ClusterIP");
}

#[test]
fn node_ports_are_not_allocated_when_the_service_forbids_it() {
    let spec = |allocate: bool| json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": allocate, "ports": [{"port": 80}]});
    assert!(complete(spec(false))["spec"]["ports"][0].get("nodePort").is_none());
    assert!(complete(spec(true))["spec"]["ports"][0].get("nodePort").is_some());
}

#[test]
fn a_change_to_cluster_ip_releases_the_node_ports() {
    let mut web = complete(
        json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80}]}),
    );
    assert!(web["spec"].get("healthCheckNodePort").is_some(), "policy Local has one");
    web["spec"]["type"] = "ClusterIP".into();
    let web = completed([web]).remove(0);
    assert!(web["spec"]["ports"][0].get("nodePort").is_none());
    assert!(web["spec"].get("externalTrafficPolicy").is_none());
    assert!(web["spec"].get("healthCheckNodePort").is_none());
}

#[test]
fn a_change_to_node_port_keeps_the_numbers() {
    let mut web = complete(json!({"type": "LoadBalancer", "ports": [{"port": 80}]}));
    let before = web["spec"]["ports"][0]["nodePort"].clone();
    web["spec"]["type"] = "NodePort".into();
    let web = completed([web]).remove(0);
    assert_eq!(web["spec"]["ports"][0]["nodePort"], before);
}

#[test]
fn a_chosen_node_port_is_kept_and_given_to_nobody_else() {
    let web = complete(json!({"type": "NodePort", "ports": [{"port": 80}]}));
    let number = web["spec"]["ports"][0]["nodePort"].clone();
    let fixed =
        service("fixed", json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": number}]}));
    let fresh = service("web", json!({"type": "NodePort", "ports": [{"port": 80}]}));
    let both = completed([fixed, fresh]);
    assert_eq!(both[0]["spec"]["ports"][0]["nodePort"], number);
    assert_ne!(both[1]["spec"]["ports"][0]["nodePort"], number);
}

#[test]
fn cluster_ips_differ_and_headless_services_keep_none() {
    let spec = json!({"ports": [{"port": 80}]});
    let headless = json!({"clusterIP": "None", "ports": [{"port": 80}]});
    let all = completed([service("a", spec.clone()), service("b", spec), service("c", headless)]);
    assert_ne!(all[0]["spec"]["clusterIP"], all[1]["spec"]["clusterIP"]);
    assert_eq!(all[2]["spec"]["clusterIP"], "None");
    assert_eq!(all[2]["spec"]["clusterIPs"], json!(["None"]));
}

#[test]
fn external_names_get_neither_address_nor_port() {
    let web = complete(json!({"type": "ExternalName", "externalName": "example.test"}));
    assert!(web["spec"].get("clusterIP").is_none());
}
