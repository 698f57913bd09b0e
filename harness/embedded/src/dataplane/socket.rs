//! One listening socket of the data plane: where it is bound, what it is for, how it closes.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use gateproof_kubernetes::wait;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::address::{AddressBlock, Reach};

use super::connection;
use super::serving::Serving;
use super::{Shared, Target};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// How many connections are made to fill a silent socket's queue before giving up.
const FILLERS: usize = 8;
/// A connection attempt on loopback that takes longer than this goes unanswered.
const UNANSWERED: Duration = Duration::from_millis(50);

/// How long accepting rests when this machine denies it.
const BREATH: Duration = Duration::from_millis(10);

/// What a socket is to do.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Serve a listener.
    Serve(Arc<Serving>),
    /// Forward connections to these endpoints.
    Forward(Vec<Target>),
    /// Answer nothing.
    Silent,
    /// Answer every request with a status.
    Status(u16),
}

/// What an open socket does with connections; can change while it is open.
#[derive(Debug)]
pub(super) enum Role {
    /// Serves a listener.
    Gateway(ArcSwap<Serving>),
    /// Forwards connections to endpoints.
    Direct(ArcSwap<Vec<Target>>),
    /// Answers every request with a status.
    Health(AtomicU16),
}

/// What the connections of one socket share.
#[derive(Debug)]
pub(super) struct Port {
    /// The logical address.
    pub(super) address: IpAddr,
    /// The logical port.
    pub(super) number: u16,
    /// What it does.
    pub(super) role: Role,
    /// What all sockets use.
    pub(super) shared: Arc<Shared>,
    /// Ends accepting, and connections when their request in flight is answered.
    pub(super) drain: CancellationToken,
}

/// An open socket. Dropped, it closes like [`OpenSocket::close`], only later.
#[derive(Debug)]
pub(super) struct OpenSocket {
    bound: SocketAddr,
    mapped_because: Option<String>,
    activity: Activity,
}

#[derive(Debug)]
enum Activity {
    Accepting { port: Arc<Port>, task: JoinHandle<()> },
    Silent { _listener: TcpListener, _fillers: Vec<TcpStream> },
}

impl OpenSocket {
    /// Opens a socket at its own address and port, else at a port the system chooses.
    pub(super) async fn open(
        block: &AddressBlock,
        shared: &Arc<Shared>,
        (address, port): (IpAddr, u16),
        purpose: Purpose,
    ) -> Result<Self, OpenError> {
        let (socket, mapped_because) =
            bind(block, address, port).map_err(|source| OpenError { address, port, source })?;
        let bound = socket.local_addr().map_err(|source| OpenError { address, port, source })?;
        let role = match purpose {
            Purpose::Silent => {
                let activity = silence(socket, bound).await.map_err(|source| OpenError {
                    address,
                    port,
                    source,
                })?;
                return Ok(Self { bound, mapped_because, activity });
            }
            Purpose::Serve(serving) => Role::Gateway(ArcSwap::new(serving)),
            Purpose::Forward(targets) => Role::Direct(ArcSwap::from_pointee(targets)),
            Purpose::Status(status) => Role::Health(AtomicU16::new(status)),
        };
        let listener =
            socket.listen(BACKLOG).map_err(|source| OpenError { address, port, source })?;
        let port = Arc::new(Port {
            address,
            number: port,
            role,
            shared: Arc::clone(shared),
            drain: shared.abort.child_token(),
        });
        let task = shared.tasks.spawn(accept(listener, Arc::clone(&port)));
        Ok(Self { bound, mapped_because, activity: Activity::Accepting { port, task } })
    }

    /// Where it is bound.
    pub(super) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Why it is not bound at its own address and port, if it is not.
    pub(super) fn mapped_because(&self) -> Option<&str> {
        self.mapped_because.as_deref()
    }

    /// Whether the socket can do this without being opened anew.
    pub(super) fn can_become(&self, purpose: &Purpose) -> bool {
        match (&self.activity, purpose) {
            (Activity::Silent { .. }, Purpose::Silent) => true,
            (Activity::Accepting { port, .. }, Purpose::Serve(_)) => {
                matches!(port.role, Role::Gateway(_))
            }
            (Activity::Accepting { port, .. }, Purpose::Forward(_)) => {
                matches!(port.role, Role::Direct(_))
            }
            (Activity::Accepting { port, .. }, Purpose::Status(_)) => {
                matches!(port.role, Role::Health(_))
            }
            _ => false,
        }
    }

    /// Gives the socket what to do from the next request and handshake on.
    pub(super) fn reprogram(&self, purpose: Purpose) {
        let Activity::Accepting { port, .. } = &self.activity else { return };
        match (&port.role, purpose) {
            (Role::Gateway(current), Purpose::Serve(serving)) => current.store(serving),
            (Role::Direct(current), Purpose::Forward(targets)) => current.store(Arc::new(targets)),
            (Role::Health(current), Purpose::Status(status)) => {
                current.store(status, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Stops listening before it returns. Requests in flight go on.
    pub(super) async fn close(mut self) {
        if let Activity::Accepting { port, task } = &mut self.activity {
            port.drain.cancel();
            if let Err(error) = task.await {
                tracing::error!(%error, socket = %self.bound, "the accept loop ended abnormally");
            }
        }
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        if let Activity::Accepting { port, .. } = &self.activity {
            port.drain.cancel();
        }
    }
}

/// Binds at the address and port itself when it is one of the block and can be bound, else at a
/// port the system chooses, with the reason.
fn bind(
    block: &AddressBlock,
    address: IpAddr,
    port: u16,
) -> io::Result<(TcpSocket, Option<String>)> {
    let own = SocketAddr::new(address, port);
    let reason = if block.reach() == Reach::Mapped {
        "this system lets only 127.0.0.1 be bound".to_owned()
    } else if !block.contains(address) {
        format!("{address} is not one of this cluster's loopback addresses")
    } else {
        match bind_at(own) {
            Ok(socket) => return Ok((socket, None)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                format!("binding {own} needs a privilege this process does not have")
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                format!("another process holds port {port} on every address or on {address}")
            }
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                format!("{address} cannot be bound on this system")
            }
            Err(error) => return Err(error),
        }
    };
    let socket = bind_at(SocketAddr::new(block.base(), 0))?;
    Ok((socket, Some(reason)))
}

fn bind_at(socket: SocketAddr) -> io::Result<TcpSocket> {
    let bound = if socket.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a socket that was closed before may still be in TIME_WAIT.
    bound.set_reuseaddr(true)?;
    bound.bind(socket)?;
    Ok(bound)
}

/// Makes a socket that does not answer: it listens with the shortest queue and nobody accepts, so
/// once the queue is full the kernel drops every SYN (Linux, with `tcp_abort_on_overflow` off as
/// by default). Filled until an attempt goes unanswered, so that it is known and not assumed.
async fn silence(socket: TcpSocket, bound: SocketAddr) -> io::Result<Activity> {
    let listener = socket.listen(0)?;
    let mut fillers = Vec::new();
    while fillers.len() < FILLERS {
        match tokio::time::timeout(UNANSWERED, TcpStream::connect(bound)).await {
            Err(_) => return Ok(Activity::Silent { _listener: listener, _fillers: fillers }),
            Ok(filler) => fillers.push(filler?),
        }
    }
    Err(io::Error::other(format!(
        "{bound} still answers after {FILLERS} connections that nobody accepts; \
         is net.ipv4.tcp_abort_on_overflow set?"
    )))
}

async fn accept(listener: TcpListener, port: Arc<Port>) {
    loop {
        tokio::select! {
            biased;
            () = port.drain.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let served = connection::serve(Arc::clone(&port), stream, client);
                    port.shared.tasks.spawn(served);
                }
                Err(error) => {
                    port.shared.shortages.note("accept a connection", &error);
                    // Until somebody else lets go of a descriptor there is nothing to do.
                    wait::pause(BREATH).await;
                }
            },
        }
    }
}

/// A socket could not be opened.
#[derive(Debug)]
pub(super) struct OpenError {
    address: IpAddr,
    port: u16,
    source: io::Error,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, port, source } = self;
        write!(f, "open a socket for {}: {source}", SocketAddr::new(*address, *port))
    }
}
