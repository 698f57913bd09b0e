//! The `scale` subresource of workloads: `kubectl scale` and autoscalers.

use http::header::CONTENT_TYPE;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::objects::Request;
use super::patch::{Patch, patched};
use super::{ApiBody, json_answer};
use crate::api::error::ApiError;
use crate::api::resources::Resource;
use crate::api::store::{Operation, Part};

/// Whether a kind has it.
pub(super) fn has_scale(resource: &Resource) -> bool {
    matches!((resource.group, resource.kind), ("apps", "Deployment" | "ReplicaSet"))
}

/// Answers a request about the scale of an object.
pub(super) fn answer(request: &Request<'_>, name: &str) -> Result<Response<ApiBody>, ApiError> {
    let live = request.live(name)?;
    let method = &request.call.parts.method;
    if *method == Method::GET {
        return Ok(json_answer(StatusCode::OK, &scale_of(&live)));
    }
    let wanted = if *method == Method::PUT {
        request.call.object()?
    } else if *method == Method::PATCH {
        let media_type = request.call.header(CONTENT_TYPE);
        let patch = Patch::parse(media_type, &request.call.body, request.place.resource.origin)?;
        patched(&patch, &scale_of(&live))?
    } else {
        return Err(ApiError::method_not_allowed());
    };
    let replicas = wanted["spec"]["replicas"].as_u64().unwrap_or_default();
    let version = wanted["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let change = move |live: &Value| {
        let mut object = live.clone();
        object["spec"]["replicas"] = json!(replicas);
        if !version.is_empty() {
            object["metadata"]["resourceVersion"] = json!(version);
        }
        Ok(object)
    };
    let name = Some(request.place.name(name));
    let applied = request.perform(name, Part::Whole, Operation::Patch(&change), Value::Null)?;
    Ok(json_answer(StatusCode::OK, &scale_of(&applied.object)))
}

fn scale_of(object: &Value) -> Value {
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let metadata = &object["metadata"];
    json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"].as_u64().unwrap_or(1)},
        "status": {
            "replicas": object["status"]["replicas"].as_u64().unwrap_or_default(),
            "selector": selector.join(","),
        },
    })
}
