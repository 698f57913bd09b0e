//! What stands in for Secrets that the reader of a cluster may not read.
//!
//! Of a listener's Secret the model needs only whether it is there and can be used, and Cilium's
//! operator, which may read it, says that itself: in the listener's condition `ResolvedRefs`
//! (cilium/cilium, 1.16 to 1.20: `operator/pkg/gateway-api/gateway_reconcile.go`). Its word is
//! taken for Secrets only; everything else is predicted from objects.

use serde_json::{Value, json};

/// A Secret without contents for each one that a Gateway's listener names and that Cilium's
/// operator calls usable.
pub fn stand_ins(objects: &[Value]) -> Vec<Value> {
    objects.iter().flat_map(usable).collect()
}

fn usable(object: &Value) -> Vec<Value> {
    const PEM: &str = "-----BEGIN UNREAD-----\n-----END UNREAD-----\n";
    if object["kind"] != "Gateway" {
        return Vec::new();
    }
    let listeners = object["spec"]["listeners"].as_array().into_iter().flatten();
    let namespace = &object["metadata"]["namespace"];
    listeners
        .filter(|listener| is_resolved(object, &listener["name"]))
        .flat_map(|listener| listener["tls"]["certificateRefs"].as_array().into_iter().flatten())
        .map(|reference| {
            let place = reference.get("namespace").unwrap_or(namespace);
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                "metadata": {"namespace": place, "name": reference["name"]},
                "stringData": {"tls.crt": PEM, "tls.key": PEM},
            })
        })
        .collect()
}

fn is_resolved(gateway: &Value, listener: &Value) -> bool {
    let statuses = gateway["status"]["listeners"].as_array().into_iter().flatten();
    statuses.filter(|status| status["name"] == *listener).any(|status| {
        let conditions = status["conditions"].as_array().into_iter().flatten();
        conditions
            .filter(|condition| condition["type"] == "ResolvedRefs")
            .any(|condition| condition["status"] == "True")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::stand_ins;

    #[test]
    fn only_what_the_operator_calls_usable_is_stood_in_for() {
        for (resolved, expected) in [("True", 1), ("False", 0), ("Unknown", 0)] {
            let gateway = json!({
                "kind": "Gateway", "metadata": {"namespace": "gateway", "name": "shared"},
                "spec": {"listeners": [{"name": "https", "protocol": "HTTPS",
                    "tls": {"certificateRefs": [{"name": "tls"}]}}]},
                "status": {"listeners": [{"name": "https", "conditions": [
                    {"type": "ResolvedRefs", "status": resolved}]}]},
            });
            let secrets = stand_ins(&[gateway]);
            assert_eq!(secrets.len(), expected, "{resolved}");
            assert!(secrets.iter().all(|secret| secret["metadata"]["namespace"] == "gateway"));
        }
    }
}
