//! Loopback addresses for a cluster: a block that no other cluster has, and the address book that
//! says which socket stands for an address and port of the cluster.
//!
//! A cluster owns one `127.A.B.0/24`. Where the system lets a process bind only `127.0.0.1`
//! (macOS without aliases), the cluster keeps the same logical addresses and every socket is
//! mapped. This module listens nowhere and serves nothing; [`crate::dataplane`] does.

mod block;
mod book;

pub use block::{AddressBlock, AddressError, Reach};
pub use book::LoopbackBook;

#[cfg(test)]
mod tests;
