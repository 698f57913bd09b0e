//! Claims about load-balancer addresses.

use std::net::IpAddr;

use gateproof_core::observation::TcpOutcome;
use gateproof_kubernetes::{Cluster, StackRequest};
use serde_json::json;

use crate::bench::{Bench, ca_issuer, dedicated, founding, founding_manifests, gateway, stack};

fn status_addresses(bench: &Bench) -> Vec<String> {
    bench.gateway()["status"]["addresses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|address| address["value"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn the_gateway_gets_an_address_of_the_clusters_own_pool_and_serves_there() {
    let bench = founding(&stack(dedicated())).await;
    let addresses = status_addresses(&bench);
    assert_eq!(addresses.len(), 1, "{addresses:?}");
    let address: IpAddr = addresses[0].parse().expect("an address");
    assert!(address.is_loopback(), "{address}");
    let answer = bench.http(address, 80, "hello.obs.example.test").await;
    assert_eq!(answer.status, 200);
    assert_ne!(bench.tcp(address, 8080).await, TcpOutcome::Accepted, "no listener has port 8080");
}

#[tokio::test]
async fn a_fixed_address_of_a_foreign_range_is_kept_and_mapped() {
    let request =
        StackRequest { address_pools: vec!["172.18.255.0/28".to_owned()], ..stack(dedicated()) };
    let bench = Bench::start(&request).await;
    let mut manifests = founding_manifests();
    manifests[2] = gateway(
        json!({"cert-manager.io/cluster-issuer": "gateproof"}),
        json!({"annotations": {"lbipam.cilium.io/ips": "172.18.255.7"}}),
    );
    bench.apply(ca_issuer()).await;
    bench.apply(manifests).await;
    assert_eq!(status_addresses(&bench), ["172.18.255.7"]);
    let address: IpAddr = "172.18.255.7".parse().expect("an address");
    let socket = bench.cluster.address_book().resolve(address, 80).expect("an own address");
    assert!(socket.ip().is_loopback(), "nothing outside loopback is dialled: {socket}");
    assert_eq!(bench.http(address, 80, "hello.obs.example.test").await.status, 200);
    let unused: IpAddr = "172.18.255.8".parse().expect("an address");
    assert_eq!(bench.tcp(unused, 80).await, TcpOutcome::Refused);
    let foreign: IpAddr = "192.0.2.1".parse().expect("an address");
    assert_eq!(bench.cluster.address_book().resolve(foreign, 80), None);
}

#[tokio::test]
async fn without_a_fitting_pool_the_gateway_waits_for_its_address() {
    let bench = Bench::start(&stack(dedicated())).await;
    let mut manifests = founding_manifests();
    manifests[2] =
        gateway(json!({}), json!({"annotations": {"lbipam.cilium.io/ips": "192.0.2.9"}}));
    bench.apply(manifests).await;
    assert_eq!(bench.condition("Programmed"), "False");
    assert_eq!(status_addresses(&bench), Vec::<String>::new());
}

#[tokio::test]
async fn a_malformed_pool_is_refused_with_the_text_that_was_given() {
    let request =
        StackRequest { address_pools: vec!["172.18.255.7".to_owned()], ..stack(dedicated()) };
    let cluster =
        gateproof_embedded::EmbeddedProvider::new().start(&crate::bench::plan()).await.expect("up");
    let error = cluster.install(&request).await.expect_err("no range").to_string();
    assert!(error.contains("install Cilium 1.20.0 in cluster five-workers"), "{error}");
    assert!(error.contains("172.18.255.7"), "{error}");
}
