//! What components logged: settings that drifted, and resources that Envoy refused.
//!
//! Lines come as `key=value` text or as JSON objects, whatever the component is set to; both are
//! read. Cilium's drift checker writes `Mismatch found` and `No local entry found` with `key`,
//! `actual` and `expectedValue` (cilium/cilium `pkg/driftchecker/checker.go` 1.17.10, 1.18.10). A
//! refused resource is told as `NACK received for versions …` with Envoy's words in `xdsDetail`
//! (`pkg/envoy/xds/server.go` 1.16 to 1.21-dev, in three wordings), and by Envoy itself as `gRPC
//! config for TYPE rejected: …` (Envoy 1.40, `delta config for …` with the other protocol).

use super::Gateway;
use crate::dossier::{Component, Dossier, LogLine, text};
use crate::name::NodeName;

/// A setting that a component started with otherwise than it stands in the ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::finding) struct Drift<'d> {
    pub(in crate::finding) line: &'d LogLine,
    pub(in crate::finding) key: String,
    /// What it started with; `None` when it had no such key.
    pub(in crate::finding) actual: Option<String>,
    /// What the ConfigMap said when the line was written.
    pub(in crate::finding) expected: String,
}

impl Drift<'_> {
    /// The drift in a few words.
    pub(in crate::finding) fn words(&self) -> String {
        match &self.actual {
            Some(actual) => {
                format!("{} actual={actual} expectedValue={}", self.key, self.expected)
            }
            None => format!("{} has no local entry, expectedValue={}", self.key, self.expected),
        }
    }
}

/// Drift of the agents' settings that still holds: told by the present container, about a value
/// that the ConfigMap still has.
pub(in crate::finding) fn drifts(dossier: &Dossier) -> Vec<Drift<'_>> {
    let entries = dossier.cilium.config_map.as_ref().map(|map| &map.entries);
    let mut found: Vec<Drift<'_>> = Vec::new();
    for line in dossier.log(Component::CiliumAgent) {
        let mismatch = line.text.contains("Mismatch found");
        if !mismatch && !line.text.contains("No local entry found") {
            continue;
        }
        let (Some(key), Some(expected)) =
            (field(&line.text, "key"), field(&line.text, "expectedValue"))
        else {
            continue;
        };
        let outdated = entries
            .and_then(|entries| entries.get(&key))
            .is_some_and(|present| *present != expected);
        let actual = if mismatch { field(&line.text, "actual") } else { None };
        let drift = Drift { line, key, actual, expected };
        let known = found.iter().any(|one| {
            one.line.node == line.node && one.line.source == line.source && one.key == drift.key
        });
        if !outdated && !known && !is_of_the_past(dossier, line) {
            found.push(drift);
        }
    }
    found
}

/// Whether an agent's line is older than the agent that runs on that node now, or the agent has
/// found since that nothing differs any more.
fn is_of_the_past(dossier: &Dossier, line: &LogLine) -> bool {
    let agent = dossier.cilium.agents.iter().find(|agent| agent.node == line.node);
    if agent.is_some_and(|agent| agent.drift == Some(0)) {
        return true;
    }
    match (agent.and_then(|agent| agent.started), line.at) {
        (Some(started), Some(at)) => at < started,
        _ => false,
    }
}

/// A resource that Envoy refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::finding) struct Rejection<'d> {
    pub(in crate::finding) line: &'d LogLine,
    pub(in crate::finding) node: Option<&'d NodeName>,
    /// Envoy's words, as far as the line has them.
    pub(in crate::finding) words: String,
}

impl Rejection<'_> {
    /// Whether it names resources that were made of Gateways, and of none of these: agents call them
    /// `NAMESPACE/NAME-OF-THE-CILIUMENVOYCONFIG/…`.
    pub(in crate::finding) fn is_of_others(&self, ours: &[Gateway<'_>]) -> bool {
        let outer = |letter: char| !letter.is_ascii_alphanumeric() && !"-./".contains(letter);
        let words = self.words.split(outer);
        let mut named = words.filter(|word| word.contains("/cilium-gateway-")).peekable();
        let is_ours = |word: &str| {
            ours.iter().any(|gateway| {
                let usual = format!("cilium-gateway-{}", gateway.name.name);
                let made = gateway.envoy_config().and_then(|config| text(config, "/metadata/name"));
                let prefix = format!("{}/{}/", gateway.name.namespace, made.unwrap_or(&usual));
                word.starts_with(&prefix)
            })
        };
        named.peek().is_some() && !named.any(is_ours)
    }
}

/// Lines that tell of a refused resource, each text once for each node.
pub(in crate::finding) fn rejections(dossier: &Dossier) -> Vec<Rejection<'_>> {
    let mut found: Vec<Rejection<'_>> = Vec::new();
    let lines = dossier.log(Component::CiliumAgent).chain(dossier.log(Component::Envoy));
    for line in lines {
        let lower = line.text.to_lowercase();
        let by_envoy =
            lower.contains("config for type.googleapis.com/") && lower.contains("rejected");
        if !by_envoy && !SIGNS.iter().any(|sign| lower.contains(sign)) {
            continue;
        }
        let detail = field(&line.text, "xdsDetail").or_else(|| field(&line.text, "error"));
        let words = detail.unwrap_or_else(|| line.text.clone());
        let node = line.node.as_ref();
        if !found.iter().any(|one| one.node == node && one.words == words) {
            found.push(Rejection { line, node, words });
        }
    }
    found
}

/// What only a refusal says, in small letters: the agent's words, then Envoy's.
const SIGNS: &[&str] = &[
    "nack received",
    "completing nack",
    "error adding listener",
    "error updating listener",
    "error adding/updating listener",
    "config rejected",
    "cannot bind",
];

/// The value of a field in a line of `key=value` pairs, quoted or not, or in a JSON object.
fn field(line: &str, key: &str) -> Option<String> {
    if line.trim_start().starts_with('{') {
        let object: serde_json::Value = serde_json::from_str(line.trim()).ok()?;
        return match object.get(key)? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
    }
    let mut rest = line;
    let sign = format!("{key}=");
    let value = loop {
        let at = rest.find(&sign)?;
        let starts_a_word = rest[..at].chars().next_back().is_none_or(char::is_whitespace);
        let value = &rest[at + sign.len()..];
        if starts_a_word {
            break value;
        }
        rest = value;
    };
    let Some(quoted) = value.strip_prefix('"') else {
        return value.split(char::is_whitespace).next().map(str::to_owned);
    };
    let mut text = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Some(text),
            '\\' => text.extend(letters.next()),
            other => text.push(other),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_read_in_every_form_of_a_line() {
        let text = r#"time=2026-11-21T03:00:00Z level=warn msg="Mismatch found" key=enable-gateway-api actual=false expectedValue="a \"b\" c" expectedSource=kube-system"#;
        let json = r#"{"level":"warn","msg":"Mismatch found","key":"enable-gateway-api","expectedValue":true}"#;
        let cases = [
            (text, "key", Some("enable-gateway-api")),
            (text, "actual", Some("false")),
            (text, "expectedValue", Some("a \"b\" c")),
            (text, "Value", None),
            (json, "key", Some("enable-gateway-api")),
            (json, "expectedValue", Some("true")),
            ("key= next=1", "key", Some("")),
            ("actual=\"\" key=x", "actual", Some("")),
        ];
        for (line, key, wanted) in cases {
            assert_eq!(field(line, key).as_deref(), wanted, "{key} in {line}");
        }
    }
}
