//! Service, Secret, Namespace and Node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use gateproof_core::name::{NamespacedName, NodeName};
use serde::Deserialize;
use serde_json::Value;

use super::meta::{Metadata, Object};

/// A Service, with what the API server and load balancers put into it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub name: NamespacedName,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub created: Option<String>,
    pub spec: ServiceSpec,
    pub ingress: Vec<Ingress>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceSpec {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    pub ports: Vec<ServicePort>,
    pub ip_families: Vec<String>,
    pub ip_family_policy: Option<String>,
    pub external_traffic_policy: Option<String>,
    pub selector: BTreeMap<String, String>,
    pub load_balancer_class: Option<String>,
    #[serde(rename = "loadBalancerIP")]
    pub load_balancer_ip: Option<String>,
    pub health_check_node_port: Option<u16>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServicePort {
    pub port: u16,
    pub node_port: Option<u16>,
    pub app_protocol: Option<String>,
    pub protocol: Option<String>,
    pub name: String,
}

impl ServicePort {
    /// `TCP` where nothing is said.
    pub(crate) fn transport(&self) -> &str {
        self.protocol.as_deref().unwrap_or("TCP")
    }
}

/// An entry of `status.loadBalancer.ingress`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Ingress {
    pub ip: String,
    pub hostname: String,
}

impl Service {
    pub(super) fn from_object(
        object: Object<ServiceSpec>,
        value: &Value,
    ) -> Result<Self, serde_json::Error> {
        let ingress = match value.pointer("/status/loadBalancer/ingress") {
            Some(ingress) => Vec::deserialize(ingress)?,
            None => Vec::new(),
        };
        Ok(Self {
            name: object.metadata.namespaced_name(),
            labels: object.metadata.labels,
            annotations: object.metadata.annotations,
            created: object.metadata.creation_timestamp,
            spec: object.spec,
            ingress,
        })
    }

    /// `Cluster` where nothing is said.
    pub(crate) fn traffic_policy(&self) -> &str {
        self.spec.external_traffic_policy.as_deref().unwrap_or("Cluster")
    }

    /// Its cluster addresses.
    pub(crate) fn cluster_addresses(&self) -> Vec<IpAddr> {
        let all = &self.spec.cluster_ips;
        if all.is_empty() {
            return self.spec.cluster_ip.parse().into_iter().collect();
        }
        all.iter().filter_map(|ip| ip.parse().ok()).collect()
    }

    /// Its load-balancer addresses.
    pub(crate) fn ingress_addresses(&self) -> Vec<IpAddr> {
        self.ingress.iter().filter_map(|ingress| ingress.ip.parse().ok()).collect()
    }
}

/// A Secret, as far as Cilium's operator looks at it: whether the two entries of a TLS Secret hold
/// a PEM block. The contents themselves are not kept.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub name: NamespacedName,
    pub certificate: Pem,
    pub key: Pem,
}

/// Whether an entry holds at least one PEM block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pem {
    Present,
    Missing,
}

impl Pem {
    /// Looks at a text.
    pub(super) fn of(text: &str) -> Self {
        if is_pem(text) { Self::Present } else { Self::Missing }
    }
}

impl Secret {
    pub(super) fn from_value(metadata: &Metadata, value: &Value) -> Self {
        let entry = |key: &str| {
            let plain =
                value.get("stringData").and_then(|data| data.get(key)).and_then(Value::as_str);
            let encoded = value.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
            let found = plain.is_some_and(is_pem)
                || encoded.and_then(decode_base64).is_some_and(|text| is_pem(&text));
            if found { Pem::Present } else { Pem::Missing }
        };
        Self {
            name: metadata.namespaced_name(),
            certificate: entry("tls.crt"),
            key: entry("tls.key"),
        }
    }
}

/// Whether a text holds a PEM block: a BEGIN line and a later END line.
fn is_pem(text: &str) -> bool {
    text.find("-----BEGIN ").is_some_and(|begin| text[begin..].contains("-----END "))
}

/// Decodes standard base64 to text; bytes that are no UTF-8 are replaced, since only markers of
/// PEM are looked for.
fn decode_base64(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = buffer << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).expect("masked to one byte"));
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A Namespace.
#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    pub labels: BTreeMap<String, String>,
}

impl Namespace {
    /// Every namespace carries its name as a label (Kubernetes 1.22 and later).
    pub(super) fn new(name: String, mut labels: BTreeMap<String, String>) -> Self {
        labels.entry("kubernetes.io/metadata.name".to_owned()).or_insert(name);
        Self { labels }
    }
}

/// A Node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub name: NodeName,
    pub labels: BTreeMap<String, String>,
    /// Its addresses in the order of its status, with their types.
    pub addresses: Vec<NodeAddress>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NodeAddress {
    #[serde(rename = "type")]
    pub kind: String,
    pub address: String,
}

impl Node {
    pub(super) fn from_value(metadata: Metadata, value: &Value) -> Result<Self, serde_json::Error> {
        let addresses = match value.pointer("/status/addresses") {
            Some(addresses) => Vec::deserialize(addresses)?,
            None => Vec::new(),
        };
        Ok(Self { name: NodeName::new(metadata.name), labels: metadata.labels, addresses })
    }

    /// The addresses traffic comes in by: `InternalIP`, and `ExternalIP` of a node that has no
    /// other.
    pub(crate) fn internal_addresses(&self) -> Vec<IpAddr> {
        let of_kind = |kind: &str| -> Vec<IpAddr> {
            let found = self.addresses.iter().filter(|address| address.kind == kind);
            found.filter_map(|address| address.address.parse().ok()).collect()
        };
        let internal = of_kind("InternalIP");
        if internal.is_empty() { of_kind("ExternalIP") } else { internal }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Metadata, Pem, Secret};

    fn secret(value: &serde_json::Value) -> Secret {
        Secret::from_value(&Metadata { name: "s".to_owned(), ..Metadata::default() }, value)
    }

    #[test]
    fn pem_is_found_encoded_and_plain() {
        // base64 of "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
        let encoded =
            "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";
        let read = secret(&json!({
            "data": {"tls.crt": encoded},
            "stringData": {"tls.key": "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"}
        }));
        assert_eq!((read.certificate, read.key), (Pem::Present, Pem::Present));
    }

    #[test]
    fn what_only_looks_like_pem_is_missing() {
        let read = secret(
            &json!({"stringData": {"tls.crt": "-----BEGIN CERTIFICATE-----", "tls.key": "x"}}),
        );
        assert_eq!((read.certificate, read.key), (Pem::Missing, Pem::Missing));
    }
}
