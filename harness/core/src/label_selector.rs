//! Label selectors, as Kubernetes writes them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// `matchLabels` and `matchExpressions`; all must hold, and an empty selector selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Requirement {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    /// Whether labels are selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.holds(labels))
    }
}

/// The labels in an object's metadata.
pub fn labels_of(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

impl fmt::Display for LabelSelector {
    /// As kubectl takes it: `role=gateway,zone in (a,b),!spare`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|one| {
            let (key, values) = (&one.key, one.values.join(","));
            match one.operator {
                Operator::In => format!("{key} in ({values})"),
                Operator::NotIn => format!("{key} notin ({values})"),
                Operator::Exists => key.clone(),
                Operator::DoesNotExist => format!("!{key}"),
            }
        });
        let all: Vec<String> = labels.chain(expressions).collect();
        if all.is_empty() { f.pad("everything") } else { f.pad(&all.join(",")) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::LabelSelector;

    fn matches(selector: serde_json::Value, labels: &[(&str, &str)]) -> bool {
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        serde_json::from_value::<LabelSelector>(selector).expect("a selector").matches(&labels)
    }

    #[test]
    fn an_empty_selector_selects_everything() {
        assert!(matches(json!({}), &[]));
    }

    #[test]
    fn every_part_must_hold() {
        let selector = json!({"matchLabels": {"a": "1"}, "matchExpressions": [
            {"key": "b", "operator": "In", "values": ["x", "y"]},
            {"key": "c", "operator": "DoesNotExist"}]});
        assert!(matches(selector.clone(), &[("a", "1"), ("b", "y")]));
        assert!(!matches(selector.clone(), &[("a", "1"), ("b", "z")]));
        assert!(!matches(selector, &[("a", "1"), ("b", "y"), ("c", "")]));
    }

    #[test]
    fn not_in_holds_for_an_absent_label() {
        let selector =
            json!({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["x"]}]});
        assert!(matches(selector.clone(), &[]));
        assert!(!matches(selector, &[("b", "x")]));
    }
}
