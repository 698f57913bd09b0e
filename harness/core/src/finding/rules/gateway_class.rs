//! GP0012: the GatewayClass is missing, another controller's, or not accepted.

use super::issue;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{
    CONTROLLER, Class, Condition, GATEWAY_API, Gateway, class_of, condition, could_read,
    every_gateway,
};
use crate::finding::releases::EVERY;
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::source::nearest::nearest;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0012",
    title: "the Gateway's class is missing, another controller's, or not accepted",
    explanation: "\
Cilium looks after Gateways whose class has the controller name io.cilium/gateway-controller; the \
name of the class is free. A Gateway of a class that does not exist, or of another controller, is \
passed over without a status. When a class is deleted, the operator of 1.20 takes away what it had made of \
its Gateways, and their conditions stay as they were.

The class is made by Helm, never by the operator, and by default only when the chart finds the \
Gateway API in the cluster while it renders. So it is missing when the definitions were installed \
after the chart, or when the manifests came from helm template without --api-versions. From 1.16 on \
gatewayAPI.gatewayClass.create=\"true\" forces it (a text in quotes up to 1.19).

A class with parametersRef is not accepted (InvalidParameters) when the reference is of another kind \
than CiliumGatewayClassConfig, lacks a namespace, or leads nowhere.",
    remedy: &[
        "install the definitions first and run helm upgrade again, or set gatewayAPI.gatewayClass.create to \"true\" (1.16 and later)",
        "or create the class: apiVersion gateway.networking.k8s.io/v1, kind GatewayClass, metadata.name cilium, spec.controllerName io.cilium/gateway-controller",
    ],
    sources: &[
        "cilium/charts templates of the GatewayClass 1.14.0 to 1.20.0: when it is made",
        "cilium/cilium operator/pkg/gateway-api/gatewayclass_reconcile.go and gateway_reconcile.go 1.18.10: which classes and Gateways are looked after",
        "seen with the operator of 1.20.0: without its class an accepted Gateway loses CiliumEnvoyConfig and Service, and stays Programmed",
    ],
    issues: &[
        issue("cilium/cilium#33239", EVERY),
        issue("cilium/cilium#27398", EVERY),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    every_gateway(dossier)
        .iter()
        .filter(|gateway| gateway.is_diagnosed())
        .filter_map(|gateway| {
            let name = gateway.class();
            let firing = |confidence| Firing::new(Role::Cause, confidence).about(gateway);
            let class = format!("GatewayClass {name}");
            match class_of(dossier, name) {
                Class::Cilium(object) => {
                    let accepted = condition(object.get("status")?, "Accepted")?;
                    let refused = Some(accepted).filter(Condition::is_false)?;
                    let seen = firing(Confidence::Certain).seen(refused, class);
                    Some(seen.remedy("look at spec.parametersRef of the class: group cilium.io, kind CiliumGatewayClassConfig, with name and namespace of one that exists"))
                }
                // Somebody looks after it: the class is there, though it was not read.
                Class::Absent if !could_read(dossier, "GatewayClass") => None,
                Class::Absent if gateway.has_been_seen() && !is_bereft(dossier, gateway) => None,
                Class::Absent => {
                    let there: Vec<&str> = dossier
                        .list(GATEWAY_API, "GatewayClass")
                        .filter_map(|class| text(class, "/metadata/name"))
                        .collect();
                    let names =
                        if there.is_empty() { "none".to_owned() } else { there.join(", ") };
                    let seen = firing(Confidence::Certain)
                        .seen(format!("spec.gatewayClassName: {name}"), gateway)
                        .seen(format!("classes that there are: {names}"), "GatewayClasses");
                    Some(match nearest(name, there.iter().copied()) {
                        Some(near) => seen.remedy(format!("did you mean the class {near}?")),
                        None => seen,
                    })
                }
                // Another controller looks after it, and that is its business.
                Class::Foreign(_) if gateway.has_been_seen() => None,
                Class::Foreign(object) => {
                    let controller = text(object, "/spec/controllerName").unwrap_or("none");
                    Some(firing(Confidence::Likely)
                        .seen(format!("spec.controllerName: {controller}"), class)
                        .seen("no condition by any controller", format!("status of {gateway}"))
                        .inferred(format!("Cilium passes over it, because the controller is not {CONTROLLER}")))
                }
            }
        })
        .collect()
}

/// Whether what Cilium made of a Gateway that it once accepted is gone.
fn is_bereft(dossier: &Dossier, gateway: &Gateway<'_>) -> bool {
    could_read(dossier, "CiliumEnvoyConfig") && gateway.envoy_config().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};

    fn waiting() -> Dossier {
        dedicated().set(
            "Gateway",
            "shared-gateway",
            "/status",
            &json!({"conditions": [
            {"type": "Accepted", "status": "Unknown", "reason": "Pending",
             "message": "Waiting for controller"}]}),
        )
    }

    #[test]
    fn a_class_that_does_not_exist_is_a_cause_with_the_nearest_one() {
        let firing = fires(
            &RULE,
            &waiting().set(
                "Gateway",
                "shared-gateway",
                "/spec/gatewayClassName",
                &json!("cillium"),
            ),
        );
        assert!(words(&firing).contains("did you mean the class cilium?"), "{firing:#?}");
        fires(&RULE, &waiting().without("GatewayClass", "cilium"));
    }

    #[test]
    fn a_class_that_may_not_be_read_is_not_missing() {
        silent(&RULE, &waiting().without("GatewayClass", "cilium").unread("gatewayclasses"));
        silent(&RULE, &dedicated().without("GatewayClass", "cilium"));
    }

    #[test]
    fn a_class_that_went_takes_what_was_made_of_its_gateways_with_it() {
        let bereft = || dedicated().without("CiliumEnvoyConfig", "cilium-gateway-shared-gateway");
        fires(&RULE, &bereft().without("GatewayClass", "cilium"));
        silent(&RULE, &bereft());
        silent(&RULE, &bereft().without("GatewayClass", "cilium").unread("gatewayclasses"));
    }

    #[test]
    fn another_controllers_class_is_its_business_once_it_looks_after_the_gateway() {
        let foreign = |dossier: Dossier| {
            dossier.set(
                "GatewayClass",
                "cilium",
                "/spec/controllerName",
                &json!("example.test/other"),
            )
        };
        fires(&RULE, &foreign(waiting()));
        silent(&RULE, &foreign(dedicated()));
    }

    #[test]
    fn a_class_with_wrong_parameters_is_told() {
        let refused = dedicated().set(
            "GatewayClass",
            "cilium",
            "/status/conditions/0",
            &json!({
            "type": "Accepted", "status": "False", "reason": "InvalidParameters",
            "message": "Invalid GatewayClass"}),
        );
        fires(&RULE, &refused);
    }
}
