//! Connections that go past Envoy: those of TCP listeners, which agents forward to endpoints by
//! weight. An endpoint that does not take one ends it, as far as the client can tell.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::opening;
use super::passthrough::tunnel;
use super::socket::Port;
use super::{Target, upstream};

/// Forwards a connection until it ends.
pub(super) async fn serve(port: &Arc<Port>, targets: &[Target], stream: TcpStream) {
    let Some(target) = choose(targets, port.shared.draws.next()) else {
        return opening::reset(stream);
    };
    match upstream::connect(target.socket, &port.shared.shortages).await {
        Ok(backend) => tunnel(port, stream, backend).await,
        Err(error) => {
            tracing::debug!(%error, endpoint = %target.socket, "an endpoint took no connection");
            opening::reset(stream);
        }
    }
}

/// One of the targets by weight (cilium/cilium 1.20 `pkg/maglev`: each gets its share of a table
/// that connections are hashed into).
pub(super) fn choose(targets: &[Target], draw: u64) -> Option<Target> {
    let total: u64 = targets.iter().map(|target| u64::from(target.weight)).sum();
    let mut left = draw.checked_rem(total)?;
    targets.iter().copied().find(|target| {
        let weight = u64::from(target.weight);
        let is_it = left < weight;
        left = left.saturating_sub(weight);
        is_it
    })
}

#[cfg(test)]
mod tests {
    use super::{Target, choose};

    #[test]
    fn each_target_gets_its_share() {
        let targets = [(1, 7), (2, 3)]
            .map(|(port, weight)| Target { socket: ([127, 0, 0, 1], port).into(), weight });
        let ports = |port| {
            (0..10)
                .filter_map(|draw| choose(&targets, draw))
                .filter(|target| target.socket.port() == port)
                .count()
        };
        assert_eq!((ports(1), ports(2)), (7, 3));
        assert_eq!(choose(&[], 5), None);
    }
}
