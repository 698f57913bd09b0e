//! TLS that is passed to a backend as it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gateproof_model::routing::choose_cluster;
use gateproof_model::translation::envoy::{Forward, PassthroughChain};
use tokio::net::TcpStream;

use super::access_log::{AccessEvent, CloseCause, ServedBy};
use super::connection::log;
use super::opening::Opened;
use super::serving::Serving;
use super::socket::Port;
use super::upstream;

/// How long the two directions go on after the socket was removed.
const DRAIN: Duration = Duration::from_mins(1);

/// Passes the connection to an endpoint, ClientHello first. Without one the connection is reset.
pub(super) async fn serve(
    port: &Arc<Port>,
    serving: &Serving,
    chain: &PassthroughChain,
    opened: Opened,
) {
    let served_by = ServedBy::Passthrough { server_names: chain.server_names.clone() };
    let cluster = choose(chain, port.shared.draws.next());
    let endpoint = cluster
        .as_deref()
        .and_then(|cluster| serving.destination(cluster))
        .and_then(super::serving::Destination::endpoint);
    let (Some(cluster), Some(backend)) = (cluster.clone(), connect(port, endpoint).await) else {
        let cause = CloseCause::NoEndpoint { cluster };
        log(port, opened.client, served_by, AccessEvent::Closed(cause));
        return opened.reset();
    };
    log(port, opened.client, served_by, AccessEvent::Tunnelled { cluster });
    tunnel(port, opened.into_stream(), backend).await;
}

/// Copies both directions until one ends; once the socket drains, for a limited time.
pub(super) async fn tunnel<A, B>(port: &Port, mut client: A, mut upstream: B)
where
    A: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    B: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let copy = tokio::io::copy_bidirectional(&mut client, &mut upstream);
    let mut copy = std::pin::pin!(copy);
    let ended = tokio::select! {
        ended = copy.as_mut() => ended,
        () = port.drain.cancelled() => match tokio::time::timeout(DRAIN, copy).await {
            Ok(ended) => ended,
            Err(_) => return,
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a tunnel ended early");
    }
}

async fn connect(port: &Port, endpoint: Option<SocketAddr>) -> Option<TcpStream> {
    upstream::connect(endpoint?, &port.shared.shortages).await.ok()
}

/// Chooses by weight as routes do.
fn choose(chain: &PassthroughChain, draw: u64) -> Option<String> {
    let forward = Forward {
        clusters: chain.clusters.clone(),
        host_rewrite: None,
        path_rewrite: None,
        timeout: None,
        mirrors: Vec::new(),
        retry: None,
    };
    choose_cluster(&forward, draw).map(|chosen| chosen.cluster.clone())
}
