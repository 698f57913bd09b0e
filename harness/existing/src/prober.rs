//! Asking sockets of a cluster that may not be reachable from here.
//!
//! Silence from a port says that it is closed only when the same address has answered something,
//! be it a refusal. Where nothing ever answered there may simply be no way from here to the nodes;
//! then an attempt decides nothing, and is told as such.
//!
//! Nor does every answer come from whom it seems to: proxies on the way accept connections to any
//! address and port in the name of others. Before an address is believed to accept, a port is tried
//! on which nobody listens; where that accepts as well, nothing seen of the address counts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::observation::{
    HandshakeObservation, HandshakeOutcome, HttpObservation, HttpOutcome, TcpObservation,
    TcpOutcome,
};
use gateproof_probe::{HandshakeProbe, HttpProbe, LocalProber, ProbeError, Prober, TcpProbe};

/// Where every kubelet listens (kubernetes/kubernetes, `pkg/cluster/ports/ports.go`).
pub const KUBELET: u16 = 10250;

/// Where nobody listens: tcpmux, which no system has served for decades (RFC 7805 made it historic).
const UNUSED: u16 = 1;

/// How long a way to a node may take to show.
const ROUTE_WITHIN: Duration = Duration::from_millis(1500);

/// What is known of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It has answered something itself.
    Answers,
    /// Something on the way answers for it.
    SpokenFor,
}

/// Asks from this process, or from a pod, and remembers which addresses have answered anything.
#[derive(Debug, Clone)]
pub struct RememberingProber {
    asks: Arc<dyn Prober>,
    from: &'static str,
    known: Arc<Mutex<BTreeMap<IpAddr, Known>>>,
}

impl Default for RememberingProber {
    fn default() -> Self {
        Self { asks: Arc::new(LocalProber), from: "here", known: Arc::default() }
    }
}

impl RememberingProber {
    /// The same for somebody who stands in a pod of the cluster.
    pub fn inside(asks: Arc<dyn Prober>) -> Self {
        Self { asks, from: "the pod that asked", known: Arc::default() }
    }

    /// Whether anything of this address answers: its kubelet, with a handshake or a refusal.
    pub async fn reaches(&self, address: IpAddr) -> bool {
        let probe = TcpProbe { socket: (address, KUBELET).into(), timeout: ROUTE_WITHIN };
        match self.asks.tcp(&probe).await {
            Ok(seen) => self.note(address, &seen.outcome).await,
            Err(error) => tracing::debug!(%address, %error, "a way to a node could not be tried"),
        }
        self.known(address) == Some(Known::Answers)
    }

    fn known(&self, address: IpAddr) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&address).copied()
    }

    fn learn(&self, address: IpAddr, what: Known) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(address, what);
    }

    /// Learns from an outcome. A refusal is the address's own; a handshake may be somebody else's.
    async fn note(&self, address: IpAddr, outcome: &TcpOutcome) {
        match (outcome, self.known(address)) {
            (_, Some(_))
            | (TcpOutcome::TimedOut | TcpOutcome::Unreachable | TcpOutcome::Other(_), None) => {}
            (TcpOutcome::Refused | TcpOutcome::Reset, None) => self.learn(address, Known::Answers),
            (TcpOutcome::Accepted, None) => {
                let probe = TcpProbe { socket: (address, UNUSED).into(), timeout: ROUTE_WITHIN };
                let seen = self.asks.tcp(&probe).await;
                let accepts = seen.is_ok_and(|seen| seen.outcome == TcpOutcome::Accepted);
                self.learn(address, if accepts { Known::SpokenFor } else { Known::Answers });
            }
        }
    }

    /// What an outcome says when it is known whether the address ever answered.
    async fn weighed(&self, address: IpAddr, outcome: TcpOutcome) -> TcpOutcome {
        self.note(address, &outcome).await;
        match (self.known(address), outcome) {
            (Some(Known::SpokenFor), outcome) => TcpOutcome::Other(format!(
                "{outcome}, but not by {address}: from {} its port {UNUSED} accepts as well, so \
                 something on the way answers for it",
                self.from
            )),
            (None, outcome @ (TcpOutcome::TimedOut | TcpOutcome::Unreachable)) => {
                TcpOutcome::Other(format!(
                    "{outcome}, and nothing else of {address} has answered from {from} either, so \
                     there may be no way from {from} to this address",
                    from = self.from
                ))
            }
            (_, outcome) => outcome,
        }
    }
}

#[async_trait]
impl Prober for RememberingProber {
    async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError> {
        let mut seen = self.asks.tcp(probe).await?;
        seen.outcome = self.weighed(probe.socket.ip(), seen.outcome).await;
        Ok(seen)
    }

    async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError> {
        let mut seen = self.asks.http(probe).await?;
        let address = probe.socket.ip();
        seen.outcome = match seen.outcome {
            HttpOutcome::NotConnected(outcome) => {
                HttpOutcome::NotConnected(self.weighed(address, outcome).await)
            }
            connected => match self.weighed(address, TcpOutcome::Accepted).await {
                TcpOutcome::Accepted => connected,
                undecided => HttpOutcome::NotConnected(undecided),
            },
        };
        Ok(seen)
    }

    async fn handshake(&self, probe: &HandshakeProbe) -> Result<HandshakeObservation, ProbeError> {
        let mut seen = self.asks.handshake(probe).await?;
        let address = probe.socket.ip();
        seen.outcome = match seen.outcome {
            HandshakeOutcome::NotConnected(outcome) => {
                HandshakeOutcome::NotConnected(self.weighed(address, outcome).await)
            }
            connected => match self.weighed(address, TcpOutcome::Accepted).await {
                TcpOutcome::Accepted => connected,
                undecided => HandshakeOutcome::NotConnected(undecided),
            },
        };
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use gateproof_core::observation::{
        HandshakeObservation, HttpObservation, TcpObservation, TcpOutcome,
    };
    use gateproof_probe::{HandshakeProbe, HttpProbe, LocalProber, ProbeError, Prober, TcpProbe};

    use super::RememberingProber;

    #[tokio::test]
    async fn silence_counts_only_where_something_has_answered() {
        let prober = RememberingProber::default();
        let address = "192.0.2.1".parse().expect("an address");
        let undecided = prober.weighed(address, TcpOutcome::TimedOut).await;
        assert!(matches!(undecided, TcpOutcome::Other(why) if why.contains("no way from here")));
        assert_eq!(prober.weighed(address, TcpOutcome::Refused).await, TcpOutcome::Refused);
        assert_eq!(prober.weighed(address, TcpOutcome::TimedOut).await, TcpOutcome::TimedOut);
        let other = "192.0.2.2".parse().expect("an address");
        let undecided = prober.weighed(other, TcpOutcome::Unreachable).await;
        assert!(matches!(undecided, TcpOutcome::Other(_)));
    }

    #[tokio::test]
    async fn a_refusal_shows_a_way() {
        let prober = RememberingProber::default();
        assert!(prober.reaches("127.0.0.1".parse().expect("an address")).await);
    }

    /// A proxy on the way that takes every connection for its own.
    #[derive(Debug)]
    struct Interceptor;

    #[async_trait]
    impl Prober for Interceptor {
        async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError> {
            let mut seen = LocalProber.tcp(probe).await?;
            seen.outcome = TcpOutcome::Accepted;
            Ok(seen)
        }

        async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError> {
            LocalProber.http(probe).await
        }

        async fn handshake(
            &self,
            probe: &HandshakeProbe,
        ) -> Result<HandshakeObservation, ProbeError> {
            LocalProber.handshake(probe).await
        }
    }

    #[tokio::test]
    async fn who_accepts_everything_is_not_believed() {
        let prober = RememberingProber::inside(Arc::new(Interceptor));
        let address = "127.0.0.1".parse().expect("an address");
        assert!(!prober.reaches(address).await, "it was not the node that answered");
        let probe =
            TcpProbe { socket: (address, 80).into(), timeout: std::time::Duration::from_secs(5) };
        let seen = prober.tcp(&probe).await.expect("an observation").outcome;
        assert!(matches!(seen, TcpOutcome::Other(why) if why.contains("answers for it")));
    }

    #[tokio::test]
    async fn who_accepts_one_port_is_believed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let socket = listener.local_addr().expect("it is bound");
        let prober = RememberingProber::default();
        let probe = TcpProbe { socket, timeout: std::time::Duration::from_secs(5) };
        let seen = prober.tcp(&probe).await.expect("an observation").outcome;
        assert_eq!(seen, TcpOutcome::Accepted);
    }
}
