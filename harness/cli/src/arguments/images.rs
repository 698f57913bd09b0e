//! `gateproof images …`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gateproof_kind::plan::mirror::REGISTRY_IMAGE;
use gateproof_runner::workplace;

use super::Choice;

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
    /// The image of nodes to which the topology gives none.
    #[arg(long, env = workplace::NODE_IMAGE, value_name = "IMAGE")]
    pub(crate) node_image: Option<String>,
    /// The image of the load balancer before several control planes.
    #[arg(long, env = workplace::LOAD_BALANCER_IMAGE, value_name = "IMAGE")]
    pub(crate) load_balancer_image: Option<String>,
    /// The image of mirrors of registries, where a run uses them.
    #[arg(
        long,
        env = workplace::REGISTRY_MIRROR,
        value_name = "IMAGE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = REGISTRY_IMAGE
    )]
    pub(crate) registry_mirror: Option<String>,
    /// The image that Helm runs in; by default one is needed only without a `helm` on PATH.
    #[arg(long, env = workplace::HELM_IMAGE, value_name = "IMAGE")]
    pub(crate) helm_image: Option<String>,
    /// A published image of gateproof, instead of one that is packed from this program.
    #[arg(long, env = workplace::OWN_IMAGE, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}
