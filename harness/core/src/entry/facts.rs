//! What entry points need to know of a Gateway and its Service, read from Kubernetes JSON.
//!
//! Parsed once at the edge: an object that lacks what the Kubernetes API guarantees is
//! [`Unreadable`], with the path. Status conditions are not read here but by [`crate::judge`].

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use crate::name::{ListenerName, NamespacedName};

/// An object that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {object} cannot be read: {path} is missing or not {expected}")]
pub struct Unreadable {
    /// The kind that was expected.
    pub kind: &'static str,
    /// The object's namespace and name, as far as known.
    pub object: String,
    /// The path inside the object, such as `/spec/listeners/0/port`.
    pub path: String,
    /// What should be there.
    pub expected: &'static str,
}

/// A Gateway, as far as entry points are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayFacts {
    /// Namespace and name.
    pub name: NamespacedName,
    /// Its listeners, in order.
    pub listeners: Vec<ListenerFacts>,
}

/// A listener of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerFacts {
    /// Its name.
    pub name: ListenerName,
    /// Its port.
    pub port: u16,
    /// Its protocol.
    pub protocol: ListenerProtocol,
    /// Its hostname; `None` matches every host.
    pub hostname: Option<String>,
}

/// A listener's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerProtocol {
    /// `HTTP`.
    Http,
    /// `HTTPS`.
    Https,
    /// `TLS`.
    Tls,
    /// `TCP`.
    Tcp,
    /// `UDP`.
    Udp,
    /// An implementation's own.
    Other(String),
}

impl fmt::Display for ListenerProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tls => "TLS",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Other(name) => name,
        })
    }
}

impl GatewayFacts {
    /// Reads a Gateway of `gateway.networking.k8s.io`.
    pub fn from_object(object: &Value) -> Result<Self, Unreadable> {
        let object = Reader { kind: "Gateway", object };
        let listeners = object
            .list("/spec/listeners")
            .iter()
            .enumerate()
            .map(|(index, _)| {
                let path = |field: &str| format!("/spec/listeners/{index}/{field}");
                Ok(ListenerFacts {
                    name: ListenerName::new(object.text(&path("name"))?),
                    port: object.port(&path("port"))?,
                    protocol: match object.text(&path("protocol"))? {
                        "HTTP" => ListenerProtocol::Http,
                        "HTTPS" => ListenerProtocol::Https,
                        "TLS" => ListenerProtocol::Tls,
                        "TCP" => ListenerProtocol::Tcp,
                        "UDP" => ListenerProtocol::Udp,
                        other => ListenerProtocol::Other(other.to_owned()),
                    },
                    hostname: object.text(&path("hostname")).ok().map(str::to_owned),
                })
            })
            .collect::<Result<_, Unreadable>>()?;
        Ok(Self { name: object.name()?, listeners })
    }

    /// The distinct ports of listeners that are reached over TCP, sorted.
    pub fn ports(&self) -> Vec<u16> {
        let over_tcp =
            self.listeners.iter().filter(|listener| listener.protocol != ListenerProtocol::Udp);
        over_tcp.map(|listener| listener.port).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The listeners for an error message: `http (HTTP 80)`, `web (HTTPS 443 *.example.test)`.
    pub(crate) fn listeners_in_words(&self) -> Vec<String> {
        let words = |listener: &ListenerFacts| {
            let host = listener.hostname.as_ref().map(|host| format!(" {host}"));
            let host = host.unwrap_or_default();
            format!("{} ({} {}{host})", listener.name, listener.protocol, listener.port)
        };
        self.listeners.iter().map(words).collect()
    }
}

/// A Service, as far as entry points are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Namespace and name.
    pub name: NamespacedName,
    /// `spec.type`.
    pub service_type: ServiceType,
    /// `spec.ports` over TCP, in order.
    pub ports: Vec<ServicePort>,
    /// `status.loadBalancer.ingress`, in order.
    pub addresses: Vec<Address>,
    /// `spec.healthCheckNodePort`, where allocated.
    pub health_check_node_port: Option<u16>,
}

/// A Service's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceType {
    /// `ClusterIP`, also when absent.
    ClusterIp,
    /// `NodePort`.
    NodePort,
    /// `LoadBalancer`.
    LoadBalancer,
    /// `ExternalName`, or what a later Kubernetes adds.
    Other(String),
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::Other(name) => name,
        })
    }
}

/// A TCP port of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServicePort {
    /// `port`: for a Gateway's Service the listener port.
    pub port: u16,
    /// `nodePort`, where allocated.
    pub node_port: Option<u16>,
}

/// An address that a load balancer gave a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address.
    Ip(IpAddr),
    /// A host name, as AWS gives.
    HostName(String),
}

impl Address {
    /// The IP address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::HostName(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::HostName(name) => f.pad(name),
        }
    }
}

impl ServiceFacts {
    /// Reads a core/v1 Service.
    pub fn from_object(object: &Value) -> Result<Self, Unreadable> {
        let object = Reader { kind: "Service", object };
        let mut ports = Vec::new();
        for (index, port) in object.list("/spec/ports").iter().enumerate() {
            if port.get("protocol").and_then(Value::as_str).unwrap_or("TCP") != "TCP" {
                continue; // UDP ports carry no HTTP and take no TCP check.
            }
            ports.push(ServicePort {
                port: object.port(&format!("/spec/ports/{index}/port"))?,
                node_port: object.optional_port(&format!("/spec/ports/{index}/nodePort"))?,
            });
        }
        let addresses = object
            .list("/status/loadBalancer/ingress")
            .iter()
            .enumerate()
            .map(|(index, ingress)| match ingress.get("ip").and_then(Value::as_str) {
                Some(ip) => ip.parse().map(Address::Ip).map_err(|_| {
                    object.unreadable(
                        &format!("/status/loadBalancer/ingress/{index}/ip"),
                        "an IP address",
                    )
                }),
                None => object
                    .text(&format!("/status/loadBalancer/ingress/{index}/hostname"))
                    .map(|name| Address::HostName(name.to_owned())),
            })
            .collect::<Result<_, Unreadable>>()?;
        Ok(Self {
            name: object.name()?,
            service_type: match object.text("/spec/type").unwrap_or("ClusterIP") {
                "ClusterIP" => ServiceType::ClusterIp,
                "NodePort" => ServiceType::NodePort,
                "LoadBalancer" => ServiceType::LoadBalancer,
                other => ServiceType::Other(other.to_owned()),
            },
            ports,
            addresses,
            health_check_node_port: object.optional_port("/spec/healthCheckNodePort")?,
        })
    }
}

/// Reads fields of one object and knows how to complain.
struct Reader<'a> {
    kind: &'static str,
    object: &'a Value,
}

impl<'a> Reader<'a> {
    fn unreadable(&self, path: &str, expected: &'static str) -> Unreadable {
        let part = |path| self.object.pointer(path).and_then(Value::as_str).unwrap_or("?");
        Unreadable {
            kind: self.kind,
            object: format!("{}/{}", part("/metadata/namespace"), part("/metadata/name")),
            path: path.to_owned(),
            expected,
        }
    }

    fn name(&self) -> Result<NamespacedName, Unreadable> {
        Ok(NamespacedName::new(self.text("/metadata/namespace")?, self.text("/metadata/name")?))
    }

    fn list(&self, path: &str) -> &'a [Value] {
        self.object.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn text(&self, path: &str) -> Result<&'a str, Unreadable> {
        self.object
            .pointer(path)
            .and_then(Value::as_str)
            .ok_or_else(|| self.unreadable(path, "a text"))
    }

    fn port(&self, path: &str) -> Result<u16, Unreadable> {
        self.optional_port(path)?.ok_or_else(|| self.unreadable(path, "a port from 1 to 65535"))
    }

    /// A port; absent, null and 0 all mean that there is none.
    fn optional_port(&self, path: &str) -> Result<Option<u16>, Unreadable> {
        match self.object.pointer(path) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .and_then(|port| u16::try_from(port).ok())
                .map(|port| (port != 0).then_some(port))
                .ok_or_else(|| self.unreadable(path, "a port from 1 to 65535")),
        }
    }
}
