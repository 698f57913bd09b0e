//! Faults: what is wrong with the embedded cluster on purpose.

use super::super::file::fault::{FaultFile, FaultNodes, FaultPods, TroubleForm};
use super::super::file::form::NodesForm;
use super::nodes;
use crate::cluster::NodeSelector;
use crate::name::NamespacedName;
use crate::scenario::{Fault, PodTrouble};
use crate::source::problem::Problem;
use crate::source::tree::Place;
use crate::topology::Topology;

/// What faults are checked against.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The cluster's nodes, when they are known.
    pub(super) topology: Option<&'a Topology>,
    /// The backends of the scenario.
    pub(super) backends: &'a [NamespacedName],
}

/// Resolves the faults of a scenario, or of a variant, whose place is given.
pub(super) fn resolve(
    written: &[FaultFile],
    place: Place<'_>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Fault> {
    let faults = place.get("faults");
    written
        .iter()
        .enumerate()
        .flat_map(|(index, fault)| one(fault, faults.item(index), around, problems))
        .collect()
}

fn one(
    fault: &FaultFile,
    at: Place<'_>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut choose = |form: &NodesForm, key: &str| {
        nodes::selector(form, at.at(&[key, "nodes"]), around.topology, problems)
    };
    for (written, key, make) in by_nodes(fault) {
        if let Some(FaultNodes { nodes }) = written {
            faults.push(make(choose(nodes, key)));
        }
    }
    if let Some(FaultPods { nodes, why }) = &fault.agent_down {
        faults.push(Fault::AgentDown { nodes: choose(nodes, "agentDown"), why: trouble(*why) });
    }
    if let Some(FaultPods { nodes, why }) = &fault.envoy_down {
        faults.push(Fault::EnvoyDown { nodes: choose(nodes, "envoyDown"), why: trouble(*why) });
    }
    if let Some(down) = &fault.backend_down {
        if !around.backends.contains(&down.name) {
            let there: Vec<String> =
                around.backends.iter().map(|name| format!("`{name}`")).collect();
            problems.push(
                Problem::at(&at.at(&["backendDown", "name"]), "this is no backend of the scenario")
                    .found(format!("`{}`", down.name))
                    .expected(match there.as_slice() {
                        [] => "a backend under `backends`".to_owned(),
                        there => there.join(" or "),
                    }),
            );
        }
        let backend = down.name.clone();
        faults.push(Fault::BackendDown { backend, why: trouble(down.why) });
    }
    if let Some(absent) = &fault.definitions_absent {
        let kinds = absent.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        faults.push(Fault::DefinitionsAbsent { kinds });
    }
    let switches = [
        (fault.operator_not_restarted.is_some(), Fault::OperatorNotRestarted),
        (fault.operator_fails_on_routes.is_some(), Fault::OperatorFailsOnRoutes),
        (fault.secrets_not_copied.is_some(), Fault::SecretsNotCopied),
        (fault.cert_manager_without_gateway_api.is_some(), Fault::CertManagerWithoutGatewayApi),
        (fault.port_change_rejected.is_some(), Fault::PortChangeRejected),
        (fault.ingress_denied.is_some(), Fault::IngressDenied),
        (fault.leases_forbidden.is_some(), Fault::LeasesForbidden),
    ];
    faults.extend(switches.into_iter().filter_map(|(on, fault)| on.then_some(fault)));
    faults
}

/// A fault that strikes nodes: as written, its key, and what it becomes.
type ByNodes<'f> = (Option<&'f FaultNodes>, &'static str, fn(NodeSelector) -> Fault);

fn by_nodes(fault: &FaultFile) -> [ByNodes<'_>; 6] {
    [
        (fault.agents_not_restarted.as_ref(), "agentsNotRestarted", |nodes| {
            Fault::AgentsNotRestarted { nodes }
        }),
        (fault.node_down.as_ref(), "nodeDown", |nodes| Fault::NodeDown { nodes }),
        (fault.ports_filtered.as_ref(), "portsFiltered", |nodes| Fault::PortsFiltered { nodes }),
        (fault.envoy_configs_ignored.as_ref(), "envoyConfigsIgnored", |nodes| {
            Fault::EnvoyConfigsIgnored { nodes }
        }),
        (fault.routes_not_taken.as_ref(), "routesNotTaken", |nodes| Fault::RoutesNotTaken {
            nodes,
        }),
        (fault.endpoints_not_taken.as_ref(), "endpointsNotTaken", |nodes| {
            Fault::EndpointsNotTaken { nodes }
        }),
    ]
}

fn trouble(form: TroubleForm) -> PodTrouble {
    match form {
        TroubleForm::Crashes => PodTrouble::Crashes,
        TroubleForm::OutOfMemory => PodTrouble::OutOfMemory,
        TroubleForm::ImageNotPulled => PodTrouble::ImageNotPulled,
    }
}
