//! Questions a client asks about itself: `kubectl auth can-i` and `whoami`.
//!
//! Whoever has the token may do everything, so every answer is yes; nothing is stored.

use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{ApiBody, Call, json_answer};
use crate::api::error::ApiError;

/// A kind that is only asked, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Review {
    /// The group.
    pub(super) group: &'static str,
    /// The plural.
    pub(super) plural: &'static str,
    /// The kind.
    pub(super) kind: &'static str,
}

/// All of them, in version v1 and without a namespace.
pub(super) const REVIEWS: [Review; 3] = [
    Review {
        group: "authorization.k8s.io",
        plural: "selfsubjectaccessreviews",
        kind: "SelfSubjectAccessReview",
    },
    Review {
        group: "authorization.k8s.io",
        plural: "selfsubjectrulesreviews",
        kind: "SelfSubjectRulesReview",
    },
    Review {
        group: "authentication.k8s.io",
        plural: "selfsubjectreviews",
        kind: "SelfSubjectReview",
    },
];

/// Answers a question.
pub(super) fn answer(call: &Call, review: Review) -> Result<Response<ApiBody>, ApiError> {
    if call.parts.method != Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let mut object = call.object()?;
    if !object.is_object() {
        return Err(ApiError::bad_request("the body of the request is not a JSON object"));
    }
    object["apiVersion"] = json!(format!("{}/v1", review.group));
    object["kind"] = json!(review.kind);
    if object.get("metadata").is_none_or(Value::is_null) {
        object["metadata"] = json!({"creationTimestamp": null});
    }
    let all = json!(["*"]);
    object["status"] = match review.kind {
        "SelfSubjectAccessReview" => {
            json!({"allowed": true, "reason": "the token of this cluster may do everything"})
        }
        "SelfSubjectRulesReview" => json!({
            "incomplete": false,
            "resourceRules": [{"verbs": all, "apiGroups": all, "resources": all}],
            "nonResourceRules": [{"verbs": all, "nonResourceURLs": all}],
        }),
        _ => json!({"userInfo": {"username": "gateproof", "groups":
            ["system:masters", "system:authenticated"]}}),
    };
    Ok(json_answer(StatusCode::CREATED, &object))
}
