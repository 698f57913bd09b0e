//! One object, or all of a kind: apply, create, read, patch, delete.
//!
//! Values go in and come out as the API has them; nothing is defaulted or dropped on the way,
//! except that listed objects get back the `apiVersion` and `kind` that built-in lists leave out.

use gateproof_core::scenario::ObjectRef;
use kube::api::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, ValidationDirective,
};
use kube::core::Request;
use serde_json::Value;

use crate::client::Client;
use crate::discovery::Resource;
use crate::error::{ApplyError, Cause, Operation, ReadError, RequestError, describe};
use crate::page::items;

/// What came of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The API accepted it; finalizers may keep the object for a while (see
    /// [`crate::wait::until_gone`]).
    Accepted,
    /// There was no such object.
    WasAbsent,
}

impl Client {
    /// Server-side apply as field manager `manager`, taking over fields that others own.
    /// Unknown fields are refused rather than dropped. Gives the object as the API has it now.
    ///
    /// # Errors
    /// When the value is no named object, its kind is not served, or the API refuses it.
    pub async fn apply(&self, object: &Value, manager: &str) -> Result<Value, ApplyError> {
        self.apply_with(object, PatchParams::apply(manager).force()).await
    }

    /// The same, but leaves fields that others own alone: where they differ, the API refuses with
    /// reason `Conflict` and names the owners.
    ///
    /// # Errors
    /// As [`Client::apply`], and on a conflict.
    pub async fn apply_without_force(
        &self,
        object: &Value,
        manager: &str,
    ) -> Result<Value, ApplyError> {
        self.apply_with(object, PatchParams::apply(manager)).await
    }

    async fn apply_with(
        &self,
        object: &Value,
        mut params: PatchParams,
    ) -> Result<Value, ApplyError> {
        let target =
            reference(object).map_err(|cause| failed(Operation::Apply, &summary(object), cause))?;
        params.field_validation = Some(ValidationDirective::Strict);
        self.on_object(Operation::Apply, &target, |path| {
            Request::new(path).patch(&target.name, &params, &Patch::Apply(object))
        })
        .await
    }

    /// Server-side apply of an object's status, which is a subresource of it.
    ///
    /// # Errors
    /// As [`Client::apply`]; also when the object does not exist.
    pub async fn apply_status(&self, object: &Value, manager: &str) -> Result<Value, ApplyError> {
        let target =
            reference(object).map_err(|cause| failed(Operation::Apply, &summary(object), cause))?;
        let mut params = PatchParams::apply(manager).force();
        params.field_validation = Some(ValidationDirective::Strict);
        self.on_object(Operation::Apply, &target, |path| {
            Request::new(path).patch_subresource(
                "status",
                &target.name,
                &params,
                &Patch::Apply(object),
            )
        })
        .await
    }

    /// Creates an object that must not be there yet.
    ///
    /// # Errors
    /// As [`Client::apply`]; an object that exists is refused with reason `AlreadyExists`.
    pub async fn create(&self, object: &Value, manager: &str) -> Result<Value, RequestError> {
        let target = reference(object)
            .map_err(|cause| failed(Operation::Create, &summary(object), cause))?;
        let params =
            PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
        self.on_object(Operation::Create, &target, |path| {
            Request::new(path).create(&params, object.to_string().into_bytes())
        })
        .await
    }

    /// Asks what creating an object would come to, webhooks included, without creating it.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub async fn create_dry_run(
        &self,
        object: &Value,
        manager: &str,
    ) -> Result<Value, RequestError> {
        let target = reference(object)
            .map_err(|cause| failed(Operation::Create, &summary(object), cause))?;
        let params = PostParams { dry_run: true, field_manager: Some(manager.to_owned()) };
        self.on_object(Operation::Create, &target, |path| {
            Request::new(path).create(&params, object.to_string().into_bytes())
        })
        .await
    }

    /// Reads an object; `None` when there is none.
    ///
    /// # Errors
    /// When its kind is not served or the API does not answer; absence of the object is no error.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ReadError> {
        let found = self
            .on_object(Operation::Get, object, |path| {
                Request::new(path).get(&object.name, &GetParams::default())
            })
            .await;
        match found {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_absent(&error.cause) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads all objects of a kind, in one namespace or in all of them, sorted by namespace and
    /// name.
    ///
    /// # Errors
    /// When the kind is not served or the API does not answer.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
    ) -> Result<Vec<Value>, ReadError> {
        let place = namespace.map(|name| format!(" in {name}")).unwrap_or_default();
        let target = format!("all {kind} objects ({api_version}){place}");
        self.list_of(api_version, kind, namespace)
            .await
            .map_err(|cause| failed(Operation::List, &target, cause))
    }

    async fn list_of(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
    ) -> Result<Vec<Value>, Cause> {
        let mut list = self
            .with_resource(api_version, kind, |resource| {
                Request::new(resource.path(namespace)).list(&ListParams::default())
            })
            .await?;
        let mut items = items(&mut list, api_version, kind)?;
        items.sort_by_cached_key(sort_key);
        Ok(items)
    }

    /// Merge-patches an object (RFC 7386) as field manager `manager`.
    ///
    /// # Errors
    /// When there is no such object, or the API refuses the result.
    pub async fn merge_patch(
        &self,
        object: &ObjectRef,
        patch: &Value,
        manager: &str,
    ) -> Result<Value, RequestError> {
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
            ..PatchParams::default()
        };
        self.on_object(Operation::Patch, object, |path| {
            Request::new(path).patch(&object.name, &params, &Patch::Merge(patch))
        })
        .await
    }

    /// Deletes an object; its dependents follow in the background.
    ///
    /// # Errors
    /// When its kind is not served or the API refuses; absence of the object is no error.
    pub async fn delete(&self, object: &ObjectRef) -> Result<Deleted, RequestError> {
        let params = DeleteParams::background();
        let answer = self
            .on_object(Operation::Delete, object, |path| {
                Request::new(path).delete(&object.name, &params)
            })
            .await;
        match answer {
            Ok(_) => Ok(Deleted::Accepted),
            Err(error) if is_absent(&error.cause) => Ok(Deleted::WasAbsent),
            Err(error) => Err(error),
        }
    }

    /// Sends the request that `build` makes for the object's collection, and words its failure.
    async fn on_object(
        &self,
        operation: Operation,
        object: &ObjectRef,
        build: impl Fn(String) -> Built + Sync,
    ) -> Result<Value, RequestError> {
        let outcome = match check_name(object) {
            Ok(()) => {
                self.with_resource(&object.api_version, &object.kind, |resource| {
                    build(resource.path(resource.namespace(object.namespace.as_deref())))
                })
                .await
            }
            Err(cause) => Err(cause),
        };
        outcome.map_err(|cause| failed(operation, &describe(object), cause))
    }

    /// Sends the request that `build` makes for the kind as served; discovers once more when the
    /// path turns out to be gone.
    pub(crate) async fn with_resource(
        &self,
        api_version: &str,
        kind: &str,
        build: impl Fn(&Resource) -> Built + Sync,
    ) -> Result<Value, Cause> {
        let resource = self.resource(api_version, kind).await?;
        let outcome = self.send(build(&resource)).await;
        if !matches!(&outcome, Err(cause) if is_missing_path(cause)) {
            return outcome;
        }
        self.forget(api_version);
        let resource = self.resource(api_version, kind).await?;
        self.send(build(&resource)).await
    }
}

/// A request as `kube` builds it.
pub(crate) type Built = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

/// Which object a value is.
///
/// # Errors
/// When `apiVersion`, `kind` or `metadata.name` is missing.
pub fn reference(object: &Value) -> Result<ObjectRef, Cause> {
    let text = |pointer: &str| {
        object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let required = |pointer: &str, field: &str| {
        text(pointer).map(str::to_owned).ok_or_else(|| {
            Cause::NotAnObject(format!(
                "it has no `{field}`; expected an object with apiVersion, kind and metadata.name"
            ))
        })
    };
    Ok(ObjectRef {
        api_version: required("/apiVersion", "apiVersion")?,
        kind: required("/kind", "kind")?,
        name: required("/metadata/name", "metadata.name")?,
        namespace: text("/metadata/namespace").map(str::to_owned),
    })
}

/// What can be said of a value that may lack a name.
fn summary(object: &Value) -> String {
    match object.get("kind").and_then(Value::as_str) {
        Some(kind) => format!("a {kind}"),
        None => "a document".to_owned(),
    }
}

/// Refuses names that would lead to another path.
fn check_name(object: &ObjectRef) -> Result<(), Cause> {
    let parts = [Some(&object.name), object.namespace.as_ref()];
    for part in parts.into_iter().flatten() {
        if part.is_empty() || part == "." || part == ".." || part.contains(['/', '%', '?', '#']) {
            return Err(Cause::NotAnObject(format!(
                "`{part}` is not a name; expected letters, digits, `-` and `.`"
            )));
        }
    }
    Ok(())
}

fn failed(operation: Operation, target: &str, cause: Cause) -> RequestError {
    RequestError { operation, target: target.to_owned(), origin: None, cause }
}

/// Whether the object is not there, as against its whole kind.
fn is_absent(cause: &Cause) -> bool {
    matches!(cause, Cause::Rejected(rejection) if rejection.code == 404) && !is_missing_path(cause)
}

/// Whether the collection itself is gone, as against an object in it. The API names the object in
/// the second case (`… "web" not found`); in the first it says only that it "could not find the
/// requested resource" (k8s.io/apimachinery, `pkg/api/errors`, `NewGenericServerResponse`), and
/// other servers answer plain text, which carries no reason.
fn is_missing_path(cause: &Cause) -> bool {
    let Cause::Rejected(rejection) = cause else { return false };
    rejection.code == 404
        && (rejection.reason != "NotFound"
            || rejection.message.contains("could not find the requested resource"))
}

fn sort_key(object: &Value) -> (String, String) {
    let text =
        |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}
