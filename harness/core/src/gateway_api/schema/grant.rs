//! The shape of a ReferenceGrant. Source: `apis/v1/referencegrant_types.go` (Gateway API 1.6.1).

use super::reference::{GROUP, KIND, NAMESPACE, OBJECT_NAME};
use super::{OPAQUE, Shape, list, optional, required};

/// ReferenceGrant, which has no status.
pub(super) static REFERENCE_GRANT: Shape = Shape::Object(&[
    optional("apiVersion", &OPAQUE),
    optional("kind", &OPAQUE),
    optional("metadata", &OPAQUE),
    required("spec", &SPEC),
]);

static SPEC: Shape = Shape::Object(&[required("from", &FROM_LIST), required("to", &TO_LIST)]);

static FROM_LIST: Shape = list(&FROM, 1, 16);
static TO_LIST: Shape = list(&TO, 1, 16);

static FROM: Shape = Shape::Object(&[
    required("group", &GROUP),
    required("kind", &KIND),
    required("namespace", &NAMESPACE),
]);

static TO: Shape = Shape::Object(&[
    required("group", &GROUP),
    required("kind", &KIND),
    optional("name", &OBJECT_NAME),
]);
