//! Cilium's operator: runs the reference model and writes what it wants.
//!
//! Objects that the operator made stay when a reconcile ends early, and with them what the agents
//! make of them (inferred from Cilium 1.20 `operator/pkg/gateway-api/gateway_reconcile.go`, where
//! an early return comes before any deletion).

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::NamespacedName;
use gateproof_kubernetes::Component;
use gateproof_model::predict::endpoints;
use gateproof_model::translation::envoy::EnvoyConfig;
use gateproof_model::{
    GivenUp, Input, Outcome, Resources, StatusUpdate, SyncedSecret, Unmodelled, reconcile,
};
use serde_json::{Value, json};

use super::Stack;
use crate::controllers::component_log::LogLine;
use crate::controllers::component_log::component_pods::runs;
use crate::controllers::kind::{
    CILIUM_ENVOY_CONFIG, ENDPOINT_SLICE, ENDPOINTS, GATEWAY, KindName, POD, SERVICE,
};
use crate::controllers::kubernetes::container_image::SystemComponent;
use crate::controllers::object::{identity, is_controlled_by, items, name, namespace, text};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// The controller name of Cilium's GatewayClasses.
const CONTROLLER: &str = "io.cilium/gateway-controller";

/// What the operator makes for a Gateway.
const MADE_KINDS: [KindName; 4] = [SERVICE, ENDPOINTS, ENDPOINT_SLICE, CILIUM_ENVOY_CONFIG];

/// The operator between two reconciles.
#[derive(Debug, Default)]
pub(crate) struct Operator {
    /// The newest translation of each CiliumEnvoyConfig, by the config's name.
    configs: BTreeMap<NamespacedName, EnvoyConfig>,
    /// Gateways for which everything was made, while it fails over routes.
    made: BTreeSet<NamespacedName>,
}

/// What one reconcile of everything amounts to.
#[derive(Debug, Default)]
pub(crate) struct Reconciled {
    /// Wanted changes.
    pub(crate) writes: Vec<Write>,
    /// What the operator would log.
    pub(crate) log: Vec<LogLine>,
    /// What the model does not cover.
    pub(crate) unmodelled: Vec<Unmodelled>,
    /// Secrets to copy.
    pub(crate) synced_secrets: Vec<SyncedSecret>,
}

impl Operator {
    /// Runs the model on the snapshot.
    pub(crate) fn reconcile(
        &mut self,
        snapshot: &Snapshot,
        stack: &Stack,
        resources: &Resources,
        now: &str,
    ) -> Reconciled {
        let mut reconciled = Reconciled::default();
        if !stack.serves_gateways() {
            reconciled.log.extend(why_off(stack));
            return reconciled;
        }
        let input = Input::new(&stack.version, &stack.config, resources);
        let mut outcome = reconcile(&input);
        if stack.faults.operator_fails_on_routes {
            outcome = self.failing_on_routes(snapshot, stack, outcome);
            reconciled.log.extend(failures(snapshot));
        } else {
            self.made.clear();
        }
        for object in &outcome.objects {
            reconciled
                .writes
                .push(Write::Apply(FieldManager::CiliumOperator, complete(snapshot, object)));
        }
        reconciled.writes.extend(deletions(snapshot, &outcome));
        reconciled
            .writes
            .extend(outcome.given_up.iter().flat_map(|given_up| removals(snapshot, given_up)));
        let statuses = outcome.statuses.into_iter().map(|update| status(snapshot, update, now));
        reconciled.writes.extend(statuses);
        reconciled.unmodelled = outcome.unmodelled;
        reconciled.synced_secrets = outcome.synced_secrets;
        self.configs.extend(outcome.envoy.into_iter().map(|config| (config.name.clone(), config)));
        reconciled
    }

    /// What comes of it when every reconcile ends after the routes' statuses, before anything is
    /// translated (Cilium 1.20 `operator/pkg/gateway-api/gateway_reconcile.go`, where they come in
    /// this order): routes are as they should be, everything else as before there were any, and
    /// what somebody deletes is not made again.
    fn failing_on_routes(
        &mut self,
        snapshot: &Snapshot,
        stack: &Stack,
        mut outcome: Outcome,
    ) -> Outcome {
        let is_route = |object: &&Value| is_route_kind(text(object, "/kind").unwrap_or_default());
        let (resources, _) =
            Resources::from_objects(snapshot.objects().filter(|object| !is_route(object)));
        let before = reconcile(&Input::new(&stack.version, &stack.config, &resources));
        let owner = |object: &Value| {
            let owner = items(object, "/metadata/ownerReferences").first()?;
            let scope = namespace(object).unwrap_or_default();
            Some(NamespacedName::new(scope, name_of_reference(owner)))
        };
        let is_config = |object: &&Value| text(object, "/kind") == Some(CILIUM_ENVOY_CONFIG.kind);
        let live = before.objects.iter().filter(|object| snapshot.live(object).is_some());
        self.made.extend(live.filter(is_config).filter_map(owner));
        let mut objects = before.objects;
        objects.retain(|object| {
            snapshot.live(object).is_some()
                || owner(object).is_none_or(|owner| !self.made.contains(&owner))
        });
        outcome.statuses.retain(|update| is_route_kind(&update.kind));
        outcome.statuses.extend(before.statuses);
        Outcome { objects, envoy: before.envoy, statuses: outcome.statuses, ..outcome }
    }

    /// The translations of the CiliumEnvoyConfigs that exist, also of those that were made by an
    /// earlier reconcile; and those that exist and were not made here.
    pub(crate) fn configs(&mut self, snapshot: &Snapshot) -> (Vec<EnvoyConfig>, Vec<Unmodelled>) {
        let mut existing = BTreeSet::new();
        let mut unmodelled = Vec::new();
        for object in snapshot.list(CILIUM_ENVOY_CONFIG) {
            let full = NamespacedName::new(namespace(object).unwrap_or_default(), name(object));
            if !self.configs.contains_key(&full) {
                unmodelled.push(Unmodelled {
                    object: format!("CiliumEnvoyConfig {full}"),
                    what: "Envoy resources that no Gateway was translated to".to_owned(),
                });
            }
            existing.insert(full);
        }
        self.configs.retain(|name, _| existing.contains(name));
        (self.configs.values().cloned().collect(), unmodelled)
    }
}

fn is_route_kind(kind: &str) -> bool {
    kind.ends_with("Route")
}

/// What is logged of reconciles that panic: controller-runtime catches that and tries again
/// (kubernetes-sigs/controller-runtime 0.19 and later, `pkg/internal/controller/controller.go`).
fn failures(snapshot: &Snapshot) -> impl Iterator<Item = LogLine> {
    snapshot.list(GATEWAY).map(|gateway| LogLine {
        component: Component::CiliumOperator,
        text: format!(
            "level=error msg=\"Reconciler error\" controller=gateway \
             controllerGroup=gateway.networking.k8s.io controllerKind=Gateway namespace={} name={} \
             error=\"panic: runtime error: invalid memory address or nil pointer dereference \
             [recovered]\"",
            namespace(gateway).unwrap_or_default(),
            name(gateway)
        ),
    })
}

/// What the operator says at its start of Gateway API support that stays off.
fn why_off(stack: &Stack) -> Option<LogLine> {
    if !stack.config.gateway_api || stack.faults.stale_operator.is_some() {
        return None;
    }
    if !stack.config.kube_proxy_replacement {
        return Some(warning("Gateway API support requires kube-proxy-replacement enabled"));
    }
    let missing: Vec<String> = stack
        .undefined()
        .map(|kind| {
            let plural = definition_name(kind);
            format!("customresourcedefinitions.apiextensions.k8s.io \\\"{plural}\\\" not found")
        })
        .collect();
    (!missing.is_empty()).then(|| LogLine {
        component: Component::CiliumOperator,
        text: format!(
            "level=error msg=\"Required GatewayAPI resources are not found, please refer to docs for \
             installation instructions\" module=operator.operator-controlplane.leader-lifecycle.\
             gateway-api error=\"{}\"",
            missing.join("\\n")
        ),
    })
}

/// The name of the definition of a kind of the Gateway API.
pub(crate) fn definition_name(kind: &str) -> String {
    let plural = if kind.ends_with('y') {
        format!("{}ies", kind.trim_end_matches('y').to_lowercase())
    } else {
        format!("{}s", kind.to_lowercase())
    };
    format!("{plural}.gateway.networking.k8s.io")
}

/// The operator's pod.
pub(crate) fn pod(snapshot: &Snapshot) -> Option<&Value> {
    snapshot.list(POD).find(|pod| runs(pod, SystemComponent::CiliumOperator))
}

fn warning(message: &str) -> LogLine {
    LogLine {
        component: Component::CiliumOperator,
        text: format!("level=warn msg=\"{message}\" subsys=gateway-controller"),
    }
}

/// An object of the model with what only the cluster knows: its owners' uids, and the endpoints that
/// a controller of the operator's own copies.
fn complete(snapshot: &Snapshot, object: &Value) -> Value {
    let object = owned(snapshot, object);
    if endpoints::is_filled_in(&object) {
        let services = snapshot.list(SERVICE);
        return endpoints::filled_in(&object, services.chain(snapshot.list(ENDPOINT_SLICE)));
    }
    object
}

/// An object of the model with the uids of its owners, which only the API server knows.
fn owned(snapshot: &Snapshot, object: &Value) -> Value {
    let mut object = object.clone();
    let scope = namespace(&object).map(str::to_owned);
    let owners = object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten() {
        let group = text(owner, "/apiVersion")
            .and_then(|version| version.split_once('/'))
            .map_or("", |(g, _)| g);
        let kind = text(owner, "/kind").unwrap_or_default();
        let found = snapshot.find(group, kind, scope.as_deref(), name_of_reference(owner));
        if let Some(uid) = found.and_then(|found| text(found, "/metadata/uid")) {
            owner["uid"] = uid.into();
        }
    }
    object
}

fn name_of_reference(owner: &Value) -> &str {
    text(owner, "/name").unwrap_or_default()
}

/// Objects that the operator made for a Gateway and does not want any more. A Gateway for which
/// the model wants nothing at all keeps everything: its reconcile ended early, or the model does
/// not cover it.
fn deletions(snapshot: &Snapshot, outcome: &Outcome) -> Vec<Write> {
    let wanted: BTreeSet<(&str, Option<&str>, &str)> = outcome
        .objects
        .iter()
        .map(|object| (text(object, "/kind").unwrap_or_default(), namespace(object), name(object)))
        .collect();
    let served: BTreeSet<(Option<&str>, &str)> = outcome
        .objects
        .iter()
        .flat_map(|object| {
            items(object, "/metadata/ownerReferences")
                .iter()
                .map(|owner| (namespace(object), name_of_reference(owner)))
        })
        .collect();
    let mut writes = Vec::new();
    for gateway in snapshot.list(GATEWAY) {
        if !served.contains(&(namespace(gateway), name(gateway))) {
            continue;
        }
        for kind in MADE_KINDS {
            let unwanted = snapshot
                .list_in(kind, namespace(gateway).unwrap_or_default())
                .filter(|object| is_controlled_by(object, gateway))
                .filter(|object| !wanted.contains(&(kind.kind, namespace(object), name(object))));
            writes.extend(unwanted.map(|object| Write::Delete(identity(object))));
        }
    }
    writes
}

/// What was made for a Gateway that is not Cilium's any more, and goes.
fn removals<'a>(
    snapshot: &'a Snapshot,
    given_up: &'a GivenUp,
) -> impl Iterator<Item = Write> + use<'a> {
    let scope = given_up.gateway.namespace.as_str();
    let gateway =
        snapshot.list_in(GATEWAY, scope).find(|found| name(found) == given_up.gateway.name);
    let made = move |kind: KindName, object: &Value| match kind {
        ENDPOINT_SLICE => {
            let label = "/metadata/labels/kubernetes.io~1service-name";
            text(object, label) == Some(given_up.objects.name.as_str())
        }
        _ => name(object) == given_up.objects.name,
    };
    let kinds = [SERVICE, ENDPOINT_SLICE, CILIUM_ENVOY_CONFIG];
    gateway.into_iter().flat_map(move |gateway| {
        kinds.into_iter().flat_map(move |kind| {
            snapshot
                .list_in(kind, scope)
                .filter(move |object| made(kind, object) && is_controlled_by(object, gateway))
                .map(|object| Write::Delete(identity(object)))
        })
    })
}

/// The write of a status, with the times of its conditions and with what other controllers said
/// about a route.
fn status(snapshot: &Snapshot, update: StatusUpdate, now: &str) -> Write {
    let mut object = json!({
        "apiVersion": update.api_version,
        "kind": update.kind,
        "metadata": {"name": update.name},
        "status": update.status,
    });
    if let Some(namespace) = update.namespace {
        object["metadata"]["namespace"] = namespace.into();
    }
    let live = snapshot.live(&object).and_then(|live| live.get("status"));
    stamp(&mut object["status"], live, now);
    if let Some(parents) = object.pointer_mut("/status/parents").and_then(Value::as_array_mut) {
        let foreign = live
            .map(|live| items(live, "/parents"))
            .unwrap_or_default()
            .iter()
            .filter(|parent| text(parent, "/controllerName") != Some(CONTROLLER))
            .filter(|parent| !parents.contains(parent))
            .cloned()
            .collect::<Vec<_>>();
        parents.extend(foreign);
    }
    Write::ApplyStatus(FieldManager::CiliumOperator, object)
}

#[cfg(test)]
mod tests;
