//! Images that the engine has already, into the nodes: so nothing is pulled once for every node,
//! and a bundle that was loaded into the engine is enough where there is no registry.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use gateproof_core::plan::ClusterPlan;
use tokio::sync::OnceCell;

use super::own_image::{LOADING, rights, told};
use super::{ActionError, Place, Scene, Seen};
use crate::container::Privileges;
use crate::engine::Engine;
use crate::image::ImageState;
use crate::images::host;
use crate::images::needed::{self, Certainty, NeededImage};
use crate::images::node::{self, Loadable};

/// How much of an archive is read at once.
const PIECE: usize = 1024 * 1024;

/// Archives of images, by id: each is saved once for all clusters of this process.
#[derive(Debug, Default)]
pub(crate) struct Archives(Mutex<BTreeMap<String, Arc<OnceCell<Arc<File>>>>>);

impl Archives {
    async fn get(
        &self,
        engine: &Engine,
        reference: &str,
        image: &ImageState,
    ) -> Result<Arc<File>, Seen> {
        let cell = {
            let mut archives = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(archives.entry(image.id.clone()).or_default())
        };
        let save = async || {
            let saved = host::archive(engine, reference, image).await;
            saved.map(Arc::new).map_err(|error| Seen::new(error.to_string()))
        };
        cell.get_or_try_init(save).await.cloned()
    }
}

/// Loads what the engine has of the images of a cluster's stack into its nodes. Whether the nodes
/// have all that Cilium's charts ask for, as far as that is known for sure.
pub(crate) async fn preload(
    scene: &Scene,
    engine: &Engine,
    archives: &Archives,
    (plan, kubernetes): (&ClusterPlan, &str),
    nodes: &[String],
    privileges: &Privileges,
) -> Result<gateproof_stack::Images, ActionError> {
    let wanted = needed::of_stack(std::slice::from_ref(plan), |_| Some(kubernetes.to_owned()));
    let present = scene
        .act("images of the stack", Place::Cluster, LOADING, async |_| {
            let mut present = Vec::new();
            for image in &wanted {
                if let Some(state) = engine.inspect_image(&image.reference).await? {
                    present.push((image.reference.clone(), state));
                }
            }
            Ok(present)
        })
        .await?;
    for (reference, image) in &present {
        scene
            .act("image into nodes", Place::Cluster, LOADING * 2, async |progress| {
                progress.awaiting(&format!("{reference} is not in every node yet"));
                let file = archives.get(engine, reference, image).await?;
                let open = move || pieces(Arc::clone(&file));
                let image = Loadable { reference, id: &image.id, archive: &open };
                told(&node::load(engine, nodes, &image, rights(privileges), LOADING).await)
            })
            .await?;
    }
    let there: Vec<&str> = present.iter().map(|(reference, _)| reference.as_str()).collect();
    Ok(if is_complete(&wanted, &there) {
        gateproof_stack::Images::Preloaded
    } else {
        gateproof_stack::Images::Pulled
    })
}

/// Whether all images are there. An image that is only inferred to be the right one counts when it
/// is there: whoever put it there did so because of that list.
fn is_complete(wanted: &[NeededImage], there: &[&str]) -> bool {
    let cilium = wanted.iter().filter(|image| image.reference.contains("cilium"));
    let mut any = false;
    for image in cilium {
        any = true;
        if !there.contains(&image.reference.as_str()) {
            return false;
        }
        if let Certainty::Inferred(from) = &image.certainty {
            tracing::info!(image = image.reference, from, "loaded, and inferred to be needed");
        }
    }
    any
}

/// A file from its beginning, whoever else reads it.
fn pieces(file: Arc<File>) -> BoxStream<'static, std::io::Result<Bytes>> {
    stream::try_unfold(0, move |offset| {
        let file = Arc::clone(&file);
        async move {
            let read = tokio::task::spawn_blocking(move || read_at(&file, offset));
            let piece = read.await.map_err(std::io::Error::other)??;
            let next = offset + piece.len() as u64;
            Ok((!piece.is_empty()).then_some((piece, next)))
        }
    })
    .boxed()
}

fn read_at(file: &File, offset: u64) -> std::io::Result<Bytes> {
    use std::os::unix::fs::FileExt;
    let mut piece = vec![0; PIECE];
    let length = file.read_at(&mut piece, offset)?;
    piece.truncate(length);
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_whole_by_everybody_at_once() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..PIECE * 2 + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
        file.write_all(&content).unwrap();
        let file = Arc::new(file);
        let read = async || {
            let all: Vec<_> = pieces(Arc::clone(&file)).map(Result::unwrap).collect().await;
            all.concat()
        };
        let (one, other) = tokio::join!(read(), read());
        assert_eq!(one, content);
        assert_eq!(other, content);
    }

    #[test]
    fn charts_ask_for_no_digest_only_when_every_image_of_cilium_is_there() {
        let image = |reference: &str| NeededImage {
            reference: reference.to_owned(),
            digest: None,
            reason: String::new(),
            certainty: Certainty::Known,
        };
        let wanted = [image("x/cilium/a:1"), image("x/cilium/b:1"), image("x/cert-manager:1")];
        assert!(is_complete(&wanted, &["x/cilium/a:1", "x/cilium/b:1"]));
        assert!(!is_complete(&wanted, &["x/cilium/a:1", "x/cert-manager:1"]));
        assert!(!is_complete(&wanted[2..], &["x/cert-manager:1"]));
    }
}
