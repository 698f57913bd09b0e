//! Docker engines, as cleaning sees them: everything with our labels, and whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::Duration;

use async_trait::async_trait;
use gateproof_kind::endpoint::Endpoint;
use gateproof_kind::engine::Engine;
use gateproof_kind::kept::{self, Kept};
use gateproof_kind::label;
use gateproof_kubernetes::Thing;

use crate::leftovers::{Caretaker, Claim, Found};

/// How long an engine may take to answer at all when leftovers are looked for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The engines that this process can reach.
#[derive(Debug, Clone)]
pub struct Engines {
    /// The one that is used when nothing else is said.
    pub usual: Endpoint,
    /// Where programs such as `ssh` are looked for; `None` for this process's own `PATH`.
    pub search_path: Option<OsString>,
}

impl Engines {
    /// A connection to the usual engine.
    ///
    /// # Errors
    ///
    /// When it does not answer, in words.
    pub async fn usual(&self) -> Result<Engine, String> {
        self.connect(&self.usual.to_string()).await
    }

    async fn connect(&self, engine: &str) -> Result<Engine, String> {
        // The usual one may have keys, which its name does not tell.
        let endpoint = if engine == self.usual.to_string() {
            self.usual.clone()
        } else {
            Endpoint::parse(engine).map_err(|error| error.to_string())?
        };
        let engine = Engine::connect(endpoint, self.search_path.clone()).await;
        engine.map(|engine| engine.with_patience(PATIENCE)).map_err(|error| error.to_string())
    }
}

#[async_trait]
impl Caretaker for Engines {
    fn usual_engine(&self) -> String {
        self.usual.to_string()
    }

    async fn find(&self, engine: &str) -> Result<Vec<Found>, String> {
        let connection = self.connect(engine).await?;
        look(&connection).await.map_err(|error| error.to_string())
    }

    async fn remove(&self, found: &Found) -> Result<(), String> {
        let engine = match &found.thing {
            Thing::Container { engine, .. }
            | Thing::Volume { engine, .. }
            | Thing::Network { engine, .. }
            | Thing::Image { engine, .. } => engine,
            Thing::File { .. } | Thing::Objects { .. } => {
                return Err("it is on no engine".to_owned());
            }
        };
        let engine = self.connect(engine).await?;
        let removed = match &found.thing {
            Thing::Container { .. } => engine.remove_container(&found.id).await,
            Thing::Volume { .. } => engine.remove_volume(&found.id).await,
            Thing::Network { .. } => engine.remove_network(&found.id).await,
            Thing::Image { .. } => engine.remove_image(&found.id).await,
            Thing::File { .. } | Thing::Objects { .. } => Ok(()),
        };
        removed.map_err(|error| error.to_string())
    }
}

/// Everything with the label of a run.
async fn look(engine: &Engine) -> Result<Vec<Found>, gateproof_kind::engine::EngineError> {
    const OURS: &[(&str, Option<&str>)] = &[(label::RUN, None)];
    let name = engine.endpoint().to_string();
    let containers = engine.list_containers(OURS).await?;
    let kept = kept::list(engine).await?;
    // Stopped containers hold no address of a network and use it all the same.
    let everybody = engine.list_containers(&[]).await?;
    let in_use: BTreeSet<&String> =
        everybody.iter().flat_map(|container| container.addresses.keys()).collect();
    let images: BTreeSet<&str> =
        everybody.iter().map(|container| container.image.as_str()).collect();
    let standing: BTreeSet<Kept> =
        containers.iter().filter_map(|container| mark_of(&container.labels)).collect();
    let claim_of = |labels: &BTreeMap<String, String>| {
        let mark = mark_of(labels).filter(|mark| kept.contains(mark));
        if mark.is_some() { Claim::Kept } else { Claim::None }
    };
    let mut all = Vec::new();
    for container in &containers {
        let thing = Thing::Container { engine: name.clone(), name: container.name.clone() };
        all.push(found(thing, &container.id, &container.labels, claim_of(&container.labels)));
    }
    for volume in engine.list_volumes(OURS).await? {
        let thing = Thing::Volume { engine: name.clone(), name: volume.name.clone() };
        // The mark of a kept cluster stays with it, and goes when its containers are gone.
        let marks = volume.labels.get(label::KEPT).is_some_and(|cluster| {
            let run = volume.labels.get(label::RUN).cloned().unwrap_or_default();
            standing.contains(&Kept { cluster: cluster.clone(), run })
        });
        let claim = if marks { Claim::Kept } else { claim_of(&volume.labels) };
        all.push(found(thing, &volume.name, &volume.labels, claim));
    }
    for network in engine.list_networks(OURS).await? {
        let thing = Thing::Network { engine: name.clone(), name: network.name.clone() };
        let used = in_use.contains(&network.name) && used_by_others(&network.name, &everybody);
        let claim = if used { Claim::InUse } else { claim_of(&network.labels) };
        all.push(found(thing, &network.id, &network.labels, claim));
    }
    for image in engine.list_images(OURS).await? {
        let reference = image.tags.first().cloned().unwrap_or_else(|| image.id.clone());
        let names = image.tags.iter().map(String::as_str).chain([image.id.as_str()]);
        let used = names.clone().any(|name| images.contains(name));
        let thing = Thing::Image { engine: name.clone(), reference };
        let claim = if used { Claim::InUse } else { claim_of(&image.labels) };
        all.push(found(thing, &image.id, &image.labels, claim));
    }
    Ok(all)
}

/// Whether containers that are not ours are on a network; ours go before it.
fn used_by_others(network: &str, everybody: &[gateproof_kind::container::ContainerState]) -> bool {
    everybody.iter().any(|container| {
        container.addresses.contains_key(network) && !container.labels.contains_key(label::RUN)
    })
}

/// The mark that would hand over what has these labels.
fn mark_of(labels: &BTreeMap<String, String>) -> Option<Kept> {
    let cluster = labels.get(label::CLUSTER)?.clone();
    Some(Kept { cluster, run: labels.get(label::RUN)?.clone() })
}

fn found(thing: Thing, id: &str, labels: &BTreeMap<String, String>, claim: Claim) -> Found {
    let text = |name: &str| labels.get(name).cloned().unwrap_or_default();
    Found {
        thing,
        id: id.to_owned(),
        run: text(label::RUN),
        owner: text(label::OWNER).parse().ok(),
        claim,
    }
}
