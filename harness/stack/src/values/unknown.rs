//! Keys that a chart does not have, found by comparing with the chart's own `values.yaml`.
//!
//! Helm and Cilium's chart accept them without a word (cilium/charts 1.16 to 1.21.0-pre.0:
//! `values.schema.json` never forbids additional keys), and nothing comes of them.

use std::collections::BTreeSet;

use gateproof_core::source::nearest::nearest;
use serde_json::{Map, Value};

mod commented;

/// The keys in `written` that the chart does not have, each as a line for people.
///
/// `chart` is the text of the chart's `values.yaml`. What the chart shows at that place in a
/// comment counts as there, because charts leave out settings without a default that way; below an
/// empty mapping, a list or null anything goes. `listed` says of further paths that they are known,
/// and `advice` what is probably meant by one that is not.
///
/// # Errors
///
/// When the text is no YAML mapping.
pub(crate) fn unknown_keys(
    written: &Value,
    chart: &str,
    listed: impl Fn(&[&str]) -> bool,
    advice: impl Fn(&[&str]) -> Option<&'static str>,
) -> Result<Vec<String>, String> {
    let defaults: Value = serde_saphyr::from_str(chart).map_err(|error| error.to_string())?;
    let Value::Object(defaults) = defaults else {
        return Err("it is no mapping".to_owned());
    };
    let commented = commented::keys(chart);
    let mut search = Search { commented, listed: &listed, advice: &advice, found: Vec::new() };
    if let Value::Object(written) = written {
        search.compare(written, &defaults, &mut Vec::new());
    }
    Ok(search.found)
}

struct Search<'s> {
    commented: BTreeSet<String>,
    listed: &'s dyn Fn(&[&str]) -> bool,
    advice: &'s dyn Fn(&[&str]) -> Option<&'static str>,
    found: Vec<String>,
}

impl Search<'_> {
    fn compare<'k>(
        &mut self,
        written: &'k Map<String, Value>,
        defaults: &Map<String, Value>,
        path: &mut Vec<&'k str>,
    ) {
        for (key, value) in written {
            path.push(key);
            match (defaults.get(key), value) {
                (Some(Value::Object(below)), Value::Object(value)) if !below.is_empty() => {
                    self.compare(value, below, path);
                }
                (Some(_), _) => {}
                (None, _) if self.is_known(path) => {}
                (None, _) => self.found.push(line(path, defaults, (self.advice)(path))),
            }
            path.pop();
        }
    }

    /// `global` belongs to Helm itself, which hands it to every chart.
    fn is_known(&self, path: &[&str]) -> bool {
        *path == ["global"] || (self.listed)(path) || self.commented.contains(&path.join("."))
    }
}

fn line(path: &[&str], defaults: &Map<String, Value>, advice: Option<&str>) -> String {
    let (key, parents) = path.split_last().expect("a path has a key");
    let dotted = path.join(".");
    let accepted: Vec<&str> = defaults.keys().map(String::as_str).collect();
    match (advice, nearest(key, accepted.iter().copied())) {
        (Some(advice), _) => format!("the chart has no value `{dotted}`; {advice}"),
        (None, Some(near)) => {
            let near = parents.iter().copied().chain([near]).collect::<Vec<_>>().join(".");
            format!("the chart has no value `{dotted}`; did you mean `{near}`?")
        }
        (None, None) if accepted.len() <= 20 => {
            format!("the chart has no value `{dotted}`; there are {}", accepted.join(", "))
        }
        (None, None) => format!("the chart has no value `{dotted}`"),
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::cilium::chart::advice;
    use serde_json::{Value, json};

    use super::unknown_keys;

    const CHART: &str = "\
gatewayAPI:
  enabled: false
  hostNetwork:
    enabled: false
    nodes:
      matchLabels: {}
podAnnotations: {}
extraArgs: []
resources:
nodePort:
  # -- Port range to use for NodePort services.
  # range: \"30000,32767\"
  enableHealthCheck: true
other:
  # nodeSelector: {}
  enabled: true
";

    fn unknown(written: &Value) -> Vec<String> {
        unknown_keys(written, CHART, |path| path == ["listedElsewhere"], advice).expect("a chart")
    }

    #[test]
    fn keys_that_the_chart_does_not_have_are_told_with_the_nearest_one() {
        let told = unknown(&json!({
            "gatewayApi": {},
            "gatewayAPI": {
                "hostNetwork": {"nodeSelector": {"a": "b"}, "enabeld": true},
                "zzz": 1,
                "serviceAnnotations": {"a": "b"},
            },
        }));
        assert_eq!(
            told,
            [
                "the chart has no value `gatewayAPI.hostNetwork.enabeld`; did you mean \
                 `gatewayAPI.hostNetwork.enabled`?",
                "the chart has no value `gatewayAPI.hostNetwork.nodeSelector`; use \
                 `gatewayAPI.hostNetwork.nodes.matchLabels`",
                "the chart has no value `gatewayAPI.serviceAnnotations`; annotations for the \
                 Service go into the Gateway's `spec.infrastructure.annotations`",
                "the chart has no value `gatewayAPI.zzz`; there are enabled, hostNetwork",
                "the chart has no value `gatewayApi`; did you mean `gatewayAPI`?",
            ]
        );
    }

    #[test]
    fn what_the_chart_has_or_leaves_open_is_not_told() {
        let told = unknown(&json!({
            "gatewayAPI": {"hostNetwork": {"nodes": {"matchLabels": {"role": "gateway"}}}},
            "podAnnotations": {"any": "thing"},
            "extraArgs": ["--x"],
            "resources": {"limits": {"cpu": 1}},
            "nodePort": {"range": "31000,31999"},
            "global": {"x": 1},
            "listedElsewhere": true,
        }));
        assert!(told.is_empty(), "{told:#?}");
    }

    #[test]
    fn a_text_that_is_no_values_file_is_an_error() {
        for text in ["- a", "a: [", ""] {
            let read = unknown_keys(&json!({"a": 1}), text, |_| false, |_| None);
            assert!(read.is_err(), "{text:?}");
        }
    }
}
