//! The documents that kubeadm reads on a node, as a function of the node's Kubernetes version and
//! addresses.
//!
//! The same content as kind's, key by key (kubernetes-sigs/kind v0.33.0:
//! `pkg/cluster/internal/kubeadm/config.go`, `create/actions/config/config.go`), with one addition:
//! etcd does not wait for the disk, see [`Etcd`]. kind fills in a text template and patches the
//! result; here the documents are values from the start.

use std::net::IpAddr;

use gateproof_core::topology::fit::Note;
use gateproof_core::topology::patch::{DocumentKind, KubeadmPatches};
use gateproof_core::topology::{AddressFamily, IpFamily, KubeProxyMode};
use serde_json::{Map, Value, json};

use super::version::{KubeadmApi, KubernetesVersion};
use super::{API_SERVER_PORT, NodePlan, Part, Request, containers, proxy, yaml};
use crate::container::Addresses;
use crate::engine_facts::EngineRights;

mod patches;

/// The token by which nodes join: kind's, which everybody knows. The API server is reachable from
/// the host and the Docker network only.
pub const TOKEN: &str = "abcdef.0123456789abcdef";

/// A node's addresses on the cluster's network, as text: a plan that is only shown has words for
/// them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeAddresses {
    /// IPv4.
    pub v4: Option<String>,
    /// Global IPv6.
    pub v6: Option<String>,
}

impl From<&Addresses> for NodeAddresses {
    fn from(addresses: &Addresses) -> Self {
        Self {
            v4: addresses.v4.map(|address| address.to_string()),
            v6: addresses.v6.map(|address| address.to_string()),
        }
    }
}

/// Why a node's documents cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A Kubernetes version that is too old.
    #[error(
        "node {node} has Kubernetes {version}; the oldest that is supported is 1.{oldest}",
        oldest = KubernetesVersion::OLDEST
    )]
    TooOld {
        /// The node's short name.
        node: String,
        /// The version.
        version: String,
    },
    /// A node has no address of a family that the cluster uses.
    #[error(
        "node {node} has no {family} address on the cluster's Docker network; remove the network \
         while no cluster uses it, so that it is made anew, or change the topology's `ipFamily`"
    )]
    NoAddress {
        /// The node's short name.
        node: String,
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// A patch cannot be applied.
    #[error("the kubeadm patch at {origin} cannot be applied to {kind}: {reason}")]
    Patch {
        /// `file:line` of the patch.
        origin: String,
        /// The document.
        kind: DocumentKind,
        /// Why.
        reason: String,
    },
    /// Patches of a document are all for versions that this Kubernetes does not use.
    #[error(
        "the kubeadm patch at {origin} is for {wanted}, Kubernetes {version} reads {kind} as \
         {used}, and no patch is for that; leave `apiVersion` out, or add a patch for {used}"
    )]
    OtherVersion {
        /// `file:line` of the patch.
        origin: String,
        /// The document.
        kind: DocumentKind,
        /// The version that the patch is for.
        wanted: String,
        /// The version that the document has.
        used: String,
        /// The node's Kubernetes version.
        version: String,
    },
}

/// How careful etcd is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Etcd {
    /// It does not wait for the disk (`--unsafe-no-fsync`): a cluster that lives as long as a test
    /// loses nothing by it, unless the host itself loses power. etcd has the flag since 3.5, which
    /// Kubernetes has since 1.22 (etcd-io/etcd v3.5.0: `server/etcdmain/config.go`).
    #[default]
    Quick,
    /// It does, as for kind.
    Durable,
}

/// What the documents of all nodes have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kubeadm {
    cluster: String,
    pub(super) endpoint: String,
    api_server_address: IpAddr,
    pod_subnet: String,
    service_subnet: String,
    /// The family of the first address of every node, where there are two.
    first_family: AddressFamily,
    ip_family: IpFamily,
    /// `A=true,B=false`; empty when there are none.
    feature_gates: Vec<(String, bool)>,
    runtime_config: String,
    kube_proxy_mode: KubeProxyMode,
    rights: EngineRights,
    etcd: Etcd,
    patches: KubeadmPatches,
}

impl Kubeadm {
    pub(super) fn new(request: &Request<'_>, kube_proxy_mode: KubeProxyMode) -> Self {
        let Request { name, topology, engine, .. } = *request;
        let networking = &topology.networking;
        let mut gates = topology.feature_gates.clone();
        if engine.rights == EngineRights::Rootless {
            gates.insert("KubeletInUserNamespace".to_owned(), true);
        }
        let runtime: Vec<String> =
            topology.runtime_config.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let first = topology.control_planes().next().map(|node| node.name.as_str());
        let host = if containers::has_load_balancer(request) {
            containers::load_balancer_name(request)
        } else {
            format!("{name}-{}", first.unwrap_or_default())
        };
        Self {
            cluster: name.to_string(),
            endpoint: format!("{host}:{API_SERVER_PORT}"),
            api_server_address: networking.api_server_address,
            pod_subnet: proxy::joined(&networking.pod_subnets),
            service_subnet: proxy::joined(&networking.service_subnets),
            first_family: networking
                .service_subnets
                .first()
                .map_or(AddressFamily::V4, |subnet| subnet.family),
            ip_family: networking.ip_family,
            feature_gates: gates.into_iter().collect(),
            runtime_config: runtime.join(","),
            kube_proxy_mode,
            rights: engine.rights,
            etcd: request.settings.etcd,
            patches: topology.kubeadm_patches.clone(),
        }
    }

    /// What is odd about the patches, whatever the version.
    pub(super) fn notes(&self, nodes: &[NodePlan]) -> Vec<Note> {
        patches::notes(&self.patches, nodes, self.kube_proxy_mode)
    }

    /// The documents of a node, as one text.
    pub(super) fn documents(
        &self,
        node: &NodePlan,
        version: &KubernetesVersion,
        addresses: &NodeAddresses,
    ) -> Result<String, DocumentError> {
        if !version.is_supported() {
            let (node, version) = (node.name.to_string(), version.to_string());
            return Err(DocumentError::TooOld { node, version });
        }
        let api = version.kubeadm_api();
        let addresses = self.addresses(node, addresses)?;
        let registration = self.registration(node, &addresses, api);
        let endpoint = json!({"advertiseAddress": addresses[0], "bindPort": API_SERVER_PORT});
        let mut documents = vec![
            (DocumentKind::ClusterConfiguration, self.cluster(version)),
            (DocumentKind::InitConfiguration, self.init(&registration, &endpoint, api)),
            (DocumentKind::JoinConfiguration, self.join(node, &registration, &endpoint, api)),
            (DocumentKind::KubeletConfiguration, self.kubelet(version)),
        ];
        if self.kube_proxy_mode != KubeProxyMode::None {
            documents.push((DocumentKind::KubeProxyConfiguration, self.kube_proxy()));
        }
        patches::apply(&mut documents, &self.patches, node, version)?;
        // kubeadm refuses settings of an etcd of its own beside somebody else's.
        if let Some(etcd) = documents[0].1.get_mut("etcd").and_then(Value::as_object_mut)
            && etcd.contains_key("external")
        {
            etcd.remove("local");
        }
        let texts: Vec<String> =
            documents.iter().map(|(_, document)| yaml::document(document)).collect();
        Ok(texts.join("---\n"))
    }

    /// The node's addresses in the order in which Kubernetes shall have them; one at least.
    fn addresses(
        &self,
        node: &NodePlan,
        addresses: &NodeAddresses,
    ) -> Result<Vec<String>, DocumentError> {
        let one = |address: &Option<String>, family| {
            address.clone().ok_or(DocumentError::NoAddress { node: node.name.to_string(), family })
        };
        let v4 = || one(&addresses.v4, "IPv4");
        let v6 = || one(&addresses.v6, "IPv6");
        match (self.ip_family, self.first_family) {
            (IpFamily::V4, _) => Ok(vec![v4()?]),
            (IpFamily::V6, _) => Ok(vec![v6()?]),
            (IpFamily::Dual, AddressFamily::V4) => Ok(vec![v4()?, v6()?]),
            (IpFamily::Dual, AddressFamily::V6) => Ok(vec![v6()?, v4()?]),
        }
    }

    fn gates_argument(&self) -> Option<(&'static str, String)> {
        if self.feature_gates.is_empty() {
            return None;
        }
        let gates: Vec<String> =
            self.feature_gates.iter().map(|(name, on)| format!("{name}={on}")).collect();
        Some(("feature-gates", gates.join(",")))
    }

    fn cluster(&self, version: &KubernetesVersion) -> Value {
        let api = version.kubeadm_api();
        let v6 = self.ip_family == IpFamily::V6;
        let gates = self.gates_argument();
        let with_gates = |own: &[(&'static str, &str)]| {
            let own = own.iter().map(|(name, value)| (*name, (*value).to_owned()));
            arguments(own.chain(gates.clone()).collect(), api)
        };
        let mut manager = vec![("enable-hostpath-provisioner", "true")];
        manager.extend(v6.then_some(("bind-address", "::")));
        let scheduler: Vec<(&str, &str)> =
            v6.then_some(("bind-address", "::1")).into_iter().collect();
        let mut document = json!({
            "apiVersion": api.api_version(),
            "kind": "ClusterConfiguration",
            "kubernetesVersion": version.to_string(),
            "clusterName": self.cluster,
            "controlPlaneEndpoint": self.endpoint,
            "apiServer": {
                "certSANs": ["localhost", self.api_server_address.to_string()],
                "extraArgs": with_gates(&[("runtime-config", &self.runtime_config)]),
            },
            "controllerManager": {"extraArgs": with_gates(&manager)},
            "networking": {
                "podSubnet": self.pod_subnet,
                "serviceSubnet": self.service_subnet,
            },
        });
        if v6 || gates.is_some() {
            document["scheduler"] = json!({"extraArgs": with_gates(&scheduler)});
        }
        if self.etcd == Etcd::Quick {
            let quick = arguments(vec![("unsafe-no-fsync", "true".to_owned())], api);
            document["etcd"] = json!({"local": {"extraArgs": quick}});
        }
        document
    }

    fn registration(&self, node: &NodePlan, addresses: &[String], api: KubeadmApi) -> Value {
        let name = &node.container.name;
        json!({
            "criSocket": "unix:///run/containerd/containerd.sock",
            "kubeletExtraArgs": arguments(
                vec![
                    ("node-ip", addresses.join(",")),
                    ("node-labels", node.labels.clone()),
                    ("provider-id", format!("kind://docker/{}/{name}", self.cluster)),
                ],
                api,
            ),
        })
    }

    fn init(&self, registration: &Value, endpoint: &Value, api: KubeadmApi) -> Value {
        let mut skipped = vec!["preflight"];
        if self.kube_proxy_mode == KubeProxyMode::None {
            skipped.push("addon/kube-proxy");
        }
        json!({
            "apiVersion": api.api_version(),
            "kind": "InitConfiguration",
            "bootstrapTokens": [{"token": TOKEN}],
            "localAPIEndpoint": endpoint,
            "nodeRegistration": registration,
            "skipPhases": skipped,
        })
    }

    /// Every node has one, so that it can be patched; the first control plane does not use it.
    fn join(
        &self,
        node: &NodePlan,
        registration: &Value,
        endpoint: &Value,
        api: KubeadmApi,
    ) -> Value {
        let mut document = json!({
            "apiVersion": api.api_version(),
            "kind": "JoinConfiguration",
            "discovery": {"bootstrapToken": {
                "apiServerEndpoint": self.endpoint,
                "token": TOKEN,
                "unsafeSkipCAVerification": true,
            }},
            "nodeRegistration": registration,
            "skipPhases": ["preflight"],
        });
        if node.part != Part::JoinWorker {
            document["controlPlane"] = json!({"localAPIEndpoint": endpoint});
        }
        document
    }

    fn kubelet(&self, version: &KubernetesVersion) -> Value {
        let mut document = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": version.cgroup_driver(),
            "cgroupRoot": "/kubelet",
            "failSwapOn": false,
            // The disk is the host's, and not the kubelet's to clean up.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {
                "imagefs.available": "0%",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
            },
        });
        if self.ip_family == IpFamily::V6 {
            document["address"] = "::".into();
            document["healthzBindAddress"] = "::".into();
        }
        self.add_gates(&mut document);
        document
    }

    fn kube_proxy(&self) -> Value {
        // Kernel settings that belong to the whole host are left alone.
        let mut conntrack = json!({"maxPerCore": 0});
        match self.rights {
            EngineRights::Rootless => {
                conntrack["tcpEstablishedTimeout"] = "0s".into();
                conntrack["tcpCloseWaitTimeout"] = "0s".into();
            }
            EngineRights::Rootful if self.kube_proxy_mode == KubeProxyMode::Nftables => {
                conntrack["tcpBeLiberal"] = true.into();
            }
            EngineRights::Rootful => {}
        }
        let mut document = json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": self.kube_proxy_mode.word(),
            "iptables": {"minSyncPeriod": "1s"},
            "conntrack": conntrack,
        });
        self.add_gates(&mut document);
        document
    }

    fn add_gates(&self, document: &mut Value) {
        if !self.feature_gates.is_empty() {
            let gates = self.feature_gates.iter().map(|(name, on)| (name.clone(), (*on).into()));
            document["featureGates"] = Value::Object(gates.collect());
        }
    }
}

/// Extra arguments in the form of a version, sorted by name.
fn arguments(mut arguments: Vec<(&'static str, String)>, api: KubeadmApi) -> Value {
    arguments.sort();
    match api {
        KubeadmApi::V1beta3 => {
            let entries =
                arguments.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        KubeadmApi::V1beta4 => arguments
            .into_iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect(),
    }
}
