//! TCP and exposure claims.

use super::super::file::form::{ExposureForm, PortForm};
use super::super::file::socket::{ExposureCheckFile, TcpCheckFile, TcpExpectFile};
use super::check::{Context, Named, Polarity, hold, report_unknown_gateway};
use super::{nodes, unknown};
use crate::name::{ListenerName, NamespacedName};
use crate::observation::TcpOutcome;
use crate::scenario::{
    Claim, ExposureClaim, ExposureExpectation, TcpClaim, TcpExpectation, TcpPort,
};
use crate::source::problem::Problem;
use crate::source::tree::Place;

/// Resolves TCP connections.
pub(super) fn tcp(
    file: &TcpCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    let gateway = gateway(file, at, context, problems);
    let (port, word) = port(&file.port, at, problems)?;
    let nodes = nodes::selector(&file.nodes, at.get("nodes"), context.scope.topology, problems);
    let (expect, outcome) = expectation(file.expect);
    let polarity = if file.expect == TcpExpectFile::Accepted {
        Polarity::Positive
    } else {
        Polarity::Negative
    };
    let name = format!("tcp {word} on {nodes}: {outcome}");
    let hold = hold(file.hold, file.count, polarity);
    Some((name, Claim::Tcp(TcpClaim { gateway, port, nodes, expect, hold })))
}

fn expectation(file: TcpExpectFile) -> (TcpExpectation, String) {
    let outcome = match file {
        TcpExpectFile::Accepted => TcpOutcome::Accepted,
        TcpExpectFile::Refused => TcpOutcome::Refused,
        TcpExpectFile::TimedOut => TcpOutcome::TimedOut,
        TcpExpectFile::Reset => TcpOutcome::Reset,
        TcpExpectFile::Unreachable => TcpOutcome::Unreachable,
        TcpExpectFile::NotAccepted => {
            return (TcpExpectation::NotAccepted, "not accepted".to_owned());
        }
    };
    let word = outcome.to_string();
    (TcpExpectation::Outcome(outcome), word)
}

fn port(form: &PortForm, at: Place<'_>, problems: &mut Vec<Problem>) -> Option<(TcpPort, String)> {
    match form {
        PortForm::Listener(name) => {
            Some((TcpPort::Listener(ListenerName::new(name)), format!("listener/{name}")))
        }
        PortForm::NodePort(name) => {
            Some((TcpPort::NodePort(ListenerName::new(name)), format!("nodePort/{name}")))
        }
        PortForm::Number(port) => Some((TcpPort::Number(*port), format!("port {port}"))),
        PortForm::Neither => {
            let place = at.get("port");
            problems.push(
                Problem::at(&place, "this is no port")
                    .found(format!("`{}`", place.written()))
                    .expected("`listener/<name>`, `nodePort/<listener>` or a number"),
            );
            None
        }
    }
}

/// The Gateway of a port named by listener: as given, or the only one with such a listener.
fn gateway(
    file: &TcpCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<NamespacedName> {
    let gateways = &context.scope.inventory.gateways;
    if let Some(given) = &file.gateway
        && report_unknown_gateway(given, at.get("gateway"), context.scope, problems)
    {
        return file.gateway.clone();
    }
    let (PortForm::Listener(listener) | PortForm::NodePort(listener)) = &file.port else {
        return file.gateway.clone();
    };
    let having: Vec<&NamespacedName> = gateways
        .iter()
        .filter(|(name, gateway)| {
            file.gateway.as_ref().is_none_or(|given| given == *name)
                && (gateway.listeners.iter().any(|l| l.name == *listener)
                    || context.scope.inventory.changed.contains(name))
        })
        .map(|(name, _)| name)
        .collect();
    match having[..] {
        [only] => Some(only.clone()),
        [] if context.scope.inventory.incomplete => None,
        [] => {
            let known: Vec<&str> = gateways
                .iter()
                .filter(|(name, _)| file.gateway.as_ref().is_none_or(|given| given == *name))
                .flat_map(|(_, gateway)| gateway.listeners.iter().map(|l| l.name.as_str()))
                .collect();
            problems.push(unknown(at.get("port"), "listener", listener, &known));
            None
        }
        _ => {
            let names: Vec<String> = having.iter().map(ToString::to_string).collect();
            problems.push(
                Problem::at(
                    &at.get("port"),
                    format!("several Gateways have a listener `{listener}`"),
                )
                .expected(format!("`gateway:` with one of {}", names.join(", "))),
            );
            None
        }
    }
}

/// Resolves a claim about the grid of nodes and ports.
pub(super) fn exposure(
    file: &ExposureCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Named {
    report_unknown_gateway(&file.gateway, at.get("gateway"), context.scope, problems);
    let topology = context.scope.topology;
    let place = at.get("expect");
    let (expect, word) = match &file.expect {
        ExposureForm::Reference => {
            (ExposureExpectation::Reference, "as the reference model".to_owned())
        }
        ExposureForm::Nothing => (ExposureExpectation::Nothing, "nothing accepts".to_owned()),
        ExposureForm::NodePorts(form) => {
            let nodes = nodes::selector(form, place.get("nodePorts"), topology, problems);
            let word = format!("node ports on {nodes}");
            (ExposureExpectation::NodePorts(nodes), word)
        }
        ExposureForm::ListenerPorts(form) => {
            let nodes = nodes::selector(form, place.get("listenerPorts"), topology, problems);
            let word = format!("listener ports on {nodes}");
            (ExposureExpectation::ListenerPorts(nodes), word)
        }
    };
    let name = format!("exposure of {}: {word}", file.gateway);
    (name, Claim::Exposure(ExposureClaim { gateway: file.gateway.clone(), expect }))
}
