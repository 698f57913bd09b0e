//! From an ACME issuer to its server and account, or why it is not ready.
//!
//! Reasons follow cert-manager 1.21 `pkg/issuer/acme/setup.go`.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use super::account::Account;
use super::{AcmeIssuer, AcmeServers};
use crate::controllers::cert_manager::issuer::{NOT_COVERED, NotReady};
use crate::controllers::cluster_dns;
use crate::controllers::kind::{ENDPOINT_SLICE, SERVICE};
use crate::controllers::kubernetes::endpoint_slice::SERVICE_NAME;
use crate::controllers::kubernetes::kubelet::pebble::Pebble;
use crate::controllers::object::{items, label, name, port, text};
use crate::controllers::snapshot::Snapshot;

/// The ACME issuer that an object describes.
pub(in crate::controllers::cert_manager) fn issuer(
    snapshot: &Snapshot,
    object: &Value,
    servers: &AcmeServers,
) -> Result<AcmeIssuer, NotReady> {
    let url = text(object, "/spec/acme/server").unwrap_or_default();
    let failed = |why: String| NotReady {
        reason: "ErrRegisterACMEAccount",
        message: format!("Failed to register ACME account: {why}"),
    };
    let uri: http::Uri = url.parse().unwrap_or_default();
    let (host, number) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(443));
    let Some((namespace, service)) = cluster_dns::service(host) else {
        return Err(NotReady {
            reason: NOT_COVERED,
            message: format!(
                "issuer {} of type acme with the server {url:?}: the embedded cluster reaches ACME \
                 servers of its own alone, such as https://pebble.acme.svc:14000/dir",
                name(object)
            ),
        });
    };
    let dial = |why: String| failed(format!("Get {url:?}: dial tcp: {why}"));
    let address = cluster_dns::resolve(snapshot, host).map_err(dial)?;
    let server = endpoint(snapshot, (namespace, service), number, servers)
        .ok_or_else(|| dial(format!("{address}:{number}: connect: connection refused")))?;
    Ok(AcmeIssuer {
        server,
        url: url.to_owned(),
        account: Account::of(snapshot, object).map_err(failed)?,
        solvers: items(object, "/spec/acme/solvers").to_vec(),
    })
}

/// The ACME server that is a ready endpoint of a Service.
fn endpoint(
    snapshot: &Snapshot,
    (namespace, service): (&str, &str),
    number: u16,
    servers: &AcmeServers,
) -> Option<Arc<Pebble>> {
    let object = snapshot.get(SERVICE, Some(namespace), service)?;
    let ports = items(object, "/spec/ports");
    let wanted = ports.iter().find(|entry| port(entry, "/port") == Some(number))?;
    let wanted = text(wanted, "/name").unwrap_or_default();
    snapshot
        .list_in(ENDPOINT_SLICE, namespace)
        .filter(|slice| label(slice, SERVICE_NAME) == Some(service))
        .find_map(|slice| {
            let entry = items(slice, "/ports")
                .iter()
                .find(|entry| text(entry, "/name").unwrap_or_default() == wanted)?;
            let target = port(entry, "/port")?;
            items(slice, "/endpoints")
                .iter()
                .filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&false.into()))
                .flat_map(|endpoint| items(endpoint, "/addresses"))
                .filter_map(|address| address.as_str()?.parse::<IpAddr>().ok())
                .filter_map(|address| servers.get(&address))
                .find(|server| server.directory_port() == target)
                .cloned()
        })
}
