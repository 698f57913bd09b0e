//! Which keys Cilium's Helm chart has, by version.
//!
//! Helm accepts an unknown key without a word: the chart's schema never forbids additional keys
//! (cilium/charts 1.16 to 1.21.0-pre.0: `values.schema.json`). So a misspelt key silently changes
//! nothing, and a test of it would pass or fail for no reason. This finds such keys, keys of other
//! versions, and types that the chart's schema refuses. Subtrees that are not listed pass.

use serde_json::Value;

use super::CiliumVersion;
use crate::source::nearest::nearest;

mod subtrees;
mod top_level;

/// What is wrong with a key in values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProblem {
    /// No chart that is known has the key.
    Unknown {
        /// The nearest key the chart has there.
        nearest: Option<&'static str>,
        /// The keys the chart has there; empty at the top level, where there are too many.
        accepted: Vec<&'static str>,
        /// The right way to what was probably meant.
        advice: Option<&'static str>,
    },
    /// The chart has it only since a later minor version.
    NotYet {
        /// The first minor version that has it: 16 for 1.16.
        since: u64,
    },
    /// The chart has it no longer.
    NoLonger {
        /// The last minor version that had it.
        until: u64,
    },
    /// The chart's schema refuses the type.
    WrongType {
        /// The accepted type, in words.
        expected: &'static str,
        /// Why, if that is surprising.
        advice: Option<&'static str>,
    },
}

/// The types that the chart's schema accepts for a key; null is always accepted, because it
/// removes the chart's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Text,
    FlagOrText,
    /// `gatewayClass.create`: a text until 1.19, since then also a boolean.
    TextOrFlagSince20,
    Number,
    Mapping,
    List,
    Anything,
}

/// A key of the chart.
#[derive(Debug, Clone, Copy)]
struct Key {
    name: &'static str,
    kind: Kind,
    since: u64,
    until: u64,
}

impl Key {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, since: 0, until: u64::MAX }
    }

    const fn since(self, minor: u64) -> Self {
        Self { since: minor, ..self }
    }

    const fn until(self, minor: u64) -> Self {
        Self { until: minor, ..self }
    }
}

/// A mapping in the chart whose keys are all known.
#[derive(Debug)]
struct Subtree {
    path: &'static str,
    keys: &'static [Key],
}

/// What is wrong with the key at a path such as `["gatewayAPI", "enabled"]`, on a version.
///
/// `None` for keys that are right and for keys in subtrees that are not known.
pub fn key_problem(version: &CiliumVersion, path: &[&str], value: &Value) -> Option<KeyProblem> {
    let (name, parents) = path.split_last()?;
    let keys = keys_of(parents)?;
    let Some(key) = keys.iter().find(|key| key.name == *name) else {
        return Some(unknown(version, path, name, keys));
    };
    let minor = version.minor();
    if minor < key.since {
        Some(KeyProblem::NotYet { since: key.since })
    } else if minor > key.until {
        Some(KeyProblem::NoLonger { until: key.until })
    } else if minor >= FIRST_WITH_SCHEMA {
        wrong_type(minor, key.kind, value)
    } else {
        None
    }
}

/// Whether the chart of this version is known to have a value, such as
/// `["gatewayAPI", "enabled"]`. False also for keys in subtrees that are not known.
pub fn has_key(version: &CiliumVersion, path: &[&str]) -> bool {
    let minor = version.minor();
    path.split_last().is_some_and(|(name, parents)| {
        keys_of(parents)
            .into_iter()
            .flatten()
            .any(|key| key.name == *name && key.since <= minor && minor <= key.until)
    })
}

/// Charts before 1.16 ship no `values.schema.json`.
const FIRST_WITH_SCHEMA: u64 = 16;

fn keys_of(path: &[&str]) -> Option<&'static [Key]> {
    if path.is_empty() {
        return Some(top_level::KEYS);
    }
    let path = path.join(".");
    subtrees::SUBTREES.iter().find(|subtree| subtree.path == path).map(|subtree| subtree.keys)
}

fn unknown(version: &CiliumVersion, path: &[&str], name: &str, keys: &'static [Key]) -> KeyProblem {
    let minor = version.minor();
    let there: Vec<&'static str> = keys
        .iter()
        .filter(|key| key.since <= minor && minor <= key.until)
        .map(|key| key.name)
        .collect();
    let advice = advice(path);
    KeyProblem::Unknown {
        nearest: if advice.is_some() { None } else { nearest(name, there.iter().copied()) },
        accepted: if path.len() == 1 { Vec::new() } else { there },
        advice,
    }
}

/// The right way to what is probably meant by a key that is recommended here and there, though no
/// chart that is known has it. A chart newer than all of them may.
#[must_use]
pub fn advice(path: &[&str]) -> Option<&'static str> {
    let dotted = path.join(".");
    FOLKLORE.iter().find(|(key, _)| *key == dotted).map(|(_, advice)| *advice)
}

/// Keys that are recommended here and there, though no chart from 1.14 to 1.21.0-pre.0 has them.
const FOLKLORE: &[(&str, &str)] = &[
    ("gatewayAPI.hostNetwork.nodeSelector", "use `gatewayAPI.hostNetwork.nodes.matchLabels`"),
    (
        "gatewayAPI.serviceAnnotations",
        "annotations for the Service go into the Gateway's `spec.infrastructure.annotations`",
    ),
    (
        "gatewayAPI.service",
        "a Gateway's Service is shaped by `spec.infrastructure` and, since 1.18, by a \
         CiliumGatewayClassConfig",
    ),
];

fn wrong_type(minor: u64, kind: Kind, value: &Value) -> Option<KeyProblem> {
    let (fits, expected) = match kind {
        Kind::Flag => (value.is_boolean(), "true or false"),
        Kind::Text => (value.is_string(), "a text"),
        Kind::FlagOrText => (value.is_boolean() || value.is_string(), "true, false or a text"),
        Kind::TextOrFlagSince20 => {
            (value.is_string() || (minor >= 20 && value.is_boolean()), "a text such as \"true\"")
        }
        Kind::Number => (value.is_i64() || value.is_u64(), "a whole number"),
        Kind::Mapping => (value.is_object(), "a mapping"),
        Kind::List => (value.is_array(), "a list"),
        Kind::Anything => (true, "anything"),
    };
    if fits || value.is_null() {
        return None;
    }
    let advice = match (kind, value.as_str()) {
        (Kind::TextOrFlagSince20, None) if value.is_boolean() => {
            Some("charts before 1.20 accept only a text here; put it in quotes")
        }
        (Kind::Flag, Some("true" | "false")) => Some("write it without quotes"),
        (Kind::Number, Some(text)) if text.parse::<i64>().is_ok() => {
            Some("write it without quotes")
        }
        _ => None,
    };
    Some(KeyProblem::WrongType { expected, advice })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{KeyProblem, has_key, key_problem, subtrees, top_level};

    fn on(version: &str, path: &str, value: &Value) -> Option<KeyProblem> {
        let path: Vec<&str> = path.split('.').collect();
        key_problem(&version.parse().expect("a version"), &path, value)
    }

    #[test]
    fn folklore_keys_are_refused_with_the_right_way() {
        for key in ["gatewayAPI.hostNetwork.nodeSelector", "gatewayAPI.serviceAnnotations"] {
            let problem = on("1.20.2", key, &json!({}));
            assert!(
                matches!(&problem, Some(KeyProblem::Unknown { advice: Some(_), .. })),
                "{key}: {problem:?}"
            );
        }
        assert_eq!(on("1.20.2", "gatewayAPI.hostNetwork.nodes", &json!({})), None);
    }

    #[test]
    fn keys_of_other_versions_are_told_apart_from_unknown_ones() {
        let host = |version| on(version, "gatewayAPI.hostNetwork", &json!({}));
        assert_eq!(host("1.15.19"), Some(KeyProblem::NotYet { since: 16 }));
        assert_eq!(host("1.16.0"), None);
        assert_eq!(
            on("1.18.0", "externalIPs", &json!({})),
            Some(KeyProblem::NoLonger { until: 17 })
        );
        assert_eq!(on("1.17.9", "externalIPs", &json!({})), None);
    }

    #[test]
    fn gateway_class_create_is_a_text_before_1_20() {
        let create = |version, value| on(version, "gatewayAPI.gatewayClass.create", &value);
        assert!(matches!(create("1.19.6", json!(true)), Some(KeyProblem::WrongType { .. })));
        assert_eq!(create("1.19.6", json!("true")), None);
        assert_eq!(create("1.20.0", json!(true)), None);
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour_and_an_unknown_subtree_passes() {
        assert!(matches!(
            on("1.20.2", "gatewayApi", &json!({})),
            Some(KeyProblem::Unknown { nearest: Some("gatewayAPI"), .. })
        ));
        assert_eq!(on("1.20.2", "hubble.relay.whatever", &json!(1)), None);
        assert_eq!(on("1.20.2", "envoy.enabled", &json!(null)), None, "null removes the default");
    }

    #[test]
    fn a_key_is_there_in_the_versions_that_have_it() {
        let has = |version: &str, path: &str| {
            let path: Vec<&str> = path.split('.').collect();
            has_key(&version.parse().expect("a version"), &path)
        };
        assert!(
            has("1.16.0", "gatewayAPI.hostNetwork") && !has("1.15.0", "gatewayAPI.hostNetwork")
        );
        assert!(!has("1.20.2", "gatewayAPI.serviceAnnotations"));
        assert!(!has("1.20.2", "hubble.relay.whatever"), "what is not known is not claimed");
    }

    #[test]
    fn every_subtree_hangs_on_a_key_that_is_a_mapping() {
        for subtree in subtrees::SUBTREES {
            let path: Vec<&str> = subtree.path.split('.').collect();
            assert_eq!(on("1.20.0", subtree.path, &json!({})), None, "{path:?}");
        }
        let mut names: Vec<_> = top_level::KEYS.iter().map(|key| key.name).collect();
        let before = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(before, names.len(), "no key is listed twice");
    }
}
