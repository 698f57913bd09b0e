//! The rules that look at more than one place: what upstream writes in CEL.
//!
//! Every rule reads the object with its defaults filled in, tolerates values of the wrong type
//! (the schema check reports those) and adds its own mistakes. Source of the rules:
//! kubernetes-sigs/gateway-api `apis/v1/*_types.go` (1.6.1), the `XValidation` markers.

mod class;
mod filter;
mod gateway;
mod http_route;
mod parent_ref;
mod path_match;

use serde_json::Value;

use super::schema::CoveredKind;
use super::{FieldError, FieldPath};
use crate::scenario::Channel;

/// Adds the mistakes the rules of a kind find.
pub(super) fn check(
    object: &Value,
    kind: CoveredKind,
    channel: Channel,
    errors: &mut Vec<FieldError>,
) {
    let spec = At { value: &object["spec"], path: FieldPath::root().field("spec") };
    match kind {
        CoveredKind::Gateway => gateway::check(&spec, errors),
        CoveredKind::HttpRoute => http_route::check(&spec, channel, errors),
        CoveredKind::GatewayClass | CoveredKind::ReferenceGrant => {}
    }
}

/// The mistakes in changing one object into another.
pub(super) fn check_update(before: &Value, after: &Value, kind: CoveredKind) -> Vec<FieldError> {
    match kind {
        CoveredKind::GatewayClass => class::check_update(before, after),
        CoveredKind::Gateway | CoveredKind::HttpRoute | CoveredKind::ReferenceGrant => Vec::new(),
    }
}

/// A value and where it is.
#[derive(Clone)]
struct At<'v> {
    value: &'v Value,
    path: FieldPath,
}

impl<'v> At<'v> {
    /// A field; `null` when it is missing.
    fn field(&self, name: &str) -> At<'v> {
        At { value: &self.value[name], path: self.path.field(name) }
    }

    /// Whether the value is there.
    fn exists(&self) -> bool {
        !self.value.is_null()
    }

    /// The text, or empty text when it is missing or no text.
    fn text(&self) -> &'v str {
        self.value.as_str().unwrap_or_default()
    }

    /// The entries of a list; none when it is missing or no list.
    fn entries(&self) -> Vec<At<'v>> {
        self.value
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(index, value)| At { value, path: self.path.index(index) })
            .collect()
    }
}
