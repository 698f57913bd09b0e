//! The closed list of rules, one file each.

use super::Rule;

/// Every rule, by number.
pub const ALL: &[&Rule] = &[];
