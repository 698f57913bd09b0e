//! A registry that mirrors another one, as far as somebody waits for it: it reads what it is told,
//! says what distribution says, and takes connections. It has no images.

use std::io::Write;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Failure, Outcome, block_on, misbehaviour};

/// Where a registry keeps what it has fetched.
const DATA: &str = "/var/lib/registry";

/// What a registry answers to whoever asks whether it is one.
const YES: &[u8] = b"HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\
    Content-Length: 2\r\nConnection: close\r\n\r\n{}";

/// Serves until the container is stopped.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if !arguments.is_empty() {
        return Err(Failure::new(format!("stand-in: registry takes no arguments: {arguments:?}")));
    }
    let upstream = told("REGISTRY_PROXY_REMOTEURL");
    if !upstream.starts_with("https://") {
        return Err(Failure::new(format!("configuration error: proxy.remoteurl is {upstream:?}")));
    }
    if told("REGISTRY_PROXY_TTL") != "0" {
        return Err(Failure::new("stand-in: what is shared by clusters must not expire"));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    if !mounts.lines().any(|mount| mount.split(' ').nth(1) == Some(DATA)) {
        return Err(Failure::new(format!("stand-in: {DATA} would go with the container")));
    }
    std::fs::write(Path::new(DATA).join("upstream"), &upstream)?;
    if misbehaviour::is("registry-dies") {
        return Err(Failure::new(format!("level=fatal msg=\"{upstream}/v2/: no route to host\"")));
    }
    block_on(async {
        let listener = TcpListener::bind(("0.0.0.0", 5000)).await?;
        say("listening on [::]:5000")?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                accepted = listener.accept() => {
                    // Whoever asked may have gone.
                    if let Err(error) = answer(accepted?.0).await {
                        say(&format!("not answered: {error}"))?;
                    }
                }
            }
        }
    })
}

/// As distribution writes its log (distribution v3: `registry/registry.go`, logrus' text form).
fn say(message: &str) -> Outcome {
    let mut out = std::io::stdout();
    writeln!(out, "time=\"{}\" level=info msg=\"{message}\"", time::OffsetDateTime::now_utc())?;
    Ok(out.flush()?)
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut asked = [0; 1024];
    let read = stream.read(&mut asked).await?;
    if read > 0 {
        stream.write_all(YES).await?;
    }
    stream.shutdown().await
}

#[expect(clippy::disallowed_methods, reason = "a container is told by its environment")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
