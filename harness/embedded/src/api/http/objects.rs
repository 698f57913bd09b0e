//! Requests about objects: get, list, create, update, patch, delete.

use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT, WARNING};
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::page::{self, Standing};
use super::patch::{Patch, patched};
use super::query::Query;
use super::representation::Representation;
use super::route::{Place, Selection};
use super::{ApiBody, Call, json_answer, json_text, scale, watch};
use crate::api::admission::UnknownFields;
use crate::api::error::{ApiError, Cause, Reason};
use crate::api::object::{ObjectName, is_terminating, metadata_text, set_metadata};
use crate::api::resources::{Origin, Resource, Scope, split_api_version};
use crate::api::selector::Selector;
use crate::api::store::{
    Applied, Conflicts, DeleteOptions, Operation, Outcome, Part, Persistence, Propagation, Store,
    Write, revision_of,
};

/// Answers a request about objects.
pub(super) fn answer(
    store: &Store,
    call: &Call,
    query: &Query,
    place: &Place,
) -> Result<Response<ApiBody>, ApiError> {
    let request = Request { store, call, query, place };
    match (&call.parts.method, &place.selection) {
        (_, Selection::Scale(name)) => scale::answer(&request, name),
        (&Method::GET | &Method::HEAD, Selection::Collection) => request.list(),
        (&Method::GET | &Method::HEAD, Selection::Object(name) | Selection::Status(name)) => {
            request.get(name)
        }
        (&Method::POST, Selection::Collection)
            if place.resource.scope == Scope::Cluster || place.namespace.is_some() =>
        {
            request.create()
        }
        (&Method::PUT, Selection::Object(name)) => request.replace(name, Part::Whole),
        (&Method::PUT, Selection::Status(name)) => request.replace(name, Part::Status),
        (&Method::PATCH, Selection::Object(name)) => request.patch(name, Part::Whole),
        (&Method::PATCH, Selection::Status(name)) => request.patch(name, Part::Status),
        (&Method::DELETE, Selection::Object(name)) => request.delete(name),
        (&Method::DELETE, Selection::Collection) => request.delete_all(),
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// A request about objects of one kind.
pub(super) struct Request<'r> {
    store: &'r Store,
    /// What was sent.
    pub(super) call: &'r Call,
    query: &'r Query,
    /// What it is about.
    pub(super) place: &'r Place,
}

impl Request<'_> {
    fn list(&self) -> Result<Response<ApiBody>, ApiError> {
        let selector = self.selector()?;
        if self.query.is_on("watch") {
            return watch::start(self.store, self.call, self.query, self.place, selector);
        }
        let page = page::of(self.store, self.query, self.place, &selector)?;
        let objects = page.objects.iter().map(AsRef::as_ref);
        let now = self.store.now();
        let list = self.representation().list_text(objects, self.place, &now, &page.standing);
        Ok(json_text(StatusCode::OK, list))
    }

    fn get(&self, name: &str) -> Result<Response<ApiBody>, ApiError> {
        Ok(self.shown(StatusCode::OK, &*self.live(name)?))
    }

    /// The object as it is stored.
    pub(super) fn live(&self, name: &str) -> Result<Arc<Value>, ApiError> {
        let name = self.place.name(name);
        let object = self.store.get(&self.place.resource.as_kind(), &name);
        object.ok_or_else(|| ApiError::not_found(self.place.resource, &name))
    }

    fn create(&self) -> Result<Response<ApiBody>, ApiError> {
        let object = self.fitting(self.call.object()?, None)?;
        let name = metadata_text(&object, "name").map(|name| self.place.name(name));
        self.write(name, Part::Whole, Operation::Create, object)
    }

    fn replace(&self, name: &str, part: Part) -> Result<Response<ApiBody>, ApiError> {
        let object = self.fitting(self.call.object()?, Some(name))?;
        let resource = self.place.resource;
        if resource.origin == Origin::Custom && revision_of(&object) == 0 {
            let name = self.place.name(name);
            let kind = resource.as_kind();
            self.store.get(&kind, &name).ok_or_else(|| ApiError::not_found(resource, &name))?;
            let cause = Cause {
                reason: "FieldValueInvalid",
                message: "Invalid value: 0: must be specified for an update".to_owned(),
                field: "metadata.resourceVersion".to_owned(),
            };
            return Err(ApiError::invalid(resource, &name.name, vec![cause]));
        }
        let name = Some(self.place.name(name));
        self.write(name, part, Operation::Replace, object)
    }

    fn patch(&self, name: &str, part: Part) -> Result<Response<ApiBody>, ApiError> {
        let origin = self.place.resource.origin;
        let patch = Patch::parse(self.call.header(CONTENT_TYPE), &self.call.body, origin)?;
        let full_name = Some(self.place.name(name));
        if let Patch::Apply(object) = patch {
            let resource = self.place.resource;
            if self.query.get("fieldManager").is_empty() {
                let cause = Cause {
                    reason: "FieldValueRequired",
                    message: "Required value: is required for apply patch".to_owned(),
                    field: "fieldManager".to_owned(),
                };
                return Err(ApiError::invalid(resource, name, vec![cause]));
            }
            let object = self.fitting(object, Some(name))?;
            if object["metadata"]["managedFields"].as_array().is_some_and(|list| !list.is_empty()) {
                return Err(ApiError::bad_request("metadata.managedFields must be nil"));
            }
            let conflicts =
                if self.query.is_on("force") { Conflicts::Force } else { Conflicts::Refuse };
            return self.write(full_name, part, Operation::Apply(conflicts), object);
        }
        let change = |live: &Value| {
            let object = patched(&patch, live)?;
            if metadata_text(&object, "name") == Some(name) {
                return Ok(object);
            }
            let cause = Cause {
                reason: "FieldValueInvalid",
                message: format!(
                    "Invalid value: {}: field is immutable",
                    object["metadata"]["name"]
                ),
                field: "metadata.name".to_owned(),
            };
            Err(ApiError::invalid(self.place.resource, name, vec![cause]))
        };
        self.write(full_name, part, Operation::Patch(&change), Value::Null)
    }

    fn delete(&self, name: &str) -> Result<Response<ApiBody>, ApiError> {
        let options = self.delete_options()?;
        let name = self.place.name(name);
        let resource = self.place.resource;
        let applied = self.store.delete_with(&resource.as_kind(), &name, &options)?;
        if applied.outcome != Outcome::Removed || is_terminating(&applied.object) {
            return Ok(self.shown(StatusCode::OK, &applied.object));
        }
        let mut details = json!({"name": name.name, "kind": resource.plural,
            "uid": applied.object["metadata"]["uid"]});
        if !resource.group.is_empty() {
            details["group"] = json!(resource.group);
        }
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Success", "details": details});
        Ok(json_answer(StatusCode::OK, &status))
    }

    fn delete_all(&self) -> Result<Response<ApiBody>, ApiError> {
        let options = self.delete_options()?;
        let selector = self.selector()?;
        let kind = self.place.resource.as_kind();
        let (objects, revision) = self.store.snapshot(&kind, self.place.namespace.as_deref());
        let mut deleted = Vec::new();
        for object in objects.iter().filter(|object| selector.matches(object)) {
            let name = ObjectName::of(object).expect("stored objects have a name");
            match self.store.delete_with(&kind, &name, &options) {
                Ok(applied) => deleted.push(applied.object),
                // Another deletion of this list took it along.
                Err(error) if error.reason == Reason::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let chosen = deleted.iter().map(AsRef::as_ref);
        let now = self.store.now();
        let list =
            Representation::Full.list(chosen, self.place, &now, &Standing::complete(revision));
        Ok(json_answer(StatusCode::OK, &list))
    }

    fn write(
        &self,
        name: Option<ObjectName>,
        part: Part,
        operation: Operation<'_>,
        object: Value,
    ) -> Result<Response<ApiBody>, ApiError> {
        Ok(self.applied(&self.perform(name, part, operation, object)?))
    }

    /// Performs a write as this request asks for it.
    pub(super) fn perform(
        &self,
        name: Option<ObjectName>,
        part: Part,
        operation: Operation<'_>,
        object: Value,
    ) -> Result<Applied, ApiError> {
        self.store.write(&Write {
            resource: self.place.resource,
            name,
            version: self.place.version,
            manager: self.manager(),
            part,
            unknown: self.unknown_fields()?,
            persistence: self.persistence()?,
            operation,
            object,
        })
    }

    fn applied(&self, applied: &Applied) -> Response<ApiBody> {
        let code = match applied.outcome {
            Outcome::Created => StatusCode::CREATED,
            Outcome::Changed | Outcome::Unchanged | Outcome::Removed => StatusCode::OK,
        };
        let mut response = self.shown(code, &applied.object);
        for warning in &applied.warnings {
            let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
            // A field name that no header can carry is left out; the field is dropped anyway.
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
                response.headers_mut().append(WARNING, value);
            }
        }
        response
    }

    fn shown(&self, code: StatusCode, object: &Value) -> Response<ApiBody> {
        let now = self.store.now();
        json_text(code, self.representation().one_text(object, self.place, &now))
    }

    fn representation(&self) -> Representation {
        Representation::from_accept(self.call.header(ACCEPT))
    }

    fn selector(&self) -> Result<Selector, ApiError> {
        let (labels, fields) = (self.query.get("labelSelector"), self.query.get("fieldSelector"));
        Selector::parse(labels, fields, self.place.resource)
    }

    /// Who writes: the field manager, else the program before the slash in the user agent.
    fn manager(&self) -> &str {
        match self.query.get("fieldManager") {
            "" => {
                let agent = self.call.header(USER_AGENT);
                let program = agent.split('/').next().unwrap_or_default();
                if program.is_empty() { "unknown" } else { program }
            }
            manager => manager,
        }
    }

    fn unknown_fields(&self) -> Result<UnknownFields, ApiError> {
        match self.query.get("fieldValidation") {
            "" | "Warn" => Ok(UnknownFields::Warn),
            "Ignore" => Ok(UnknownFields::Drop),
            "Strict" => Ok(UnknownFields::Refuse),
            other => Err(ApiError::bad_request(format!(
                "invalid fieldValidation \"{other}\": expected Ignore, Warn or Strict"
            ))),
        }
    }

    fn persistence(&self) -> Result<Persistence, ApiError> {
        match self.query.get("dryRun") {
            "" => Ok(Persistence::Stored),
            "All" => Ok(Persistence::DryRun),
            other => {
                Err(ApiError::bad_request(format!("invalid dryRun \"{other}\": expected All")))
            }
        }
    }

    /// Options come in the body or in the query.
    fn delete_options(&self) -> Result<DeleteOptions, ApiError> {
        let body = if self.call.body.is_empty() { json!({}) } else { self.call.object()? };
        let propagation = match body["propagationPolicy"].as_str() {
            Some(policy) => policy,
            None => self.query.get("propagationPolicy"),
        };
        let orphan = propagation == "Orphan" || body["orphanDependents"] == true;
        let dry_run = body["dryRun"].as_array().is_some_and(|list| !list.is_empty());
        let text = |field: &str| body["preconditions"][field].as_str().map(str::to_owned);
        Ok(DeleteOptions {
            propagation: match propagation {
                _ if orphan => Propagation::Orphan,
                "Foreground" => Propagation::Foreground,
                _ => Propagation::Collect,
            },
            persistence: if dry_run { Persistence::DryRun } else { self.persistence()? },
            uid: text("uid"),
            resource_version: text("resourceVersion"),
        })
    }

    /// The object, when it is about what the path is about; namespace and kind are filled in.
    fn fitting(&self, mut object: Value, name: Option<&str>) -> Result<Value, ApiError> {
        let resource = self.place.resource;
        if !object.is_object() {
            return Err(ApiError::bad_request("the body of the request is not a JSON object"));
        }
        check_kind(&object, resource, self.place.version)?;
        if let (Some(name), Some(given)) = (name, metadata_text(&object, "name"))
            && name != given
        {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({given}) does not match the name on the URL ({name})"
            )));
        }
        if let (Some(namespace), Some(given)) =
            (self.place.namespace.as_deref(), metadata_text(&object, "namespace"))
            && namespace != given
        {
            return Err(ApiError::bad_request(format!(
                "the namespace of the provided object ({given}) does not match the namespace \
                 sent on the request ({namespace})"
            )));
        }
        let namespace = self.place.namespace.as_deref().map(Value::from);
        set_metadata(&mut object, "namespace", namespace);
        Ok(object)
    }
}

fn check_kind(object: &Value, resource: &Resource, version: &str) -> Result<(), ApiError> {
    let expected = resource.api_version(version);
    let api_version = object["apiVersion"].as_str().unwrap_or(&expected);
    if split_api_version(api_version) != split_api_version(&expected) {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version \
             ({expected})"
        )));
    }
    match object["kind"].as_str() {
        Some(kind) if kind != resource.kind => Err(ApiError::bad_request(format!(
            "the kind in the data ({kind}) does not match the expected kind ({})",
            resource.kind
        ))),
        _ => Ok(()),
    }
}
