//! What a trial needs before its own manifests: an issuer for certificates and echo backends.
//!
//! Pure: each module says which objects to apply and what must become true of them.

pub(crate) mod backend;
pub(crate) mod issuer;
