//! Using a cluster that runs already, such as one that the `kind` program made.

use std::net::IpAddr;
use std::sync::Arc;

use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::Node;
use gateproof_core::topology::IpFamily;
use gateproof_probe::LocalProber;
use gateproof_stack::ClusterFacts;

use crate::actions::own_image::{self, Own, OwnImages};
use crate::actions::prober::choose;
use crate::actions::{ActionError, Place, Scene, Seen, register};
use crate::address_pool;
use crate::bring_up::access;
use crate::cidr::Cidr;
use crate::cluster::{Belongs, HelmChoices, KindCluster, Parts, kube_proxy};
use crate::container::{ContainerState, Phase};
use crate::discovery::{self, Found};
use crate::engine::Engine;
use crate::label;
use crate::network::NetworkState;
use crate::plan::command::VERSION_FILE;
use crate::prober::vantage::Chosen;
use crate::provider::{Connection, Workplace};
use crate::transcript::Transcripts;

/// Takes the cluster that the scene is about.
pub(crate) async fn adopt(
    scene: &Scene,
    Connection { engine, facts }: Connection,
    workplace: &Workplace,
    owns: &OwnImages,
    cilium: Option<CiliumVersion>,
) -> Result<KindCluster, ActionError> {
    let deadlines = workplace.settings.deadlines;
    let name = scene.cluster.as_str();
    let (found, version, network) = scene
        .act("find cluster", Place::Cluster, deadlines.request * 2, async |_| {
            let found = discovery::find(&engine, name).await.map_err(in_words)?;
            all_run(&found)?;
            let version = found.read(&engine, VERSION_FILE).await.map_err(in_words)?;
            let network = network(&engine, &found).await?;
            Ok((found, version.trim().trim_start_matches('v').to_owned(), network))
        })
        .await?;
    let access = scene
        .act("API client", Place::Cluster, deadlines.command * 2, async |_| {
            let admin_conf = found.admin_conf(&engine).await.map_err(in_words)?;
            access(name, &found.containers, &engine, admin_conf).await
        })
        .await?;
    let deadline = deadlines.registration;
    let nodes = scene
        .act("nodes registered", Place::Cluster, deadline * 2, async |progress| {
            register::register(&access.client, name, &found.containers, deadline, progress).await
        })
        .await?;
    let own = owns.get(scene, &facts, &workplace.settings).await?;
    if let Own::Packed(archive) = &own {
        let names: Vec<String> = found.nodes().map(|node| node.name.clone()).collect();
        let privileges = &workplace.settings.privileges;
        own_image::into_nodes(scene, &engine, &names, archive, privileges).await?;
    }
    scene
        .act("vantage", Place::Cluster, deadlines.request, async |_| {
            match choose(&workplace.settings, &facts, &nodes).await {
                Chosen::Host => Ok(()),
                Chosen::Container { because } => Err(Seen::new(format!(
                    "the sockets of a cluster that is used as it is are asked from here only, and \
                     that cannot be, because {because}"
                ))),
            }
        })
        .await?;
    scene
        .act("ready", Place::Cluster, deadlines.request * 2, async |_| {
            let ip_family = ip_family(&nodes);
            let pools = pools(&engine, &found, &network, ip_family).await?;
            let kube_proxy = kube_proxy(&access.client).await?;
            let cluster = KindCluster::new(Parts {
                name: scene.cluster.clone(),
                facts: ClusterFacts {
                    kubernetes: Some(version),
                    nodes: nodes.len(),
                    api_server: None,
                    kube_proxy,
                    ip_family,
                    images: gateproof_stack::Images::Pulled,
                },
                access,
                containers: found.containers,
                nodes,
                engine,
                own_image: own.reference().to_owned(),
                prober: Arc::new(LocalProber),
                network,
                pools,
                transcripts: Transcripts::default(),
                belongs: Belongs::ToSomebodyElse,
                surroundings: scene.surroundings.clone(),
                deadlines,
                stack: workplace.stack.clone(),
                helm: HelmChoices::of(&workplace.settings),
            })
            .await?;
            Ok(cluster.expecting(cilium))
        })
        .await
}

fn in_words(error: impl std::fmt::Display) -> Seen {
    Seen::new(error.to_string())
}

/// A cluster of which a part does not run would fail later, with less to say.
fn all_run(found: &Found) -> Result<(), Seen> {
    let ended: Vec<String> = found
        .containers
        .iter()
        .filter(|container| container.phase != Phase::Running)
        .map(|container| format!("{}: {}", container.name, crate::actions::ended(&container.phase)))
        .collect();
    if ended.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = found.containers.iter().map(|container| &*container.name).collect();
    Err(Seen::new(format!(
        "not all of its containers run ({}); start them with `docker start {}`, or delete the \
         cluster",
        ended.join("; "),
        names.join(" ")
    )))
}

/// The network that the containers share.
async fn network(engine: &Engine, found: &Found) -> Result<NetworkState, Seen> {
    let names = found.containers.iter().flat_map(|container| container.addresses.keys());
    let name = names.min().ok_or_else(|| Seen::new("its containers are on no network"))?;
    let network = engine.inspect_network(name).await?;
    network.ok_or_else(|| Seen::new(format!("there is no Docker network {name} any more")))
}

/// The families of the nodes' addresses.
fn ip_family(nodes: &[Node]) -> IpFamily {
    let has = |is: fn(&IpAddr) -> bool| nodes.iter().any(|node| node.addresses.iter().any(is));
    match (has(IpAddr::is_ipv4), has(IpAddr::is_ipv6)) {
        (true, true) => IpFamily::Dual,
        (false, true) => IpFamily::V6,
        _ => IpFamily::V4,
    }
}

/// The addresses for load balancers: those on its label, else a block that nobody holds.
async fn pools(
    engine: &Engine,
    found: &Found,
    network: &NetworkState,
    family: IpFamily,
) -> Result<Vec<Cidr>, Seen> {
    let of = |container: &ContainerState| {
        container.labels.get(label::ADDRESS_POOL).map(|text| address_pool::from_label(text))
    };
    if let Some(own) = found.containers.iter().find_map(of) {
        return Ok(own);
    }
    let others = engine.list_containers(&[(label::ADDRESS_POOL, None)]).await?;
    let held: Vec<Cidr> = others.iter().filter_map(of).flatten().collect();
    address_pool::blocks(network, family, &found.name, &held).map_err(in_words)
}
