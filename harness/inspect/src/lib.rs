//! Fills a [`Dossier`](gateproof_core::dossier::Dossier) about a cluster: from the live API, with
//! reads alone, or from a folder of what was dumped from one.
//!
//! Both ways end in the same [`evidence`], which redacts whatever is handed to it, and the same
//! [`assemble`], which is pure: so a folder gives the dossier of the cluster it was dumped from.
//! What could not be read becomes part of the dossier and never an error.
//!
//! Read in this order: [`reading`] (what is looked at, and what is hidden without it), [`evidence`],
//! [`assemble`], [`live`], [`mod@folder`], [`mod@bundle`].

mod assemble;
mod bundle;
mod component;
mod evidence;
mod folder;
mod live;
mod options;
mod reading;

pub use assemble::{nodes, served};
pub use bundle::{BundleError, bundle};
pub use folder::{FolderError, folder};
pub use live::live;
pub use options::Options;
