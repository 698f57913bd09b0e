//! What the API server answers when it refuses, in Kubernetes' own form: a `Status` object.
//!
//! Clients branch on the code and the reason, so both follow `StatusReason` of Kubernetes
//! (`staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go`).

use gateproof_core::gateway_api::{FieldError, Problem};
use serde_json::{Value, json};

use super::object::ObjectName;
use super::resources::{Kind, Resource};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The machine-readable reason, which implies the HTTP status.
    pub reason: Reason,
    /// The reason in words.
    pub message: String,
    /// The object the refusal is about, when there is one.
    pub subject: Option<Box<Subject>>,
    /// Details, one per field.
    pub causes: Vec<Cause>,
}

/// The object a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its group; empty for the core group.
    pub group: String,
    /// Its plural; for an invalid object its kind, as Kubernetes writes it.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Why a request was refused (`StatusReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 400.
    BadRequest,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 406.
    NotAcceptable,
    /// 409: the name is taken.
    AlreadyExists,
    /// 409: the object changed, or somebody else owns a field.
    Conflict,
    /// 410: the resource version is too old.
    Expired,
    /// 413.
    RequestEntityTooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 422.
    Invalid,
    /// 503.
    ServiceUnavailable,
    /// 504: the resource version lies in the future.
    Timeout,
}

impl Reason {
    /// The HTTP status.
    pub fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Expired => 410,
            Self::RequestEntityTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::ServiceUnavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// The reason as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::NotAcceptable => "NotAcceptable",
            Self::AlreadyExists => "AlreadyExists",
            Self::Conflict => "Conflict",
            Self::Expired => "Expired",
            Self::RequestEntityTooLarge => "RequestEntityTooLarge",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::Invalid => "Invalid",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::Timeout => "Timeout",
        }
    }
}

/// One detail of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The machine-readable reason, such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// The reason in words.
    pub message: String,
    /// The field, such as `spec.listeners[1].tls`.
    pub field: String,
}

impl ApiError {
    /// A refusal without an object.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), subject: None, causes: Vec::new() }
    }

    /// A request that makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    /// A path that nothing is served at.
    pub fn no_such_path() -> Self {
        Self::new(Reason::NotFound, "the server could not find the requested resource")
    }

    /// A kind that is not served.
    pub fn no_such_kind(kind: &Kind) -> Self {
        let message = format!("no matches for kind \"{}\" in group \"{}\"", kind.kind, kind.group);
        Self::new(Reason::NotFound, message)
    }

    /// A method that a path does not have.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(Reason::MethodNotAllowed, message)
    }

    /// A way into a pod's container, which does not exist here.
    pub fn no_container(way: &str) -> Self {
        let message = format!(
            "{way} is not possible in an embedded cluster: its pods are servers inside the \
             gateproof process, without containers; send requests through a Gateway instead"
        );
        Self::new(Reason::BadRequest, message)
    }

    /// An object that does not exist.
    pub fn not_found(resource: &Resource, name: &ObjectName) -> Self {
        let message = format!("{} \"{}\" not found", resource.qualified_plural(), name.name);
        Self::new(Reason::NotFound, message).about(resource, &name.name)
    }

    /// A name that is taken.
    pub fn already_exists(resource: &Resource, name: &ObjectName) -> Self {
        let message = format!("{} \"{}\" already exists", resource.qualified_plural(), name.name);
        Self::new(Reason::AlreadyExists, message).about(resource, &name.name)
    }

    /// A write that is based on an older version of the object.
    pub fn modified(resource: &Resource, name: &ObjectName) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and \
             try again",
        )
    }

    /// A write whose precondition does not hold.
    pub fn conflict(resource: &Resource, name: &ObjectName, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{}\": {why}",
            resource.qualified_plural(),
            name.name
        );
        Self::new(Reason::Conflict, message).about(resource, &name.name)
    }

    /// A write into a namespace that is going away.
    pub fn namespace_terminating(resource: &Resource, name: &ObjectName) -> Self {
        let namespace = name.namespace.as_deref().unwrap_or_default();
        let message = format!(
            "{} \"{}\" is forbidden: unable to create new content in namespace {namespace} \
             because it is being terminated",
            resource.qualified_plural(),
            name.name
        );
        Self::new(Reason::Forbidden, message).about(resource, &name.name)
    }

    /// An object that breaks rules of its kind.
    pub fn invalid(resource: &Resource, name: &str, causes: Vec<Cause>) -> Self {
        let details: Vec<_> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let details = match details.as_slice() {
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let kind = resource.as_kind();
        let message = format!("{kind} \"{name}\" is invalid: {details}");
        let Kind { group, kind } = kind;
        let subject = Some(Box::new(Subject { group, kind, name: name.to_owned() }));
        Self { reason: Reason::Invalid, message, subject, causes }
    }

    /// Says which object the refusal is about.
    pub fn about(mut self, resource: &Resource, name: &str) -> Self {
        self.subject = Some(Box::new(Subject {
            group: resource.group.to_owned(),
            kind: resource.plural.to_owned(),
            name: name.to_owned(),
        }));
        self
    }

    /// The `Status` object that clients read.
    pub fn status(&self) -> Value {
        let mut details = json!({});
        if let Some(subject) = &self.subject {
            details["name"] = json!(subject.name);
            details["kind"] = json!(subject.kind);
            if !subject.group.is_empty() {
                details["group"] = json!(subject.group);
            }
        }
        if !self.causes.is_empty() {
            let cause = |cause: &Cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field});
            details["causes"] = self.causes.iter().map(cause).collect();
        }
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason.as_str(),
            "details": details,
            "code": self.reason.code(),
        })
    }
}

impl From<&FieldError> for Cause {
    fn from(error: &FieldError) -> Self {
        let FieldError { found, expected, .. } = error;
        let hint = match &error.nearest {
            Some(nearest) => format!(" (did you mean `{nearest}`?)"),
            None => String::new(),
        };
        let (reason, message) = match error.problem {
            Problem::Required => {
                ("FieldValueRequired", format!("Required value: expected {expected}"))
            }
            Problem::WrongType => {
                ("FieldValueTypeInvalid", format!("Invalid value: {found}: expected {expected}"))
            }
            Problem::Invalid => {
                ("FieldValueInvalid", format!("Invalid value: {found}: expected {expected}"))
            }
            Problem::NotSupported => (
                "FieldValueNotSupported",
                format!("Unsupported value: {found}: expected {expected}{hint}"),
            ),
            Problem::Duplicate => {
                ("FieldValueDuplicate", format!("Duplicate value: {found}: expected {expected}"))
            }
            Problem::TooMany => {
                ("FieldValueTooMany", format!("Too many: {found}: expected {expected}"))
            }
            Problem::TooLong => {
                ("FieldValueTooLong", format!("Too long: {found}: expected {expected}"))
            }
            Problem::UnknownField => {
                ("FieldValueInvalid", format!("unknown field: expected {expected}{hint}"))
            }
        };
        Self { reason, message, field: error.path.to_string() }
    }
}
