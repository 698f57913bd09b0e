//! Datagrams that go past Envoy: those of UDP listeners. Each client keeps its endpoint, and with it
//! the way back, until nothing came for a minute (cilium/cilium 1.20 `pkg/option/config.go`,
//! `bpf-ct-timeout-service-any`).
//!
//! UDP has no place in the address book, so a socket that cannot be bound at its own address and port
//! is not there.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::direct::choose;
use super::{Shared, Target};

/// How long a client without traffic keeps its endpoint.
const IDLE: Duration = Duration::from_mins(1);
/// The longest datagram over IPv4.
const LONGEST: usize = 65_507;
/// How many clients a port serves at a time; others wait until some are idle.
const CLIENTS: usize = 1024;

/// An open port. Dropped, it closes.
#[derive(Debug)]
pub(super) struct OpenDatagrams {
    targets: Arc<ArcSwap<Vec<Target>>>,
    stop: CancellationToken,
}

impl OpenDatagrams {
    /// Opens a port at its own address.
    pub(super) async fn open(
        shared: &Arc<Shared>,
        own: SocketAddr,
        targets: Vec<Target>,
    ) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(own).await?);
        let targets = Arc::new(ArcSwap::from_pointee(targets));
        let stop = shared.abort.child_token();
        let forwarding =
            forward(socket, Arc::clone(&targets), Arc::clone(shared), stop.child_token());
        shared.tasks.spawn(forwarding);
        Ok(Self { targets, stop })
    }

    /// Gives new clients these endpoints to go to.
    pub(super) fn reprogram(&self, targets: Vec<Target>) {
        self.targets.store(Arc::new(targets));
    }
}

impl Drop for OpenDatagrams {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The way to a client's endpoint.
struct Way {
    to: Target,
    socket: Arc<UdpSocket>,
}

async fn forward(
    socket: Arc<UdpSocket>,
    targets: Arc<ArcSwap<Vec<Target>>>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let mut ways: HashMap<SocketAddr, Way> = HashMap::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        // An error is about an earlier answer whose receiver is gone.
        let Ok((length, client)) = received else { continue };
        // A way whose task is over holds its socket alone.
        ways.retain(|_, way| Arc::strong_count(&way.socket) > 1);
        let current = targets.load_full();
        if ways.get(&client).is_some_and(|way| !current.contains(&way.to)) {
            ways.remove(&client);
        }
        if !ways.contains_key(&client) {
            if ways.len() >= CLIENTS {
                continue;
            }
            let Some(to) = choose(&current, shared.draws.next()) else { continue };
            match way(&socket, client, to, &shared, &stop).await {
                Ok(way) => {
                    ways.insert(client, way);
                }
                Err(error) => {
                    shared.shortages.note("send a datagram", &error);
                    continue;
                }
            }
        }
        if let Some(way) = ways.get(&client)
            && let Err(error) = way.socket.send(&buffer[..length]).await
        {
            tracing::debug!(%error, endpoint = %way.to.socket, "an endpoint took no datagram");
        }
    }
}

/// A socket to an endpoint whose answers go back to the client.
async fn way(
    back: &Arc<UdpSocket>,
    client: SocketAddr,
    to: Target,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> io::Result<Way> {
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    socket.connect(to.socket).await?;
    let (upstream, back, stop) = (Arc::clone(&socket), Arc::clone(back), stop.clone());
    shared.tasks.spawn(async move {
        let mut buffer = vec![0; LONGEST];
        loop {
            let received = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                received = tokio::time::timeout(IDLE, upstream.recv(&mut buffer)) => received,
            };
            match received {
                Ok(Ok(length)) => {
                    if let Err(error) = back.send_to(&buffer[..length], client).await {
                        tracing::debug!(%error, %client, "a client took no datagram");
                    }
                }
                // The endpoint refuses (ICMP), or nobody said anything for long.
                Ok(Err(_)) | Err(_) => return,
            }
        }
    });
    Ok(Way { to, socket })
}
