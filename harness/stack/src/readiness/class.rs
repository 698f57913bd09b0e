//! Whether Cilium's GatewayClass is accepted, and why it never will be. Pure.

use gateproof_core::scenario::ConditionStatus;
use gateproof_kubernetes::Poll;
use gateproof_kubernetes::condition::of_object;
use serde_json::Value;

/// The GatewayClass that Cilium's chart makes.
pub(crate) const NAME: &str = "cilium";
/// The controller of Cilium's operator.
pub(crate) const CONTROLLER: &str = "io.cilium/gateway-controller";

/// Lines of the operator that say that it will not look at Gateways until it is started again
/// (cilium/cilium: `operator/pkg/gateway-api/cell.go`), and what they mean.
const HOPELESS: &[(&[&str], &str)] = &[
    (
        &["Required GatewayAPI resources are not found"],
        "the definitions of the Gateway API do not fit this Cilium",
    ),
    (
        &["no matches for kind", "gateway.networking.k8s.io"],
        "a definition of the Gateway API is there, but not served in the version that this Cilium \
         asks for",
    ),
    (
        &["Gateway API support requires kube-proxy-replacement"],
        "Gateway API support needs kubeProxyReplacement: true",
    ),
];

/// Judges the class; `log` is what the operator wrote, newest last.
pub(crate) fn judge(class: Option<&Value>, log: &str) -> Poll<()> {
    let Some(class) = class else {
        return Poll::NotYet { missing: format!("GatewayClass {NAME} is not there") };
    };
    let controller = class.pointer("/spec/controllerName").and_then(Value::as_str);
    if controller != Some(CONTROLLER) {
        let found = controller.unwrap_or("none");
        let why = format!(
            "GatewayClass {NAME} belongs to another controller: expected {CONTROLLER}, found \
             {found}"
        );
        return Poll::Never { why };
    }
    let missing = match of_object(class, "Accepted") {
        Some(accepted) if accepted.status() == ConditionStatus::True => return Poll::Ready(()),
        Some(accepted) => format!("GatewayClass {NAME}: {accepted}"),
        None => format!("GatewayClass {NAME} has no condition Accepted"),
    };
    for (parts, meaning) in HOPELESS {
        let speaks = |line: &&str| parts.iter().all(|part| line.contains(part));
        if let Some(line) = log.lines().rfind(speaks) {
            let why = format!("{missing}; {meaning}; the operator says: {}", line.trim());
            return Poll::Never { why };
        }
    }
    Poll::NotYet { missing }
}

#[cfg(test)]
mod tests {
    use gateproof_kubernetes::Poll;
    use serde_json::{Value, json};

    use super::{CONTROLLER, judge};

    fn class(controller: &str, status: &str) -> Value {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": {"name": "cilium", "generation": 1},
            "spec": {"controllerName": controller},
            "status": {"conditions": [{"type": "Accepted", "status": status, "reason": "Pending",
                "message": "Waiting for controller", "observedGeneration": 1}]}})
    }

    #[test]
    fn an_accepted_class_is_enough_whatever_the_operator_wrote_before() {
        let log = "Required GatewayAPI resources are not found";
        assert_eq!(judge(Some(&class(CONTROLLER, "True")), log), Poll::Ready(()));
    }

    #[test]
    fn a_class_that_waits_is_waited_for_until_the_operator_gives_up() {
        let waiting = class(CONTROLLER, "Unknown");
        assert!(matches!(judge(Some(&waiting), "level=info starting"), Poll::NotYet { .. }));
        assert!(matches!(judge(None, ""), Poll::NotYet { .. }));
        let other = "no matches for kind \"ServiceImport\" in version \"multicluster.x-k8s.io/v1\"";
        assert!(matches!(judge(Some(&waiting), other), Poll::NotYet { .. }));
        for (line, part) in [
            ("level=error msg=\"Required GatewayAPI resources are not found, …\"", "do not fit"),
            ("Gateway API support requires kube-proxy-replacement enabled", "kubeProxyReplacement"),
            (
                "no matches for kind \"TLSRoute\" in version \"gateway.networking.k8s.io/v1alpha2\"",
                "not served",
            ),
        ] {
            let Poll::Never { why } = judge(Some(&waiting), &format!("a\n{line}\nb")) else {
                panic!("{line} ends the wait")
            };
            assert!(why.contains(part) && why.contains(line), "{why}");
        }
    }

    #[test]
    fn a_class_of_somebody_else_is_never_ours() {
        let Poll::Never { why } = judge(Some(&class("x.test/y", "True")), "") else {
            panic!("it is not ours")
        };
        assert!(why.contains("x.test/y") && why.contains(CONTROLLER), "{why}");
    }
}
