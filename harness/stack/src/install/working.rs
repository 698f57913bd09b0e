//! The waits that say that Cilium works: nodes ready, class accepted.

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::wait::{self, unreadable};
use gateproof_kubernetes::{Component, Poll, Watched};
use serde_json::Value;

use super::Work;
use crate::component::logs;
use crate::error::StackError;
use crate::readiness::{class, nodes};
use crate::step::Step;

/// Waits until every node is ready, which it is once its network works.
pub(crate) async fn nodes_are_ready(work: &Work<'_>) -> Result<(), StackError> {
    let Work { target, settings, surroundings, .. } = *work;
    let step = Step::begin(surroundings, "wait for the nodes");
    step.run(async {
        let client = &target.client;
        let watched = [Watched::kind("v1", "Node")];
        let tell = |missing: &str| step.awaiting(missing);
        wait::watch_until(client, &watched, settings.step_within, tell, || async {
            match client.list("v1", "Node", None).await {
                Ok(found) => match nodes::missing(&found, target.facts.nodes) {
                    None => Poll::Ready(()),
                    Some(missing) => Poll::NotYet { missing },
                },
                Err(error) => unreadable(&error),
            }
        })
        .await
        .map_err(|cause| StackError::Wait { what: "the nodes".to_owned(), cause })
    })
    .await
}

/// Waits until Cilium's operator has accepted its class, where a class is made.
pub(crate) async fn class_is_accepted(work: &Work<'_>, values: &Value) -> Result<(), StackError> {
    let Work { target, request, settings, surroundings, .. } = *work;
    if !request.config.gateway_api || !makes_class(values) {
        return Ok(());
    }
    let step = Step::begin(surroundings, "wait for the GatewayClass");
    step.run(async {
        let client = &target.client;
        let object = ObjectRef {
            api_version: "gateway.networking.k8s.io/v1".to_owned(),
            kind: "GatewayClass".to_owned(),
            namespace: None,
            name: class::NAME.to_owned(),
        };
        let watched = [Watched::object(&object)];
        let tell = |missing: &str| step.awaiting(missing);
        wait::watch_until(client, &watched, settings.step_within, tell, || async {
            let class = match client.get(&object).await {
                Ok(class) => class,
                Err(error) => return unreadable(&error),
            };
            match class::judge(class.as_ref(), "") {
                // The log is read only while there is something to explain; without it the
                // wait goes on as before.
                Poll::NotYet { .. } => {
                    let log = logs(client, &Component::CiliumOperator, None).await;
                    class::judge(class.as_ref(), &log.unwrap_or_default())
                }
                decided => decided,
            }
        })
        .await
        .map_err(|cause| StackError::Wait { what: format!("GatewayClass {}", class::NAME), cause })
    })
    .await
}

/// Whether the chart makes a class with these values.
fn makes_class(values: &Value) -> bool {
    match values.pointer("/gatewayAPI/gatewayClass/create") {
        Some(Value::Bool(create)) => *create,
        Some(Value::String(create)) => create != "false",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::makes_class;

    #[test]
    fn a_class_is_made_unless_the_values_say_no() {
        let create = |value| json!({"gatewayAPI": {"gatewayClass": {"create": value}}});
        assert!(makes_class(&json!({})) && makes_class(&create(json!("true"))));
        assert!(makes_class(&create(json!("auto"))) && makes_class(&create(json!(true))));
        assert!(!makes_class(&create(json!("false"))) && !makes_class(&create(json!(false))));
    }
}
