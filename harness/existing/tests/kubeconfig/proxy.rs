//! Proxies that pass on what they are asked for, and count it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP's CONNECT.
    Connect,
    /// HTTP's CONNECT, which it refuses.
    Refuses,
    /// SOCKS 5 (RFC 1928), without authentication.
    Socks,
}

/// A proxy for as long as the test runs.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    passed: Arc<AtomicU32>,
}

impl Proxy {
    pub(crate) async fn start(speaks: Speaks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback socket");
        let address = listener.local_addr().expect("it is bound");
        let passed = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&passed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    if serve(stream, speaks).await.is_some() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { address, passed }
    }

    /// How many connections were opened through it and are over.
    pub(crate) fn passed(&self) -> u32 {
        self.passed.load(Ordering::Relaxed)
    }
}

async fn serve(mut client: TcpStream, speaks: Speaks) -> Option<()> {
    let mut server = match speaks {
        Speaks::Connect | Speaks::Refuses => {
            let head = head(&mut client).await?;
            let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
            if speaks == Speaks::Refuses {
                client
                    .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                    .await
                    .ok()?;
                return None;
            }
            let server = TcpStream::connect(target).await.ok()?;
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
            server
        }
        Speaks::Socks => {
            let mut greeting = [0; 2];
            client.read_exact(&mut greeting).await.ok()?;
            client.read_exact(&mut vec![0; usize::from(greeting[1])]).await.ok()?;
            client.write_all(&[5, 0]).await.ok()?;
            let mut request = [0; 10];
            client.read_exact(&mut request).await.ok()?;
            assert_eq!(request[..4], [5, 1, 0, 1], "a connection to an address of version 4");
            let address: [u8; 4] = request[4..8].try_into().expect("four octets");
            let port = u16::from_be_bytes([request[8], request[9]]);
            let server =
                TcpStream::connect((std::net::Ipv4Addr::from(address), port)).await.ok()?;
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
            server
        }
    };
    // Counted when the way is open; how it ends is of no matter.
    tokio::spawn(async move { drop(copy_bidirectional(&mut client, &mut server).await) });
    Some(())
}

async fn head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
