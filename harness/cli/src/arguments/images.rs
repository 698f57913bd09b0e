//! `gateproof images …`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Choice;
use super::kind::ClusterImages;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// List every image that a run on kind clusters needs, with its reason.
    List(ImagesArguments),
    /// Pull what a run needs into the Docker engine, once; clusters are fed from there.
    Pull(ImagesArguments),
    /// Save what a run needs from the Docker engine to one file.
    Save {
        #[command(flatten)]
        images: ImagesArguments,
        /// The file.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Load a saved file into the Docker engine: then runs need no registry.
    Load {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct ImagesArguments {
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) images: ClusterImages,
}
