//! Echo servers for UDP: JSON of what was received, or the shortest answer of a name server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::json;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::{EchoError, EchoIdentity, Log};

/// The longest datagram that is read; longer ones are cut.
const LONGEST: usize = 4096;

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramApplication {
    /// JSON with the request and who answered.
    Echo,
    /// A name server that knows every name and no address: the question, without error.
    Names,
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct DatagramServer {
    socket: SocketAddr,
    stop: CancellationToken,
}

impl DatagramServer {
    /// Starts a server where an echo server for TCP would.
    pub async fn start(
        identity: EchoIdentity,
        address: IpAddr,
        application: DatagramApplication,
        log: Option<Arc<dyn Log>>,
    ) -> Result<Self, EchoError> {
        let bound = match UdpSocket::bind((address, 0)).await {
            Ok(socket) => Ok(socket),
            Err(_) => UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await,
        };
        let (listener, socket) = bound
            .and_then(|listener| listener.local_addr().map(|socket| (listener, socket)))
            .map_err(|source| EchoError {
                namespace: identity.namespace.clone(),
                pod: identity.pod.clone(),
                address,
                source,
            })?;
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::new(identity), application, log, stop.clone()));
        Ok(Self { socket, stop })
    }

    /// Where it listens.
    pub fn socket(&self) -> SocketAddr {
        self.socket
    }
}

impl Drop for DatagramServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(
    listener: UdpSocket,
    identity: Arc<EchoIdentity>,
    application: DatagramApplication,
    log: Option<Arc<dyn Log>>,
    stop: CancellationToken,
) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            received = listener.recv_from(&mut buffer) => received,
        };
        // An error is about an earlier answer whose receiver is gone.
        let Ok((length, client)) = received else { continue };
        let request = &buffer[..length];
        let answer = match application {
            DatagramApplication::Echo => Some(echo(&identity, request)),
            DatagramApplication::Names => names(request),
        };
        if let Some(log) = &log {
            let text = String::from_utf8_lossy(request);
            log.say(format!("Received UDP {} from {client}", text.escape_debug()));
        }
        if let Some(answer) = answer
            && let Err(error) = listener.send_to(&answer, client).await
        {
            tracing::debug!(%error, "a datagram could not be answered");
        }
    }
}

fn echo(identity: &EchoIdentity, request: &[u8]) -> Vec<u8> {
    json!({
        "request": String::from_utf8_lossy(request), "namespace": identity.namespace,
        "ingress": "", "service": identity.service, "pod": identity.pod,
    })
    .to_string()
    .into_bytes()
}

/// The question of a query as an answer without records (RFC 1035, section 4.1.1).
fn names(request: &[u8]) -> Option<Vec<u8>> {
    let header = request.get(..12)?;
    let mut end = 12;
    while *request.get(end)? != 0 {
        end += usize::from(request[end]) + 1;
    }
    // The name is followed by type and class.
    let question = request.get(12..end + 5)?;
    let mut answer = header.to_vec();
    answer[2] = header[2] & 0x01 | 0x84;
    answer[3] = 0;
    answer[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    answer.extend(question);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::{DatagramApplication, DatagramServer, names};
    use crate::EchoIdentity;

    #[test]
    fn a_question_is_answered_with_itself_and_no_error() {
        let query = [0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, b'a', 0, 0, 1, 0, 1, 9, 9];
        let answer = names(&query).expect("an answer");
        assert_eq!(answer[..4], [0xab, 0xcd, 0x85, 0]);
        assert_eq!(answer[12..], query[12..19]);
        assert_eq!(names(&query[..14]), None, "a query that ends early");
    }

    #[tokio::test]
    async fn a_datagram_comes_back_with_who_answered() {
        let identity = EchoIdentity { pod: "udp-1".into(), ..EchoIdentity::default() };
        let local = [127, 0, 0, 1].into();
        let server = DatagramServer::start(identity, local, DatagramApplication::Echo, None)
            .await
            .expect("a port on loopback");
        let client = UdpSocket::bind("127.0.0.1:0").await.expect("a port on loopback");
        client.send_to(b"hello", server.socket()).await.expect("sent");
        let mut buffer = [0; 512];
        let length = client.recv(&mut buffer).await.expect("an answer");
        let answer: serde_json::Value = serde_json::from_slice(&buffer[..length]).expect("JSON");
        assert_eq!((&answer["request"], &answer["pod"]), (&"hello".into(), &"udp-1".into()));
    }
}
