//! The patch types of a PATCH request.

mod strategic;

use json_patch::Patch as JsonPatch;
use serde_json::Value;

use crate::api::error::{ApiError, Reason};
use crate::api::resources::Origin;

/// A patch that has been read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Patch {
    /// Server-side apply (`application/apply-patch+yaml`).
    Apply(Value),
    /// RFC 7396 (`application/merge-patch+json`).
    Merge(Value),
    /// `application/strategic-merge-patch+json`, for built-in kinds.
    Strategic(Value),
    /// RFC 6902 (`application/json-patch+json`).
    Json(JsonPatch),
}

impl Patch {
    /// Reads a patch of a media type.
    pub(super) fn parse(media_type: &str, body: &[u8], origin: Origin) -> Result<Self, ApiError> {
        let not_json = |what: &str, error: &serde_json::Error| {
            ApiError::bad_request(format!("the {what} in the body is not valid: {error}"))
        };
        let value = || serde_json::from_slice(body).map_err(|error| not_json("JSON", &error));
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/apply-patch+yaml" => {
                super::body::read("application/yaml", body).map(Self::Apply)
            }
            "application/merge-patch+json" => Ok(Self::Merge(value()?)),
            "application/strategic-merge-patch+json" if origin == Origin::BuiltIn => {
                Ok(Self::Strategic(value()?))
            }
            "application/json-patch+json" => serde_json::from_slice(body)
                .map(Self::Json)
                .map_err(|error| not_json("JSON patch", &error)),
            other => {
                let strategic = match origin {
                    Origin::BuiltIn => ", application/strategic-merge-patch+json",
                    Origin::Custom => "",
                };
                Err(ApiError::new(
                    Reason::UnsupportedMediaType,
                    format!(
                        "the body of the request was in an unknown format - accepted media types \
                         include: application/json-patch+json, application/merge-patch+json, \
                         application/apply-patch+yaml{strategic}; it was \"{other}\""
                    ),
                ))
            }
        }
    }
}

/// The live object with a merge, strategic or JSON patch applied to it.
pub(super) fn patched(patch: &Patch, live: &Value) -> Result<Value, ApiError> {
    let mut object = live.clone();
    match patch {
        Patch::Merge(patch) | Patch::Apply(patch) => json_patch::merge(&mut object, patch),
        Patch::Strategic(patch) => strategic::merge(&mut object, patch),
        Patch::Json(patch) => json_patch::patch(&mut object, patch).map_err(|error| {
            ApiError::new(
                Reason::Invalid,
                format!(
                    "the server rejected our request due to an error in our request: the JSON \
                     patch does not fit the object: {error}"
                ),
            )
        })?,
    }
    Ok(object)
}
