//! What an object must satisfy before it is stored: a legal name, and the rules of its kind.
//!
//! Gateway API kinds are pruned, defaulted and validated by `gateproof_core::gateway_api`. Other
//! kinds are stored as they come, apart from their names, nulls, [`defaults`] and the `stringData`
//! of Secrets: their schemas are not known here.

mod certificate_request;

use gateproof_core::gateway_api;
use serde_json::Value;

use super::custom::{CustomKind, structural};
use super::defaults;
use super::error::{ApiError, Cause};
use super::object::ObjectName;
use super::resources::{Origin, Resource, Scope};
use super::secret;

/// By which rules objects of a kind are judged.
pub(in crate::api) enum Rules<'k> {
    /// Those compiled in, if any.
    CompiledIn,
    /// Those of a definition, in a version.
    Custom(&'k CustomKind, &'k str),
}

impl<'k> Rules<'k> {
    /// The rules of a kind that may have a definition.
    pub(in crate::api) fn of(custom: Option<&'k CustomKind>, version: &'k str) -> Self {
        custom.map_or(Self::CompiledIn, |custom| Self::Custom(custom, version))
    }
}

/// What happens to fields that the schema of a kind does not have (`fieldValidation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::api) enum UnknownFields {
    /// They are dropped.
    Drop,
    /// They are dropped and the client is warned.
    #[default]
    Warn,
    /// The object is refused.
    Refuse,
}

/// Brings an object into the form it is stored in: a `null` means that a field is not there, and
/// the texts of a Secret become data. No field of the Gateway API is nullable; other custom kinds
/// keep their nulls.
pub(in crate::api) fn normalize(resource: &Resource, object: &mut Value) {
    if resource.origin == Origin::BuiltIn || resource.group == "gateway.networking.k8s.io" {
        drop_nulls(object);
    }
    if (resource.group, resource.kind) == ("", "Secret") {
        secret::encode_string_data(object);
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(entries) => entries.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Drops or refuses unknown fields; returns the warnings for the client.
pub(in crate::api) fn prune(
    object: &mut Value,
    unknown: UnknownFields,
    rules: &Rules<'_>,
) -> Result<Vec<String>, ApiError> {
    let removed: Vec<String> = match rules {
        Rules::CompiledIn => gateway_api::prune(object).iter().map(ToString::to_string).collect(),
        Rules::Custom(kind, version) => structural::prune(object, kind.schema(version)),
    };
    let warnings: Vec<_> = removed.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    match unknown {
        UnknownFields::Drop => Ok(Vec::new()),
        UnknownFields::Warn => Ok(warnings),
        UnknownFields::Refuse if warnings.is_empty() => Ok(Vec::new()),
        UnknownFields::Refuse => {
            Err(ApiError::bad_request(format!("strict decoding error: {}", warnings.join(", "))))
        }
    }
}

/// What a writer should know about a kind that is stored and nothing more.
pub(in crate::api) fn caveat(resource: &Resource) -> Option<String> {
    (resource.group == "admissionregistration.k8s.io")
        .then(|| format!("{} is stored and not enforced by an embedded cluster", resource.kind))
}

/// Fills in defaults, then judges the object by the rules of its kind.
pub(in crate::api) fn admit(
    resource: &Resource,
    name: &ObjectName,
    before: Option<&Value>,
    object: &mut Value,
    rules: &Rules<'_>,
) -> Result<(), ApiError> {
    if let Rules::Custom(kind, version) = rules {
        structural::default(object, kind.schema(version));
        let causes = kind.problems(version, before, object);
        if causes.is_empty() {
            return Ok(());
        }
        return Err(ApiError::invalid(resource, &name.name, causes));
    }
    gateway_api::default(object);
    defaults::fill(resource, object);
    if (resource.group, resource.kind) == ("cert-manager.io", "CertificateRequest")
        && before.is_none()
    {
        certificate_request::admit(object)?;
    }
    let mut errors = gateway_api::validate(object);
    if let Some(before) = before {
        errors.extend(gateway_api::validate_update(before, object));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(resource, &name.name, errors.iter().map(Cause::from).collect()))
}

/// Judges the name of a new object.
pub(in crate::api) fn admit_name(resource: &Resource, name: &ObjectName) -> Result<(), ApiError> {
    let is_label = matches!((resource.group, resource.kind), ("", "Namespace" | "Service"));
    let (longest, form) = if is_label {
        (
            63,
            "at most 63 lower-case letters, digits and `-`, starting and ending with a letter or digit",
        )
    } else {
        (
            253,
            "at most 253 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends of every label",
        )
    };
    let label = |text: &str| {
        let edge = |byte: Option<u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        edge(text.bytes().next())
            && edge(text.bytes().last())
            && text.bytes().all(|byte| edge(Some(byte)) || byte == b'-')
    };
    let text = name.name.as_str();
    let fits =
        text.len() <= longest && if is_label { label(text) } else { text.split('.').all(label) };
    let mut causes = Vec::new();
    if !fits {
        causes.push(Cause {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: \"{text}\": expected {form}"),
            field: "metadata.name".to_owned(),
        });
    }
    if resource.scope == Scope::Namespaced && name.namespace.is_none() {
        causes.push(Cause {
            reason: "FieldValueRequired",
            message: "Required value: expected the namespace of the object".to_owned(),
            field: "metadata.namespace".to_owned(),
        });
    }
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid(resource, text, causes)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ObjectName, admit_name, normalize};
    use crate::api::resources::{Kind, of_kind};

    #[test]
    fn a_null_is_no_field_in_built_in_kinds_and_the_gateway_api() {
        for (group, kind, kept) in [
            ("", "ConfigMap", json!({"spec": {}})),
            ("gateway.networking.k8s.io", "Gateway", json!({"spec": {}})),
            ("cilium.io", "CiliumEnvoyConfig", json!({"spec": {"addresses": null}})),
        ] {
            let mut object = json!({"spec": {"addresses": null}});
            normalize(of_kind(&Kind::new(group, kind)).expect("served"), &mut object);
            assert_eq!(object, kept, "{kind}");
        }
    }

    #[test]
    fn names_follow_the_rules_of_their_kind() {
        for (kind, name, fits) in [
            ("Service", "echo-a", true),
            ("Service", "echo.a", false),
            ("ConfigMap", "echo.a", true),
            ("ConfigMap", "Echo", false),
            ("ConfigMap", "a..b", false),
            ("ConfigMap", "-a", false),
            ("ConfigMap", "", false),
        ] {
            let resource = of_kind(&Kind::core(kind)).expect("served");
            let name = ObjectName::namespaced("default", name);
            assert_eq!(admit_name(resource, &name).is_ok(), fits, "{kind} {name}");
        }
        let service = of_kind(&Kind::core("Service")).expect("served");
        let error = admit_name(service, &ObjectName::cluster("a")).expect_err("no namespace");
        assert_eq!(error.causes[0].field, "metadata.namespace");
    }
}
