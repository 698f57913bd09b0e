//! Layer-2 announcements: which policies let an address of a Service be announced, and which node
//! holds the lease that says that it announces.
//!
//! From cilium/cilium `pkg/l2announcer/l2announcer.go` of 1.16 to 1.21-dev, which all agree: a
//! policy counts on a node whose CiliumNode it selects, for a Service that has an address and no
//! load-balancer class but the announcer's own; agents on such nodes elect one of themselves by a
//! lease in Cilium's namespace, whose holder is the node's name. What no agent shows in the API
//! (which devices it knows, and so whether an interface of the policy matches) is not here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::dossier::text;
use crate::label_selector::{LabelSelector, labels_of};
use crate::moment::Moment;
use crate::name::NamespacedName;

/// The group of policies.
pub const GROUP: &str = "cilium.io";
/// The kind of policies.
pub const POLICY: &str = "CiliumL2AnnouncementPolicy";
/// The setting that makes agents announce, in the ConfigMap `cilium-config`.
pub const SETTING: &str = "enable-l2-announcements";
/// The one load-balancer class of Services that are announced; those without a class are too.
pub const CLASS: &str = "io.cilium/l2-announcer";

/// How all names of leases begin.
const PREFIX: &str = "cilium-l2announce-";

/// The name of the lease for a Service.
pub fn lease_name(service: &NamespacedName) -> String {
    format!("{PREFIX}{}-{}", service.namespace, service.name)
}

/// Whether a lease is one of these.
pub fn is_lease(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Which Services; all when it says nothing.
    services: LabelSelector,
    /// Which nodes; all when it says nothing.
    nodes: LabelSelector,
    /// Regular expressions, one of which a device must match; every device when empty.
    pub interfaces: Vec<String>,
    /// Whether it announces addresses of load balancers.
    load_balancer_addresses: bool,
    /// What agents say is wrong with it.
    pub errors: Vec<String>,
}

/// Why a policy does not announce a Service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnnounced {
    /// It announces no load-balancer addresses at all.
    #[error("spec.loadBalancerIPs is not true, so it announces no load-balancer address")]
    NoLoadBalancerAddresses,
    /// It selects other Services.
    #[error("spec.serviceSelector ({0}) does not choose the Service")]
    OtherServices(LabelSelector),
    /// It selects none of the nodes.
    #[error("spec.nodeSelector ({0}) chooses no node")]
    NoNode(LabelSelector),
    /// Agents cannot read it.
    #[error("an agent says: {0}")]
    Unusable(String),
}

impl Policy {
    /// Reads a policy; `None` when its selectors are none.
    pub fn from_object(object: &Value) -> Option<Self> {
        let selector = |field: &str| match object.pointer(field) {
            None | Some(Value::Null) => Some(LabelSelector::default()),
            Some(written) => serde_json::from_value(written.clone()).ok(),
        };
        let interfaces = object.pointer("/spec/interfaces").and_then(Value::as_array);
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let errors = conditions.into_iter().flatten().filter_map(|condition| {
            let is_bad = text(condition, "/status") == Some("True");
            let told = text(condition, "/message").unwrap_or_default();
            let kind = text(condition, "/type").filter(|kind| kind.contains("bad-"))?;
            is_bad.then(|| format!("{kind}: {told}"))
        });
        Some(Self {
            name: text(object, "/metadata/name")?.to_owned(),
            services: selector("/spec/serviceSelector")?,
            nodes: selector("/spec/nodeSelector")?,
            interfaces: interfaces
                .into_iter()
                .flatten()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            load_balancer_addresses: object.pointer("/spec/loadBalancerIPs")
                == Some(&Value::Bool(true)),
            errors: errors.collect(),
        })
    }

    /// Whether it counts on a node with these labels, which are those of its CiliumNode.
    pub fn selects_node(&self, labels: &BTreeMap<String, String>) -> bool {
        self.nodes.matches(labels)
    }

    /// Why it does not let an address of this Service be announced by nodes with these labels;
    /// `None` when it does.
    pub fn denies(
        &self,
        service: &Value,
        nodes: &[BTreeMap<String, String>],
    ) -> Option<NotAnnounced> {
        if let Some(error) = self.errors.first() {
            return Some(NotAnnounced::Unusable(error.clone()));
        }
        if !self.load_balancer_addresses {
            return Some(NotAnnounced::NoLoadBalancerAddresses);
        }
        let mut labels = labels_of(service);
        for (label, pointer) in [
            ("io.kubernetes.service.namespace", "/metadata/namespace"),
            ("io.kubernetes.service.name", "/metadata/name"),
        ] {
            let value = text(service, pointer).unwrap_or_default();
            labels.insert(label.to_owned(), value.to_owned());
        }
        if !self.services.matches(&labels) {
            return Some(NotAnnounced::OtherServices(self.services.clone()));
        }
        let none = !nodes.is_empty() && !nodes.iter().any(|labels| self.selects_node(labels));
        none.then(|| NotAnnounced::NoNode(self.nodes.clone()))
    }
}

/// The load-balancer class of a Service that keeps it from being announced.
pub fn foreign_class(service: &Value) -> Option<&str> {
    text(service, "/spec/loadBalancerClass").filter(|class| *class != CLASS)
}

/// The addresses of a Service that are announced: those that are no host names.
pub fn addresses(service: &Value) -> Vec<&str> {
    let ingress = service.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    ingress.into_iter().flatten().filter_map(|one| text(one, "/ip")).collect()
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Where it is.
    pub name: NamespacedName,
    /// The node that holds it; `None` when it was given up.
    pub holder: Option<String>,
    /// When it was last renewed.
    pub renewed: Option<Moment>,
    /// For how long it holds without being renewed.
    pub lasts: Duration,
}

/// What agents ask for when they are not told otherwise (`l2-announcements-lease-duration`).
const LASTS: Duration = Duration::from_secs(15);

/// How much later than it should a lease may be renewed before it counts as abandoned: clocks of
/// nodes and of whoever looks need not agree, and a busy API server takes its time.
const SLACK: Duration = Duration::from_mins(1);

impl Lease {
    /// Reads a lease (`coordination.k8s.io/v1`).
    pub fn from_object(object: &Value) -> Option<Self> {
        let seconds = object.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
        Some(Self {
            name: NamespacedName::new(
                text(object, "/metadata/namespace")?,
                text(object, "/metadata/name")?,
            ),
            holder: text(object, "/spec/holderIdentity")
                .filter(|holder| !holder.is_empty())
                .map(str::to_owned),
            renewed: text(object, "/spec/renewTime").and_then(|time| time.parse().ok()),
            lasts: seconds.map_or(LASTS, Duration::from_secs),
        })
    }

    /// For how long nobody has renewed it, when that is longer than can be an accident.
    pub fn abandoned_for(&self, now: Moment) -> Option<Duration> {
        now.since(self.renewed?).filter(|since| *since > self.lasts + SLACK)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::{Lease, NotAnnounced, Policy, foreign_class, lease_name};
    use crate::name::NamespacedName;

    fn service() -> Value {
        json!({"metadata": {"namespace": "gateway", "name": "cilium-gateway-g",
            "labels": {"team": "a"}}, "spec": {}})
    }

    fn nodes() -> Vec<BTreeMap<String, String>> {
        let role = |role: &str| BTreeMap::from([("role".to_owned(), role.to_owned())]);
        vec![role("gateway"), role("other")]
    }

    fn denies(spec: &Value) -> Option<String> {
        let policy = Policy::from_object(&json!({"metadata": {"name": "p"}, "spec": spec}));
        policy.expect("a policy").denies(&service(), &nodes()).map(|why| why.to_string())
    }

    #[test]
    fn a_policy_announces_what_its_selectors_choose_where_they_choose_a_node() {
        let announced = [
            json!({"loadBalancerIPs": true}),
            json!({"loadBalancerIPs": true, "serviceSelector": {"matchLabels": {"team": "a"}}}),
            json!({"loadBalancerIPs": true, "serviceSelector": {"matchLabels":
                {"io.kubernetes.service.namespace": "gateway"}}}),
            json!({"loadBalancerIPs": true, "nodeSelector": {"matchLabels": {"role": "gateway"}}}),
        ];
        for spec in announced {
            assert_eq!(denies(&spec), None, "{spec}");
        }
        let not_announced = [
            (json!({}), "spec.loadBalancerIPs is not true"),
            (json!({"externalIPs": true}), "spec.loadBalancerIPs is not true"),
            (
                json!({"loadBalancerIPs": true, "serviceSelector": {"matchLabels": {"team": "b"}}}),
                "spec.serviceSelector (team=b)",
            ),
            (
                json!({"loadBalancerIPs": true, "nodeSelector": {"matchExpressions":
                    [{"key": "role", "operator": "DoesNotExist"}]}}),
                "spec.nodeSelector (!role)",
            ),
        ];
        for (spec, why) in not_announced {
            let told = denies(&spec).unwrap_or_else(|| panic!("{spec} announces nothing"));
            assert!(told.starts_with(why), "{spec}: {told}");
        }
    }

    #[test]
    fn what_agents_say_of_a_policy_counts_while_it_holds() {
        let policy = |status: &str| {
            Policy::from_object(&json!({"metadata": {"name": "p"},
                "spec": {"loadBalancerIPs": true, "interfaces": ["^eth["]},
                "status": {"conditions": [{"type": "io.cilium/bad-interface-regex",
                    "status": status, "reason": "error", "message": "missing closing ]"}]}}))
            .expect("a policy")
        };
        let told = policy("True").denies(&service(), &nodes());
        assert!(
            matches!(&told, Some(NotAnnounced::Unusable(why)) if why.contains("missing closing ]")),
            "{told:?}"
        );
        assert_eq!(policy("False").denies(&service(), &nodes()), None);
    }

    #[test]
    fn services_of_another_class_are_not_announced() {
        let class = |class: &str| json!({"spec": {"loadBalancerClass": class}});
        assert_eq!(
            foreign_class(&class("io.cilium/bgp-control-plane")),
            Some("io.cilium/bgp-control-plane")
        );
        assert_eq!(foreign_class(&class("io.cilium/l2-announcer")), None);
        assert_eq!(foreign_class(&service()), None);
    }

    #[test]
    fn a_lease_is_abandoned_long_after_it_ran_out() {
        let name = NamespacedName::new("gateway", "cilium-gateway-g");
        assert_eq!(lease_name(&name), "cilium-l2announce-gateway-cilium-gateway-g");
        let lease = Lease::from_object(&json!({
            "metadata": {"namespace": "kube-system", "name": lease_name(&name)},
            "spec": {"holderIdentity": "worker", "leaseDurationSeconds": 15,
                "renewTime": "2026-11-21T02:59:50.123456Z"}}))
        .expect("a lease");
        assert_eq!(lease.holder.as_deref(), Some("worker"));
        let at = |time: &str| lease.abandoned_for(time.parse().expect("a time"));
        assert_eq!(at("2026-11-21T03:00:30Z"), None);
        assert_eq!(at("2026-11-21T02:00:00Z"), None, "a clock that is behind says nothing");
        assert!(at("2026-11-21T03:10:00Z").is_some_and(|since| since > Duration::from_mins(10)));
    }
}
