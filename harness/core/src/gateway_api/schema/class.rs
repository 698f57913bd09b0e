//! The shape of a GatewayClass. Source: `apis/v1/gatewayclass_types.go` (Gateway API 1.6.1).

use super::reference::{OBJECT_REF, object_fields};
use super::{OPAQUE, Shape, defaulted, optional, required, text};
use crate::gateway_api::form::Form;

/// GatewayClass.
pub(super) static GATEWAY_CLASS: Shape =
    Shape::Object(&object_fields(required("spec", &SPEC), defaulted("status", STATUS, &OPAQUE)));

static SPEC: Shape = Shape::Object(&[
    required("controllerName", &CONTROLLER_NAME),
    optional("description", &DESCRIPTION),
    optional("parametersRef", &OBJECT_REF),
]);

static CONTROLLER_NAME: Shape = text(1, 253, Form::ControllerName);
static DESCRIPTION: Shape = text(0, 64, Form::Any);

/// What the API server writes until a controller does.
const STATUS: &str = r#"{"conditions": [{"type": "Accepted", "status": "Unknown",
    "reason": "Pending", "message": "Waiting for controller",
    "lastTransitionTime": "1970-01-01T00:00:00Z"}]}"#;
