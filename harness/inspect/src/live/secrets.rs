//! Secrets, one by one: those that listeners name, Cilium's copies of them, and the records of its
//! Helm release. Never all of them.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use gateproof_core::cilium::CiliumConfig;
use gateproof_core::cilium::config_map::{LowPorts, read};
use gateproof_core::name::NamespacedName;
use serde_json::Value;

use super::objects::Read;
use super::reader::{Failure, Reader, Wanted};
use crate::assemble::{copies as names_of_copies, references};
use crate::evidence::{CILIUM_CONFIG, Evidence};

/// What a group of reads of Secrets brought.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    read: Read,
    absent: Vec<NamespacedName>,
}

impl Secrets {
    /// Hands everything over.
    pub(super) fn into_evidence(self, evidence: &mut Evidence) {
        self.read.into_evidence(evidence);
        for secret in self.absent {
            evidence.absent_secret(secret);
        }
    }
}

/// The Secrets that listeners of Gateways name.
pub(super) async fn of_listeners(reader: &Reader<'_>, evidence: &Evidence) -> Secrets {
    secrets(
        reader,
        named(evidence),
        "whether the certificates of HTTPS listeners are there and valid",
    )
    .await
}

/// Cilium's copies of them, by all names they may have.
pub(super) async fn copies(reader: &Reader<'_>, evidence: &Evidence) -> Secrets {
    let config = config(evidence);
    let names = named(evidence).iter().flat_map(|name| names_of_copies(&config, name)).collect();
    secrets(reader, names, "whether Cilium has copied certificates to where Envoy reads them").await
}

/// The records of Cilium's Helm release that are in force.
pub(super) async fn releases(reader: &Reader<'_>, namespace: &str) -> Read {
    let mut read = Read::default();
    let wanted = Wanted {
        api_version: "v1",
        kind: "Secret",
        namespace: Some(namespace),
        labels: "owner=helm,status=deployed",
        fields: "",
    };
    match reader.list(wanted).await {
        Ok(objects) => read.objects = objects,
        Err(failure) => read.miss(
            format!("records of Helm in {namespace}"),
            failure.why(&format!("list secrets in namespace {namespace}")),
            "which Helm values Cilium was installed with",
        ),
    }
    read
}

fn named(evidence: &Evidence) -> BTreeSet<NamespacedName> {
    references(evidence).into_iter().map(|reference| reference.secret).collect()
}

async fn secrets(reader: &Reader<'_>, names: BTreeSet<NamespacedName>, hides: &str) -> Secrets {
    let mut secrets = Secrets::default();
    let asked = names.into_iter().map(|name| async move {
        let answer = reader.get("v1", "Secret", Some(&name.namespace), &name.name).await;
        (name, answer)
    });
    let mut told: BTreeSet<String> = BTreeSet::new();
    for (name, answer) in join_all(asked).await {
        match answer {
            Ok(Some(object)) => secrets.read.objects.push(object),
            Ok(None) => secrets.absent.push(name),
            // Without the permission none of a namespace can be read: said once.
            Err(failure @ Failure::Forbidden) => {
                if told.insert(name.namespace.clone()) {
                    let permission = format!("get secrets in namespace {}", name.namespace);
                    let what = format!("Secrets in {}", name.namespace);
                    secrets.read.miss(what, failure.why(&permission), hides);
                }
            }
            Err(failure) => {
                secrets.read.miss(format!("Secret {name}"), failure.why(""), hides);
            }
        }
    }
    secrets
}

/// The configuration as far as the names of copies depend on it.
fn config(evidence: &Evidence) -> CiliumConfig {
    let entries = evidence
        .list("", "ConfigMap")
        .find(|map| map.pointer("/metadata/name").and_then(Value::as_str) == Some(CILIUM_CONFIG))
        .and_then(|map| map.get("data")?.as_object())
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    read(None, &entries, LowPorts::NotSeen)
}
