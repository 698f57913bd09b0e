//! HTTP, HTTPS and TCP probes that keep the cause and the phase timings.
//!
//! A probe asks one question of one socket, once. Whatever happens is an observation
//! ([`gateproof_core::observation`]): a refused connection, a wrong certificate and a silent peer
//! are answers, not errors. Repeating, waiting and judging belong to the callers; the bookkeeping
//! for "so many times in a row" and "for so long" is in [`converge`] and reads no clock.
//!
//! Read in this order: [`request`] (the question), [`roots`] (whom it trusts), [`connect`],
//! `tls` and `http` (the three phases).

pub mod connect;
pub mod converge;
mod deadline;
mod http;
pub mod request;
pub mod roots;
mod tls;

pub use connect::tcp;
pub use http::http;
pub use request::{HttpProbe, ServerNameChoice, Timeouts, TlsProbe, TlsVersions, VersionChoice};
pub use roots::{RootsError, TrustRoots};
