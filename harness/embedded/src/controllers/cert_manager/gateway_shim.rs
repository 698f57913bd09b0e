//! The gateway-shim: Certificates for the TLS listeners of annotated Gateways.
//!
//! Follows cert-manager 1.21 `pkg/controller/certificate-shim/{sync,helper}.go`: what triggers it,
//! which listeners count, how host names merge, what is left alone and what is deleted. Routes and
//! the Gateway's status play no part. Differences of older versions (duplicate host names before
//! 1.21, `ignore-tls-listeners`) are not modelled.

mod annotations;
mod listener;

use std::collections::BTreeSet;

use gateproof_model::Unmodelled;
use serde_json::{Value, json};

use self::annotations::{IssuerChoice, apply_to_spec, issuer_choice};
use self::listener::{ListenerVerdict, judge};
use super::event::{EventType, Message, record};
use super::{Outcome, log};
use crate::controllers::kind::{CERTIFICATE, GATEWAY};
use crate::controllers::object::{
    annotation, controller_reference, identity, is_controlled_by, items, name, namespace, skeleton,
    text, texts, title,
};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// A label that is never copied from a Gateway (kept out since cert-manager 1.18).
const APPLY_SET: &str = "applyset.kubernetes.io/part-of";

/// A Certificate as the listeners of a Gateway ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    secret: String,
    hostnames: Vec<String>,
}

/// Creates, updates and deletes Certificates of all annotated Gateways.
pub(super) fn desired(snapshot: &Snapshot, now: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for gateway in snapshot.list(GATEWAY) {
        let mut messages = Vec::new();
        match issuer_choice(gateway) {
            IssuerChoice::NotAnnotated => continue,
            IssuerChoice::Bad(why) => messages.push(Message {
                kind: EventType::Warning,
                reason: "BadConfig",
                text: format!(
                    "Could not determine issuer for ingress due to bad annotations: {why}"
                ),
            }),
            IssuerChoice::Issuer(issuer) => {
                sync(snapshot, gateway, &issuer, &mut messages, &mut outcome);
            }
        }
        let events = messages.iter().filter_map(|message| record(snapshot, gateway, message, now));
        outcome.writes.extend(events);
    }
    outcome
}

fn sync(
    snapshot: &Snapshot,
    gateway: &Value,
    issuer: &Value,
    messages: &mut Vec<Message>,
    outcome: &mut Outcome,
) {
    for wanted in wanted(gateway, messages) {
        let mut certificate = certificate(gateway, issuer, &wanted);
        match apply_to_spec(gateway, &mut certificate["spec"]) {
            Ok(not_covered) => outcome.unmodelled.extend(not_covered.into_iter().map(|key| {
                Unmodelled { object: title(gateway), what: format!("annotation {key}") }
            })),
            Err(why) => {
                messages.push(Message { kind: EventType::Warning, reason: "BadConfig", text: why });
                return;
            }
        }
        let live = snapshot.live(&certificate);
        if let Some(live) = live
            && !is_controlled_by(live, gateway)
        {
            outcome.log.push(log(format!(
                "level=info msg=\"certificate resource is not owned by this object. refusing to \
                 update non-owned certificate resource for object\" certificate={}/{} object={}",
                namespace(live).unwrap_or_default(),
                name(live),
                title(gateway),
            )));
            continue;
        }
        match live {
            None => messages.push(normal("CreateCertificate", "created", &wanted.secret)),
            Some(live) if differs(live, &certificate) => {
                messages.push(normal("UpdateCertificate", "updated", &wanted.secret));
            }
            Some(_) => {}
        }
        outcome.writes.push(Write::Apply(FieldManager::CertManager, certificate));
    }
    for stale in no_longer_mentioned(snapshot, gateway) {
        messages.push(normal("DeleteCertificate", "deleted unrequired", name(stale)));
        outcome.writes.push(Write::Delete(identity(stale)));
    }
}

fn normal(reason: &'static str, verb: &str, certificate: &str) -> Message {
    Message {
        kind: EventType::Normal,
        reason,
        text: format!("Successfully {verb} Certificate {certificate:?}"),
    }
}

/// One entry for each Secret that valid listeners name, with their host names in listener order.
fn wanted(gateway: &Value, messages: &mut Vec<Message>) -> Vec<Wanted> {
    let ignored: BTreeSet<&str> = annotation(gateway, "cert-manager.io/ignore-tls-listeners")
        .map(|names| names.split(',').map(str::trim).collect())
        .unwrap_or_default();
    let mut all: Vec<Wanted> = Vec::new();
    for (index, listener) in items(gateway, "/spec/listeners").iter().enumerate() {
        if ignored.contains(text(listener, "/name").unwrap_or_default()) {
            continue;
        }
        let (hostname, secrets) = match judge(gateway, listener, index) {
            ListenerVerdict::Passed(hostname, secrets) => (hostname, secrets),
            ListenerVerdict::NotConcerned => continue,
            ListenerVerdict::Invalid(problems) => {
                messages.push(Message {
                    kind: EventType::Warning,
                    reason: "BadConfig",
                    text: format!("Skipped a listener block: {}", problems.join(", ")),
                });
                continue;
            }
        };
        for secret in secrets {
            match all.iter_mut().find(|wanted| wanted.secret == secret) {
                Some(wanted) if wanted.hostnames.contains(&hostname) => {}
                Some(wanted) => wanted.hostnames.push(hostname.clone()),
                None => all.push(Wanted { secret, hostnames: vec![hostname.clone()] }),
            }
        }
    }
    all
}

fn certificate(gateway: &Value, issuer: &Value, wanted: &Wanted) -> Value {
    let mut labels = texts(gateway, "/metadata/labels");
    labels.remove(APPLY_SET);
    let (addresses, names): (Vec<&String>, Vec<&String>) =
        wanted.hostnames.iter().partition(|host| host.parse::<std::net::IpAddr>().is_ok());
    let mut certificate = skeleton(CERTIFICATE, namespace(gateway), &wanted.secret);
    certificate["metadata"]["ownerReferences"] = json!([controller_reference(gateway)]);
    if !labels.is_empty() {
        certificate["metadata"]["labels"] = json!(labels);
    }
    // The Gateway that a solver's route attaches to, since 1.20.
    certificate["metadata"]["annotations"] = json!({
        "acme.cert-manager.io/http01-parentrefkind": "Gateway",
        "acme.cert-manager.io/http01-parentrefname": name(gateway),
    });
    certificate["spec"] = json!({
        "secretName": wanted.secret,
        "issuerRef": issuer,
        "usages": ["digital signature", "key encipherment"],
    });
    if !names.is_empty() {
        certificate["spec"]["dnsNames"] = json!(names);
    }
    if !addresses.is_empty() {
        certificate["spec"]["ipAddresses"] = json!(addresses);
    }
    certificate
}

/// Whether the shim would call this an update: the fields that cert-manager compares.
fn differs(live: &Value, wanted: &Value) -> bool {
    [
        "/metadata/labels",
        "/spec/dnsNames",
        "/spec/ipAddresses",
        "/spec/commonName",
        "/spec/secretName",
        "/spec/issuerRef/name",
        "/spec/issuerRef/kind",
        "/spec/duration",
        "/spec/renewBefore",
    ]
    .iter()
    .any(|field| live.pointer(field) != wanted.pointer(field))
}

/// Certificates of this Gateway whose Secret no listener mentions any more. A listener that became
/// invalid still mentions its Secret, so its Certificate stays.
fn no_longer_mentioned<'a>(
    snapshot: &'a Snapshot,
    gateway: &'a Value,
) -> impl Iterator<Item = &'a Value> {
    let mentioned: BTreeSet<&str> = items(gateway, "/spec/listeners")
        .iter()
        .flat_map(|listener| items(listener, "/tls/certificateRefs"))
        .filter_map(|reference| text(reference, "/name"))
        .collect();
    snapshot
        .list_in(CERTIFICATE, namespace(gateway).unwrap_or_default())
        .filter(move |certificate| is_controlled_by(certificate, gateway))
        .filter(move |certificate| {
            text(certificate, "/spec/secretName").is_none_or(|secret| !mentioned.contains(secret))
        })
}

#[cfg(test)]
mod tests;
