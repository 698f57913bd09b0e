//! What a cluster is made of, as kind would have made it: names, labels, network and kubeconfig.

use std::time::Duration;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan::Plan;
use gateproof_core::topology::{IpFamily, Networking};
use gateproof_kind::container::ContainerState;
use gateproof_kind::kubeconfig::{self, Server};
use gateproof_kind::label;
use gateproof_kind::provider::KindProvider;
use gateproof_kubernetes::{Provider, Surroundings};
use libtest_mimic::Failed;

use crate::Work;
use crate::bench::Bench;

pub(crate) fn tests() -> Vec<(String, Work)> {
    vec![
        (
            "containers_are_named_and_labelled_as_kind_does_it".to_owned(),
            Box::new(as_kind_makes_them),
        ),
        (
            "nodes_of_a_dual_stack_cluster_have_addresses_of_both_families".to_owned(),
            Box::new(dual),
        ),
    ]
}

/// The stand-in refuses documents with addresses that its container does not have.
fn dual(bench: &Bench) -> Result<(), Failed> {
    let mut cluster = Bench::small_plan()?;
    cluster.topology.networking = Networking::defaults(IpFamily::Dual);
    let plan = Plan { provider: ProviderKind::Kind, clusters: vec![cluster.clone()] };
    let provider = KindProvider::new(bench.workplace(bench.image()));
    let up = bench.block_on(provider.provision(&cluster, &Surroundings::none("suite")))?;
    let found = bench.containers(&cluster.name)?;
    let document = bench.block_on(bench.engine().read_file(
        &format!("{}-worker", cluster.name),
        "/kind/kubeadm.conf",
        Duration::from_secs(10),
    ))?;
    bench.block_on(up.teardown())?;
    let document = String::from_utf8(document)?;
    let worker = found.iter().find(|container| container.name.ends_with("-worker"));
    let worker = worker.ok_or("there is no worker")?;
    let addresses = &worker.addresses[bench.network()];
    let (Some(v4), Some(v6)) = (addresses.v4, addresses.v6) else {
        return Err(format!("{} has {addresses:?}", worker.name).into());
    };
    if !document.contains(&format!("{v4},{v6}")) {
        return Err(format!("the kubelet is not told {v4},{v6}: {document}").into());
    }
    let pools = worker.labels.get(label::ADDRESS_POOL).map(String::as_str).unwrap_or_default();
    let of_v6 = pools.split(',').filter(|pool| pool.contains(':')).count();
    if (pools.split(',').count(), of_v6) != (2, 1) {
        return Err(format!("addresses for load balancers of both families, not {pools:?}").into());
    }
    bench.must_be_gone(&plan)
}

fn as_kind_makes_them(bench: &Bench) -> Result<(), Failed> {
    let cluster = Bench::small_plan()?;
    let plan = Plan { provider: ProviderKind::Kind, clusters: vec![cluster.clone()] };
    let provider = KindProvider::new(bench.workplace(bench.image()));
    let surroundings = Surroundings::none("suite");
    let up = bench.block_on(provider.provision(&cluster, &surroundings))?;
    let found = bench.containers(&cluster.name)?;
    let admin = bench.block_on(bench.engine().read_file(
        &format!("{}-control-plane", cluster.name),
        "/etc/kubernetes/admin.conf",
        Duration::from_secs(10),
    ))?;
    bench.block_on(up.teardown())?;
    let mut names = Vec::new();
    for node in &cluster.topology.nodes {
        let name = format!("{}-{}", cluster.name, node.name);
        let container = found
            .iter()
            .find(|container| container.name == name)
            .ok_or_else(|| Failed::from(format!("there is no container {name}")))?;
        check(container, cluster.name.as_str(), bench.network())?;
        names.push(name);
    }
    if names.len() != found.len() {
        return Err(format!("{} containers for {} nodes", found.len(), names.len()).into());
    }
    let text = String::from_utf8(admin)?;
    let renamed = kubeconfig::rewrite(&text, cluster.name.as_str(), Server::Internal)?;
    let expected = format!("current-context: kind-{}", cluster.name);
    if !renamed.contains(&expected) {
        return Err(format!("the kubeconfig lacks {expected}").into());
    }
    bench.must_be_gone(&plan)
}

fn check(container: &ContainerState, cluster: &str, network: &str) -> Result<(), Failed> {
    let label = |key: &str| container.labels.get(key).map(String::as_str);
    let role = if container.name.contains("control-plane") { "control-plane" } else { "worker" };
    let expected = [
        ("io.x-k8s.kind.cluster", cluster),
        ("io.x-k8s.kind.role", role),
        ("gateproof.dev/run", "suite"),
    ];
    for (key, value) in expected {
        if label(key) != Some(value) {
            let found = label(key);
            return Err(format!("{}: label {key} is {found:?}, not {value}", container.name).into());
        }
    }
    let networks: Vec<&String> = container.addresses.keys().collect();
    if networks != [network] {
        return Err(format!("{} is on {networks:?}, not {network}", container.name).into());
    }
    Ok(())
}
