//! Predictions: what settles, what stays open, and what is told.

use serde_json::{Value, json};

use super::{ALLOCATED, Addresses, LoadBalancer, Prediction, Question, predict};
use crate::fixture::Cluster;

fn pool(cidr: &str) -> Value {
    json!({"apiVersion": "cilium.io/v2", "kind": "CiliumLoadBalancerIPPool",
           "metadata": {"name": "pool"}, "spec": {"blocks": [{"cidr": cidr}]}})
}

fn http() -> Value {
    json!([{"name": "http", "port": 80, "protocol": "HTTP"}])
}

fn predicted(cluster: &Cluster, load_balancer: LoadBalancer<'_>) -> Prediction {
    let (version, config) = (&cluster.version, &cluster.config);
    predict(&Question::new(version, config, &cluster.objects).balanced_by(load_balancer))
}

fn object<'a>(prediction: &'a Prediction, kind: &str) -> &'a Value {
    let found = prediction.objects.iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {:?}", prediction.objects))
}

#[test]
fn an_address_of_a_pool_reaches_the_gateways_status() {
    let cluster = Cluster::new("1.20.2").gateway(http()).with(pool("10.9.0.0/30"));
    let prediction = predicted(&cluster, LoadBalancer::Ipam);
    assert!(prediction.is_complete(), "{:?}", prediction.unmodelled);
    let gateway = object(&prediction, "Gateway");
    assert_eq!(gateway["status"]["addresses"], json!([{"type": "IPAddress", "value": "10.9.0.0"}]));
    let service = object(&prediction, "Service");
    assert_eq!(service["spec"]["ports"][0]["nodePort"], ALLOCATED);
    assert_eq!(service["spec"]["clusterIPs"], json!([ALLOCATED]));
    assert_eq!(service["status"]["conditions"][0]["status"], "True");
}

#[test]
fn without_a_pool_the_service_waits_and_a_note_says_so() {
    let prediction = predicted(&Cluster::new("1.20.2").gateway(http()), LoadBalancer::Ipam);
    assert_eq!(object(&prediction, "Service")["status"], json!({"loadBalancer": {}}));
    let condition = &object(&prediction, "Gateway")["status"]["conditions"][1];
    assert_eq!(condition["reason"], "AddressNotAssigned");
    assert!(prediction.notes[0].contains("no address pool"), "{:?}", prediction.notes);
}

#[test]
fn a_pool_that_is_used_up_says_so() {
    let second = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "second", "namespace": "apps"},
        "spec": {"gatewayClassName": "cilium", "listeners": http()}});
    let cluster = Cluster::new("1.20.2").gateway(http()).with(second).with(pool("10.9.0.0/32"));
    let prediction = predicted(&cluster, LoadBalancer::Ipam);
    let [note] = prediction.notes.as_slice() else { panic!("{:?}", prediction.notes) };
    assert!(note.contains("cilium-gateway-second") && note.contains("ran out"), "{note}");
}

#[test]
fn a_clouds_host_name_or_address_is_taken_as_it_is() {
    for (given, kind) in [("lb.example.test", "Hostname"), ("192.0.2.9", "IPAddress")] {
        let cluster = Cluster::new("1.18.10").gateway(http());
        let prediction = predicted(
            &cluster,
            LoadBalancer::External(&Addresses::read(&[given.to_owned()]).expect("an address")),
        );
        let gateway = object(&prediction, "Gateway");
        assert_eq!(gateway["status"]["addresses"], json!([{"type": kind, "value": given}]));
    }
}

#[test]
fn host_network_without_nodes_is_open_and_with_nodes_is_not() {
    let mut cluster = Cluster::new("1.20.2").gateway(http()).host_network(&[]);
    let with = predicted(&cluster, LoadBalancer::Ipam);
    assert!(with.is_complete(), "{:?}", with.unmodelled);
    assert_eq!(object(&with, "Gateway")["status"]["addresses"].as_array().map(Vec::len), Some(2));
    cluster.objects.retain(|object| object["kind"] != "Node");
    let without = predicted(&cluster, LoadBalancer::Ipam);
    assert!(without.unmodelled[0].what.contains("none are given"), "{:?}", without.unmodelled);
}

#[test]
fn a_living_service_keeps_what_the_api_server_chose() {
    let cluster = Cluster::new("1.20.2")
        .gateway(json!([
            {"name": "http", "port": 80, "protocol": "HTTP"},
            {"name": "more", "port": 81, "protocol": "HTTP"},
        ]))
        .live_service("LoadBalancer", &[80], &["192.0.2.7"]);
    let prediction = predicted(&cluster, LoadBalancer::Ipam);
    let service = object(&prediction, "Service");
    assert_eq!(service["spec"]["clusterIPs"], json!(["10.96.0.1"]));
    assert_eq!(service["spec"]["ports"][0]["nodePort"], 30080);
    assert_eq!(service["spec"]["ports"][1]["nodePort"], ALLOCATED);
    let gateway = object(&prediction, "Gateway");
    assert_eq!(gateway["status"]["addresses"][0]["value"], "192.0.2.7");
}

#[test]
fn a_gateway_of_another_class_waits_for_its_controller_and_a_note_says_so() {
    let spec = json!({"gatewayClassName": "other", "listeners": http()});
    let prediction = predicted(&Cluster::new("1.20.2").gateway_spec(spec), LoadBalancer::Ipam);
    let conditions = &object(&prediction, "Gateway")["status"]["conditions"];
    let waits = json!({"type": "Programmed", "status": "Unknown", "reason": "Pending",
                       "message": "Waiting for controller"});
    assert_eq!(conditions[1], waits);
    assert!(prediction.notes[0].contains("`other` does not exist"), "{:?}", prediction.notes);
}

#[test]
fn a_route_that_nobody_judges_is_there_without_a_status() {
    let spec = json!({"gatewayClassName": "other", "listeners": http()});
    let parents = |name: &str| json!({"parentRefs": [{"name": name}]});
    let cluster = Cluster::new("1.20.2").gateway_spec(spec).route("web", parents("gw"));
    let prediction = predicted(&cluster, LoadBalancer::Ipam);
    assert!(prediction.is_complete(), "{:?}", prediction.unmodelled);
    let route = object(&prediction, "HTTPRoute");
    assert_eq!((route["metadata"]["name"].as_str(), route.get("spec")), (Some("web"), None));
    assert_eq!(route.get("status"), None);
}

#[test]
fn what_other_controllers_say_of_a_route_stays() {
    let mut cluster = Cluster::new("1.20.2").gateway(http()).route(
        "web",
        json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}),
    );
    let stranger = json!({"controllerName": "example.org/other", "parentRef": {"name": "x"}, "conditions": []});
    let stale =
        json!({"controllerName": "io.cilium/gateway-controller", "parentRef": {"name": "old"}});
    cluster.objects.last_mut().expect("the route")["status"] =
        json!({"parents": [stale, stranger]});
    let prediction = predicted(&cluster, LoadBalancer::Ipam);
    let parents = &object(&prediction, "HTTPRoute")["status"]["parents"];
    assert_eq!(parents.as_array().map(Vec::len), Some(2), "{parents}");
    assert_eq!(parents[0]["parentRef"]["name"], "gw");
    assert_eq!(parents[1], stranger);
}
