//! Claims about which pods run, with real echo servers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use gateproof_core::scenario::PodTrouble;
use serde_json::{Value, json};

use super::{Kubelet, Troubles};
use crate::api::{Store, SystemClock};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

fn node() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"},
        "status": {"addresses": [{"type": "InternalIP", "address": "127.70.0.2"}]},
    })
}

fn pod(uid: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": uid, "namespace": "apps", "uid": uid},
        "spec": {"nodeName": "worker", "containers": [{"name": "c", "image": image}]},
    })
}

fn kubelet() -> Kubelet {
    let store = Store::new(Arc::new(SystemClock));
    Kubelet::new(
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        store.pod_logs().clone(),
        store.pod_network().clone(),
    )
}

async fn statuses(kubelet: &mut Kubelet, pods: &[Value], down: &[&str]) -> Vec<Value> {
    let snapshot = Snapshot::from_values(pods.iter().cloned().chain([node()]));
    let envoys = down.iter().map(|name| ((*name).to_owned(), PodTrouble::Crashes)).collect();
    let troubles = Troubles { envoys, ..Troubles::default() };
    kubelet
        .sync(&snapshot, &troubles, "now")
        .await
        .into_iter()
        .map(|write| match write {
            Write::ApplyStatus(_, object) => object["status"].clone(),
            other => panic!("a kubelet writes statuses, not: {other:?}"),
        })
        .collect()
}

fn ready(status: &Value) -> &str {
    status["conditions"][3]["status"].as_str().expect("a Ready condition")
}

#[tokio::test]
async fn an_echo_pod_listens_and_is_ready() {
    let mut kubelet = kubelet();
    let status = statuses(&mut kubelet, &[pod("a", "x/gateproof/echo")], &[]).await.remove(0);
    assert_eq!(ready(&status), "True");
    let address: IpAddr = status["podIP"].as_str().expect("an address").parse().expect("an IP");
    let sockets = kubelet.sockets();
    let sockets = &sockets.get(&address).expect("the pod's sockets").tcp;
    assert_eq!(sockets.keys().collect::<Vec<_>>(), [&3000]);
    tokio::net::TcpStream::connect(sockets[&3000]).await.expect("the echo server accepts");
    kubelet.shutdown().await;
    let refused = tokio::net::TcpStream::connect(sockets[&3000]).await;
    assert!(refused.is_err(), "a stopped echo server accepts nothing");
}

#[tokio::test]
async fn a_pod_with_another_image_stays_pending_and_names_the_image() {
    let mut kubelet = kubelet();
    let status = statuses(&mut kubelet, &[pod("a", "nginx:1.29")], &[]).await.remove(0);
    assert_eq!(status["phase"], "Pending");
    assert_eq!(ready(&status), "False");
    let message = status["conditions"][3]["message"].as_str().expect("a message");
    assert!(message.contains("nginx:1.29") && message.contains("kind"), "{message}");
    assert!(kubelet.sockets().is_empty());
}

#[tokio::test]
async fn envoy_is_not_ready_only_where_it_is_down() {
    let mut kubelet = kubelet();
    let envoy = [pod("a", "x/cilium/cilium-envoy:v1")];
    assert_eq!(ready(&statuses(&mut kubelet, &envoy, &[]).await[0]), "True");
    assert_eq!(ready(&statuses(&mut kubelet, &envoy, &["other"]).await[0]), "True");
    assert_eq!(ready(&statuses(&mut kubelet, &envoy, &["worker"]).await[0]), "False");
    let agent = [pod("b", "x/cilium/cilium:v1")];
    assert_eq!(ready(&statuses(&mut kubelet, &agent, &["worker"]).await[0]), "True");
}

#[tokio::test]
async fn pods_have_addresses_of_their_own_and_keep_them() {
    let mut kubelet = kubelet();
    let pods = [pod("a", "x/gateproof/echo"), pod("b", "x/gateproof/echo")];
    let first = statuses(&mut kubelet, &pods, &[]).await;
    assert_ne!(first[0]["podIP"], first[1]["podIP"]);
    let again = statuses(&mut kubelet, &pods, &[]).await;
    assert_eq!(first, again);
    statuses(&mut kubelet, &pods[1..], &[]).await;
    assert_eq!(kubelet.sockets().len(), 1, "the server of a deleted pod is stopped");
    kubelet.shutdown().await;
}
