//! The CustomResourceDefinition objects of the custom kinds that are served.
//!
//! They tell clients what is installed; they carry no schema, because the rules are compiled in.

use serde_json::{Value, json};

use super::{Origin, Resource, Scope, StatusPart, all};

/// The release of the Gateway API whose kinds and rules are compiled in
/// (`gateway.networking.k8s.io/bundle-version`).
pub const GATEWAY_API_VERSION: &str = "v1.6.1";

/// The channel whose kinds and rules are compiled in (`gateway.networking.k8s.io/channel`).
pub const GATEWAY_API_CHANNEL: &str = "experimental";

/// The definitions of all custom kinds, without status.
pub fn definitions() -> impl Iterator<Item = Value> {
    all().iter().filter(|resource| resource.origin == Origin::Custom).map(definition)
}

/// What an API server writes once it serves a definition.
pub fn established(resource: &Resource, now: &str) -> Value {
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": now})
    };
    json!({
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the kind is served"),
        ],
        "acceptedNames": names(resource),
        "storedVersions": [resource.preferred_version()],
    })
}

/// The custom kind that a definition of this name is for, if it is served.
pub fn served_by(definition_name: &str) -> Option<&'static Resource> {
    all().iter().find(|resource| {
        resource.origin == Origin::Custom && resource.qualified_plural() == definition_name
    })
}

fn definition(resource: &Resource) -> Value {
    let scope = match resource.scope {
        Scope::Cluster => "Cluster",
        Scope::Namespaced => "Namespaced",
    };
    let version = |name: &&str| {
        let subresources = match resource.status {
            StatusPart::Subresource => json!({"status": {}}),
            StatusPart::Ordinary => json!({}),
        };
        json!({
            "name": name,
            "served": true,
            "storage": *name == resource.preferred_version(),
            "subresources": subresources,
            "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        })
    };
    let mut object = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.qualified_plural()},
        "spec": {
            "group": resource.group,
            "scope": scope,
            "names": names(resource),
            "versions": resource.versions.iter().map(version).collect::<Vec<_>>(),
            "conversion": {"strategy": "None"},
        },
    });
    if resource.group == gateproof_core::gateway_api::GROUP {
        object["metadata"]["annotations"] = json!({
            "gateway.networking.k8s.io/bundle-version": GATEWAY_API_VERSION,
            "gateway.networking.k8s.io/channel": GATEWAY_API_CHANNEL,
        });
    }
    object
}

fn names(resource: &Resource) -> Value {
    json!({
        "kind": resource.kind,
        "listKind": format!("{}List", resource.kind),
        "plural": resource.plural,
        "singular": resource.kind.to_lowercase(),
        "shortNames": resource.short_names,
    })
}
