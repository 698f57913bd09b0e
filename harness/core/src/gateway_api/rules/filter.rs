//! The rules of filters: the field that goes with the type, and which filters exclude each other
//! (`HTTPRouteFilter` and the lists of filters in `httproute_types.go`).

use super::At;
use crate::gateway_api::{FieldError, Problem};

/// Filter types and the field each of them needs.
const FIELDS: &[(&str, &str)] = &[
    ("RequestHeaderModifier", "requestHeaderModifier"),
    ("ResponseHeaderModifier", "responseHeaderModifier"),
    ("RequestMirror", "requestMirror"),
    ("RequestRedirect", "requestRedirect"),
    ("URLRewrite", "urlRewrite"),
    ("CORS", "cors"),
    ("ExternalAuth", "externalAuth"),
    ("ExtensionRef", "extensionRef"),
];

/// Types that may stand in a list once only.
const ONCE: &[&str] =
    &["CORS", "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite"];

/// Adds the mistakes of a list of filters.
pub(super) fn check(filters: &[At<'_>], errors: &mut Vec<FieldError>) {
    for filter in filters {
        type_and_field(filter, errors);
        path_modifier(&filter.field("requestRedirect").field("path"), errors);
        path_modifier(&filter.field("urlRewrite").field("path"), errors);
        mirror(&filter.field("requestMirror"), errors);
        backend_port(&filter.field("requestMirror").field("backendRef"), errors);
        let auth = filter.field("externalAuth");
        backend_port(&auth.field("backendRef"), errors);
        external_auth(&auth, errors);
        for list in ["allowOrigins", "allowMethods", "allowHeaders"] {
            lone_wildcard(&filter.field("cors").field(list), errors);
        }
    }
    once(filters, errors);
    let position = |kind: &str| filters.iter().find(|filter| filter.field("type").text() == kind);
    if let (Some(redirect), Some(rewrite)) = (position("RequestRedirect"), position("URLRewrite")) {
        let expected = format!(
            "either a redirect or a rewrite, not both: {} is a RequestRedirect",
            redirect.path
        );
        let kind = rewrite.field("type");
        errors.push(FieldError::new(rewrite.path.clone(), Problem::Invalid, kind.value, expected));
    }
}

fn type_and_field(filter: &At<'_>, errors: &mut Vec<FieldError>) {
    let kind = filter.field("type").text();
    for (owner, name) in FIELDS {
        let field = filter.field(name);
        if *owner == kind && !field.exists() {
            let expected = format!("an object, because the type of the filter is {kind}");
            errors.push(FieldError::required(field.path, expected));
        } else if *owner != kind && field.exists() {
            let expected = format!("no `{name}`, which goes with type {owner}, not {kind}");
            errors.push(FieldError::new(field.path, Problem::Invalid, field.value, expected));
        }
    }
}

fn path_modifier(path: &At<'_>, errors: &mut Vec<FieldError>) {
    if !path.exists() {
        return;
    }
    let kind = path.field("type").text();
    for (owner, name) in
        [("ReplaceFullPath", "replaceFullPath"), ("ReplacePrefixMatch", "replacePrefixMatch")]
    {
        let field = path.field(name);
        if owner == kind && !field.exists() {
            let expected = format!("a path, because the type is {kind}");
            errors.push(FieldError::required(field.path, expected));
        } else if owner != kind && field.exists() {
            let expected = format!("no `{name}`, which goes with type {owner}, not {kind}");
            errors.push(FieldError::new(field.path, Problem::Invalid, field.value, expected));
        }
    }
}

fn mirror(mirror: &At<'_>, errors: &mut Vec<FieldError>) {
    let (percent, fraction) = (mirror.field("percent"), mirror.field("fraction"));
    if percent.exists() && fraction.exists() {
        let expected = "either `percent` or `fraction`, not both";
        errors.push(FieldError::new(fraction.path, Problem::Invalid, fraction.value, expected));
        return;
    }
    let (numerator, denominator) = (fraction.field("numerator"), fraction.field("denominator"));
    if let (Some(top), Some(bottom)) = (numerator.value.as_i64(), denominator.value.as_i64())
        && top > bottom
    {
        let expected = format!("at most the denominator, {bottom}");
        errors.push(FieldError::new(numerator.path, Problem::Invalid, numerator.value, expected));
    }
}

/// A Service needs a port (`BackendObjectReference`).
pub(super) fn backend_port(reference: &At<'_>, errors: &mut Vec<FieldError>) {
    let port = reference.field("port");
    let is_service = reference.value["group"] == "" && reference.field("kind").text() == "Service";
    if is_service && !port.exists() {
        let name = reference.field("name").text();
        let expected =
            format!("a port from 1 to 65535; a reference to a Service (`{name}`) needs one");
        errors.push(FieldError::required(port.path, expected));
    }
}

fn external_auth(auth: &At<'_>, errors: &mut Vec<FieldError>) {
    if !auth.exists() {
        return;
    }
    let protocol = auth.field("protocol").text();
    for (owner, name) in [("GRPC", "grpc"), ("HTTP", "http")] {
        let field = auth.field(name);
        if owner == protocol && !field.exists() {
            let expected = format!("an object, because the protocol is {protocol}");
            errors.push(FieldError::required(field.path, expected));
        } else if owner != protocol && field.exists() {
            let expected = format!("no `{name}`, because the protocol is {protocol}");
            errors.push(FieldError::new(field.path, Problem::Invalid, field.value, expected));
        }
    }
}

fn lone_wildcard(list: &At<'_>, errors: &mut Vec<FieldError>) {
    let entries = list.entries();
    if entries.len() > 1 && entries.iter().any(|entry| entry.text() == "*") {
        let expected = "either `*` alone or a list without it";
        errors.push(FieldError::new(list.path.clone(), Problem::Invalid, list.value, expected));
    }
}

fn once(filters: &[At<'_>], errors: &mut Vec<FieldError>) {
    for kind in ONCE {
        let mut same = filters.iter().filter(|filter| filter.field("type").text() == *kind);
        let Some(first) = same.next() else { continue };
        for again in same {
            let expected = format!("one filter of this type, and {} is one", first.path);
            let found = again.field("type");
            errors.push(FieldError::new(
                again.path.clone(),
                Problem::Duplicate,
                found.value,
                expected,
            ));
        }
    }
}
