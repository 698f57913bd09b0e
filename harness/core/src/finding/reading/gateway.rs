//! Gateways, their classes, listeners, Services and CiliumEnvoyConfigs.

use std::fmt;

use serde_json::Value;

use super::{Condition, GATEWAY_API, condition, items, name_of};
use crate::dossier::{CertificateAtHop, Dossier, text};
use crate::name::NamespacedName;

/// The controller name of Cilium's GatewayClasses.
pub(in crate::finding) const CONTROLLER: &str = "io.cilium/gateway-controller";

/// A Gateway.
#[derive(Debug, Clone)]
pub(in crate::finding) struct Gateway<'d> {
    pub(in crate::finding) name: NamespacedName,
    pub(in crate::finding) object: &'d Value,
    dossier: &'d Dossier,
}

/// What is known of a class.
#[derive(Debug, Clone, Copy)]
pub(in crate::finding) enum Class<'d> {
    /// It is Cilium's.
    Cilium(&'d Value),
    /// It is another controller's.
    Foreign(&'d Value),
    /// There is no such class among what was read.
    Absent,
}

/// The class of this name.
pub(in crate::finding) fn class_of<'d>(dossier: &'d Dossier, name: &str) -> Class<'d> {
    match dossier.get(GATEWAY_API, "GatewayClass", None, name) {
        Some(class) if text(class, "/spec/controllerName") == Some(CONTROLLER) => {
            Class::Cilium(class)
        }
        Some(class) => Class::Foreign(class),
        None => Class::Absent,
    }
}

/// Every Gateway, whoever's and whether or not it is diagnosed.
pub(in crate::finding) fn every_gateway(dossier: &Dossier) -> Vec<Gateway<'_>> {
    dossier
        .list(GATEWAY_API, "Gateway")
        .filter_map(|object| Some(Gateway { name: name_of(object)?, object, dossier }))
        .collect()
}

/// Cilium's Gateways that are diagnosed.
pub(in crate::finding) fn gateways(dossier: &Dossier) -> Vec<Gateway<'_>> {
    let mut all = ciliums_gateways(dossier);
    all.retain(Gateway::is_diagnosed);
    all
}

/// Cilium's Gateways, diagnosed or not: those of its classes, and those of an absent class called
/// `cilium`, as the chart calls it.
pub(in crate::finding) fn ciliums_gateways(dossier: &Dossier) -> Vec<Gateway<'_>> {
    let mut all = every_gateway(dossier);
    all.retain(|gateway| match class_of(dossier, gateway.class()) {
        Class::Cilium(_) => true,
        Class::Foreign(_) => false,
        Class::Absent => gateway.class() == "cilium",
    });
    all
}

impl<'d> Gateway<'d> {
    /// Whether the diagnosis is about it.
    pub(in crate::finding) fn is_diagnosed(&self) -> bool {
        let about = &self.dossier.about;
        about.is_empty() || about.contains(&self.name)
    }

    /// The name of its class.
    pub(in crate::finding) fn class(&self) -> &'d str {
        text(self.object, "/spec/gatewayClassName").unwrap_or_default()
    }

    /// Its listeners.
    pub(in crate::finding) fn listeners(&self) -> Vec<Listener<'d>> {
        items(self.object, "/spec/listeners")
            .iter()
            .filter_map(|value| {
                let name = text(value, "/name")?;
                let status = items(self.object, "/status/listeners")
                    .iter()
                    .find(|status| text(status, "/name") == Some(name));
                Some(Listener {
                    name,
                    port: u16::try_from(value.get("port")?.as_u64()?).ok()?,
                    protocol: text(value, "/protocol").unwrap_or_default(),
                    hostname: text(value, "/hostname").filter(|name| !name.is_empty()),
                    value,
                    status,
                })
            })
            .collect()
    }

    /// Its condition of a type.
    pub(in crate::finding) fn condition(&self, kind: &str) -> Option<Condition<'d>> {
        condition(self.object.get("status")?, kind)
    }

    /// Whether some controller has looked at it: it has a condition that is not the one which the
    /// API server's defaults put there.
    pub(in crate::finding) fn has_been_seen(&self) -> bool {
        items(self.object, "/status/conditions")
            .iter()
            .any(|condition| text(condition, "/reason") != Some("Pending"))
    }

    /// The Service that Cilium made for it.
    pub(in crate::finding) fn service(&self) -> Option<&'d Value> {
        let namespace = Some(self.name.namespace.as_str());
        let expected = format!("cilium-gateway-{}", self.name.name);
        self.dossier.get("", "Service", namespace, &expected).or_else(|| {
            self.dossier.list("", "Service").find(|service| {
                text(service, "/metadata/namespace") == namespace
                    && items(service, "/metadata/ownerReferences").iter().any(|owner| {
                        text(owner, "/kind") == Some("Gateway")
                            && text(owner, "/name") == Some(&self.name.name)
                    })
            })
        })
    }

    /// The CiliumEnvoyConfig that Cilium made for it.
    pub(in crate::finding) fn envoy_config(&self) -> Option<&'d Value> {
        let namespace = Some(self.name.namespace.as_str());
        let expected = format!("cilium-gateway-{}", self.name.name);
        self.dossier.get("cilium.io", "CiliumEnvoyConfig", namespace, &expected).or_else(|| {
            // Names of long Gateways are shortened.
            self.dossier.list("cilium.io", "CiliumEnvoyConfig").find(|config| {
                text(config, "/metadata/namespace") == namespace
                    && items(config, "/metadata/ownerReferences").iter().any(|owner| {
                        text(owner, "/kind") == Some("Gateway")
                            && text(owner, "/name") == Some(&self.name.name)
                    })
            })
        })
    }

    /// Addresses in its status.
    pub(in crate::finding) fn addresses(&self) -> Vec<&'d str> {
        let addresses = items(self.object, "/status/addresses").iter();
        addresses.filter_map(|address| text(address, "/value")).collect()
    }

    /// An annotation of its metadata.
    pub(in crate::finding) fn annotation(&self, key: &str) -> Option<&'d str> {
        self.object.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    /// Its certificates at their hops.
    pub(in crate::finding) fn certificates(
        &self,
    ) -> impl Iterator<Item = &'d CertificateAtHop> + use<'d> {
        let name = self.name.clone();
        self.dossier.certificates.iter().filter(move |hop| hop.gateway == name)
    }
}

impl fmt::Display for Gateway<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway {}", self.name)
    }
}

/// A listener.
#[derive(Debug, Clone, Copy)]
pub(in crate::finding) struct Listener<'d> {
    pub(in crate::finding) name: &'d str,
    pub(in crate::finding) port: u16,
    pub(in crate::finding) protocol: &'d str,
    pub(in crate::finding) hostname: Option<&'d str>,
    pub(in crate::finding) value: &'d Value,
    status: Option<&'d Value>,
}

impl<'d> Listener<'d> {
    /// Its condition of a type.
    pub(in crate::finding) fn condition(&self, kind: &str) -> Option<Condition<'d>> {
        condition(self.status?, kind)
    }

    /// Whether it ends TLS itself.
    pub(in crate::finding) fn terminates_tls(&self) -> bool {
        matches!(self.protocol, "HTTPS" | "TLS")
            && text(self.value, "/tls/mode").unwrap_or("Terminate") == "Terminate"
    }

    /// The Secrets that it names.
    pub(in crate::finding) fn secrets(&self, gateway: &NamespacedName) -> Vec<NamespacedName> {
        items(self.value, "/tls/certificateRefs")
            .iter()
            .filter(|reference| text(reference, "/kind").unwrap_or("Secret") == "Secret")
            .filter_map(|reference| {
                let namespace = text(reference, "/namespace").unwrap_or(&gateway.namespace);
                Some(NamespacedName::new(namespace, text(reference, "/name")?))
            })
            .collect()
    }

    /// Whether it takes this host name: its own, below its wildcard, or any when it has none.
    pub(in crate::finding) fn takes(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        match self.hostname.map(str::to_lowercase) {
            None => true,
            Some(own) => match own.strip_prefix('*') {
                Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
                None => own == host,
            },
        }
    }
}
