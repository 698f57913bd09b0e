//! Reads `containerdConfigPatches` and `containerdConfigPatchesJSON6902`.

use serde_json::Value;

use super::operations;
use super::{ContainerdJsonPatch, ContainerdMergePatch};
use crate::source::problem::Problem;
use crate::source::tree::Place;
use crate::topology::toml;

/// Reads TOML merge patches.
pub(in crate::topology) fn merge_patches(
    texts: &[String],
    list: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<ContainerdMergePatch> {
    let mut patches = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let place = list.item(index);
        let body = match toml::read(text) {
            Ok(body) => body,
            Err(error) => {
                problems.push(
                    Problem::at(&place, "this patch is not valid TOML")
                        .found(error.message)
                        .note(format!("in line {} of the patch", error.line)),
                );
                continue;
            }
        };
        let version = match body.get("version") {
            None => None,
            Some(Value::Number(number)) if number.is_i64() => number.as_i64(),
            Some(other) => {
                problems.push(
                    Problem::at(&place, "this patch's `version` is no whole number")
                        .found(other.to_string())
                        .expected("the version of containerd's configuration, such as `2`"),
                );
                continue;
            }
        };
        patches.push(ContainerdMergePatch { version, body, origin: place.origin() });
    }
    patches
}

/// Reads JSON patches.
pub(in crate::topology) fn json_patches(
    texts: &[String],
    list: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<ContainerdJsonPatch> {
    let mut patches = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let place = list.item(index);
        if let Some(operations) = operations::read(text, place, problems) {
            patches.push(ContainerdJsonPatch { operations, origin: place.origin() });
        }
    }
    patches
}
