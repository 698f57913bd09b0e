//! Our own image: packed once for all clusters of this process, and loaded into nodes and, where a
//! prober must stand inside, into the engine.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::OnceCell;

use super::{ActionError, Place, Scene, Seen};
use crate::container::Privileges;
use crate::engine::Engine;
use crate::engine_facts::EngineFacts;
use crate::images::node::{self, LoadError, Loadable, Loaded, Rights};
use crate::own_image::archive::Archive;
use crate::own_image::{self, PackError};
use crate::settings::{OwnImage, Settings};

/// How long packing may take: it reads and hashes some tens of megabytes.
const PACKING: Duration = Duration::from_mins(2);

/// How long loading may take, into one node or the engine.
pub(crate) const LOADING: Duration = Duration::from_mins(5);

/// Our own image, as the clusters of this process share it.
#[derive(Debug, Default)]
pub(crate) struct OwnImages {
    packed: OnceCell<Arc<Archive>>,
    in_engine: OnceCell<()>,
}

/// Our own image, for one cluster.
#[derive(Debug, Clone)]
pub(crate) enum Own {
    /// Nodes pull it.
    Published(String),
    /// It is loaded.
    Packed(Arc<Archive>),
}

impl Own {
    /// The name under which nodes know it.
    pub(crate) fn reference(&self) -> &str {
        match self {
            Self::Published(reference) => reference,
            Self::Packed(archive) => &archive.reference,
        }
    }
}

impl OwnImages {
    /// The image, packed now if nobody has done so yet.
    pub(crate) async fn get(
        &self,
        scene: &Scene,
        facts: &EngineFacts,
        settings: &Settings,
    ) -> Result<Own, ActionError> {
        if let OwnImage::Published(reference) = &settings.own_image {
            return Ok(Own::Published(reference.clone()));
        }
        let architecture = &facts.architecture;
        scene
            .act("pack own image", Place::Cluster, PACKING, async |progress| {
                progress.awaiting("this program is not packed yet");
                let archive = self.packed.get_or_try_init(pack).await?;
                own_image::must_run_on(&archive.platform, architecture)
                    .map_err(|error| Seen::new(error.to_string()))?;
                Ok(Own::Packed(Arc::clone(archive)))
            })
            .await
    }

    /// Sees to it that the engine can start containers of it.
    pub(crate) async fn load(
        &self,
        scene: &Scene,
        engine: &Engine,
        archive: &Archive,
    ) -> Result<(), ActionError> {
        scene
            .act("load own image", Place::Cluster, LOADING, async |progress| {
                progress.awaiting(&format!("the engine has no {} yet", archive.reference));
                let load = async || Ok(own_image::load(engine, archive, LOADING).await?);
                self.in_engine.get_or_try_init(load).await.copied()
            })
            .await
    }
}

async fn pack() -> Result<Arc<Archive>, Seen> {
    let packing = tokio::task::spawn_blocking(|| {
        let program = std::env::current_exe()
            .map_err(|error| Seen::new(format!("this program cannot be found: {error}")))?;
        own_image::pack(&program, env!("CARGO_PKG_VERSION")).map_err(|error| seen(&error))
    });
    match packing.await {
        Ok(packed) => packed.map(Arc::new),
        Err(error) => Err(Seen::new(format!("packing did not come to an end: {error}"))),
    }
}

fn seen(error: &PackError) -> Seen {
    match error {
        PackError::Read { source, .. } => Seen::new(format!("{error}: {source}")),
        _ => Seen::new(error.to_string()),
    }
}

/// Loads an image into nodes, all at once; every node that fails is told.
pub(crate) async fn into_nodes(
    scene: &Scene,
    engine: &Engine,
    nodes: &[String],
    archive: &Archive,
    privileges: &Privileges,
) -> Result<(), ActionError> {
    scene
        .act("own image into nodes", Place::Cluster, LOADING * 2, async |progress| {
            progress.awaiting(&format!("{} is not in every node yet", archive.reference));
            let octets = archive.octets.clone();
            let open = move || {
                let octets = octets.clone();
                stream::once(async move { Ok(octets) }).boxed()
            };
            let image = Loadable { reference: &archive.reference, id: &archive.id, archive: &open };
            let loaded = node::load(engine, nodes, &image, rights(privileges), LOADING).await;
            told(&loaded)
        })
        .await
}

/// With which rights commands run in nodes that have these.
pub(crate) fn rights(privileges: &Privileges) -> Rights {
    match privileges {
        Privileges::Privileged => Rights::Privileged,
        Privileges::Default | Privileges::Capabilities(_) => Rights::OfTheNode,
    }
}

/// Every node into which an image could not be loaded.
pub(crate) fn told(loaded: &[Result<Loaded, LoadError>]) -> Result<(), Seen> {
    let failures: Vec<String> =
        loaded.iter().filter_map(|done| done.as_ref().err()).map(in_words).collect();
    if failures.is_empty() { Ok(()) } else { Err(Seen::new(failures.join("; "))) }
}

fn in_words(error: &LoadError) -> String {
    match error {
        LoadError::Engine { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}
