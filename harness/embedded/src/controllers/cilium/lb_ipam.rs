//! LB-IPAM: writes the addresses that the model assigns into the status of Services, and what is
//! left into that of pools.

use std::collections::BTreeSet;

use gateproof_model::lb_ipam::{
    Before, CONFLICT, IpamAssignment, PoolReport, assign, pool_reports,
};
use gateproof_model::{Input, Resources, Unmodelled};
use serde_json::{Value, json};

use super::Stack;
use crate::controllers::kind::{CILIUM_LOAD_BALANCER_IP_POOL, SERVICE};
use crate::controllers::object::{condition, identity, items, name, namespace, skeleton};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// The condition that says whether a Service got what it asked for (Cilium 1.20
/// `operator/pkg/lbipam`).
const CONDITION: &str = "cilium.io/IPAMRequestSatisfied";

/// Assigns addresses, and releases those of Services that are no load balancers any more. Also
/// returns what is asked for and not modelled.
pub(crate) fn desired(
    snapshot: &Snapshot,
    stack: &Stack,
    resources: &Resources,
    now: &str,
) -> (Vec<Write>, Vec<Unmodelled>) {
    let input = Input::new(&stack.version, &stack.config, resources);
    let assignments = assign(&input);
    let assigned: BTreeSet<(String, String)> = assignments
        .iter()
        .map(|one| (one.service.namespace.clone(), one.service.name.clone()))
        .collect();
    let mut writes: Vec<Write> =
        assignments.iter().map(|assignment| written(snapshot, assignment, now)).collect();
    for service in snapshot.list(SERVICE) {
        let key = (namespace(service).unwrap_or_default().to_owned(), name(service).to_owned());
        let holds = condition(service, CONDITION).is_some()
            || !items(service, "/status/loadBalancer/ingress").is_empty();
        if holds && !assigned.contains(&key) {
            let mut released = identity(service);
            released["status"] = json!({"loadBalancer": {}});
            writes.push(Write::ApplyStatus(FieldManager::CiliumLbIpam, released));
        }
    }
    let reports = pool_reports(&input, &assignments);
    writes.extend(reports.iter().filter_map(|report| reported(snapshot, report, now)));
    (writes, assignments.into_iter().filter_map(|one| one.unmodelled).collect())
}

/// The status of a pool.
fn reported(snapshot: &Snapshot, report: &PoolReport, now: &str) -> Option<Write> {
    let pool = snapshot.get(CILIUM_LOAD_BALANCER_IP_POOL, None, &report.pool)?;
    let before = match condition(pool, CONFLICT) {
        Some(_) => Before::Conflicted,
        None => Before::NeverConflicted,
    };
    let mut object = identity(pool);
    let mut conditions = report.conditions(before);
    for condition in &mut conditions {
        condition["observedGeneration"] = pool["metadata"]["generation"].clone();
    }
    object["status"] = json!({ "conditions": conditions });
    stamp(&mut object["status"], pool.get("status"), now);
    Some(Write::ApplyStatus(FieldManager::CiliumLbIpam, object))
}

fn written(snapshot: &Snapshot, assignment: &IpamAssignment, now: &str) -> Write {
    let service = &assignment.service;
    let mut object = skeleton(SERVICE, Some(&service.namespace), &service.name);
    let ingress: Vec<Value> = assignment
        .addresses
        .iter()
        .map(|address| json!({"ip": address.to_string(), "ipMode": "VIP"}))
        .collect();
    object["status"] = json!({"conditions": [assignment.request.condition()]});
    object["status"]["loadBalancer"] =
        if ingress.is_empty() { json!({}) } else { json!({"ingress": ingress}) };
    let live = snapshot.live(&object).and_then(|live| live.get("status"));
    stamp(&mut object["status"], live, now);
    Write::ApplyStatus(FieldManager::CiliumLbIpam, object)
}
