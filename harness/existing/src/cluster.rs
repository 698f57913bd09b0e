//! An existing cluster, as the harness uses it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::{Node, Subject};
use gateproof_core::entry::Address;
use gateproof_core::name::{ClusterName, NodeName};
use gateproof_kubernetes::{
    AddressBook, Client, Cluster, Component, ProviderError, StackRequest, Surroundings,
};
use gateproof_probe::Prober;

use crate::prober::RememberingProber;
use crate::provider::{self, Found, Purpose};

/// How long Cilium's operator may take to see a change before claims are judged regardless.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// A cluster that somebody runs.
pub struct ExistingCluster {
    name: ClusterName,
    found: Arc<Found>,
    purpose: Purpose,
    surroundings: Surroundings,
    /// Somebody who asks from inside; else this process does.
    inside: Option<RememberingProber>,
}

impl fmt::Debug for ExistingCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExistingCluster")
            .field("name", &self.name)
            .field("place", &self.found.connected.place)
            .finish_non_exhaustive()
    }
}

impl ExistingCluster {
    pub(crate) fn new(
        name: ClusterName,
        found: Arc<Found>,
        purpose: Purpose,
        surroundings: Surroundings,
        inside: Option<RememberingProber>,
    ) -> Self {
        Self { name, found, purpose, surroundings, inside }
    }

    fn fail(&self, what: &str, detail: String) -> ProviderError {
        let operation = format!("{what} {}", self.found.connected.place);
        ProviderError { operation, detail, source: None }
    }

    fn version(&self) -> Option<&CiliumVersion> {
        self.found.cilium.as_ref()
    }
}

#[async_trait]
impl Cluster for ExistingCluster {
    fn name(&self) -> &ClusterName {
        &self.name
    }

    fn subject(&self) -> Subject {
        match self.version() {
            Some(version) => {
                Subject::installed(version, self.found.os_images.iter().map(String::as_str))
            }
            None => Subject::Cilium { version: "(unknown version)".to_owned() },
        }
    }

    fn client(&self) -> Client {
        self.found.connected.client.clone()
    }

    fn nodes(&self) -> Vec<Node> {
        self.found.survey.nodes.clone()
    }

    fn address_book(&self) -> Arc<dyn AddressBook> {
        let survey = &self.found.survey;
        let book = if self.inside.is_some() { &survey.own_book } else { &survey.book };
        Arc::new(book.clone())
    }

    async fn balanced(&self, addresses: &[Address]) -> Vec<Address> {
        self.found.survey.book.admit_balanced(addresses).await
    }

    fn prober(&self) -> Arc<dyn Prober> {
        Arc::new(self.inside.as_ref().unwrap_or(&self.found.survey.prober).clone())
    }

    fn own_image(&self) -> String {
        let usual = || concat!("gateproof.local/gateproof:", env!("CARGO_PKG_VERSION")).to_owned();
        let image = self.purpose.errand().and_then(|errand| errand.image.clone());
        image.unwrap_or_else(usual)
    }

    /// Nothing is installed on somebody's cluster: what a trial wants was compared with what is
    /// there before anything began.
    async fn install(&self, _stack: &StackRequest) -> Result<(), ProviderError> {
        Ok(())
    }

    fn is_taken_as_it_is(&self) -> bool {
        matches!(self.purpose, Purpose::Look | Purpose::LookFromInside(_))
    }

    async fn settle(&self) -> Result<(), ProviderError> {
        let unseen = gateproof_stack::settle(&self.client(), SETTLE_WITHIN).await;
        let unseen = unseen.map_err(|error| self.fail("settle", error.in_words()))?;
        for what in unseen {
            tracing::debug!(cluster = %self.name, what, "not seen by Cilium's operator in time");
        }
        Ok(())
    }

    async fn logs(&self, component: &Component) -> Result<String, ProviderError> {
        let node = match component {
            Component::CiliumAgent(node) | Component::Envoy(node) => Some(node.as_str()),
            Component::CiliumOperator | Component::CertManager => None,
        };
        gateproof_stack::logs(&self.client(), component, node)
            .await
            .map_err(|error| self.fail("read logs of", error.in_words()))
    }

    fn kubernetes_name(&self, node: &NodeName) -> NodeName {
        node.clone()
    }

    /// It stays, as it was there before.
    async fn keep(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The cluster stays; what the run has made goes.
    async fn teardown(&self) -> Result<(), ProviderError> {
        match self.purpose.errand() {
            None => Ok(()),
            Some(errand) => provider::take_away(&self.client(), errand, &self.surroundings)
                .await
                .map_err(|problem| self.fail("remove what was made on", problem)),
        }
    }
}
