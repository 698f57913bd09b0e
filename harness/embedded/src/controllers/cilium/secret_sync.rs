//! Copies of Secrets in the namespace that Cilium's agents read.
//!
//! Cilium 1.20 `operator/pkg/secretsync/secretsync.go`: copies carry the labels of their owner,
//! and a copy goes when its Secret goes or is no longer referred to. Which Secrets are copied, and
//! under which names, is the model's decision.

use std::collections::BTreeSet;

use gateproof_model::SyncedSecret;
use serde_json::{Value, json};

use crate::controllers::kind::SECRET;
use crate::controllers::object::{identity, label, name, skeleton};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

const OWNING_NAMESPACE: &str = "secretsync.cilium.io/owning-secret-namespace";
const OWNING_NAME: &str = "secretsync.cilium.io/owning-secret-name";

/// Writes the copies and deletes those that are no longer wanted.
pub(crate) fn desired(
    snapshot: &Snapshot,
    secrets_namespace: &str,
    synced: &[SyncedSecret],
) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut wanted = BTreeSet::new();
    for SyncedSecret { source, copy } in synced {
        let Some(secret) = snapshot.get(SECRET, Some(&source.namespace), &source.name) else {
            continue;
        };
        wanted.insert(copy.name.as_str());
        let mut object = skeleton(SECRET, Some(&copy.namespace), &copy.name);
        object["metadata"]["labels"] =
            json!({OWNING_NAMESPACE: source.namespace, OWNING_NAME: source.name});
        object["type"] = secret.get("type").cloned().unwrap_or_else(|| "Opaque".into());
        object["data"] = secret.get("data").cloned().unwrap_or_else(|| json!({}));
        writes.push(Write::Apply(FieldManager::CiliumOperator, object));
    }
    let copies = snapshot.list_in(SECRET, secrets_namespace).filter(|secret| is_copy(secret));
    let stale = copies.filter(|secret| !wanted.contains(name(secret)));
    writes.extend(stale.map(|secret| Write::Delete(identity(secret))));
    writes
}

fn is_copy(secret: &Value) -> bool {
    label(secret, OWNING_NAME).is_some() && label(secret, OWNING_NAMESPACE).is_some()
}

#[cfg(test)]
mod tests {
    use gateproof_core::name::NamespacedName;
    use gateproof_model::SyncedSecret;
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    fn secret(namespace: &str, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"namespace": namespace, "name": name}, "data": {"tls.crt": "eA=="},
        })
    }

    fn synced() -> SyncedSecret {
        SyncedSecret {
            source: NamespacedName::new("gateway", "wildcard"),
            copy: NamespacedName::new("cilium-secrets", "gateway-wildcard"),
        }
    }

    #[test]
    fn a_referenced_secret_is_copied_with_its_data_and_owner() {
        let snapshot = Snapshot::from_values([secret("gateway", "wildcard")]);
        let writes = desired(&snapshot, "cilium-secrets", &[synced()]);
        let [Write::Apply(_, copy)] = writes.as_slice() else { panic!("one copy: {writes:?}") };
        assert_eq!(copy["metadata"]["name"], "gateway-wildcard");
        assert_eq!(copy["data"], json!({"tls.crt": "eA=="}));
        assert_eq!(copy["type"], "kubernetes.io/tls");
    }

    #[test]
    fn a_copy_goes_with_its_secret_and_a_hand_made_secret_stays() {
        let mut copy = secret("cilium-secrets", "gateway-wildcard");
        copy["metadata"]["labels"] = json!({
            "secretsync.cilium.io/owning-secret-namespace": "gateway",
            "secretsync.cilium.io/owning-secret-name": "wildcard",
        });
        let by_hand = secret("cilium-secrets", "by-hand");
        let gone = Snapshot::from_values([copy.clone(), by_hand.clone()]);
        let writes = desired(&gone, "cilium-secrets", &[synced()]);
        let [Write::Delete(deleted)] = writes.as_slice() else {
            panic!("one deletion: {writes:?}")
        };
        assert_eq!(deleted["metadata"]["name"], "gateway-wildcard");
        let there = Snapshot::from_values([copy, by_hand, secret("gateway", "wildcard")]);
        let kept = desired(&there, "cilium-secrets", &[synced()]);
        assert!(!kept.iter().any(|write| matches!(write, Write::Delete(_))), "{kept:?}");
    }
}
