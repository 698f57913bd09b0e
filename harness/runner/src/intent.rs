//! What a trial is about to make on its cluster: told, asked for and labelled before it is made.

use std::sync::Arc;

use gateproof_core::plan::{Plan, TrialPlan};
use gateproof_core::scenario::issuer::{Issuer, Solver};
use gateproof_core::scenario::{Action, Manifest, Scenario};
use gateproof_kubernetes::apply::RUN_LABEL;
use serde_json::{Value, json};

use crate::prerequisite::{backend, issuer};

/// Every object that a trial makes: of its manifests, backends and issuer.
pub fn objects(trial: &TrialPlan, image: &str) -> Vec<Value> {
    let definition = &trial.definition;
    let manifests = definition.steps.iter().flat_map(|step| match &step.action {
        Action::Apply(manifests) => manifests.iter().map(|made| made.object.clone()).collect(),
        Action::Patch { .. } | Action::Delete(_) | Action::Check(_) => Vec::new(),
    });
    let backends = definition.backends.iter().flat_map(|it| backend::objects(it, image));
    let issuer = issuer::objects(&definition.issuer);
    manifests.chain(backends).chain(issuer).collect()
}

/// Whether a trial makes something in cert-manager's own namespace, which must be there.
pub fn shares_cert_managers_namespace(trial: &TrialPlan) -> Option<String> {
    let shared = match &trial.definition.issuer {
        Issuer::Ca => true,
        Issuer::Acme(acme) => matches!(acme.solver, Solver::Dns01(_)),
        Issuer::None | Issuer::SelfSigned => false,
    };
    shared.then(|| issuer::CERT_MANAGER_NAMESPACE.to_owned())
}

/// An object with the label of the run that makes it. Namespaces are left as they are: one that
/// was there before must not look like the run's own.
pub(crate) fn labelled(object: &Value, run: &str) -> Value {
    let mut object = object.clone();
    if object["kind"] == "Namespace" || !object["metadata"].is_object() {
        return object;
    }
    let labels = &mut object["metadata"]["labels"];
    if !labels.is_object() {
        *labels = json!({});
    }
    labels[RUN_LABEL] = run.into();
    object
}

/// The same plan, whose manifests carry the label of the run.
#[must_use]
pub fn labelled_plan(plan: Plan, run: &str) -> Plan {
    let mut plan = plan;
    for trial in plan.clusters.iter_mut().flat_map(|cluster| &mut cluster.trials) {
        let mut definition: Scenario = (*trial.definition).clone();
        for step in &mut definition.steps {
            if let Action::Apply(manifests) = &mut step.action {
                for Manifest { object, .. } in manifests {
                    *object = labelled(object, run);
                }
            }
        }
        trial.definition = Arc::new(definition);
    }
    plan
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::labelled;

    #[test]
    fn everything_but_namespaces_carries_the_run() {
        let route = json!({"kind": "HTTPRoute", "metadata": {"name": "a", "labels": {"x": "y"}}});
        let found = labelled(&route, "r1");
        assert_eq!(found["metadata"]["labels"], json!({"x": "y", "gateproof.dev/run": "r1"}));
        let namespace = json!({"kind": "Namespace", "metadata": {"name": "a"}});
        assert_eq!(labelled(&namespace, "r1"), namespace);
    }
}
