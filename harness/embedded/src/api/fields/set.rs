//! Sets of paths, as `metadata.managedFields` writes them (`fieldsV1`).
//!
//! A path is in the set when its node is a member; inner nodes need not be members. A set of an
//! object holds its leaves (scalars, atomic and empty places) and the entries of keyed lists and
//! sets.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::topology::{KeyProblem, Parts, Topology};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::api) enum PathElement {
    /// A field of a map: `f:name`.
    Field(String),
    /// An entry of a keyed list, by the JSON of its key: `k:{"name":"x"}`.
    Key(String),
    /// An entry of a set, by its JSON: `v:"x"`.
    Value(String),
    /// An entry of a list by position: `i:0`. Read from others, never made here.
    Index(usize),
}

impl PathElement {
    /// The entry of a set.
    pub(in crate::api) fn value(value: &Value) -> Self {
        Self::Value(value.to_string())
    }

    /// The entry of a keyed list; key fields in alphabetical order.
    pub(in crate::api) fn key(key: &BTreeMap<&str, Value>) -> Self {
        let fields: Map<_, _> =
            key.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect();
        Self::Key(Value::Object(fields).to_string())
    }

    fn parse(text: &str) -> Option<Self> {
        let (tag, rest) = text.split_once(':')?;
        match tag {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => Some(Self::Key(canonical(rest)?)),
            "v" => Some(Self::Value(canonical(rest)?)),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(key) => format!("k:{key}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }
}

/// The same JSON with its fields in alphabetical order.
fn canonical(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.into_iter().collect();
            Value::Object(sorted.into_iter().collect()).to_string()
        }
        other => other.to_string(),
    })
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(key) => {
                let fields: Map<_, _> = serde_json::from_str(key).unwrap_or_default();
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "[{}]", fields.join(","))
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A set of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::api) struct FieldSet {
    /// Whether the path that ends here is in the set.
    pub(super) member: bool,
    /// Paths that go on from here.
    pub(super) children: BTreeMap<PathElement, FieldSet>,
}

impl FieldSet {
    /// The paths of a value. Lists whose keys do not work out are an error.
    pub(in crate::api) fn of(value: &Value, topology: &Topology) -> Result<Self, KeyProblem> {
        let mut set = Self::default();
        match topology.parts(value)? {
            Parts::Whole => set.member = true,
            Parts::Fields(fields) => {
                for (name, value) in fields {
                    let element = PathElement::Field(name.clone());
                    let child = Self::of(value, topology.part(&element))?;
                    set.children.insert(element, child);
                }
            }
            Parts::Entries(entries) => {
                for (element, entry) in entries {
                    let mut child = Self::of(entry, topology.part(&element))?;
                    child.member = true;
                    set.children.insert(element, child);
                }
            }
        }
        Ok(set)
    }

    /// The paths of a value; a list whose keys do not work out counts as atomic.
    pub(in crate::api) fn of_stored(value: &Value, topology: &Topology) -> Self {
        let mut set = Self::default();
        match topology.parts(value) {
            Ok(Parts::Whole) | Err(_) => set.member = true,
            Ok(Parts::Fields(fields)) => {
                for (name, value) in fields {
                    let element = PathElement::Field(name.clone());
                    let child = Self::of_stored(value, topology.part(&element));
                    set.children.insert(element, child);
                }
            }
            Ok(Parts::Entries(entries)) => {
                for (element, entry) in entries {
                    let mut child = Self::of_stored(entry, topology.part(&element));
                    child.member = true;
                    set.children.insert(element, child);
                }
            }
        }
        set
    }

    /// The paths of `after` that `before` lacks or has with another value.
    pub(in crate::api) fn changed(before: &Value, after: &Value, topology: &Topology) -> Self {
        let mut set = Self::default();
        match (topology.parts(before), topology.parts(after)) {
            (Ok(Parts::Fields(old)), Ok(Parts::Fields(new))) => {
                for (name, value) in new {
                    let element = PathElement::Field(name.clone());
                    let part = topology.part(&element);
                    let child = match old.get(name) {
                        Some(before) => Self::changed(before, value, part),
                        None => Self::of_stored(value, part),
                    };
                    set.insert_unless_empty(element, child);
                }
            }
            (Ok(Parts::Entries(old)), Ok(Parts::Entries(new))) => {
                let old: BTreeMap<_, _> = old.into_iter().collect();
                for (element, value) in new {
                    let part = topology.part(&element);
                    let child = match old.get(&element) {
                        Some(before) => Self::changed(before, value, part),
                        None => Self { member: true, ..Self::of_stored(value, part) },
                    };
                    set.insert_unless_empty(element, child);
                }
            }
            _ if before == after => {}
            _ => set = Self::of_stored(after, topology),
        }
        set
    }

    /// Whether no path is in the set.
    pub(in crate::api) fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Self::is_empty)
    }

    /// Adds the paths of another set.
    pub(in crate::api) fn add(&mut self, other: &Self) {
        self.member |= other.member;
        for (element, child) in &other.children {
            self.children.entry(element.clone()).or_default().add(child);
        }
    }

    /// The paths that are in this set and not in the other.
    pub(in crate::api) fn without(&self, other: &Self) -> Self {
        let mut rest = Self { member: self.member && !other.member, children: BTreeMap::new() };
        for (element, child) in &self.children {
            let child = match other.children.get(element) {
                Some(other) => child.without(other),
                None => child.clone(),
            };
            rest.insert_unless_empty(element.clone(), child);
        }
        rest
    }

    /// The paths that are in both sets.
    pub(in crate::api) fn common(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, children: BTreeMap::new() };
        for (element, child) in &self.children {
            if let Some(other) = other.children.get(element) {
                both.insert_unless_empty(element.clone(), child.common(other));
            }
        }
        both
    }

    /// Every path, written like `.spec.ports[port=80,protocol="TCP"].name`.
    pub(in crate::api) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        if self.member {
            paths.push(prefix.to_owned());
        }
        for (element, child) in &self.children {
            child.collect_paths(&format!("{prefix}{element}"), paths);
        }
    }

    /// Removes a path and everything below it.
    pub(in crate::api) fn forget(&mut self, path: &[&str]) {
        let [first, rest @ ..] = path else { return };
        let element = PathElement::Field((*first).to_owned());
        if rest.is_empty() {
            self.children.remove(&element);
        } else if let Some(child) = self.children.get_mut(&element) {
            child.forget(rest);
            if child.is_empty() {
                self.children.remove(&element);
            }
        }
    }

    /// Reads `fieldsV1`; entries that are not understood are dropped.
    pub(in crate::api) fn from_json(json: &Value) -> Self {
        let mut set = Self::default();
        for (text, child) in json.as_object().into_iter().flatten() {
            if text == "." {
                set.member = true;
            } else if let Some(element) = PathElement::parse(text) {
                let mut child = Self::from_json(child);
                child.member |= child.children.is_empty();
                set.children.insert(element, child);
            }
        }
        set
    }

    /// Writes `fieldsV1`.
    pub(in crate::api) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.children.is_empty() {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            fields.insert(element.text(), child.to_json());
        }
        Value::Object(fields)
    }

    fn insert_unless_empty(&mut self, element: PathElement, child: Self) {
        if !child.is_empty() {
            self.children.insert(element, child);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::FieldSet;
    use crate::api::fields::topology::Topology;
    use crate::api::resources::Kind;

    fn service() -> &'static Topology {
        Topology::of(&Kind::core("Service"))
    }

    #[test]
    fn set_of_an_object_is_written_as_kubernetes_writes_it() {
        let object = json!({"metadata": {"labels": {"a": "b"}, "finalizers": ["x"]},
            "spec": {"ports": [{"port": 80, "name": "http"}], "selector": {"app": "echo"},
                "clusterIPs": ["10.0.0.1"]}});
        let set = FieldSet::of(&object, service()).expect("the keys are there");
        let json = json!({
            "f:metadata": {"f:labels": {"f:a": {}}, "f:finalizers": {"v:\"x\"": {}}},
            "f:spec": {
                "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}":
                    {".": {}, "f:port": {}, "f:name": {}}},
                "f:selector": {},
                "f:clusterIPs": {},
            },
        });
        assert_eq!(set.to_json(), json);
        assert_eq!(FieldSet::from_json(&json), set);
    }

    #[test]
    fn changed_holds_what_is_new_or_different_and_nothing_else() {
        let before = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80, "name": "a"}],
            "selector": {"a": "b"}}});
        let after = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80, "name": "b"},
            {"port": 81}], "selector": {"a": "c"}, "clusterIP": "x"}});
        assert_eq!(
            FieldSet::changed(&before, &after, service()).paths(),
            [
                ".spec.clusterIP",
                ".spec.ports[port=80,protocol=\"TCP\"].name",
                ".spec.ports[port=81,protocol=\"TCP\"]",
                ".spec.ports[port=81,protocol=\"TCP\"].port",
                ".spec.selector",
            ]
        );
        assert!(FieldSet::changed(&after, &after, service()).is_empty());
    }

    #[test]
    fn set_arithmetic_keeps_members_apart_from_inner_nodes() {
        let set = |value| FieldSet::of(&value, service()).expect("the keys are there");
        let mut both = set(json!({"spec": {"type": "a"}}));
        let other = set(json!({"spec": {"type": "a", "clusterIP": "b"}}));
        assert_eq!(other.without(&both).paths(), [".spec.clusterIP"]);
        assert_eq!(other.common(&both), both);
        assert!(both.without(&other).is_empty());
        both.add(&other);
        assert_eq!(both, other);
        both.forget(&["spec", "type"]);
        assert_eq!(both.paths(), [".spec.clusterIP"]);
        both.forget(&["spec", "clusterIP"]);
        assert_eq!(both, FieldSet::default());
    }
}
