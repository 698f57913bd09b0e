//! What happens when a CustomResourceDefinition is written or goes: its kind is served, or not any
//! more.

use serde_json::{Value, json};

use super::deletion::doom;
use super::state::State;
use crate::api::custom::CustomKind;
use crate::api::error::ApiError;
use crate::api::object::{ObjectName, metadata_text};
use crate::api::resources::{Kind, Resource, definition as compiled_in};

fn is_definition(kind: &Kind) -> bool {
    kind.kind == "CustomResourceDefinition" && kind.group == "apiextensions.k8s.io"
}

/// Reads a definition that is about to be stored and writes its status; `None` when the object is
/// none, or describes a kind as it is compiled in.
pub(super) fn read(
    state: &State,
    resource: &Resource,
    before: Option<&Value>,
    object: &mut Value,
    now: &str,
) -> Result<Option<CustomKind>, ApiError> {
    if !is_definition(&resource.as_kind()) {
        return Ok(None);
    }
    let name = metadata_text(object, "name").unwrap_or_default().to_owned();
    let own = compiled_in::definitions().find(|own| own["metadata"]["name"] == name.as_str());
    let is_served = |kind: &CustomKind| state.kinds().of_kind(&kind.resource().as_kind()).is_some();
    if own.is_some_and(|own| own["spec"] == object["spec"]) && before.is_some() {
        return Ok(None);
    }
    let custom =
        CustomKind::of(object).map_err(|causes| ApiError::invalid(resource, &name, causes))?;
    let unchanged = before.is_some_and(|before| before["spec"] == object["spec"]);
    if !unchanged || !is_served(&custom) {
        let mut status = compiled_in::established(custom.resource(), now);
        let stored = object["spec"]["versions"].as_array().into_iter().flatten();
        let stored: Vec<&Value> = stored
            .filter(|version| version["storage"] == true)
            .map(|version| &version["name"])
            .collect();
        status["storedVersions"] = json!(stored);
        object["status"] = status;
    }
    Ok(if unchanged && is_served(&custom) { None } else { Some(custom) })
}

/// Takes the kind of a removed definition away, and its objects.
pub(super) fn removed(state: &mut State, kind: &Kind, name: &ObjectName, now: &str) {
    if !is_definition(kind) {
        return;
    }
    let (rest, gone) = state.kinds().without(&name.name);
    state.serve(rest);
    let Some(gone) = gone else { return };
    let objects: Vec<ObjectName> =
        state.of_kind(&gone).into_iter().flat_map(|objects| objects.keys().cloned()).collect();
    for object in objects {
        doom(state, &gone, &object, now);
    }
}
