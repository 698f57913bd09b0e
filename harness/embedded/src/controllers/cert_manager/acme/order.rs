//! From a Certificate that is due to its certificate: next private key, CertificateRequest, Order,
//! Challenges.
//!
//! Each pass makes what is missing next, so that every object is there to be read while it waits
//! for another. Names, states and messages follow cert-manager 1.21
//! `pkg/controller/certificaterequests/acme`, `pkg/controller/acmeorders` and `acmechallenges`.

use k8s_openapi::ByteString;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::account::base64_url;
use super::{AcmeIssuer, solver};
use crate::controllers::cert_manager::certificate::{Due, key_for};
use crate::controllers::cert_manager::event::{EventType, Message, record};
use crate::controllers::cert_manager::signing::{Signed, SigningError, request as signing_request};
use crate::controllers::cert_manager::{Outcome, log};
use crate::controllers::kind::{CERTIFICATE_REQUEST, CHALLENGE, ORDER, SECRET};
use crate::controllers::object::{
    controller_reference, identity, is_controlled_by, items, name, namespace, skeleton, suffix,
    text, uid,
};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::tls_secret::{PrivateKeyPem, TlsData, encode};
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// How far the issuance of a certificate has come.
#[derive(Debug)]
pub(in crate::controllers::cert_manager) enum Issuance {
    /// It goes on.
    Under,
    /// It has failed, and is not tried again by itself: why, in words.
    Failed(String),
    /// The certificate is there.
    Done(Signed),
}

/// Takes the issuance of a certificate one step further.
pub(in crate::controllers::cert_manager) fn progress(
    snapshot: &Snapshot,
    due: &Due<'_>,
    issuer: &AcmeIssuer,
    outcome: &mut Outcome,
) -> Issuance {
    let step = Step { snapshot, due, issuer };
    match step.next(outcome) {
        Ok(issuance) => issuance,
        Err(error) => {
            outcome.log.push(log(format!(
                "level=error msg=\"failed to {error}\" certificate={}/{}",
                step.scope(),
                name(due.certificate)
            )));
            Issuance::Under
        }
    }
}

struct Step<'a> {
    snapshot: &'a Snapshot,
    due: &'a Due<'a>,
    issuer: &'a AcmeIssuer,
}

impl Step<'_> {
    fn scope(&self) -> &str {
        namespace(self.due.certificate).unwrap_or_default()
    }

    fn next(&self, outcome: &mut Outcome) -> Result<Issuance, SigningError> {
        let Due { certificate, spec, .. } = self.due;
        let mut apply =
            |object: Value| outcome.writes.push(Write::Apply(FieldManager::CertManager, object));
        let revision = certificate.pointer("/status/revision").and_then(Value::as_u64);
        let revision = revision.unwrap_or_default() + 1;
        let request_name = format!("{}-{revision}", name(certificate));
        let key_name = format!(
            "{}-{}",
            name(certificate),
            suffix(&format!("{}{revision}", uid(certificate).unwrap_or_default()), 5)
        );
        let get = |kind, name: &str| self.snapshot.get(kind, Some(self.scope()), name);
        let Some(secret) = get(SECRET, &key_name) else {
            let live = get(SECRET, &spec.secret_name);
            apply(self.key_secret(&key_name, key_for(spec, live)?.serialize_pem()));
            return Ok(Issuance::Under);
        };
        let Some(key) = TlsData::read(secret).key else {
            return Err(SigningError::Missing("tls.key of the next private key"));
        };
        let Some(request) = get(CERTIFICATE_REQUEST, &request_name) else {
            apply(self.request(&request_name, &key_name, revision, &key)?);
            return Ok(Issuance::Under);
        };
        let order_name = format!("{request_name}-{}", number(uid(request).unwrap_or_default()));
        let Some(order) = get(ORDER, &order_name) else {
            apply(self.order(&order_name, request));
            let created = format!("Created Order resource {}/{order_name}", self.scope());
            outcome.writes.push(self.told(request, &("False", "Pending", created), None));
            return Ok(Issuance::Under);
        };
        if order.pointer("/spec/dnsNames") != Some(&json!(spec.dns_names))
            || order.pointer("/spec/issuerRef") != Some(&spec.issuer)
        {
            // What was asked for is not what is wanted any more.
            outcome.writes.push(Write::Delete(identity(request)));
            return Ok(Issuance::Under);
        }
        self.follow(order, request, secret, &key, outcome)
    }

    /// What becomes of the request while its Order goes on.
    fn follow(
        &self,
        order: &Value,
        request: &Value,
        secret: &Value,
        key: &PrivateKeyPem,
        outcome: &mut Outcome,
    ) -> Result<Issuance, SigningError> {
        let state = text(order, "/status/state").unwrap_or_default();
        match state {
            "valid" => {
                let chain = octets(order.pointer("/status/certificate"));
                let fetched = "Certificate fetched from issuer successfully".to_owned();
                let certificate = order.pointer("/status/certificate");
                outcome.writes.push(self.told(request, &("True", "Issued", fetched), certificate));
                outcome.writes.push(Write::Delete(identity(secret)));
                outcome.writes.extend(self.finished(order, request));
                return Ok(Issuance::Done(Signed {
                    chain: String::from_utf8_lossy(&chain).into_owned(),
                    key: key.clone(),
                    authority: String::new(),
                }));
            }
            "invalid" => {
                let reason = text(order, "/status/reason").unwrap_or_default();
                let message = format!(
                    "Failed to wait for order resource {:?} to become ready: order is in \
                     \"invalid\" state: {reason}",
                    name(order)
                );
                let told = ("False", "Failed", message.clone());
                outcome.writes.push(self.told(request, &told, None));
                let failed = format!(
                    "The certificate request has failed to complete and will be retried: {message}"
                );
                return Ok(Issuance::Failed(failed));
            }
            "" => outcome.writes.push(with_status(order, self.placed(order)?)),
            "ready" => {
                let asked = octets(order.pointer("/spec/request"));
                let asked = String::from_utf8_lossy(&asked);
                match self.issuer.server.sign(&asked, self.due.time) {
                    Ok(chain) => {
                        let mut status = status_of(order);
                        status["state"] = "valid".into();
                        status["certificate"] = base64(chain.into_bytes());
                        outcome.writes.push(with_status(order, status));
                    }
                    Err(error) => outcome.log.push(log(format!(
                        "level=error msg=\"failed to finalize order {}: {error}\"",
                        name(order)
                    ))),
                }
            }
            _ => self.challenges(order, outcome),
        }
        let waiting = format!(
            "Waiting on certificate issuance from order {}/{}: {:?}",
            self.scope(),
            name(order),
            if state.is_empty() { "pending" } else { state },
        );
        outcome.writes.push(self.told(request, &("False", "Pending", waiting), None));
        Ok(Issuance::Under)
    }

    /// The Challenges of an Order that waits for them, and what their states make of it.
    fn challenges(&self, order: &Value, outcome: &mut Outcome) {
        let version = solver::version(self.snapshot);
        let mut reached_by = Vec::new();
        for authorization in items(order, "/status/authorizations") {
            let offered: Vec<&str> = items(authorization, "/challenges")
                .iter()
                .filter_map(|challenge| text(challenge, "/type"))
                .collect();
            let chosen = solver::choose(&self.issuer.solvers, &offered, self.due.certificate);
            let Some(solver) = chosen else {
                self.unsolvable(order, outcome);
                return;
            };
            let wanted = self.challenge(order, authorization, &solver);
            let Some(live) = self.snapshot.live(&wanted) else {
                outcome.writes.push(Write::Apply(FieldManager::CertManager, wanted));
                reached_by.push("");
                continue;
            };
            reached_by.push(text(live, "/status/state").unwrap_or_default());
            outcome.writes.extend(present(self.snapshot, live, &version));
        }
        let reached = if reached_by.iter().all(|state| *state == "valid") {
            "ready"
        } else if reached_by.contains(&"invalid") {
            "invalid"
        } else {
            return;
        };
        let mut status = status_of(order);
        status["state"] = reached.into();
        outcome.writes.push(with_status(order, status));
    }

    fn unsolvable(&self, order: &Value, outcome: &mut Outcome) {
        let message = Message {
            kind: EventType::Warning,
            reason: "Solver",
            text: "Failed to determine a valid solver configuration for the set of domains on the \
                   Order: no configured challenge solvers can be used for this challenge"
                .to_owned(),
        };
        outcome.writes.extend(record(self.snapshot, order, &message, self.due.now));
    }

    fn key_secret(&self, key_name: &str, pem: String) -> Value {
        let mut secret = skeleton(SECRET, Some(self.scope()), key_name);
        secret["metadata"]["labels"] = json!({"cert-manager.io/next-private-key": "true"});
        secret["metadata"]["ownerReferences"] = json!([controller_reference(self.due.certificate)]);
        secret["type"] = "Opaque".into();
        secret["data"] = encode([("tls.key", pem)]);
        secret
    }

    fn request(
        &self,
        request_name: &str,
        key_name: &str,
        revision: u64,
        key: &PrivateKeyPem,
    ) -> Result<Value, SigningError> {
        let Due { certificate, spec, .. } = self.due;
        let key = rcgen::KeyPair::from_pem(key.expose())?;
        let mut object = skeleton(CERTIFICATE_REQUEST, Some(self.scope()), request_name);
        object["metadata"]["annotations"] = json!({
            "cert-manager.io/certificate-name": name(certificate),
            "cert-manager.io/certificate-revision": revision.to_string(),
            "cert-manager.io/private-key-secret-name": key_name,
        });
        object["metadata"]["ownerReferences"] = json!([controller_reference(certificate)]);
        object["spec"] = json!({
            "issuerRef": spec.issuer,
            "request": base64(signing_request(spec, &key)?.into_bytes()),
            "usages": spec.usages,
        });
        Ok(object)
    }

    fn order(&self, order_name: &str, request: &Value) -> Value {
        let spec = self.due.spec;
        let mut object = skeleton(ORDER, Some(self.scope()), order_name);
        object["metadata"]["annotations"] = request["metadata"]["annotations"].clone();
        object["metadata"]["ownerReferences"] = json!([controller_reference(request)]);
        object["spec"] = json!({
            "dnsNames": spec.dns_names,
            "issuerRef": spec.issuer,
            "request": request.pointer("/spec/request"),
        });
        if let Some(common_name) = &spec.common_name {
            object["spec"]["commonName"] = common_name.as_str().into();
        }
        object
    }

    /// The status of an Order that the server has taken: what is to be proved, and how that can
    /// be done. Pebble offers no HTTP-01 for wildcards (RFC 8555, 7.1.3 and 8.3).
    fn placed(&self, order: &Value) -> Result<Value, SigningError> {
        let at = |what: &str, mark: &str| self.issuer.address(what, mark);
        let mark = suffix(uid(order).unwrap_or_default(), 12);
        let mut authorizations = Vec::new();
        for dns_name in items(order, "/spec/dnsNames").iter().filter_map(Value::as_str) {
            let identifier = dns_name.strip_prefix("*.").unwrap_or(dns_name);
            let is_wildcard = identifier != dns_name;
            let kinds: &[&str] = if is_wildcard { &["dns-01"] } else { &["http-01", "dns-01"] };
            let mut challenges = Vec::new();
            for kind in kinds {
                let token = token()?;
                let url = at("chalZ", &token);
                challenges.push(json!({"type": kind, "token": token, "url": url}));
            }
            authorizations.push(json!({
                "challenges": challenges,
                "identifier": identifier,
                "initialState": "pending",
                "url": at("authZ", &suffix(&format!("{mark}{dns_name}"), 12)),
                "wildcard": is_wildcard,
            }));
        }
        Ok(json!({
            "authorizations": authorizations,
            "finalizeURL": at("finalize-order", &mark),
            "state": "pending",
            "url": at("my-order", &mark),
        }))
    }

    fn challenge(&self, order: &Value, authorization: &Value, solver: &Value) -> Value {
        let (kind, shown) =
            if solver.get("dns01").is_some() { ("dns-01", DNS_01) } else { ("http-01", HTTP_01) };
        let offered = items(authorization, "/challenges");
        let offered = offered.iter().find(|one| text(one, "/type") == Some(kind));
        let of = |pointer: &str| offered.and_then(|one| text(one, pointer)).unwrap_or_default();
        let token = of("/token");
        let challenge_name = format!("{}-{}", name(order), number(token));
        let authorized = self.issuer.account.key_authorization(token);
        // The record holds a digest of what is served over HTTP (RFC 8555, 8.4).
        let key = if shown == DNS_01 {
            base64_url(digest(&SHA256, authorized.as_bytes()).as_ref())
        } else {
            authorized
        };
        let mut object = skeleton(CHALLENGE, Some(self.scope()), &challenge_name);
        object["metadata"]["finalizers"] = json!([]);
        object["metadata"]["ownerReferences"] = json!([controller_reference(order)]);
        object["spec"] = json!({
            "authorizationURL": authorization["url"],
            "dnsName": authorization["identifier"],
            "issuerRef": self.due.spec.issuer,
            "key": key,
            "solver": solver,
            "token": token,
            "type": shown,
            "url": of("/url"),
            "wildcard": authorization.get("wildcard").cloned().unwrap_or(false.into()),
        });
        object
    }

    /// What goes once the certificate is there: Challenges, and requests of earlier revisions
    /// (`revisionHistoryLimit` is 1 since cert-manager 1.18).
    fn finished(&self, order: &Value, request: &Value) -> Vec<Write> {
        let of_order = self.snapshot.list_in(CHALLENGE, self.scope());
        let of_order = of_order.filter(|challenge| is_controlled_by(challenge, order));
        let earlier = self.snapshot.list_in(CERTIFICATE_REQUEST, self.scope()).filter(|other| {
            is_controlled_by(other, self.due.certificate) && name(other) != name(request)
        });
        of_order.chain(earlier).map(|object| Write::Delete(identity(object))).collect()
    }

    /// The status of a CertificateRequest.
    fn told(
        &self,
        request: &Value,
        (status, reason, message): &(&str, &str, String),
        certificate: Option<&Value>,
    ) -> Write {
        let mut wanted = json!({"conditions": [
            {"type": "Approved", "status": "True", "reason": "cert-manager.io",
             "message": "Certificate request has been approved by cert-manager.io"},
            {"type": "Ready", "status": status, "reason": reason, "message": message},
        ]});
        if let Some(certificate) = certificate {
            wanted["certificate"] = certificate.clone();
        }
        stamp(&mut wanted, request.get("status"), self.due.now);
        with_status(request, wanted)
    }
}

impl AcmeIssuer {
    fn address(&self, what: &str, mark: &str) -> String {
        let origin = self.url.rsplit_once('/').map_or(self.url.as_str(), |(origin, _)| origin);
        format!("{origin}/{what}/{mark}")
    }
}

/// How an object names the ways.
pub(super) const HTTP_01: &str = "HTTP-01";
pub(super) const DNS_01: &str = "DNS-01";

/// Has a Challenge answered, and takes away what answered it once it is decided. In DNS that is done
/// when challenges are [asked for](super::validation): it takes messages to a server.
fn present(snapshot: &Snapshot, challenge: &Value, version: &str) -> Vec<Write> {
    let changed = |state: &str, presented: bool| {
        let mut status = status_of(challenge);
        status["state"] = state.into();
        status["processing"] = true.into();
        status["presented"] = presented.into();
        with_status(challenge, status)
    };
    match text(challenge, "/status/state") {
        None | Some("") => vec![changed("pending", false)],
        _ if text(challenge, "/spec/type") == Some(DNS_01) => Vec::new(),
        Some("pending") => {
            let missing = solver::present(snapshot, challenge, version);
            let presented = challenge.pointer("/status/presented") == Some(&Value::Bool(true));
            if missing.is_empty() && !presented {
                return vec![changed("pending", true)];
            }
            missing
        }
        Some(_) => solver::clean_up(snapshot, challenge),
    }
}

/// The status of an object as it is, to change a part of.
pub(super) fn status_of(object: &Value) -> Value {
    object.get("status").cloned().unwrap_or_else(|| json!({}))
}

/// The write of an object's status.
pub(super) fn with_status(object: &Value, status: Value) -> Write {
    let mut written = identity(object);
    written["status"] = status;
    Write::ApplyStatus(FieldManager::CertManager, written)
}

/// A token of 256 random bits.
fn token() -> Result<String, SigningError> {
    let random = ring::rand::generate::<[u8; 32]>(&ring::rand::SystemRandom::new());
    Ok(base64_url(&random.map_err(|_| SigningError::NoRandomness)?.expose()))
}

/// A number made of some text, as the names of Orders and Challenges end in one.
fn number(of: &str) -> u32 {
    let octets = digest(&SHA256, of.as_bytes());
    octets.as_ref()[..4].iter().fold(0, |sum, octet| (sum << 8) | u32::from(*octet))
}

fn base64(octets: Vec<u8>) -> Value {
    serde_json::to_value(ByteString(octets)).expect("octets have a JSON form")
}

fn octets(value: Option<&Value>) -> Vec<u8> {
    let value = value.cloned().unwrap_or_default();
    serde_json::from_value::<ByteString>(value).map(|octets| octets.0).unwrap_or_default()
}
