//! `metadata.managedFields`: who owns what, and what a write does to it.
//!
//! Two kinds of managers: those that apply (their set is what they applied last) and those that
//! update (their set is what they changed). Metadata that the server itself decides has no owner.

use serde_json::{Value, json};

use super::apply;
use super::set::FieldSet;
use super::topology::{KeyProblem, Topology};

/// Who writes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Manager<'a> {
    /// The name of the manager.
    pub(in crate::api) name: &'a str,
    /// The `apiVersion` it writes in.
    pub(in crate::api) api_version: &'a str,
    /// The subresource it writes through; `None` for the object itself.
    pub(in crate::api) subresource: Option<&'static str>,
    /// When it writes.
    pub(in crate::api) now: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operation {
    Apply,
    Update,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    manager: String,
    operation: Operation,
    api_version: String,
    subresource: Option<String>,
    time: String,
    fields: FieldSet,
}

impl Entry {
    fn is(&self, manager: &Manager<'_>, operation: Operation) -> bool {
        self.manager == manager.name
            && self.operation == operation
            && self.subresource.as_deref() == manager.subresource
    }
}

/// A field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Conflict {
    /// The owner.
    pub(in crate::api) manager: String,
    /// The `apiVersion` it wrote in.
    pub(in crate::api) api_version: String,
    /// The field.
    pub(in crate::api) path: String,
}

/// What applying came to.
pub(in crate::api) struct Merged {
    /// The object, without `managedFields`.
    pub(in crate::api) object: Value,
    /// The new `managedFields`.
    pub(in crate::api) managed: Value,
    /// Fields owned by others that were taken over, or would have to be.
    pub(in crate::api) conflicts: Vec<Conflict>,
}

/// Merges what a manager applies into the live object and moves the ownership of fields to it.
///
/// Conflicts are listed; it is up to the caller to refuse because of them or to force the result
/// through.
pub(in crate::api) fn apply(
    live: &Value,
    applied: &Value,
    manager: &Manager<'_>,
    topology: &Topology,
) -> Result<Merged, KeyProblem> {
    let mut entries = read(live);
    let claimed = owned_part(FieldSet::of(applied, topology)?);
    let mut object = apply::merge(live, applied, topology);
    let changed = owned_part(FieldSet::changed(live, &object, topology));
    let mut conflicts = Vec::new();
    let mut kept = claimed.clone();
    for entry in entries.iter_mut().filter(|entry| !entry.is(manager, Operation::Apply)) {
        let taken = entry.fields.common(&changed);
        conflicts.extend(taken.paths().into_iter().map(|path| Conflict {
            manager: entry.manager.clone(),
            api_version: entry.api_version.clone(),
            path,
        }));
        entry.fields = entry.fields.without(&taken);
        kept.add(&entry.fields);
    }
    let before = entries.iter().position(|entry| entry.is(manager, Operation::Apply));
    if let Some(position) = before {
        apply::remove(&mut object, &entries[position].fields, &kept, topology);
    }
    let still_there = FieldSet::of_stored(&object, topology);
    for entry in &mut entries {
        entry.fields = entry.fields.common(&still_there);
    }
    set_entry(&mut entries, before, manager, Operation::Apply, claimed);
    Ok(Merged { object, managed: write(entries), conflicts })
}

/// The `managedFields` after an update from `before` (`null` when created) to `after`.
pub(in crate::api) fn update(
    before: &Value,
    after: &Value,
    manager: &Manager<'_>,
    topology: &Topology,
) -> Value {
    let mut entries = read(before);
    let changed = owned_part(FieldSet::changed(before, after, topology));
    let still_there = FieldSet::of_stored(after, topology);
    for entry in &mut entries {
        entry.fields = entry.fields.common(&still_there);
        if !entry.is(manager, Operation::Update) {
            entry.fields = entry.fields.without(&changed);
        }
    }
    let position = entries.iter().position(|entry| entry.is(manager, Operation::Update));
    let mut fields = changed;
    if let Some(position) = position {
        fields.add(&entries[position].fields);
    }
    set_entry(&mut entries, position, manager, Operation::Update, fields);
    write(entries)
}

/// Replaces the entry of a manager; its time moves only when its fields do.
fn set_entry(
    entries: &mut Vec<Entry>,
    position: Option<usize>,
    manager: &Manager<'_>,
    operation: Operation,
    fields: FieldSet,
) {
    match position {
        Some(position) => {
            let entry = &mut entries[position];
            if entry.fields != fields {
                manager.now.clone_into(&mut entry.time);
                entry.fields = fields;
            }
            manager.api_version.clone_into(&mut entry.api_version);
        }
        None => entries.push(Entry {
            manager: manager.name.to_owned(),
            operation,
            api_version: manager.api_version.to_owned(),
            subresource: manager.subresource.map(str::to_owned),
            time: manager.now.to_owned(),
            fields,
        }),
    }
}

/// Leaves out what the server decides.
fn owned_part(mut set: FieldSet) -> FieldSet {
    for path in [
        &["apiVersion"][..],
        &["kind"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "generateName"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "resourceVersion"],
        &["metadata", "generation"],
        &["metadata", "creationTimestamp"],
        &["metadata", "deletionTimestamp"],
        &["metadata", "deletionGracePeriodSeconds"],
        &["metadata", "managedFields"],
    ] {
        set.forget(path);
    }
    set
}

fn read(object: &Value) -> Vec<Entry> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let entry = |entry: &Value| {
        Some(Entry {
            manager: text(entry, "manager"),
            operation: match entry["operation"].as_str()? {
                "Apply" => Operation::Apply,
                _ => Operation::Update,
            },
            api_version: text(entry, "apiVersion"),
            subresource: Some(text(entry, "subresource")).filter(|text| !text.is_empty()),
            time: text(entry, "time"),
            fields: FieldSet::from_json(&entry["fieldsV1"]),
        })
    };
    object["metadata"]["managedFields"].as_array().into_iter().flatten().filter_map(entry).collect()
}

fn write(mut entries: Vec<Entry>) -> Value {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|a, b| {
        let order =
            |entry: &Entry| (entry.operation, entry.manager.clone(), entry.subresource.clone());
        order(a).cmp(&order(b))
    });
    let entry = |entry: &Entry| {
        let mut json = json!({
            "manager": entry.manager,
            "operation": match entry.operation {
                Operation::Apply => "Apply",
                Operation::Update => "Update",
            },
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": entry.fields.to_json(),
        });
        if let Some(subresource) = &entry.subresource {
            json["subresource"] = json!(subresource);
        }
        json
    };
    entries.iter().map(entry).collect()
}
