//! A prober elsewhere whose session may end: the next question begins another.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use gateproof_core::observation::{HandshakeObservation, HttpObservation, TcpObservation};
use tokio::sync::Mutex;

use super::{ProbeError, Prober, RemoteProber};
use crate::request::{HandshakeProbe, HttpProbe, TcpProbe};

/// Where a `gateproof prober` can be started.
#[async_trait]
pub trait Place: fmt::Debug + Send + Sync {
    /// Starts one and begins a session with it.
    async fn begin(&self) -> Result<RemoteProber, ProbeError>;
}

/// Asks from a place. When a session ends, the next question begins another.
#[derive(Debug)]
pub struct RenewedProber<P> {
    place: P,
    session: Mutex<Option<Arc<RemoteProber>>>,
}

impl<P: Place> RenewedProber<P> {
    /// Asks from this place.
    ///
    /// # Errors
    /// When no prober answers there.
    pub async fn start(place: P) -> Result<Self, ProbeError> {
        let prober = Self { place, session: Mutex::new(None) };
        prober.session().await?;
        Ok(prober)
    }

    async fn session(&self) -> Result<Arc<RemoteProber>, ProbeError> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_ref().filter(|session| session.ended().is_none()) {
            return Ok(Arc::clone(session));
        }
        let begun = Arc::new(self.place.begin().await?);
        *session = Some(Arc::clone(&begun));
        Ok(begun)
    }
}

#[async_trait]
impl<P: Place> Prober for RenewedProber<P> {
    async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError> {
        self.session().await?.tcp(probe).await
    }

    async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError> {
        self.session().await?.http(probe).await
    }

    async fn handshake(&self, probe: &HandshakeProbe) -> Result<HandshakeObservation, ProbeError> {
        self.session().await?.handshake(probe).await
    }
}
