//! What was read of a cluster, whatever it was read from, without secrets.
//!
//! Redaction happens on the way in, so that nothing behind this module ever holds a secret. What
//! is needed of a thing before it is redacted or shortened is taken from it here as well: values
//! of a Helm release, the time at which a ConfigMap was written.

mod helm;
mod log;
mod metric;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::announcement;
use gateproof_core::dossier::{Component, LogLine, Unread, Why, text};
use gateproof_core::moment::Moment;
use gateproof_core::name::{NamespacedName, NodeName};
use gateproof_core::redaction;
use serde_json::Value;

use crate::{component, reading};
use helm::Release;

pub(crate) use metric::{DRIFT, drift};

/// The name of the ConfigMap that Cilium's components read.
pub(crate) const CILIUM_CONFIG: &str = "cilium-config";
/// The namespace of cert-manager, and the ConfigMap that its controller reads, as its documentation
/// has them.
pub(crate) const CERT_MANAGER: &str = "cert-manager";

/// Stands for all namespaces; no namespace is called so.
const EVERYWHERE: &str = "*";

/// Group, kind, namespace and name.
type Key = (String, String, String, String);

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// When.
    pub(crate) taken: Option<Moment>,
    /// Objects without secrets.
    objects: BTreeMap<Key, Value>,
    /// What could not be read.
    unread: Vec<Unread>,
    /// The version that the API server says.
    pub(crate) kubernetes: Option<String>,
    /// The newest revision of Cilium's Helm release.
    release: Option<Release>,
    /// When ConfigMaps were last written.
    written: BTreeMap<NamespacedName, Moment>,
    /// Lines that matter.
    logs: Vec<LogLine>,
    /// Secrets that were taken out of any of this.
    known: redaction::Known,
    /// How many settings agents count that differ, by their pods.
    drifts: BTreeMap<NamespacedName, u32>,
    /// Secrets that were asked for and are not there.
    absent_secrets: BTreeSet<NamespacedName>,
    /// Namespaces all of whose Secrets were listed.
    listed_secrets: BTreeSet<String>,
}

/// Where a log comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogOrigin {
    /// Who wrote it.
    pub(crate) component: Component,
    /// On which node.
    pub(crate) node: Option<NodeName>,
    /// The pod, and whatever else tells it from others.
    pub(crate) source: String,
}

impl Evidence {
    /// Adds an object, or every object of a list. What is known already stays as it is.
    pub(crate) fn add(&mut self, mut object: Value) {
        let is_list = text(&object, "/kind").is_some_and(|kind| kind.ends_with("List"));
        if is_list && let Some(Value::Array(items)) = object.get_mut("items").map(Value::take) {
            let item_kind = text(&object, "/kind").and_then(|kind| kind.strip_suffix("List"));
            let api_version = object.get("apiVersion").cloned().unwrap_or_default();
            let kind = item_kind.unwrap_or_default().to_owned();
            for mut item in items {
                // Lists of one kind leave out what their own kind says.
                if let Value::Object(fields) = &mut item
                    && !kind.is_empty()
                {
                    fields.entry("apiVersion").or_insert_with(|| api_version.clone());
                    fields.entry("kind").or_insert_with(|| kind.clone().into());
                }
                self.add(item);
            }
            return;
        }
        let Some(key) = key(&object) else { return };
        if !is_wanted(&object) {
            return;
        }
        if let Some((release, of_values)) = helm::release(&object) {
            self.known.learn(&of_values, &release.values);
            let newer = self.release.as_ref().is_none_or(|known| known.revision < release.revision);
            if newer {
                self.release = Some(release);
            }
            // What it holds is values, manifests and a chart: nothing of it is needed as it is.
            return;
        }
        if let (Some(name), Some(at)) = (name(&object), written::entries(&object)) {
            self.written.insert(name, at);
        }
        shorten(&mut object);
        let before = object.clone();
        redaction::object(&mut object);
        self.known.learn(&before, &object);
        self.objects.entry(key).or_insert(object);
    }

    /// Adds the lines of a log that matter.
    pub(crate) fn add_log(&mut self, origin: &LogOrigin, log: &str) {
        self.logs.extend(log::lines(origin, log));
    }

    /// Adds how many settings an agent counts that differ from the ConfigMap.
    pub(crate) fn add_drift(&mut self, agent: NamespacedName, count: u32) {
        self.drifts.insert(agent, count);
    }

    /// How many settings an agent counts that differ.
    pub(crate) fn drift(&self, agent: &NamespacedName) -> Option<u32> {
        self.drifts.get(agent).copied()
    }

    /// Adds Helm values that are known from elsewhere than a release.
    pub(crate) fn add_values(&mut self, values: &Value) {
        if self.release.is_none() {
            let before = values;
            let values = redaction::values(before);
            self.known.learn(before, &values);
            self.release = Some(Release { revision: 0, version: None, values });
        }
    }

    /// Tells of something that could not be read.
    pub(crate) fn miss(&mut self, what: impl Into<String>, why: Why, hides: impl Into<String>) {
        let unread = Unread { what: what.into(), why: redacted(why), hides: hides.into() };
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }

    /// Objects of a kind.
    pub(crate) fn list<'e>(
        &'e self,
        group: &'e str,
        kind: &'e str,
    ) -> impl Iterator<Item = &'e Value> {
        self.objects
            .range((group.to_owned(), kind.to_owned(), String::new(), String::new())..)
            .take_while(move |((of_group, of_kind, ..), _)| of_group == group && of_kind == kind)
            .map(|(_, object)| object)
    }

    /// One object of the core group.
    pub(crate) fn get(&self, kind: &str, name: &NamespacedName) -> Option<&Value> {
        let NamespacedName { namespace, name } = name.clone();
        self.objects.get(&(String::new(), kind.to_owned(), namespace, name))
    }

    /// Tells that there is no such Secret.
    pub(crate) fn absent_secret(&mut self, secret: NamespacedName) {
        self.absent_secrets.insert(secret);
    }

    /// Tells that all Secrets of a namespace are there.
    pub(crate) fn secrets_listed(&mut self, namespace: &str) {
        self.listed_secrets.insert(namespace.to_owned());
    }

    /// Tells that all Secrets are there.
    pub(crate) fn all_secrets_listed(&mut self) {
        self.listed_secrets.insert(EVERYWHERE.to_owned());
    }

    /// Leaves out Secrets that nobody asks about.
    pub(crate) fn retain_secrets(&mut self, wanted: &BTreeSet<NamespacedName>) {
        self.objects.retain(|(group, kind, namespace, name), _| {
            !(group.is_empty() && kind == "Secret")
                || wanted.contains(&NamespacedName::new(namespace.as_str(), name.as_str()))
        });
    }

    /// Leaves out all other pods.
    pub(crate) fn retain_pods(&mut self, wanted: &BTreeSet<NamespacedName>) {
        self.objects.retain(|(group, kind, namespace, name), _| {
            !(group.is_empty() && kind == "Pod")
                || wanted.contains(&NamespacedName::new(namespace.as_str(), name.as_str()))
        });
    }

    /// Whether it is known if there is such a Secret.
    pub(crate) fn knows_secret(&self, secret: &NamespacedName) -> bool {
        self.get("Secret", secret).is_some()
            || self.absent_secrets.contains(secret)
            || self.listed_secrets.contains(&secret.namespace)
            || self.listed_secrets.contains(EVERYWHERE)
    }

    /// Whether agents are to announce addresses, by a ConfigMap that was read.
    pub(crate) fn announces(&self) -> bool {
        let maps = self.list("", "ConfigMap");
        maps.filter(|map| text(map, "/metadata/name") == Some(CILIUM_CONFIG))
            .filter_map(|map| map.get("data")?.get(announcement::SETTING)?.as_str())
            .any(|value| value == "true")
    }

    /// When a ConfigMap was last written.
    pub(crate) fn written(&self, config_map: &NamespacedName) -> Option<Moment> {
        self.written.get(config_map).copied()
    }

    /// Values of the newest Helm release.
    pub(crate) fn values(&self) -> Option<&Value> {
        self.release.as_ref().map(|release| &release.values)
    }

    /// Cilium's version by the newest Helm release.
    pub(crate) fn released_version(&self) -> Option<&str> {
        self.release.as_ref().and_then(|release| release.version.as_deref())
    }

    /// Takes every secret that was seen anywhere out of everything else. Nothing may be added after
    /// this.
    pub(crate) fn settle(&mut self) {
        let remover = self.known.remover();
        self.objects.values_mut().for_each(|object| remover.remove(object));
        self.logs.iter_mut().for_each(|line| remover.remove_from(&mut line.text));
        if let Some(release) = &mut self.release {
            remover.remove(&mut release.values);
        }
        for unread in &mut self.unread {
            if let Why::Unreadable(words) | Why::Failed(words) = &mut unread.why {
                remover.remove_from(words);
            }
        }
    }

    /// Everything that goes into a dossier as it is: objects, unread, logs.
    pub(crate) fn into_parts(self) -> (Vec<Value>, Vec<Unread>, Vec<LogLine>) {
        let (mut unread, mut logs) = (self.unread, self.logs);
        unread.sort();
        logs.sort_by(|one, other| {
            let key = |line: &LogLine| (line.component, line.node.clone(), line.source.clone());
            key(one).cmp(&key(other))
        });
        (self.objects.into_values().collect(), unread, logs)
    }
}

/// Of kinds of which there may be thousands, only what has to do with Gateways.
fn is_wanted(object: &Value) -> bool {
    match (text(object, "/apiVersion"), text(object, "/kind")) {
        (Some("apps/v1"), Some("Deployment" | "DaemonSet")) => component::of(object).is_some(),
        (Some("v1"), Some("ConfigMap")) => {
            let name = text(object, "/metadata/name");
            name == Some(CILIUM_CONFIG)
                || (name == Some(CERT_MANAGER)
                    && text(object, "/metadata/namespace") == Some(CERT_MANAGER))
        }
        (Some("apiextensions.k8s.io/v1"), Some("CustomResourceDefinition")) => {
            text(object, "/metadata/name").is_some_and(|name| reading::DEFINITIONS.contains(&name))
        }
        (Some("coordination.k8s.io/v1"), Some("Lease")) => {
            text(object, "/metadata/name").is_some_and(announcement::is_lease)
        }
        (Some("v1"), Some("Event")) => text(object, "/involvedObject/kind")
            .is_some_and(|kind| reading::EVENTS_ABOUT.contains(&kind)),
        _ => true,
    }
}

/// Leaves out what nobody reads and takes most of the room.
fn shorten(object: &mut Value) {
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            for (_, value) in annotations.iter_mut().filter(|(key, _)| !is_of_the_field(key)) {
                *value = redaction::PLACEHOLDER.into();
            }
        }
    }
    if matches!(text(object, "/kind"), Some("Pod" | "Deployment" | "DaemonSet")) {
        for template in ["/spec", "/spec/template/spec"] {
            for containers in ["containers", "initContainers"] {
                let pointer = format!("{template}/{containers}");
                let containers = object.pointer_mut(&pointer).and_then(Value::as_array_mut);
                for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
                    container.remove("env");
                }
            }
        }
    }
    if text(object, "/kind") == Some("Pod") && component::of(object).is_none() {
        bare_pod(object);
    }
    let is_definition = text(object, "/kind") == Some("CustomResourceDefinition");
    if is_definition && let Some(Value::Array(versions)) = object.pointer_mut("/spec/versions") {
        for version in versions.iter_mut().filter_map(Value::as_object_mut) {
            version.remove("schema");
            version.remove("additionalPrinterColumns");
        }
    }
}

/// Ends of the domains whose annotations say something about gateways, load balancers,
/// certificates or releases. Others are whatever somebody wrote there: that they are there may
/// matter, what they say does not.
const DOMAINS: &[&str] = &[
    "k8s.io",
    "kubernetes.io",
    "k8s.aws",
    "cilium.io",
    "io.cilium",
    "cert-manager.io",
    "helm.sh",
    "hetzner.cloud",
    "google.com",
    "gke.io",
    "universe.tf",
    "metallb.io",
    "kube-vip.io",
];

/// Whether an annotation is of a domain that this field knows.
fn is_of_the_field(annotation: &str) -> bool {
    let domain = annotation.split_once('/').map_or("", |(domain, _)| domain);
    DOMAINS.iter().any(|end| {
        domain.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// Of somebody's own pods only what says whether they run: what they are given is theirs.
fn bare_pod(pod: &mut Value) {
    let keep = |fields: Option<&mut Value>, names: &[&str]| {
        if let Some(Value::Object(fields)) = fields {
            fields.retain(|name, _| names.contains(&name.as_str()));
        }
    };
    keep(pod.pointer_mut("/metadata"), &["name", "namespace", "labels"]);
    keep(pod.pointer_mut("/spec"), &["nodeName", "containers"]);
    if let Some(Value::Array(containers)) = pod.pointer_mut("/spec/containers") {
        for container in containers {
            keep(Some(container), &["name", "image", "ports"]);
        }
    }
}

fn redacted(why: Why) -> Why {
    let clean = |words: String| redaction::text(&words).into_owned();
    match why {
        Why::Unreadable(words) => Why::Unreadable(clean(words)),
        Why::Failed(words) => Why::Failed(clean(words)),
        other @ (Why::Forbidden(_) | Why::NotServed | Why::NotInFolder) => other,
    }
}

fn key(object: &Value) -> Option<Key> {
    let api_version = text(object, "/apiVersion")?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = text(object, "/kind")?;
    let name = text(object, "/metadata/name")?;
    let namespace = text(object, "/metadata/namespace").unwrap_or_default();
    Some((group.to_owned(), kind.to_owned(), namespace.to_owned(), name.to_owned()))
}

/// Namespace and name of an object that has both.
pub(crate) fn name(object: &Value) -> Option<NamespacedName> {
    let namespace = text(object, "/metadata/namespace")?;
    Some(NamespacedName::new(namespace, text(object, "/metadata/name")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Evidence, is_of_the_field};

    #[test]
    fn annotations_of_the_field_keep_their_values_and_others_do_not() {
        for (annotation, stays) in [
            ("service.beta.kubernetes.io/aws-load-balancer-type", true),
            ("gateway.networking.k8s.io/bundle-version", true),
            ("lbipam.cilium.io/ips", true),
            ("cert-manager.io/cluster-issuer", true),
            ("cilium.io/x", true),
            ("io.cilium/lb-ipam-ips", true),
            ("notcilium.io/x", false),
            ("example.test/cilium.io", false),
            ("note", false),
        ] {
            assert_eq!(is_of_the_field(annotation), stays, "{annotation}");
        }
        let mut evidence = Evidence::default();
        evidence.add(json!({"apiVersion": "v1", "kind": "Service", "metadata": {
            "namespace": "a", "name": "b", "annotations": {"note": "anything"}}}));
        let service = evidence.list("", "Service").next().expect("the Service");
        let annotations = service.pointer("/metadata/annotations").expect("they stay");
        assert_eq!(annotations, &json!({"note": "REDACTED"}));
    }

    #[test]
    fn variables_of_containers_go_and_arguments_stay() {
        let mut evidence = Evidence::default();
        evidence.add(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "kube-system", "name": "cilium-a", "labels": {"k8s-app": "cilium"}},
            "spec": {"containers": [{"name": "cilium-agent", "args": ["--config-dir=/tmp/cilium"],
                "env": [{"name": "ANYTHING", "value": "whatever"}]}]}}));
        let pod = evidence.list("", "Pod").next().expect("the agent's pod");
        let container = pod.pointer("/spec/containers/0").expect("its container");
        assert_eq!(
            container,
            &json!({"name": "cilium-agent", "args": ["--config-dir=/tmp/cilium"]})
        );
    }
}
