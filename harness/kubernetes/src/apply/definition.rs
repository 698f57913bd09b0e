//! Waits until the kind of a CustomResourceDefinition is served.
//!
//! A definition takes effect some time after it was accepted: names are checked, the condition
//! `Established` turns true, and discovery follows. Objects of the kind are refused until then.

use std::time::Duration;

use gateproof_core::scenario::{ConditionStatus, Manifest, ObjectRef};
use serde_json::Value;

use super::ApplyAllError;
use crate::client::Client;
use crate::condition;
use crate::error::Cause;
use crate::object::reference;
use crate::wait::{Poll, WaitError, Watched, unreadable, watch_until};

impl Client {
    /// Waits until every served version of a CustomResourceDefinition is discovered.
    ///
    /// # Errors
    /// When the deadline passes, or the definition is gone or its names are taken.
    pub async fn until_definition_is_served(
        &self,
        definition: &ObjectRef,
        deadline: Duration,
        on_progress: impl FnMut(&str),
    ) -> Result<(), WaitError> {
        watch_until(self, &[Watched::object(definition)], deadline, on_progress, || {
            self.is_served(definition)
        })
        .await
    }

    /// Waits for the definition of a manifest.
    pub(super) async fn until_served(
        &self,
        manifest: &Manifest,
        deadline: Duration,
    ) -> Result<(), ApplyAllError> {
        let target = reference(&manifest.object).expect("an applied object has a name");
        let progress = |missing: &str| {
            tracing::debug!(definition = target.name, missing, "waiting for a definition");
        };
        self.until_definition_is_served(&target, deadline, progress).await.map_err(|cause| {
            ApplyAllError::NotServed {
                name: target.name.clone(),
                origin: manifest.origin.clone(),
                cause,
            }
        })
    }

    async fn is_served(&self, target: &ObjectRef) -> Poll<()> {
        let definition = match self.get(target).await {
            Ok(Some(definition)) => definition,
            Ok(None) => return Poll::Never { why: "it was deleted meanwhile".to_owned() },
            Err(error) => return unreadable(&error),
        };
        if let Some(problem) = name_conflict(&definition) {
            return Poll::Never { why: problem };
        }
        let established = condition::of_object(&definition, "Established");
        if established.is_none_or(|condition| condition.status() != ConditionStatus::True) {
            return Poll::NotYet { missing: "condition Established is not True".to_owned() };
        }
        let (kind, versions) = served_versions(&definition);
        for api_version in versions {
            self.forget(&api_version);
            match self.resource(&api_version, &kind).await {
                Ok(_) => {}
                Err(Cause::NotServed { .. } | Cause::Unreachable(_)) => {
                    return Poll::NotYet {
                        missing: format!("discovery does not list {kind} in {api_version}"),
                    };
                }
                Err(cause) => return Poll::Never { why: cause.to_string() },
            }
        }
        Poll::Ready(())
    }
}

/// Another definition has the names: that does not pass by itself.
fn name_conflict(definition: &Value) -> Option<String> {
    let accepted = condition::of_object(definition, "NamesAccepted")?;
    (accepted.status() == ConditionStatus::False).then(|| accepted.to_string())
}

/// The kind, and `apiVersion` for each version that is served.
fn served_versions(definition: &Value) -> (String, Vec<String>) {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let group = text("/spec/group");
    let versions = definition
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|version| version.get("served").and_then(Value::as_bool) == Some(true))
        .filter_map(|version| version.get("name")?.as_str())
        .map(|version| format!("{group}/{version}"))
        .collect();
    (text("/spec/names/kind").to_owned(), versions)
}
