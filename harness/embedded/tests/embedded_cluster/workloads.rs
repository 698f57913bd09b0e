//! Claims about backends: canaries, missing endpoints, images that cannot run.

use std::collections::BTreeMap;

use gateproof_embedded::api::Kind;
use serde_json::json;

use crate::bench::{condition, dedicated, deployment, founding, route, service, stack};

const APPS: &str = "starlift-observability";
const HOST: &str = "hello.obs.example.test";

#[tokio::test]
async fn a_canary_gets_its_share_of_requests() {
    let bench = founding(&stack(dedicated())).await;
    let backends = json!([
        {"name": "go-hello-world", "port": 80, "weight": 80},
        {"name": "canary", "port": 80, "weight": 20},
    ]);
    bench
        .apply(vec![
            deployment(APPS, "canary", 1),
            service(APPS, "canary"),
            route(APPS, "go-hello-world", backends),
        ])
        .await;
    let (node, port) = (bench.node("worker"), bench.node_port(80));
    let mut shares: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..200 {
        let echo = bench.http(node, port, HOST).await.echo.expect("an echo");
        *shares.entry(echo.service).or_default() += 1;
    }
    let canary = shares.get("canary").copied().unwrap_or_default();
    assert!((15..=70).contains(&canary), "about 40 of 200: {shares:?}");
    assert_eq!(shares.len(), 2, "{shares:?}");
}

#[tokio::test]
async fn a_service_without_ready_pods_is_unavailable_and_comes_back() {
    let bench = founding(&stack(dedicated())).await;
    let (node, port) = (bench.node("worker"), bench.node_port(80));
    bench.apply(vec![deployment(APPS, "go-hello-world", 0)]).await;
    assert_eq!(bench.http(node, port, HOST).await.status, 503);
    bench.apply(vec![deployment(APPS, "go-hello-world", 3)]).await;
    assert_eq!(bench.http(node, port, HOST).await.status, 200);
}

#[tokio::test]
async fn a_target_port_on_which_nothing_listens_is_unavailable() {
    let bench = founding(&stack(dedicated())).await;
    let mut wrong = service(APPS, "go-hello-world");
    wrong["spec"]["ports"][0]["targetPort"] = 9999.into();
    bench.apply(vec![wrong]).await;
    let answer = bench.http(bench.node("worker"), bench.node_port(80), HOST).await;
    assert_eq!(answer.status, 503);
}

#[tokio::test]
async fn an_image_that_cannot_run_leaves_the_deployment_unavailable_and_names_itself() {
    let bench = founding(&stack(dedicated())).await;
    let mut web = deployment(APPS, "web", 1);
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:1.29".into();
    bench.apply(vec![web]).await;
    let web = bench.get(&Kind::new("apps", "Deployment"), APPS, "web");
    assert_eq!(condition(&web, "Available"), "False");
    let echo = bench.get(&Kind::new("apps", "Deployment"), APPS, "go-hello-world");
    assert_eq!(condition(&echo, "Available"), "True");
    assert_eq!(echo["status"]["readyReplicas"], 2);
}
