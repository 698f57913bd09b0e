//! Mirrors of registries in real containers: waited for, told to the nodes, gone with the cluster,
//! and their data kept.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::Plan;
use gateproof_core::topology::TopologyNode;
use gateproof_kind::container::ContainerState;
use gateproof_kind::label;
use gateproof_kind::provider::KindProvider;
use gateproof_kubernetes::{Provider, Surroundings};
use libtest_mimic::Failed;

use crate::Work;
use crate::bench::Bench;
use crate::misbehaviour::{impatient, reason};

const WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn tests() -> Vec<(String, Work)> {
    vec![
        ("nodes_are_told_of_mirrors_that_listen".to_owned(), Box::new(listen)),
        ("a_mirror_that_ends_is_told_with_its_last_words".to_owned(), Box::new(ends)),
    ]
}

fn listen(bench: &Bench) -> Result<(), Failed> {
    let image = bench.registry("")?;
    let cluster = Bench::small_plan()?;
    let plan = Plan { provider: ProviderKind::Kind, clusters: vec![cluster.clone()] };
    let before = volumes(bench)?;
    let mut workplace = bench.workplace(bench.image());
    workplace.settings.registry_mirror = Some(image);
    let provider = KindProvider::new(workplace);
    let surroundings = Surroundings::none("suite");
    let up = bench.block_on(provider.provision(&cluster, &surroundings))?;
    let seen = told(bench, &cluster.name, &cluster.topology.nodes);
    bench.block_on(up.teardown())?;
    let made: Vec<String> =
        volumes(bench)?.into_iter().filter(|volume| !before.contains(volume)).collect();
    for volume in &made {
        bench.block_on(bench.engine().remove_volume(volume))?;
    }
    seen?;
    // Somebody's may have been there before.
    if before.is_empty() && made != ["gateproof-mirror-quay-io"] {
        return Err(format!("the data of the mirror does not stay: {made:?}").into());
    }
    bench.must_be_gone(&plan)
}

/// The mirror is there, and every node knows it by a name that leads to it.
fn told(bench: &Bench, cluster: &ClusterName, nodes: &[TopologyNode]) -> Result<(), Failed> {
    let containers = bench.containers(cluster)?;
    let mirrors: Vec<&ContainerState> = containers
        .iter()
        .filter(|container| container.labels.get(label::ROLE).is_some_and(|it| it == "mirror"))
        .collect();
    let &[mirror] = mirrors.as_slice() else {
        return Err(format!("expected one mirror, of quay.io, found {mirrors:?}").into());
    };
    if mirror.labels.get(label::RUN).map(String::as_str) != Some("suite") {
        return Err(format!("nobody owns {}: {:?}", mirror.name, mirror.labels).into());
    }
    answers(mirror)?;
    let path = "/etc/containerd/certs.d/quay.io/hosts.toml";
    for node in nodes {
        let name = format!("{cluster}-{}", node.name);
        let octets = bench.block_on(bench.engine().read_file(&name, path, WITHIN))?;
        let text = String::from_utf8(octets)?;
        for part in ["server = \"https://quay.io\"", &format!("\"http://{}:5000\"", mirror.name)] {
            if !text.contains(part) {
                return Err(format!("{name} is not told {part}: {text}").into());
            }
        }
    }
    Ok(())
}

/// A registry answers in the container.
fn answers(mirror: &ContainerState) -> Result<(), Failed> {
    let address = mirror.addresses.values().find_map(|it| it.v4).ok_or("it has no address")?;
    let mut stream = TcpStream::connect((address, 5000))?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: mirror\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.contains("registry/2.0") { Ok(()) } else { Err(answer.into()) }
}

fn ends(bench: &Bench) -> Result<(), Failed> {
    let image = bench.registry("registry-dies")?;
    let plan = Plan { provider: ProviderKind::Kind, clusters: vec![Bench::small_plan()?] };
    let before = volumes(bench)?;
    let ran = bench.run_on(&plan, 1, bench.image(), |workplace| {
        workplace.settings.registry_mirror = Some(image);
        workplace.settings.deadlines = impatient();
    })?;
    for volume in volumes(bench)?.into_iter().filter(|volume| !before.contains(volume)) {
        bench.block_on(bench.engine().remove_volume(&volume))?;
    }
    let reason = reason(&ran)?;
    for part in ["`registry mirror` on", "-mirror", "the container ended", "no route to host"] {
        if !reason.contains(part) {
            return Err(format!("expected {part} in: {reason}").into());
        }
    }
    bench.must_be_gone(&plan)
}

/// The volumes with what mirrors have fetched, whoever made them.
fn volumes(bench: &Bench) -> Result<Vec<String>, Failed> {
    let found = bench.block_on(bench.engine().list_volumes(&[(label::MIRROR, None)]))?;
    Ok(found.into_iter().map(|volume| volume.name).collect())
}
