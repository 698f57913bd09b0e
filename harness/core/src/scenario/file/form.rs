//! Values that may be written in two ways, each with a reader and a schema written by hand.
//!
//! Derived "untagged" readers answer a mistake with "did not match any variant"; these have
//! alternatives that differ in kind (text, number, mapping), so the checker can always say what
//! was expected.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::super::text::Release;
use crate::name::NodeName;

/// A value, or a list of them.
#[derive(Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

/// What a condition must be: `true`, `false`, `Unknown`, or `{status, reason}`.
#[derive(Debug)]
pub(crate) enum ConditionForm {
    /// Only the status.
    Status(StatusForm),
    /// Status and reason.
    Full {
        /// The status.
        status: StatusForm,
        /// The reason, if claimed.
        reason: Option<String>,
    },
}

/// A condition's status.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StatusForm {
    /// `true`
    True,
    /// `false`
    False,
    /// `Unknown`
    Unknown,
}

/// Nodes: `all`, labels, `{not: labels}` or `{names: [...]}`.
#[derive(Debug, Default)]
pub(crate) enum NodesForm {
    /// Every node.
    #[default]
    All,
    /// Nodes with these labels.
    Labels(BTreeMap<String, String>),
    /// Nodes without these labels.
    Not(BTreeMap<String, String>),
    /// Nodes by name.
    Names(Vec<NodeName>),
}

/// A port: `listener/<name>`, `nodePort/<listener>` or a number.
#[derive(Debug)]
pub(crate) enum PortForm {
    /// The listener's port on the node.
    Listener(String),
    /// The node port of the listener.
    NodePort(String),
    /// A number.
    Number(u16),
    /// A text that is neither; reported where it stands.
    Neither,
}

/// What a grid must be: `reference`, `nothing`, `{nodePorts: nodes}` or `{listenerPorts: nodes}`.
#[derive(Debug)]
pub(crate) enum ExposureForm {
    /// What the reference model predicts.
    Reference,
    /// Nothing accepts.
    Nothing,
    /// Node ports on these nodes.
    NodePorts(NodesForm),
    /// Listener ports on these nodes.
    ListenerPorts(NodesForm),
}

/// How time runs: `real` or `{compressed: factor}`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PaceForm {
    /// As it is.
    Real,
    /// So many times faster.
    Compressed(f64),
}

/// How many targets: `all`, `none`, `selected` or a number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TargetCountForm {
    /// All.
    All,
    /// None.
    None,
    /// Those of Cilium's node selector.
    Selected,
    /// So many.
    Exactly(usize),
}

/// cert-manager: a version, or `{version, values}`.
#[derive(Debug, Default)]
pub(crate) struct CertManagerForm {
    /// The version, if said.
    pub(crate) version: Option<Release>,
    /// Helm values.
    pub(crate) values: Map<String, Value>,
}

/// A manifest: a path, or the object itself.
#[derive(Debug)]
pub(crate) enum ManifestForm {
    /// A path relative to the scenario file.
    Path(String),
    /// An object.
    Object,
}

fn value<'de, D: Deserializer<'de>, T: DeserializeOwned>(value: Value) -> Result<T, D::Error> {
    T::deserialize(value).map_err(D::Error::custom)
}

/// Reads one of two keys of a mapping.
fn single<'de, D: Deserializer<'de>>(map: Map<String, Value>) -> Result<(String, Value), D::Error> {
    let mut entries = map.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        _ => Err(D::Error::custom("expected exactly one key")),
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => value::<D, _>(list).map(Self),
            one => value::<D, _>(one).map(|one| Self(vec![one])),
        }
    }
}

impl<'de> Deserialize<'de> for StatusForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self::True),
            Value::Bool(false) => Ok(Self::False),
            Value::String(text) if text == "Unknown" => Ok(Self::Unknown),
            _ => Err(D::Error::custom("expected true, false or Unknown")),
        }
    }
}

impl<'de> Deserialize<'de> for ConditionForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Full {
            status: StatusForm,
            reason: Option<String>,
        }
        match Value::deserialize(deserializer)? {
            object @ Value::Object(_) => {
                let Full { status, reason } = value::<D, _>(object)?;
                Ok(Self::Full { status, reason })
            }
            status => value::<D, _>(status).map(Self::Status),
        }
    }
}

impl<'de> Deserialize<'de> for NodesForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if text == "all" => Ok(Self::All),
            Value::Object(mut map) => match (map.remove("not"), map.remove("names")) {
                (Some(labels), _) => value::<D, _>(labels).map(Self::Not),
                (None, Some(names)) => value::<D, _>(names).map(Self::Names),
                (None, None) => value::<D, _>(Value::Object(map)).map(Self::Labels),
            },
            _ => Err(D::Error::custom("expected `all` or labels")),
        }
    }
}

impl<'de> Deserialize<'de> for PortForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(match text.split_once('/') {
                Some(("listener", name)) if !name.is_empty() => Self::Listener(name.to_owned()),
                Some(("nodePort", name)) if !name.is_empty() => Self::NodePort(name.to_owned()),
                _ => Self::Neither,
            }),
            number => value::<D, _>(number).map(Self::Number),
        }
    }
}

impl<'de> Deserialize<'de> for ExposureForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if text == "reference" => Ok(Self::Reference),
            Value::String(text) if text == "nothing" => Ok(Self::Nothing),
            Value::Object(map) => match single::<D>(map)? {
                (key, nodes) if key == "nodePorts" => value::<D, _>(nodes).map(Self::NodePorts),
                (_, nodes) => value::<D, _>(nodes).map(Self::ListenerPorts),
            },
            _ => Err(D::Error::custom("expected `reference`, `nothing` or ports")),
        }
    }
}

impl<'de> Deserialize<'de> for PaceForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if text == "real" => Ok(Self::Real),
            Value::Object(map) => value::<D, _>(single::<D>(map)?.1).map(Self::Compressed),
            _ => Err(D::Error::custom("expected `real` or a factor")),
        }
    }
}

impl<'de> Deserialize<'de> for TargetCountForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => match text.as_str() {
                "all" => Ok(Self::All),
                "none" => Ok(Self::None),
                "selected" => Ok(Self::Selected),
                _ => Err(D::Error::custom("expected `all`, `none`, `selected` or a number")),
            },
            number => value::<D, _>(number).map(Self::Exactly),
        }
    }
}

impl<'de> Deserialize<'de> for CertManagerForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Full {
            version: Option<Release>,
            #[serde(default)]
            values: Map<String, Value>,
        }
        match Value::deserialize(deserializer)? {
            object @ Value::Object(_) => {
                let Full { version, values } = value::<D, _>(object)?;
                Ok(Self { version, values })
            }
            text => value::<D, _>(text)
                .map(|version| Self { version: Some(version), values: Map::new() }),
        }
    }
}

impl<'de> Deserialize<'de> for ManifestForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(path) => Ok(Self::Path(path)),
            Value::Object(_) => Ok(Self::Object),
            _ => Err(D::Error::custom("expected a path or an object")),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({"anyOf": [item, {"type": "array", "minItems": 1, "items": item}]})
    }
}

fn described<T: JsonSchema>(generator: &mut SchemaGenerator, description: &str) -> Schema {
    let mut schema = generator.subschema_for::<T>();
    schema.insert("description".to_owned(), description.into());
    schema
}

macro_rules! form_schema {
    ($form:ty, $name:literal, $describe:literal, |$generator:ident| $schema:tt) => {
        impl JsonSchema for $form {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!($schema);
                schema.insert("description".to_owned(), $describe.into());
                schema
            }
        }
    };
}

form_schema!(StatusForm, "ConditionStatus", "A condition's status: true, false or `Unknown`.", |_g| {
    "anyOf": [{"type": "boolean"}, {"enum": ["Unknown"]}]
});
form_schema!(ConditionForm, "Condition",
    "What a condition must be: true, false, `Unknown`, or a status with a reason.", |g| {
    "anyOf": [
        {"type": "boolean"},
        {"enum": ["Unknown"]},
        {
            "type": "object",
            "properties": {
                "status": (g.subschema_for::<StatusForm>()),
                "reason": {"type": "string", "minLength": 1, "description": "The reason it must have."},
            },
            "required": ["status"],
            "additionalProperties": false,
        },
    ]
});
form_schema!(NodesForm, "Nodes",
    "Nodes: `all`, the labels they have, the labels they do not all have (`not`), or their names.", |_g| {
    "anyOf": [
        {"enum": ["all"]},
        {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "not": {
                    "type": "object", "minProperties": 1,
                    "description": "Nodes that lack one of these labels.",
                    "additionalProperties": {"type": "string"},
                },
                "names": {
                    "type": "array", "minItems": 1,
                    "description": "Names as in the topology, such as `worker2`.",
                    "items": {"type": "string", "minLength": 1},
                },
            },
            "additionalProperties": {"type": "string"},
        },
    ]
});
form_schema!(PortForm, "Port",
    "A port: a listener's own (`listener/http`), the node port of one (`nodePort/http`), or a number.", |_g| {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 65535},
        {"type": "string", "pattern": "^(listener|nodePort)/.+$"},
    ]
});
form_schema!(ExposureForm, "Exposure",
    "`reference`: as the reference model predicts. `nothing`: no port accepts. Or which ports \
     accept on which nodes, and on no other.", |g| {
    "anyOf": [
        {"enum": ["reference", "nothing"]},
        {
            "type": "object",
            "properties": {
                "nodePorts": (g.subschema_for::<NodesForm>()),
                "listenerPorts": (g.subschema_for::<NodesForm>()),
            },
            "oneOf": [{"required": ["nodePorts"]}, {"required": ["listenerPorts"]}],
            "additionalProperties": false,
        },
    ]
});
form_schema!(PaceForm, "Pace",
    "How time runs: `real`, or all durations divided by a factor.", |_g| {
    "anyOf": [
        {"enum": ["real"]},
        {
            "type": "object",
            "properties": {"compressed": {
                "type": "number", "minimum": 1, "maximum": 1000,
                "description": "The factor.",
            }},
            "required": ["compressed"],
            "additionalProperties": false,
        },
    ]
});
form_schema!(TargetCountForm, "TargetCount",
    "How many targets: `all`, `none`, those of Cilium's node selector (`selected`), or a number.", |_g| {
    "anyOf": [{"type": "integer", "minimum": 0, "maximum": 10000}, {"enum": ["all", "none", "selected"]}]
});
form_schema!(CertManagerForm, "CertManager",
    "cert-manager: its version, or version and Helm values.", |g| {
    "anyOf": [
        (g.subschema_for::<Release>()),
        {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "version": (described::<Release>(g, "The version; without it, one that fits.")),
                "values": {
                    "type": "object",
                    "description": "Helm values for cert-manager, over what Gateways need.",
                    "additionalProperties": true,
                },
            },
            "additionalProperties": false,
        },
    ]
});
form_schema!(ManifestForm, "Manifest",
    "Kubernetes objects: the path of a file relative to this one, or an object.", |_g| {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string", "minLength": 1, "description": "API group and version."},
                "kind": {"type": "string", "minLength": 1, "description": "The kind."},
                "metadata": {"type": "object", "description": "At least a name."},
            },
            "additionalProperties": true,
        },
    ]
});
