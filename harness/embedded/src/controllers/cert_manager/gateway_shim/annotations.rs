//! Annotations of a Gateway that the shim reads: who issues, and what goes into the Certificate
//! (cert-manager 1.21 `pkg/controller/certificate-shim/helper.go`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::controllers::cert_manager::certificate::spec::{MINIMUM_DURATION, MINIMUM_RENEW_BEFORE};
use crate::controllers::cert_manager::go_duration;
use crate::controllers::object::{annotation, texts};

const GROUP: &str = "cert-manager.io";

/// Who shall issue the certificates of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IssuerChoice {
    /// The Gateway asks for none.
    NotAnnotated,
    /// `issuerRef` of the Certificates.
    Issuer(Value),
    /// The annotations contradict each other.
    Bad(String),
}

/// Reads who shall issue.
pub(super) fn issuer_choice(gateway: &Value) -> IssuerChoice {
    let read = |key: &str| annotation(gateway, &format!("{GROUP}/{key}"));
    let (issuer, cluster_issuer) = (read("issuer"), read("cluster-issuer"));
    let (kind, group) = (read("issuer-kind"), read("issuer-group"));
    match (issuer, cluster_issuer) {
        (None, None) => IssuerChoice::NotAnnotated,
        (Some(_), Some(_)) => IssuerChoice::Bad(format!(
            "both \"{GROUP}/issuer\" and \"{GROUP}/cluster-issuer\" may not be set"
        )),
        (None, Some(_)) if group.is_some_and(|group| group != GROUP) => IssuerChoice::Bad(format!(
            "cluster issuer with group {:?} is not supported",
            group.unwrap_or_default()
        )),
        (None, Some(_)) if kind.is_some_and(|kind| kind != "ClusterIssuer") => IssuerChoice::Bad(
            format!("cluster issuer with kind {:?} is not supported", kind.unwrap_or_default()),
        ),
        (None, Some(name)) => {
            IssuerChoice::Issuer(json!({"name": name, "kind": "ClusterIssuer", "group": GROUP}))
        }
        (Some(name), None) => IssuerChoice::Issuer(json!({
            "name": name,
            "kind": kind.unwrap_or("Issuer"),
            "group": group.unwrap_or(GROUP),
        })),
    }
}

/// The form of an annotation's value.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    List,
    Integer,
    Duration(Duration),
}

/// Annotation (without its prefix), place in the Certificate's spec, form.
const FIELDS: &[(&str, &[&str], Form)] = &[
    ("common-name", &["commonName"], Form::Text),
    ("alt-names", &["dnsNames"], Form::List),
    ("ip-sans", &["ipAddresses"], Form::List),
    ("uri-sans", &["uris"], Form::List),
    ("email-sans", &["emailAddresses"], Form::List),
    ("subject-organizations", &["subject", "organizations"], Form::List),
    ("duration", &["duration"], Form::Duration(MINIMUM_DURATION)),
    ("renew-before", &["renewBefore"], Form::Duration(MINIMUM_RENEW_BEFORE)),
    ("renew-before-percentage", &["renewBeforePercentage"], Form::Integer),
    ("usages", &["usages"], Form::List),
    ("revision-history-limit", &["revisionHistoryLimit"], Form::Integer),
    ("private-key-algorithm", &["privateKey", "algorithm"], Form::Text),
    ("private-key-size", &["privateKey", "size"], Form::Integer),
    ("private-key-rotation-policy", &["privateKey", "rotationPolicy"], Form::Text),
];

/// Annotations of cert-manager that say something else than what goes into the Certificate.
const READ_ELSEWHERE: &[&str] =
    &["issuer", "cluster-issuer", "issuer-kind", "issuer-group", "ignore-tls-listeners"];

/// Copies annotations into a Certificate's spec. Returns those that cert-manager knows or may
/// know and that are not covered here; a message says which value is wrong.
pub(super) fn apply_to_spec(gateway: &Value, spec: &mut Value) -> Result<Vec<String>, String> {
    let mut not_covered = Vec::new();
    for (key, written) in texts(gateway, "/metadata/annotations") {
        let Some(short) = key.strip_prefix("cert-manager.io/") else { continue };
        if READ_ELSEWHERE.contains(&short) {
            continue;
        }
        let Some((_, path, form)) = FIELDS.iter().find(|(known, ..)| *known == short) else {
            not_covered.push(key);
            continue;
        };
        let value = parse(&written, *form)
            .map_err(|why| format!("invalid value {written:?} in annotation {key:?}: {why}"))?;
        insert(spec, path, value);
    }
    Ok(not_covered)
}

fn parse(written: &str, form: Form) -> Result<Value, String> {
    match form {
        Form::Text => Ok(written.into()),
        Form::List => {
            Ok(written.split(',').map(str::trim).filter(|part| !part.is_empty()).collect())
        }
        Form::Integer => written
            .parse::<u32>()
            .map(Value::from)
            .map_err(|_| "a whole number is expected".to_owned()),
        Form::Duration(minimum) => match go_duration::parse(written) {
            Some(duration) if duration >= minimum => Ok(written.into()),
            Some(_) => Err(format!("at least {} minutes are expected", minimum.as_secs() / 60)),
            None => Err("a duration such as 2160h is expected".to_owned()),
        },
    }
}

/// Puts a value at a path; lists that exist grow.
fn insert(spec: &mut Value, path: &[&str], value: Value) {
    let mut place = spec;
    for key in path {
        place = &mut place[*key];
    }
    match (place.as_array_mut(), value) {
        (Some(list), Value::Array(more)) => {
            for entry in more {
                if !list.contains(&entry) {
                    list.push(entry);
                }
            }
        }
        (_, value) => *place = value,
    }
}
