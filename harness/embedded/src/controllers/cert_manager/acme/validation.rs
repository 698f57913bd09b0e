//! Whether challenges are fulfilled: real requests through the data plane, or real questions to name
//! servers ([`dns01`](super::dns01)).
//!
//! First cert-manager's self-check, then the ACME server's validation; both resolve the name by the
//! cluster's DNS and follow redirects without verifying certificates (cert-manager 1.21
//! `pkg/issuer/acme/http/http.go`, letsencrypt/pebble v2.10.1 `va/va.go`). A self-check that fails
//! is tried again; a validation that fails is final, as in ACME. cert-manager asks port 80, the
//! server the port of its configuration.

use std::time::Duration;

use gateproof_core::cilium::HostNetwork;
use gateproof_core::observation::{HttpOutcome, HttpResponse, TcpOutcome};
use gateproof_kubernetes::AddressBook;
use gateproof_model::Unmodelled;
use gateproof_probe::{HttpProbe, Timeouts, TlsProbe, TrustRoots};
use http::Uri;
use serde_json::Value;

use super::AcmeServers;
use super::dns01::InDns;
use super::order::{DNS_01, HTTP_01, status_of, with_status};
use crate::controllers::cert_manager::event::{EventType, Message, record};
use crate::controllers::cert_manager::issuer::{Signer, resolve};
use crate::controllers::cilium::Stack;
use crate::controllers::cluster_dns;
use crate::controllers::cluster_network::ClusterNetwork;
use crate::controllers::kind::CHALLENGE;
use crate::controllers::kubernetes::kubelet::responder::CHALLENGE_PATH;
use crate::controllers::object::{namespace, text, title};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

/// How long a request may take, as for Pebble (`va/va.go`): its answer is final, so that a machine
/// that is busy for a moment must not decide.
const WITHIN: Duration = Duration::from_secs(15);

/// How many redirects are followed (Go's `net/http`).
const REDIRECTS: usize = 10;

/// What came of asking.
#[derive(Debug, Default)]
pub(crate) struct Validated {
    /// What is to be written of it.
    pub(crate) writes: Vec<Write>,
    /// Whether a challenge waits to be tried again.
    pub(crate) waiting: usize,
    /// What could not be asked here.
    pub(crate) unmodelled: Vec<Unmodelled>,
}

/// What it takes to ask.
pub(crate) struct Means<'a> {
    /// The ACME servers of the cluster.
    pub(crate) servers: &'a AcmeServers,
    /// What is installed.
    pub(crate) stack: &'a Stack,
    /// The way to addresses of Gateways.
    pub(crate) book: &'a dyn AddressBook,
    /// The way to name servers, and the objects.
    pub(crate) network: &'a ClusterNetwork<'a>,
    /// The time, in RFC 3339.
    pub(crate) now: &'a str,
}

/// Asks for every challenge that is presented and not decided. Those in DNS are presented first.
pub(crate) async fn validate(means: &Means<'_>) -> Validated {
    let snapshot = means.network.snapshot();
    let mut validated = Validated::default();
    let pending = snapshot
        .list(CHALLENGE)
        .filter(|challenge| text(challenge, "/status/state") == Some("pending"));
    for challenge in pending {
        let in_dns = (text(challenge, "/spec/type") == Some(DNS_01))
            .then(|| InDns::new(means.network, challenge));
        let presented = challenge.pointer("/status/presented") == Some(&Value::Bool(true));
        match &in_dns {
            Some(in_dns) if !presented => {
                present(snapshot, challenge, in_dns, means.now, &mut validated).await;
                continue;
            }
            None if !presented => continue,
            _ => {}
        }
        let asked = Asked { means, snapshot, challenge };
        let (state, reason) = match asked.decide(in_dns.as_ref()).await {
            Ok(()) => ("valid", "Successfully authorized domain".to_owned()),
            Err(NotFulfilled::Yet(why)) => {
                validated.waiting += 1;
                let way = text(challenge, "/spec/type").unwrap_or(HTTP_01);
                ("pending", format!("Waiting for {way} challenge propagation: {why}"))
            }
            Err(NotFulfilled::Ever(why)) => {
                ("invalid", format!("Error accepting authorization: {why}"))
            }
            Err(NotFulfilled::NotCovered(what)) => {
                validated.unmodelled.push(Unmodelled { object: title(challenge), what });
                continue;
            }
        };
        let mut status = status_of(challenge);
        status["state"] = state.into();
        status["reason"] = reason.into();
        if state != "pending" {
            status["processing"] = false.into();
            status["presented"] = false.into();
            if let Some(in_dns) = &in_dns
                && let Err(why) = in_dns.clean_up().await
            {
                let text = format!("Error cleaning up challenge: {why}");
                let told = Message { kind: EventType::Warning, reason: "CleanUpError", text };
                validated.writes.extend(record(snapshot, challenge, &told, means.now));
            }
        }
        validated.writes.push(with_status(challenge, status));
    }
    validated
}

/// Adds the record of a challenge, and tells why that failed (cert-manager 1.21
/// `pkg/controller/acmechallenges/sync.go`).
async fn present(
    snapshot: &Snapshot,
    challenge: &Value,
    in_dns: &InDns<'_>,
    now: &str,
    validated: &mut Validated,
) {
    let mut status = status_of(challenge);
    let told = match in_dns.present().await {
        Ok(()) => {
            status["presented"] = true.into();
            let text = "Presented challenge using DNS-01 challenge mechanism".to_owned();
            Message { kind: EventType::Normal, reason: "Presented", text }
        }
        Err(why) => {
            validated.waiting += 1;
            status["reason"] = why.as_str().into();
            let text = format!("Error presenting challenge: {why}");
            Message { kind: EventType::Warning, reason: "PresentError", text }
        }
    };
    validated.writes.push(with_status(challenge, status));
    validated.writes.extend(record(snapshot, challenge, &told, now));
}

/// Why a challenge is not fulfilled.
enum NotFulfilled {
    /// The self-check failed.
    Yet(String),
    /// The server's validation failed.
    Ever(String),
    /// It cannot be asked here.
    NotCovered(String),
}

/// Why a request brought no answer.
enum NoAnswer {
    Failed(String),
    NotCovered(String),
}

struct Asked<'a> {
    means: &'a Means<'a>,
    snapshot: &'a Snapshot,
    challenge: &'a Value,
}

impl Asked<'_> {
    fn of(&self, pointer: &str) -> &str {
        text(self.challenge, pointer).unwrap_or_default()
    }

    async fn decide(&self, in_dns: Option<&InDns<'_>>) -> Result<(), NotFulfilled> {
        if self.challenge.pointer("/spec/solver/waitInsteadOfSelfCheck").is_none() {
            match in_dns {
                Some(in_dns) => in_dns.check().await.map_err(NotFulfilled::Yet)?,
                None => self.self_check().await?,
            }
        }
        let reference = self.challenge.pointer("/spec/issuerRef").cloned().unwrap_or_default();
        let scope = namespace(self.challenge).unwrap_or_default();
        let issuer = resolve(self.snapshot, self.means.servers, &reference, scope);
        let Ok(Signer::Acme(issuer)) = issuer else {
            return Err(NotFulfilled::Yet("the issuer is not ready".to_owned()));
        };
        match in_dns {
            Some(in_dns) => in_dns
                .validate(issuer.server.resolver())
                .await
                .map_err(|detail| self.refused("unauthorized", 403, &detail)),
            None => self.validate(issuer.server.http_port()).await,
        }
    }

    /// What cert-manager says of a server that refuses.
    fn refused(&self, kind: &str, code: u16, detail: &str) -> NotFulfilled {
        let host = self.of("/spec/dnsName");
        NotFulfilled::Ever(format!(
            "acme: authorization error for {host}: {code} urn:ietf:params:acme:error:{kind}: {detail}"
        ))
    }

    async fn self_check(&self) -> Result<(), NotFulfilled> {
        let host = self.of("/spec/dnsName");
        let url = format!("http://{host}{CHALLENGE_PATH}/{}", self.of("/spec/token"));
        let answer = self.get(&url).await.map_err(|failed| match failed {
            NoAnswer::Failed(why) => NotFulfilled::Yet(format!(
                "failed to perform self check GET request '{url}': Get \"{url}\": {why}"
            )),
            NoAnswer::NotCovered(what) => NotFulfilled::NotCovered(what),
        })?;
        if answer.status != 200 {
            let why = format!("wrong status code '{}', expected '200'", answer.status);
            return Err(NotFulfilled::Yet(why));
        }
        if answer.body != self.of("/spec/key") {
            let key = self.of("/spec/key");
            let why = format!("did not get expected response {key:?} when querying endpoint");
            return Err(NotFulfilled::Yet(why));
        }
        Ok(())
    }

    async fn validate(&self, port: u16) -> Result<(), NotFulfilled> {
        let host = self.of("/spec/dnsName");
        let url = format!("http://{host}:{port}{CHALLENGE_PATH}/{}", self.of("/spec/token"));
        let refused = |kind: &str, code: u16, detail: String| self.refused(kind, code, &detail);
        let answer = self.get(&url).await.map_err(|failed| match failed {
            NoAnswer::Failed(why) => refused("connection", 400, format!("Get \"{url}\": {why}")),
            NoAnswer::NotCovered(what) => NotFulfilled::NotCovered(what),
        })?;
        if answer.status != 200 {
            let detail = format!("Non-200 status code from HTTP: {url} returned {}", answer.status);
            return Err(refused("unauthorized", 403, detail));
        }
        if answer.body.trim_end() != self.of("/spec/key") {
            let detail = "The key authorization file from the server did not match this challenge";
            return Err(refused("unauthorized", 403, detail.to_owned()));
        }
        Ok(())
    }

    /// Asks, and follows where it is sent.
    async fn get(&self, url: &str) -> Result<HttpResponse, NoAnswer> {
        let mut url: Uri =
            url.parse().map_err(|_| NoAnswer::Failed(format!("{url:?} is no address")))?;
        for _ in 0..=REDIRECTS {
            let answer = self.request(&url).await?;
            let location =
                answer.header("location").filter(|_| (300..400).contains(&answer.status));
            let Some(location) = location else { return Ok(answer) };
            url = joined(&url, location).ok_or_else(|| {
                NoAnswer::Failed(format!("failed to parse Location {location:?}"))
            })?;
        }
        Err(NoAnswer::Failed(format!("stopped after {REDIRECTS} redirects")))
    }

    async fn request(&self, url: &Uri) -> Result<HttpResponse, NoAnswer> {
        let host = url.host().unwrap_or_default();
        let secure = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let dial = |why: String| NoAnswer::Failed(format!("dial tcp: {why}"));
        let address = cluster_dns::resolve(self.snapshot, host).map_err(dial)?;
        let refused =
            || NoAnswer::Failed(format!("dial tcp {address}:{port}: connect: connection refused"));
        let socket = match self.means.book.resolve(address, port) {
            Some(socket) => socket,
            None if self.means.stack.config.host_network != HostNetwork::Off => {
                return Err(NoAnswer::NotCovered(
                    "an HTTP-01 challenge at the cluster address of a host-network Gateway"
                        .to_owned(),
                ));
            }
            None => return Err(refused()),
        };
        let authority = url.authority().map_or(host, http::uri::Authority::as_str);
        let mut probe = HttpProbe::get(socket, authority);
        probe.path_and_query =
            url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        probe.timeouts = Timeouts { connect: WITHIN, tls: WITHIN, response: WITHIN, total: WITHIN };
        probe.tls = secure.then(|| TlsProbe::named(host, TrustRoots::empty()));
        let outcome = gateproof_probe::http(&probe).await.outcome;
        match outcome {
            HttpOutcome::Response(response) => Ok(response),
            HttpOutcome::NotConnected(TcpOutcome::Refused) => Err(refused()),
            HttpOutcome::NotConnected(TcpOutcome::TimedOut) => {
                Err(NoAnswer::Failed(format!("dial tcp {address}:{port}: i/o timeout")))
            }
            HttpOutcome::NotConnected(other) => {
                Err(NoAnswer::Failed(format!("dial tcp {address}:{port}: {other}")))
            }
            HttpOutcome::TlsFailed(failure) => Err(NoAnswer::Failed(failure.to_string())),
            HttpOutcome::NoResponse(_) => Err(NoAnswer::Failed("EOF".to_owned())),
        }
    }
}

/// The address that a `Location` means.
fn joined(base: &Uri, location: &str) -> Option<Uri> {
    let target: Uri = location.parse().ok()?;
    if target.authority().is_some() {
        return Some(target);
    }
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(location.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn a_location_is_whole_or_a_path() {
        let base = "http://a.test:8080/x".parse().expect("an address");
        for (location, expected) in [
            ("https://b.test/y?z", Some("https://b.test/y?z")),
            ("/y?z", Some("http://a.test:8080/y?z")),
            ("http://[", None),
        ] {
            let found = joined(&base, location).map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{location}");
        }
    }
}
