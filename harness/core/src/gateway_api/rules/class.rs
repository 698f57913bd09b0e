//! What may not change in a GatewayClass.

use serde_json::Value;

use crate::gateway_api::{FieldError, FieldPath, Problem};

/// The controller of a class may not change (`controllerName` in `gatewayclass_types.go`).
pub(super) fn check_update(before: &Value, after: &Value) -> Vec<FieldError> {
    let (old, new) = (&before["spec"]["controllerName"], &after["spec"]["controllerName"]);
    if old == new || old.is_null() {
        return Vec::new();
    }
    let path = FieldPath::root().field("spec").field("controllerName");
    let expected = format!("{old} as before: the field is immutable; make a new GatewayClass");
    vec![FieldError::new(path, Problem::Invalid, new, expected)]
}
