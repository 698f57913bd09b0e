//! The shape of the covered kinds as data: fields, limits, forms and defaults.
//!
//! The tables in the submodules are written from the Go types of Gateway API 1.6.1; this module
//! gives them meaning: it finds the table of an object, checks, fills in defaults and prunes. It
//! knows nothing about rules that look at two fields at once.

mod check;
mod class;
mod gateway;
mod grant;
mod http_route;
mod open_api;
mod reference;
mod rewrite;

use serde_json::Value;

pub(super) use check::check;
pub(super) use open_api::schema_of;
pub(super) use rewrite::{default, prune};

use super::form::Form;
use super::{FieldError, FieldPath, GROUP, Problem};
use crate::scenario::Channel;

/// The shape of a value.
pub(super) enum Shape {
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// A list.
    List(List),
    /// A free-form map of texts.
    Map(Map),
    /// A text.
    Text {
        /// Fewest and most characters.
        length: (usize, usize),
        /// What it must look like.
        form: Form,
    },
    /// One of a closed list of texts.
    Choice(&'static [&'static str]),
    /// A whole number between two bounds, both included.
    Integer(i64, i64),
    /// One of a closed list of numbers.
    Code(&'static [i64]),
    /// `true` or `false`.
    Boolean,
    /// Anything: checked elsewhere or not at all.
    Opaque,
}

/// A list.
pub(super) struct List {
    /// The shape of its entries.
    of: &'static Shape,
    /// Fewest and most entries.
    size: (usize, usize),
    /// What must differ between entries.
    unique: Unique,
}

/// What must differ between the entries of a list (`x-kubernetes-list-type`).
pub(super) enum Unique {
    /// Nothing: an atomic list.
    Nothing,
    /// The whole entry: a set.
    Entry,
    /// The value of this field: a map list.
    Key(&'static str),
}

/// A free-form map of texts.
pub(super) struct Map {
    /// Most entries.
    size: usize,
    /// What the keys look like.
    keys: Form,
    /// The shape of the values.
    values: &'static Shape,
}

/// A field of an object.
pub(super) struct Field {
    name: &'static str,
    presence: Presence,
    shape: &'static Shape,
    channel: Channel,
}

/// Whether a field must be there.
enum Presence {
    Required,
    Optional,
    /// Filled in with this JSON when missing.
    Defaulted(&'static str),
}

const fn required(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, presence: Presence::Required, shape, channel: Channel::Standard }
}

const fn optional(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, presence: Presence::Optional, shape, channel: Channel::Standard }
}

const fn defaulted(name: &'static str, json: &'static str, shape: &'static Shape) -> Field {
    Field { name, presence: Presence::Defaulted(json), shape, channel: Channel::Standard }
}

/// An optional field that only the experimental channel has.
const fn experimental(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, presence: Presence::Optional, shape, channel: Channel::Experimental }
}

const fn list(of: &'static Shape, least: usize, most: usize) -> Shape {
    Shape::List(List { of, size: (least, most), unique: Unique::Nothing })
}

const fn set(of: &'static Shape, most: usize) -> Shape {
    Shape::List(List { of, size: (0, most), unique: Unique::Entry })
}

const fn keyed(of: &'static Shape, least: usize, most: usize, key: &'static str) -> Shape {
    Shape::List(List { of, size: (least, most), unique: Unique::Key(key) })
}

const fn text(least: usize, most: usize, form: Form) -> Shape {
    Shape::Text { length: (least, most), form }
}

static OPAQUE: Shape = Shape::Opaque;
static BOOLEAN: Shape = Shape::Boolean;

/// The kinds this module knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoveredKind {
    /// GatewayClass.
    GatewayClass,
    /// Gateway.
    Gateway,
    /// HTTPRoute.
    HttpRoute,
    /// ReferenceGrant.
    ReferenceGrant,
}

/// A kind with its shape and the versions that serve it.
#[derive(Clone, Copy)]
pub(super) struct Covered {
    /// The kind.
    pub(super) kind: CoveredKind,
    /// Its shape.
    pub(super) shape: &'static Shape,
    versions: &'static [&'static str],
}

/// The table for an object; `None` when its kind is not covered.
pub(super) fn covered(object: &Value) -> Option<Covered> {
    let api_version = object.get("apiVersion")?.as_str()?;
    let (group, _) = api_version.split_once('/')?;
    if group != GROUP {
        return None;
    }
    let versions: &[&str] = &["v1", "v1beta1"];
    let (kind, shape) = match object.get("kind")?.as_str()? {
        "GatewayClass" => (CoveredKind::GatewayClass, &class::GATEWAY_CLASS),
        "Gateway" => (CoveredKind::Gateway, &gateway::GATEWAY),
        "HTTPRoute" => (CoveredKind::HttpRoute, &http_route::HTTP_ROUTE),
        "ReferenceGrant" => (CoveredKind::ReferenceGrant, &grant::REFERENCE_GRANT),
        _ => return None,
    };
    Some(Covered { kind, shape, versions })
}

/// A version of the group that does not serve the kind.
pub(super) fn version_errors(object: &Value, covered: Covered) -> Vec<FieldError> {
    let found = &object["apiVersion"];
    let version = found.as_str().and_then(|text| text.split_once('/')).map_or("", |(_, v)| v);
    if covered.versions.contains(&version) {
        return Vec::new();
    }
    let accepted: Vec<_> =
        covered.versions.iter().map(|version| format!("`{GROUP}/{version}`")).collect();
    let path = FieldPath::root().field("apiVersion");
    let expected = accepted.join(" or ");
    vec![FieldError::new(path, Problem::NotSupported, found, expected)]
}
