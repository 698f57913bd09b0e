//! What must hold for a write: the version it is based on, its namespace, and who owns the fields.
//!
//! It judges and words the refusals; it changes nothing.

use serde_json::Value;

use super::state::State;
use crate::api::error::{ApiError, Cause, Reason};
use crate::api::fields::managers::Conflict;
use crate::api::object::{ObjectName, is_terminating, metadata_text};
use crate::api::resources::{Kind, Resource, of_kind};

/// The version and uid a writer says it has seen must be those of the live object.
pub(super) fn check_seen(
    resource: &Resource,
    live: Option<&Value>,
    given: &Value,
    name: &ObjectName,
) -> Result<(), ApiError> {
    let Some(live) = live else { return Ok(()) };
    let differs = |field: &str| {
        metadata_text(given, field).is_some_and(|text| metadata_text(live, field) != Some(text))
    };
    if differs("uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            metadata_text(given, "uid").unwrap_or_default(),
            metadata_text(live, "uid").unwrap_or_default()
        );
        return Err(ApiError::conflict(resource, name, &why));
    }
    if differs("resourceVersion") {
        return Err(ApiError::modified(resource, name));
    }
    Ok(())
}

/// The namespace of a new object must exist and stay.
pub(super) fn check_namespace(
    state: &State,
    resource: &Resource,
    name: &ObjectName,
) -> Result<(), ApiError> {
    let Some(namespace) = &name.namespace else { return Ok(()) };
    let kind = Kind::core("Namespace");
    let cluster_name = ObjectName::cluster(namespace.clone());
    match state.get(&kind, &cluster_name) {
        Some(found) if is_terminating(&found) => {
            Err(ApiError::namespace_terminating(resource, name))
        }
        Some(_) => Ok(()),
        None => {
            let namespaces = of_kind(&kind).expect("namespaces are served");
            Err(ApiError::not_found(namespaces, &cluster_name))
        }
    }
}

/// Fields that others own with other values.
pub(super) fn apply_conflict(conflicts: &[Conflict]) -> ApiError {
    let with = |conflict: &Conflict| {
        format!("conflict with \"{}\" using {}", conflict.manager, conflict.api_version)
    };
    let message = match conflicts {
        [only] => format!("Apply failed with 1 conflict: {}: {}", with(only), only.path),
        several => {
            let lines: Vec<_> =
                several.iter().map(|one| format!("{}: {}", with(one), one.path)).collect();
            format!("Apply failed with {} conflicts: {}", several.len(), lines.join("; "))
        }
    };
    let mut error = ApiError::new(Reason::Conflict, message);
    error.causes = conflicts
        .iter()
        .map(|conflict| Cause {
            reason: "FieldManagerConflict",
            message: with(conflict),
            field: conflict.path.clone(),
        })
        .collect();
    error
}
