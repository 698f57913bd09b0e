//! Receives requests by UDP and TCP, and sends what the authority answers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::rdata::tsig::Time48;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::authority::{Authority, Transport};

/// The largest datagram there is.
const LARGEST_DATAGRAM: usize = 65_535;

/// How long a connection may be silent, or take nothing (RFC 7766, 6.2.3).
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes what the server tells of updates.
pub type Log = Arc<dyn Fn(String) + Send + Sync>;

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct NameServer {
    udp: SocketAddr,
    tcp: SocketAddr,
    #[expect(dead_code, reason = "ends the server when it is dropped")]
    stop: DropGuard,
}

/// It could not listen.
#[derive(Debug, thiserror::Error)]
#[error("listen for DNS at {address}")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

impl NameServer {
    /// Listens by UDP and TCP at this address; for port 0 the system chooses one for each.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(
        address: SocketAddr,
        authority: Authority,
        log: Option<Log>,
    ) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        let datagrams = UdpSocket::bind(address).await.map_err(failed)?;
        let streams = TcpListener::bind(address).await.map_err(failed)?;
        let udp = datagrams.local_addr().map_err(failed)?;
        let tcp = streams.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let answering = Arc::new(Answering { authority, log });
        tokio::spawn(
            stop.clone().run_until_cancelled_owned(receive(datagrams, Arc::clone(&answering))),
        );
        tokio::spawn(accept(streams, answering, stop.clone()));
        Ok(Self { udp, tcp, stop: stop.drop_guard() })
    }

    /// Where it receives datagrams.
    pub fn udp(&self) -> SocketAddr {
        self.udp
    }

    /// Where it accepts connections.
    pub fn tcp(&self) -> SocketAddr {
        self.tcp
    }
}

struct Answering {
    authority: Authority,
    log: Option<Log>,
}

impl Answering {
    fn answer(&self, request: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let responded = self.authority.respond(request, transport, Time48::now())?;
        if let (Some(log), Some(told)) = (&self.log, responded.told) {
            log(told);
        }
        Some(responded.message)
    }
}

async fn receive(socket: UdpSocket, answering: Arc<Answering>) {
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        // An error is about an earlier answer whose receiver is gone.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = answering.answer(&buffer[..length], Transport::Datagram)
            && let Err(error) = socket.send_to(&answer, client).await
        {
            tracing::debug!(%error, %client, "an answer could not be sent");
        }
    }
}

async fn accept(listener: TcpListener, answering: Arc<Answering>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let conversation = converse(stream, Arc::clone(&answering));
                tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
                    if let Err(error) = conversation.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                }));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Answers one request after another (RFC 7766); each has its length before it.
async fn converse(mut stream: TcpStream, answering: Arc<Answering>) -> io::Result<()> {
    loop {
        let length = match timeout(PATIENCE, stream.read_u16()).await {
            Ok(Ok(length)) => length,
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(()),
        };
        let mut request = vec![0; length.into()];
        timeout(PATIENCE, stream.read_exact(&mut request)).await??;
        let Some(answer) = answering.answer(&request, Transport::Stream) else { return Ok(()) };
        timeout(PATIENCE, stream.write_all(&framed(&answer))).await??;
    }
}

/// A message with its length before it.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("messages have at most 65535 octets");
    [&length.to_be_bytes()[..], message].concat()
}

#[cfg(test)]
mod tests;
