//! GatewayClasses and their parameters: whether they are accepted
//! (cilium/cilium `operator/pkg/gateway-api/gatewayclass_reconcile.go`,
//! `gatewayclassconfig_reconcile.go`).
//!
//! The checksum annotation that the operator puts on a class with parameters is left out: nothing
//! reads it but the operator.

use serde_json::json;

use super::status::Condition;
use super::{Outcome, StatusUpdate, features};
use crate::facts::Behaviour;
use crate::resources::class_config::ClassConfig;
use crate::resources::gateway::GatewayClass;
use crate::{Input, Unmodelled};

/// Writes the status of a class.
pub(super) fn reconcile(input: &Input<'_>, class: &GatewayClass, outcome: &mut Outcome) {
    let usable = match &class.parameters {
        // Up to 1.17 nobody looks at parameters.
        Some(parameters) if input.holds(Behaviour::ClassConfig) => {
            let named = parameters.full_name().filter(|_| parameters.is_class_config());
            named.is_some_and(|name| input.resources.class_configs.contains_key(&name))
        }
        Some(_) | None => true,
    };
    let (status, reason, message) = if usable {
        ("True", "Accepted", "Valid GatewayClass")
    } else {
        ("False", "InvalidParameters", "Invalid GatewayClass")
    };
    let generation = class.generation;
    let accepted = Condition { kind: "Accepted", status, reason, message, generation }.to_json();
    let mut status = json!({"conditions": [accepted]});
    if usable {
        status["supportedFeatures"] = json!(features::named(input.version));
    }
    outcome.statuses.push(StatusUpdate {
        api_version: "gateway.networking.k8s.io/v1".to_owned(),
        kind: "GatewayClass".to_owned(),
        namespace: None,
        name: class.name.clone(),
        status,
    });
}

/// Writes the status of parameters, which are always accepted.
pub(super) fn reconcile_config(input: &Input<'_>, config: &ClassConfig, outcome: &mut Outcome) {
    if !input.holds(Behaviour::ClassConfig) {
        return;
    }
    outcome.unmodelled.extend(config.unread.iter().map(|field| {
        Unmodelled::new(
            format!("CiliumGatewayClassConfig {}", config.name),
            format!("field spec.{field}"),
        )
    }));
    let telemetry = config.spec.telemetry.as_ref();
    if telemetry.is_some_and(|telemetry| !telemetry.access_logs.is_empty())
        && input.holds(Behaviour::AccessLogs)
    {
        outcome.unmodelled.push(Unmodelled::new(
            format!("CiliumGatewayClassConfig {}", config.name),
            "access logs, which listeners of its Gateways write",
        ));
    }
    let accepted = Condition {
        kind: "Accepted",
        status: "True",
        reason: "Accepted",
        message: "Valid GatewayClassConfig",
        generation: config.generation,
    };
    outcome.statuses.push(StatusUpdate {
        api_version: "cilium.io/v2alpha1".to_owned(),
        kind: "CiliumGatewayClassConfig".to_owned(),
        namespace: Some(config.name.namespace.clone()),
        name: config.name.name.clone(),
        status: json!({"conditions": [accepted.to_json()]}),
    });
}

#[cfg(test)]
mod tests;
