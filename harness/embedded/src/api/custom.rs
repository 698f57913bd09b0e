//! A kind that a CustomResourceDefinition asks for: what is served, and what its objects must be.
//!
//! Structure, defaults and pruning are ours ([`structural`]); rules in CEL are evaluated by kube-cel,
//! which fails closed where it lacks a function. Not here: conversion between versions (fields are
//! kept as they are), and ratcheting of rules on updates.

pub(in crate::api) mod structural;

use std::fmt;

use kube_cel::{CompiledSchema, RootContext, Validator, compile_schema};
use serde_json::{Value, json};

use super::error::Cause;
use super::fields::topology::Topology;
use super::resources::{
    Generation, Kind, Origin, Resource, Scope, StatusPart, join_api_version, lasting_resource,
    lasting_text, lasting_texts,
};

/// A kind from a definition.
pub(in crate::api) struct CustomKind {
    resource: &'static Resource,
    versions: Vec<Version>,
    topology: Topology,
}

/// A served version.
struct Version {
    name: String,
    schema: Value,
    rules: CompiledSchema,
    columns: Vec<Value>,
}

impl CustomKind {
    /// Reads a definition, or says what is wrong with it.
    pub(in crate::api) fn of(definition: &Value) -> Result<Self, Vec<Cause>> {
        let spec = &definition["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (group, names) = (text(&spec["group"]), &spec["names"]);
        let (kind, plural) = (text(&names["kind"]), text(&names["plural"]));
        let mut causes = Vec::new();
        for (field, value) in
            [("spec.group", &group), ("spec.names.kind", &kind), ("spec.names.plural", &plural)]
        {
            if value.is_empty() {
                causes.push(required(field));
            }
        }
        let name = text(&definition["metadata"]["name"]);
        let expected = format!("{plural}.{group}");
        if causes.is_empty() && name != expected {
            causes.push(invalid(
                "metadata.name",
                format!("Invalid value: \"{name}\": must be spec.names.plural+\".\"+spec.group"),
            ));
        }
        let given = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let stored = given.iter().filter(|version| version["storage"] == true).count();
        if stored != 1 {
            causes.push(invalid(
                "spec.versions",
                format!("Invalid value: {stored} versions have storage: true, exactly one must"),
            ));
        }
        let mut versions: Vec<Version> = given
            .iter()
            .enumerate()
            .filter(|(_, version)| version["served"] == true)
            .map(|(index, version)| read_version(index, version, &mut causes))
            .collect();
        versions.sort_by_key(|version| priority(&version.name));
        if versions.is_empty() {
            causes.push(required("spec.versions"));
        }
        if !causes.is_empty() {
            return Err(causes);
        }
        let has_status = given.iter().any(|version| version["subresources"]["status"].is_object());
        let short: Vec<String> =
            names["shortNames"].as_array().into_iter().flatten().map(text).collect();
        let version_names: Vec<String> =
            versions.iter().map(|version| version.name.clone()).collect();
        let resource = lasting_resource(Resource {
            group: lasting_text(&group),
            kind: lasting_text(&kind),
            plural: lasting_text(&plural),
            short_names: lasting_texts(&short),
            versions: lasting_texts(&version_names),
            scope: if spec["scope"] == "Namespaced" { Scope::Namespaced } else { Scope::Cluster },
            status: if has_status { StatusPart::Subresource } else { StatusPart::Ordinary },
            generation: Generation::Counted,
            origin: Origin::Custom,
        });
        let topology = Topology::of_schema(&versions[0].schema);
        Ok(Self { resource, versions, topology })
    }

    /// What is served.
    pub(in crate::api) fn resource(&self) -> &'static Resource {
        self.resource
    }

    /// Which parts have owners of their own.
    pub(in crate::api) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The schema of a version.
    pub(in crate::api) fn schema(&self, version: &str) -> &Value {
        &self.version(version).schema
    }

    /// `additionalPrinterColumns` of a version.
    pub(in crate::api) fn columns(&self, version: &str) -> &[Value] {
        &self.version(version).columns
    }

    /// What an object breaks of its schema and rules.
    pub(in crate::api) fn problems(
        &self,
        version: &str,
        before: Option<&Value>,
        object: &Value,
    ) -> Vec<Cause> {
        let version = self.version(version);
        let causes = structural::problems(object, &version.schema);
        if !causes.is_empty() {
            // Rules may rely on the structure.
            return causes;
        }
        let Kind { group, kind } = self.resource.as_kind();
        let context = RootContext {
            api_version: join_api_version(&group, &version.name),
            api_group: group,
            kind,
        };
        let judged = Validator::new().validate_compiled_with_context(
            &version.rules,
            object,
            before,
            Some(&context),
        );
        let Err(errors) = judged else { return Vec::new() };
        errors
            .into_vec()
            .into_iter()
            .map(|error| Cause {
                reason: "FieldValueInvalid",
                message: format!("Invalid value: {}", error.message),
                field: error.field_path,
            })
            .collect()
    }

    fn version(&self, name: &str) -> &Version {
        let found = self.versions.iter().find(|version| version.name == name);
        found.unwrap_or(&self.versions[0])
    }
}

fn read_version(index: usize, version: &Value, causes: &mut Vec<Cause>) -> Version {
    let name = version["name"].as_str().unwrap_or_default().to_owned();
    let schema = version["schema"]["openAPIV3Schema"].clone();
    let rules = compile_schema(&schema);
    broken_rules(&schema, &format!("spec.versions[{index}].schema.openAPIV3Schema"), causes);
    let columns = version["additionalPrinterColumns"].as_array().cloned().unwrap_or_default();
    Version { name, schema, rules, columns }
}

/// Rules that do not compile, wherever they stand. (A compiled schema tells of its root alone.)
fn broken_rules(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    const RULES: &str = "x-kubernetes-validations";
    match schema {
        Value::Object(fields) => {
            if let Some(rules) = fields.get(RULES) {
                let alone = json!({"type": schema["type"], RULES: rules});
                for error in compile_schema(&alone).compilation_errors() {
                    let message = format!("Invalid value: a rule does not compile: {error}");
                    causes.push(invalid(&format!("{path}.{RULES}"), message));
                }
            }
            for (name, field) in fields.iter().filter(|(name, _)| *name != RULES) {
                broken_rules(field, &format!("{path}.{name}"), causes);
            }
        }
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                broken_rules(entry, &format!("{path}[{index}]"), causes);
            }
        }
        _ => {}
    }
}

/// Stable versions first, then beta, then alpha; the newest of each first.
fn priority(version: &str) -> (u8, std::cmp::Reverse<u64>, std::cmp::Reverse<u64>) {
    let digits = |text: &str| text.parse().unwrap_or_default();
    let rest = version.trim_start_matches('v');
    for (rank, word) in [(1, "beta"), (2, "alpha")] {
        if let Some((major, minor)) = rest.split_once(word) {
            return (rank, std::cmp::Reverse(digits(major)), std::cmp::Reverse(digits(minor)));
        }
    }
    (0, std::cmp::Reverse(digits(rest)), std::cmp::Reverse(0))
}

fn required(field: &str) -> Cause {
    Cause {
        reason: "FieldValueRequired",
        message: "Required value".to_owned(),
        field: field.to_owned(),
    }
}

fn invalid(field: &str, message: String) -> Cause {
    Cause { reason: "FieldValueInvalid", message, field: field.to_owned() }
}

impl fmt::Debug for CustomKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomKind").field("resource", &self.resource).finish_non_exhaustive()
    }
}

impl PartialEq for CustomKind {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for CustomKind {}

#[cfg(test)]
mod tests;
