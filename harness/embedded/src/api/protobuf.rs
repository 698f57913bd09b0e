//! Kubernetes' protobuf bodies, read into JSON.
//!
//! controller-runtime's typed client sends built-in kinds in this form and does not fall back when
//! it is refused, so it is read; answers are JSON, which every client takes that sends it
//! (sigs.k8s.io/controller-runtime v0.22: `pkg/client/apiutil/apimachinery.go`; client-go v0.34:
//! `rest/request.go` adds `*/*` to what it accepts).
//!
//! `fields.txt` lists the fields of the messages: number, JSON name and type, facts of the Go
//! types of k8s.io/api v0.35. In it `?` marks a field that is sent only when set, `!` one that JSON
//! always shows; of the others, zero values mean "not given" and are left out as Go's JSON does.
//! What the list does not have is refused, never dropped.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::secret::base64;
use wire::{Field, Reader, Wire};

mod scalar;
mod wire;

/// What such a body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The media type.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtobufError {
    /// It is not in this form at all.
    #[error("it does not begin with the mark `k8s\\0` of a Kubernetes protobuf body")]
    NoMagic,
    /// It ends too early or is damaged.
    #[error("it is damaged in {0}")]
    Damaged(String),
    /// The kind is not known in this form.
    #[error("{kind} of {api_version} is not known in protobuf here; send JSON")]
    UnknownKind {
        /// `apiVersion`.
        api_version: String,
        /// `kind`.
        kind: String,
    },
    /// A field is not known.
    #[error("field {number} of {message} is not known here; send JSON")]
    UnknownField {
        /// The message.
        message: String,
        /// The field's number.
        number: u64,
    },
}

/// What is known of a field.
#[derive(Debug)]
struct Known {
    /// Its name in JSON; `-` when its fields are the message's own.
    name: &'static str,
    zero: Zero,
    shape: Shape,
    of: &'static str,
}

/// What a zero value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zero {
    /// Not given.
    Absent,
    /// A value like any other.
    Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    List,
    Map,
}

type Messages = BTreeMap<&'static str, BTreeMap<u64, Known>>;

static MESSAGES: LazyLock<Messages> = LazyLock::new(|| {
    let mut messages = Messages::new();
    let mut current = "";
    for line in include_str!("protobuf/fields.txt").lines() {
        match line.strip_prefix(' ') {
            None => {
                current = line;
                messages.entry(current).or_default();
            }
            Some(field) => {
                let mut parts = field.split(' ');
                let mut next = || parts.next().expect("a field has number, name and type");
                let number = next().parse().expect("a field's number is a number");
                let (name, of) = (next(), next());
                let zero = if name.ends_with(['?', '!']) { Zero::Kept } else { Zero::Absent };
                let (shape, of) = match (of.strip_prefix('*'), of.strip_prefix('%')) {
                    (Some(of), _) => (Shape::List, of),
                    (_, Some(of)) => (Shape::Map, of),
                    _ => (Shape::One, of),
                };
                let known = Known { name: name.trim_end_matches(['?', '!']), zero, shape, of };
                messages.entry(current).or_default().insert(number, known);
            }
        }
    }
    messages
});

/// Reads a body.
pub(super) fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    let body = body.strip_prefix(MAGIC).ok_or(ProtobufError::NoMagic)?;
    let damaged = || ProtobufError::Damaged("the envelope".to_owned());
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for field in Reader::new(body) {
        match field.ok_or_else(damaged)? {
            Field { number: 1, wire: Wire::Bytes(bytes) } => {
                for field in Reader::new(bytes) {
                    let Field { number, wire: Wire::Bytes(text) } = field.ok_or_else(damaged)?
                    else {
                        return Err(damaged());
                    };
                    let text = String::from_utf8(text.to_vec()).map_err(|_| damaged())?;
                    if number == 1 {
                        api_version = text;
                    } else {
                        kind = text;
                    }
                }
            }
            Field { number: 2, wire: Wire::Bytes(bytes) } => raw = bytes,
            _ => {}
        }
    }
    let message = message_of(&api_version, &kind).ok_or_else(|| ProtobufError::UnknownKind {
        api_version: api_version.clone(),
        kind: kind.clone(),
    })?;
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), json!(api_version));
    object.insert("kind".to_owned(), json!(kind));
    read_message(message, raw, &mut object)?;
    Ok(Value::Object(object))
}

fn message_of(api_version: &str, kind: &str) -> Option<&'static str> {
    let package = match api_version {
        _ if kind == "DeleteOptions" => "meta",
        "v1" => "core",
        "apps/v1" => "apps",
        "discovery.k8s.io/v1" => "discovery",
        "coordination.k8s.io/v1" => "coordination",
        "authorization.k8s.io/v1" => "authorization",
        "authentication.k8s.io/v1" => "authentication",
        "autoscaling/v1" => "autoscaling",
        _ => return None,
    };
    MESSAGES.get_key_value(format!("{package}.{kind}").as_str()).map(|(name, _)| *name)
}

fn read_message(
    message: &'static str,
    bytes: &[u8],
    object: &mut Map<String, Value>,
) -> Result<(), ProtobufError> {
    let fields = MESSAGES.get(message).expect("the list of fields is closed");
    for field in Reader::new(bytes) {
        let field = field.ok_or_else(|| ProtobufError::Damaged(message.to_owned()))?;
        let known = fields.get(&field.number).ok_or_else(|| ProtobufError::UnknownField {
            message: message.to_owned(),
            number: field.number,
        })?;
        read_field(message, known, &field.wire, object)?;
    }
    Ok(())
}

fn read_field(
    message: &str,
    known: &Known,
    wire: &Wire<'_>,
    object: &mut Map<String, Value>,
) -> Result<(), ProtobufError> {
    let damaged = || ProtobufError::Damaged(format!("field {} of {message}", known.name));
    match (known.shape, wire) {
        (Shape::One, Wire::Bytes(bytes)) if known.name == "-" => {
            let (inline, _) = MESSAGES.get_key_value(known.of).ok_or_else(damaged)?;
            read_message(inline, bytes, object)?;
        }
        (Shape::One, wire) => {
            let value = value_of(known.of, wire)?.ok_or_else(damaged)?;
            if known.zero == Zero::Kept || !is_zero(&value) {
                object.insert(known.name.to_owned(), value);
            }
        }
        (Shape::List, wire) => {
            let value = value_of(known.of, wire)?.ok_or_else(damaged)?;
            let list = object.entry(known.name).or_insert_with(|| json!([]));
            list.as_array_mut().ok_or_else(damaged)?.push(value);
        }
        (Shape::Map, Wire::Bytes(bytes)) => {
            let (mut key, mut value) = (String::new(), Value::Null);
            for field in Reader::new(bytes) {
                match field.ok_or_else(damaged)? {
                    Field { number: 1, wire: Wire::Bytes(text) } => {
                        key = String::from_utf8(text.to_vec()).map_err(|_| damaged())?;
                    }
                    Field { wire, .. } => value = value_of(known.of, &wire)?.ok_or_else(damaged)?,
                }
            }
            if value.is_null() {
                value = json!("");
            }
            let map = object.entry(known.name).or_insert_with(|| json!({}));
            map.as_object_mut().ok_or_else(damaged)?.insert(key, value);
        }
        (Shape::Map, Wire::Number(_)) => return Err(damaged()),
    }
    Ok(())
}

/// A value of a type; `None` when it is damaged.
fn value_of(of: &str, wire: &Wire<'_>) -> Result<Option<Value>, ProtobufError> {
    Ok(match (of, wire) {
        ("int", Wire::Number(number)) => Some(json!(number.cast_signed())),
        ("bool", Wire::Number(number)) => Some(json!(*number != 0)),
        ("string", Wire::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(Value::from),
        ("bytes", Wire::Bytes(bytes)) => Some(json!(base64(bytes))),
        ("time", Wire::Bytes(bytes)) => scalar::time(bytes, scalar::Precision::Seconds),
        ("microtime", Wire::Bytes(bytes)) => scalar::time(bytes, scalar::Precision::Micros),
        ("intorstring", Wire::Bytes(bytes)) => scalar::int_or_string(bytes),
        ("quantity", Wire::Bytes(bytes)) => scalar::first_text(bytes),
        ("json", Wire::Bytes(bytes)) => scalar::embedded_json(bytes),
        (message, Wire::Bytes(bytes)) => match MESSAGES.get_key_value(message) {
            Some((message, _)) => {
                let mut object = Map::new();
                read_message(message, bytes, &mut object)?;
                Some(Value::Object(object))
            }
            None => None,
        },
        (_, Wire::Number(_)) => None,
    })
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests;
