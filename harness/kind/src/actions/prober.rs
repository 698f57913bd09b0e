//! From where a new cluster is asked: from here, or by a helper container on its network.

use std::net::SocketAddr;
use std::sync::Arc;

use gateproof_core::cluster::{Node, NodeRole};
use gateproof_probe::{LocalProber, Prober};

use super::create::Creations;
use super::own_image::{Own, OwnImages};
use super::{ActionError, Place, Scene, Seen};
use crate::actions::images::Images;
use crate::engine::Engine;
use crate::engine_facts::EngineFacts;
use crate::label;
use crate::prober::vantage::{self, Chosen};
use crate::prober::{self, ContainerProber};
use crate::settings::Settings;

/// Where the API server listens inside the network.
const API_PORT: u16 = 6443;

/// Chooses from where the nodes are asked.
pub(crate) async fn choose(settings: &Settings, facts: &EngineFacts, nodes: &[Node]) -> Chosen {
    let control_plane = nodes.iter().find(|node| node.role == NodeRole::ControlPlane);
    match control_plane.and_then(Node::primary_address) {
        Some(address) => {
            let api = SocketAddr::new(address, API_PORT);
            vantage::choose(settings.vantage, facts.location, api).await
        }
        None => Chosen::Container { because: "no control plane has an address".to_owned() },
    }
}

/// What the choice rests on.
pub(crate) struct Inside<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) engine: &'a Engine,
    pub(crate) facts: &'a EngineFacts,
    pub(crate) settings: &'a Settings,
    pub(crate) network: &'a str,
    pub(crate) nodes: &'a [Node],
    pub(crate) creations: &'a Creations,
}

impl Inside<'_> {
    /// Finds a prober from which the nodes can be reached.
    pub(crate) async fn prober(
        &self,
        own: &Own,
        owns: &OwnImages,
        images: &Images,
    ) -> Result<Arc<dyn Prober>, ActionError> {
        let request = self.settings.deadlines.request;
        let chosen = self
            .scene
            .act("vantage", Place::Cluster, request, async |_| {
                Ok(choose(self.settings, self.facts, self.nodes).await)
            })
            .await?;
        let Chosen::Container { because } = chosen else { return Ok(Arc::new(LocalProber)) };
        tracing::info!(cluster = %self.scene.cluster, because, "sockets are asked from inside");
        match own {
            Own::Packed(archive) => owns.load(self.scene, self.engine, archive).await?,
            Own::Published(reference) => {
                images.ensure(self.scene, self.engine, reference, &self.settings.deadlines).await?;
            }
        }
        let spec = self.helper(own.reference());
        self.scene
            .act("prober", Place::Container(&spec.name), request * 4, async |progress| {
                progress
                    .awaiting(&format!("no prober answers yet; it is needed because {because}"));
                self.creations.create(&spec).await?;
                let prober = ContainerProber::start(self.engine.clone(), spec.name.clone()).await;
                let prober = prober.map_err(|error| Seen::new(error.to_string()))?;
                Ok(Arc::new(prober) as Arc<dyn Prober>)
            })
            .await
    }

    fn helper(&self, image: &str) -> crate::container::ContainerSpec {
        let surroundings = &self.scene.surroundings;
        let labels = [
            (label::RUN, surroundings.run.clone()),
            (label::OWNER, surroundings.owner.to_string()),
            (label::CREATED, self.settings.created.clone()),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value)).into();
        prober::helper(self.scene.cluster.as_str(), self.network, image, labels)
    }
}
