//! Labels of nodes: kind hands them to the kubelet, and the kubelet does not start with labels
//! that it may not set.
//!
//! kind checks nothing here, and a node then never joins. The rules are those of
//! kubernetes/kubernetes v1.36 (`staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go`,
//! `cmd/kubelet/app/options/options.go`, `staging/src/k8s.io/apimachinery/pkg/api/validate/content`).

use std::collections::BTreeMap;

use crate::source::problem::Problem;
use crate::source::tree::Place;

/// Keys below `kubernetes.io` and `k8s.io` that a kubelet may set on its own node.
const ALLOWED: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Prefixes of keys that a kubelet may set, with everything below them.
const ALLOWED_PREFIXES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// Checks a node's labels.
pub(super) fn check(
    labels: &BTreeMap<String, String>,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in labels {
        let at = place.key(key);
        let (prefix, name) = key.split_once('/').map_or((None, &**key), |(p, n)| (Some(p), n));
        if !is_name(name) || name.is_empty() || prefix.is_some_and(|prefix| !is_domain(prefix)) {
            problems.push(
                Problem::at(&at, "this is no key of a label").found(format!("`{key}`")).expected(
                    "letters, digits, `-`, `_` and `.`, such as `role` or `example.com/role`",
                ),
            );
        } else if prefix.is_some_and(|prefix| !may_set(key, prefix)) {
            problems.push(
                Problem::at(&at, "a kubelet may not set this label, and does not start with it")
                    .found(format!("`{key}`"))
                    .expected(format!(
                        "a key outside of kubernetes.io and k8s.io, below {}, or one of {}",
                        ALLOWED_PREFIXES.join(" or "),
                        ALLOWED.join(", ")
                    )),
            );
        }
        if !is_name(value) {
            problems.push(
                Problem::at(&place.get(key), "this is no value of a label")
                    .found(format!("`{value}`"))
                    .expected(
                        "at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at \
                         both ends",
                    ),
            );
        }
    }
}

fn may_set(key: &str, prefix: &str) -> bool {
    let below = |domain: &str| {
        prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    };
    let reserved = below("kubernetes.io") || below("k8s.io");
    !reserved || ALLOWED.contains(&key) || ALLOWED_PREFIXES.into_iter().any(below)
}

/// The name of a key, or a value, which may be empty.
fn is_name(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    text.len() <= 63
        && bytes.iter().all(|c| plain(*c) || matches!(c, b'-' | b'_' | b'.'))
        && bytes.first().is_none_or(|c| plain(*c))
        && bytes.last().is_none_or(|c| plain(*c))
}

fn is_domain(text: &str) -> bool {
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        !bytes.is_empty()
            && bytes.iter().all(|c| plain(*c) || *c == b'-')
            && bytes.first().is_some_and(|c| plain(*c))
            && bytes.last().is_some_and(|c| plain(*c))
    };
    text.len() <= 253 && text.split('.').all(part)
}
