//! Images in an engine: pulled once, saved to a bundle, loaded from one.
//!
//! The engine's own store is the cache of this machine: it keeps images by the digests of their
//! content, and every cluster on it is fed from there.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::bundle::{self, BundleError, Index, Saved};
use super::needed::NeededImage;
use crate::engine::{Engine, EngineError, Pull};
use crate::image::{ImageState, PullProgress};

/// Images could not be brought where they are wanted.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine refused.
    #[error("{0}")]
    Engine(Box<EngineError>),
    /// The bundle cannot be written or read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Images are missing.
    #[error(
        "the engine does not have {}; `gateproof images pull` fetches what a plan needs",
        .0.join(", ")
    )]
    Missing(Vec<String>),
    /// A scratch file cannot be used.
    #[error("keep an image in a scratch file: {0}")]
    Scratch(std::io::Error),
    /// The engine has something else than the bundle says.
    #[error(
        "the engine has {found} as {reference} after loading it, and the bundle says {expected}"
    )]
    Other {
        /// The image's name.
        reference: String,
        /// What the engine has.
        found: String,
        /// What the bundle says.
        expected: String,
    },
}

impl From<EngineError> for HostError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

/// What came of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// The engine had it.
    Present,
    /// It was fetched.
    Fetched,
}

/// Sees to it that the engine has an image, under its name with a tag.
///
/// # Errors
/// When it cannot be pulled.
pub async fn pull(
    engine: &Engine,
    image: &NeededImage,
    deadline: Duration,
    on_progress: impl FnMut(&PullProgress),
) -> Result<Pulled, HostError> {
    if engine.inspect_image(&image.reference).await?.is_some() {
        return Ok(Pulled::Present);
    }
    let pinned = image.digest.as_ref().map(|digest| format!("{}@{digest}", image.reference));
    let wanted = pinned.as_deref().unwrap_or(&image.reference);
    let pull = Pull { reference: wanted, platform: None, credentials: None, deadline };
    engine.pull_image(&pull, on_progress).await?;
    if engine.inspect_image(&image.reference).await?.is_none() {
        // What is pulled by digest has no tag, and is found by its repository and digest.
        let repository = repository(&image.reference);
        let digest = image.digest.as_deref().unwrap_or_default();
        engine.tag_image(&format!("{repository}@{digest}"), &image.reference).await?;
    }
    Ok(Pulled::Fetched)
}

/// A reference without its tag.
fn repository(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => reference,
    }
}

/// Saves images to a bundle. All of them, or an error that names every one that is missing.
///
/// # Errors
/// When one is missing, or the file cannot be written.
pub async fn save(engine: &Engine, references: &[String], path: &Path) -> Result<Index, HostError> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for reference in references {
        match engine.inspect_image(reference).await? {
            Some(image) => found.push((reference.clone(), image)),
            None => missing.push(reference.clone()),
        }
    }
    if !missing.is_empty() {
        return Err(HostError::Missing(missing));
    }
    let mut images = Vec::new();
    for (reference, image) in found {
        let file = archive(engine, &reference, &image).await?;
        let platform = image.platform.to_string();
        images.push(Saved { reference, id: image.id, platform, file });
    }
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || bundle::write(&path, images)).await;
    Ok(written.map_err(|error| HostError::Scratch(std::io::Error::other(error)))??)
}

/// An image's archive in a scratch file that nobody else sees, of its own platform alone.
///
/// # Errors
/// When the engine does not save it, or the disk is full.
pub async fn archive(
    engine: &Engine,
    reference: &str,
    image: &ImageState,
) -> Result<File, HostError> {
    let file = tempfile::tempfile().map_err(HostError::Scratch)?;
    let mut writes = tokio::fs::File::from_std(file.try_clone().map_err(HostError::Scratch)?);
    let mut pieces = Box::pin(engine.save_images(&[reference], Some(&image.platform)));
    while let Some(piece) = pieces.next().await {
        writes.write_all(&piece?).await.map_err(HostError::Scratch)?;
    }
    writes.flush().await.map_err(HostError::Scratch)?;
    let mut file = file;
    file.seek(SeekFrom::Start(0)).map_err(HostError::Scratch)?;
    Ok(file)
}

/// Loads every image of a bundle into the engine.
///
/// # Errors
/// When the bundle is damaged, or the engine refuses an image.
pub async fn load(engine: &Engine, path: &Path, deadline: Duration) -> Result<Index, HostError> {
    let (engine, path) = (engine.clone(), path.to_owned());
    let runtime = tokio::runtime::Handle::current();
    let loaded = tokio::task::spawn_blocking(move || {
        bundle::read(&path, |part, file| runtime.block_on(load_one(&engine, part, file, deadline)))
    });
    loaded.await.map_err(|error| HostError::Scratch(std::io::Error::other(error)))?
}

async fn load_one(
    engine: &Engine,
    part: &bundle::Part,
    file: File,
    deadline: Duration,
) -> Result<(), HostError> {
    let has = async || engine.inspect_image(&part.reference).await;
    if has().await?.is_some_and(|image| image.id == part.id) {
        return Ok(());
    }
    let pieces = ReaderStream::new(tokio::fs::File::from_std(file));
    engine.load_images(&part.reference, pieces, deadline).await?;
    match has().await? {
        Some(image) if image.id == part.id => Ok(()),
        other => Err(HostError::Other {
            reference: part.reference.clone(),
            found: other.map_or_else(|| "nothing".to_owned(), |image| image.id),
            expected: part.id.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::repository;

    #[test]
    fn a_tag_is_told_from_a_port() {
        for (reference, expected) in [
            ("quay.io/cilium/cilium:v1", "quay.io/cilium/cilium"),
            ("mirror.test:5000/a/b:1", "mirror.test:5000/a/b"),
            ("mirror.test:5000/a/b", "mirror.test:5000/a/b"),
            ("a", "a"),
        ] {
            assert_eq!(repository(reference), expected);
        }
    }
}
