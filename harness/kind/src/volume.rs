//! Volumes of an engine, as values.

use std::collections::BTreeMap;

/// A volume as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeState {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}
