//! What the reference makes of a Gateway, as plans of checks read it: Envoy's listeners, the nodes
//! that serve them, and the certificates that they serve.

use std::collections::BTreeSet;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::cluster::NodeSelector;
use gateproof_core::dossier::{Dossier, Found, Hop};
use gateproof_core::name::{NamespacedName, NodeName};
use gateproof_core::scenario::Entry;
use gateproof_model::translation::envoy::{EnvoyConfig, Listener, TlsChain};
use gateproof_model::{Input, Resources, reconcile, unread_secrets};
use serde_json::Value;

/// A Gateway as it should be served.
pub(super) struct Reference<'a> {
    pub(super) dossier: &'a Dossier,
    pub(super) gateway: NamespacedName,
    pub(super) envoy: EnvoyConfig,
    /// The nodes whose Envoys serve it.
    serving: Vec<NodeName>,
}

impl<'a> Reference<'a> {
    /// What the reference makes of a Gateway; `None` when that is nothing.
    pub(super) fn of(
        dossier: &'a Dossier,
        version: &CiliumVersion,
        config: &CiliumConfig,
        gateway: &Value,
    ) -> Option<Self> {
        let gateway = super::name_of(gateway);
        let mut objects = dossier.objects.clone();
        if dossier.list("", "Secret").next().is_none() {
            objects.extend(unread_secrets::stand_ins(&dossier.objects));
        }
        let (resources, _) = Resources::from_objects(&objects);
        let outcome = reconcile(&Input::new(version, config, &resources));
        let envoy = outcome.envoy.into_iter().find(|envoy| envoy.gateway == gateway)?;
        let host_network = &config.host_network;
        let serves = |labels| !host_network.is_on() || host_network.selects(labels);
        let serving = dossier.nodes.iter().filter(|node| serves(&node.labels));
        let serving = serving.map(|node| node.name.clone()).collect();
        Some(Self { dossier, gateway, envoy, serving })
    }

    /// Entry by about so many nodes. Each claim, by its index, enters by other nodes than the one
    /// before, where not all are asked.
    pub(super) fn entry(&self, index: usize, through: usize) -> Entry {
        let step = self.serving.len().div_ceil(through).max(1);
        let nodes = self.serving.iter().skip(index % step).step_by(step).cloned().collect();
        Entry::EachNode(NodeSelector::Names(nodes))
    }

    /// The Envoy listener that a port of the Gateway leads to.
    pub(super) fn listener(&self, port: u16) -> Option<&Listener> {
        let bound =
            self.envoy.listeners.iter().find(|listener| listener.host_ports.contains(&port));
        bound.or_else(|| {
            let index = self.envoy.listener_of(port).ok()??;
            self.envoy.listeners.get(index)
        })
    }

    /// SHA-256 and names of the certificates that may be served by a chain; none where one of them
    /// could not be read.
    pub(super) fn certificates(
        &self,
        listener: &Listener,
        chain: &TlsChain,
    ) -> Vec<(String, Vec<String>)> {
        let same = listener.terminate.iter().filter(|one| one.server_names == chain.server_names);
        let secrets: BTreeSet<&NamespacedName> = same.map(|chain| &chain.secret).collect();
        let at_hops = self.dossier.certificates.iter().filter(|at| {
            at.hop == Hop::Secret && at.gateway == self.gateway && secrets.contains(&at.secret)
        });
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        for at in at_hops {
            let Found::Chain(facts) = &at.found else { continue };
            let Some(leaf) = facts.first() else { continue };
            if !found.iter().any(|(sha256, _)| *sha256 == leaf.sha256) {
                found.push((leaf.sha256.clone(), leaf.names.clone()));
            }
        }
        // One that could not be read may be the one that is served.
        let read: BTreeSet<&NamespacedName> = self
            .dossier
            .certificates
            .iter()
            .filter(|at| at.hop == Hop::Secret && matches!(at.found, Found::Chain(_)))
            .map(|at| &at.secret)
            .collect();
        if secrets.is_subset(&read) { found } else { Vec::new() }
    }
}
