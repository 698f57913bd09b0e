//! The shape of an HTTPRoute. Source: `apis/v1/httproute_types.go` (Gateway API 1.6.1).

use super::reference::{
    BACKEND_REF, DEFAULT_SCOPE, DURATION, GROUP, HEADER_NAME, HOSTNAME, KIND, LOCAL_REF, NAMESPACE,
    OBJECT_NAME, PARENT_REF, PORT, PRECISE_HOSTNAME, SECTION_NAME, object_fields,
};
use super::{
    BOOLEAN, OPAQUE, Shape, defaulted, experimental, keyed, list, optional, required, set, text,
};
use crate::gateway_api::form::Form;

/// HTTPRoute.
pub(super) static HTTP_ROUTE: Shape =
    Shape::Object(&object_fields(required("spec", &SPEC), optional("status", &OPAQUE)));

static SPEC: Shape = Shape::Object(&[
    optional("parentRefs", &PARENT_REFS),
    optional("hostnames", &HOSTNAMES),
    defaulted(
        "rules",
        r#"[{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]"#,
        &RULES,
    ),
    experimental("useDefaultGateways", &DEFAULT_SCOPE),
]);

static PARENT_REFS: Shape = list(&PARENT_REF, 0, 32);
static HOSTNAMES: Shape = list(&HOSTNAME, 0, 16);
static RULES: Shape = list(&RULE, 1, 16);

static RULE: Shape = Shape::Object(&[
    optional("name", &SECTION_NAME),
    defaulted("matches", r#"[{"path": {"type": "PathPrefix", "value": "/"}}]"#, &MATCHES),
    optional("filters", &FILTERS),
    optional("backendRefs", &BACKEND_REFS),
    optional("timeouts", &TIMEOUTS),
    experimental("retry", &RETRY),
    experimental("sessionPersistence", &SESSION_PERSISTENCE),
]);

static MATCHES: Shape = list(&MATCH, 0, 64);

static MATCH: Shape = Shape::Object(&[
    defaulted("path", r#"{"type": "PathPrefix", "value": "/"}"#, &PATH_MATCH),
    optional("headers", &HEADER_MATCHES),
    optional("queryParams", &QUERY_MATCHES),
    optional("method", &METHOD),
]);

static PATH_MATCH: Shape = Shape::Object(&[
    defaulted("type", r#""PathPrefix""#, &PATH_TYPE),
    defaulted("value", r#""/""#, &PATH_VALUE),
]);

static PATH_TYPE: Shape = Shape::Choice(&["Exact", "PathPrefix", "RegularExpression"]);
static PATH_VALUE: Shape = text(0, 1024, Form::Any);
static METHOD: Shape = Shape::Choice(&[
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
]);

static HEADER_MATCHES: Shape = keyed(&HEADER_MATCH, 0, 16, "name");
static HEADER_MATCH: Shape = Shape::Object(&[
    defaulted("type", r#""Exact""#, &VALUE_TYPE),
    required("name", &HEADER_NAME),
    required("value", &HEADER_VALUE),
]);

static QUERY_MATCHES: Shape = keyed(&QUERY_MATCH, 0, 16, "name");
static QUERY_MATCH: Shape = Shape::Object(&[
    defaulted("type", r#""Exact""#, &VALUE_TYPE),
    required("name", &HEADER_NAME),
    required("value", &QUERY_VALUE),
]);

static VALUE_TYPE: Shape = Shape::Choice(&["Exact", "RegularExpression"]);
static HEADER_VALUE: Shape = text(1, 4096, Form::Any);
static QUERY_VALUE: Shape = text(1, 1024, Form::Any);

static FILTERS: Shape = list(&FILTER, 0, 16);

static FILTER: Shape = Shape::Object(&[
    required("type", &FILTER_TYPE),
    optional("requestHeaderModifier", &HEADER_MODIFIER),
    optional("responseHeaderModifier", &HEADER_MODIFIER),
    optional("requestMirror", &MIRROR),
    optional("requestRedirect", &REDIRECT),
    optional("urlRewrite", &URL_REWRITE),
    optional("cors", &CORS),
    experimental("externalAuth", &EXTERNAL_AUTH),
    optional("extensionRef", &LOCAL_REF),
]);

static FILTER_TYPE: Shape = Shape::Choice(&[
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestMirror",
    "RequestRedirect",
    "URLRewrite",
    "ExtensionRef",
    "CORS",
    "ExternalAuth",
]);

static HEADER_MODIFIER: Shape = Shape::Object(&[
    optional("set", &HEADERS),
    optional("add", &HEADERS),
    optional("remove", &REMOVED_HEADERS),
]);

static HEADERS: Shape = keyed(&HEADER, 0, 16, "name");
static HEADER: Shape =
    Shape::Object(&[required("name", &HEADER_NAME), required("value", &HEADER_VALUE)]);
static REMOVED_HEADERS: Shape = set(&ANY_TEXT, 16);
static ANY_TEXT: Shape = text(0, usize::MAX, Form::Any);

static MIRROR: Shape = Shape::Object(&[
    required("backendRef", &BACKEND_REF),
    optional("percent", &PERCENT),
    optional("fraction", &FRACTION),
]);

static PERCENT: Shape = Shape::Integer(0, 100);
static FRACTION: Shape =
    Shape::Object(&[required("numerator", &NATURAL), defaulted("denominator", "100", &POSITIVE)]);
static NATURAL: Shape = Shape::Integer(0, INT32_MAX);
static POSITIVE: Shape = Shape::Integer(1, INT32_MAX);
const INT32_MAX: i64 = i32::MAX as i64;

static REDIRECT: Shape = Shape::Object(&[
    optional("scheme", &SCHEME),
    optional("hostname", &PRECISE_HOSTNAME),
    optional("path", &PATH_MODIFIER),
    optional("port", &PORT),
    defaulted("statusCode", "302", &REDIRECT_CODE),
]);

static SCHEME: Shape = Shape::Choice(&["http", "https"]);
static REDIRECT_CODE: Shape = Shape::Code(&[301, 302, 303, 307, 308]);

static URL_REWRITE: Shape =
    Shape::Object(&[optional("hostname", &PRECISE_HOSTNAME), optional("path", &PATH_MODIFIER)]);

static PATH_MODIFIER: Shape = Shape::Object(&[
    required("type", &PATH_MODIFIER_TYPE),
    optional("replaceFullPath", &PATH_VALUE),
    optional("replacePrefixMatch", &PATH_VALUE),
]);

static PATH_MODIFIER_TYPE: Shape = Shape::Choice(&["ReplaceFullPath", "ReplacePrefixMatch"]);

static CORS: Shape = Shape::Object(&[
    optional("allowOrigins", &ORIGINS),
    optional("allowCredentials", &BOOLEAN),
    optional("allowMethods", &CORS_METHODS),
    optional("allowHeaders", &CORS_HEADERS),
    optional("exposeHeaders", &CORS_HEADERS),
    defaulted("maxAge", "5", &POSITIVE),
]);

static ORIGINS: Shape = set(&ORIGIN, 64);
static ORIGIN: Shape = text(1, 253, Form::Origin);
static CORS_METHODS: Shape = set(&CORS_METHOD, 9);
static CORS_METHOD: Shape = Shape::Choice(&[
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*",
]);
static CORS_HEADERS: Shape = set(&HEADER_NAME, 64);

static EXTERNAL_AUTH: Shape = Shape::Object(&[
    required("protocol", &AUTH_PROTOCOL),
    required("backendRef", &BACKEND_REF),
    optional("grpc", &OPAQUE),
    optional("http", &OPAQUE),
    optional("forwardBody", &OPAQUE),
]);

static AUTH_PROTOCOL: Shape = Shape::Choice(&["HTTP", "GRPC"]);

static BACKEND_REFS: Shape = list(&HTTP_BACKEND_REF, 0, 16);

static HTTP_BACKEND_REF: Shape = Shape::Object(&[
    defaulted("group", r#""""#, &GROUP),
    defaulted("kind", r#""Service""#, &KIND),
    required("name", &OBJECT_NAME),
    optional("namespace", &NAMESPACE),
    optional("port", &PORT),
    defaulted("weight", "1", &WEIGHT),
    optional("filters", &FILTERS),
]);

static WEIGHT: Shape = Shape::Integer(0, 1_000_000);

static TIMEOUTS: Shape =
    Shape::Object(&[optional("request", &DURATION), optional("backendRequest", &DURATION)]);

static RETRY: Shape = Shape::Object(&[
    optional("codes", &RETRY_CODES),
    optional("attempts", &POSITIVE_INTEGER),
    optional("backoff", &DURATION),
]);

static RETRY_CODES: Shape = set(&RETRY_CODE, usize::MAX);
static RETRY_CODE: Shape = Shape::Integer(400, 599);
static POSITIVE_INTEGER: Shape = Shape::Integer(1, i64::MAX);

static SESSION_PERSISTENCE: Shape = Shape::Object(&[
    optional("absoluteTimeout", &DURATION),
    defaulted("type", r#""Cookie""#, &SESSION_TYPE),
    optional("cookie", &COOKIE),
    optional("header", &SESSION_HEADER),
]);

static SESSION_TYPE: Shape = Shape::Choice(&["Cookie", "Header"]);
static COOKIE: Shape = Shape::Object(&[
    optional("name", &HEADER_NAME),
    defaulted("path", r#""/""#, &PATH_VALUE),
    defaulted("lifetimeType", r#""Session""#, &COOKIE_LIFETIME),
]);
static COOKIE_LIFETIME: Shape = Shape::Choice(&["Permanent", "Session"]);
static SESSION_HEADER: Shape = Shape::Object(&[required("name", &HEADER_NAME)]);
