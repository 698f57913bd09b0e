//! Discovery: which groups, versions and kinds are served, in the plain and the aggregated form.

use http::header::HeaderValue;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::review::{REVIEWS, Review};
use super::scale::has_scale;
use super::{ApiBody, json_answer, with_body};
use crate::api::error::ApiError;
use crate::api::kinds::Kinds;
use crate::api::resources::{Resource, Scope, StatusPart, join_api_version};

/// The aggregated form must be answered with exactly this media type, or clients take the answer
/// for the plain form.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// `/api`.
pub(super) fn core_versions(kinds: &Kinds, accept: &str) -> Response<ApiBody> {
    if wants_aggregated(accept) {
        return aggregated(kinds, &[""]);
    }
    let document = json!({
        "kind": "APIVersions",
        "versions": versions_of(kinds, ""),
        "serverAddressByClientCIDRs": [],
    });
    json_answer(StatusCode::OK, &document)
}

/// `/apis`.
pub(super) fn groups(kinds: &Kinds, accept: &str) -> Response<ApiBody> {
    let names = named_groups(kinds);
    if wants_aggregated(accept) {
        return aggregated(kinds, &names);
    }
    let groups: Vec<_> = names.iter().map(|group| group_fields(kinds, group)).collect();
    let document = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups});
    json_answer(StatusCode::OK, &document)
}

/// `/apis/<group>`.
pub(super) fn group(kinds: &Kinds, name: &str) -> Result<Value, ApiError> {
    if name.is_empty() || versions_of(kinds, name).is_empty() {
        return Err(ApiError::no_such_path());
    }
    let mut document = group_fields(kinds, name);
    document["kind"] = json!("APIGroup");
    document["apiVersion"] = json!("v1");
    Ok(document)
}

/// `/api/v1`, `/apis/<group>/<version>`.
pub(super) fn resources(kinds: &Kinds, group: &str, version: &str) -> Result<Value, ApiError> {
    if !versions_of(kinds, group).contains(&version) {
        return Err(ApiError::no_such_path());
    }
    let entries = served(kinds, group, version).flat_map(|resource| {
        let entry = json!({
            "name": resource.plural,
            "singularName": resource.kind.to_lowercase(),
            "namespaced": resource.scope == Scope::Namespaced,
            "kind": resource.kind,
            "verbs": VERBS,
            "shortNames": resource.short_names,
            "categories": categories(resource),
        });
        let below = subresources(resource, version).into_iter().map(|below| {
            let mut entry = json!({
                "name": format!("{}/{}", resource.plural, below.name),
                "singularName": "",
                "namespaced": resource.scope == Scope::Namespaced,
                "kind": below.kind,
                "verbs": below.verbs,
            });
            if below.group != resource.group {
                entry["group"] = json!(below.group);
                entry["version"] = json!(below.version);
            }
            entry
        });
        std::iter::once(entry).chain(below).collect::<Vec<_>>()
    });
    let reviews = reviews(group, version).map(|review| {
        json!({"name": review.plural, "singularName": review.kind.to_lowercase(),
            "namespaced": false, "kind": review.kind, "verbs": ["create"]})
    });
    Ok(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": join_api_version(group, version),
        "resources": entries.chain(reviews).collect::<Vec<_>>(),
    }))
}

/// A subresource of a kind.
struct Below<'v> {
    name: &'static str,
    group: &'static str,
    version: &'v str,
    kind: &'static str,
    verbs: &'static [&'static str],
}

fn subresources<'v>(resource: &Resource, version: &'v str) -> Vec<Below<'v>> {
    const WRITTEN: &[&str] = &["get", "patch", "update"];
    let own =
        |name, verbs| Below { name, group: resource.group, version, kind: resource.kind, verbs };
    let mut below = Vec::new();
    if resource.status == StatusPart::Subresource {
        below.push(own("status", WRITTEN));
    }
    if has_scale(resource) {
        below.push(Below {
            name: "scale",
            group: "autoscaling",
            version: "v1",
            kind: "Scale",
            verbs: WRITTEN,
        });
    }
    if (resource.group, resource.kind) == ("", "Pod") {
        below.push(own("log", &["get"]));
    }
    below
}

fn reviews(group: &str, version: &str) -> impl Iterator<Item = &'static Review> {
    REVIEWS.iter().filter(move |review| review.group == group && version == "v1")
}

/// What `kubectl get all` and `kubectl get gateway-api` stand for.
fn categories(resource: &Resource) -> &'static [&'static str] {
    match (resource.group, resource.kind) {
        ("", "Pod" | "Service") | ("apps", _) => &["all"],
        (gateproof_core::gateway_api::GROUP, _) => &["gateway-api"],
        ("cilium.io", _) => &["cilium"],
        ("cert-manager.io", _) => &["cert-manager"],
        _ => &[],
    }
}

/// Groups other than the core group, in the order of the table.
pub(super) fn named_groups(kinds: &Kinds) -> Vec<&'static str> {
    let mut groups = Vec::new();
    for resource in kinds.all() {
        if !resource.group.is_empty() && !groups.contains(&resource.group) {
            groups.push(resource.group);
        }
    }
    for review in &REVIEWS {
        if !groups.contains(&review.group) {
            groups.push(review.group);
        }
    }
    groups
}

/// The versions of a group, the preferred one first.
pub(super) fn versions_of(kinds: &Kinds, group: &str) -> Vec<&'static str> {
    let mut versions = Vec::new();
    for resource in kinds.all().iter().filter(|resource| resource.group == group) {
        for version in resource.versions {
            if !versions.contains(version) {
                versions.push(*version);
            }
        }
    }
    if versions.is_empty() && REVIEWS.iter().any(|review| review.group == group) {
        versions.push("v1");
    }
    versions.sort_by_key(|version| (version.contains("alpha"), version.contains("beta")));
    versions
}

fn served(kinds: &Kinds, group: &str, version: &str) -> impl Iterator<Item = &'static Resource> {
    let fits =
        move |resource: &&Resource| resource.group == group && resource.versions.contains(&version);
    kinds.all().iter().copied().filter(fits)
}

fn group_fields(kinds: &Kinds, group: &str) -> Value {
    let version = |version: &&str| json!({"groupVersion": join_api_version(group, version), "version": version});
    let versions: Vec<_> = versions_of(kinds, group).iter().map(version).collect();
    json!({"name": group, "preferredVersion": versions[0], "versions": versions})
}

fn wants_aggregated(accept: &str) -> bool {
    accept.split(',').any(|media_type| {
        media_type.contains("as=APIGroupDiscoveryList") && media_type.contains("v=v2;")
    })
}

fn aggregated(kinds: &Kinds, groups: &[&str]) -> Response<ApiBody> {
    let items: Vec<_> = groups
        .iter()
        .map(|group| {
            let versions: Vec<_> = versions_of(kinds, group)
                .iter()
                .map(|version| {
                    let asked = reviews(group, version).map(|review| {
                        json!({"resource": review.plural, "scope": "Cluster",
                            "responseKind": {"group": group, "version": version, "kind": review.kind},
                            "singularResource": review.kind.to_lowercase(), "verbs": ["create"]})
                    });
                    let resources: Vec<_> = served(kinds, group, version)
                        .map(|resource| aggregated_resource(resource, version))
                        .chain(asked)
                        .collect();
                    json!({"version": version, "freshness": "Current", "resources": resources})
                })
                .collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    let document = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    });
    let media_type = HeaderValue::from_static(AGGREGATED);
    with_body(StatusCode::OK, media_type, document.to_string().into())
}

fn aggregated_resource(resource: &Resource, version: &str) -> Value {
    let kind = json!({"group": resource.group, "version": version, "kind": resource.kind});
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind,
        "scope": match resource.scope {
            Scope::Cluster => "Cluster",
            Scope::Namespaced => "Namespaced",
        },
        "singularResource": resource.kind.to_lowercase(),
        "verbs": VERBS,
        "shortNames": resource.short_names,
        "categories": categories(resource),
    });
    let below: Vec<_> = subresources(resource, version)
        .into_iter()
        .map(|below| {
            json!({
                "subresource": below.name,
                "responseKind": {"group": below.group, "version": below.version, "kind": below.kind},
                "verbs": below.verbs,
            })
        })
        .collect();
    if !below.is_empty() {
        entry["subresources"] = json!(below);
    }
    entry
}
