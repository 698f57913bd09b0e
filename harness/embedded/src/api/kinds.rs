//! The kinds that one cluster serves: those compiled in, and those of definitions somebody applied.
//!
//! A definition replaces a compiled-in kind of the same name, with its rules; deleting it takes
//! the kind away.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::custom::CustomKind;
use super::resources::{Kind, Resource, all};

/// What is served.
#[derive(Debug, Clone)]
pub(in crate::api) struct Kinds {
    resources: Vec<&'static Resource>,
    custom: BTreeMap<Kind, Arc<CustomKind>>,
}

impl Default for Kinds {
    fn default() -> Self {
        Self { resources: all().iter().collect(), custom: BTreeMap::new() }
    }
}

impl Kinds {
    /// Every kind, those compiled in first.
    pub(in crate::api) fn all(&self) -> &[&'static Resource] {
        &self.resources
    }

    /// A kind, if it is served.
    pub(in crate::api) fn of_kind(&self, kind: &Kind) -> Option<&'static Resource> {
        let mut resources = self.resources.iter();
        resources.find(|one| one.group == kind.group && one.kind == kind.kind).copied()
    }

    /// The kind served at a path.
    pub(in crate::api) fn at(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Option<&'static Resource> {
        let fits = |one: &&&'static Resource| {
            one.group == group && one.plural == plural && one.versions.contains(&version)
        };
        self.resources.iter().find(fits).copied()
    }

    /// The definition of a kind that somebody applied.
    pub(in crate::api) fn custom(&self, kind: &Kind) -> Option<&Arc<CustomKind>> {
        self.custom.get(kind)
    }

    /// These kinds with one more, or with one replaced.
    pub(in crate::api) fn with(&self, custom: CustomKind) -> Self {
        let mut kinds = self.clone();
        let resource = custom.resource();
        let same =
            |one: &&'static Resource| one.group == resource.group && one.plural == resource.plural;
        match kinds.resources.iter().position(same) {
            Some(position) => kinds.resources[position] = resource,
            None => kinds.resources.push(resource),
        }
        kinds.custom.insert(resource.as_kind(), Arc::new(custom));
        kinds
    }

    /// These kinds without the one that a definition of this name is for, and that kind.
    pub(in crate::api) fn without(&self, definition: &str) -> (Self, Option<Kind>) {
        let mut kinds = self.clone();
        let gone = kinds
            .resources
            .iter()
            .position(|one| one.qualified_plural() == definition)
            .map(|position| kinds.resources.remove(position).as_kind());
        if let Some(kind) = &gone {
            kinds.custom.remove(kind);
        }
        (kinds, gone)
    }
}
