//! The data plane: real listeners on loopback, driven by typed Envoy configuration.
//!
//! A [`Program`] says which sockets exist and what each does; [`DataPlane::apply`] makes it so by
//! doing only what changed. A connection chooses its filter chain, a request its route, by the
//! pure functions of `gateproof_model::routing`; this module only carries bytes. What Envoy would
//! refuse when it is configured (`acceptance`) is refused here too, and what was there before
//! stays, as xDS has it.
//!
//! `tests/envoy` compares it with a real Envoy: same status, same backend, same request at the
//! backend, same answer. Deliberately absent: outlier detection, rate
//! limits, policy, grpc-web, PROXY protocol towards backends, WebSocket towards HTTP/2 backends
//! (answered as for a backend that does not speak RFC 8441), the agents' load balancing below
//! connections (`direct`: a client of a TCP listener is connected before an endpoint is asked, and
//! the endpoint sees this machine as its client), and Envoy's wait of up to 30
//! seconds for a missing secret before a listener opens (a chain without certificate closes its
//! connections from the start, the others serve).

mod acceptance;
mod access_log;
mod answer;
mod apply;
mod certificate;
mod connection;
mod cors;
mod datagram;
mod direct;
mod draw;
mod exchange;
mod format;
mod forward;
mod headers;
mod manager;
mod opening;
mod passthrough;
mod payload;
mod proxy_protocol;
mod retries;
mod serving;
mod shortage;
mod socket;
mod trailers;
mod upstream;
mod upstream_tls;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gateproof_core::name::NamespacedName;
use gateproof_model::translation::envoy::EnvoyConfig;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::{AddressBlock, LoopbackBook};

pub use access_log::{
    AccessEvent, AccessRecord, CloseCause, RequestRecord, ResponseFlag, ServedBy,
};
pub use certificate::{CertificateProblem, CertifiedKeyPem};

use access_log::AccessLog;
use apply::State;
use draw::Draws;
use retries::Retries;
use shortage::Shortages;
use upstream::Upstreams;

/// How long [`DataPlane::shutdown`] lets requests in flight finish.
const DRAIN: Duration = Duration::from_secs(2);

/// What the data plane should be doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// Envoy configurations that sockets refer to by index. The same name may occur more than
    /// once, when agents hold different versions.
    pub configs: Vec<EnvoyConfig>,
    /// The sockets, each address and port once.
    pub sockets: Vec<SocketProgram>,
    /// Where UDP is taken, each address and port once.
    pub datagrams: Vec<DatagramProgram>,
    /// What sockets and datagrams that go past Envoy are forwarded to; they refer to it by index.
    pub forwards: Vec<Vec<Target>>,
    /// Certificates and keys by the name that chains ask for over SDS.
    pub certificates: BTreeMap<String, CertifiedKeyPem>,
    /// Certificates of authorities in PEM, by the name that clusters with TLS ask for.
    pub authorities: BTreeMap<String, String>,
    /// Sockets of ready endpoints by cluster name. A cluster without entry has none.
    pub endpoints: BTreeMap<String, Vec<SocketAddr>>,
}

/// One address and port of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketProgram {
    /// The logical address: a node's, or one given to a load balancer.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// What it does.
    pub behaviour: Behaviour,
}

/// One address and port of the cluster for UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatagramProgram {
    /// The logical address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Index into [`Program::forwards`].
    pub to: usize,
}

/// An endpoint that gets its share of what is forwarded past Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Where it listens.
    pub socket: SocketAddr,
    /// Its share, beside those of the others; more than zero.
    pub weight: u16,
}

/// What a socket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Serves an Envoy listener.
    Serve {
        /// Index into [`Program::configs`].
        config: usize,
        /// Index into that configuration's listeners.
        listener: usize,
    },
    /// Forwards connections to endpoints as they come, as agents do for TCP listeners.
    Forward {
        /// Index into [`Program::forwards`].
        to: usize,
    },
    /// Answers nothing: a connection attempt times out.
    Silent,
    /// A health-check node port: every request is answered with this status, as the
    /// Kubernetes contract for `/healthz` asks (200 or 503).
    Status(u16),
}

/// What came of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Sockets that are served elsewhere than at their own address and port.
    pub mapped: Vec<Mapped>,
    /// Sockets that could not be opened at all; connections to them are refused.
    pub closed: Vec<Closed>,
    /// Certificates that chains ask for and cannot use.
    pub certificates: Vec<UnusableCertificate>,
    /// Parts of configurations that Envoy would refuse (NACK); what was there before stays.
    pub refused: Vec<Refusal>,
}

/// A socket that is served elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The logical address.
    pub address: IpAddr,
    /// The logical port.
    pub port: u16,
    /// Where it is really bound.
    pub socket: SocketAddr,
    /// Why, for a human.
    pub reason: String,
}

/// A socket that is not open although the program has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The logical address.
    pub address: IpAddr,
    /// The logical port.
    pub port: u16,
    /// Why, for a human.
    pub reason: String,
}

/// A certificate that a chain asks for and that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableCertificate {
    /// The name it is asked for by.
    pub sds_name: String,
    /// What is wrong with it. Never holds key material.
    pub problem: CertificateProblem,
}

/// A part of a configuration that Envoy would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The CiliumEnvoyConfig.
    pub config: NamespacedName,
    /// Which part.
    pub part: RefusedPart,
    /// Why, for a human.
    pub reason: String,
}

/// The part of a configuration that Envoy refuses as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedPart {
    /// The listener of this name.
    Listener(String),
    /// The route table of this name.
    RouteTable(String),
}

/// The data plane of one cluster. Dropping it ends every task and closes every socket.
#[derive(Debug)]
pub struct DataPlane {
    block: Arc<AddressBlock>,
    book: Arc<LoopbackBook>,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

/// What all sockets and connections of a data plane use.
#[derive(Debug)]
struct Shared {
    draws: Draws,
    log: AccessLog,
    shortages: Arc<Shortages>,
    upstreams: Upstreams,
    retries: Arc<Retries>,
    /// Everything that was spawned.
    tasks: TaskTracker,
    /// Ends everything at once.
    abort: CancellationToken,
}

impl DataPlane {
    /// A data plane in which nothing is served yet. Choices by weight are drawn from a series
    /// that the block's number determines.
    pub fn new(block: AddressBlock) -> Self {
        let seed = match block.node(0) {
            Some(node) => u64::from(node.to_bits()),
            None => 0,
        };
        Self::with_seed(block, seed)
    }

    /// The same with a seed for choices by weight.
    pub fn with_seed(block: AddressBlock, seed: u64) -> Self {
        let block = Arc::new(block);
        let shortages = Arc::new(Shortages::default());
        Self {
            book: Arc::new(LoopbackBook::new(Arc::clone(&block))),
            block,
            shared: Arc::new(Shared {
                draws: Draws::new(seed),
                log: AccessLog::default(),
                upstreams: Upstreams::new(Arc::clone(&shortages)),
                retries: Arc::default(),
                shortages,
                tasks: TaskTracker::new(),
                abort: CancellationToken::new(),
            }),
            state: Mutex::default(),
        }
    }

    /// The cluster's block of addresses.
    pub fn block(&self) -> &AddressBlock {
        &self.block
    }

    /// How to reach the cluster's addresses; stays right as programs change.
    pub fn address_book(&self) -> Arc<LoopbackBook> {
        Arc::clone(&self.book)
    }

    /// Makes the data plane do what the program says. Only what changed is touched: sockets that
    /// stay keep listening and keep their connections, new routes and certificates are used from
    /// the next request and handshake on, removed sockets are closed before this returns while
    /// their requests in flight finish. An equal program does nothing.
    pub async fn apply(&self, program: Program) -> Applied {
        let mut state = self.state.lock().await;
        apply::apply(&mut state, &self.block, &self.book, &self.shared, program).await
    }

    /// The newest requests and refused connections, oldest first (bounded).
    pub fn access_log(&self) -> Vec<AccessRecord> {
        self.shared.log.records()
    }

    /// What this machine denied the data plane since it was made, each in words. From the first
    /// of them on, an answer that did not come says nothing about the configuration.
    pub fn shortages(&self) -> Vec<String> {
        self.shared.shortages.told()
    }

    /// Closes every socket, lets requests in flight finish for two seconds, ends the rest; no
    /// program opens a socket after that. Safe to call twice.
    pub async fn shutdown(&self) {
        self.apply(Program::default()).await;
        self.shared.tasks.close();
        if tokio::time::timeout(DRAIN, self.shared.tasks.wait()).await.is_err() {
            tracing::debug!(tasks = self.shared.tasks.len(), "ending connections in flight");
        }
        self.shared.abort.cancel();
        self.shared.tasks.wait().await;
        self.shared.tasks.reopen();
    }
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        self.shared.abort.cancel();
    }
}

#[cfg(test)]
mod tests;
