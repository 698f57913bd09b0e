//! Which lists and maps of the served kinds have parts with owners of their own.
//!
//! Without a rule a map has owned fields and a list is atomic, as structured-merge-diff assumes
//! for schemas that say nothing. Rules follow `x-kubernetes-list-type`, `-list-map-keys` and
//! `-map-type` of Kubernetes 1.36 (`api/openapi-spec`), Gateway API 1.6.1 (`config/crd`) and
//! cert-manager 1.21; for Cilium's kinds they are inferred from the Go types of Cilium 1.20.
//! Node addresses are atomic here although upstream keys them by `type`, because nodes with two
//! addresses of one type break that key (kubernetes/kubernetes#87025).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::set::PathElement;
use crate::api::resources::Kind;

/// What a place in an object is made of.
#[derive(Debug, Default)]
pub(in crate::api) struct Topology {
    rule: Rule,
    fields: BTreeMap<String, Topology>,
    /// The shape of every entry of a map whose keys are free.
    values: Option<Box<Topology>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Rule {
    /// A map with owned fields, or an atomic list.
    #[default]
    Plain,
    /// Owned as a whole, whatever it is.
    Atomic,
    /// A list of distinct scalars.
    Set,
    /// A list of objects that are told apart by these fields.
    Keyed(Vec<Key>),
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    field: String,
    default: Option<Value>,
}

/// A list that cannot be taken apart by its keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::api) enum KeyProblem {
    /// An entry lacks a key field.
    #[error(
        "element {index}: the list is keyed by {keys}, and the element omits key field \"{missing}\""
    )]
    Missing {
        /// The entry.
        index: usize,
        /// All key fields.
        keys: String,
        /// The field it lacks.
        missing: String,
    },
    /// Two entries have the same key.
    #[error("duplicate entries for key {key}")]
    Duplicate {
        /// The key.
        key: String,
    },
}

/// A value with the parts that can have owners.
pub(in crate::api) enum Parts<'v> {
    /// Owned as a whole.
    Whole,
    /// A map with owned fields.
    Fields(&'v Map<String, Value>),
    /// A list with owned entries, in order.
    Entries(Vec<(PathElement, &'v Value)>),
}

impl Topology {
    /// The topology of a kind.
    pub(in crate::api) fn of(kind: &Kind) -> &'static Topology {
        KINDS.get(kind).unwrap_or(&EVERY_KIND)
    }

    /// The topology that a structural schema describes, with that of the metadata.
    pub(in crate::api) fn of_schema(schema: &Value) -> Topology {
        let mut topology = from_schema(schema);
        let metadata = build(&[]).fields.remove("metadata").unwrap_or_default();
        topology.fields.insert("metadata".to_owned(), metadata);
        topology
    }

    /// The topology of a part.
    pub(in crate::api) fn part(&self, element: &PathElement) -> &Topology {
        match element {
            PathElement::Field(name) => {
                self.fields.get(name.as_str()).or(self.values.as_deref()).unwrap_or(&PLAIN)
            }
            // The fields of a keyed list are those of its entries.
            PathElement::Key(_) => self,
            PathElement::Value(_) | PathElement::Index(_) => &PLAIN,
        }
    }

    /// Whether the field is one of the keys of this list.
    pub(in crate::api) fn is_key(&self, field: &str) -> bool {
        matches!(&self.rule, Rule::Keyed(keys) if keys.iter().any(|key| key.field == field))
    }

    /// Takes a value apart, entered from above (not as an entry of a keyed list).
    pub(in crate::api) fn parts<'v>(&self, value: &'v Value) -> Result<Parts<'v>, KeyProblem> {
        match (&self.rule, value) {
            (Rule::Plain | Rule::Keyed(_) | Rule::Set, Value::Object(map)) if !map.is_empty() => {
                Ok(Parts::Fields(map))
            }
            (Rule::Set, Value::Array(list)) if !list.is_empty() => {
                distinct(list.iter().map(|entry| Ok((PathElement::value(entry), entry))))
            }
            (Rule::Keyed(keys), Value::Array(list)) if !list.is_empty() => distinct(
                list.iter()
                    .enumerate()
                    .map(|(index, entry)| Ok((key_of(keys, index, entry)?, entry))),
            ),
            _ => Ok(Parts::Whole),
        }
    }
}

fn distinct<'v>(
    entries: impl Iterator<Item = Result<(PathElement, &'v Value), KeyProblem>>,
) -> Result<Parts<'v>, KeyProblem> {
    let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    let mut seen = std::collections::BTreeSet::new();
    for (element, _) in &entries {
        if !seen.insert(element) {
            return Err(KeyProblem::Duplicate { key: element.to_string() });
        }
    }
    Ok(Parts::Entries(entries))
}

fn key_of(keys: &[Key], index: usize, entry: &Value) -> Result<PathElement, KeyProblem> {
    let mut found = BTreeMap::new();
    for key in keys {
        let value = match (entry.get(&key.field), &key.default) {
            (Some(value), _) if !value.is_null() => value.clone(),
            (_, Some(default)) => default.clone(),
            (_, None) => {
                let names: Vec<_> = keys.iter().map(|key| key.field.as_str()).collect();
                return Err(KeyProblem::Missing {
                    index,
                    keys: names.join(", "),
                    missing: key.field.clone(),
                });
            }
        };
        found.insert(key.field.as_str(), value);
    }
    Ok(PathElement::key(&found))
}

static PLAIN: Topology = Topology { rule: Rule::Plain, fields: BTreeMap::new(), values: None };

static EVERY_KIND: LazyLock<Topology> = LazyLock::new(|| build(&[]));

static KINDS: LazyLock<BTreeMap<Kind, Topology>> = LazyLock::new(|| {
    RULES.iter().map(|(group, kind, rules)| (Kind::new(*group, *kind), build(rules))).collect()
});

const METADATA: &[&str] = &["metadata.ownerReferences[uid]", "metadata.finalizers{}"];
const CONDITIONS: &[&str] = &["status.conditions[type]"];

/// Rules by kind: `list[key,key=default]`, `set{}`, `atomic!`.
const RULES: &[(&str, &str, &[&[&str]])] = &[
    ("", "Namespace", &[CONDITIONS]),
    ("", "Node", &[CONDITIONS, &["spec.podCIDRs{}"]]),
    (
        "",
        "Pod",
        &[
            CONDITIONS,
            &["status.podIPs[ip]", "spec.nodeSelector!"],
            &[
                "spec.containers[name].ports[containerPort,protocol=TCP]",
                "spec.containers[name].env[name]",
                "spec.containers[name].volumeMounts[mountPath]",
                "spec.initContainers[name].env[name]",
                "spec.initContainers[name].volumeMounts[mountPath]",
                "spec.volumes[name]",
                "spec.imagePullSecrets[name]",
            ],
        ],
    ),
    ("", "Service", &[CONDITIONS, &["spec.ports[port,protocol=TCP]", "spec.selector!"]]),
    ("apps", "Deployment", &[CONDITIONS, POD_TEMPLATE]),
    ("apps", "DaemonSet", &[CONDITIONS, POD_TEMPLATE]),
    ("apiextensions.k8s.io", "CustomResourceDefinition", &[CONDITIONS]),
    (
        "gateway.networking.k8s.io",
        "GatewayClass",
        // The features are plain strings up to Gateway API 1.1 and objects keyed by name from 1.2 on;
        // one writer owns them all, so that they need not be merged.
        &[CONDITIONS, &["status.supportedFeatures!"]],
    ),
    (
        "gateway.networking.k8s.io",
        "Gateway",
        &[
            CONDITIONS,
            &[
                "spec.listeners[name].allowedRoutes.namespaces.selector!",
                "spec.allowedListeners.namespaces.selector!",
                "spec.tls.frontend.perPort[port]",
                "status.listeners[name].conditions[type]",
            ],
        ],
    ),
    ("cilium.io", "CiliumLoadBalancerIPPool", &[CONDITIONS, &["spec.serviceSelector!"]]),
    (
        "cilium.io",
        "CiliumL2AnnouncementPolicy",
        &[CONDITIONS, &["spec.serviceSelector!", "spec.nodeSelector!"]],
    ),
    ("cilium.io", "CiliumGatewayClassConfig", &[CONDITIONS]),
    ("cert-manager.io", "Certificate", &[CONDITIONS]),
    ("cert-manager.io", "CertificateRequest", &[CONDITIONS]),
    ("cert-manager.io", "Issuer", &[CONDITIONS]),
    ("cert-manager.io", "ClusterIssuer", &[CONDITIONS]),
];

const POD_TEMPLATE: &[&str] = &[
    "spec.selector!",
    "spec.template.spec.nodeSelector!",
    "spec.template.spec.containers[name].ports[containerPort,protocol=TCP]",
    "spec.template.spec.containers[name].env[name]",
    "spec.template.spec.containers[name].volumeMounts[mountPath]",
    "spec.template.spec.initContainers[name].env[name]",
    "spec.template.spec.initContainers[name].volumeMounts[mountPath]",
    "spec.template.spec.volumes[name]",
    "spec.template.spec.imagePullSecrets[name]",
];

fn build(rules: &[&'static [&'static str]]) -> Topology {
    let mut root = Topology::default();
    for rule in METADATA.iter().chain(rules.iter().copied().flatten()) {
        let mut place = &mut root;
        for segment in rule.split('.') {
            let (name, rule) = parse_segment(segment);
            place = place.fields.entry(name.to_owned()).or_default();
            if rule != Rule::Plain {
                place.rule = rule;
            }
        }
    }
    root
}

fn from_schema(schema: &Value) -> Topology {
    let text = |name: &str| schema[name].as_str().unwrap_or_default();
    let mut topology = Topology::default();
    let shape = match (text("x-kubernetes-list-type"), text("x-kubernetes-map-type")) {
        (_, "atomic") => {
            topology.rule = Rule::Atomic;
            return topology;
        }
        ("set", _) => {
            topology.rule = Rule::Set;
            return topology;
        }
        ("map", _) => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
            let key = |name: &Value| {
                let field = name.as_str().unwrap_or_default().to_owned();
                let default = schema["items"]["properties"][&field].get("default").cloned();
                Key { field, default }
            };
            topology.rule = Rule::Keyed(keys.map(key).collect());
            // The fields of a keyed list are those of its entries.
            &schema["items"]
        }
        _ => schema,
    };
    for (name, field) in shape["properties"].as_object().into_iter().flatten() {
        topology.fields.insert(name.clone(), from_schema(field));
    }
    if shape["additionalProperties"].is_object() {
        topology.values = Some(Box::new(from_schema(&shape["additionalProperties"])));
    }
    topology
}

fn parse_segment(segment: &'static str) -> (&'static str, Rule) {
    if let Some(name) = segment.strip_suffix('!') {
        (name, Rule::Atomic)
    } else if let Some(name) = segment.strip_suffix("{}") {
        (name, Rule::Set)
    } else if let Some((name, keys)) = segment.strip_suffix(']').and_then(|s| s.split_once('[')) {
        let key = |text: &'static str| match text.split_once('=') {
            Some((field, default)) => {
                Key { field: field.to_owned(), default: Some(Value::from(default)) }
            }
            None => Key { field: text.to_owned(), default: None },
        };
        (name, Rule::Keyed(keys.split(',').map(key).collect()))
    } else {
        (segment, Rule::Plain)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{KeyProblem, Parts, RULES, Topology};
    use crate::api::fields::set::PathElement;
    use crate::api::resources::{Kind, of_kind};

    fn place(topology: &'static Topology, path: &[&str]) -> &'static Topology {
        path.iter().fold(topology, |place, name| place.part(&PathElement::Field((*name).into())))
    }

    #[test]
    fn every_rule_is_for_a_served_kind() {
        for (group, kind, _) in RULES {
            assert!(of_kind(&Kind::new(*group, *kind)).is_some(), "{kind}.{group}");
        }
    }

    #[test]
    fn service_ports_are_keyed_by_port_and_protocol_with_its_default() {
        let ports = place(Topology::of(&Kind::core("Service")), &["spec", "ports"]);
        let list = json!([{"port": 80}, {"port": 80, "protocol": "UDP"}]);
        let Ok(Parts::Entries(entries)) = ports.parts(&list) else { panic!("entries") };
        let keys: Vec<_> = entries.iter().map(|(element, _)| element.to_string()).collect();
        assert_eq!(keys, ["[port=80,protocol=\"TCP\"]", "[port=80,protocol=\"UDP\"]"]);
        let twice = json!([{"port": 80}, {"port": 80, "protocol": "TCP"}]);
        assert!(matches!(ports.parts(&twice), Err(KeyProblem::Duplicate { .. })));
        assert!(matches!(ports.parts(&json!([{}])), Err(KeyProblem::Missing { .. })));
    }

    #[test]
    fn rules_reach_into_entries_of_keyed_lists_and_stop_at_atomic_places() {
        let gateway = Topology::of(&Kind::new("gateway.networking.k8s.io", "Gateway"));
        let conditions = place(gateway, &["status", "listeners", "conditions"]);
        let list = json!([{"type": "Accepted"}]);
        assert!(matches!(conditions.parts(&list), Ok(Parts::Entries(_))));
        let selector =
            place(gateway, &["spec", "listeners", "allowedRoutes", "namespaces", "selector"]);
        assert!(matches!(selector.parts(&json!({"matchLabels": {}})), Ok(Parts::Whole)));
        let route = Topology::of(&Kind::new("gateway.networking.k8s.io", "HTTPRoute"));
        let parents = place(route, &["status", "parents"]);
        assert!(matches!(parents.parts(&json!([{"parentRef": {}}])), Ok(Parts::Whole)));
        let finalizers = place(route, &["metadata", "finalizers"]);
        assert!(matches!(finalizers.parts(&json!(["a"])), Ok(Parts::Entries(_))));
    }
}
