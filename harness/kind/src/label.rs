//! The labels on what we create: kind's two, by which the `kind` program finds a cluster, and our
//! own, by which leftovers are told from what somebody still uses.

/// The cluster a container belongs to (kubernetes-sigs/kind v0.33.0:
/// `pkg/cluster/internal/providers/docker/constants.go`).
pub const CLUSTER: &str = "io.x-k8s.kind.cluster";
/// What the container is in its cluster: `control-plane`, `worker` or `external-load-balancer`.
pub const ROLE: &str = "io.x-k8s.kind.role";
/// The run that created it; on everything of ours (containers, networks, volumes, images).
pub const RUN: &str = "gateproof.dev/run";
/// Who owns it: machine, boot, user and process, as `gateproof_kubernetes::Owner` is written.
pub const OWNER: &str = "gateproof.dev/owner";
/// When it was created, RFC 3339, UTC.
pub const CREATED: &str = "gateproof.dev/created";

/// The value of [`ROLE`] on the load balancer before several control planes.
pub const ROLE_LOAD_BALANCER: &str = "external-load-balancer";
/// The value of [`ROLE`] on the helper from which a cluster's sockets are asked. `kind get nodes`
/// passes over roles that are no node's, and `kind delete cluster` goes by the cluster alone
/// (kubernetes-sigs/kind v0.33.0: `pkg/cluster/nodeutils/roles.go`, `pkg/cluster/internal/delete`).
pub const ROLE_PROBER: &str = "prober";
/// The value of [`ROLE`] on a container in which Helm runs one command.
pub const ROLE_HELM: &str = "helm";
/// The value of [`ROLE`] on a mirror of a registry, with a number after the first.
pub const ROLE_MIRROR: &str = "mirror";
/// The registry whose content a volume keeps; such a volume belongs to no run.
pub const MIRROR: &str = "gateproof.dev/mirror";
/// The addresses that a cluster holds for its load balancers, on its nodes: blocks, by commas.
pub const ADDRESS_POOL: &str = "gateproof.dev/address-pool";
/// What the cluster was made from, on its nodes: fingerprints, see [`crate::plan::shape`].
pub const SHAPE: &str = "gateproof.dev/shape";
/// The cluster that a volume marks as handed over to the user.
pub const KEPT: &str = "gateproof.dev/kept";
