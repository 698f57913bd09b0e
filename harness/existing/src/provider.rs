//! The existing provider: hands over a cluster that is there already.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::ProviderKind;
use gateproof_core::dossier::Dossier;
use gateproof_core::name::{ClusterName, NodeName};
use gateproof_core::plan::ClusterPlan;
use gateproof_kubernetes::{
    Access, Action, Client, Cluster, Limits, News, Provider, ProviderError, Remains, Surroundings,
    Thing,
};

use crate::belongings;
use crate::cluster::ExistingCluster;
use crate::connect::Connected;
use crate::inside::Inside;
use crate::prober::RememberingProber;
use crate::survey::Survey;

/// What is known of the cluster before a run.
#[derive(Debug, Clone)]
pub struct Found {
    /// The cluster.
    pub connected: Connected,
    /// Its nodes and the way to them.
    pub survey: Survey,
    /// Its Cilium's version.
    pub cilium: Option<CiliumVersion>,
    /// What its nodes say of their operating system.
    pub os_images: Vec<String>,
}

impl Found {
    /// Puts together what was found out.
    pub fn new(connected: Connected, survey: Survey, dossier: &Dossier) -> Self {
        let image = |node: &serde_json::Value| {
            node["status"]["nodeInfo"]["osImage"].as_str().map(str::to_owned)
        };
        Self {
            connected,
            survey,
            cilium: dossier.versions.cilium.clone(),
            os_images: dossier.list("", "Node").filter_map(image).collect(),
        }
    }
}

/// What a cluster is taken for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// To be looked at: nothing is made there.
    Look,
    /// To be looked at from a pod in it, which is all that is made there.
    LookFromInside(Errand),
    /// To run trials on it, which make objects of their own.
    Run(Errand),
}

impl Purpose {
    /// What is made there, if anything.
    pub(crate) fn errand(&self) -> Option<&Errand> {
        match self {
            Self::Look => None,
            Self::LookFromInside(errand) | Self::Run(errand) => Some(errand),
        }
    }
}

/// What trials make on a cluster.
#[derive(Debug, Clone)]
pub struct Errand {
    /// How the cluster is reached, for whoever cleans up later.
    pub access: Access,
    /// The namespaces that each planned cluster's trials bring with them.
    pub namespaces: BTreeMap<ClusterName, BTreeSet<String>>,
    /// The image that holds the gateproof program.
    pub image: Option<String>,
    /// The pod that asks the cluster's sockets, where nobody can from here.
    pub inside: Option<Inside>,
}

/// Hands over the one cluster that was found.
#[derive(Clone)]
pub struct ExistingProvider {
    found: Arc<Found>,
    purpose: Purpose,
}

impl fmt::Debug for ExistingProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExistingProvider")
            .field("place", &self.found.connected.place)
            .field("purpose", &self.purpose)
            .finish()
    }
}

impl ExistingProvider {
    /// A provider of this cluster.
    pub fn new(found: Found, purpose: Purpose) -> Self {
        Self { found: Arc::new(found), purpose }
    }

    /// Starts a prober in a pod, and tells how that goes.
    async fn prober_inside(
        &self,
        inside: &Inside,
        surroundings: &Surroundings,
    ) -> Result<RememberingProber, ProviderError> {
        let action = Action { name: "prober".to_owned(), node: None };
        let tell = |news| surroundings.witness.tell(&action, news);
        let started = Instant::now();
        tell(News::Started);
        let client = &self.found.connected.client;
        let began = inside.start(client, &surroundings.run, |missing| {
            tell(News::Awaiting(missing.to_owned()));
        });
        let began = began.await;
        let prober = match began {
            Ok(prober) => RememberingProber::inside(prober),
            Err(problem) => {
                tell(News::Finished { took: started.elapsed(), problem: Some(problem.clone()) });
                return Err(self.fail("ask from a pod of", problem));
            }
        };
        let silent = self.found.survey.silent_inside(&prober).await;
        if !silent.is_empty() {
            let names: Vec<&str> = silent.iter().map(NodeName::as_str).collect();
            tell(News::Warned(format!("the pod gets no answer from nodes {}", names.join(", "))));
        }
        tell(News::Finished { took: started.elapsed(), problem: None });
        Ok(prober)
    }

    fn fail(&self, what: &str, detail: String) -> ProviderError {
        let operation = format!("{what} {}", self.found.connected.place);
        ProviderError { operation, detail, source: None }
    }
}

/// What a run's label is written down as before anything carries it.
pub(crate) fn thing(errand: &Errand, run: &str) -> Thing {
    Thing::Objects {
        kubeconfig: errand.access.kubeconfig.clone(),
        context: errand.access.context.clone(),
        run: run.to_owned(),
    }
}

#[async_trait]
impl Provider for ExistingProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Existing
    }

    async fn provision(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        let mut prober = None;
        if let Some(errand) = self.purpose.errand() {
            surroundings
                .ledger
                .note(&thing(errand, &surroundings.run))
                .map_err(|error| self.fail("write down what is made on", error.to_string()))?;
            let client = &self.found.connected.client;
            let mut names = errand.namespaces.get(&plan.name).cloned().unwrap_or_default();
            names.extend(errand.inside.as_ref().map(|inside| inside.namespace.clone()));
            belongings::make_namespaces(client, &names, &surroundings.run)
                .await
                .map_err(|problem| self.fail("make namespaces on", problem))?;
            if let Some(inside) = &errand.inside {
                prober = Some(self.prober_inside(inside, surroundings).await?);
            }
        }
        Ok(Arc::new(ExistingCluster::new(
            plan.name.clone(),
            Arc::clone(&self.found),
            self.purpose.clone(),
            surroundings.clone(),
            prober,
        )))
    }

    async fn abandon(
        &self,
        _plan: &ClusterPlan,
        surroundings: &Surroundings,
        _remains: Remains,
    ) -> Result<Vec<PathBuf>, ProviderError> {
        if let Some(errand) = self.purpose.errand() {
            let client = &self.found.connected.client;
            take_away(client, errand, surroundings)
                .await
                .map_err(|problem| self.fail("remove what was made on", problem))?;
        }
        Ok(Vec::new())
    }

    fn limits(&self) -> Limits {
        Limits { evidence: Duration::from_secs(10), removal: Duration::from_mins(3) }
    }
}

/// Removes everything that the run has made, and strikes it out.
pub(crate) async fn take_away(
    client: &Client,
    errand: &Errand,
    surroundings: &Surroundings,
) -> Result<(), String> {
    belongings::remove_all(client, &surroundings.run).await?;
    surroundings.ledger.strike(&thing(errand, &surroundings.run)).map_err(|error| error.to_string())
}
