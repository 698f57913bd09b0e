//! Asks a name server, and updates its zones.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use domain::base::iana::{Class, Opcode, Rcode, Rtype};
use domain::base::message_builder::{AdditionalBuilder, MessageBuilder, PushError};
use domain::base::{Message, ToName, Ttl};
use domain::rdata::tsig::Time48;
use domain::rdata::{AllRecordData, Txt};
use domain::tsig::{ClientTransaction, ValidationError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::Name;
use crate::authority::Transport;
use crate::key::SharedKey;
use crate::server::framed;

/// The largest datagram that is taken, as cert-manager says of itself
/// (cert-manager 1.21 `pkg/issuer/acme/dns/util/wait.go`).
const DATAGRAM: u16 = 4096;

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it went.
    pub rcode: Rcode,
    /// The records of the answer section.
    pub records: Vec<Record>,
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The text of a TXT record, its parts joined.
    Txt(String),
    /// A name server.
    Ns(String),
    /// The start of a zone: its owner.
    Soa(String),
    /// An alias: its owner and what it stands for.
    Cname(String, String),
    /// An address.
    Address(IpAddr),
    /// Anything else.
    Other(Rtype),
}

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// What was asked for is no name.
    #[error("{0:?} is no name in DNS")]
    Name(String),
    /// Nothing came in time.
    #[error("no answer from {server} within {seconds} s", seconds = within.as_secs())]
    TimedOut {
        /// Who was asked.
        server: SocketAddr,
        /// How long it was waited for.
        within: Duration,
    },
    /// The server could not be reached.
    #[error("reach {server}")]
    Unreachable {
        /// Who was asked.
        server: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The answer cannot be read.
    #[error("the answer of {0} cannot be read")]
    Unreadable(SocketAddr),
    /// The question does not fit into a message.
    #[error("the question is too long for a message")]
    TooLong,
    /// The system has no randomness.
    #[error("no randomness for the number of a message")]
    NoRandomness,
}

impl From<PushError> for AskError {
    fn from(_: PushError) -> Self {
        Self::TooLong
    }
}

/// An update was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There is no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The answer is not signed as it should be, or says that the update was not.
    #[error("the answer's signature does not hold: {0}")]
    Signature(ValidationError),
    /// The server refuses it.
    #[error("the server answers {0}")]
    Refused(Rcode),
}

/// A change of a TXT record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// It is added.
    Add(&'a str),
    /// It is taken away.
    Remove(&'a str),
}

/// Where a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// For datagrams.
    pub udp: SocketAddr,
    /// For connections.
    pub tcp: SocketAddr,
}

/// Asks a server for records; by TCP once more where a datagram was cut.
///
/// # Errors
/// When there is no answer that can be read.
pub async fn ask(
    server: Endpoint,
    name: &str,
    rtype: Rtype,
    transport: Transport,
    within: Duration,
) -> Result<Answer, AskError> {
    let name = Name::from_str(name).map_err(|_| AskError::Name(name.to_owned()))?;
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(number()?);
    message.header_mut().set_rd(true);
    let mut question = message.question();
    question.push((&name, rtype))?;
    let mut additional = question.additional();
    additional.opt(|opt| {
        opt.set_udp_payload_size(DATAGRAM);
        Ok(())
    })?;
    let request = additional.finish();
    let mut answer = server.exchange(&request, transport, within).await?;
    if transport == Transport::Datagram && answer.header().tc() {
        answer = server.exchange(&request, Transport::Stream, within).await?;
    }
    read(&answer).ok_or(AskError::Unreadable(server.udp))
}

/// Changes a TXT record by a datagram, signed where there is a key.
///
/// # Errors
/// When the server does not take it, or its answer does not hold.
pub async fn update(
    server: Endpoint,
    zone: &str,
    name: &str,
    change: Change<'_>,
    key: Option<&SharedKey>,
    within: Duration,
) -> Result<(), UpdateError> {
    let parse = |name: &str| Name::from_str(name).map_err(|_| AskError::Name(name.to_owned()));
    let (zone, name) = (parse(zone)?, parse(name)?);
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(number()?);
    message.header_mut().set_opcode(Opcode::UPDATE);
    let mut section = message.question();
    section.push((&zone, Rtype::SOA)).map_err(AskError::from)?;
    let mut records = section.authority();
    let (text, class, ttl) = match change {
        Change::Add(text) => (text, Class::IN, Ttl::from_secs(60)),
        Change::Remove(text) => (text, Class::NONE, Ttl::ZERO),
    };
    let data: Txt<Vec<u8>> =
        Txt::build_from_slice(text.as_bytes()).map_err(|_| AskError::TooLong)?;
    records.push((&name, class, ttl, data)).map_err(AskError::from)?;
    let mut additional = records.additional();
    let signed = match key {
        Some(key) => Some(sign(key, &mut additional)?),
        None => None,
    };
    let request = additional.finish();
    let mut answer = server.exchange(&request, Transport::Datagram, within).await?;
    if let Some(signed) = signed {
        signed.answer(&mut answer, Time48::now()).map_err(UpdateError::Signature)?;
    }
    match answer.header().rcode() {
        Rcode::NOERROR => Ok(()),
        rcode => Err(UpdateError::Refused(rcode)),
    }
}

fn sign(
    key: &SharedKey,
    message: &mut AdditionalBuilder<Vec<u8>>,
) -> Result<ClientTransaction<SharedKey>, AskError> {
    Ok(ClientTransaction::request(key.clone(), message, Time48::now())?)
}

impl Endpoint {
    /// The answer to a request: the message that has its number.
    async fn exchange(
        self,
        request: &[u8],
        transport: Transport,
        within: Duration,
    ) -> Result<Message<Vec<u8>>, AskError> {
        let server = match transport {
            Transport::Datagram => self.udp,
            Transport::Stream => self.tcp,
        };
        let exchanged = async {
            match transport {
                Transport::Datagram => by_datagram(server, request).await,
                Transport::Stream => by_stream(server, request).await,
            }
        };
        let answer = timeout(within, exchanged)
            .await
            .map_err(|_| AskError::TimedOut { server, within })?
            .map_err(|source| AskError::Unreachable { server, source })?;
        Message::from_octets(answer).map_err(|_| AskError::Unreadable(server))
    }
}

async fn by_datagram(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let local = match server.ip() {
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    socket.send(request).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if buffer[..length].get(..2) == request.get(..2) {
            return Ok(buffer[..length].to_vec());
        }
    }
}

async fn by_stream(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&framed(request)).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn number() -> Result<u16, AskError> {
    let random = ring::rand::generate::<[u8; 2]>(&ring::rand::SystemRandom::new());
    Ok(u16::from_be_bytes(random.map_err(|_| AskError::NoRandomness)?.expose()))
}

fn read(message: &Message<Vec<u8>>) -> Option<Answer> {
    let mut records = Vec::new();
    for record in message.answer().ok()?.limit_to::<AllRecordData<_, _>>() {
        let record = record.ok()?;
        let owner = record.owner().fmt_with_dot().to_string();
        records.push(match record.data() {
            AllRecordData::Txt(text) => {
                let octets: Vec<u8> = text.text();
                Record::Txt(String::from_utf8_lossy(&octets).into_owned())
            }
            AllRecordData::Ns(server) => Record::Ns(server.nsdname().fmt_with_dot().to_string()),
            AllRecordData::Soa(_) => Record::Soa(owner),
            AllRecordData::Cname(alias) => {
                Record::Cname(owner, alias.cname().fmt_with_dot().to_string())
            }
            AllRecordData::A(address) => Record::Address(address.addr().into()),
            AllRecordData::Aaaa(address) => Record::Address(address.addr().into()),
            _ => Record::Other(record.rtype()),
        });
    }
    Some(Answer { rcode: message.header().rcode(), records })
}
