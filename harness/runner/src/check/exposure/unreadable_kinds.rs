//! What the reader of a cluster may not list, and what the reference model can do without it.
//!
//! For Secrets, which a reader is denied most often, [`gateproof_model::unread_secrets`] has
//! something to stand in.

use gateproof_kubernetes::Snapshot;

/// Kinds whose absence changes no expectation of a socket.
const DISPENSABLE: [&str; 5] = [
    "Certificate",
    "CiliumEnvoyConfig",
    "CiliumLoadBalancerIPPool",
    "BackendTLSPolicy",
    "GRPCRoute",
];

/// Kinds that tell whether backends of TCP and UDP routes are ready, and matter to no other.
const OF_LAYER_FOUR: [&str; 2] = ["Endpoints", "EndpointSlice"];

/// Puts in what can be known otherwise; what cannot is told.
pub(super) fn make_up_for(snapshot: &mut Snapshot) -> Result<(), String> {
    let layer_four = snapshot
        .objects
        .iter()
        .any(|object| matches!(object["kind"].as_str(), Some("TCPRoute" | "UDPRoute")));
    let missing: Vec<String> = snapshot
        .forbidden
        .iter()
        .filter(|kind| {
            kind.kind != "Secret"
                && !DISPENSABLE.contains(&kind.kind)
                && (layer_four || !OF_LAYER_FOUR.contains(&kind.kind))
        })
        .map(|kind| {
            let group =
                if kind.group.is_empty() { String::new() } else { format!(" ({})", kind.group) };
            format!("list {} objects{group}", kind.kind)
        })
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "the account may not {}, and the reference needs them",
            missing.join(", nor ")
        ));
    }
    if snapshot.forbidden.iter().any(|kind| kind.kind == "Secret") {
        let secrets = gateproof_model::unread_secrets::stand_ins(&snapshot.objects);
        snapshot.objects.extend(secrets);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gateproof_kubernetes::{KindRef, Snapshot};
    use serde_json::{Value, json};

    use super::make_up_for;

    fn gateway(resolved: &str) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"namespace": "gateway", "name": "shared"},
            "spec": {"listeners": [{"name": "https", "protocol": "HTTPS",
                "tls": {"certificateRefs": [{"name": "tls"}]}}]},
            "status": {"listeners": [{"name": "https", "conditions": [
                {"type": "ResolvedRefs", "status": resolved}]}]},
        })
    }

    fn without(kind: &'static str, objects: Vec<Value>) -> Snapshot {
        let forbidden = vec![KindRef::new("", kind, &["v1"])];
        Snapshot { objects, forbidden, ..Snapshot::default() }
    }

    #[test]
    fn the_operator_s_word_stands_in_for_a_secret_that_may_not_be_read() {
        for (resolved, secrets) in [("True", 1), ("False", 0)] {
            let mut snapshot = without("Secret", vec![gateway(resolved)]);
            make_up_for(&mut snapshot).expect("nothing else is missing");
            let found = snapshot.objects.iter().filter(|object| object["kind"] == "Secret");
            assert_eq!(found.count(), secrets, "{resolved}");
        }
    }

    #[test]
    fn what_the_reference_needs_and_cannot_have_is_told() {
        let told = make_up_for(&mut without("Node", Vec::new())).expect_err("nodes are needed");
        assert!(told.contains("may not list Node objects"), "{told}");
        let slices = || without("EndpointSlice", Vec::new());
        make_up_for(&mut slices()).expect("only TCP and UDP routes need them");
        let mut snapshot = slices();
        snapshot.objects.push(json!({"kind": "TCPRoute"}));
        make_up_for(&mut snapshot).expect_err("there is a TCPRoute");
    }
}
