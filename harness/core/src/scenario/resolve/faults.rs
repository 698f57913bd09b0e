//! Faults: what is wrong with the embedded cluster on purpose.

use super::super::file::fault::FaultFile;
use super::nodes;
use crate::scenario::Fault;
use crate::source::problem::Problem;
use crate::source::tree::Place;
use crate::topology::Topology;

/// Resolves the faults of a scenario, or of a variant, whose place is given.
pub(super) fn resolve(
    written: &[FaultFile],
    place: Place<'_>,
    topology: Option<&Topology>,
    problems: &mut Vec<Problem>,
) -> Vec<Fault> {
    let faults = place.get("faults");
    written
        .iter()
        .enumerate()
        .flat_map(|(index, fault)| one(fault, faults.item(index), topology, problems))
        .collect()
}

fn one(
    fault: &FaultFile,
    at: Place<'_>,
    topology: Option<&Topology>,
    problems: &mut Vec<Problem>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(stale) = &fault.agents_not_restarted {
        let place = at.at(&["agentsNotRestarted", "nodes"]);
        let nodes = nodes::selector(&stale.nodes, place, topology, problems);
        faults.push(Fault::AgentsNotRestarted { nodes });
    }
    if let Some(down) = &fault.envoy_down {
        let place = at.at(&["envoyDown", "nodes"]);
        let nodes = nodes::selector(&down.nodes, place, topology, problems);
        faults.push(Fault::EnvoyDown { nodes });
    }
    if let Some(absent) = &fault.definitions_absent {
        let kinds = absent.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        faults.push(Fault::DefinitionsAbsent { kinds });
    }
    let switches = [
        (fault.operator_not_restarted.is_some(), Fault::OperatorNotRestarted),
        (fault.secrets_not_copied.is_some(), Fault::SecretsNotCopied),
        (fault.cert_manager_without_gateway_api.is_some(), Fault::CertManagerWithoutGatewayApi),
        (fault.port_change_rejected.is_some(), Fault::PortChangeRejected),
        (fault.ingress_denied.is_some(), Fault::IngressDenied),
    ];
    faults.extend(switches.into_iter().filter_map(|(on, fault)| on.then_some(fault)));
    faults
}
