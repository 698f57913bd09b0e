//! Claims about the data plane, each over real sockets.

mod backend;
mod client;
mod connections;
mod forwarding;
mod requests;
pub(crate) mod sample;
mod sockets;
mod swaps;
