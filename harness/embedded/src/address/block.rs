//! The addresses of a cluster as far as they are this process's own: a block of loopback addresses,
//! or the one address of a machine that is a node; claimed for as long as the value lives.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Blocks that can be claimed: `127.64.0.0/24` and the next 4,000.
const BLOCKS: u64 = 4000;
/// The second octet of the first block; far from what distributions use in `127.0.0.0/16`.
const FIRST_OCTET: u8 = 64;
/// The port whose binding claims a block. Above the range that Linux hands out to clients
/// (32768–60999), so that a chance connection does not hold it.
const CLAIM_PORT: u16 = 61_001;
/// A connection on loopback that takes longer than this will not come about.
const CARRIES_WITHIN: Duration = Duration::from_secs(10);
/// How many blocks are tried before giving up.
const ATTEMPTS: u64 = 64;

/// How the addresses of a block are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// They can be bound as they are.
    Direct,
    /// Only `127.0.0.1` can be bound; every socket is mapped.
    Mapped,
}

/// A claimed block `127.A.B.0/24`. The claim is a bound socket that never listens: the kernel
/// gives it to one process, and takes it back when the process ends, however it ends. The same
/// socket is where connections to unserved ports are sent, because connecting to it is refused.
#[derive(Debug)]
pub struct AddressBlock {
    extent: Extent,
    reach: Reach,
    claim: TcpSocket,
    claimed: SocketAddr,
}

/// Which addresses a block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// `A.B.C.0/24`.
    Network([u8; 3]),
    /// One address.
    Machine(IpAddr),
}

impl AddressBlock {
    /// The address of this machine, which is a node of its own in a cluster of several: nodes
    /// and load balancers with other addresses are somebody else's.
    ///
    /// # Errors
    ///
    /// When the address is not this machine's.
    pub fn of_machine(address: IpAddr) -> Result<Self, AddressError> {
        let claimed = SocketAddr::new(address, CLAIM_PORT);
        let claim = || {
            let claim = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            claim.bind(claimed)?;
            Ok(claim)
        };
        let claim = claim().map_err(|source| AddressError::NotThisMachine { address, source })?;
        let extent = Extent::Machine(address);
        Ok(Self { extent, reach: Reach::Direct, claim, claimed })
    }

    /// Claims a random block.
    pub fn claim() -> Result<Self, AddressError> {
        let random = ring::rand::generate::<[u8; 8]>(&ring::rand::SystemRandom::new())
            .map_err(|_| AddressError::NoRandomness)?;
        Self::claim_from(u64::from_le_bytes(random.expose()))
    }

    /// Claims the first free block of a series that `seed` determines.
    pub fn claim_from(seed: u64) -> Result<Self, AddressError> {
        let reach = match TcpSocket::new_v4()
            .and_then(|probe| probe.bind(SocketAddr::from(([127, FIRST_OCTET, 0, 1], 0))))
        {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Reach::Mapped,
            _ => Reach::Direct,
        };
        Self::claim_with(seed, reach)
    }

    /// Claims a block that is reached as told; `Mapped` works everywhere.
    pub fn claim_with(seed: u64, reach: Reach) -> Result<Self, AddressError> {
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            // A step that is coprime to the number of blocks visits each block once.
            let index = (seed % BLOCKS + attempt * 1_237) % BLOCKS;
            match Self::claim_block(index, reach) {
                Ok(block) => return Ok(block),
                Err(source) if !is_about_the_block(&source) => {
                    return Err(AddressError::NoSocket { source });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(AddressError::NoFreeBlock {
            attempts: ATTEMPTS,
            source: last.expect("at least one block was tried"),
        })
    }

    fn claim_block(index: u64, reach: Reach) -> io::Result<Self> {
        let offset = u16::try_from(index).expect("a block index is below 4000");
        let [high, low] = offset.to_be_bytes();
        let network = [127, FIRST_OCTET + high, low];
        let claimed = match reach {
            Reach::Direct => SocketAddr::from(([127, FIRST_OCTET + high, low, 1], CLAIM_PORT)),
            // One port for each block, so that mapped clusters do not share one either.
            Reach::Mapped => SocketAddr::from(([127, 0, 0, 1], CLAIM_PORT + offset)),
        };
        let claim = TcpSocket::new_v4()?;
        claim.bind(claimed)?;
        Ok(Self { extent: Extent::Network(network), reach, claim, claimed })
    }

    /// Makes sure that connections to the block's addresses work at all, by making one. Where
    /// they do not, every claim that something is open would fail and every claim that something
    /// is closed might hold, and neither would say anything about a Gateway.
    ///
    /// # Errors
    ///
    /// When the connection fails or nothing becomes of it.
    pub async fn must_carry(&self) -> Result<(), AddressError> {
        let connected = async {
            let listener = TcpListener::bind((self.base(), 0)).await?;
            let bound = listener.local_addr()?;
            tokio::try_join!(TcpStream::connect(bound), listener.accept())
        };
        let failed = match tokio::time::timeout(CARRIES_WITHIN, connected).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(source)) if has_no_descriptor(&source) => {
                return Err(AddressError::NoSocket { source });
            }
            Ok(Err(source)) => source,
            Err(_) => io::Error::from(io::ErrorKind::TimedOut),
        };
        Err(AddressError::NoLoopback { address: self.base(), source: failed })
    }

    /// How the addresses are reached.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The address of the node with this index: `.2` and up, 190 nodes. A machine has none to
    /// give away.
    pub fn node(&self, index: usize) -> Option<Ipv4Addr> {
        let last = u8::try_from(index).ok()?.checked_add(2)?;
        if last < 192 { self.address(last) } else { None }
    }

    /// The range for load-balancer addresses, as a CIDR: `.192/26`. A machine has none.
    pub fn load_balancer_pool(&self) -> Option<String> {
        self.address(192).map(|first| format!("{first}/26"))
    }

    /// Whether the address is one of the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.extent, address) {
            (Extent::Network(network), IpAddr::V4(v4)) => v4.octets()[..3] == network,
            (Extent::Network(_), IpAddr::V6(_)) => false,
            (Extent::Machine(own), address) => own == address,
        }
    }

    /// Where to bind what has no address of its own: `.1`, or `127.0.0.1` where blocks are
    /// mapped, or a machine's one address.
    pub fn base(&self) -> IpAddr {
        self.claimed.ip()
    }

    /// A socket on which connections are refused for as long as the block is held.
    pub fn refused(&self) -> SocketAddr {
        debug_assert!(self.claim.local_addr().is_ok(), "the claim is held");
        self.claimed
    }

    fn address(&self, last: u8) -> Option<Ipv4Addr> {
        let Extent::Network([a, b, c]) = self.extent else { return None };
        Some(Ipv4Addr::new(a, b, c, last))
    }
}

/// Whether another block may fare better: the address or port is taken or cannot be bound, as
/// opposed to the process not getting any socket.
fn is_about_the_block(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::PermissionDenied
    )
}

/// `EMFILE` and `ENFILE`, which the standard library does not name.
fn has_no_descriptor(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// No block of loopback addresses could be claimed.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The system gave no random number to choose a block by.
    #[error("choose a block of loopback addresses: the system's random number generator failed")]
    NoRandomness,
    /// The system gives this process no socket at all.
    #[error(
        "open a socket for a block of loopback addresses; where too many files are open, raise \
         the limit (`ulimit -n 1024`) or run fewer clusters side by side"
    )]
    NoSocket {
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Addresses can be bound, but nothing connects to them.
    #[error(
        "connect to {address} on this machine's own loopback interface; see whether it is up \
         (`ip link set lo up`) and whether a firewall filters it"
    )]
    NoLoopback {
        /// The address.
        address: IpAddr,
        /// What became of the connection.
        #[source]
        source: io::Error,
    },
    /// The address cannot be bound.
    #[error(
        "bind {address} port 61001, where connections to unserved ports are refused: the address \
         is not this machine's, or another node serves it"
    )]
    NotThisMachine {
        /// The address.
        address: IpAddr,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Every block that was tried is taken, or cannot be bound.
    #[error(
        "claim a block 127.x.y.0/24 of loopback addresses: none of {attempts} tried is free \
         (its address .1, or 127.0.0.1 where other loopback addresses cannot be bound, must let \
         a port from 61001 on be bound); see whether a process listens on 0.0.0.0:61001, or \
         whether many clusters are still running"
    )]
    NoFreeBlock {
        /// How many were tried.
        attempts: u64,
        /// Why the last one could not be had.
        #[source]
        source: io::Error,
    },
}
