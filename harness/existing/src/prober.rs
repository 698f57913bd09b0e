//! Asking sockets of a cluster that may not be reachable from here.
//!
//! Silence from a port says that it is closed only when the same address has answered something,
//! be it a refusal. Where nothing ever answered there may simply be no way from here to the nodes;
//! then an attempt decides nothing, and is told as such.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::observation::{HttpObservation, HttpOutcome, TcpObservation, TcpOutcome};
use gateproof_probe::{HttpProbe, LocalProber, ProbeError, Prober, TcpProbe};

/// Where every kubelet listens (kubernetes/kubernetes, `pkg/cluster/ports/ports.go`).
pub const KUBELET: u16 = 10250;

/// How long a way to a node may take to show.
const ROUTE_WITHIN: Duration = Duration::from_millis(1500);

/// Asks from this process, or from a pod, and remembers which addresses have answered anything.
#[derive(Debug, Clone)]
pub struct RememberingProber {
    asks: Arc<dyn Prober>,
    from: &'static str,
    answered: Arc<Mutex<BTreeSet<IpAddr>>>,
}

impl Default for RememberingProber {
    fn default() -> Self {
        Self { asks: Arc::new(LocalProber), from: "here", answered: Arc::default() }
    }
}

impl RememberingProber {
    /// The same for somebody who stands in a pod of the cluster.
    pub fn inside(asks: Arc<dyn Prober>) -> Self {
        Self { asks, from: "the pod that asked", answered: Arc::default() }
    }

    /// Whether anything of this address answers: its kubelet, with a handshake or a refusal.
    pub async fn reaches(&self, address: IpAddr) -> bool {
        let probe = TcpProbe { socket: (address, KUBELET).into(), timeout: ROUTE_WITHIN };
        match self.asks.tcp(&probe).await {
            Ok(seen) => self.note(address, &seen.outcome),
            Err(error) => tracing::debug!(%address, %error, "a way to a node could not be tried"),
        }
        self.has_answered(address)
    }

    fn has_answered(&self, address: IpAddr) -> bool {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).contains(&address)
    }

    fn note(&self, address: IpAddr, outcome: &TcpOutcome) {
        if matches!(outcome, TcpOutcome::Accepted | TcpOutcome::Refused | TcpOutcome::Reset) {
            self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
        }
    }

    /// What an outcome says when it is known whether the address ever answered.
    fn weighed(&self, address: IpAddr, outcome: TcpOutcome) -> TcpOutcome {
        self.note(address, &outcome);
        match outcome {
            TcpOutcome::TimedOut | TcpOutcome::Unreachable if !self.has_answered(address) => {
                TcpOutcome::Other(format!(
                    "{outcome}, and nothing else of {address} has answered from {from} either, so \
                     there may be no way from {from} to this address",
                    from = self.from
                ))
            }
            outcome => outcome,
        }
    }
}

#[async_trait]
impl Prober for RememberingProber {
    async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError> {
        let mut seen = self.asks.tcp(probe).await?;
        seen.outcome = self.weighed(probe.socket.ip(), seen.outcome);
        Ok(seen)
    }

    async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError> {
        let mut seen = self.asks.http(probe).await?;
        let address = probe.socket.ip();
        seen.outcome = match seen.outcome {
            HttpOutcome::NotConnected(outcome) => {
                HttpOutcome::NotConnected(self.weighed(address, outcome))
            }
            connected => {
                self.note(address, &TcpOutcome::Accepted);
                connected
            }
        };
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::observation::TcpOutcome;

    use super::RememberingProber;

    #[test]
    fn silence_counts_only_where_something_has_answered() {
        let prober = RememberingProber::default();
        let address = "192.0.2.1".parse().expect("an address");
        let undecided = prober.weighed(address, TcpOutcome::TimedOut);
        assert!(matches!(undecided, TcpOutcome::Other(why) if why.contains("no way from here")));
        assert_eq!(prober.weighed(address, TcpOutcome::Refused), TcpOutcome::Refused);
        assert_eq!(prober.weighed(address, TcpOutcome::TimedOut), TcpOutcome::TimedOut);
        let other = "192.0.2.2".parse().expect("an address");
        assert!(matches!(prober.weighed(other, TcpOutcome::Unreachable), TcpOutcome::Other(_)));
    }

    #[tokio::test]
    async fn a_refusal_shows_a_way() {
        let prober = RememberingProber::default();
        assert!(prober.reaches("127.0.0.1".parse().expect("an address")).await);
    }
}
