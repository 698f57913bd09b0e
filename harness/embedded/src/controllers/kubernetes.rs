//! What Kubernetes itself would do: namespaces, Services, Deployments, pods, EndpointSlices.
//!
//! Every controller is a pure function from a [`Snapshot`] to the writes it wants; only
//! [`kubelet`] also runs something (echo servers). Not here: surge
//! and unavailability of rollouts, eviction, service accounts.

pub(crate) mod container_image;
pub(crate) mod daemon_set;
pub(crate) mod deployment;
pub(crate) mod endpoint_slice;
pub(crate) mod kubelet;
pub(crate) mod namespace;
pub(crate) mod node;
pub(crate) mod node_range;
pub(crate) mod pod;
pub(crate) mod replica_set;
pub(crate) mod scheduler;
pub(crate) mod service;
