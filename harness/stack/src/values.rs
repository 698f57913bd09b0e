//! The values that Helm is given: what this cluster needs, below what the scenario and its variant
//! say. Pure.
//!
//! A value that a person wrote is never replaced. Where it contradicts what the cluster needs it
//! stays, and the contradiction is told.

use gateproof_core::cilium::values::merge;
use gateproof_core::redaction;
use serde_json::{Map, Value, json};

mod needs;
mod unknown;

pub use needs::needs;
pub(crate) use unknown::unknown_keys;

/// A value that a cluster needs, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// Its dotted path, such as `ipam.mode`.
    pub path: &'static str,
    /// The value.
    pub value: Value,
    /// Why, as a clause: `the cluster has no kube-proxy`.
    pub reason: String,
    /// What comes of another value.
    pub strength: Strength,
}

/// How much a cluster needs a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Without it Cilium does not come to work.
    Required,
    /// Without it things take longer, or more room.
    Advised,
}

/// What became of a need.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was added.
    Added,
    /// The values say the same already.
    SaidAlready,
    /// The values say otherwise, and stay.
    Overruled(Value),
}

/// Values for a chart, and how they came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The values.
    pub values: Value,
    /// The needs of the cluster, and what became of each.
    pub needs: Vec<(Need, Outcome)>,
}

impl Merged {
    /// Puts what a cluster needs below the values that people wrote.
    #[must_use]
    pub fn of(written: &Value, needs: Vec<Need>) -> Self {
        let mut below = Value::Object(Map::new());
        let needs = needs
            .into_iter()
            .map(|need| {
                let outcome = match lookup(written, need.path) {
                    None => {
                        below = merge(&below, &at(need.path, need.value.clone()));
                        Outcome::Added
                    }
                    Some(said) if same(said, &need.value) => Outcome::SaidAlready,
                    Some(said) => Outcome::Overruled(said.clone()),
                };
                (need, outcome)
            })
            .collect();
        let written = if written.is_object() { written.clone() } else { json!({}) };
        Self { values: merge(&below, &written), needs }
    }

    /// The values as a file for people: with a comment for every value that was added, and without
    /// secrets.
    #[must_use]
    pub fn as_evidence(&self, of: &str) -> String {
        let mut text = format!("# Values for {of}, as Helm was given them.\n");
        for (need, outcome) in &self.needs {
            let Need { path, value, reason, .. } = need;
            let line = match outcome {
                Outcome::Added => format!("# added    {path}: {value}, because {reason}\n"),
                Outcome::SaidAlready => continue,
                Outcome::Overruled(said) => {
                    format!("# kept     {path}: {said}, not {value}, though {reason}\n")
                }
            };
            text.push_str(&line);
        }
        text.push_str(&as_yaml(&redaction::values(&self.values)));
        text
    }

    /// Contradictions between what is required and what was written, in words.
    pub fn contradictions(&self) -> impl Iterator<Item = String> + '_ {
        self.needs.iter().filter_map(|(need, outcome)| match outcome {
            Outcome::Overruled(said) if need.strength == Strength::Required => Some(format!(
                "the values say {}: {said}, which stays; expected {}, because {}",
                need.path, need.value, need.reason
            )),
            Outcome::Overruled(_) | Outcome::Added | Outcome::SaidAlready => None,
        })
    }
}

/// Values as YAML.
pub(crate) fn as_yaml(values: &Value) -> String {
    serde_saphyr::to_string(values).expect("a JSON value always has a YAML form")
}

/// The value at a dotted path; a null counts as written, because it removes the chart's default.
fn lookup<'v>(values: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(values, |value, key| value.get(key))
}

/// Whether two values mean the same to a chart's template: `true` and `"true"` print alike.
fn same(one: &Value, other: &Value) -> bool {
    let printed = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    one == other || printed(one) == printed(other)
}

/// A value at a dotted path.
fn at(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, key| json!({ key: value }))
}

#[cfg(test)]
mod tests;
