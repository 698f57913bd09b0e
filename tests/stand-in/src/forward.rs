//! Passing TCP connections on to whoever takes them: what a load balancer does, and a control plane
//! that has joined, whose objects are those of the first one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::journal;

/// How long one target may take to accept, as the load balancer is told (`connect_timeout`).
const CONNECT_WITHIN: Duration = Duration::from_millis(250);

/// Where connections go, `host:port` each.
pub(crate) type Targets = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Passes on every connection, to one target after another.
pub(crate) async fn serve(listener: TcpListener, targets: Targets) {
    let turns = Arc::new(AtomicUsize::new(0));
    while let Ok((client, _)) = listener.accept().await {
        let (targets, turns) = (Arc::clone(&targets), Arc::clone(&turns));
        tokio::spawn(async move {
            let targets = targets();
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            match reach(&targets, turn).await {
                Some(server) => pass(client, server).await,
                None => journal::note(&format!("no target of {targets:?} takes connections")),
            }
        });
    }
}

async fn reach(targets: &[String], turn: usize) -> Option<TcpStream> {
    for step in 0..targets.len() {
        let target = &targets[(turn + step) % targets.len()];
        let connected = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(target)).await;
        if let Ok(Ok(server)) = connected {
            return Some(server);
        }
    }
    None
}

async fn pass(mut client: TcpStream, mut server: TcpStream) {
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut server).await {
        journal::note(&format!("a connection that was passed on broke: {error}"));
    }
}
