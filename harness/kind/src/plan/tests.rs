//! Plans in full, as a person reads them, and what makes a plan impossible.

use std::collections::BTreeMap;
use std::path::Path;

use gateproof_core::name::ClusterName;
use gateproof_core::setup::{self, GivenFile};
use gateproof_core::topology::Topology;
use gateproof_core::topology::fit::{ServicesBy, StackNeeds};
use gateproof_kubernetes::Owner;

use super::show::show;
use super::{KindPlan, PlanProblems, Request, make};
use crate::container::Privileges;
use crate::engine_facts::{EngineFacts, EngineRights};
use crate::label;
use crate::settings::{Settings, StorageClass};

mod containerd;
mod documents;
mod mirrors;
mod patches;
mod problems;

fn settings(node_image: &str) -> Settings {
    let mut settings = Settings::new("2026-11-26T08:00:00Z".to_owned());
    settings.node_image = Some(node_image.to_owned());
    settings
}

fn topology(text: &str) -> Topology {
    let text = format!("apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n{text}");
    let file = GivenFile { path: "clusters/given.yaml".to_owned(), content: Ok(text) };
    setup::topology(&file).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What a test changes.
struct Case {
    name: &'static str,
    topology: Topology,
    settings: Settings,
    engine: EngineFacts,
    services: ServicesBy,
    images: Vec<String>,
}

impl Case {
    fn new(node_image: &str, text: &str) -> Self {
        Self {
            name: "shop",
            topology: topology(text),
            settings: settings(node_image),
            engine: EngineFacts::usual(),
            services: ServicesBy::Cilium,
            images: Vec::new(),
        }
    }

    fn made(&self) -> Result<KindPlan, PlanProblems> {
        make(&Request {
            name: &ClusterName::new(self.name),
            run: "20261126-080000-abcd",
            owner: &Owner::nobody(),
            topology: &self.topology,
            needs: StackNeeds { services: self.services },
            settings: &self.settings,
            images: &self.images,
            engine: &self.engine,
            folder: Path::new("/home/me/project"),
        })
    }

    fn plan(&self) -> KindPlan {
        self.made().unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn shown(&self) -> String {
        show(&self.plan(), &[]).unwrap_or_else(|error| panic!("{error}"))
    }
}

const CURRENT: &str = "kindest/node:v1.36.4";

const HA: &str = "nodes: [{role: control-plane}, {role: control-plane}, {role: control-plane}, \
                  {role: worker}]";

const PAIR: &str = "nodes: [{role: control-plane}, {role: worker, labels: {role: gateway, \
                    topology.kubernetes.io/zone: zone-a}}]";

#[test]
fn one_node_is_planned_as_reviewed() {
    insta::assert_snapshot!("one-node", Case::new(CURRENT, "nodes: []").shown());
}

#[test]
fn three_nodes_are_planned_as_reviewed() {
    let nodes = "nodes: [{role: control-plane}, {role: worker, labels: {role: gateway}}, \
                 {role: worker}]";
    insta::assert_snapshot!("three-nodes", Case::new(CURRENT, nodes).shown());
}

#[test]
fn high_availability_is_planned_as_reviewed() {
    let text = format!("networking: {{apiServerAddress: 0.0.0.0, apiServerPort: 7443}}\n{HA}");
    insta::assert_snapshot!("high-availability", Case::new(CURRENT, &text).shown());
}

#[test]
fn dual_stack_is_planned_as_reviewed() {
    let text = format!("networking: {{ipFamily: dual}}\n{PAIR}");
    insta::assert_snapshot!("dual-stack", Case::new(CURRENT, &text).shown());
}

#[test]
fn ipv6_is_planned_as_reviewed() {
    let text = format!("networking: {{ipFamily: ipv6}}\n{HA}");
    insta::assert_snapshot!("ipv6", Case::new(CURRENT, &text).shown());
}

#[test]
fn proxies_are_planned_as_reviewed() {
    let mut case = Case::new(CURRENT, HA);
    case.settings.proxies = BTreeMap::from([
        ("HTTP_PROXY".to_owned(), "http://me:secret@proxy.test:3128".to_owned()),
        ("NO_PROXY".to_owned(), "registry.test".to_owned()),
    ]);
    insta::assert_snapshot!("proxies", case.shown());
}

#[test]
fn a_rootless_engine_is_planned_as_reviewed() {
    let text = format!("networking: {{kubeProxyMode: nftables}}\n{PAIR}");
    let mut case = Case::new(CURRENT, &text);
    case.engine.rights = EngineRights::Rootless;
    case.engine.storage_driver = "btrfs".to_owned();
    case.services = ServicesBy::KubeProxy;
    insta::assert_snapshot!("rootless", case.shown());
}

#[test]
fn every_field_of_a_topology_is_planned_as_reviewed() {
    let mut case = Case::new(
        CURRENT,
        r#"
networking: {kubeProxyMode: nftables, dnsSearch: [corp.test, lab.test], apiServerPort: -1,
  podSubnet: 10.1.0.0/16, serviceSubnet: 10.2.0.0/16}
featureGates: {Zeta: false, Alpha: true}
runtimeConfig: {api/beta: true, api/alpha: "false"}
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  apiServer: {certSANs: [gateway.test, localhost], extraArgs: {v: "4"}}
- |
  kind: KubeletConfiguration
  maxPods: 50
kubeadmConfigPatchesJSON6902:
- {group: kubeadm.k8s.io, version: v1beta4, kind: ClusterConfiguration,
   patch: "[{op: add, path: /dns, value: {imageTag: v1.12.1}}]"}
containerdConfigPatches: ["[debug]\nlevel = 'debug'\n"]
nodes:
- role: control-plane
  kubeadmConfigPatches: ["kind: InitConfiguration\nnodeRegistration: {taints: []}"]
  extraPortMappings:
  - {containerPort: 30080, hostPort: 8080, listenAddress: 127.0.0.1}
  - {containerPort: 53, protocol: UDP}
  extraMounts:
  - {hostPath: ./certs, containerPath: /certs, readOnly: true, selinuxRelabel: true}
  - {hostPath: /srv/../data, containerPath: /data, propagation: HostToContainer}
- role: worker
  image: kindest/node:v1.35.8
  labels: {zeta: z, alpha: a}
  kubeadmConfigPatches: ["kind: JoinConfiguration\nnodeRegistration: {kubeletExtraArgs: {v: '6'}}"]
  extraMounts: [{hostPath: /dev, containerPath: /host-dev, propagation: Bidirectional}]
"#,
    );
    case.services = ServicesBy::KubeProxy;
    case.settings.privileges = Privileges::Capabilities(vec!["NET_ADMIN".to_owned()]);
    case.settings.storage_class = StorageClass::Standard;
    case.settings.snapshotter = Some("native".to_owned());
    case.engine.backing_filesystem = Some("xfs".to_owned());
    case.engine.remaps_users = true;
    insta::assert_snapshot!("every-field", case.shown());
}

#[test]
fn every_container_says_whose_it_is() {
    let plan = Case::new(CURRENT, HA).plan();
    assert_eq!(plan.containers().count(), 5);
    for spec in plan.containers() {
        for (key, value) in [
            (label::CLUSTER, "shop"),
            (label::RUN, "20261126-080000-abcd"),
            (label::OWNER, &Owner::nobody().to_string()),
            (label::CREATED, "2026-11-26T08:00:00Z"),
        ] {
            assert_eq!(spec.labels[key], value, "{key} of {}", spec.name);
        }
    }
}
