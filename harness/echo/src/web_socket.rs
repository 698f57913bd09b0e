//! WebSocket (RFC 6455): every message is sent back in a frame of its own kind.
//!
//! No extensions, no limit on time; frames of more than a mebibyte end the connection.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Connection, EchoBody};

/// What a server appends to the client's key (RFC 6455, section 1.3).
const SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The longest frame that is accepted.
const LONGEST: u64 = 1 << 20;

/// Whether a request wants to become a WebSocket.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let says = |name: header::HeaderName, word: &str| {
        headers.get_all(name).iter().any(|value| {
            value.to_str().is_ok_and(|text| {
                text.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
            })
        })
    };
    says(header::CONNECTION, "upgrade") && says(header::UPGRADE, "websocket")
}

/// Agrees to the upgrade and echoes frames from then on.
pub(super) fn upgrade(
    connection: &Connection,
    request: Request<Incoming>,
    empty: EchoBody,
) -> Response<EchoBody> {
    let mut response = Response::new(empty);
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    let accept = accept_value(key.as_bytes());
    connection.shared.say(format!("established websocket connection {}", connection.client));
    let stop = connection.shared.stop.clone();
    connection.shared.tasks.spawn(async move {
        let echoing = async {
            let upgraded = hyper::upgrade::on(request).await.map_err(std::io::Error::other)?;
            echo(TokioIo::new(upgraded)).await
        };
        tokio::select! {
            ended = echoing => if let Err(error) = ended {
                tracing::debug!(%error, "a WebSocket ended early");
            },
            () = stop.cancelled() => {}
        }
    });
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    let accept = header::HeaderValue::from_str(&accept).expect("base64 is a field value");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The answer to a client's key.
fn accept_value(key: &[u8]) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(SUFFIX.as_bytes());
    STANDARD.encode(hash.finish())
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    loop {
        let first = stream.read_u8().await?;
        let (length, masked) = length(&mut stream).await?;
        if length > LONGEST {
            return Err(std::io::Error::other("a frame longer than a mebibyte"));
        }
        let mut mask = [0; 4];
        if masked {
            stream.read_exact(&mut mask).await?;
        }
        let mut payload = vec![0; usize::try_from(length).expect("it is at most a mebibyte")];
        stream.read_exact(&mut payload).await?;
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        match first & 0x0f {
            0x8 => {
                send(&mut stream, first, &payload).await?;
                return stream.shutdown().await;
            }
            0x9 => send(&mut stream, 0x8a, &payload).await?,
            0xa => {}
            _ => send(&mut stream, first, &payload).await?,
        }
    }
}

async fn length(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u64, bool)> {
    let second = stream.read_u8().await?;
    let length = match second & 0x7f {
        126 => stream.read_u16().await?.into(),
        127 => stream.read_u64().await?,
        short => short.into(),
    };
    Ok((length, second & 0x80 != 0))
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    first: u8,
    payload: &[u8],
) -> std::io::Result<()> {
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if short < 126 => frame.push(short),
        (_, Ok(middle)) => {
            frame.push(126);
            frame.extend(middle.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{accept_value, echo};

    #[test]
    fn the_accept_value_follows_the_example_of_its_specification() {
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[tokio::test]
    async fn frames_come_back_unmasked_and_of_their_kind() {
        let (mut client, server) = tokio::io::duplex(1024);
        let serving = tokio::spawn(echo(server));
        // "Hi" as text, masked; a ping without payload; a close.
        client.write_all(&[0x81, 0x82, 1, 2, 3, 4, b'H' ^ 1, b'i' ^ 2]).await.expect("sent");
        client.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await.expect("sent");
        client.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.expect("sent");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("an answer");
        assert_eq!(answer, [0x81, 2, b'H', b'i', 0x8a, 0, 0x88, 0]);
        serving.await.expect("no panic").expect("a clean end");
    }
}
