//! A small authoritative name server that takes signed updates, and a client for it.
//!
//! It is what proves names by DNS-01: an ACME client adds a TXT record by a dynamic update
//! (RFC 2136) that is signed with a shared key (TSIG, RFC 8945), and whoever wants to know asks for
//! it (RFC 1034, 1035, 6891) over UDP or TCP. What a request becomes is decided without any socket
//! ([`Authority`]); [`NameServer`] only receives and sends.
//!
//! Absent on purpose: recursion, transfers of zones, DNSSEC, wildcards as owners of records, and
//! files: its zones begin with what names the server itself, and are gone when it ends.

mod authority;
mod client;
mod key;
mod lookup;
mod reply;
mod server;
mod update;
mod zone;

pub use authority::{Authority, Responded, Transport};
pub use client::{Answer, AskError, Change, Endpoint, Record, UpdateError, ask, update};
pub use domain::base::iana::{Rcode, Rtype};
pub use domain::rdata::tsig::Time48;
pub use key::{Algorithm, KeyError, SharedKey};
pub use server::{ListenError, Log, NameServer};
pub use zone::{SERVER_LABEL, Zone, ZoneError};

/// The port of a name server (RFC 1035, 4.2).
pub const PORT: u16 = 53;

/// A name in full, from the root on.
pub(crate) type Name = domain::base::Name<Vec<u8>>;

/// What a record holds.
pub(crate) type Data = domain::rdata::ZoneRecordData<Vec<u8>, Name>;
