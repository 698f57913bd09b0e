//! Label and field selectors of list and watch requests.
//!
//! Labels follow the full grammar (`=`, `==`, `!=`, `in`, `notin`, existence). Fields support
//! equality on the fields Kubernetes lets clients select by.

use serde_json::Value;

use super::error::ApiError;
use super::resources::Resource;

/// Chooses objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    condition: Condition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldRequirement {
    pointer: String,
    comparison: Comparison,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
}

impl Selector {
    /// Reads the two selectors of a request.
    pub(super) fn parse(labels: &str, fields: &str, resource: &Resource) -> Result<Self, ApiError> {
        let labels = split_requirements(labels)
            .into_iter()
            .map(|text| parse_label(text).ok_or_else(|| bad_label(text)))
            .collect::<Result<_, _>>()?;
        let fields = fields
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| parse_field(text, resource))
            .collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether it may leave objects out.
    pub(super) fn chooses(&self) -> bool {
        !(self.labels.is_empty() && self.fields.is_empty())
    }

    /// Whether the object is chosen.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"][key].as_str();
        self.labels.iter().all(|requirement| match &requirement.condition {
            Condition::Exists => label(&requirement.key).is_some(),
            Condition::Missing => label(&requirement.key).is_none(),
            Condition::In(values) => {
                label(&requirement.key).is_some_and(|value| values.iter().any(|v| v == value))
            }
            Condition::NotIn(values) => {
                label(&requirement.key).is_none_or(|value| values.iter().all(|v| v != value))
            }
        }) && self.fields.iter().all(|requirement| {
            let found = object.pointer(&requirement.pointer);
            let found = found.and_then(Value::as_str).unwrap_or_default();
            match requirement.comparison {
                Comparison::Equal => found == requirement.value,
                Comparison::NotEqual => found != requirement.value,
            }
        })
    }
}

/// Splits at the commas that are not inside a value list.
fn split_requirements(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_i32);
    for (position, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn parse_label(text: &str) -> Option<Requirement> {
    let (key, condition) = if let Some(key) = text.strip_prefix('!') {
        (key, Condition::Missing)
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Condition::NotIn(vec![value.trim().to_owned()]))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Condition::In(vec![value.trim().to_owned()]))
    } else if let Some((head, list)) = text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        match operator {
            "in" => (key, Condition::In(values)),
            "notin" => (key, Condition::NotIn(values)),
            _ => return None,
        }
    } else {
        (text, Condition::Exists)
    };
    let key = key.trim();
    let fits = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    fits.then(|| Requirement { key: key.to_owned(), condition })
}

fn bad_label(text: &str) -> ApiError {
    ApiError::bad_request(format!(
        "unable to parse requirement: found \"{text}\", expected key, !key, key=value, \
         key!=value, key in (a,b) or key notin (a,b)"
    ))
}

fn parse_field(text: &str, resource: &Resource) -> Result<FieldRequirement, ApiError> {
    let split = text
        .split_once("!=")
        .map(|(field, value)| (field, Comparison::NotEqual, value))
        .or_else(|| text.split_once("==").map(|(f, v)| (f, Comparison::Equal, v)))
        .or_else(|| text.split_once('=').map(|(f, v)| (f, Comparison::Equal, v)));
    let Some((field, comparison, value)) = split else {
        let message = format!("invalid selector: '{text}'; can't understand '{text}'");
        return Err(ApiError::bad_request(message));
    };
    let field = field.trim();
    let known = selectable(resource);
    if !known.contains(&field) {
        let message = format!(
            "field label not supported: {field}; {} can be selected by {}",
            resource.plural,
            known.join(", ")
        );
        return Err(ApiError::bad_request(message));
    }
    let pointer = format!("/{}", field.replace('.', "/"));
    Ok(FieldRequirement { pointer, comparison, value: value.trim().to_owned() })
}

/// The fields a kind can be selected by (Kubernetes 1.36 `pkg/apis/core/v1/conversion.go`).
fn selectable(resource: &Resource) -> Vec<&'static str> {
    let own: &[&str] = match (resource.group, resource.kind) {
        ("", "Pod") => &["spec.nodeName", "status.phase", "status.podIP"],
        ("", "Secret") => &["type"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("", "Namespace") => &["status.phase"],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "type",
        ],
        _ => &[],
    };
    ["metadata.name", "metadata.namespace"].iter().chain(own).copied().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Selector;
    use crate::api::resources::{Kind, Resource, of_kind};

    fn pods() -> &'static Resource {
        of_kind(&Kind::core("Pod")).expect("pods are served")
    }

    #[test]
    fn label_selectors_choose_by_the_full_grammar() {
        let object = json!({"metadata": {"labels": {"app": "echo", "a.b/c": "1"}}});
        for (selector, chosen) in [
            ("", true),
            ("app", true),
            ("!app", false),
            ("app=echo", true),
            ("app == echo", true),
            ("app=ech", false),
            ("app!=echo", false),
            ("other!=echo", true),
            ("other=", false),
            ("app in (x,echo)", true),
            ("app in (x)", false),
            ("app notin (x, y)", true),
            ("other notin (x)", true),
            ("app notin (echo)", false),
            ("app in (x,echo),a.b/c=1", true),
            ("app=echo,!a.b/c", false),
        ] {
            let parsed = Selector::parse(selector, "", pods()).expect(selector);
            assert_eq!(parsed.matches(&object), chosen, "{selector}");
        }
    }

    #[test]
    fn nonsense_is_refused_instead_of_choosing_everything() {
        for selector in ["app in echo", "app within (x)", "a b", "=x", "!", "app>(1)"] {
            assert!(Selector::parse(selector, "", pods()).is_err(), "{selector}");
        }
        for fields in ["metadata.name", "spec.foo=1"] {
            assert!(Selector::parse("", fields, pods()).is_err(), "{fields}");
        }
    }

    #[test]
    fn field_selectors_compare_for_equality() {
        let object = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n"}});
        for (fields, chosen) in [
            ("metadata.name=a", true),
            ("metadata.name==b", false),
            ("metadata.name!=b", true),
            ("metadata.name=a,spec.nodeName=n", true),
            ("metadata.name=a,spec.nodeName=", false),
            ("status.phase=", true),
        ] {
            let parsed = Selector::parse("", fields, pods()).expect(fields);
            assert_eq!(parsed.matches(&object), chosen, "{fields}");
        }
    }
}
