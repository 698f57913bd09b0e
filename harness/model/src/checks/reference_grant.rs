//! Whether a reference into another namespace is granted (Gateway API ReferenceGrant).

use crate::resources::gateway::ReferenceGrant;

/// Who refers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Referrer<'a> {
    /// Its kind, of group `gateway.networking.k8s.io`.
    pub kind: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
}

/// What is referred to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Its group; empty for the core group.
    pub group: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Whether the reference is allowed: always inside a namespace, else by a grant there.
pub(crate) fn permits(grants: &[ReferenceGrant], from: Referrer<'_>, to: Target<'_>) -> bool {
    from.namespace == to.namespace
        || grants.iter().filter(|grant| grant.namespace == to.namespace).any(|grant| {
            grant.spec.from.iter().any(|allowed| {
                allowed.group == crate::resources::gateway::GROUP
                    && allowed.kind == from.kind
                    && allowed.namespace == from.namespace
            }) && grant.spec.to.iter().any(|allowed| {
                allowed.group == to.group
                    && allowed.kind == to.kind
                    && allowed.name.as_deref().is_none_or(|name| name == to.name)
            })
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Referrer, Target, permits};
    use crate::resources::Resources;

    #[test]
    fn a_grant_counts_in_the_target_namespace_for_the_named_kind_and_object() {
        let (resources, _) = Resources::from_objects([&json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "ReferenceGrant",
            "metadata": {"name": "g", "namespace": "backends"},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "apps"}],
                "to": [{"group": "", "kind": "Service", "name": "web"}]
            }
        })]);
        let ask = |kind, namespace, target_namespace, name| {
            permits(
                &resources.grants,
                Referrer { kind, namespace },
                Target { group: "", kind: "Service", namespace: target_namespace, name },
            )
        };
        assert!(ask("HTTPRoute", "apps", "backends", "web"));
        assert!(ask("HTTPRoute", "other", "other", "x"), "inside a namespace nothing is needed");
        assert!(!ask("HTTPRoute", "apps", "backends", "db"), "another Service is not granted");
        assert!(!ask("HTTPRoute", "other", "backends", "web"), "another namespace is not granted");
        assert!(!ask("Gateway", "apps", "backends", "web"), "another kind is not granted");
        assert!(!ask("HTTPRoute", "apps", "elsewhere", "web"), "the grant is not there");
        assert!(
            !permits(
                &resources.grants,
                Referrer { kind: "HTTPRoute", namespace: "apps" },
                Target {
                    group: "multicluster.x-k8s.io",
                    kind: "Service",
                    namespace: "backends",
                    name: "web"
                },
            ),
            "another group is not granted"
        );
    }
}
