//! The schemas of kinds.

use gateproof_core::gateway_api;
use k8s_openapi::api::admissionregistration::v1 as admission;
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::coordination::v1 as coordination;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::api::kinds::Kinds;
use crate::api::resources::{Origin, Resource};

const GVK: &str = "x-kubernetes-group-version-kind";

/// The schemas of some kinds in a version, and of everything they refer to.
pub(super) fn of(kinds: &Kinds, resources: &[&Resource], version: &str) -> Map<String, Value> {
    let mut settings = SchemaSettings::openapi3();
    // Kubernetes' schemas say themselves what is nullable, which is nothing.
    settings.meta_schema = None;
    let mut generator = SchemaGenerator::new(settings);
    let mut schemas = Map::new();
    let metadata = generator.subschema_for::<meta::ObjectMeta>().to_value();
    let mut roots = Vec::new();
    for resource in resources {
        let gvk = json!([{"group": resource.group, "version": version, "kind": resource.kind}]);
        if resource.origin == Origin::BuiltIn
            && let Some((name, schema)) = built_in(resource, &mut generator)
        {
            roots.push((name, gvk));
            // A kind with a schema of its own is put in by the generator.
            drop(schema);
            continue;
        }
        let own = kinds.custom(&resource.as_kind()).map(|kind| kind.schema(version).clone());
        let own = own.or_else(|| gateway_kind(resource));
        let mut schema = own.unwrap_or_else(|| open(resource));
        schema["properties"]["metadata"] = with_words(&metadata, "Standard object's metadata.");
        schema[GVK] = gvk;
        let group: Vec<&str> = resource.group.rsplit('.').collect();
        schemas.insert(format!("{}.{version}.{}", group.join("."), resource.kind), schema);
    }
    schemas.extend(generator.take_definitions(false));
    for (name, gvk) in roots {
        if let Some(schema) = schemas.get_mut(&name) {
            schema[GVK] = gvk;
        }
    }
    for schema in schemas.values_mut() {
        separate_references(schema);
    }
    schemas
}

/// A kind of Kubernetes: the name of its schema.
fn built_in(resource: &Resource, generator: &mut SchemaGenerator) -> Option<(String, Schema)> {
    fn named<T: JsonSchema>(generator: &mut SchemaGenerator) -> (String, Schema) {
        (T::schema_name().into_owned(), generator.subschema_for::<T>())
    }
    let make: fn(&mut SchemaGenerator) -> (String, Schema) = match resource.kind {
        "Namespace" => named::<core::Namespace>,
        "Node" => named::<core::Node>,
        "Pod" => named::<core::Pod>,
        "Service" => named::<core::Service>,
        "Endpoints" => named::<core::Endpoints>,
        "Secret" => named::<core::Secret>,
        "ConfigMap" => named::<core::ConfigMap>,
        "ServiceAccount" => named::<core::ServiceAccount>,
        "Event" => named::<core::Event>,
        "Deployment" => named::<apps::Deployment>,
        "ReplicaSet" => named::<apps::ReplicaSet>,
        "DaemonSet" => named::<apps::DaemonSet>,
        "EndpointSlice" => named::<discovery::EndpointSlice>,
        "Lease" => named::<coordination::Lease>,
        "CustomResourceDefinition" => named::<apiextensions::CustomResourceDefinition>,
        "ValidatingAdmissionPolicy" => named::<admission::ValidatingAdmissionPolicy>,
        "ValidatingAdmissionPolicyBinding" => named::<admission::ValidatingAdmissionPolicyBinding>,
        _ => return None,
    };
    Some(make(generator))
}

/// A Gateway API kind whose table is known.
fn gateway_kind(resource: &Resource) -> Option<Value> {
    if resource.group != gateway_api::GROUP {
        return None;
    }
    let mut schema = gateway_api::open_api_schema(resource.kind)?;
    schema["description"] = json!(match resource.kind {
        "GatewayClass" => "A kind of Gateway, and the controller that makes them work.",
        "Gateway" => "Ports and hosts on which traffic enters the cluster.",
        "HTTPRoute" => "Where HTTP requests go that enter through a Gateway.",
        "GRPCRoute" => "Where gRPC requests go that enter through a Gateway.",
        "TLSRoute" => "Where TLS connections go, by their server name.",
        "TCPRoute" => "Where TCP connections go.",
        "UDPRoute" => "Where UDP datagrams go.",
        "ReferenceGrant" => "Allows objects of other namespaces to refer to objects of this one.",
        "BackendTLSPolicy" => "How a Gateway speaks TLS to a backend.",
        _ => "A kind of the Gateway API.",
    });
    Some(schema)
}

fn open(resource: &Resource) -> Value {
    let anything = |words: &str| {
        json!({"type": "object", "description": words,
        "x-kubernetes-preserve-unknown-fields": true})
    };
    json!({
        "type": "object",
        "description": format!("{} of {}; its fields are not described here.", resource.kind, resource.group),
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "apiVersion": {"type": "string", "description": "The group and version of this object's form."},
            "kind": {"type": "string", "description": "The kind of object."},
            "spec": anything("What is asked for."),
            "status": anything("What controllers report."),
        },
    })
}

fn with_words(schema: &Value, words: &str) -> Value {
    let mut schema = schema.clone();
    schema["description"] = json!(words);
    schema
}

/// OpenAPI 3.0 ignores what stands beside a reference, so a reference with a description goes into
/// `allOf`, as Kubernetes writes it.
fn separate_references(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // A property may be called `$ref` as well; its value is no text.
            if map.len() > 1
                && map.get("$ref").is_some_and(Value::is_string)
                && let Some(reference) = map.remove("$ref")
            {
                map.insert("allOf".to_owned(), json!([{"$ref": reference}]));
            }
            map.values_mut().for_each(separate_references);
        }
        Value::Array(list) => list.iter_mut().for_each(separate_references),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Kinds, of};
    use crate::api::resources::{Origin, all};

    #[test]
    fn every_kind_has_a_schema_and_every_reference_leads_to_one() {
        for resource in all() {
            let version = resource.preferred_version();
            let schemas = of(&Kinds::default(), &[resource], version);
            let own = schemas.values().find(|schema| {
                schema["x-kubernetes-group-version-kind"][0]["kind"] == resource.kind
            });
            let own = own.unwrap_or_else(|| panic!("{} has a schema", resource.kind));
            assert!(own["properties"]["metadata"].is_object(), "{}", resource.kind);
            if resource.origin == Origin::BuiltIn {
                assert!(own["description"].is_string(), "{} is described", resource.kind);
            }
            // Clients read limits as signed numbers.
            let text = serde_json::to_string(&schemas).expect("JSON");
            assert!(!text.contains("18446744073709551615"), "{} has no such limit", resource.kind);
            for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
                let name = reference.split('"').next().unwrap_or_default();
                assert!(schemas.contains_key(name), "{} refers to {name}", resource.kind);
            }
        }
    }
}
