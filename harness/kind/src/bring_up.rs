//! The order in which a planned cluster comes up, and what runs side by side.
//!
//! ```text
//! network, images ─▶ addresses ─▶ every node: container ▶ boot ▶ configure ─┐
//!                                 load balancer: container ▶ configure ─┐   │
//!                                 first control plane: ▶ kubeadm init ◀─┘   │
//!                                   ▶ certificates ▶ open, storage class    │
//!                                   ▶ join control planes ▶ join workers ◀──┘
//!                                   ▶ client ▶ nodes registered
//! ```
//!
//! `kubeadm init` does not wait for other nodes: it takes longest, and they boot meanwhile.

use std::time::Duration;

use futures_util::future::try_join_all;
use gateproof_core::cluster::Node;
use gateproof_kubernetes::Client;

use crate::actions::create::Creations;
use crate::actions::{
    ActionError, NodeShell, Place, Scene, Seen, boot, configure, ended_meanwhile, finish, kubeadm,
    load_balancer, mirror, register,
};
use crate::api_endpoint::{self, ApiEndpoint};
use crate::container::{ContainerSpec, ContainerState, Phase};
use crate::engine::Engine;
use crate::kubeconfig::{self, ADMIN_CONF, Server};
use crate::plan::load_balancer::LoadBalancerPlan;
use crate::plan::mirror::Mirror;
use crate::plan::version::KubernetesVersion;
use crate::plan::{KindPlan, NodePlan, Part};
use crate::removal::{self, Whose};
use crate::settings::{Deadlines, StorageClass};
use crate::transcript::Transcripts;

/// How long after a command's end the engine may notice that the container has ended as well.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// A planned cluster, on its way.
pub(crate) struct BringUp<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) engine: &'a Engine,
    pub(crate) plan: &'a KindPlan,
    pub(crate) creations: &'a Creations,
    pub(crate) transcripts: &'a Transcripts,
    pub(crate) deadlines: &'a Deadlines,
}

/// What came up.
pub(crate) struct Up {
    pub(crate) version: KubernetesVersion,
    pub(crate) access: Access,
    pub(crate) containers: Vec<ContainerState>,
    pub(crate) nodes: Vec<Node>,
}

/// How to speak to the API server.
pub(crate) struct Access {
    pub(crate) client: Client,
    pub(crate) endpoint: ApiEndpoint,
    /// Of the cluster's administrator, as kubeadm wrote it.
    pub(crate) admin_conf: String,
}

impl BringUp<'_> {
    /// Brings the cluster up. The network and the images are there.
    pub(crate) async fn run(&self) -> Result<Up, ActionError> {
        match Box::pin(self.steps()).await {
            Ok(up) => Ok(up),
            Err(error) => Err(self.explained(error).await),
        }
    }

    /// What failed on a container that has ended, failed because of that.
    async fn explained(&self, mut error: ActionError) -> ActionError {
        let Some(container) = &error.node else { return error };
        let phase = match self.engine.inspect_container(container).await {
            Ok(state) => state.map(|state| state.phase),
            // What the engine does not say now, the error itself tells.
            Err(_) => return error,
        };
        if phase == Some(Phase::Running)
            && !self.was_restarted(container).await
            && self.engine.wait_container(container, ENDS_WITHIN).await.is_err()
            // It may have ended and begun again before the wait could see it.
            && !self.was_restarted(container).await
        {
            return error;
        }
        let why = ended_meanwhile(phase.as_ref());
        if !error.seen.to_string().contains(why) {
            error.seen = error.seen.because(why);
        }
        error
    }

    /// Whether Docker has started a container again, as the restart policy has it after a failure.
    async fn was_restarted(&self, container: &str) -> bool {
        let described = self.engine.describe_container(container).await;
        let count = described.ok().flatten().and_then(|it| it.get("RestartCount")?.as_u64());
        count.is_some_and(|count| count > 0)
    }

    async fn steps(&self) -> Result<Up, ActionError> {
        let first = self.plan.first();
        let others = self.plan.nodes.iter().filter(|node| node.part != Part::Init);
        let control_plane = async {
            let (version, ()) = tokio::try_join!(self.node(first), self.load_balancer())?;
            self.start_control_plane(first, &version).await?;
            Ok(version)
        };
        let others = try_join_all(others.map(|node| self.node(node)));
        let mirrors = try_join_all(self.plan.mirrors.iter().map(|mirror| self.mirror(mirror)));
        let (version, _, _) = tokio::try_join!(control_plane, others, mirrors)?;
        self.join_everybody(first).await?;
        let containers = self.containers().await?;
        let access = self.connect(first, &containers).await?;
        let deadline = self.deadlines.registration;
        let nodes = self
            .scene
            .act("nodes registered", Place::Cluster, deadline * 2, async |progress| {
                let cluster = self.plan.name.as_str();
                register::register(&access.client, cluster, &containers, deadline, progress).await
            })
            .await?;
        Ok(Up { version, access, containers, nodes })
    }

    /// A container, running.
    async fn container(&self, spec: &ContainerSpec) -> Result<(), ActionError> {
        // The engine bounds each request; this is only for what it may forget.
        let deadline = self.deadlines.request * 4;
        self.scene
            .act("container", Place::Container(&spec.name), deadline, async |_| {
                self.creations.create(spec).await
            })
            .await
    }

    /// A node, ready for kubeadm.
    async fn node(&self, node: &NodePlan) -> Result<KubernetesVersion, ActionError> {
        let place = Place::Container(&node.container.name);
        self.container(&node.container).await?;
        self.scene
            .act("boot", place, self.deadlines.boot, async |progress| {
                boot::boot(self.engine, &node.container.name, progress).await
            })
            .await?;
        self.scene
            .act("configure", place, self.deadlines.command * 4, async |progress| {
                configure::configure(self.engine, self.plan, node, self.deadlines, progress).await
            })
            .await
    }

    /// A mirror of a registry, listening. Its volume is nobody's: the next cluster uses it.
    async fn mirror(&self, mirror: &Mirror) -> Result<(), ActionError> {
        let place = Place::Container(&mirror.container.name);
        self.scene
            .act("volume", place, self.deadlines.request * 2, async |_| {
                Ok(self.engine.ensure_volume(&mirror.volume).await?)
            })
            .await?;
        self.container(&mirror.container).await?;
        self.scene
            .act("registry mirror", place, self.deadlines.boot, async |progress| {
                mirror::listens(self.engine, mirror, progress).await
            })
            .await
    }

    /// The load balancer, where there is one.
    async fn load_balancer(&self) -> Result<(), ActionError> {
        let Some(LoadBalancerPlan { container, .. }) = &self.plan.load_balancer else {
            return Ok(());
        };
        self.container(container).await?;
        let place = Place::Container(&container.name);
        let deadline = self.deadlines.boot + self.deadlines.command * 3;
        self.scene
            .act("load balancer", place, deadline, async |progress| {
                let plan = self.plan.load_balancer.as_ref();
                let plan = plan.expect("a load balancer that has a container");
                load_balancer::configure(self.engine, plan, self.deadlines, progress).await
            })
            .await
    }

    async fn start_control_plane(
        &self,
        first: &NodePlan,
        version: &KubernetesVersion,
    ) -> Result<(), ActionError> {
        let place = Place::Container(&first.container.name);
        let Deadlines { init, command, .. } = *self.deadlines;
        // The command has the same deadline, and knows more to say when it passes.
        self.scene
            .act("kubeadm init", place, init + command, async |progress| {
                kubeadm::start(self.engine, first, self.deadlines, self.transcripts, progress).await
            })
            .await?;
        if self.plan.is_single() {
            self.scene
                .act("open to workloads", place, command * 2, async |_| {
                    finish::open_single_node(self.engine, first, version, self.deadlines).await
                })
                .await?;
        }
        if self.plan.storage_class == StorageClass::Standard {
            self.scene
                .act("storage class", place, command * 2, async |progress| {
                    finish::storage_class(self.engine, first, self.deadlines, progress).await
                })
                .await?;
        }
        Ok(())
    }

    /// Control planes one after another, as etcd wants it, then all workers at once.
    async fn join_everybody(&self, first: &NodePlan) -> Result<(), ActionError> {
        let with = |part: Part| self.plan.nodes.iter().filter(move |node| node.part == part);
        let shares = with(Part::JoinControlPlane).map(async |node| {
            let place = Place::Container(&node.container.name);
            self.scene
                .act("certificates", place, self.deadlines.command * 4, async |_| {
                    kubeadm::share_certificates(self.engine, first, node, self.deadlines).await
                })
                .await
        });
        try_join_all(shares).await?;
        for node in with(Part::JoinControlPlane) {
            self.join(node).await?;
        }
        try_join_all(with(Part::JoinWorker).map(|node| self.join(node))).await?;
        Ok(())
    }

    async fn join(&self, node: &NodePlan) -> Result<(), ActionError> {
        let deadline = self.deadlines.join + self.deadlines.command;
        self.scene
            .act(
                "kubeadm join",
                Place::Container(&node.container.name),
                deadline,
                async |progress| {
                    kubeadm::start(self.engine, node, self.deadlines, self.transcripts, progress)
                        .await
                },
            )
            .await
    }

    /// The cluster's containers as the engine has them.
    async fn containers(&self) -> Result<Vec<ContainerState>, ActionError> {
        self.scene
            .act("look at containers", Place::Cluster, self.deadlines.request * 2, async |_| {
                let whose = Whose::Run(&self.scene.surroundings.run);
                let cluster = self.plan.name.as_str();
                Ok(removal::containers(self.engine, cluster, whose).await?)
            })
            .await
    }

    async fn connect(
        &self,
        first: &NodePlan,
        containers: &[ContainerState],
    ) -> Result<Access, ActionError> {
        let place = Place::Container(&first.container.name);
        self.scene
            .act("API client", place, self.deadlines.command * 2, async |_| {
                let shell = NodeShell::new(self.engine, &first.container);
                let admin_conf = shell.read(ADMIN_CONF, self.deadlines.command).await?;
                access(self.plan.name.as_str(), containers, self.engine, admin_conf).await
            })
            .await
    }
}

/// Makes a client of a cluster from what its containers and its administrator's kubeconfig say.
pub(crate) async fn access(
    cluster: &str,
    containers: &[ContainerState],
    engine: &Engine,
    admin_conf: String,
) -> Result<Access, Seen> {
    let endpoint = api_endpoint::find(cluster, containers, engine.endpoint())
        .map_err(|error| Seen::new(error.to_string()))?;
    let server = Server::At { url: &endpoint.server, certificate_name: endpoint.certificate_name };
    let kubeconfig = kubeconfig::rewrite(&admin_conf, cluster, server)
        .map_err(|error| Seen::new(error.to_string()))?;
    // The error may quote what cannot be read, and the text has a private key.
    let client = Client::from_kubeconfig_text(&kubeconfig).await.map_err(|_| {
        Seen::new(format!("{ADMIN_CONF} makes no Kubernetes client: a certificate or key in it"))
    })?;
    Ok(Access { client, endpoint, admin_conf })
}
