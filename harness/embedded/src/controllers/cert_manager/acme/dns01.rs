//! DNS-01 as cert-manager does it with a name server that takes updates (RFC 2136): finding the
//! zone, adding the record, looking whether it is there, taking it away. And how the ACME server
//! looks for it.
//!
//! All of it by real messages to name servers among the cluster's pods; follows cert-manager 1.21
//! `pkg/issuer/acme/dns/{dns.go,rfc2136,util/wait.go}` and letsencrypt/pebble v2.10.1 `va/va.go`,
//! whose words it has. `dns: bad authentication` is what cert-manager says of every answer
//! `NOTAUTH`: for a wrong key and for a zone that is not the server's. Left out: the minute that
//! cert-manager waits once the record is there, aliases (CNAME), and other providers than RFC 2136.

use std::net::SocketAddr;
use std::time::Duration;

use gateproof_dns::{
    Algorithm, Answer, AskError, Change, Rcode, Record, Rtype, SharedKey, Transport, UpdateError,
    ask, update,
};
use k8s_openapi::ByteString;
use serde_json::Value;

use crate::controllers::cert_manager::NAMESPACE;
use crate::controllers::cluster_dns;
use crate::controllers::cluster_network::ClusterNetwork;
use crate::controllers::kind::SECRET;
use crate::controllers::object::{namespace, text};

/// How long an answer may take (`util/wait.go`).
const WITHIN: Duration = Duration::from_secs(10);

/// The port of name servers that cert-manager asks (`util/wait.go`).
const PORT: u16 = gateproof_dns::PORT;

/// Where a solver of the issuer is written down that goes by DNS-01.
const PROVIDER: &str = "/spec/solver/dns01/rfc2136";

/// A challenge that is answered in DNS.
pub(super) struct InDns<'a> {
    network: &'a ClusterNetwork<'a>,
    challenge: &'a Value,
}

impl<'a> InDns<'a> {
    pub(super) fn new(network: &'a ClusterNetwork<'a>, challenge: &'a Value) -> Self {
        Self { network, challenge }
    }

    fn of(&self, pointer: &str) -> &'a str {
        text(self.challenge, pointer).unwrap_or_default()
    }

    /// The name of the record.
    fn name(&self) -> String {
        format!("_acme-challenge.{}.", self.of("/spec/dnsName"))
    }

    /// Adds the record.
    pub(super) async fn present(&self) -> Result<(), String> {
        self.change(Change::Add(self.of("/spec/key"))).await
    }

    /// Takes the record away.
    pub(super) async fn clean_up(&self) -> Result<(), String> {
        self.change(Change::Remove(self.of("/spec/key"))).await
    }

    async fn change(&self, change: Change<'_>) -> Result<(), String> {
        let zone = self.zone().await?;
        let key = self.key()?;
        let failed = |why: String| format!("DNS update failed: {why}");
        let server = self.of(&format!("{PROVIDER}/nameserver"));
        let server: SocketAddr = server
            .parse()
            .or_else(|_| server.parse().map(|address| SocketAddr::new(address, PORT)))
            .map_err(|_| failed(format!("dial udp: lookup {server}: no such host")))?;
        let endpoint = self.network.name_server(server).ok_or_else(|| failed(silent(server)))?;
        let done = update(endpoint, &zone, &self.name(), change, key.as_ref(), WITHIN).await;
        done.map_err(|error| match error {
            UpdateError::Refused(Rcode::NOTAUTH) | UpdateError::Signature(_) => {
                failed("dns: bad authentication".to_owned())
            }
            UpdateError::Refused(rcode) => {
                format!("DNS update failed. Server replied: {rcode}")
            }
            UpdateError::Ask(error) => failed(unanswered(server, &error)),
        })
    }

    /// The key of the issuer's solver; a message says why it cannot be had.
    fn key(&self) -> Result<Option<SharedKey>, String> {
        let of = |key: &str| self.of(&format!("{PROVIDER}/{key}"));
        let (secret_name, key) = (of("tsigSecretSecretRef/name"), of("tsigSecretSecretRef/key"));
        if secret_name.is_empty() || of("tsigKeyName").is_empty() {
            return Ok(None);
        }
        let cluster_wide = self.of("/spec/issuerRef/kind") == "ClusterIssuer";
        let scope = if cluster_wide { Some(NAMESPACE) } else { namespace(self.challenge) };
        let secret = self.network.snapshot().get(SECRET, scope, secret_name);
        let secret = secret.ok_or_else(|| format!("secrets {secret_name:?} not found"))?;
        let held = secret
            .pointer("/data")
            .and_then(|data| serde_json::from_value::<ByteString>(data.get(key)?.clone()).ok())
            .ok_or_else(|| format!("data entry with key {key:?} not found in secret"))?;
        let algorithm = match of("tsigAlgorithm").to_ascii_uppercase().as_str() {
            "HMACSHA1" => Algorithm::Sha1,
            "HMACSHA256" => Algorithm::Sha256,
            "HMACSHA512" => Algorithm::Sha512,
            other => {
                return Err(format!(
                    "algorithm '{other}' is not supported by the embedded cluster"
                ));
            }
        };
        let key = SharedKey::new(of("tsigKeyName"), algorithm, &String::from_utf8_lossy(&held.0));
        key.map(Some).map_err(|_| {
            "DNS update failed: error decoding the provided TSIG secret: illegal base64 data"
                .to_owned()
        })
    }

    /// The zone that the name is in: climbs until somebody answers with a SOA record.
    async fn zone(&self) -> Result<String, String> {
        let name = self.name();
        let servers = format!("[{}]", self.network.dns_socket());
        let mut rest = name.as_str();
        while !rest.is_empty() {
            let answer = self.resolve(rest, Rtype::SOA).await;
            match answer.rcode {
                Rcode::NXDOMAIN => {}
                Rcode::NOERROR => {
                    let soa = answer.records.into_iter().find_map(|record| match record {
                        Record::Soa(owner) => Some(owner),
                        _ => None,
                    });
                    if let Some(zone) = soa {
                        return Ok(zone);
                    }
                }
                rcode => {
                    return Err(format!(
                        "When querying the SOA record for the domain '{rest}' using nameservers \
                         {servers}, rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got \
                         '{rcode}'"
                    ));
                }
            }
            rest = rest.split_once('.').map_or("", |(_, above)| above);
        }
        Err(format!(
            "Could not find the SOA record in the DNS tree for the domain '{name}' using \
             nameservers {servers}"
        ))
    }

    /// Whether every authority for the zone has the record (cert-manager's self-check).
    pub(super) async fn check(&self) -> Result<(), String> {
        let name = self.name();
        let zone = self.zone().await;
        let zone =
            zone.map_err(|why| format!("Could not determine the zone for {name:?}: {why}"))?;
        let servers = self.resolve(&zone, Rtype::NS).await.records;
        let servers: Vec<String> = servers
            .into_iter()
            .filter_map(|record| match record {
                Record::Ns(server) => Some(server.to_lowercase()),
                _ => None,
            })
            .collect();
        if servers.is_empty() {
            return Err(format!("Could not determine authoritative nameservers for {name:?}"));
        }
        for server in servers {
            let address = self.resolve(&server, Rtype::A).await.records;
            let address = address.into_iter().find_map(|record| match record {
                Record::Address(address) => Some(SocketAddr::new(address, PORT)),
                _ => None,
            });
            let address =
                address.ok_or_else(|| format!("dial udp: lookup {server}: no such host"))?;
            let endpoint = self.network.name_server(address).ok_or_else(|| silent(address))?;
            let answer = ask(endpoint, &name, Rtype::TXT, Transport::Datagram, WITHIN).await;
            let answer = answer.map_err(|error| unanswered(address, &error))?;
            if !matches!(answer.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
                return Err(format!("NS {server}:{PORT} returned {} for {name}", answer.rcode));
            }
            if !answer.records.contains(&Record::Txt(self.of("/spec/key").to_owned())) {
                return Err(format!(
                    "DNS record for {:?} not yet propagated",
                    self.of("/spec/dnsName")
                ));
            }
        }
        Ok(())
    }

    /// Whether the ACME server finds the record, by the name server that it was told.
    pub(super) async fn validate(&self, resolver: Option<SocketAddr>) -> Result<(), String> {
        let name = self.name();
        let plain = name.trim_end_matches('.');
        let answer = match resolver {
            None => self.resolve(&name, Rtype::TXT).await,
            Some(resolver) => {
                let failed = |why: String| {
                    format!("Error retrieving TXT records for DNS challenge ({why:?})")
                };
                let endpoint =
                    self.network.name_server(resolver).ok_or_else(|| failed(silent(resolver)))?;
                ask(endpoint, &name, Rtype::TXT, Transport::Stream, WITHIN)
                    .await
                    .map_err(|error| failed(unanswered(resolver, &error)))?
            }
        };
        if answer.rcode != Rcode::NOERROR {
            let why = format!(
                "DNS lookup for {plain:?} returned an unsuccessful response: {}",
                answer.rcode.to_int()
            );
            return Err(format!("Error retrieving TXT records for DNS challenge ({why:?})"));
        }
        let texts = answer.records.iter().filter(|it| matches!(it, Record::Txt(_)));
        if texts.count() == 0 {
            return Err("No TXT records found for DNS challenge".to_owned());
        }
        if !answer.records.contains(&Record::Txt(self.of("/spec/key").to_owned())) {
            return Err("Correct value not found for DNS challenge".to_owned());
        }
        Ok(())
    }

    /// What the cluster's DNS answers: of a zone that it forwards, what the server there does;
    /// of everything else, that it is not there.
    async fn resolve(&self, name: &str, rtype: Rtype) -> Answer {
        let Some(server) = cluster_dns::forwarded_to(self.network.snapshot(), name) else {
            return Answer { rcode: Rcode::NXDOMAIN, records: Vec::new() };
        };
        let failed = Answer { rcode: Rcode::SERVFAIL, records: Vec::new() };
        let Some(endpoint) = self.network.name_server(server) else { return failed };
        ask(endpoint, name, rtype, Transport::Datagram, WITHIN).await.unwrap_or(failed)
    }
}

/// What is said of a server that no pod is behind.
fn silent(server: SocketAddr) -> String {
    format!("read udp {server}: i/o timeout")
}

fn unanswered(server: SocketAddr, error: &AskError) -> String {
    match error {
        AskError::Unreachable { .. } => format!("read udp {server}: read: connection refused"),
        _ => silent(server),
    }
}
