//! Our own image: the running program, packed so that nodes and helper containers can run it.
//!
//! Backends are `gateproof echo` and the prober inside a cluster's network is `gateproof prober`,
//! so a run needs no image of anybody else for them. The image is made from the executable of this
//! very process: a static one alone, a dynamic one with its interpreter and libraries
//! ([`executable`] reads which, [`libraries`] asks the interpreter where they are). [`archive`]
//! packs it such that the same program always makes the same image, and its id is known before any
//! engine has seen it.
//!
//! Deliberately absent: a build with a Dockerfile, because it needs an engine, and its ids differ
//! each time.

pub mod archive;
pub mod executable;
pub mod libraries;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::{Engine, EngineError};
use crate::image::Platform;
use archive::{Archive, Entry};
use executable::{Executable, Linkage, NotUsable};
use libraries::LibrariesError;

/// The repository of images that were packed here; no registry has it.
pub const REPOSITORY: &str = "gateproof.local/gateproof";

/// The folder for libraries in the image.
const LIBRARY_FOLDER: &str = "lib/gateproof";

/// The program in the image.
const PROGRAM: &str = "gateproof";

/// Our image cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// This program cannot run in a container of Linux.
    #[error(
        "{} cannot be packed as an image: {source}; name a published image of gateproof instead, \
         with `--image` or GATEPROOF_IMAGE",
        path.display()
    )]
    NotUsable {
        /// The program.
        path: PathBuf,
        /// Why not.
        #[source]
        source: NotUsable,
    },
    /// The program's libraries cannot be found.
    #[error(
        "{} needs libraries of this machine, and they cannot be packed with it: {source}; \
         make it static (`cargo rustc -p gateproof-cli --bin gateproof -- -C \
         target-feature=+crt-static`, or build for a musl target), or name a published image \
         with `--image` or GATEPROOF_IMAGE",
        path.display()
    )]
    Libraries {
        /// The program.
        path: PathBuf,
        /// Why not.
        #[source]
        source: LibrariesError,
    },
    /// The engine's machine is of another kind.
    #[error(
        "this program is for {ours}, and the engine runs {theirs}: its own image would not run \
         there; name a published image of gateproof with `--image` or GATEPROOF_IMAGE"
    )]
    OtherPlatform {
        /// What this program runs on.
        ours: Platform,
        /// What the engine's machine is.
        theirs: String,
    },
}

/// Packs an executable. It blocks, and reads some tens of megabytes.
///
/// # Errors
/// When the program cannot run in a container, with what to do instead.
pub fn pack(path: &Path, version: &str) -> Result<Archive, PackError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| PackError::Read { path: path.to_owned(), source })
    };
    let octets = read(path)?;
    let program = Executable::parse(&octets)
        .map_err(|source| PackError::NotUsable { path: path.to_owned(), source })?;
    let mut entries = vec![Entry::program(PROGRAM, program.without_sections(&octets))];
    let mut env = Vec::new();
    if let Linkage::Dynamic { interpreter } = &program.linkage {
        let found = libraries::of(Path::new(interpreter), path)
            .map_err(|source| PackError::Libraries { path: path.to_owned(), source })?;
        entries.push(Entry::program(interpreter, read(Path::new(interpreter))?));
        for library in found {
            let name = format!("{LIBRARY_FOLDER}/{}", library.name);
            entries.push(Entry::program(&name, read(&library.path)?));
        }
        env.push(format!("LD_LIBRARY_PATH=/{LIBRARY_FOLDER}"));
    }
    Ok(Archive::of(
        entries,
        &archive::Settings {
            platform: program.platform,
            entrypoint: format!("/{PROGRAM}"),
            env,
            repository: REPOSITORY.to_owned(),
            version: version.to_owned(),
        },
    ))
}

/// Loads an image into the engine, unless it has this very one.
///
/// # Errors
/// When the engine refuses it.
pub async fn load(
    engine: &Engine,
    archive: &Archive,
    deadline: Duration,
) -> Result<(), EngineError> {
    let reference = &archive.reference;
    if engine.inspect_image(reference).await?.is_some_and(|found| found.id == archive.id) {
        return Ok(());
    }
    let octets = archive.octets.clone();
    let pieces = futures_util::stream::once(async move { Ok(octets) });
    engine.load_images(reference, pieces, deadline).await?;
    Ok(())
}

/// Refuses an engine on which a program for this platform would not run.
///
/// # Errors
/// When it is another architecture.
pub fn must_run_on(ours: &Platform, architecture: &str) -> Result<(), PackError> {
    if ours.architecture == architecture {
        return Ok(());
    }
    let theirs = format!("linux/{architecture}");
    Err(PackError::OtherPlatform { ours: ours.clone(), theirs })
}

#[cfg(test)]
mod tests;
