//! The two steps of server-side apply on values: merge what a manager applies into the live
//! object, and remove what it no longer applies.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::{FieldSet, PathElement};
use super::topology::{Parts, Topology};

/// The live value with the applied one merged into it.
///
/// Maps are merged by field, keyed lists and sets by entry, everything else is replaced. Entries
/// only the live list has stay where they were; entries both have follow the applied order.
pub(in crate::api) fn merge(live: &Value, applied: &Value, topology: &Topology) -> Value {
    match (topology.parts(live), topology.parts(applied)) {
        (Ok(Parts::Fields(old)), Ok(Parts::Fields(new))) => {
            let mut merged = old.clone();
            for (name, value) in new {
                let part = topology.part(&PathElement::Field(name.clone()));
                let value = match old.get(name) {
                    Some(live) => merge(live, value, part),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Ok(Parts::Entries(old)), Ok(Parts::Entries(new))) => merge_entries(&old, &new, topology),
        // Applying an empty map or list claims the place without emptying it.
        (Ok(Parts::Fields(_) | Parts::Entries(_)), Ok(Parts::Whole)) if is_empty(applied) => {
            live.clone()
        }
        _ => applied.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// Walks both lists at once: live entries nobody applies are kept in place, the rest comes in the
/// applied order.
fn merge_entries(
    old: &[(PathElement, &Value)],
    new: &[(PathElement, &Value)],
    topology: &Topology,
) -> Value {
    let live: BTreeMap<_, _> = old.iter().map(|(element, value)| (element, *value)).collect();
    let applied: BTreeMap<_, _> = new.iter().map(|(element, value)| (element, *value)).collect();
    let mut merged = Vec::with_capacity(old.len().max(new.len()));
    let mut old = old.iter().peekable();
    for (element, value) in new {
        while let Some((_, kept)) = old.next_if(|(element, _)| !applied.contains_key(element)) {
            merged.push((*kept).clone());
        }
        // Step over the live twin of an applied entry; out of order twins are stepped over too.
        old.next_if(|(other, _)| other == element || applied.contains_key(other));
        merged.push(match live.get(element) {
            Some(live) => merge(live, value, topology.part(element)),
            None => (*value).clone(),
        });
    }
    merged.extend(old.filter(|(e, _)| !applied.contains_key(e)).map(|(_, kept)| (*kept).clone()));
    Value::Array(merged)
}

/// Removes the paths of `gone` from the value, except what `kept` holds.
///
/// A place that becomes empty by this goes as well; an entry of a list stays, with its key, while
/// somebody else owns a part of it.
pub(in crate::api) fn remove(
    value: &mut Value,
    gone: &FieldSet,
    kept: &FieldSet,
    topology: &Topology,
) {
    let elements = match topology.parts(value) {
        Ok(Parts::Entries(entries)) => entries.into_iter().map(|(element, _)| element).collect(),
        _ => Vec::new(),
    };
    match value {
        Value::Object(fields) => remove_fields(fields, gone, kept, topology),
        Value::Array(entries) if !elements.is_empty() => {
            let mut elements = elements.into_iter();
            entries.retain_mut(|entry| {
                let Some(element) = elements.next() else { return true };
                remove_entry(entry, &element, gone, kept, topology)
            });
        }
        _ => {}
    }
}

fn remove_fields(
    fields: &mut Map<String, Value>,
    gone: &FieldSet,
    kept: &FieldSet,
    topology: &Topology,
) {
    fields.retain(|name, value| {
        let element = PathElement::Field(name.clone());
        // The key of an entry goes with the entry or not at all.
        if topology.is_key(name) {
            return true;
        }
        let was_empty = is_empty(value);
        let stays = remove_entry(value, &element, gone, kept, topology);
        let claimed = kept.children.get(&element).is_some_and(|kept| kept.member);
        stays && (was_empty || claimed || !is_empty(value))
    });
}

/// Removes what is gone below an element; whether the element itself stays.
fn remove_entry(
    value: &mut Value,
    element: &PathElement,
    gone: &FieldSet,
    kept: &FieldSet,
    topology: &Topology,
) -> bool {
    let nothing = FieldSet::default();
    let Some(gone) = gone.children.get(element) else { return true };
    let kept = kept.children.get(element).unwrap_or(&nothing);
    if gone.member && kept.is_empty() {
        return false;
    }
    remove(value, gone, kept, topology.part(element));
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{merge, remove};
    use crate::api::fields::set::FieldSet;
    use crate::api::fields::topology::Topology;
    use crate::api::resources::Kind;

    fn gateway() -> &'static Topology {
        Topology::of(&Kind::new("gateway.networking.k8s.io", "Gateway"))
    }

    fn listeners(names: &[&str]) -> Value {
        let list: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"spec": {"listeners": list}})
    }

    fn names(object: &Value) -> Vec<&str> {
        let list = object["spec"]["listeners"].as_array().expect("a list");
        list.iter().filter_map(|listener| listener["name"].as_str()).collect()
    }

    #[test]
    fn merged_lists_keep_foreign_entries_and_follow_the_applied_order() {
        for (live, applied, expected) in [
            (&["a", "b"][..], &["a", "b"][..], &["a", "b"][..]),
            (&["a", "b"], &["b", "a"], &["b", "a"]),
            (&["a", "b", "c"], &["c", "b", "a"], &["c", "b", "a"]),
            (&["x", "a"], &["a", "b"], &["x", "a", "b"]),
            (&["a", "x"], &["b", "a"], &["b", "x", "a"]),
            (&["a", "x"], &["a", "b"], &["a", "x", "b"]),
            (&[], &["a"], &["a"]),
        ] {
            let merged = merge(&listeners(live), &listeners(applied), gateway());
            assert_eq!(names(&merged), expected, "live {live:?}, applied {applied:?}");
        }
    }

    #[test]
    fn merge_replaces_atomic_places_and_merges_the_rest() {
        let live = json!({"spec": {"addresses": [{"value": "a"}], "infrastructure":
            {"labels": {"x": "1"}}, "listeners": [{"name": "a", "port": 80, "hostname": "h"}]}});
        let applied = json!({"spec": {"addresses": [{"value": "b"}], "infrastructure":
            {"labels": {"y": "2"}}, "listeners": [{"name": "a", "port": 81}]}});
        assert_eq!(
            merge(&live, &applied, gateway()),
            json!({"spec": {"addresses": [{"value": "b"}], "infrastructure":
                {"labels": {"x": "1", "y": "2"}},
                "listeners": [{"name": "a", "port": 81, "hostname": "h"}]}})
        );
    }

    #[test]
    fn removal_spares_what_others_own_and_the_keys_of_their_entries() {
        let set = |value: Value| FieldSet::of(&value, gateway()).expect("the keys are there");
        let mut object = json!({"metadata": {"labels": {"mine": "1", "theirs": "2"}}, "spec":
            {"listeners": [{"name": "a", "port": 80, "hostname": "h"}, {"name": "b", "port": 81}]}});
        let gone = set(json!({"metadata": {"labels": {"mine": "1"}}, "spec":
            {"listeners": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}}));
        let mut kept = set(json!({"metadata": {"labels": {"theirs": "2"}}, "spec":
            {"listeners": [{"name": "a", "hostname": "h"}]}}));
        kept.forget(&["spec", "nothing"]);
        remove(&mut object, &gone, &kept, gateway());
        assert_eq!(
            object,
            json!({"metadata": {"labels": {"theirs": "2"}},
                "spec": {"listeners": [{"name": "a", "hostname": "h"}]}})
        );
    }

    #[test]
    fn a_place_emptied_by_removal_goes_unless_it_is_claimed() {
        let set = |value: Value| FieldSet::of(&value, gateway()).expect("the keys are there");
        let gone = set(json!({"metadata": {"labels": {"a": "1"}}}));
        let mut object = json!({"metadata": {"labels": {"a": "1"}, "name": "x"}});
        remove(&mut object, &gone, &FieldSet::default(), gateway());
        assert_eq!(object, json!({"metadata": {"name": "x"}}));
        let mut object = json!({"metadata": {"labels": {"a": "1"}, "name": "x"}});
        let claimed = set(json!({"metadata": {"labels": {}}}));
        remove(&mut object, &gone, &claimed, gateway());
        assert_eq!(object, json!({"metadata": {"labels": {}, "name": "x"}}));
    }
}
