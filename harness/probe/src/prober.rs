//! Who asks: this process, or a prober that stands where addresses of the cluster are reachable.
//!
//! Both take the same questions and give the same observations, because the other prober runs the
//! same code: [`serve`] answers lines of JSON ([`protocol`]) with what [`crate::tcp`],
//! [`crate::http`] and [`crate::handshake`] saw, and [`RemoteProber`] asks over any stream, and
//! [`RenewedProber`] begins another session when one has ended. Where a container must be
//! started for it is a provider's business.
//!
//! A prober that could not ask is an error here and never an observation: nothing is known of the
//! cluster then.

mod line;
pub mod protocol;
mod remote;
mod renewed;
mod serve;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::observation::{HandshakeObservation, HttpObservation, TcpObservation};

use crate::request::{HandshakeProbe, HttpProbe, TcpProbe};

pub use remote::RemoteProber;
pub use renewed::{Place, RenewedProber};
pub use serve::{ServeError, serve};

/// Asks one question of one socket, once.
#[async_trait]
pub trait Prober: fmt::Debug + Send + Sync {
    /// Tries a TCP handshake.
    async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError>;

    /// Sends an HTTP or HTTPS request.
    async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError>;

    /// Tries a TLS handshake.
    async fn handshake(&self, probe: &HandshakeProbe) -> Result<HandshakeObservation, ProbeError>;
}

/// Asks from this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalProber;

#[async_trait]
impl Prober for LocalProber {
    async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError> {
        Ok(crate::tcp(probe.socket, probe.timeout).await)
    }

    async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError> {
        Ok(crate::http(probe).await)
    }

    async fn handshake(&self, probe: &HandshakeProbe) -> Result<HandshakeObservation, ProbeError> {
        Ok(crate::handshake(probe).await)
    }
}

/// A prober could not ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// It could not be reached in the first place.
    #[error("the prober {place} could not be started: {reason}")]
    NotStarted {
        /// Which prober, such as `in container gp-x-prober`.
        place: String,
        /// What went wrong.
        reason: String,
    },
    /// It is there no more.
    #[error("the prober {place} ended: {reason}")]
    Ended {
        /// Which prober.
        place: String,
        /// What is known of its end.
        reason: String,
    },
    /// It did not answer, although every probe ends by itself.
    #[error("the prober {place} did not answer within {} s", after.as_secs())]
    Silent {
        /// Which prober.
        place: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// What it wrote is no answer to the question.
    #[error("the prober {place} wrote what is no answer: {what}")]
    Nonsense {
        /// Which prober.
        place: String,
        /// What is wrong with it, and how it begins.
        what: String,
    },
    /// It did not take the question.
    #[error("the prober {place} refused a question: {reason}")]
    Refused {
        /// Which prober.
        place: String,
        /// Its words.
        reason: String,
    },
    /// It speaks another version of the protocol.
    #[error(
        "the prober {place} is gateproof {program} and speaks version {theirs} of the protocol, \
         this is version {}; use the same gateproof on both sides",
        protocol::VERSION
    )]
    OtherVersion {
        /// Which prober.
        place: String,
        /// The version it speaks.
        theirs: u32,
        /// The program it is.
        program: String,
    },
}

#[cfg(test)]
mod tests;
