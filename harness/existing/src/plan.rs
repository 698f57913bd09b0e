//! What a check claims of a cluster as it is: a trial for each Gateway of Cilium's classes.
//!
//! Pure: a dossier and wishes become a plan like any other, so that it is run, judged and reported
//! like any other. What cannot be decided (no configuration could be read, nothing may be probed)
//! is a claim that stays open, never one that is left out: a trial that probed nothing does not
//! pass.

mod cover;
mod passthrough;
mod reference;
mod requests;
mod unasked;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::cluster::{NodeSelector, ProviderKind};
use gateproof_core::dossier::{Dossier, Unread, Why, text};
use gateproof_core::finding::ORIGIN_OF_CHECKS;
use gateproof_core::health::Profile;
use gateproof_core::name::{
    ClusterName, ListenerName, NamespacedName, ScenarioName, TrialName, VariantName,
};
use gateproof_core::plan::{ClusterPlan, Plan, TrialPlan};
use gateproof_core::scenario::issuer::Issuer;
use gateproof_core::scenario::{
    Action, AddressesClaim, Check, Claim, ConditionClaim, ConditionStatus, Entry, ExposureClaim,
    ExposureExpectation, GatewayApi, GatewayClaim, HttpClaim, ListenerClaim, Pace,
    PassthroughClaim, RoutesClaim, Scenario, Step, TargetCount, TargetHealthClaim, TargetPorts,
    Variant,
};
use gateproof_core::source::nearest::nearest;
use gateproof_core::topology::{Topology, TopologyNode};
use gateproof_model::facts::{Behaviour, holds};
use gateproof_model::reconcile::CONTROLLER;
use serde_json::Value;

use cover::Stream;
use reference::Reference;
use requests::{Goes, Requests};

/// The API group of Gateways.
const GROUP: &str = "gateway.networking.k8s.io";

/// How long a claim may take to become true: nothing is being changed, so this only lets a look
/// that failed be repeated.
const WITHIN: Duration = Duration::from_secs(3);

/// How much faster than real time a load balancer's checks are made: a verdict within seconds, and
/// intervals that still are far longer than a handshake in one data centre takes.
const COMPRESSION: f64 = 20.0;

/// What is wished of a check.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Only these Gateways; all of Cilium's classes when empty.
    pub gateways: Vec<NamespacedName>,
    /// What may be sent to the cluster's sockets.
    pub probing: Probing,
    /// The load balancer whose conclusions are wanted.
    pub profile: Profile,
    /// Cilium's version where the cluster does not tell it.
    pub cilium: Option<CiliumVersion>,
}

/// What may be sent to the cluster's sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probing {
    /// TCP connections, TLS handshakes, and a request without effect for each rule of the routes.
    Requests,
    /// TCP connections alone.
    Connections,
    /// Nothing, for this reason.
    Nothing(String),
}

/// There is nothing to check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// There is no such Gateway.
    #[error("{}", unknown(missing, there))]
    NoSuchGateway {
        /// Those that were asked for and are not there.
        missing: Vec<NamespacedName>,
        /// Those that there are.
        there: Vec<NamespacedName>,
    },
    /// There is none at all.
    #[error("there is no Gateway of Cilium's: {why}")]
    NoGateway {
        /// What there is instead.
        why: String,
    },
    /// Whether there is one could not be read.
    #[error(
        "Gateways cannot be read: {why}\n  next: give the account the role that `gateproof check --print-role` prints, or use another context"
    )]
    Hidden {
        /// Why not.
        why: String,
    },
    /// Nobody says which Cilium this is.
    #[error(
        "which version of Cilium runs cannot be read{}; say it with --cilium VERSION",
        because(unread)
    )]
    NoVersion {
        /// What could not be read.
        unread: Vec<Unread>,
    },
}

fn unknown(missing: &[NamespacedName], there: &[NamespacedName]) -> String {
    let names: Vec<String> = there.iter().map(ToString::to_string).collect();
    let lines: Vec<String> = missing
        .iter()
        .map(|asked| {
            let asked = asked.to_string();
            let meant = nearest(&asked, names.iter().map(String::as_str));
            let meant = meant.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            format!("there is no Gateway {asked}{meant}")
        })
        .collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("{} (Gateways of the cluster: {there})", lines.join("\n"))
}

/// What hides Cilium's version: it is told by the workloads and pods of its components.
pub(crate) fn because(unread: &[Unread]) -> String {
    const TELL: [&str; 3] = ["Deployment", "DaemonSet", "Pod"];
    let tells = |one: &&Unread| {
        let everywhere = !one.what.contains(" in ") && one.why != Why::NotServed;
        everywhere && TELL.iter().any(|kind| one.what.starts_with(kind))
    };
    let mut reasons: Vec<String> = Vec::new();
    for one in unread.iter().filter(tells) {
        let reason = in_words(&one.why);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.truncate(3);
    if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
}

/// Why something was not read, in words.
/// Why something could not be read, as a clause.
pub(crate) fn in_words(why: &Why) -> String {
    match why {
        Why::Forbidden(permission) => format!("the account may not {permission}"),
        Why::NotServed => "the cluster does not serve it".to_owned(),
        Why::NotInFolder => "it is not in the folder".to_owned(),
        Why::Unreadable(words) | Why::Failed(words) => words.clone(),
    }
}

/// Why Gateways could not be read, when that is so: forbidden, or not answered.
fn hidden(dossier: &Dossier) -> Option<String> {
    let of_gateways = |unread: &&Unread| {
        unread.what.starts_with("Gateway objects") && unread.why != Why::NotServed
    };
    dossier.unread.iter().find(of_gateways).map(|unread| in_words(&unread.why))
}

/// Plans the check of a cluster.
///
/// # Errors
/// When there is nothing to check, or nobody says which Cilium it is.
pub fn plan(cluster: &ClusterName, dossier: &Dossier, wishes: &Wishes) -> Result<Plan, NoPlan> {
    let gateways = chosen(dossier, wishes)?;
    let version = dossier.versions.cilium.clone().or_else(|| wishes.cilium.clone());
    let Some(version) = version else {
        return Err(NoPlan::NoVersion { unread: dossier.unread.clone() });
    };
    let topology = topology(cluster, dossier);
    let trials = gateways
        .into_iter()
        .map(|gateway| Checked { dossier, wishes, version: &version, gateway }.trial(&topology))
        .collect();
    let cluster = ClusterPlan { name: cluster.clone(), topology, trials };
    Ok(Plan { provider: ProviderKind::Existing, clusters: vec![cluster] })
}

fn topology(cluster: &ClusterName, dossier: &Dossier) -> Topology {
    let nodes = dossier.nodes.iter().map(|node| TopologyNode {
        labels: node.labels.clone(),
        ..TopologyNode::plain(node.name.as_str(), node.role)
    });
    Topology::of_nodes(cluster.as_str(), nodes.collect())
}

fn name_of(object: &Value) -> NamespacedName {
    let of = |pointer| text(object, pointer).unwrap_or_default();
    NamespacedName::new(of("/metadata/namespace"), of("/metadata/name"))
}

/// The Gateways that are meant.
fn chosen<'d>(dossier: &'d Dossier, wishes: &Wishes) -> Result<Vec<&'d Value>, NoPlan> {
    let all: Vec<&Value> = dossier.list(GROUP, "Gateway").collect();
    if !wishes.gateways.is_empty() {
        let there: Vec<NamespacedName> = all.iter().map(|gateway| name_of(gateway)).collect();
        let missing: Vec<NamespacedName> =
            wishes.gateways.iter().filter(|asked| !there.contains(asked)).cloned().collect();
        if let (false, Some(why)) = (missing.is_empty(), hidden(dossier)) {
            return Err(NoPlan::Hidden { why });
        }
        if !missing.is_empty() {
            return Err(NoPlan::NoSuchGateway { missing, there });
        }
        let wanted = |gateway: &&Value| wishes.gateways.contains(&name_of(gateway));
        return Ok(all.into_iter().filter(wanted).collect());
    }
    let ours: Vec<&Value> =
        all.iter().copied().filter(|gateway| may_be_ciliums(dossier, gateway)).collect();
    if let (true, Some(why)) = (ours.is_empty(), hidden(dossier)) {
        return Err(NoPlan::Hidden { why });
    }
    if ours.is_empty() {
        return Err(NoPlan::NoGateway { why: why_none(dossier, &all) });
    }
    Ok(ours)
}

/// Whether a Gateway is Cilium's, or nobody's: one whose class does not exist waits for somebody,
/// and saying so is what a check is for.
fn may_be_ciliums(dossier: &Dossier, gateway: &Value) -> bool {
    let class = text(gateway, "/spec/gatewayClassName").unwrap_or_default();
    match dossier.get(GROUP, "GatewayClass", None, class) {
        Some(class) => text(class, "/spec/controllerName") == Some(CONTROLLER),
        None => true,
    }
}

fn why_none(dossier: &Dossier, all: &[&Value]) -> String {
    if !all.is_empty() {
        let others: Vec<String> = all
            .iter()
            .map(|gateway| {
                let class = text(gateway, "/spec/gatewayClassName").unwrap_or_default();
                format!("{} (class {class})", name_of(gateway))
            })
            .collect();
        return format!(
            "the Gateways of this cluster belong to other controllers: {}; name one with --gateway \
             to look at it all the same",
            others.join(", ")
        );
    }
    let of_gateways = |unread: &Unread| unread.what.starts_with("Gateway objects");
    if dossier.unread.iter().any(of_gateways) {
        return "the cluster does not serve the Gateway API; its definitions are not installed"
            .to_owned();
    }
    "it has no Gateways at all".to_owned()
}

/// One Gateway, and what is known around it.
struct Checked<'a> {
    dossier: &'a Dossier,
    wishes: &'a Wishes,
    version: &'a CiliumVersion,
    gateway: &'a Value,
}

impl Checked<'_> {
    fn trial(&self, topology: &Topology) -> TrialPlan {
        let name = name_of(self.gateway);
        let scenario = ScenarioName::new("check");
        let (steps, unasked) = self.steps(&name);
        let variant = VariantName::new(name.to_string());
        let config = self.dossier.cilium.config.clone();
        let values = self
            .dossier
            .cilium
            .values
            .clone()
            .unwrap_or_else(|| Value::Object([].into_iter().collect()));
        let definition = Scenario {
            name: scenario.clone(),
            labels: BTreeMap::new(),
            description: format!("Gateway {name} as it is"),
            file: "(the cluster itself)".to_owned(),
            topology: topology.clone(),
            cilium: vec![self.version.clone()],
            gateway_api: GatewayApi::default(),
            cert_manager: None,
            cert_manager_values: serde_json::Value::Null,
            values: values.clone(),
            variants: vec![Variant {
                name: variant.clone(),
                values: values.clone(),
                faults: Vec::new(),
                expect: None,
            }],
            issuer: Issuer::None,
            backends: Vec::new(),
            address_pools: Vec::new(),
            steps,
        };
        TrialPlan {
            name: TrialName::new(format!("{scenario}::{name}")),
            scenario,
            variant,
            cilium: self.version.clone(),
            values,
            config: config.unwrap_or_default(),
            faults: Vec::new(),
            expect: None,
            definition: Arc::new(definition),
            unasked,
        }
    }

    /// What is claimed, and what is not asked.
    fn steps(&self, name: &NamespacedName) -> (Vec<Step>, Vec<Unread>) {
        let mut unasked = Vec::new();
        let mut claims = vec![
            ("status".to_owned(), Claim::Gateway(self.status(name))),
            ("routes".to_owned(), Claim::Routes(RoutesClaim { gateway: name.clone() })),
            ("exposure".to_owned(), Claim::Exposure(self.exposure(name))),
        ];
        if let (Some(config), false) = (&self.dossier.cilium.config, self.probes_nothing()) {
            let health = self.target_health(name, config);
            claims.push(("target health".to_owned(), Claim::TargetHealth(health)));
            if self.has_address() {
                let gateway = name.clone();
                let claim = Claim::Addresses(AddressesClaim { gateway });
                claims.push(("load balancer address".to_owned(), claim));
            }
            if self.wishes.probing == Probing::Requests {
                let (requests, left) = self.requests(name, config);
                claims.extend(requests);
                unasked = left;
            }
        }
        let steps = claims
            .into_iter()
            .map(|(name, claim)| Step {
                name: name.clone(),
                action: Action::Check(Check {
                    name,
                    origin: ORIGIN_OF_CHECKS.to_owned(),
                    variants: Vec::new(),
                    within: WITHIN,
                    claim,
                }),
            })
            .collect();
        (steps, unasked)
    }

    /// Requests, each with its name, and what is not asked; what cannot be asked for at all stays
    /// open.
    fn requests(
        &self,
        name: &NamespacedName,
        config: &CiliumConfig,
    ) -> (Vec<(String, Claim)>, Vec<Unread>) {
        let reference = Reference::of(self.dossier, self.version, config, self.gateway);
        let found = match &reference {
            Some(reference) => requests::of(reference, self.gateway),
            None => match requests::ways::unasked(self.dossier, self.gateway) {
                Some(why) => Requests::Unaskable(why),
                None => Requests::Of(Vec::new(), Vec::new()),
            },
        };
        match found {
            Requests::Of(requests, mut unasked) => {
                unasked.extend(unasked::of(self.dossier, self.gateway));
                let Some(reference) = &reference else { return (Vec::new(), unasked) };
                let handshakes = passthrough::of(reference, self.gateway);
                let (claims, left) = self.often_enough(reference, requests, handshakes);
                unasked.extend(left);
                (claims, unasked)
            }
            Requests::Unaskable(why) => {
                let expect = ExposureExpectation::Unknowable(why);
                let claim = ExposureClaim { gateway: name.clone(), expect };
                (vec![("requests".to_owned(), Claim::Exposure(claim))], Vec::new())
            }
        }
    }

    /// Claims with their names, asked so often that no backend is left out by luck; and those that
    /// may be.
    fn often_enough(
        &self,
        reference: &Reference<'_>,
        requests: Vec<(HttpClaim, Goes)>,
        handshakes: Vec<(PassthroughClaim, Goes)>,
    ) -> (Vec<(String, Claim)>, Vec<Unread>) {
        let entries = |entry: &Entry| match entry {
            Entry::EachNode(NodeSelector::Names(names)) => names.len(),
            Entry::EachNode(_) | Entry::LoadBalancer => 1,
        };
        let usual = |entry: &Entry, looks: u32| {
            looks.saturating_mul(u32::try_from(entries(entry)).unwrap_or(u32::MAX))
        };
        let of_requests = requests.iter().map(|(claim, goes)| Stream {
            goes: goes.clone(),
            usual: usual(&claim.entry, HttpClaim::looks(entries(&claim.entry))),
        });
        let of_handshakes = handshakes.iter().map(|(claim, goes)| Stream {
            goes: goes.clone(),
            usual: usual(&claim.entry, PassthroughClaim::LOOKS),
        });
        let streams: Vec<Stream> = of_requests.chain(of_handshakes).collect();
        let covered = cover::cover(&streams, &cover::endpoints(self.dossier, &reference.envoy));
        let mut times = covered.times.into_iter();
        let mut claims = Vec::new();
        for ((mut claim, _), times) in requests.into_iter().zip(&mut times) {
            claim.requests = times;
            claims.push((requests::name(&claim), Claim::Http(Box::new(claim))));
        }
        for ((mut claim, _), times) in handshakes.into_iter().zip(times) {
            claim.handshakes = times;
            claims.push((passthrough::name(&claim), Claim::Passthrough(claim)));
        }
        (claims, covered.left)
    }

    /// Whether a load balancer gave it an address of its own. Where there is none yet, its status
    /// says so; with host network the addresses are those of nodes, which are asked anyway.
    fn has_address(&self) -> bool {
        let name = name_of(self.gateway);
        let is_its = |service: &&Value| {
            let owners = service["metadata"]["ownerReferences"].as_array();
            text(service, "/metadata/namespace") == Some(&name.namespace)
                && owners
                    .into_iter()
                    .flatten()
                    .any(|owner| owner["kind"] == "Gateway" && owner["name"] == name.name.as_str())
        };
        self.dossier.list("", "Service").filter(is_its).any(|service| {
            let given = service["status"]["loadBalancer"]["ingress"].as_array();
            given.is_some_and(|given| !given.is_empty())
        })
    }

    fn probes_nothing(&self) -> bool {
        matches!(self.wishes.probing, Probing::Nothing(_))
    }

    /// That the Gateway and its listeners are accepted, and programmed where this version owes it.
    fn status(&self, name: &NamespacedName) -> GatewayClaim {
        let is_true = || ConditionClaim { status: ConditionStatus::True, reason: None };
        let mut conditions = BTreeMap::from([("Accepted".to_owned(), is_true())]);
        if self.owes_programmed() {
            conditions.insert("Programmed".to_owned(), is_true());
        }
        let listeners = self.gateway["spec"]["listeners"].as_array().into_iter().flatten();
        let statuses = self.gateway["status"]["listeners"].as_array();
        let listeners = listeners
            .filter_map(|listener| listener["name"].as_str())
            .map(|name| {
                let status = statuses.into_iter().flatten().find(|status| status["name"] == name);
                let told = status.and_then(|status| status["conditions"].as_array());
                let conditions = told
                    .into_iter()
                    .flatten()
                    .filter_map(|condition| condition["type"].as_str())
                    .filter(|kind| match *kind {
                        "Accepted" | "ResolvedRefs" => true,
                        "Programmed" => self.owes_programmed(),
                        _ => false,
                    })
                    .map(|kind| (kind.to_owned(), is_true()))
                    .collect();
                let claim = ListenerClaim { attached_routes: None, conditions };
                (ListenerName::new(name), claim)
            })
            .collect();
        GatewayClaim { gateway: name.clone(), conditions, addresses: None, listeners }
    }

    /// Whether a healthy Gateway of this version and configuration is programmed. From 1.18.3 on
    /// it is not before it has an address, and until host network got addresses of its own (1.18.12,
    /// 1.19.6) it never had one there; nor has one whose class makes a Service that is no load
    /// balancer (cilium/cilium #42786, #45485).
    fn owes_programmed(&self) -> bool {
        if !holds(self.version, Behaviour::WaitsForAddress) {
            return true;
        }
        let host_network =
            self.dossier.cilium.config.as_ref().is_some_and(|config| config.host_network.is_on());
        let addressless = host_network && !holds(self.version, Behaviour::HostNetworkNodePort);
        !addressless && !self.class_makes_no_balancer()
    }

    fn class_makes_no_balancer(&self) -> bool {
        let class = text(self.gateway, "/spec/gatewayClassName").unwrap_or_default();
        let Some(class) = self.dossier.get(GROUP, "GatewayClass", None, class) else {
            return false;
        };
        let reference = &class["spec"]["parametersRef"];
        let (namespace, name) = (reference["namespace"].as_str(), reference["name"].as_str());
        let config = name.and_then(|name| {
            self.dossier.get("cilium.io", "CiliumGatewayClassConfig", namespace, name)
        });
        let kind = config.and_then(|config| text(config, "/spec/service/type"));
        kind.is_some_and(|kind| kind != "LoadBalancer")
    }

    fn exposure(&self, name: &NamespacedName) -> ExposureClaim {
        let expect = match (&self.wishes.probing, &self.dossier.cilium.config) {
            (Probing::Nothing(why), _) => ExposureExpectation::Unknowable(why.clone()),
            (_, Some(_)) => ExposureExpectation::Reference,
            (_, None) => ExposureExpectation::Unknowable(
                "Cilium's configuration (ConfigMap cilium-config) could not be read".to_owned(),
            ),
        };
        ExposureClaim { gateway: name.clone(), expect }
    }

    fn target_health(&self, name: &NamespacedName, config: &CiliumConfig) -> TargetHealthClaim {
        let selected = config.host_network.is_on();
        TargetHealthClaim {
            gateway: name.clone(),
            targets: TargetPorts::Exposed,
            nodes: NodeSelector::All,
            profile: self.wishes.profile.name.to_owned(),
            settings: self.wishes.profile.settings.clone(),
            pace: Pace::Compressed(COMPRESSION),
            healthy: if selected { TargetCount::Selected } else { TargetCount::All },
        }
    }
}

#[cfg(test)]
mod tests;
