//! What a kubelet does when a program is run in a pod: here every program is a prober in this
//! process, at the other end of a WebSocket (kubernetes/kubernetes v1.36:
//! `apimachinery/pkg/util/remotecommand/constants.go`).

use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The protocol in which a stream can be closed by itself.
const PROTOCOL: &str = "v5.channel.k8s.io";

const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

/// Octets on their way.
const PIPE: usize = 64 * 1024;

/// Accepts a session and serves it in a task of its own.
pub(crate) fn accept<B: Default>(request: Request<Incoming>) -> Response<B> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| key.as_bytes().to_vec());
    let accepted = derive_accept_key(&key.expect("a WebSocket is asked for"));
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.expect("the client switches over");
        serve(upgraded).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accepted)
        .header(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
        .body(B::default())
        .expect("a response")
}

async fn serve(upgraded: Upgraded) {
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (mut write, mut read) = socket.split();
    let (mut input, stdin) = tokio::io::duplex(PIPE);
    let (stdout, mut output) = tokio::io::duplex(PIPE);
    let program = tokio::spawn(gateproof_probe::prober::serve(stdin, stdout));
    let asking = tokio::spawn(async move {
        while let Some(Ok(Message::Binary(octets))) = read.next().await {
            match octets.split_first() {
                Some((&INPUT, said)) if input.write_all(said).await.is_ok() => {}
                Some((&(CLOSE | INPUT), _)) | None => return,
                Some(_) => {}
            }
        }
    });
    let mut piece = vec![0; 4096];
    while let Ok(read @ 1..) = output.read(&mut piece).await {
        let message = [&[OUTPUT], &piece[..read]].concat();
        if write.send(Message::Binary(message.into())).await.is_err() {
            break;
        }
    }
    asking.abort();
    let ended = program.await.expect("the prober does not panic");
    let status = if ended.is_ok() { "Success" } else { "Failure" };
    let status = format!("\u{3}{{\"metadata\":{{}},\"status\":\"{status}\"}}");
    debug_assert_eq!(status.as_bytes()[0], STATUS);
    // Whoever has gone needs no status.
    drop(write.send(Message::Binary(status.into_bytes().into())).await);
    drop(write.close().await);
}
