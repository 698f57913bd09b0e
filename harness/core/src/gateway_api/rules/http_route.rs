//! The rules of an HTTPRoute: how matches, filters, backends and timeouts of a rule fit together.

use super::{At, filter, parent_ref, path_match};
use crate::gateway_api::form::milliseconds;
use crate::gateway_api::{FieldError, Problem};
use crate::scenario::Channel;

/// Most matches in all rules together (`HTTPRouteSpec.rules`).
const MOST_MATCHES: usize = 128;

/// Adds the mistakes of an HTTPRoute's spec.
pub(super) fn check(spec: &At<'_>, channel: Channel, errors: &mut Vec<FieldError>) {
    parent_ref::check(&spec.field("parentRefs").entries(), channel, errors);
    let rules = spec.field("rules");
    let mut matches = 0;
    for rule in rules.entries() {
        matches += rule.field("matches").entries().len();
        check_rule(&rule, errors);
    }
    if matches > MOST_MATCHES {
        errors.push(FieldError {
            path: rules.path,
            problem: Problem::TooMany,
            found: format!("{matches} matches in all rules together"),
            expected: format!("at most {MOST_MATCHES}; split the route into several"),
            nearest: None,
        });
    }
}

fn check_rule(rule: &At<'_>, errors: &mut Vec<FieldError>) {
    for one in rule.field("matches").entries() {
        path_match::check(&one.field("path"), errors);
    }
    let filters = rule.field("filters").entries();
    filter::check(&filters, errors);
    let backends = rule.field("backendRefs").entries();
    if let Some(redirect) = filters.iter().find(|filter| filter.field("requestRedirect").exists())
        && !backends.is_empty()
    {
        let path = rule.path.field("backendRefs");
        let found = &rule.value["backendRefs"];
        let expected = format!(
            "no backends in a rule that redirects ({} is a RequestRedirect)",
            redirect.path
        );
        errors.push(FieldError::new(path, Problem::Invalid, found, expected));
    }
    prefix_replacement(rule, &filters, errors);
    for backend in &backends {
        filter::backend_port(backend, errors);
        let filters = backend.field("filters").entries();
        filter::check(&filters, errors);
        prefix_replacement(rule, &filters, errors);
    }
    timeouts(&rule.field("timeouts"), errors);
    session(&rule.field("sessionPersistence"), errors);
}

/// Replacing a prefix only makes sense when the rule matches exactly one prefix.
fn prefix_replacement(rule: &At<'_>, filters: &[At<'_>], errors: &mut Vec<FieldError>) {
    let matches = rule.field("matches").entries();
    let one_prefix = matches!(
        matches.as_slice(),
        [only] if only.field("path").field("type").text() == "PathPrefix"
    );
    if one_prefix {
        return;
    }
    for filter in filters {
        for kind in ["requestRedirect", "urlRewrite"] {
            let path = filter.field(kind).field("path");
            if path.field("type").text() == "ReplacePrefixMatch"
                && path.field("replacePrefixMatch").exists()
            {
                let expected = format!(
                    "exactly one match with a PathPrefix in the rule, which `replacePrefixMatch` \
                     needs; {} has {}",
                    rule.path.field("matches"),
                    described(&matches),
                );
                let replaced = path.field("replacePrefixMatch");
                errors.push(FieldError::new(
                    replaced.path,
                    Problem::Invalid,
                    replaced.value,
                    expected,
                ));
            }
        }
    }
}

fn described(matches: &[At<'_>]) -> String {
    match matches {
        [] => "none".to_owned(),
        [only] => format!("one of type {}", only.field("path").field("type").text()),
        several => format!("{} matches", several.len()),
    }
}

/// The timeout of one try may not exceed that of the whole request; `0s` means none.
fn timeouts(timeouts: &At<'_>, errors: &mut Vec<FieldError>) {
    let (request, backend) = (timeouts.field("request"), timeouts.field("backendRequest"));
    let (Some(whole), Some(one_try)) = (milliseconds(request.text()), milliseconds(backend.text()))
    else {
        return;
    };
    if whole != 0 && one_try > whole {
        let expected = format!("at most the request timeout, {}", request.text());
        errors.push(FieldError::new(backend.path, Problem::Invalid, backend.value, expected));
    }
}

/// `SessionPersistence` in `shared_types.go`.
fn session(session: &At<'_>, errors: &mut Vec<FieldError>) {
    if !session.exists() {
        return;
    }
    let kind = session.field("type").text();
    for (owner, name) in [("Cookie", "cookie"), ("Header", "header")] {
        let field = session.field(name);
        if owner == kind && !field.exists() {
            let expected = format!("an object, because the type is {kind}");
            errors.push(FieldError::required(field.path, expected));
        } else if owner != kind && field.exists() {
            let expected = format!("no `{name}`, because the type is {kind}");
            errors.push(FieldError::new(field.path, Problem::Invalid, field.value, expected));
        }
    }
    let lifetime = session.field("cookie").field("lifetimeType").text();
    if lifetime == "Permanent" && !session.field("absoluteTimeout").exists() {
        let path = session.path.field("absoluteTimeout");
        let expected = "a duration, because the lifetime of the cookie is Permanent";
        errors.push(FieldError::required(path, expected));
    }
}
