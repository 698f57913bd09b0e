//! What a Gateway asks for that the model does not cover. Such a Gateway gets no prediction at
//! all: a partial one would be wrong in ways nobody sees.

use super::listener::supported_kinds;
use super::source::Sources;
use crate::facts::Behaviour;
use crate::resources::gateway::{Gateway, GatewayClass, Listener};
use crate::{Input, Unmodelled};

/// Everything about a Gateway of this class that is not covered.
pub(crate) fn gateway_limits(
    input: &Input<'_>,
    gateway: &Gateway,
    class: &GatewayClass,
) -> Vec<Unmodelled> {
    let mut what: Vec<String> =
        gateway.unread.iter().map(|field| format!("field spec.{field}")).collect();
    class_limits(input, class, &mut what);
    for set in Sources::of(input, gateway).attached {
        let fields = set.unread.iter();
        what.extend(fields.map(|field| format!("field spec.{field} of its {}", set.object())));
    }
    for listener in &gateway.spec.listeners {
        listener_limits(input, listener, &mut what);
    }
    what.into_iter().map(|what| Unmodelled::new(gateway.object(), what)).collect()
}

/// Operators that look at the class's parameters without checking the reference fall over one
/// that has no namespace (cilium/cilium 1.18.10 `gateway_reconcile.go`, `getGatewayClassConfig`).
fn class_limits(input: &Input<'_>, class: &GatewayClass, what: &mut Vec<String>) {
    let falls_over = class
        .parameters
        .as_ref()
        .is_some_and(|reference| reference.is_class_config() && reference.namespace.is_none());
    if falls_over
        && input.holds(Behaviour::ClassConfig)
        && !input.holds(Behaviour::ClassParametersChecked)
    {
        what.push(format!(
            "the parametersRef without namespace of its GatewayClass {}, over which the operator falls",
            class.name
        ));
    }
}

/// For a protocol of an implementation's own, operators up to 1.19 write a status that the Gateway
/// API's CRD of their time refuses: without `supportedKinds`, or with a kind named `Unknown`.
fn listener_limits(input: &Input<'_>, listener: &Listener, what: &mut Vec<String>) {
    let (name, protocol) = (&listener.name, &listener.protocol);
    if supported_kinds(input, listener.speaks()).is_none()
        && !input.holds(Behaviour::GranularListenerReasons)
    {
        what.push(format!("listener {name} of protocol {protocol}, whose status is refused"));
    }
}
