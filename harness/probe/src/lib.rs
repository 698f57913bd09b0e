//! HTTP, HTTPS, TLS and TCP probes that keep the cause and the phase timings.
//!
//! A probe asks one question of one socket, once. Whatever happens is an observation
//! ([`gateproof_core::observation`]): a refused connection, a wrong certificate and a silent peer
//! are answers, not errors. Repeating, waiting and judging belong to the callers; the bookkeeping
//! for "so many times in a row" and "for so long" is in [`converge`] and reads no clock.
//!
//! Read in this order: [`request`] (the question), [`roots`] (whom it trusts), [`connect`],
//! `tls` and `http` (the three phases), `handshake` (the second alone), [`prober`] (asking from here, or from elsewhere).

pub mod connect;
pub mod converge;
mod deadline;
mod handshake;
mod hexadecimal;
mod http;
pub mod prober;
pub mod request;
pub mod roots;
mod tls;

pub use connect::tcp;
pub use handshake::handshake;
pub use http::http;
pub use prober::{LocalProber, ProbeError, Prober};
pub use request::{
    HandshakeProbe, HttpProbe, ServerNameChoice, TcpProbe, Timeouts, TlsProbe, TlsVersions,
    VersionChoice,
};
pub use roots::{RootsError, TrustRoots};
pub use tls::certificate::describe as describe_certificate;
