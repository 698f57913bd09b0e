//! Apply, wait and snapshot over any Kubernetes client, and what every cluster provider hands over.
//!
//! The only crate that knows `kube`: objects go in and come out as JSON values, so the same code
//! serves the API in process, kind clusters and clusters that somebody runs already.
//!
//! Read in this order: [`client`] (how to reach a cluster), [`access`] and [`patience`] (one that
//! somebody else runs), [`object`] (one object at a time), [`page`] (objects of a kind, a page at a
//! time), [`error`] (what the API refused and why), [`apply`] (many objects, in an order that
//! works), [`exec`] (a program in a container), [`snapshot`] (everything the reference model reads),
//! [`replica`] (a copy that follows), [`wait`] (the only module that polls), [`condition`] (status
//! conditions as enums), [`cluster`] (what a provider hands over), [`provision`] (what it works
//! with) and [`owner`] (whose its things are).

pub mod access;
pub mod apply;
pub mod client;
pub mod cluster;
pub mod condition;
mod discovery;
pub mod error;
pub mod exec;
#[cfg(test)]
mod memory_api;
pub mod object;
pub mod owner;
pub mod page;
pub mod patience;
pub mod pod_log;
pub mod pod_metric;
pub mod provision;
pub mod replica;
pub mod review;
pub mod secret;
pub mod service_proxy;
pub mod snapshot;
pub mod wait;

pub use access::{Access, AccessError, Authority, Place};
pub use apply::{ApplyAllError, ApplyOptions};
pub use client::{Client, ConnectError};
pub use cluster::{AddressBook, Cluster, Component, Provider, ProviderError, StackRequest};
pub use error::{ApplyError, Cause, FieldProblem, Operation, ReadError, Rejection, RequestError};
pub use exec::{Conversation, ExecRequest};
pub use object::Deleted;
pub use owner::{Owner, Standing};
pub use page::{Page, PageRequest};
pub use patience::Patience;
pub use pod_log::{Life, LogPart, LogRequest};
pub use pod_metric::PodPort;
pub use provision::{
    Action, Ledger, LedgerError, Limits, News, Remains, Surroundings, Thing, Witness,
};
pub use replica::Replica;
pub use review::{Allowed, Permission};
pub use service_proxy::SecurePort;
pub use snapshot::{KindRef, REFERENCE_KINDS, Snapshot};
pub use wait::{Poll, WaitError, Watched};
