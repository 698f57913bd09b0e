//! Just enough OpenAPI v3 for kubectl: which paths take server-side validation.
//!
//! Schemas are open objects, because validation happens on the server; `kubectl explain` therefore
//! has nothing to show.

use serde_json::{Map, Value, json};

use super::discovery::{named_groups, versions_of};
use crate::api::error::ApiError;
use crate::api::resources::{Scope, all};

/// `/openapi/v3`.
pub(super) fn index() -> Value {
    let groups = std::iter::once("").chain(named_groups());
    let paths: Map<_, _> = groups
        .flat_map(|group| versions_of(group).into_iter().map(move |version| (group, version)))
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
pub(super) fn document(group: &str, version: &str) -> Result<Value, ApiError> {
    if !versions_of(group).contains(&version) {
        return Err(ApiError::no_such_path());
    }
    let prefix = match group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let served = |group: &str, version: &str| {
        let (group, version) = (group.to_owned(), version.to_owned());
        all().iter().filter(move |r| r.group == group && r.versions.contains(&version.as_str()))
    };
    for resource in served(group, version) {
        let kind = json!({"group": group, "version": version, "kind": resource.kind});
        let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        let parameters =
            [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")];
        let operation = |action: &str| {
            json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind,
                "parameters": parameters, "responses": {"200": {"description": "OK"}}})
        };
        let scope = match resource.scope {
            Scope::Cluster => "",
            Scope::Namespaced => "/namespaces/{namespace}",
        };
        let collection = format!("{prefix}{scope}/{}", resource.plural);
        paths.insert(collection.clone(), json!({"post": operation("post")}));
        paths.insert(
            format!("{collection}/{{name}}"),
            json!({"patch": operation("patch"), "put": operation("put")}),
        );
        let group_part = if group.is_empty() { "core" } else { group };
        schemas.insert(
            format!("{group_part}.{version}.{}", resource.kind),
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-group-version-kind": [kind]}),
        );
    }
    Ok(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": super::VERSION.2},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}
