//! What every Kubernetes object has: its type and its metadata.
//!
//! An API server drops nothing here and forgives nothing (kubernetes/apimachinery v0.36:
//! `pkg/apis/meta/v1/types.go`, `ObjectMeta`); a misspelt `namespace` would put an object somewhere
//! else, where no check looks.

use crate::gateway_api;
use crate::source::nearest::nearest;
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::{Content, Node, Place};

/// The fields of `ObjectMeta` that a person may write.
const FIELDS: &[&str] = &[
    "annotations",
    "finalizers",
    "generateName",
    "labels",
    "name",
    "namespace",
    "ownerReferences",
];

/// The fields that the API server fills in; an exported object has them.
const SERVED: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The kinds of the Gateway API that scenarios speak of.
const KINDS: &[&str] = &["Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute", "ReferenceGrant"];

/// Reports what no object may have in its metadata.
pub(super) fn check(place: Place<'_>, problems: &mut Vec<Problem>) {
    for entry in place.node().map(Node::entries).unwrap_or_default() {
        let key = entry.key.as_str();
        let at = place.get(key);
        match key {
            "labels" | "annotations" => texts(key, at, problems),
            "name" => name(at, problems),
            "namespace" => namespace(at, problems),
            known if FIELDS.contains(&known) || SERVED.contains(&known) => {}
            unknown => problems.push(
                Problem::at(&place.key(unknown), format!("`metadata` has no field `{unknown}`"))
                    .expected(one_of(FIELDS))
                    .nearest(nearest(unknown, FIELDS.iter().copied())),
            ),
        }
    }
}

/// Labels and annotations are texts; null is a key without one.
fn texts(field: &str, place: Place<'_>, problems: &mut Vec<Problem>) {
    let Some(node) = place.node() else { return };
    let wrong = |at: Place<'_>, node: &Node, expected: &str| {
        Problem::at(&at, format!("the {field} of an object are texts by name"))
            .found(node.content.to_string())
            .expected(expected)
    };
    match &node.content {
        Content::Null => {}
        Content::Mapping(entries) => {
            for entry in entries {
                if !matches!(entry.value.content, Content::Text(_) | Content::Null) {
                    let at = place.get(&entry.key);
                    problems.push(wrong(at, &entry.value, "a text; put it in quotes"));
                }
            }
        }
        _ => problems.push(wrong(place, node, "a mapping")),
    }
}

/// A name becomes a part of a path (kubernetes/apimachinery v0.36:
/// `pkg/api/validation/path/name.go`). What else a kind demands is said by the API server.
fn name(place: Place<'_>, problems: &mut Vec<Problem>) {
    let Some(text) = place.as_text() else { return };
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '%');
    if text.len() > 253 || matches!(text, "." | "..") || text.contains(odd) || !text.is_ascii() {
        problems.push(
            Problem::at(&place, "this cannot be the name of an object")
                .expected("small letters, digits, `-` and `.`, at most 253"),
        );
    }
}

fn namespace(place: Place<'_>, problems: &mut Vec<Problem>) {
    let Some(node) = place.node() else { return };
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = |text: &str| {
        text.len() <= 63
            && text.starts_with(inner)
            && text.ends_with(inner)
            && text.chars().all(|c| inner(c) || c == '-')
    };
    if !node.as_text().is_some_and(fits) {
        problems.push(
            Problem::at(&place, "this cannot be a namespace")
                .found(node.content.to_string())
                .expected("small letters, digits and `-`, at most 63, such as `web`"),
        );
    }
}

/// Reports a type that cannot be one, or that is a slip of one of the Gateway API's. Says whether
/// the type may stand.
pub(super) fn check_kind(
    place: Place<'_>,
    api_version: &str,
    kind: &str,
    problems: &mut Vec<Problem>,
) -> bool {
    let before = problems.len();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let named = |text: &str| {
        text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    let at = place.get("apiVersion");
    if !named(group) || !version.starts_with('v') || !named(version) || api_version.starts_with('/')
    {
        problems.push(
            Problem::at(&at, "this is no API group and version")
                .expected("such as `v1` or `gateway.networking.k8s.io/v1`"),
        );
    } else if group != gateway_api::GROUP
        && !group.is_empty()
        && KINDS.contains(&kind)
        && let Some(near) = nearest(group, [gateway_api::GROUP])
        && !OTHER_GATEWAYS.contains(&group)
    {
        problems.push(
            Problem::at(&at, format!("there is no {kind} in the group `{group}`"))
                .expected(format!("`{near}`"))
                .nearest(Some(near)),
        );
    }
    if !kind.starts_with(|c: char| c.is_ascii_uppercase())
        || !kind.chars().all(|c| c.is_ascii_alphanumeric())
    {
        problems.push(
            Problem::at(&place.get("kind"), "this is no kind of object")
                .expected("letters and digits such as `HTTPRoute`")
                .nearest(nearest(kind, KINDS.iter().copied())),
        );
    }
    problems.len() == before
}

/// Groups that have kinds of the same names.
const OTHER_GATEWAYS: &[&str] =
    &["networking.istio.io", "gateway.networking.x-k8s.io", "networking.x-k8s.io"];

#[cfg(test)]
mod tests {
    use crate::scenario::manifest::object;
    use crate::source::parse::parse;
    use crate::source::tree::{Place, Source};

    /// Where the problems of an object are, and the nearest right name.
    fn problems(text: &str) -> Vec<(usize, usize, Option<String>)> {
        let source = Source { path: "object.yaml".to_owned(), text: text.to_owned() };
        let mut problems = Vec::new();
        for document in parse(&source, &mut problems) {
            object(Place::document(&source, &document), &mut problems);
        }
        problems.into_iter().map(|p| (p.line, p.column, p.nearest)).collect()
    }

    #[test]
    fn a_slip_in_the_metadata_is_found() {
        let of = |metadata: &str| {
            problems(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n"))
        };
        assert_eq!(of("{name: a, namespace: web, labels: {a: b}, annotations: {c: \"1\"}}"), []);
        assert_eq!(of("{name: 'system:node', labels: null, uid: x}"), [], "also good names");
        assert_eq!(of("{name: a, namespce: web}"), [(3, 21, Some("namespace".to_owned()))]);
        for metadata in [
            "{name: a, namespace: 7}",
            "{name: a, namespace: Web}",
            "{name: a, namespace: ünïcode}",
            "{name: a/b}",
            "{name: \"\\0x\"}",
            "{name: a, labels: {a: true}}",
            "{name: a, annotations: [b]}",
        ] {
            assert_eq!(of(metadata).len(), 1, "{metadata}");
        }
    }

    #[test]
    fn a_type_that_cannot_be_is_found_and_a_stranger_is_not() {
        let of = |api: &str, kind: &str| {
            problems(&format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\n"))
        };
        assert_eq!(of("networking.istio.io/v1", "Gateway"), []);
        assert_eq!(of("example.org/v1alpha1", "Anything"), []);
        assert_eq!(
            of("gateway.netwoking.k8s.io/v1", "Gateway"),
            [(1, 13, Some("gateway.networking.k8s.io".to_owned()))]
        );
        for (api, kind) in [("ünïcode", "Gateway"), ("apps/1", "Deployment"), ("v1", "con fig")] {
            assert_eq!(of(api, kind).len(), 1, "{api} {kind}");
        }
    }
}
