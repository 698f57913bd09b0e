//! Why a request to the Kubernetes API failed: which operation, on which object, written where,
//! and the API's own reasons with their field paths.
//!
//! Whether a failure refutes a claim or leaves it open is for the caller to decide;
//! [`RequestError::is_transient`] helps with that.

use std::fmt;

use gateproof_core::redaction;
use gateproof_core::scenario::ObjectRef;

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to {operation} {target}{}: {cause}", at(origin.as_deref()))]
pub struct RequestError {
    /// What was asked for.
    pub operation: Operation,
    /// Of what: `Gateway apps/web`, or `HTTPRoutes (gateway.networking.k8s.io/v1) in apps`.
    pub target: String,
    /// Where the object was written, `file:line`, when it came from a file.
    pub origin: Option<String>,
    /// Why not.
    pub cause: Cause,
}

/// An object could not be applied.
pub type ApplyError = RequestError;

/// An object or list could not be read.
pub type ReadError = RequestError;

/// What was asked of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Create, expecting that it is not there.
    Create,
    /// Read one object.
    Get,
    /// Read all objects of a kind.
    List,
    /// Merge-patch.
    Patch,
    /// Delete.
    Delete,
    /// Follow changes.
    Watch,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Apply => "apply",
            Self::Create => "create",
            Self::Get => "read",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Watch => "watch",
        })
    }
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The value is no Kubernetes object: what is wrong and what was expected.
    NotAnObject(String),
    /// The cluster serves no such kind.
    NotServed {
        /// `apiVersion`.
        api_version: String,
        /// `kind`.
        kind: String,
    },
    /// The API answered, and the answer is no.
    Rejected(Rejection),
    /// The API did not answer, or not in a form that can be read.
    Unreachable(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject(problem) => f.write_str(problem),
            Self::NotServed { api_version, kind } => write!(
                f,
                "the cluster serves no kind {kind} in {api_version}; is its \
                 CustomResourceDefinition installed, in this version?"
            ),
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Unreachable(words) => write!(f, "no usable answer from the API server: {words}"),
        }
    }
}

/// The API's own words when it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status code.
    pub code: u16,
    /// The reason as the API names it, such as `Invalid`, `Conflict` or `NotFound`.
    pub reason: String,
    /// The API's message.
    pub message: String,
    /// Problems of single fields; empty when the API named none.
    pub problems: Vec<FieldProblem>,
}

/// What is wrong with one field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The path of the field, such as `spec.listeners[0].port`; empty when the API gave none.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Rejection {
    /// Field problems when there are any, because the API's message repeats them at length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.problems.is_empty() {
            f.write_str(&self.message)?;
        }
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            if problem.field.is_empty() {
                write!(f, "{separator}{}", problem.message)?;
            } else {
                write!(f, "{separator}{}: {}", problem.field, problem.message)?;
            }
        }
        match (self.reason.as_str(), self.code) {
            ("", code) => write!(f, " (HTTP {code})"),
            (reason, code) => write!(f, " ({reason}, HTTP {code})"),
        }
    }
}

impl RequestError {
    /// The same error with the place where the object was written.
    #[must_use]
    pub fn at(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// Whether asking again later may succeed without anybody changing anything: no answer, too
    /// many requests, or trouble inside the API server. A conflict or a missing namespace is not.
    pub fn is_transient(&self) -> bool {
        match &self.cause {
            Cause::Unreachable(_) => true,
            Cause::Rejected(rejection) => rejection.code == 429 || rejection.code >= 500,
            Cause::NotAnObject(_) | Cause::NotServed { .. } => false,
        }
    }
}

impl Cause {
    /// Reads the cause out of a client error.
    pub(crate) fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Rejected(Rejection::of(status)),
            other => Self::Unreachable(in_words(other)),
        }
    }
}

impl Rejection {
    fn of(status: &kube::core::Status) -> Self {
        let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
        Self {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
            problems: causes
                .iter()
                .map(|cause| FieldProblem {
                    field: cause.field.clone(),
                    message: cause.message.clone(),
                })
                .collect(),
        }
    }
}

/// `Kind namespace/name`, as messages write it.
pub(crate) fn describe(object: &ObjectRef) -> String {
    match &object.namespace {
        Some(namespace) => format!("{} {namespace}/{}", object.kind, object.name),
        None => format!("{} {}", object.kind, object.name),
    }
}

fn at(origin: Option<&str>) -> String {
    origin.map(|origin| format!(" ({origin})")).unwrap_or_default()
}

/// An error with its causes on one line, without saying the same twice.
pub(crate) fn in_words(error: &kube::Error) -> String {
    if let Some(words) = credentials_in_words(error) {
        return words;
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let next = current.to_string();
        if !words.contains(&next) {
            words.push_str(": ");
            words.push_str(&next);
        }
        cause = current.source();
    }
    words
}

/// What went wrong with credentials, if that is what it is. A plugin's output holds tokens also when
/// it fails, so only what it wrote to standard error is told.
fn credentials_in_words(error: &kube::Error) -> Option<String> {
    use kube::client::AuthError;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<AuthError>() {
            return Some(match error {
                // Its command line is not told: it begins with the variables that it was given.
                AuthError::AuthExecRun { status, out, .. } => {
                    let said = String::from_utf8_lossy(&out.stderr);
                    format!("the credential plugin failed ({status}){}", last_words(&said))
                }
                AuthError::ExecPluginFailed => {
                    "the credential plugin gave an ExecCredential without a status".to_owned()
                }
                AuthError::AuthExecParse(_) => {
                    "the output of the credential plugin is no ExecCredential".to_owned()
                }
                AuthError::AuthExecStart(error) => {
                    format!("the credential plugin cannot be started: {error}; is it installed?")
                }
                other => format!("no credentials: {other}"),
            });
        }
        cause = current.source();
    }
    None
}

/// What a plugin wrote to standard error, its end, without secrets. Where it may ask a person, that
/// person has seen it, and nothing is caught.
fn last_words(said: &str) -> String {
    const LONGEST: usize = 600;
    let said = redaction::text(said.trim());
    if said.is_empty() {
        return "; nothing was caught of what it wrote to standard error".to_owned();
    }
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = lines.join("; ");
    match said.char_indices().rev().nth(LONGEST) {
        Some((start, _)) => format!(": … {}", &said[start..]),
        None => format!(": {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(code: u16, problems: Vec<FieldProblem>) -> RequestError {
        RequestError {
            operation: Operation::Apply,
            target: "Gateway gateway/shared".to_owned(),
            origin: None,
            cause: Cause::Rejected(Rejection {
                code,
                reason: "Invalid".to_owned(),
                message: "long".to_owned(),
                problems,
            }),
        }
    }

    #[test]
    fn message_names_operation_object_origin_field_and_reason() {
        let problem = FieldProblem {
            field: "spec.listeners[0].port".to_owned(),
            message: "Invalid value: 70000: must be at most 65535".to_owned(),
        };
        assert_eq!(
            rejected(422, vec![problem]).at("scenarios/x.yaml:12").to_string(),
            "failed to apply Gateway gateway/shared (scenarios/x.yaml:12): \
             spec.listeners[0].port: Invalid value: 70000: must be at most 65535 \
             (Invalid, HTTP 422)"
        );
    }

    #[test]
    fn message_of_the_api_is_told_when_it_names_no_field() {
        assert_eq!(
            rejected(409, Vec::new()).to_string(),
            "failed to apply Gateway gateway/shared: long (Invalid, HTTP 409)"
        );
    }

    #[test]
    fn only_trouble_that_may_pass_is_transient() {
        for (code, transient) in
            [(409, false), (404, false), (422, false), (429, true), (503, true)]
        {
            assert_eq!(rejected(code, Vec::new()).is_transient(), transient, "HTTP {code}");
        }
    }
}
