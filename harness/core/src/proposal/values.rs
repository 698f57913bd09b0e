//! Helm values: files and single settings, checked against the chart of every version and merged
//! as Helm merges them.

use serde_json::{Value, json};

use super::Given;
use crate::cilium::values::merge;
use crate::scenario::check_values;
use crate::setup::{gateway_values, source_of};
use crate::source::parse::parse;
use crate::source::problem::Problem;
use crate::source::tree::{Content, Place, Source};

/// Reads and merges all values.
pub(super) fn read(
    given: &Given,
    sources: &mut Vec<Source>,
    notes: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) -> Value {
    if given.values.is_empty() && given.settings.is_empty() {
        notes.push(
            "no Helm values are given: gatewayAPI.enabled=true and kubeProxyReplacement=true are \
             assumed"
                .to_owned(),
        );
        return gateway_values();
    }
    let mut merged = json!({});
    for file in &given.values {
        let Some(source) = source_of(file, problems) else { continue };
        merged = merge(&merged, &file_values(&source, given, problems));
        sources.push(source);
    }
    for setting in &given.settings {
        let source = setting.source();
        match setting.parse() {
            Ok(node) => {
                let place = Place::document(&source, &node);
                check_values(place, &given.versions, problems);
                merged = merge(&merged, &node.to_json());
            }
            Err(mistake) => problems.push(mistake.problem(&source)),
        }
        sources.push(source);
    }
    refuse_what_the_chart_refuses(&merged, problems);
    merged
}

fn file_values(source: &Source, given: &Given, problems: &mut Vec<Problem>) -> Value {
    let documents = parse(source, problems);
    if let Some(second) = documents.get(1) {
        problems.push(
            Problem::at(&Place::document(source, second), "a values file has one document")
                .note("Helm reads the first one only; give each its own `--values`"),
        );
    }
    let Some(document) = documents.first() else { return json!({}) };
    let place = Place::document(source, document);
    match &document.content {
        Content::Null => json!({}),
        Content::Mapping(_) => {
            check_values(place, &given.versions, problems);
            document.to_json()
        }
        other => {
            problems.push(
                Problem::at(&place, "these are no Helm values")
                    .found(other.to_string())
                    .expected("a mapping such as `gatewayAPI: {enabled: true}`"),
            );
            json!({})
        }
    }
}

/// What the chart's templates refuse whatever the schema says (cilium/charts 1.16 to 1.20:
/// `templates/validate.yaml`).
fn refuse_what_the_chart_refuses(values: &Value, problems: &mut Vec<Problem>) {
    let at = |pointer: &str| values.pointer(pointer);
    let mut refuse = |what: &str, note: &str| {
        problems.push(Problem::of_file("Helm values", what).note(note));
    };
    if at("/gatewayAPI/enabled") != Some(&json!(true)) {
        return;
    }
    if at("/l7Proxy") == Some(&json!(false)) {
        refuse(
            "the chart refuses gatewayAPI.enabled with l7Proxy=false",
            "Gateways are served by Envoy; leave l7Proxy on",
        );
    }
    if let Some(policy) = at("/gatewayAPI/externalTrafficPolicy").and_then(Value::as_str)
        && !matches!(policy, "Cluster" | "Local")
    {
        refuse(
            &format!("the chart refuses gatewayAPI.externalTrafficPolicy={policy}"),
            "write Cluster or Local",
        );
    }
}
