//! The shape of a Gateway. Source: `apis/v1/gateway_types.go` (Gateway API 1.6.1).

use super::reference::{
    DEFAULT_SCOPE, GROUP, HOSTNAME, KIND, LABEL_SELECTOR, LOCAL_REF, OBJECT_NAME, OBJECT_REF, PORT,
    SECRET_REF, SECTION_NAME, object_fields,
};
use super::{Map, OPAQUE, Shape, defaulted, experimental, keyed, list, optional, required, text};
use crate::gateway_api::form::Form;

/// Gateway.
pub(super) static GATEWAY: Shape =
    Shape::Object(&object_fields(required("spec", &SPEC), defaulted("status", STATUS, &OPAQUE)));

static SPEC: Shape = Shape::Object(&[
    required("gatewayClassName", &OBJECT_NAME),
    required("listeners", &LISTENERS),
    optional("addresses", &ADDRESSES),
    optional("infrastructure", &INFRASTRUCTURE),
    optional("allowedListeners", &ALLOWED_LISTENERS),
    optional("tls", &GATEWAY_TLS),
    experimental("defaultScope", &DEFAULT_SCOPE),
]);

static LISTENERS: Shape = keyed(&LISTENER, 1, 64, "name");

static LISTENER: Shape = Shape::Object(&[
    required("name", &SECTION_NAME),
    optional("hostname", &HOSTNAME),
    required("port", &PORT),
    required("protocol", &PROTOCOL),
    optional("tls", &LISTENER_TLS),
    defaulted("allowedRoutes", r#"{"namespaces": {"from": "Same"}}"#, &ALLOWED_ROUTES),
]);

static PROTOCOL: Shape = text(1, 255, Form::Protocol);

static LISTENER_TLS: Shape = Shape::Object(&[
    defaulted("mode", r#""Terminate""#, &TLS_MODE),
    optional("certificateRefs", &CERTIFICATE_REFS),
    optional("options", &TLS_OPTIONS),
]);

static TLS_MODE: Shape = Shape::Choice(&["Terminate", "Passthrough"]);
static CERTIFICATE_REFS: Shape = list(&SECRET_REF, 0, 64);
static TLS_OPTIONS: Shape =
    Shape::Map(Map { size: 16, keys: Form::Any, values: &ANNOTATION_VALUE });

static ALLOWED_ROUTES: Shape = Shape::Object(&[
    defaulted("namespaces", r#"{"from": "Same"}"#, &ROUTE_NAMESPACES),
    optional("kinds", &ROUTE_KINDS),
]);

static ROUTE_NAMESPACES: Shape = Shape::Object(&[
    defaulted("from", r#""Same""#, &ROUTES_FROM),
    optional("selector", &LABEL_SELECTOR),
]);

static ROUTES_FROM: Shape = Shape::Choice(&["All", "Selector", "Same"]);
static ROUTE_KINDS: Shape = list(&ROUTE_KIND, 0, 8);

static ROUTE_KIND: Shape = Shape::Object(&[
    defaulted("group", r#""gateway.networking.k8s.io""#, &GROUP),
    required("kind", &KIND),
]);

static ADDRESSES: Shape = list(&ADDRESS, 0, 16);

static ADDRESS: Shape = Shape::Object(&[
    defaulted("type", r#""IPAddress""#, &ADDRESS_TYPE),
    optional("value", &ADDRESS_VALUE),
]);

static ADDRESS_TYPE: Shape = text(1, 253, Form::AddressType);
static ADDRESS_VALUE: Shape = text(0, 253, Form::Any);

static INFRASTRUCTURE: Shape = Shape::Object(&[
    optional("labels", &LABELS),
    optional("annotations", &ANNOTATIONS),
    optional("parametersRef", &LOCAL_REF),
]);

static LABELS: Shape = Shape::Map(Map { size: 8, keys: Form::QualifiedKey, values: &LABEL_VALUE });
static LABEL_VALUE: Shape = text(0, 63, Form::LabelValue);
static ANNOTATIONS: Shape =
    Shape::Map(Map { size: 16, keys: Form::QualifiedKey, values: &ANNOTATION_VALUE });
static ANNOTATION_VALUE: Shape = text(0, 4096, Form::Any);

static ALLOWED_LISTENERS: Shape =
    Shape::Object(&[defaulted("namespaces", r#"{"from": "None"}"#, &LISTENER_NAMESPACES)]);

static LISTENER_NAMESPACES: Shape = Shape::Object(&[
    defaulted("from", r#""None""#, &LISTENERS_FROM),
    optional("selector", &LABEL_SELECTOR),
]);

static LISTENERS_FROM: Shape = Shape::Choice(&["All", "Selector", "Same", "None"]);

static GATEWAY_TLS: Shape =
    Shape::Object(&[optional("backend", &BACKEND_TLS), optional("frontend", &FRONTEND_TLS)]);

static BACKEND_TLS: Shape = Shape::Object(&[optional("clientCertificateRef", &SECRET_REF)]);

static FRONTEND_TLS: Shape =
    Shape::Object(&[required("default", &TLS_CONFIG), optional("perPort", &PER_PORT)]);

static PER_PORT: Shape = keyed(&PORT_TLS, 0, 64, "port");
static PORT_TLS: Shape = Shape::Object(&[required("port", &PORT), required("tls", &TLS_CONFIG)]);
static TLS_CONFIG: Shape = Shape::Object(&[optional("validation", &CLIENT_VALIDATION)]);

static CLIENT_VALIDATION: Shape = Shape::Object(&[
    required("caCertificateRefs", &CA_REFS),
    defaulted("mode", r#""AllowValidOnly""#, &VALIDATION_MODE),
]);

static CA_REFS: Shape = list(&OBJECT_REF, 1, 16);
static VALIDATION_MODE: Shape = Shape::Choice(&["AllowValidOnly", "AllowInsecureFallback"]);

/// What the API server writes until a controller does.
const STATUS: &str = r#"{"conditions": [
    {"type": "Accepted", "status": "Unknown", "reason": "Pending",
     "message": "Waiting for controller", "lastTransitionTime": "1970-01-01T00:00:00Z"},
    {"type": "Programmed", "status": "Unknown", "reason": "Pending",
     "message": "Waiting for controller", "lastTransitionTime": "1970-01-01T00:00:00Z"}]}"#;
