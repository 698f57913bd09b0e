//! The kind clusters that an engine has, whoever made them: found by label, as kind finds them.
//!
//! A cluster that kind made can be looked at, used and described like one of ours; it has none of
//! our labels, and no clean-up takes it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateproof_core::cluster::NodeRole;

use crate::api_endpoint;
use crate::container::{ContainerState, Phase};
use crate::engine::{Engine, EngineError};
use crate::evidence;
use crate::kept::{self, Kept};
use crate::kubeconfig::{self, ADMIN_CONF, Server};
use crate::label;
use crate::nodes;
use crate::removal::{self, Whose};

/// How long reading one file may take.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// A kind cluster as an engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Who made it.
    pub maker: Maker,
    /// Its containers, sorted by name, the load balancer included.
    pub containers: Vec<ContainerState>,
}

/// Who made a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// The `kind` program, or somebody else who labels as it does.
    SomebodyElse,
    /// A run of Gateproof.
    Run {
        /// The run on its labels.
        run: String,
        /// The owner on its labels, as it is written there.
        owner: String,
        /// When, RFC 3339; empty when it is not said.
        created: String,
        /// Whether the run handed it over to the user.
        claim: Claim,
    },
}

/// Whether a cluster of a run became the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is the run's.
    Run,
    /// It is the user's.
    User,
}

/// Something about a found cluster failed.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// There is no cluster of that name.
    #[error("there is no kind cluster `{name}`; {}", those(known))]
    NoSuchCluster {
        /// The name.
        name: String,
        /// The clusters there are.
        known: Vec<String>,
    },
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its API server cannot be reached.
    #[error(transparent)]
    Endpoint(#[from] api_endpoint::NoApiEndpoint),
    /// Its administrator's kubeconfig is not as kubeadm writes it.
    #[error("{container}: {source}")]
    Kubeconfig {
        /// The control plane.
        container: String,
        /// What is wrong.
        source: kubeconfig::KubeconfigError,
    },
    /// No control plane runs, so that nothing can be read from one.
    #[error("no control plane of cluster `{cluster}` runs: {}", states.join(", "))]
    NotRunning {
        /// The cluster.
        cluster: String,
        /// Its control planes and what they do.
        states: Vec<String>,
    },
    /// Files could not be written.
    #[error("failed to make the folder {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is left of it.
    #[error(transparent)]
    Remaining(#[from] removal::Remaining),
}

fn those(names: &[String]) -> String {
    if names.is_empty() {
        "there are none at all on this engine".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

/// From where a kubeconfig is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vantage {
    /// From here.
    Here,
    /// From a container on the cluster's network, as `kind get kubeconfig --internal` has it.
    Network,
}

/// Every kind cluster of an engine, sorted by name.
///
/// # Errors
///
/// When the engine does not answer.
pub async fn clusters(engine: &Engine) -> Result<Vec<Found>, EngineError> {
    let containers = engine.list_containers(&[(label::CLUSTER, None)]).await?;
    let kept = kept::list(engine).await?;
    Ok(group(containers, &kept.into_iter().collect::<Vec<_>>()))
}

/// The cluster of a name.
///
/// # Errors
///
/// When there is none, with those that there are.
pub async fn find(engine: &Engine, name: &str) -> Result<Found, DiscoveryError> {
    let mut all = clusters(engine).await?;
    match all.iter().position(|found| found.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => Err(DiscoveryError::NoSuchCluster {
            name: name.to_owned(),
            known: all.into_iter().map(|found| found.name).collect(),
        }),
    }
}

/// Containers by the cluster on their label.
fn group(containers: Vec<ContainerState>, kept: &[Kept]) -> Vec<Found> {
    let mut clusters: BTreeMap<String, Vec<ContainerState>> = BTreeMap::new();
    for container in containers {
        if let Some(cluster) = container.labels.get(label::CLUSTER) {
            clusters.entry(cluster.clone()).or_default().push(container);
        }
    }
    clusters
        .into_iter()
        .map(|(name, mut containers)| {
            containers.sort_by(|one, other| one.name.cmp(&other.name));
            Found { maker: maker(&name, &containers, kept), name, containers }
        })
        .collect()
}

fn maker(cluster: &str, containers: &[ContainerState], kept: &[Kept]) -> Maker {
    let ours = containers.iter().find_map(|container| {
        let run = container.labels.get(label::RUN)?;
        let label = |name: &str| container.labels.get(name).cloned().unwrap_or_default();
        Some((run.clone(), label(label::OWNER), label(label::CREATED)))
    });
    match ours {
        None => Maker::SomebodyElse,
        Some((run, owner, created)) => {
            let is_kept = kept.iter().any(|kept| kept.cluster == cluster && kept.run == run);
            let claim = if is_kept { Claim::User } else { Claim::Run };
            Maker::Run { run, owner, created, claim }
        }
    }
}

impl Found {
    /// Its containers that are Kubernetes nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &ContainerState> {
        self.containers.iter().filter(|container| nodes::is_node(container))
    }

    /// The role of one of its nodes.
    pub fn role(container: &ContainerState) -> NodeRole {
        match container.labels.get(label::ROLE).map(String::as_str) {
            Some("control-plane") => NodeRole::ControlPlane,
            _ => NodeRole::Worker,
        }
    }

    /// The image of its first control plane.
    pub fn image(&self) -> Option<&str> {
        self.control_planes().next().map(|container| container.image.as_str())
    }

    /// A control plane that runs; the first by name.
    pub(crate) fn running_control_plane(&self) -> Result<&ContainerState, DiscoveryError> {
        let running = self.control_planes().find(|container| container.phase == Phase::Running);
        running.ok_or_else(|| DiscoveryError::NotRunning {
            cluster: self.name.clone(),
            states: self
                .control_planes()
                .map(|container| {
                    let state = crate::actions::ended(&container.phase);
                    format!("{}: {state}", container.name)
                })
                .collect(),
        })
    }

    fn control_planes(&self) -> impl Iterator<Item = &ContainerState> {
        self.nodes().filter(|container| Self::role(container) == NodeRole::ControlPlane)
    }

    /// The administrator's kubeconfig, with kind's names in it. It is a secret.
    ///
    /// # Errors
    ///
    /// When it cannot be read from a control plane, or the API server cannot be reached from here.
    pub async fn kubeconfig(
        &self,
        engine: &Engine,
        vantage: Vantage,
    ) -> Result<String, DiscoveryError> {
        let admin_conf = self.admin_conf(engine).await?;
        let endpoint;
        let server = match vantage {
            Vantage::Network => Server::Internal,
            Vantage::Here => {
                endpoint = api_endpoint::find(&self.name, &self.containers, engine.endpoint())?;
                Server::At { url: &endpoint.server, certificate_name: endpoint.certificate_name }
            }
        };
        kubeconfig::rewrite(&admin_conf, &self.name, server).map_err(|source| {
            let container = self.control_planes().next();
            let container = container.map_or(&*self.name, |container| &container.name).to_owned();
            DiscoveryError::Kubeconfig { container, source }
        })
    }

    pub(crate) async fn admin_conf(&self, engine: &Engine) -> Result<String, DiscoveryError> {
        self.read(engine, ADMIN_CONF).await
    }

    /// Reads a text file of a control plane.
    pub(crate) async fn read(&self, engine: &Engine, path: &str) -> Result<String, DiscoveryError> {
        let container = self.running_control_plane()?;
        let octets = engine.read_file(&container.name, path, READ_WITHIN).await?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    /// Exports logs below a folder, as `kind export logs` lays them out, and says which files
    /// there are.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub async fn logs(
        &self,
        engine: &Engine,
        folder: &Path,
        deadline: Duration,
    ) -> Result<Vec<PathBuf>, DiscoveryError> {
        evidence::collect(engine, &self.containers, folder, deadline)
            .await
            .map_err(|source| DiscoveryError::Folder { folder: folder.to_owned(), source })
    }

    /// Removes the cluster, whoever made it, and returns the names of its containers. The caller
    /// knows that the user wants it.
    ///
    /// # Errors
    ///
    /// When something is still there at the deadline.
    pub async fn delete(
        &self,
        engine: &Engine,
        deadline: Duration,
    ) -> Result<Vec<String>, DiscoveryError> {
        let removed = removal::remove(engine, &self.name, Whose::Anybody, deadline).await?;
        kept::unmark(engine, &self.name).await?;
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Claim, DiscoveryError, Found, Maker, group};
    use crate::container::{ContainerState, Phase};
    use crate::kept::Kept;
    use crate::label;

    fn container(name: &str, labels: &[(&str, &str)]) -> ContainerState {
        ContainerState {
            id: name.to_owned(),
            name: name.to_owned(),
            image: "kindest/node:v1.36.4".to_owned(),
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            phase: Phase::Exited { code: 0, out_of_memory: false },
            addresses: BTreeMap::new(),
            ports: Vec::new(),
        }
    }

    fn of(cluster: &'static str, role: &'static str) -> Vec<(&'static str, &'static str)> {
        vec![(label::CLUSTER, cluster), (label::ROLE, role)]
    }

    fn found() -> Vec<Found> {
        let ours = |run| {
            let mut labels = of("ours", "control-plane");
            labels.push((label::RUN, run));
            labels
        };
        let containers = vec![
            container("theirs-worker", &of("theirs", "worker")),
            container("ours-control-plane", &ours("r1")),
            container("theirs-control-plane", &of("theirs", "control-plane")),
            container("theirs-external-load-balancer", &of("theirs", "external-load-balancer")),
            container("bystander", &[]),
        ];
        group(containers, &[Kept { cluster: "ours".to_owned(), run: "r1".to_owned() }])
    }

    #[test]
    fn clusters_are_told_by_label_and_their_maker_too() {
        let found = found();
        let names: Vec<&str> = found.iter().map(|cluster| cluster.name.as_str()).collect();
        assert_eq!(names, ["ours", "theirs"]);
        assert!(
            matches!(&found[0].maker, Maker::Run { run, claim: Claim::User, .. } if run == "r1"),
            "{:?}",
            found[0].maker
        );
        assert_eq!(found[1].maker, Maker::SomebodyElse);
        assert_eq!(found[1].containers.len(), 3);
        assert_eq!(found[1].nodes().count(), 2);
        assert_eq!(found[1].image(), Some("kindest/node:v1.36.4"));
    }

    #[test]
    fn a_mark_of_another_run_keeps_nothing() {
        let mut labels = of("ours", "control-plane");
        labels.push((label::RUN, "r2"));
        let kept = Kept { cluster: "ours".to_owned(), run: "r1".to_owned() };
        let found = group(vec![container("ours-control-plane", &labels)], &[kept]);
        assert!(matches!(found[0].maker, Maker::Run { claim: Claim::Run, .. }));
    }

    #[test]
    fn a_stopped_cluster_says_what_its_control_planes_do() {
        let error = found()[1].running_control_plane().expect_err("all stopped");
        assert_eq!(
            error.to_string(),
            "no control plane of cluster `theirs` runs: theirs-control-plane: the container ended \
             with exit code 0"
        );
    }

    #[test]
    fn a_name_that_is_not_there_comes_with_those_that_are() {
        let error = |known: &[&str]| {
            let known = known.iter().map(|name| (*name).to_owned()).collect();
            DiscoveryError::NoSuchCluster { name: "x".to_owned(), known }.to_string()
        };
        assert_eq!(error(&["a", "b"]), "there is no kind cluster `x`; there are: a, b");
        assert!(error(&[]).ends_with("there are none at all on this engine"));
    }
}
