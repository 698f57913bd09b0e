//! Which solver of the issuer answers a challenge; and for HTTP-01 its Pod, Service and HTTPRoute.
//!
//! Follows cert-manager 1.21 `pkg/issuer/acme/http/{pod,service,httproute}.go` and
//! `pkg/controller/acmeorders/util.go`.

use serde_json::{Value, json};

use crate::controllers::kind::{HTTP_ROUTE, POD, SERVICE};
use crate::controllers::kubernetes::kubelet::responder::CHALLENGE_PATH;
use crate::controllers::object::{
    annotation, controller_reference, identity, items, namespace, skeleton, suffix, text,
};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// The solver's port.
const PORT: u16 = 8089;

/// The first solver of an issuer for one of the ways that the ACME server offers, of which a
/// wildcard has DNS-01 alone (`pkg/util/solverpicker`). Covered are HTTP-01 through a Gateway, and
/// DNS-01 by dynamic updates. Parents are those of the issuer; the Gateway that a Certificate was
/// made for takes the place of its own entry there, without the name of a listener.
pub(super) fn choose(solvers: &[Value], offered: &[&str], certificate: &Value) -> Option<Value> {
    let fits = |solver: &&Value| {
        let by_http = offered.contains(&"http-01") && solver.pointer(ROUTE).is_some();
        by_http || (offered.contains(&"dns-01") && solver.pointer(UPDATES).is_some())
    };
    let mut solver = solvers.iter().find(fits)?.clone();
    if solver.pointer(UPDATES).is_some() {
        return Some(solver);
    }
    let own = |key: &str| annotation(certificate, &format!("acme.cert-manager.io/http01-{key}"));
    let mut parents = items(&solver, "/http01/gatewayHTTPRoute/parentRefs").to_vec();
    if let (Some(kind), Some(gateway)) = (own("parentrefkind"), own("parentrefname")) {
        let space = namespace(certificate).unwrap_or_default();
        parents.retain(|parent| {
            let same_kind = text(parent, "/kind").is_none_or(|found| found == kind);
            let same_place = text(parent, "/namespace") == Some(space);
            !(same_kind && same_place && text(parent, "/name") == Some(gateway))
        });
        parents.push(json!({"kind": kind, "name": gateway, "namespace": space}));
    }
    if parents.is_empty() {
        return None;
    }
    solver["http01"]["gatewayHTTPRoute"]["parentRefs"] = parents.into();
    Some(solver)
}

const ROUTE: &str = "/http01/gatewayHTTPRoute";
const UPDATES: &str = "/dns01/rfc2136";

/// The objects that answer a challenge.
pub(super) fn objects(challenge: &Value, version: &str) -> Vec<Value> {
    let of = |pointer: &str| text(challenge, pointer).unwrap_or_default().to_owned();
    let (domain, token) = (of("/spec/dnsName"), of("/spec/token"));
    let solver_name = format!("cm-acme-http-solver-{}", suffix(&token, 5));
    let labels = json!({
        "acme.cert-manager.io/http-domain": adler32(&domain).to_string(),
        "acme.cert-manager.io/http-token": adler32(&token).to_string(),
        "acme.cert-manager.io/http01-solver": "true",
    });
    let make = |kind| {
        let mut object = skeleton(kind, namespace(challenge), &solver_name);
        object["metadata"]["labels"] = labels.clone();
        object["metadata"]["ownerReferences"] = json!([controller_reference(challenge)]);
        object
    };
    let mut pod = make(POD);
    pod["spec"] = json!({
        "automountServiceAccountToken": false,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "restartPolicy": "OnFailure",
        "containers": [{
            "name": "acmesolver",
            "image": format!("quay.io/jetstack/cert-manager-acmesolver:{version}"),
            "args": [
                format!("--listen-port={PORT}"),
                format!("--domain={domain}"),
                format!("--token={token}"),
                format!("--key={}", of("/spec/key")),
            ],
            "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        }],
    });
    let mut service = make(SERVICE);
    service["spec"] = json!({
        "type": "NodePort",
        "ports": [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        "selector": labels,
    });
    let mut route = make(HTTP_ROUTE);
    route["spec"] = json!({
        "parentRefs": challenge.pointer("/spec/solver/http01/gatewayHTTPRoute/parentRefs"),
        "hostnames": [domain],
        "rules": [{
            "matches": [{"path": {"type": "Exact", "value": format!("{CHALLENGE_PATH}/{token}")}}],
            "backendRefs": [{
                "group": "", "kind": "Service", "name": solver_name,
                "namespace": namespace(challenge), "port": PORT, "weight": 1,
            }],
        }],
    });
    vec![pod, service, route]
}

/// What is missing of them.
pub(super) fn present(snapshot: &Snapshot, challenge: &Value, version: &str) -> Vec<Write> {
    objects(challenge, version)
        .into_iter()
        .filter(|object| snapshot.live(object).is_none())
        .map(|object| Write::Apply(FieldManager::CertManager, object))
        .collect()
}

/// Takes Pod and Service away; the HTTPRoute goes with its challenge.
pub(super) fn clean_up(snapshot: &Snapshot, challenge: &Value) -> Vec<Write> {
    objects(challenge, "")
        .iter()
        .filter(|object| object["kind"] != HTTP_ROUTE.kind)
        .filter(|object| snapshot.live(object).is_some())
        .map(|object| Write::Delete(identity(object)))
        .collect()
}

/// The image's tag: cert-manager's own version.
pub(super) fn version(snapshot: &Snapshot) -> String {
    snapshot
        .list(POD)
        .filter_map(|pod| pod.pointer("/spec/containers").and_then(Value::as_array))
        .flatten()
        .filter_map(|container| text(container, "/image"))
        .filter_map(|image| image.split_once("/cert-manager-controller:"))
        .map(|(_, tag)| tag.to_owned())
        .next()
        .unwrap_or_else(|| "v1.21.0".to_owned())
}

/// Adler-32 (RFC 1950), which labels hash names with.
fn adler32(text: &str) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = text.bytes().fold((1, 0), |(low, high), octet| {
        let low = (low + u32::from(octet)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    (high << 16) | low
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{adler32, choose};

    #[test]
    fn hashes_of_labels_are_adler32() {
        assert_eq!(adler32("Wikipedia"), 0x11E6_0398);
        assert_eq!(adler32(""), 1);
    }

    #[test]
    fn the_gateway_of_a_certificate_takes_the_place_of_its_own_entry() {
        let parent = |name: &str| json!({"kind": "Gateway", "name": name, "namespace": "web", "sectionName": "http"});
        let solvers = [
            json!({"dns01": {"rfc2136": {"nameserver": "10.96.0.7:53"}}}),
            json!({"http01": {"gatewayHTTPRoute": {"parentRefs": [parent("a"), parent("b")]}}}),
        ];
        let parents = |annotations: serde_json::Value| {
            let certificate = json!({"metadata": {"namespace": "web", "annotations": annotations}});
            choose(&solvers, &["http-01"], &certificate).expect("a solver")["http01"]["gatewayHTTPRoute"]["parentRefs"].clone()
        };
        assert_eq!(parents(json!({})), json!([parent("a"), parent("b")]));
        let made_for = json!({"acme.cert-manager.io/http01-parentrefkind": "Gateway",
            "acme.cert-manager.io/http01-parentrefname": "a"});
        let own = json!({"kind": "Gateway", "name": "a", "namespace": "web"});
        assert_eq!(parents(made_for), json!([parent("b"), own]));
        assert_eq!(choose(&solvers[..1], &["http-01"], &json!({})), None);
        assert_eq!(choose(&solvers[1..], &["dns-01"], &json!({})), None, "a wildcard");
        for offered in [&["dns-01"][..], &["http-01", "dns-01"]] {
            assert_eq!(choose(&solvers, offered, &json!({})).as_ref(), Some(&solvers[0]));
        }
    }
}
