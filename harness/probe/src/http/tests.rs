//! Probes against real servers on loopback: every cause fires once, and a look-alike shows the
//! other cause.

mod message;
mod pki;
mod server;
mod tls;
