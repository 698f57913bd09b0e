//! Which keys cert-manager's chart has at its top, by version, and of which type.
//!
//! Since 1.16 the chart refuses unknown keys when it is installed; before, Helm accepts them
//! without a word. Here both are told before anything is created. What stands below a key is for
//! the chart itself.

use semver::Version;
use serde_json::Value;

use crate::source::nearest::nearest;

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProblem {
    /// No chart that is known has it.
    Unknown {
        /// The nearest key.
        nearest: Option<&'static str>,
    },
    /// The chart has it only since a later minor version.
    NotYet {
        /// The first minor version that has it: 15 for 1.15.
        since: u64,
    },
    /// The chart's schema refuses the type.
    WrongType {
        /// The accepted type, in words.
        expected: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Text,
    Number,
    Mapping,
    List,
}

/// What is wrong with a key at the top of the values. Without a version, only what no version has.
#[must_use]
pub fn key_problem(version: Option<&Version>, key: &str, value: &Value) -> Option<KeyProblem> {
    let Some((_, kind, since)) = KEYS.iter().find(|(name, ..)| *name == key) else {
        return Some(KeyProblem::Unknown { nearest: nearest(key, KEYS.iter().map(|k| k.0)) });
    };
    if let Some(version) = version
        && version.minor < *since
    {
        return Some(KeyProblem::NotYet { since: *since });
    }
    let (fits, expected) = match kind {
        Kind::Flag => (value.is_boolean(), "true or false"),
        Kind::Text => (value.is_string(), "a text"),
        Kind::Number => (value.is_number(), "a number"),
        Kind::Mapping => (value.is_object(), "a mapping"),
        Kind::List => (value.is_array(), "a list"),
    };
    (!fits && !value.is_null()).then_some(KeyProblem::WrongType { expected })
}

use Kind::{Flag, List, Mapping, Number, Text};

/// Keys with their types and the first minor version that has them; 0 for those that 1.13 has.
/// None has gone since.
const KEYS: &[(&str, Kind, u64)] = &[
    ("acmesolver", Mapping, 0),
    ("affinity", Mapping, 0),
    ("approveSignerNames", List, 15),
    ("automountServiceAccountToken", Flag, 0),
    ("cainjector", Mapping, 0),
    ("clusterResourceNamespace", Text, 0),
    ("config", Mapping, 0),
    ("containerSecurityContext", Mapping, 0),
    ("crds", Mapping, 15),
    ("creator", Text, 0),
    ("deploymentAnnotations", Mapping, 0),
    ("disableAutoApproval", Flag, 15),
    ("dns01RecursiveNameservers", Text, 0),
    ("dns01RecursiveNameserversOnly", Flag, 0),
    ("enableCertificateOwnerRef", Flag, 0),
    ("enableServiceLinks", Flag, 0),
    ("enabled", Flag, 0),
    ("extraArgs", List, 0),
    ("extraContainers", List, 20),
    ("extraEnv", List, 0),
    ("extraObjects", List, 15),
    ("featureGates", Text, 0),
    ("fullnameOverride", Text, 0),
    ("global", Mapping, 0),
    ("hostAliases", List, 15),
    ("http_proxy", Text, 0),
    ("https_proxy", Text, 0),
    ("image", Mapping, 0),
    ("imageNamespace", Text, 20),
    ("imageRegistry", Text, 20),
    ("ingressShim", Mapping, 0),
    ("installCRDs", Flag, 0),
    ("livenessProbe", Mapping, 0),
    ("maxConcurrentChallenges", Number, 0),
    ("nameOverride", Text, 0),
    ("namespace", Text, 0),
    ("networkPolicy", Mapping, 20),
    ("no_proxy", Text, 0),
    ("nodeSelector", Mapping, 0),
    ("podAnnotations", Mapping, 0),
    ("podDisruptionBudget", Mapping, 0),
    ("podDnsConfig", Mapping, 0),
    ("podDnsPolicy", Text, 0),
    ("podLabels", Mapping, 0),
    ("prometheus", Mapping, 0),
    ("replicaCount", Number, 0),
    ("resources", Mapping, 0),
    ("runtimeClassName", Text, 21),
    ("securityContext", Mapping, 0),
    ("serviceAccount", Mapping, 0),
    ("serviceAnnotations", Mapping, 0),
    ("serviceIPFamilies", List, 15),
    ("serviceIPFamilyPolicy", Text, 15),
    ("serviceLabels", Mapping, 0),
    ("startupapicheck", Mapping, 0),
    ("strategy", Mapping, 0),
    ("tolerations", List, 0),
    ("topologySpreadConstraints", List, 0),
    ("volumeMounts", List, 0),
    ("volumes", List, 0),
    ("webhook", Mapping, 0),
];

#[cfg(test)]
mod tests {
    use semver::Version;
    use serde_json::{Value, json};

    use super::{KEYS, KeyProblem, key_problem};

    fn on(version: &str, key: &str, value: &Value) -> Option<KeyProblem> {
        key_problem(Some(&Version::parse(version).expect("a version")), key, value)
    }

    #[test]
    fn keys_that_no_chart_has_are_told_with_the_nearest_and_others_by_version() {
        assert_eq!(
            on("1.21.1", "extraArg", &json!([])),
            Some(KeyProblem::Unknown { nearest: Some("extraArgs") })
        );
        assert_eq!(
            on("1.14.0", "crds", &json!({"enabled": true})),
            Some(KeyProblem::NotYet { since: 15 })
        );
        assert_eq!(key_problem(None, "crds", &json!({})), None, "some version has it");
        assert_eq!(
            on("1.21.1", "replicaCount", &json!("2")),
            Some(KeyProblem::WrongType { expected: "a number" })
        );
    }

    #[test]
    fn what_the_chart_has_or_what_removes_a_default_passes() {
        for (version, key, value) in [
            ("1.15.2", "crds", json!({"keep": false})),
            ("1.13.3", "installCRDs", json!(true)),
            ("1.21.1", "config", json!({"anything": {"below": 1}})),
            ("1.21.1", "nodeSelector", json!(null)),
            ("1.99.0", "runtimeClassName", json!("gvisor")),
        ] {
            assert_eq!(on(version, key, &value), None, "{key} on {version}");
        }
        assert!(KEYS.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, and each once");
    }
}
