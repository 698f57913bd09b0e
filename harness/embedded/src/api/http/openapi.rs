//! OpenAPI v3: what `kubectl explain` shows, and which paths take server-side validation.
//!
//! Built-in kinds have Kubernetes' own schemas (k8s-openapi), Gateway API kinds those of our
//! tables ([`schemas`]); other custom kinds are open objects. Operations say only what kubectl
//! looks for: that they take `fieldValidation`. They name no media types, which lets kubectl make
//! strategic merge patches by the merge keys it was built with.

mod schemas;

use serde_json::{Map, Value, json};

use super::discovery::{named_groups, versions_of};
use crate::api::error::ApiError;
use crate::api::kinds::Kinds;
use crate::api::resources::{Resource, Scope};

/// `/openapi/v3`.
pub(super) fn index(kinds: &Kinds) -> Value {
    let groups = std::iter::once("").chain(named_groups(kinds));
    let paths: Map<_, _> = groups
        .flat_map(|group| {
            versions_of(kinds, group).into_iter().map(move |version| (group, version))
        })
        .map(|(group, version)| {
            let path = match group {
                "" => format!("api/{version}"),
                group => format!("apis/{group}/{version}"),
            };
            let url = format!("/openapi/v3/{path}");
            (path, json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

/// The document of a group and version.
pub(super) fn document(kinds: &Kinds, group: &str, version: &str) -> Result<Value, ApiError> {
    if !versions_of(kinds, group).contains(&version) {
        return Err(ApiError::no_such_path());
    }
    let served: Vec<&Resource> = kinds
        .all()
        .iter()
        .copied()
        .filter(|resource| resource.group == group && resource.versions.contains(&version))
        .collect();
    let mut paths = Map::new();
    for resource in &served {
        add_paths(&mut paths, resource, version);
    }
    Ok(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": super::VERSION.2},
        "paths": paths,
        "components": {"schemas": schemas::of(kinds, &served, version)},
    }))
}

fn add_paths(paths: &mut Map<String, Value>, resource: &Resource, version: &str) {
    let prefix = match resource.group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    let kind = json!({"group": resource.group, "version": version, "kind": resource.kind});
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    let parameters = [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")];
    let operation = |action: &str| {
        json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind,
            "parameters": parameters, "responses": {"200": {"description": "OK"}}})
    };
    let scope = match resource.scope {
        Scope::Cluster => "",
        Scope::Namespaced => "/namespaces/{namespace}",
    };
    let collection = format!("{prefix}{scope}/{}", resource.plural);
    paths.insert(collection.clone(), json!({"get": operation("list"), "post": operation("post")}));
    paths.insert(
        format!("{collection}/{{name}}"),
        json!({"get": operation("get"), "patch": operation("patch"), "put": operation("put")}),
    );
}
