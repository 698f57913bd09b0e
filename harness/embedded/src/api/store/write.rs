//! The steps of every write: find the live object, form the new one, admit it, record who owns
//! what, count the generation, store it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::definition;
use super::deletion;
use super::precondition;
use super::state::{State, name_suffix, new_uid};
use super::{Applied, Outcome, Part};
use crate::api::admission::{self, Rules, UnknownFields};
use crate::api::certificate_request;
use crate::api::error::{ApiError, Cause};
use crate::api::fields::managers::{self, Manager};
use crate::api::fields::topology::Topology;
use crate::api::kinds::Kinds;
use crate::api::object::{
    ObjectName, has_finalizers, is_terminating, metadata_text, set_metadata, without,
};
use crate::api::resources::{Generation, Kind, Resource, Scope, StatusPart, split_api_version};

/// Metadata that the server decides and writers cannot change.
const SYSTEM_METADATA: &[&str] = &[
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "resourceVersion",
];

/// A write.
pub(in crate::api) struct Write<'a> {
    /// The kind of the object.
    pub(in crate::api) resource: &'static Resource,
    /// Its name; may be missing where the server makes one up.
    pub(in crate::api) name: Option<ObjectName>,
    /// The version it is written in.
    pub(in crate::api) version: &'static str,
    /// Who writes.
    pub(in crate::api) manager: &'a str,
    /// Which part.
    pub(in crate::api) part: Part,
    /// What to do with unknown fields.
    pub(in crate::api) unknown: UnknownFields,
    /// Whether to keep the result.
    pub(in crate::api) persistence: Persistence,
    /// How the new object comes about.
    pub(in crate::api) operation: Operation<'a>,
    /// What is written; unused by a patch.
    pub(in crate::api) object: Value,
}

/// How the new object comes about.
pub(in crate::api) enum Operation<'a> {
    /// It must not exist yet.
    Create,
    /// It must exist and is replaced.
    Replace,
    /// It must exist; this makes the new one of the live one.
    Patch(&'a dyn Fn(&Value) -> Result<Value, ApiError>),
    /// Server-side apply.
    Apply(Conflicts),
}

/// What happens when somebody else owns an applied field with another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Conflicts {
    /// The write is refused.
    Refuse,
    /// The field changes hands.
    Force,
}

/// Whether the result of a write is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Persistence {
    /// It is stored.
    Stored,
    /// It is only computed (`dryRun=All`).
    DryRun,
}

impl<'a> Write<'a> {
    /// A write of a controller: what the object says about itself is right, unknown fields are
    /// refused, the result is stored.
    pub(in crate::api) fn controller(
        kinds: &Kinds,
        manager: &'a str,
        part: Part,
        operation: Operation<'a>,
        object: Value,
    ) -> Result<Self, ApiError> {
        let kind = Kind::of(&object)
            .ok_or_else(|| ApiError::bad_request("Object 'apiVersion' or 'Kind' is missing"))?;
        let resource = kinds.of_kind(&kind).ok_or_else(|| ApiError::no_such_kind(&kind))?;
        let (_, version) = split_api_version(object["apiVersion"].as_str().unwrap_or_default());
        let served = resource.versions.iter().find(|served| **served == version);
        // Controllers write the version they know; a definition may serve others only.
        let version = match served {
            Some(version) => version,
            None if kinds.custom(&kind).is_some() => resource.preferred_version(),
            None => return Err(ApiError::no_such_kind(&kind)),
        };
        Ok(Self {
            resource,
            name: ObjectName::of(&object),
            version,
            manager,
            part,
            unknown: UnknownFields::Refuse,
            persistence: Persistence::Stored,
            operation,
            object,
        })
    }
}

/// Which object is written, by whom, and which of its parts have owners.
struct Target<'t> {
    name: &'t ObjectName,
    manager: &'t Manager<'t>,
    topology: &'t Topology,
}

/// A new object on its way into the store.
struct Draft {
    object: Value,
    /// `managedFields`, when the operation has worked them out already.
    managed: Option<Value>,
}

/// Performs a write.
pub(super) fn perform(
    state: &mut State,
    write: &Write<'_>,
    now: &str,
) -> Result<Applied, ApiError> {
    let resource = write.resource;
    let kind = resource.as_kind();
    if write.part == Part::Status && resource.status == StatusPart::Ordinary {
        return Err(ApiError::no_such_path());
    }
    let name = target(write)?;
    let live = state.get(&kind, &name);
    let api_version = resource.api_version(write.version);
    let manager = Manager {
        name: write.manager,
        api_version: &api_version,
        subresource: (write.part == Part::Status).then_some("status"),
        now,
    };
    let custom = state.kinds().custom(&kind).cloned();
    let rules = Rules::of(custom.as_deref(), write.version);
    let (mut given, mut warnings) = given(write, live.as_deref(), &name, &rules)?;
    warnings.extend(admission::caveat(resource));
    given["apiVersion"] = json!(resource.api_version(resource.preferred_version()));
    given["kind"] = json!(resource.kind);
    set_metadata(&mut given, "name", Some(json!(name.name)));
    let topology = custom.as_ref().map_or_else(|| Topology::of(&kind), |kind| kind.topology());
    let target = Target { name: &name, manager: &manager, topology };
    let draft = draft(write, live.as_deref(), given, &target)?;
    let Draft { mut object, managed: applied_fields } = draft;
    if let Some(live) = &live {
        keep_system_metadata(&mut object, live);
    } else {
        admission::admit_name(resource, &name)?;
        precondition::check_namespace(state, resource, &name)?;
        begin(&mut object, resource, &name, now);
        certificate_request::admit(resource, &mut object)?;
    }
    admission::admit(resource, &name, live.as_deref(), &mut object, &rules)?;
    let definition = definition::read(state, resource, live.as_deref(), &mut object, now)?;
    let ownership = applied_fields.unwrap_or_else(|| {
        match (&live, resource.status) {
            (Some(live), _) => managers::update(live, &object, &manager, topology),
            // Whoever creates an object does not own the status it starts with.
            (None, StatusPart::Subresource) => {
                let owned = without(object.clone(), "status");
                managers::update(&Value::Null, &owned, &manager, topology)
            }
            (None, StatusPart::Ordinary) => {
                managers::update(&Value::Null, &object, &manager, topology)
            }
        }
    });
    let applied = commit(state, write, &name, live.as_ref(), object, ownership, now);
    if let (Some(definition), Persistence::Stored) = (definition, write.persistence) {
        state.serve(state.kinds().with(definition));
    }
    Ok(Applied { warnings, ..applied })
}

/// The name of the object; made up when `generateName` asks for it.
fn target(write: &Write<'_>) -> Result<ObjectName, ApiError> {
    let mut name = match (&write.name, metadata_text(&write.object, "generateName")) {
        (Some(name), _) => name.clone(),
        (None, Some(prefix)) if matches!(write.operation, Operation::Create) => ObjectName {
            namespace: metadata_text(&write.object, "namespace").map(str::to_owned),
            name: format!("{prefix}{}", name_suffix()),
        },
        (None, _) => {
            return Err(ApiError::invalid(
                write.resource,
                "",
                vec![Cause {
                    reason: "FieldValueRequired",
                    message: "Required value: name or generateName is required".to_owned(),
                    field: "metadata.name".to_owned(),
                }],
            ));
        }
    };
    if write.resource.scope == Scope::Cluster {
        name.namespace = None;
    }
    Ok(name)
}

/// What the writer gives, with unknown fields dealt with; and warnings.
fn given(
    write: &Write<'_>,
    live: Option<&Value>,
    name: &ObjectName,
    rules: &Rules<'_>,
) -> Result<(Value, Vec<String>), ApiError> {
    let mut object = match &write.operation {
        Operation::Patch(patch) => {
            patch(live.ok_or_else(|| ApiError::not_found(write.resource, name))?)?
        }
        Operation::Create | Operation::Replace | Operation::Apply(_) => Value::clone(&write.object),
    };
    if !object.is_object() {
        return Err(ApiError::bad_request("the object is not a JSON object"));
    }
    admission::normalize(write.resource, &mut object);
    let warnings = admission::prune(&mut object, write.unknown, rules)?;
    // Server-side apply knows no dropping: an undeclared field has no owner.
    if matches!(write.operation, Operation::Apply(_)) && !warnings.is_empty() {
        return Err(ApiError::bad_request(format!(
            "failed to create typed patch object ({name}; {}, Kind={}): {}: field not declared in \
             schema",
            write.resource.api_version(write.version),
            write.resource.kind,
            warnings.join(", "),
        )));
    }
    Ok((object, warnings))
}

fn draft(
    write: &Write<'_>,
    live: Option<&Value>,
    given: Value,
    target: &Target<'_>,
) -> Result<Draft, ApiError> {
    let resource = write.resource;
    let name = target.name;
    precondition::check_seen(resource, live, &given, name)?;
    let separate = resource.status == StatusPart::Subresource;
    match (&write.operation, live) {
        (Operation::Create, Some(_)) => Err(ApiError::already_exists(resource, name)),
        (Operation::Create, None) => {
            let object = if separate { without(given, "status") } else { given };
            Ok(Draft { object, managed: None })
        }
        (Operation::Replace | Operation::Patch(_), None) => {
            Err(ApiError::not_found(resource, name))
        }
        (Operation::Replace | Operation::Patch(_), Some(live)) => {
            let object = match write.part {
                Part::Status => with_status(live.clone(), &given["status"]),
                Part::Whole if separate => with_status(given, &live["status"]),
                Part::Whole => given,
            };
            Ok(Draft { object, managed: None })
        }
        (Operation::Apply(_), None) if write.part == Part::Status => {
            Err(ApiError::not_found(resource, name))
        }
        (Operation::Apply(conflicts), _) => {
            let applied = match write.part {
                Part::Status => status_alone(&given),
                Part::Whole if separate => without(given, "status"),
                Part::Whole => given,
            };
            draft_applied(write, live, &applied, target, *conflicts)
        }
    }
}

fn draft_applied(
    write: &Write<'_>,
    live: Option<&Value>,
    applied: &Value,
    target: &Target<'_>,
    conflicts: Conflicts,
) -> Result<Draft, ApiError> {
    let Target { name, manager, topology } = target;
    let nothing = Value::Null;
    let merged = managers::apply(live.unwrap_or(&nothing), applied, manager, topology).map_err(
        |problem| {
            ApiError::bad_request(format!(
                "failed to create typed patch object ({name}; {}, Kind={}): {problem}",
                manager.api_version, write.resource.kind,
            ))
        },
    )?;
    if conflicts == Conflicts::Refuse && !merged.conflicts.is_empty() {
        return Err(precondition::apply_conflict(&merged.conflicts));
    }
    Ok(Draft { object: merged.object, managed: Some(merged.managed) })
}

/// The status and nothing else, which is all a status apply may decide.
fn status_alone(given: &Value) -> Value {
    match &given["status"] {
        Value::Null => json!({}),
        status => json!({"status": status}),
    }
}

fn with_status(mut object: Value, status: &Value) -> Value {
    if status.is_null() {
        return without(object, "status");
    }
    object["status"] = status.clone();
    object
}

fn keep_system_metadata(object: &mut Value, live: &Value) {
    for field in SYSTEM_METADATA {
        let value = live["metadata"].get(*field).cloned();
        set_metadata(object, field, value);
    }
    let namespace = live["metadata"].get("namespace").cloned();
    set_metadata(object, "namespace", namespace);
}

/// Gives a new object its identity.
fn begin(object: &mut Value, resource: &Resource, name: &ObjectName, now: &str) {
    for field in SYSTEM_METADATA {
        set_metadata(object, field, None);
    }
    set_metadata(object, "namespace", name.namespace.as_deref().map(Value::from));
    set_metadata(object, "uid", Some(new_uid().into()));
    set_metadata(object, "creationTimestamp", Some(now.into()));
    if resource.generation == Generation::Counted {
        set_metadata(object, "generation", Some(1.into()));
    }
}

/// Stores the object, unless nothing changed or nothing is to be kept.
fn commit(
    state: &mut State,
    write: &Write<'_>,
    name: &ObjectName,
    live: Option<&Arc<Value>>,
    mut object: Value,
    managed: Value,
    now: &str,
) -> Applied {
    let kind = write.resource.as_kind();
    set_metadata(&mut object, "managedFields", Some(managed));
    let outcome = match live {
        Some(live) if **live == object => {
            return Applied {
                object: live.clone(),
                outcome: Outcome::Unchanged,
                warnings: Vec::new(),
            };
        }
        Some(live) => {
            count_generation(&mut object, live, write.resource);
            Outcome::Changed
        }
        None => Outcome::Created,
    };
    let released = is_terminating(&object) && !has_finalizers(&object);
    let object = match write.persistence {
        Persistence::DryRun => Arc::new(object),
        Persistence::Stored => {
            let stored = state.put(&kind, name, object);
            if released {
                deletion::remove(state, &kind, name, now);
                return Applied { object: stored, outcome: Outcome::Removed, warnings: Vec::new() };
            }
            stored
        }
    };
    Applied { object, outcome, warnings: Vec::new() }
}

/// A generation counts changes of what is asked for: not of metadata, not of a separate status.
fn count_generation(object: &mut Value, live: &Value, resource: &Resource) {
    let asked_for = |field: &String| {
        !(field == "metadata" || field == "status" && resource.status == StatusPart::Subresource)
    };
    let fields = |value: &Value| {
        value.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect::<Vec<_>>()
    };
    let changed = fields(object)
        .iter()
        .chain(&fields(live))
        .filter(|field| asked_for(field))
        .any(|field| object.get(field) != live.get(field));
    if changed && resource.generation == Generation::Counted {
        let generation = live["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
        set_metadata(object, "generation", Some(generation.into()));
    }
}
