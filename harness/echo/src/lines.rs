//! Lines of text over TCP or TLS: a greeting, then an answer to each known line.

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::Connection;

/// The greeting of the Gateway API's server (kubernetes-sigs/gateway-api v1.6.1
/// `conformance/echo-basic/tcpserver/tcpserver.go`).
const GREETING: &str = "Gateway API Test TCP Server\n";

/// Speaks until the client ends.
pub(super) async fn serve<S>(stream: S, connection: &Connection)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Err(error) = talk(stream, connection).await {
        tracing::debug!(%error, "a connection to an echo server ended early");
    }
}

async fn talk<S>(stream: S, connection: &Connection) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    stream.write_all(GREETING.as_bytes()).await?;
    stream.flush().await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let answer = match line.trim_end_matches(['\r', '\n']) {
            "TEST" => Some(facts(connection)),
            "IS_TLS" => Some(connection.tls.is_some().to_string()),
            "PING" => Some("PONG".to_owned()),
            _ => None,
        };
        if let Some(answer) = answer {
            stream.write_all(format!("{answer}\n").as_bytes()).await?;
            stream.flush().await?;
        }
        line.clear();
    }
    Ok(())
}

fn facts(connection: &Connection) -> String {
    let identity = &connection.shared.identity;
    let port = connection.shared.serving.port.to_string();
    let mut facts = json!({
        "namespace": identity.namespace, "ingress": "", "service": identity.service,
        "pod": identity.pod, "tcpport": port, "isTLS": connection.tls.is_some(),
    });
    if let Some(tls) = &connection.tls {
        facts["tls"] = json!({
            // This server writes versions as Go names them.
            "version": tls.version.replacen("TLSv", "TLS ", 1),
            "serverName": tls.server_name,
            "negotiatedProtocol": tls.negotiated_protocol,
            "cipherSuite": tls.cipher_suite,
        });
    }
    facts.to_string()
}
