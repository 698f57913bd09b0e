//! An echo server as the only program of a container: `gateproof echo` in a pod.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{EchoIdentity, EchoServer, Serving};

/// The port it listens on unless told otherwise; the Gateway API's echo server has the same.
pub const PORT: u16 = 3000;

/// It could not listen.
#[derive(Debug, thiserror::Error)]
#[error("listen on port {port} of every address")]
pub struct ListenError {
    port: u16,
    #[source]
    source: io::Error,
}

/// Who a pod's environment says it is; the names are those of the Gateway API's echo server
/// (kubernetes-sigs/gateway-api v1.6.1: `conformance/base/manifests.yaml`).
pub fn identity(variable: impl Fn(&str) -> Option<String>) -> EchoIdentity {
    let text = |name| variable(name).unwrap_or_default();
    EchoIdentity {
        namespace: text("NAMESPACE"),
        service: text("SERVICE_NAME"),
        pod: text("POD_NAME"),
    }
}

/// Listens on every address, of both families where the machine has both.
///
/// # Errors
/// When the port is taken.
pub async fn listen(identity: EchoIdentity, port: u16) -> Result<EchoServer, ListenError> {
    let failed = |source| ListenError { port, source };
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = match TcpListener::bind(both).await {
        Ok(listener) => listener,
        // Without IPv6 there is no such address.
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await.map_err(failed)?,
    };
    EchoServer::over(listener, identity, Serving { port, ..Serving::http() }).map_err(failed)
}

/// Waits for the signal that ends a pod. The first process of a container is not ended by a signal
/// that it does not await.
///
/// # Errors
/// When signals cannot be awaited.
pub async fn until_told_to_end() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn it_answers_on_every_address_and_says_whose_pod_it_is() {
        let identity = identity(|name| (name != "SERVICE_NAME").then(|| name.to_lowercase()));
        assert_eq!(
            (identity.namespace.as_str(), identity.service.as_str(), identity.pod.as_str()),
            ("namespace", "", "pod_name")
        );
        let server = listen(identity, 0).await.expect("a port");
        let port = server.socket().port();
        for address in ["127.0.0.1", "127.0.0.2"] {
            TcpStream::connect((address, port)).await.expect(address);
        }
        let error = listen(EchoIdentity::default(), port).await.expect_err("the port is taken");
        assert_eq!(error.to_string(), format!("listen on port {port} of every address"));
    }
}
