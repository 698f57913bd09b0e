//! Probes against real servers on loopback: every cause fires once, and a look-alike shows the
//! other cause.

mod message;
pub(crate) mod pki;
pub(crate) mod server;
mod tls;
