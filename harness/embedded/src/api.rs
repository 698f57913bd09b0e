//! The embedded cluster's Kubernetes API server: an object store and its HTTP face.
//!
//! Controllers use the [`Store`] directly; everything else speaks HTTP through [`service()`], in
//! process or behind a socket. It serves the kinds of [`resources`], with what clients rely on:
//! resource versions, watches, field ownership, validation by the Gateway API's own rules,
//! finalizers and garbage collection.
//!
//! It deliberately has no authentication beyond one token ([`server`]), no admission chain, no persistence and no controllers: an
//! object is what was written, plus the metadata and defaults an API server owes it.

pub mod clock;
pub mod error;
pub mod http;
pub mod object;
pub mod resources;
pub mod server;
pub mod store;

mod admission;
mod certificate_request;
mod custom;
mod defaults;
mod fields;
mod kinds;
mod pod_log;
mod pod_network;
mod protobuf;
mod secret;
mod selector;

pub(crate) use clock::ClockWithPast;
pub use clock::{Clock, SystemClock};
pub use error::ApiError;
pub use http::{ApiBody, ApiService, service};
pub use object::ObjectName;
pub use pod_log::{PodLog, PodLogs};
pub(crate) use pod_network::PodNetwork;
pub use resources::Kind;
#[cfg(test)]
pub(crate) use secret::base64;
pub use server::{Access, ApiServer, Face};
pub use store::{Applied, Outcome, Part, Store};
