//! ACME issuers whose server is a Pebble of this cluster.
//!
//! Everything that cert-manager 1.21 writes on the way is written: account key, next private key,
//! CertificateRequest, Order, Challenges, and the solver's Pod, Service and HTTPRoute. The solver
//! really serves, and whether a challenge is fulfilled is decided by real requests through the data
//! plane ([`validation`]); by DNS-01 a record is really added at a name server of the cluster and
//! asked for there ([`dns01`]). What is not done: the protocol between cert-manager and the ACME
//! server (RFC 8555), which never passes the Gateway: the server is called. Providers for DNS-01
//! other than RFC 2136, names that are addresses, selectors of solvers, and ACME servers outside of
//! the cluster are not covered. One pass of the self-check takes the place of five, and a record is
//! not waited for once it is there. A Challenge that is deleted before it is decided leaves its
//! record in DNS. A request that failed is not made again until it
//! is deleted or the Certificate changes, as cert-manager waits an hour.

mod account;
mod dns01;
mod order;
mod server;
mod solver;
pub(crate) mod validation;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

pub(super) use account::missing as missing_account;
pub(super) use order::{Issuance, progress};
pub(super) use server::issuer;

use crate::controllers::kubernetes::kubelet::pebble::Pebble;
use account::Account;

/// The ACME servers of the cluster, by the addresses of their pods.
pub(crate) type AcmeServers = BTreeMap<IpAddr, Arc<Pebble>>;

/// An ACME issuer that is ready.
#[derive(Debug)]
pub(super) struct AcmeIssuer {
    server: Arc<Pebble>,
    url: String,
    account: Account,
    solvers: Vec<Value>,
}

impl AcmeIssuer {
    /// The address of its account, for the issuer's status.
    pub(super) fn account_url(&self) -> String {
        let origin = self.url.rsplit_once('/').map_or(self.url.as_str(), |(origin, _)| origin);
        format!("{origin}/my-account/{}", self.account.mark())
    }
}
