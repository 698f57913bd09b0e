//! The name server of a trial with DNS-01: `gateproof dns` in a pod, which takes cert-manager's
//! updates and answers those who look for the TXT record.
//!
//! cert-manager wants its address, not its name, and looks for the zone's SOA and NS by the
//! cluster's DNS (cert-manager 1.21 `pkg/issuer/acme/dns/rfc2136/rfc2136.go`, `dns/util/wait.go`);
//! CoreDNS forwards the zones to an address as well (coredns/coredns `plugin/forward`). So the
//! Service is there before everything else.

use std::net::{IpAddr, Ipv4Addr};

use gateproof_core::scenario::ObjectRef;
use serde_json::{Value, json};

use super::acme::NAMESPACE;
use super::issuer::CERT_MANAGER_NAMESPACE;

const NAME: &str = "dns";

/// The port of the container; ports below 1024 want a capability.
const PORT: u16 = 5353;

/// The key's name, and the Secret in cert-manager's namespace that holds it.
const KEY: &str = "gateproof";
const KEY_SECRET: &str = "gateproof-acme-dns";
const ENTRY: &str = "secret";

/// What of a name server is known once there is one.
#[derive(Clone)]
pub(crate) struct NameServer {
    /// The address of its Service.
    pub(crate) address: IpAddr,
    /// The image with the gateproof program.
    pub(crate) image: String,
    /// What updates are signed with, in base64.
    pub(crate) secret: String,
    /// New for each trial: the server forgets its zones.
    pub(crate) mark: String,
}

impl NameServer {
    /// Where nothing is known yet, and only kinds and names matter.
    pub(crate) fn unknown() -> Self {
        let address = Ipv4Addr::UNSPECIFIED.into();
        Self { address, image: String::new(), secret: String::new(), mark: String::new() }
    }

    /// Its address with its port.
    pub(crate) fn socket(&self) -> String {
        std::net::SocketAddr::from((self.address, gateproof_dns::PORT)).to_string()
    }
}

/// What gives it an address: Namespace and Service.
pub(crate) fn place() -> Vec<Value> {
    let port = |name: &str, protocol: &str| json!({"name": name, "port": gateproof_dns::PORT, "targetPort": PORT, "protocol": protocol});
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(),
            "spec": {"selector": selector(),
                     "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")]},
        }),
    ]
}

/// The server and its key, for itself and for cert-manager.
pub(crate) fn server(zones: &[String], server: &NameServer) -> Vec<Value> {
    let secret = |namespace: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
               "metadata": {"name": KEY_SECRET, "namespace": namespace},
               "stringData": {ENTRY: server.secret}})
    };
    let mut labels = selector();
    labels["app.kubernetes.io/managed-by"] = "gateproof".into();
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": CERT_MANAGER_NAMESPACE}}),
        secret(NAMESPACE),
        secret(CERT_MANAGER_NAMESPACE),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(),
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": selector()},
                "template": {
                    "metadata": {"labels": labels,
                                 "annotations": {"gateproof.dev/trial": server.mark}},
                    "spec": {
                        "containers": [container(zones, server)],
                        "volumes": [{"name": "key", "secret": {"secretName": KEY_SECRET}}],
                    },
                },
            },
        }),
    ]
}

fn container(zones: &[String], server: &NameServer) -> Value {
    let mut args = vec!["dns".to_owned()];
    args.extend(zones.iter().map(|zone| format!("--zone={zone}")));
    args.push(format!("--address={}", server.address));
    args.push(format!("--key-name={KEY}"));
    args.push(format!("--key-file=/etc/gateproof-dns/{ENTRY}"));
    args.push(format!("--port={PORT}"));
    json!({
        "name": NAME,
        "image": server.image,
        // It may have been loaded into the nodes, and be in no registry.
        "imagePullPolicy": "IfNotPresent",
        "args": args,
        "ports": [
            {"name": "dns", "containerPort": PORT, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "key", "mountPath": "/etc/gateproof-dns", "readOnly": true}],
    })
}

/// The solver of an issuer that updates it.
pub(crate) fn solver(server: &NameServer) -> Value {
    json!({"dns01": {"rfc2136": {
        "nameserver": server.socket(),
        "tsigKeyName": KEY,
        "tsigAlgorithm": "HMACSHA256",
        "tsigSecretSecretRef": {"name": KEY_SECRET, "key": ENTRY},
    }}})
}

/// The Service, whose address must be given.
pub(crate) fn service() -> ObjectRef {
    of("v1", "Service")
}

/// The Deployment that must become available.
pub(crate) fn deployment() -> ObjectRef {
    of("apps/v1", "Deployment")
}

/// The address that a Service was given.
pub(crate) fn address(service: &Value) -> Option<IpAddr> {
    service["spec"]["clusterIP"].as_str()?.parse().ok()
}

fn of(api_version: &str, kind: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        name: NAME.to_owned(),
    }
}

fn selector() -> Value {
    json!({"app.kubernetes.io/name": NAME})
}

fn metadata() -> Value {
    let labels =
        json!({"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "gateproof"});
    json!({"name": NAME, "namespace": NAMESPACE, "labels": labels})
}

#[cfg(test)]
mod tests {
    use super::{NameServer, place, server, solver};

    fn given(address: &str) -> NameServer {
        NameServer {
            address: address.parse().expect("an address"),
            image: "example.test/gateproof:1".to_owned(),
            secret: "c2VjcmV0".to_owned(),
            mark: "run.trial".to_owned(),
        }
    }

    #[test]
    fn the_objects_are_those_that_were_reviewed() {
        let given = given("10.96.0.7");
        let zones = ["example.test".to_owned(), "other.test".to_owned()];
        let mut objects = place();
        objects.extend(server(&zones, &given));
        objects.push(solver(&given));
        insta::assert_json_snapshot!(objects);
    }

    #[test]
    fn an_address_of_the_sixth_version_is_told_in_brackets() {
        let solver = solver(&given("fd00::7"));
        assert_eq!(solver["dns01"]["rfc2136"]["nameserver"], "[fd00::7]:53");
    }
}
