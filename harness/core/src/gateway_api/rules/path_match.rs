//! What the value of an `Exact` or `PathPrefix` match may look like (`HTTPPathMatch` in
//! `httproute_types.go`). Regular expressions are not judged.

use super::At;
use crate::gateway_api::{FieldError, Problem};

/// Adds the mistakes of one `path` of a match.
pub(super) fn check(path: &At<'_>, errors: &mut Vec<FieldError>) {
    let kind = path.field("type").text();
    let value = path.field("value");
    let Some(text) = value.value.as_str() else { return };
    if !matches!(kind, "Exact" | "PathPrefix") {
        return;
    }
    let expected = if let Some(part) =
        ["//", "/./", "/../", "%2f", "%2F", "#"].into_iter().find(|part| text.contains(part))
    {
        format!("a path without `{part}`, because the type is {kind}")
    } else if let Some(end) = ["/..", "/."].into_iter().find(|end| text.ends_with(end)) {
        format!("a path that does not end with `{end}`, because the type is {kind}")
    } else if !text.starts_with('/') {
        format!("a path that starts with `/`, because the type is {kind}")
    } else if !text_is_path(text) {
        format!(
            "only letters, digits, -/._~!$&'()*+,;=:@ and percent-encoded bytes, because the type \
             is {kind}"
        )
    } else {
        return;
    };
    errors.push(FieldError::new(value.path, Problem::Invalid, value.value, expected));
}

fn text_is_path(text: &str) -> bool {
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return true,
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                tail
            }
            [byte, tail @ ..]
                if byte.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(byte) =>
            {
                tail
            }
            _ => return false,
        };
    }
}
