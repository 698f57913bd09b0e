//! What a path is about.

use std::sync::Arc;

use super::query::decode;
use super::review::{REVIEWS, Review};
use super::scale::has_scale;
use crate::api::custom::CustomKind;
use crate::api::kinds::Kinds;
use crate::api::object::ObjectName;
use crate::api::resources::{Resource, Scope, StatusPart};

/// What a path is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/version`.
    Version,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/<group>`.
    Group(String),
    /// `/api/v1`, `/apis/<group>/<version>`.
    Resources {
        /// The group; empty for the core group.
        group: String,
        /// The version.
        version: String,
    },
    /// `/openapi/v3`.
    OpenApiIndex,
    /// `/openapi/v3/api/v1`, `/openapi/v3/apis/<group>/<version>`.
    OpenApi {
        /// The group; empty for the core group.
        group: String,
        /// The version.
        version: String,
    },
    /// A question a client asks about itself.
    Review(Review),
    /// A way into a pod, such as `exec`, which has no container here.
    IntoPod(String),
    /// `/api/v1/namespaces/<namespace>/pods/<name>/log`.
    PodLog(ObjectName),
    /// `/api/v1/namespaces/<namespace>/services/<service>/proxy/<path>`.
    ServiceProxy(ServiceProxy),
    /// Objects.
    Objects(Place),
}

/// A request that goes on to a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceProxy {
    /// The Service's namespace.
    pub(super) namespace: String,
    /// The Service as it was written: `name`, `name:port` or `scheme:name:port`.
    pub(super) service: String,
    /// The path there, which starts with `/`.
    pub(super) path: String,
}

/// Objects of one kind, or one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Their kind.
    pub(super) resource: &'static Resource,
    /// Its definition, if somebody applied one.
    pub(super) custom: Option<Arc<CustomKind>>,
    /// The version they are shown in.
    pub(super) version: &'static str,
    /// The namespace; `None` for all of them or for cluster-scoped kinds.
    pub(super) namespace: Option<String>,
    /// Which of them.
    pub(super) selection: Selection,
}

/// Which objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// All.
    Collection,
    /// One.
    Object(String),
    /// The status of one.
    Status(String),
    /// How many replicas one has.
    Scale(String),
}

impl Place {
    /// The full name of one of the objects.
    pub(super) fn name(&self, name: &str) -> ObjectName {
        ObjectName { namespace: self.namespace.clone(), name: name.to_owned() }
    }
}

impl Target {
    /// Reads a path; `None` when nothing is served there.
    pub(super) fn parse(path: &str, kinds: &Kinds) -> Option<Self> {
        let segments: Vec<_> =
            path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let owned = |text: &str| text.to_owned();
        match segments.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => Some(Self::Health),
            ["version"] => Some(Self::Version),
            ["api"] => Some(Self::CoreVersions),
            ["apis"] => Some(Self::Groups),
            ["openapi", "v3"] => Some(Self::OpenApiIndex),
            ["openapi", "v3", "api", version] => {
                Some(Self::OpenApi { group: String::new(), version: owned(version) })
            }
            ["openapi", "v3", "apis", group, version] => {
                Some(Self::OpenApi { group: owned(group), version: owned(version) })
            }
            ["apis", group] => Some(Self::Group(owned(group))),
            ["api", version] => {
                Some(Self::Resources { group: String::new(), version: owned(version) })
            }
            ["apis", group, version] => {
                Some(Self::Resources { group: owned(group), version: owned(version) })
            }
            ["apis", group, "v1", plural]
                if let Some(review) = REVIEWS
                    .iter()
                    .find(|review| review.group == *group && review.plural == *plural) =>
            {
                Some(Self::Review(*review))
            }
            [
                "api",
                "v1",
                "namespaces",
                _,
                "pods",
                _,
                way @ ("exec" | "attach" | "portforward" | "proxy"),
                ..,
            ] => Some(Self::IntoPod(owned(way))),
            ["api", "v1", "namespaces", namespace, "services", service, "proxy", path @ ..] => {
                Some(Self::ServiceProxy(ServiceProxy {
                    namespace: owned(namespace),
                    service: owned(service),
                    path: format!("/{}", path.join("/")),
                }))
            }
            ["api", "v1", "namespaces", namespace, "pods", name, "log"] => {
                Some(Self::PodLog(ObjectName::namespaced(*namespace, *name)))
            }
            ["api", version, rest @ ..] => objects(kinds, "", version, rest).map(Self::Objects),
            ["apis", group, version, rest @ ..] => {
                objects(kinds, group, version, rest).map(Self::Objects)
            }
            _ => None,
        }
    }
}

fn objects(kinds: &Kinds, group: &str, version: &str, rest: &[&str]) -> Option<Place> {
    // `namespaces/<name>/status` is the status of a namespace, not a kind called `status`.
    let (namespace, rest) = match rest {
        ["namespaces", _, "status"] if group.is_empty() => (None, rest),
        ["namespaces", namespace, _, ..] => (Some(*namespace), &rest[2..]),
        _ => (None, rest),
    };
    let (plural, rest) = rest.split_first()?;
    let resource = kinds.at(group, version, plural)?;
    let custom = kinds.custom(&resource.as_kind()).cloned();
    let version = resource.versions.iter().find(|served| **served == version)?;
    let selection = match rest {
        [] => Selection::Collection,
        [name] => Selection::Object((*name).to_owned()),
        [name, "status"] if resource.status == StatusPart::Subresource => {
            Selection::Status((*name).to_owned())
        }
        [name, "scale"] if has_scale(resource) => Selection::Scale((*name).to_owned()),
        _ => return None,
    };
    let fits = match (resource.scope, namespace) {
        (Scope::Cluster, namespace) => namespace.is_none(),
        (Scope::Namespaced, None) => selection == Selection::Collection,
        (Scope::Namespaced, Some(_)) => true,
    };
    let namespace = namespace.map(str::to_owned);
    fits.then_some(Place { resource, custom, version, namespace, selection })
}

#[cfg(test)]
mod tests {
    use super::{Kinds, Selection, Target};

    fn place(path: &str) -> Option<(&'static str, Option<String>, Selection)> {
        match Target::parse(path, &Kinds::default())? {
            Target::Objects(place) => Some((place.resource.kind, place.namespace, place.selection)),
            _ => None,
        }
    }

    #[test]
    fn paths_of_objects_are_understood() {
        let gateways = "/apis/gateway.networking.k8s.io/v1";
        let all = Selection::Collection;
        let one = |name: &str| Selection::Object(name.to_owned());
        let status = |name: &str| Selection::Status(name.to_owned());
        let ns = |name: &str| Some(name.to_owned());
        for (path, expected) in [
            ("/api/v1/pods", ("Pod", None, all.clone())),
            ("/api/v1/namespaces", ("Namespace", None, all.clone())),
            ("/api/v1/namespaces/a", ("Namespace", None, one("a"))),
            ("/api/v1/namespaces/a/status", ("Namespace", None, status("a"))),
            ("/api/v1/namespaces/a/pods", ("Pod", ns("a"), all.clone())),
            ("/api/v1/namespaces/a/pods/b/status", ("Pod", ns("a"), status("b"))),
            (&format!("{gateways}/gatewayclasses/c"), ("GatewayClass", None, one("c"))),
            (&format!("{gateways}/namespaces/a/gateways/g%2Dw"), ("Gateway", ns("a"), one("g-w"))),
        ] {
            assert_eq!(place(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn paths_of_nothing_are_refused() {
        for path in [
            "/api/v1/gateways",
            "/api/v1/pods/a",
            "/api/v1/namespaces/a/nodes",
            "/api/v1/namespaces/a/nodes/n",
            "/api/v1/namespaces/a/configmaps/c/status",
            "/api/v1/namespaces/a/pods/b/logs",
            "/api/v1/namespaces/a/configmaps/c/scale",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/a",
            "/api/v1/namespaces/a/services/b/log",
            "/api/v2/pods",
            "/apis/gateway.networking.k8s.io/v1alpha2/gateways",
            "/nothing",
        ] {
            assert_eq!(place(path), None, "{path}");
        }
    }
}
