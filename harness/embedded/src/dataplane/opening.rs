//! The first bytes of a connection: PROXY protocol header, then TLS or not, and what a TLS client
//! asks for. Nothing that was read is lost: the chain that is chosen gets every byte after the
//! PROXY header.

use std::io::{self, Cursor};
use std::net::SocketAddr;

use gateproof_model::translation::envoy::Listener;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::proxy_protocol::{self, Header};

/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;
/// A ClientHello that has not ended by then is none.
const LONGEST_OPENING: usize = 64 * 1024;

/// A connection whose beginning is known.
#[derive(Debug)]
pub(super) struct Opened {
    stream: TcpStream,
    bytes: Vec<u8>,
    /// What a TLS client asked for; absent when the client does not speak TLS.
    pub(super) hello: Option<Hello>,
    /// Who connected, after the PROXY protocol.
    pub(super) client: SocketAddr,
}

/// What a TLS client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    /// The server name.
    pub(super) server_name: Option<String>,
    /// The protocols it offers by ALPN.
    pub(super) alpn: Vec<Vec<u8>>,
}

/// Why a connection has no usable beginning.
#[derive(Debug)]
pub(super) enum OpeningError {
    /// The client left before sending enough: what a TCP health check does.
    Left,
    /// The PROXY protocol header is missing or malformed.
    NoProxyHeader(TcpStream),
}

impl From<io::Error> for OpeningError {
    fn from(_: io::Error) -> Self {
        Self::Left
    }
}

/// Reads until the filter chain can be chosen.
pub(super) async fn open(
    mut stream: TcpStream,
    listener: &Listener,
    peer: SocketAddr,
) -> Result<Opened, OpeningError> {
    let mut bytes = Vec::with_capacity(1024);
    let mut client = peer;
    if listener.proxy_protocol {
        let (length, named) = loop {
            match proxy_protocol::parse(&bytes) {
                Header::Complete { length, client } => break (length, client),
                Header::Incomplete => read_more(&mut stream, &mut bytes).await?,
                Header::Absent => return Err(OpeningError::NoProxyHeader(stream)),
            }
        };
        bytes.drain(..length);
        client = named.unwrap_or(peer);
    }
    while bytes.is_empty() {
        read_more(&mut stream, &mut bytes).await?;
    }
    let hello = if bytes[0] == HANDSHAKE_RECORD {
        read_hello(&mut stream, &mut bytes).await?
    } else {
        None
    };
    Ok(Opened { stream, bytes, hello, client })
}

/// Reads a ClientHello; `None` when what came is not one, which Envoy's TLS inspector takes for a
/// connection without TLS.
async fn read_hello(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<Hello>> {
    let mut acceptor = Acceptor::default();
    let mut fed = 0;
    while fed < LONGEST_OPENING {
        let mut rest = &bytes[fed..];
        while !rest.is_empty() {
            if acceptor.read_tls(&mut rest).is_err() {
                return Ok(None);
            }
        }
        fed = bytes.len();
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let server_name = hello.server_name().map(str::to_owned);
                let alpn = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
                return Ok(Some(Hello { server_name, alpn }));
            }
            Ok(None) => read_more(stream, bytes).await?,
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

impl Opened {
    /// The connection from its first byte after the PROXY header on.
    pub(super) fn into_stream(self) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
        let (reader, writer) = self.stream.into_split();
        tokio::io::join(Cursor::new(self.bytes).chain(reader), writer)
    }

    /// Closes the connection as Envoy does when it serves none: the bytes of the opening are not
    /// read, so the kernel resets it.
    pub(super) fn reset(self) {
        reset(self.stream);
    }
}

/// Closes a connection with a reset.
pub(super) fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a connection is closed in order instead of being reset");
    }
    drop(stream);
}
