//! Whether the account may do all that a run will do, asked before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use gateproof_kubernetes::{Allowed, Client, Permission};
use serde_json::Value;

/// How many questions are asked at the same time.
const SIDE_BY_SIDE: usize = 8;

/// What a run does with an object of its own.
const VERBS: [&str; 4] = ["create", "patch", "get", "delete"];

/// The permissions that are missing, for making objects and `besides`, and kinds that the cluster does not serve; each in words.
///
/// # Errors
/// When the API does not answer, in words.
pub async fn missing(
    client: &Client,
    objects: &[Value],
    besides: &[Permission],
) -> Result<Vec<String>, String> {
    let mut missing = Vec::new();
    let mut questions: BTreeSet<Permission> = besides.iter().cloned().collect();
    let mut kinds = BTreeSet::new();
    for object in objects {
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let namespace = object["metadata"]["namespace"].as_str();
        questions.extend(of("v1", "Namespace", None));
        questions.extend(of(&api_version, &kind, namespace));
        kinds.insert((api_version, kind));
    }
    for (api_version, kind) in &kinds {
        if !client.serves(api_version, kind).await.map_err(|error| error.to_string())? {
            missing.push(format!("the cluster serves no {kind} in {api_version}"));
        }
    }
    if !missing.is_empty() {
        return Ok(missing);
    }
    let answers: Vec<_> = futures_util::stream::iter(questions)
        .map(async |question| client.may(&question).await)
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await;
    // By what is not allowed, so that a resource takes one line with all its verbs.
    let mut verbs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for answer in answers {
        if let Allowed::No(what) = answer.map_err(|error| error.to_string())? {
            let (verb, resource) = what.split_once(' ').unwrap_or((&what, ""));
            verbs.entry(resource.to_owned()).or_default().push(verb.to_owned());
        }
    }
    missing.extend(
        verbs.into_iter().map(|(resource, verbs)| {
            format!("the account may not {} {resource}", verbs.join(", "))
        }),
    );
    Ok(missing)
}

fn of(api_version: &str, kind: &str, namespace: Option<&str>) -> Vec<Permission> {
    VERBS
        .iter()
        .map(|verb| Permission {
            verb,
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            subresource: "",
            namespace: namespace.map(str::to_owned),
        })
        .collect()
}
