//! Conditions of objects, of listeners and of routes' parents.

use std::fmt;

use serde_json::Value;

use super::items;
use crate::dossier::text;
use crate::scenario::ConditionStatus;

/// A condition as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::finding) struct Condition<'d> {
    pub(in crate::finding) kind: &'d str,
    pub(in crate::finding) status: ConditionStatus,
    pub(in crate::finding) reason: &'d str,
    pub(in crate::finding) message: &'d str,
}

/// The condition of a type in the list `conditions` of a status; `None` when it is absent.
pub(in crate::finding) fn condition<'d>(status: &'d Value, kind: &str) -> Option<Condition<'d>> {
    let found = items(status, "/conditions").iter().find(|one| text(one, "/type") == Some(kind))?;
    Some(Condition {
        kind: text(found, "/type")?,
        status: match text(found, "/status") {
            Some("True") => ConditionStatus::True,
            Some("False") => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        },
        reason: text(found, "/reason").unwrap_or_default(),
        message: text(found, "/message").unwrap_or_default(),
    })
}

impl Condition<'_> {
    /// Whether it is `False`.
    pub(in crate::finding) fn is_false(&self) -> bool {
        self.status == ConditionStatus::False
    }
}

impl fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        };
        write!(f, "{} {status}", self.kind)?;
        if !self.reason.is_empty() {
            write!(f, ", {}", self.reason)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}
