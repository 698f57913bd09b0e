//! Shapes that several kinds share: names, references, selectors.
//!
//! Source: kubernetes-sigs/gateway-api `apis/v1/{shared_types,object_reference_types}.go` (1.6.1).

use super::{Field, OPAQUE, Shape, defaulted, list, optional, required, text};
use crate::gateway_api::form::Form;

pub(super) static GROUP: Shape = text(0, 253, Form::Group);
pub(super) static KIND: Shape = text(1, 63, Form::Kind);
pub(super) static OBJECT_NAME: Shape = text(1, 253, Form::Any);
pub(super) static NAMESPACE: Shape = text(1, 63, Form::Label);
pub(super) static SECTION_NAME: Shape = text(1, 253, Form::Subdomain);
pub(super) static HOSTNAME: Shape = text(1, 253, Form::Hostname);
pub(super) static PRECISE_HOSTNAME: Shape = text(1, 253, Form::Subdomain);
pub(super) static PORT: Shape = Shape::Integer(1, 65_535);
pub(super) static DURATION: Shape = text(0, usize::MAX, Form::Duration);
pub(super) static HEADER_NAME: Shape = text(1, 256, Form::Token);
pub(super) static DEFAULT_SCOPE: Shape = Shape::Choice(&["All", "None"]);

/// The fields every object has; metadata is checked by the API machinery, not by a schema.
pub(super) const fn object_fields(spec: Field, status: Field) -> [Field; 5] {
    [
        optional("apiVersion", &OPAQUE),
        optional("kind", &OPAQUE),
        optional("metadata", &OPAQUE),
        spec,
        status,
    ]
}

/// `SecretObjectReference`.
pub(super) static SECRET_REF: Shape = Shape::Object(&[
    defaulted("group", r#""""#, &GROUP),
    defaulted("kind", r#""Secret""#, &KIND),
    required("name", &OBJECT_NAME),
    optional("namespace", &NAMESPACE),
]);

/// `LocalObjectReference`, `LocalParametersReference`.
pub(super) static LOCAL_REF: Shape = Shape::Object(&[
    required("group", &GROUP),
    required("kind", &KIND),
    required("name", &OBJECT_NAME),
]);

/// `ObjectReference`, `ParametersReference`.
pub(super) static OBJECT_REF: Shape = Shape::Object(&[
    required("group", &GROUP),
    required("kind", &KIND),
    required("name", &OBJECT_NAME),
    optional("namespace", &NAMESPACE),
]);

/// `BackendObjectReference`.
pub(super) static BACKEND_REF: Shape = Shape::Object(&[
    defaulted("group", r#""""#, &GROUP),
    defaulted("kind", r#""Service""#, &KIND),
    required("name", &OBJECT_NAME),
    optional("namespace", &NAMESPACE),
    optional("port", &PORT),
]);

/// `ParentReference`.
pub(super) static PARENT_REF: Shape = Shape::Object(&[
    defaulted("group", r#""gateway.networking.k8s.io""#, &GROUP),
    defaulted("kind", r#""Gateway""#, &KIND),
    optional("namespace", &NAMESPACE),
    required("name", &OBJECT_NAME),
    optional("sectionName", &SECTION_NAME),
    optional("port", &PORT),
]);

/// `metav1.LabelSelector`, whose operators no CRD schema checks.
pub(super) static LABEL_SELECTOR: Shape = Shape::Object(&[
    optional("matchLabels", &OPAQUE),
    optional("matchExpressions", &MATCH_EXPRESSIONS),
]);

static MATCH_EXPRESSIONS: Shape = list(&MATCH_EXPRESSION, 0, usize::MAX);

static MATCH_EXPRESSION: Shape = Shape::Object(&[
    required("key", &ANY_TEXT),
    required("operator", &ANY_TEXT),
    optional("values", &TEXTS),
]);

static ANY_TEXT: Shape = text(0, usize::MAX, Form::Any);
static TEXTS: Shape = list(&ANY_TEXT, 0, usize::MAX);
