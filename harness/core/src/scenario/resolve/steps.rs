//! Steps: from `manifests` and `checks`, or from `steps`, as one ordered list with unique names.

use std::collections::BTreeSet;

use super::super::file::{ObjectRefFile, ScenarioFile, StepFile};
use super::check::{self, Draft};
use super::{Applied, Scope, Steps, unknown};
use crate::name::NamespacedName;
use crate::scenario::inventory::{GATEWAY_API, Inventory, described};
use crate::scenario::{Action, Check, ObjectRef, Step};
use crate::source::problem::Problem;
use crate::source::tree::Place;

/// The name of the step that applies `manifests`.
const APPLY_MANIFESTS: &str = "apply manifests";

/// Makes the list of steps.
pub(super) fn resolve(
    file: &ScenarioFile,
    spec: Place<'_>,
    applied: &Applied<'_>,
    scope: &Scope<'_>,
    problems: &mut Vec<Problem>,
) -> Steps {
    let mut steps = Steps::new();
    let mut names = Names::default();
    let in_order = !file.spec.steps.is_empty();
    if in_order {
        report_both_forms(file, spec, problems);
        for (index, (step, objects)) in file.spec.steps.iter().zip(&applied.steps).enumerate() {
            let at = spec.get("steps").item(index);
            names.claim(&step.name, at.get("name"), "step", problems);
            let apply = || Action::Apply(objects.iter().map(super::Object::manifest).collect());
            if let Some(action) = action(step, apply, at, scope, problems) {
                steps.push(Step { name: step.name.clone(), action });
            }
        }
    } else {
        if !applied.manifests.is_empty() {
            let manifests = applied.manifests.iter().map(super::Object::manifest).collect();
            steps.push(Step { name: APPLY_MANIFESTS.to_owned(), action: Action::Apply(manifests) });
        }
        for (index, check) in file.spec.checks.iter().enumerate() {
            let at = spec.get("checks").item(index);
            let Some(draft) = check::resolve(check, at, scope, problems) else { continue };
            let check = names.finish(draft, at, problems);
            steps.push(Step { name: check.name.clone(), action: Action::Check(check) });
        }
    }
    steps
}

fn report_both_forms(file: &ScenarioFile, spec: Place<'_>, problems: &mut Vec<Problem>) {
    for (key, used) in
        [("manifests", !file.spec.manifests.is_empty()), ("checks", !file.spec.checks.is_empty())]
    {
        if used {
            problems.push(
                Problem::at(&spec.key(key), format!("`{key}` and `steps` exclude each other"))
                    .note("with `steps`, write `apply:` and `check:` in the order they happen"),
            );
        }
    }
}

/// Looks at what was written, not at what could be resolved: a check with a mistake is a check.
pub(super) fn report_no_claim(file: &ScenarioFile, spec: Place<'_>, problems: &mut Vec<Problem>) {
    let claims = !file.spec.checks.is_empty() || file.spec.steps.iter().any(|s| s.check.is_some());
    if !claims {
        problems.push(
            Problem::at(&spec, "this scenario claims nothing")
                .expected("`checks:`, or `steps:` with a `check:`")
                .note("without a check it would always pass"),
        );
    }
}

fn action(
    step: &StepFile,
    apply: impl FnOnce() -> Action,
    at: Place<'_>,
    scope: &Scope<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Action> {
    if step.apply.is_some() {
        return Some(apply());
    }
    if let Some(patch) = &step.patch {
        let place = at.at(&["patch", "object"]);
        report_unknown_object(&patch.object, place, scope, problems);
        let object = object_ref(&patch.object);
        return Some(Action::Patch { object, patch: patch.patch.clone().into() });
    }
    if let Some(delete) = &step.delete {
        report_unknown_object(delete, at.get("delete"), scope, problems);
        return Some(Action::Delete(object_ref(delete)));
    }
    let check = step.check.as_deref()?;
    let draft = check::resolve(check, at.get("check"), scope, problems)?;
    let name = draft.given.clone().unwrap_or_else(|| step.name.clone());
    Some(Action::Check(draft.named(name)))
}

/// Objects of other groups may be made by controllers; those of the Gateway API are not.
fn report_unknown_object(
    object: &ObjectRefFile,
    place: Place<'_>,
    scope: &Scope<'_>,
    problems: &mut Vec<Problem>,
) {
    if !object.api_version.starts_with(&format!("{GATEWAY_API}/")) {
        return;
    }
    let wanted = described(&object.kind, &full_name(object));
    let known = &scope.inventory.gateway_api_objects;
    if !known.contains(&wanted) && !scope.inventory.incomplete {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        problems.push(unknown(place.get("name"), "object", &wanted, &known));
    }
}

fn full_name(object: &ObjectRefFile) -> NamespacedName {
    let namespace = object.namespace.as_ref().map_or("default", |namespace| namespace.0.as_str());
    NamespacedName::new(namespace, &object.name)
}

fn object_ref(object: &ObjectRefFile) -> ObjectRef {
    ObjectRef {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        namespace: object.namespace.as_ref().map(|namespace| namespace.0.clone()),
        name: object.name.clone(),
    }
}

/// Notes which Gateways steps change, so that nothing is said about their listeners.
pub(super) fn add_changes(file: &ScenarioFile, inventory: &mut Inventory<'_>) {
    for step in &file.spec.steps {
        if let Some(patch) = &step.patch
            && patch.object.kind == "Gateway"
        {
            inventory.changed.insert(full_name(&patch.object));
        }
    }
}

/// Names of steps and checks that were given out.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    fn claim(&mut self, name: &str, at: Place<'_>, kind: &str, problems: &mut Vec<Problem>) {
        if !self.taken.insert(name.to_owned()) {
            problems.push(
                Problem::at(&at, format!("the {kind} `{name}` is there twice"))
                    .expected("a name that is unique in the scenario"),
            );
        }
    }

    /// Names a check: as given, or after its claim with a number where that is taken.
    fn finish(&mut self, draft: Draft, at: Place<'_>, problems: &mut Vec<Problem>) -> Check {
        if let Some(given) = draft.given.clone() {
            self.claim(&given, at.get("name"), "check", problems);
            return draft.named(given);
        }
        let mut name = draft.made.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{} ({number})", draft.made);
            number += 1;
        }
        draft.named(name)
    }
}
