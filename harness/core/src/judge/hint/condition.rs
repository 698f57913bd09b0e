//! Hints for conditions (cilium/cilium: `operator/pkg/gateway-api/gateway_reconcile.go` and
//! `routechecks/`, 1.14 to 1.20; cert-manager 1.21: `pkg/controller/certificates`).

use crate::judge::condition::Condition;
use crate::judge::hints;
use crate::scenario::ConditionStatus;

/// Whose condition it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) enum Owner {
    /// A Gateway.
    Gateway,
    /// A listener of a Gateway.
    Listener,
    /// An HTTPRoute, for one parent.
    Route,
    /// A cert-manager Certificate.
    Certificate,
}

/// What to look at when a condition is not what was claimed.
pub(in crate::judge) fn hints_for(
    owner: Owner,
    kind: &str,
    found: Option<&Condition<'_>>,
) -> Vec<String> {
    let reason = found.map_or("", |condition| condition.reason);
    let status = found.map_or(ConditionStatus::Unknown, |condition| condition.status);
    let texts: &[&str] = match owner {
        Owner::Gateway => gateway(kind, status, reason),
        Owner::Listener => listener(kind, status, reason),
        Owner::Route => route(kind, status, reason),
        Owner::Certificate => certificate(status, reason),
    };
    hints(texts)
}

fn gateway(kind: &str, status: ConditionStatus, reason: &str) -> &'static [&'static str] {
    match (kind, status, reason) {
        ("Programmed", ConditionStatus::False, "AddressNotAssigned") => &[
            "a Service of type LoadBalancer that has no address yet: look at its condition cilium.io/IPAMRequestSatisfied, at the CiliumLoadBalancerIPPools, or at the load balancer's controller",
            "with host network, or a CiliumGatewayClassConfig of type NodePort, Cilium 1.18.3 to 1.19.5 says this for ever and traffic may be fine (cilium#42786, cilium#47092): look at what http and exposure claims say",
        ],
        ("Programmed", ConditionStatus::False, "AddressNotUsable") => {
            &["compare spec.addresses with the address that the Service got"]
        }
        ("Accepted" | "Programmed", ConditionStatus::False, "ListenersNotValid") => &[
            "look at each listener's ResolvedRefs, most often a Secret that does not exist yet; until one listener is valid, Cilium 1.18.3 and newer makes neither Service nor CiliumEnvoyConfig",
        ],
        ("Accepted", ConditionStatus::False, "UnsupportedAddress") => {
            &["spec.addresses takes type IPAddress only (1.17+)"]
        }
        (_, ConditionStatus::Unknown, _) => &[
            "no operator has reconciled this Gateway: does its GatewayClass exist, with controllerName io.cilium/gateway-controller?",
            "look in the operator's log for \"Required GatewayAPI resources are not found\" (CRDs are looked up when it starts) and for kube-proxy-replacement, without which Gateway API support stays off",
        ],
        _ => &["look at the condition's message, the Gateway's events and the operator's log"],
    }
}

fn listener(kind: &str, status: ConditionStatus, reason: &str) -> &'static [&'static str] {
    match (kind, status, reason) {
        ("ResolvedRefs", ConditionStatus::False, "InvalidCertificateRef") => &[
            "does the Secret exist, and do tls.crt and tls.key each hold a PEM block? With cert-manager, look at the Certificate",
        ],
        ("ResolvedRefs", ConditionStatus::False, "RefNotPermitted") => {
            &["a Secret in another namespace needs a ReferenceGrant there, from Gateway to Secret"]
        }
        ("Programmed", ConditionStatus::False, _) => &[
            "a listener is programmed once it is valid and its Gateway has an address: look at the Gateway's Programmed condition",
        ],
        (_, ConditionStatus::Unknown, _) => {
            &["look at the Gateway's Accepted condition: nobody has reported on this listener"]
        }
        _ => &["look at the condition's message and at the operator's log"],
    }
}

fn route(kind: &str, status: ConditionStatus, reason: &str) -> &'static [&'static str] {
    match (kind, status, reason) {
        ("Accepted", ConditionStatus::False, "NotAllowedByListeners") => &[
            "compare the listener's allowedRoutes (namespaces, kinds) with the route's namespace and its labels",
        ],
        ("Accepted", ConditionStatus::False, "NoMatchingListenerHostname") => &[
            "the route's hostnames and the listener's do not intersect; *.example.test does not cover example.test itself",
        ],
        ("Accepted", ConditionStatus::False, "NoMatchingParent") => {
            &["compare sectionName and port of the parentRef with the listeners"]
        }
        ("Accepted", ConditionStatus::False, "InvalidHTTPRoute") => {
            &["does the Gateway of the parentRef exist, in that namespace?"]
        }
        ("ResolvedRefs", ConditionStatus::False, "RefNotPermitted") => &[
            "a backend in another namespace needs a ReferenceGrant there, from HTTPRoute to Service",
        ],
        ("ResolvedRefs", ConditionStatus::False, "InvalidKind") => {
            &["a backendRef must be a Service, with a port"]
        }
        ("ResolvedRefs", ConditionStatus::False, "BackendNotFound") => {
            &["does the Service of the backendRef exist, in that namespace?"]
        }
        (_, ConditionStatus::Unknown, _) => &[
            "nobody has reported this: look at the Gateway's Accepted condition and at the operator's log",
        ],
        _ => &["look at the condition's message and at the operator's log"],
    }
}

fn certificate(status: ConditionStatus, reason: &str) -> &'static [&'static str] {
    match (status, reason) {
        (ConditionStatus::True, _) => {
            &["compare the Secret with the Certificate: was it there before, or issued in time?"]
        }
        (ConditionStatus::False, "DoesNotExist" | "MissingData") => &[
            "does the issuer exist and is it Ready? An Issuer (cert-manager.io/issuer) is looked for in the Gateway's namespace, a ClusterIssuer (cert-manager.io/cluster-issuer) in none",
            "the Secret is not issued yet: look at the Certificate's Issuing condition, then at its CertificateRequest, and for ACME at Order and Challenge",
        ],
        (ConditionStatus::Unknown, _) => {
            &["cert-manager has not looked at this Certificate: is its controller running?"]
        }
        _ => &[
            "look at the message, at lastFailureTime (after a failure cert-manager waits an hour and longer) and at the CertificateRequests",
        ],
    }
}
