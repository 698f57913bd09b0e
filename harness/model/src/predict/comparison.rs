//! What changes between two versions, in words, and which documented fact is behind it.
//!
//! A fact is behind a change when turning that one behaviour over, on the older or on the newer
//! version alone, changes the same thing. So an explanation is itself a prediction, never a guess
//! from a table; a change that no single fact moves is told without one.

mod facets;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::overview::overview;
use super::{Prediction, Question, predict};
use crate::facts::{Behaviour, FACTS, holds};

use facets::{Facets, facets};

/// What changes from one version to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Changes by what they are about, such as `Gateway apps/web`, in order.
    pub subjects: Vec<Subject>,
    /// Objects that appear, disappear or change, in the order of the prediction.
    pub objects: Vec<ObjectChange>,
}

/// What one thing's changes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Such as `Gateway apps/web`.
    pub name: String,
    /// Its changes.
    pub changes: Vec<Change>,
}

/// A change that matters to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What changes, such as `Service type`.
    pub what: String,
    /// What it was; none when it was not there.
    pub before: Option<String>,
    /// What it becomes; none when it is gone.
    pub after: Option<String>,
    /// What is behind it.
    pub causes: Vec<Cause>,
}

/// What happens to an object of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    /// `Kind namespace/name`.
    pub object: String,
    /// What happens.
    pub fate: Fate,
    /// What is behind it.
    pub causes: Vec<Cause>,
}

/// What happens to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Only the newer version makes it.
    Appears,
    /// Only the older version makes it.
    Disappears,
    /// Both make it, and these fields differ.
    Differs {
        /// Paths of the fields.
        fields: Vec<String>,
    },
}

/// What is behind a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// A documented behaviour of one of the versions.
    Fact(Behaviour),
    /// The same Helm values amount to another configuration.
    Configuration,
}

impl Comparison {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.objects.is_empty()
    }

    /// Every cause that is named.
    pub fn causes(&self) -> BTreeSet<Cause> {
        let of_changes = self.subjects.iter().flat_map(|one| &one.changes);
        let of_objects = self.objects.iter().flat_map(|one| &one.causes);
        of_changes.flat_map(|change| &change.causes).chain(of_objects).copied().collect()
    }
}

/// Compares the answers to two questions about the same objects.
pub fn compare(
    (older, before): (&Question<'_>, &Prediction),
    (newer, after): (&Question<'_>, &Prediction),
) -> Comparison {
    let (old, new) = (Sides::of(older, before), Sides::of(newer, after));
    let variations = Variations::of(older, newer);
    let mut subjects: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
    let keys: BTreeSet<_> = old.facets.keys().chain(new.facets.keys()).collect();
    for key in keys {
        let (before, after) = (old.facets.get(key), new.facets.get(key));
        if !key.changes(before, after) {
            continue;
        }
        subjects.entry(&key.subject).or_default().push(Change {
            what: key.what.clone(),
            before: before.cloned(),
            after: after.cloned(),
            causes: variations.behind(&old, &new, |one, other| {
                key.changes(one.facets.get(key), other.facets.get(key))
            }),
        });
    }
    let subjects = subjects
        .into_iter()
        .map(|(name, changes)| Subject { name: name.to_owned(), changes: grouped(changes) })
        .collect();
    Comparison { subjects, objects: objects(&old, &new, &variations) }
}

/// A prediction as things that can be compared.
struct Sides {
    facets: Facets,
    objects: BTreeMap<String, Value>,
    order: Vec<String>,
}

impl Sides {
    fn of(question: &Question<'_>, prediction: &Prediction) -> Self {
        let named: Vec<(String, Value)> = prediction
            .objects
            .iter()
            .map(|object| (crate::resources::identity(object), object.clone()))
            .collect();
        Self {
            facets: facets(&overview(question, prediction)),
            order: named.iter().map(|(name, _)| name.clone()).collect(),
            objects: named.into_iter().collect(),
        }
    }
}

/// Both sides with one thing of the other.
struct Variation {
    cause: Cause,
    of_older: Sides,
    of_newer: Sides,
}

/// All variations of two sides.
struct Variations(Vec<Variation>);

impl Variations {
    fn of(older: &Question<'_>, newer: &Question<'_>) -> Self {
        let of = |question: Question<'_>| Sides::of(&question, &predict(&question));
        let differing = FACTS
            .iter()
            .map(|fact| fact.behaviour)
            .filter(|fact| holds(older.version, *fact) != holds(newer.version, *fact));
        let mut variations: Vec<Variation> = differing
            .map(|behaviour| Variation {
                cause: Cause::Fact(behaviour),
                of_older: of(Question { turned: Some(behaviour), ..*older }),
                of_newer: of(Question { turned: Some(behaviour), ..*newer }),
            })
            .collect();
        if older.config != newer.config {
            variations.push(Variation {
                cause: Cause::Configuration,
                of_older: of(Question { config: newer.config, ..*older }),
                of_newer: of(Question { config: older.config, ..*newer }),
            });
        }
        Self(variations)
    }

    /// The causes that alone move something on either side.
    fn behind(
        &self,
        old: &Sides,
        new: &Sides,
        moved: impl Fn(&Sides, &Sides) -> bool,
    ) -> Vec<Cause> {
        self.0
            .iter()
            .filter(|variation| moved(old, &variation.of_older) || moved(new, &variation.of_newer))
            .map(|variation| variation.cause)
            .collect()
    }
}

/// Sockets of many nodes that change alike are told once.
fn grouped(changes: Vec<Change>) -> Vec<Change> {
    let mut grouped: Vec<Change> = Vec::new();
    let mut nodes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for change in changes {
        let Some((what, node)) = change.what.split_once(facets::ON_NODE) else {
            grouped.push(change);
            continue;
        };
        let alike = |(index, other): (usize, &Change)| {
            (nodes.contains_key(&index)
                && other.what == what
                && other.before == change.before
                && other.after == change.after
                && other.causes == change.causes)
                .then_some(index)
        };
        let found = grouped.iter().enumerate().find_map(alike);
        let index = found.unwrap_or(grouped.len());
        nodes.entry(index).or_default().push(node.to_owned());
        if found.is_none() {
            grouped.push(Change { what: what.to_owned(), ..change });
        }
    }
    for (index, nodes) in nodes {
        let what = &mut grouped[index].what;
        *what = match nodes.as_slice() {
            [one] => format!("{what} on node {one}"),
            several => format!("{what} on nodes {}", several.join(", ")),
        };
    }
    grouped
}

fn objects(old: &Sides, new: &Sides, variations: &Variations) -> Vec<ObjectChange> {
    let only_new = new.order.iter().filter(|name| !old.objects.contains_key(*name));
    let names = old.order.iter().chain(only_new);
    names
        .filter_map(|name| {
            let fate = match (old.objects.get(name), new.objects.get(name)) {
                (Some(before), Some(after)) => {
                    let mut fields = Vec::new();
                    differing_fields("", before, after, &mut fields);
                    if fields.is_empty() {
                        return None;
                    }
                    Fate::Differs { fields }
                }
                (Some(_), None) => Fate::Disappears,
                (None, _) => Fate::Appears,
            };
            let causes = variations
                .behind(old, new, |one, other| one.objects.get(name) != other.objects.get(name));
            Some(ObjectChange { object: name.clone(), causes, fate })
        })
        .collect()
}

/// Paths at which two values differ; lists of different lengths differ as a whole.
fn differing_fields(path: &str, before: &Value, after: &Value, out: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differing_fields(&at, a, b, out),
                    _ => out.push(at),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differing_fields(&format!("{path}[{index}]"), a, b, out);
            }
        }
        (a, b) if a == b => {}
        _ => out.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests;
