//! kind clusters, natively over the Docker API.
//!
//! [`plan`] is pure: from a topology and what the engine can do to containers, kubeadm documents
//! and files, as values that can be printed and compared. [`engine`] alone speaks to
//! Docker. What happens in between are small actions, one a file. Interoperable with
//! kubernetes-sigs/kind v0.33.0: the same names, labels, network and documents, so that the
//! `kind` program works on these clusters; kind keeps no state of its own.
//!
//! Deliberately absent: building node images, and any state outside of labels and the journal.

pub mod actions;
mod address_book;
pub mod address_pool;
mod adoption;
pub mod api_endpoint;
mod bring_up;
pub mod capability;
pub mod choice;
pub mod cidr;
pub mod cluster;
pub mod container;
pub mod discovery;
pub mod docker_config;
pub mod endpoint;
pub mod engine;
pub mod engine_facts;
pub mod evidence;
pub mod helm;
mod host;
pub mod image;
pub mod image_reference;
pub mod images;
pub mod kept;
pub mod kubeconfig;
pub mod label;
pub mod log_line;
pub mod network;
pub mod nodes;
pub mod own_image;
pub mod plan;
pub mod preflight;
pub mod prober;
pub mod provider;
pub mod pull_failure;
pub mod registry_credentials;
pub mod removal;
pub mod settings;
mod stack_fit;
mod transcript;
mod transport;
pub mod volume;
mod watch;
