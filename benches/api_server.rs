//! What a list and a watch of many objects cost, against serde_json writing the same objects and
//! against a tenth as many.
//!
//! Measured at the service, without a socket: TLS and HTTP are not ours.

use std::sync::Arc;

use gateproof_embedded::api::{ApiService, Part, Store, SystemClock, service};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::measure::in_turn;

const MANY: usize = 5_000;
const FEW: usize = 500;
const ROUNDS: usize = 9;
const PATH: &str = "/apis/gateway.networking.k8s.io/v1/httproutes";

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let (many, few) = (filled(MANY), filled(FEW));
    let objects: Vec<Value> = many
        .all()
        .iter()
        .filter(|object| object["kind"] == "HTTPRoute")
        .map(|object| Value::clone(object))
        .collect();
    assert_eq!(objects.len(), MANY, "every route was stored");
    let (many, few) = (service(many), service(few));

    let list = || assert!(runtime.block_on(get(&many, PATH)).len() > MANY);
    let (listed, written) = in_turn(ROUNDS, list, || {
        assert!(serde_json::to_vec(&objects).expect("plain data").len() > MANY);
    });
    println!("  list of {MANY}                    {listed}");
    println!("  serde_json writing the same     {written}");
    println!("    ratio                         {:.2}", listed.ratio_to(&written));

    let (listed, tenth) = in_turn(ROUNDS, list, || drop(runtime.block_on(get(&few, PATH))));
    println!("  list of {FEW}                     {tenth}");
    println!("    ratio ({} times the objects)  {:.2}", MANY / FEW, listed.ratio_to(&tenth));

    let one = format!("{PATH}?fieldSelector=metadata.name%3Droute-7");
    let (one, all) = in_turn(ROUNDS, || drop(runtime.block_on(get(&many, &one))), list);
    println!("  list of one by field selector   {one}");
    println!("    ratio to the whole list       {:.3}", one.ratio_to(&all));

    let (watched, listed) =
        in_turn(ROUNDS, || assert_eq!(runtime.block_on(initial_events(&many)), MANY), list);
    println!("  watch: {MANY} initial events      {watched}");
    println!("    ratio to the list             {:.2}", watched.ratio_to(&listed));
}

fn filled(count: usize) -> Store {
    let store = Store::new(Arc::new(SystemClock));
    let apply = |object| {
        store.apply("bench", object, Part::Whole).expect("a valid object");
    };
    apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}));
    for number in 0..count {
        apply(json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": format!("route-{number}"), "namespace": "apps"},
            "spec": {
                "parentRefs": [{"name": "web"}],
                "hostnames": [format!("{number}.example.test")],
                "rules": [{
                    "matches": [{"path": {"type": "PathPrefix", "value": "/a"}}],
                    "backendRefs": [{"name": "web", "port": 80}],
                }],
            },
        }));
    }
    store
}

async fn get(service: &ApiService, path: &str) -> Vec<u8> {
    let request = http::Request::get(path).body(http_body_util::Full::new(bytes::Bytes::new()));
    let response = service.clone().oneshot(request.expect("a request")).await;
    let response = response.unwrap_or_else(|never| match never {});
    assert!(response.status().is_success(), "{}", response.status());
    let body = response.into_body().collect().await.unwrap_or_else(|never| match never {});
    body.to_bytes().to_vec()
}

/// How many events a watch begins with.
async fn initial_events(service: &ApiService) -> usize {
    let path = format!("{PATH}?watch=true");
    let request = http::Request::get(path).body(http_body_util::Full::new(bytes::Bytes::new()));
    let response = service.clone().oneshot(request.expect("a request")).await;
    let mut body = response.unwrap_or_else(|never| match never {}).into_body();
    let mut events = 0;
    while events < MANY {
        let frame = body.frame().await.expect("the watch goes on");
        let frame = frame.unwrap_or_else(|never| match never {});
        events += frame.data_ref().map_or(0, |data| lines(data));
    }
    events
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}
