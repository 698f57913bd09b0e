//! The access log: what the data plane did with each request, and with each connection that got
//! no answer, for evidence. Bounded; the oldest records go first. Holds no header fields and no
//! bodies, so that no credential gets into it.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many records are kept.
const CAPACITY: usize = 4096;

/// One line of the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRecord {
    /// When, counted from the start of the data plane.
    pub at: Duration,
    /// The logical address of the socket: a node's, or a load balancer's.
    pub address: IpAddr,
    /// The logical port of the socket.
    pub port: u16,
    /// Who connected, after the PROXY protocol.
    pub client: SocketAddr,
    /// The filter chain that served the connection.
    pub chain: ServedBy,
    /// What happened.
    pub event: AccessEvent,
}

/// The filter chain that served a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServedBy {
    /// The chain for connections without TLS.
    Plain,
    /// A chain that terminates TLS.
    Terminate {
        /// The name its certificate is asked for by.
        sds_name: String,
    },
    /// A chain that passes TLS through.
    Passthrough {
        /// The server names it serves.
        server_names: Vec<String>,
    },
    /// None.
    Nothing,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessEvent {
    /// A request was answered.
    Request(RequestRecord),
    /// The connection was closed without an answer.
    Closed(CloseCause),
    /// The connection was passed through to this cluster.
    Tunnelled {
        /// The cluster.
        cluster: String,
    },
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The method.
    pub method: String,
    /// The Host header or `:authority`.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The virtual host whose route served it, if any did.
    pub virtual_host: Option<String>,
    /// The cluster it was forwarded to, if it was.
    pub cluster: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Why the data plane answered itself, if it did for a reason.
    pub flag: Option<ResponseFlag>,
    /// From the end of the request's head to the answer's head.
    pub took: Duration,
}

/// Why a request was not answered by a backend, as Envoy's access log tells it
/// (`%RESPONSE_FLAGS%`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFlag {
    /// No virtual host or no route: `NR`.
    NoRoute,
    /// The cluster has no ready endpoint: `UH`.
    NoHealthyUpstream,
    /// No connection to the endpoint: `UF`.
    ConnectFailure,
    /// The endpoint ended the connection: `UC`.
    ConnectionTermination,
    /// The endpoint reset the request's HTTP/2 stream: `UR`.
    RemoteReset,
    /// The endpoint does not speak HTTP: `UPE`.
    UpstreamProtocolError,
    /// The route's time limit: `UT`.
    RequestTimeout,
    /// The client does not speak HTTP as it should: `DPE`.
    ClientProtocolError,
}

impl fmt::Display for ResponseFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoute => "NR",
            Self::NoHealthyUpstream => "UH",
            Self::ConnectFailure => "UF",
            Self::ConnectionTermination => "UC",
            Self::RemoteReset => "UR",
            Self::UpstreamProtocolError => "UPE",
            Self::RequestTimeout => "UT",
            Self::ClientProtocolError => "DPE",
        })
    }
}

/// Why a connection was closed without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseCause {
    /// No filter chain serves this server name, or none serves connections without TLS.
    NoChain {
        /// The server name of the ClientHello.
        server_name: Option<String>,
    },
    /// The chain's certificate is missing or unusable.
    NoCertificate,
    /// The TLS handshake failed; in the library's words.
    HandshakeFailed(String),
    /// A PROXY protocol header is required and did not come.
    NoProxyHeader,
    /// The client sent too little to choose a chain before the time limit.
    OpeningTimedOut,
    /// The chain passes through to a cluster without reachable endpoint.
    NoEndpoint {
        /// The cluster; absent when the weights sum to zero.
        cluster: Option<String>,
    },
}

/// The log itself.
#[derive(Debug)]
pub(super) struct AccessLog {
    started: Instant,
    records: Mutex<VecDeque<AccessRecord>>,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { started: Instant::now(), records: Mutex::default() }
    }
}

impl AccessLog {
    /// The time since the start of the data plane.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Adds a record.
    pub(super) fn push(&self, record: AccessRecord) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == CAPACITY {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// All records, oldest first.
    pub(super) fn records(&self) -> Vec<AccessRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl fmt::Display for AccessRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[+{:.3}s] ", self.at.as_secs_f64())?;
        write!(f, "{} -> {} ", self.client, SocketAddr::new(self.address, self.port))?;
        write!(f, "chain={} ", self.chain)?;
        match &self.event {
            AccessEvent::Request(request) => write!(f, "{request}"),
            AccessEvent::Closed(cause) => write!(f, "closed: {cause}"),
            AccessEvent::Tunnelled { cluster } => write!(f, "passed through cluster={cluster}"),
        }
    }
}

impl fmt::Display for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, host, path, virtual_host, cluster, status, flag, took } = self;
        let absent = String::from("-");
        write!(
            f,
            "\"{method} {host} {path}\" {status} flag={} virtual_host={} cluster={} took={}us",
            flag.map_or_else(|| absent.clone(), |flag| flag.to_string()),
            virtual_host.as_ref().unwrap_or(&absent),
            cluster.as_ref().unwrap_or(&absent),
            took.as_micros()
        )
    }
}

impl fmt::Display for ServedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Terminate { sds_name } => write!(f, "tls({sds_name})"),
            Self::Passthrough { server_names } => {
                write!(f, "passthrough({})", server_names.join(","))
            }
            Self::Nothing => f.write_str("-"),
        }
    }
}

impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChain { server_name: Some(name) } => {
                write!(f, "no filter chain for the server name {name}")
            }
            Self::NoChain { server_name: None } => {
                f.write_str("no filter chain for a connection without server name")
            }
            Self::NoCertificate => f.write_str("the chain's certificate is missing or unusable"),
            Self::HandshakeFailed(reason) => write!(f, "TLS handshake failed: {reason}"),
            Self::NoProxyHeader => f.write_str("no PROXY protocol header came first"),
            Self::OpeningTimedOut => f.write_str("the client sent too little to choose a chain"),
            Self::NoEndpoint { cluster: Some(cluster) } => {
                write!(f, "no reachable endpoint in cluster {cluster}")
            }
            Self::NoEndpoint { cluster: None } => f.write_str("the weights sum to zero"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AccessEvent, AccessLog, AccessRecord, CAPACITY, CloseCause, RequestRecord, ResponseFlag,
        ServedBy,
    };
    use std::net::IpAddr;
    use std::time::Duration;

    fn record(port: u16, event: AccessEvent) -> AccessRecord {
        AccessRecord {
            at: Duration::from_millis(1250),
            address: IpAddr::from([127, 70, 1, 2]),
            port,
            client: ([127, 0, 0, 1], 50_000).into(),
            chain: ServedBy::Plain,
            event,
        }
    }

    #[test]
    fn oldest_records_go_first() {
        let log = AccessLog::default();
        for port in 0..=u16::try_from(CAPACITY).expect("fits") {
            log.push(record(port, AccessEvent::Closed(CloseCause::NoCertificate)));
        }
        let records = log.records();
        assert_eq!(records.len(), CAPACITY);
        assert_eq!(records[0].port, 1, "record 0 is gone");
    }

    #[test]
    fn record_reads_as_one_line() {
        let request = RequestRecord {
            method: "GET".into(),
            host: "a.test".into(),
            path: "/x".into(),
            virtual_host: Some("a.test".into()),
            cluster: None,
            status: 404,
            flag: Some(ResponseFlag::NoRoute),
            took: Duration::from_micros(40),
        };
        assert_eq!(
            record(80, AccessEvent::Request(request)).to_string(),
            "[+1.250s] 127.0.0.1:50000 -> 127.70.1.2:80 chain=plain \
             \"GET a.test /x\" 404 flag=NR virtual_host=a.test cluster=- took=40us"
        );
        let no_chain = CloseCause::NoChain { server_name: Some("b.test".into()) };
        assert!(
            record(443, AccessEvent::Closed(no_chain))
                .to_string()
                .ends_with("closed: no filter chain for the server name b.test")
        );
    }
}
