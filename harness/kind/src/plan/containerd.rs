//! Patches of containerd's configuration (kubernetes-sigs/kind v0.33.0:
//! `pkg/internal/patch/toml.go`).

use gateproof_core::topology::patch::ContainerdPatches;
use gateproof_core::topology::toml;
use serde_json::Value;

/// Why a node's containerd cannot be configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerdError {
    /// The node's own configuration is no TOML.
    #[error("containerd's configuration in the node is no TOML: {0}")]
    Configuration(toml::TomlError),
    /// The node's own configuration does not say its version.
    #[error("containerd's configuration in the node names no `version`")]
    NoVersion,
    /// A patch cannot be applied.
    #[error("the containerd patch at {origin} cannot be applied: {reason}")]
    Patch {
        /// `file:line` of the patch.
        origin: String,
        /// Why.
        reason: String,
    },
    /// Every patch that names a version names another one.
    #[error(
        "the containerd patch at {origin} is for version {wanted} of containerd's configuration, \
         this node has version {found}, and no patch is for that; leave `version` out, or add a \
         patch for version {found}"
    )]
    OtherVersion {
        /// `file:line` of the patch.
        origin: String,
        /// The version that the patch is for.
        wanted: i64,
        /// The version that the node has.
        found: i64,
    },
    /// A value that TOML does not have.
    #[error("after the patches, containerd's configuration has no TOML value at {0}")]
    NoToml(String),
}

/// A node's configuration with patches: merge patches first, of which those for another version
/// are left out, then JSON patches.
///
/// Where patches are written once for each version, one of them fits; where none does, kind says
/// nothing and the cluster lacks what was asked for. Here that is an error.
///
/// # Errors
///
/// When the configuration or a patch makes no sense, or all patches are for other versions.
pub fn patched(current: &str, patches: &ContainerdPatches) -> Result<String, ContainerdError> {
    let mut value = toml::read(current).map_err(ContainerdError::Configuration)?;
    let found = value.get("version").and_then(Value::as_i64).filter(|version| *version != 0);
    let found = found.ok_or(ContainerdError::NoVersion)?;
    let fits = |version: Option<i64>| version.is_none_or(|version| version == found);
    if let Some(stranger) = patches.merge.iter().find(|patch| !fits(patch.version))
        && !patches.merge.iter().any(|patch| patch.version == Some(found))
    {
        return Err(ContainerdError::OtherVersion {
            origin: stranger.origin.clone(),
            wanted: stranger.version.unwrap_or_default(),
            found,
        });
    }
    for patch in patches.merge.iter().filter(|patch| fits(patch.version)) {
        json_patch::merge(&mut value, &patch.body);
    }
    for patch in &patches.json {
        let fail = |reason: String| ContainerdError::Patch { origin: patch.origin.clone(), reason };
        let operations: json_patch::Patch = serde_json::from_value(patch.operations.clone())
            .map_err(|error| fail(error.to_string()))?;
        json_patch::patch(&mut value, &operations).map_err(|error| fail(error.to_string()))?;
    }
    toml::write(&value).map_err(ContainerdError::NoToml)
}
