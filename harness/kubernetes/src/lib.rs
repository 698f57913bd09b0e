//! Apply, wait and snapshot over any Kubernetes client, and what every cluster provider hands over.

pub mod client;
pub mod cluster;

pub use client::Client;
pub use cluster::{AddressBook, Cluster, Component, Provider, ProviderError, StackRequest};
