//! The containers of nodes (kubernetes-sigs/kind v0.33.0:
//! `pkg/cluster/internal/providers/docker/provision.go`).
//!
//! Where kind chooses a free port of the host itself, and may lose it to somebody else before
//! Docker binds it, the choice is Docker's here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use gateproof_core::cluster::NodeRole;
use gateproof_core::topology::{
    HostPort, IpFamily, Mount, MountAccess, MountPropagation, PortMapping, TopologyNode,
    TransportProtocol,
};

use super::image::{DEFAULT_NODE_IMAGE, promised_version};
use super::{API_SERVER_PORT, NodePlan, Part, Request, mirror, proxy};
use crate::container::{ContainerSpec, PortBinding, Privileges, Protocol, RestartPolicy};
use crate::engine_facts::{CgroupVersion, EngineFacts, EngineKind, EngineRights};
use crate::label;

/// Storage drivers and filesystems whose devices the kubelet looks for below `/dev/mapper`.
const MAPPED_DRIVERS: [&str; 3] = ["btrfs", "devicemapper", "zfs"];
const MAPPED_FILESYSTEMS: [&str; 3] = ["btrfs", "xfs", "zfs"];

/// Names of all containers: the nodes in their order, then the load balancer, then mirrors.
pub(super) fn names(request: &Request<'_>) -> Vec<String> {
    let nodes = request.topology.nodes.iter();
    let mut names: Vec<String> =
        nodes.map(|node| format!("{}-{}", request.name, node.name)).collect();
    if has_load_balancer(request) {
        names.push(load_balancer_name(request));
    }
    names.extend(mirror::names(request));
    names
}

pub(super) fn load_balancer_name(request: &Request<'_>) -> String {
    format!("{}-external-load-balancer", request.name)
}

/// Several control planes have a load balancer before them.
pub(super) fn has_load_balancer(request: &Request<'_>) -> bool {
    request.topology.control_planes().count() > 1
}

/// All nodes.
pub(super) fn nodes(request: &Request<'_>) -> Vec<NodePlan> {
    let mut initialised = false;
    let part = |role| match role {
        NodeRole::Worker => Part::JoinWorker,
        NodeRole::ControlPlane if initialised => Part::JoinControlPlane,
        NodeRole::ControlPlane => {
            initialised = true;
            Part::Init
        }
    };
    let parts: Vec<Part> = request.topology.nodes.iter().map(|node| node.role).map(part).collect();
    request.topology.nodes.iter().zip(parts).map(|(node, part)| plan(node, part, request)).collect()
}

fn plan(node: &TopologyNode, part: Part, request: &Request<'_>) -> NodePlan {
    let container = container(node, request);
    let labels: Vec<String> =
        node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    NodePlan {
        name: node.name.clone(),
        role: node.role,
        part,
        promised: promised_version(&container.image),
        container,
        labels: labels.join(","),
        patches: node.kubeadm_patches.clone(),
    }
}

fn container(node: &TopologyNode, request: &Request<'_>) -> ContainerSpec {
    let settings = request.settings;
    let image = node.image.as_ref().or(settings.node_image.as_ref());
    let name = format!("{}-{}", request.name, node.name);
    let mut spec = common(name, role_word(node.role), request);
    spec.image = image.cloned().unwrap_or_else(|| DEFAULT_NODE_IMAGE.to_owned());
    spec.privileges = settings.privileges.clone();
    spec.security_options = strings(&["seccomp=unconfined", "apparmor=unconfined"]);
    if let Privileges::Capabilities(_) = &spec.privileges {
        make_up_for_privileged(&mut spec, request);
    }
    spec.tmpfs = ["/tmp", "/run"].map(|path| (path.to_owned(), String::new())).into();
    spec.anonymous_volumes = strings(&["/var"]);
    spec.binds.insert(0, "/lib/modules:/lib/modules:ro".to_owned());
    spec.binds.extend(node.mounts.iter().map(|mount| bind(mount, request.folder)));
    if let Some(snapshotter) = &settings.snapshotter {
        spec.env.push(format!("KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER={snapshotter}"));
    }
    spec.ports = node.port_mappings.iter().map(binding).collect();
    if node.role == NodeRole::ControlPlane {
        spec.env.push("KUBECONFIG=/etc/kubernetes/admin.conf".to_owned());
        spec.ports.push(api_server_port(request));
    }
    spec.env.sort();
    spec
}

/// What a privileged container has besides its capabilities, as far as it can be had without:
/// kernel settings that can be written, the kernel's log, and control groups of its own.
///
/// Inferred from what the node image does: its init system makes control groups, its entrypoint and
/// the kubelet write below `/proc/sys`, and the kubelet reads `/dev/kmsg`.
fn make_up_for_privileged(spec: &mut ContainerSpec, request: &Request<'_>) {
    spec.security_options.push("systempaths=unconfined".to_owned());
    if may_write_control_groups(request.engine) {
        spec.security_options.push("writable-cgroups=true".to_owned());
    }
    if request.engine.rights == EngineRights::Rootful {
        spec.devices.push("/dev/kmsg".to_owned());
    }
}

/// Whether containers that are not privileged may write to their control groups: from Docker 28
/// on, with cgroup v2, and neither rootless nor with remapped users (moby/moby v28:
/// `--security-opt writable-cgroups`).
pub(super) fn may_write_control_groups(engine: &EngineFacts) -> bool {
    let major = engine.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    engine.kind == EngineKind::Docker
        && major.is_some_and(|major| major >= 28)
        && engine.cgroups == CgroupVersion::V2
        && engine.rights == EngineRights::Rootful
        && !engine.remaps_users
}

/// What nodes and load balancer have in common; without an image.
pub(super) fn common(name: String, role: &str, request: &Request<'_>) -> ContainerSpec {
    let Request { topology, settings, engine, .. } = *request;
    let rootless = engine.rights == EngineRights::Rootless;
    let mut env = proxy::environment(&settings.proxies);
    if let Some(domains) = &topology.networking.dns_search {
        env.push(format!("KIND_DNS_SEARCH={}", domains.join(" ")));
    }
    env.sort();
    let mut sysctls = BTreeMap::new();
    if topology.networking.ip_family.has_v6() {
        sysctls.insert("net.ipv6.conf.all.disable_ipv6".to_owned(), "0".to_owned());
        sysctls.insert("net.ipv6.conf.all.forwarding".to_owned(), "1".to_owned());
    }
    let mapped = !rootless && stores_on_mapped_devices(request);
    ContainerSpec {
        env,
        binds: if mapped { strings(&["/dev/mapper:/dev/mapper"]) } else { Vec::new() },
        devices: if rootless { strings(&["/dev/fuse"]) } else { Vec::new() },
        sysctls,
        restart: RestartPolicy::OnFailure(1),
        tty: true,
        host_user_namespace: engine.remaps_users,
        ..ContainerSpec::new(name, "", labels(role, request), &settings.network)
    }
}

fn labels(role: &str, request: &Request<'_>) -> BTreeMap<String, String> {
    [
        (label::CLUSTER, request.name.as_str()),
        (label::ROLE, role),
        (label::RUN, request.run),
        (label::OWNER, &request.owner.to_string()),
        (label::CREATED, &request.settings.created),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn stores_on_mapped_devices(request: &Request<'_>) -> bool {
    let driver = request.engine.storage_driver.to_lowercase();
    let filesystem = request.engine.backing_filesystem.as_deref().unwrap_or_default();
    MAPPED_DRIVERS.contains(&driver.as_str())
        || MAPPED_FILESYSTEMS.contains(&filesystem.to_lowercase().as_str())
}

fn role_word(role: NodeRole) -> &'static str {
    match role {
        NodeRole::ControlPlane => "control-plane",
        NodeRole::Worker => "worker",
    }
}

fn bind(mount: &Mount, folder: &Path) -> String {
    let mut options = Vec::new();
    if mount.access == MountAccess::ReadOnly {
        options.push("ro");
    }
    if mount.selinux_relabel {
        options.push("Z");
    }
    match mount.propagation {
        MountPropagation::Private => {}
        MountPropagation::HostToContainer => options.push("rslave"),
        MountPropagation::Bidirectional => options.push("rshared"),
    }
    let host = absolute(&mount.host_path, folder);
    let mut bind = format!("{host}:{}", mount.container_path);
    if !options.is_empty() {
        bind.push(':');
        bind.push_str(&options.join(","));
    }
    bind
}

/// An absolute path without `.` and `..`, which Docker does not resolve.
fn absolute(path: &str, folder: &Path) -> String {
    let mut clean = std::path::PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean.display().to_string()
}

fn binding(mapping: &PortMapping) -> PortBinding {
    PortBinding {
        container_port: mapping.container_port,
        protocol: match mapping.protocol {
            TransportProtocol::Tcp => Protocol::Tcp,
            TransportProtocol::Udp => Protocol::Udp,
            TransportProtocol::Sctp => Protocol::Sctp,
        },
        host_address: mapping.listen_address,
        host_port: host_port(mapping.host_port),
    }
}

fn host_port(port: HostPort) -> Option<u16> {
    match port {
        HostPort::Any => None,
        HostPort::Fixed(port) => Some(port),
    }
}

/// The API server's port on the host: where the topology wants it, unless a load balancer is there
/// for that; then any port of the loopback address, for whoever looks after a single node.
fn api_server_port(request: &Request<'_>) -> PortBinding {
    if !has_load_balancer(request) {
        return published_api_server(request);
    }
    let host_address = match request.topology.networking.ip_family {
        IpFamily::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpFamily::V4 | IpFamily::Dual => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    PortBinding { host_address, host_port: None, ..published_api_server(request) }
}

/// The API server as the topology publishes it.
pub(super) fn published_api_server(request: &Request<'_>) -> PortBinding {
    let networking = &request.topology.networking;
    PortBinding {
        container_port: API_SERVER_PORT,
        protocol: Protocol::Tcp,
        host_address: networking.api_server_address,
        host_port: host_port(networking.api_server_port),
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
