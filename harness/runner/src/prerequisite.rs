//! What a trial needs before its own manifests: an issuer for certificates, the ACME
//! server behind it with the name server that proves names, names in the cluster's DNS, and echo
//! backends.
//!
//! Pure: each module says which objects to apply and what must become true of them.

pub(crate) mod acme;
pub(crate) mod backend;
pub(crate) mod corefile;
pub(crate) mod issuer;
pub(crate) mod name_server;
pub(crate) mod rollout;
