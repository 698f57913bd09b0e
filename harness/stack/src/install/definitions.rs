//! The Gateway API's definitions, by server-side apply, each its own step.
//!
//! Nothing is forced. Fields that somebody else owns stay theirs, and the policy that guards
//! upgrades since 1.5 decides as it decides for everybody; both refusals are explained.

use gateproof_kubernetes::{Cause, RequestError};
use serde_json::Value;

use super::{Installed, MANAGER, Work};
use crate::bundle::{Bundle, release};
use crate::error::StackError;
use crate::step::Step;

/// The policy that guards upgrades (kubernetes-sigs/gateway-api
/// `config/crd/standard/gateway.networking.k8s.io_vap_safeupgrades.yaml`, since 1.5).
const POLICY: &str = "safe-upgrades.gateway.networking.k8s.io";

/// Applies the definitions of a release and waits until they are served. Warns when there are some
/// of another release too.
pub(crate) async fn install(
    work: &Work<'_>,
    bundle: &Bundle,
    installed: &mut Installed,
) -> Result<(), StackError> {
    let Work { target, settings, surroundings, .. } = *work;
    let client = &target.client;
    let mut applied = Vec::new();
    for definition in &bundle.definitions {
        let name = name(definition).to_owned();
        let step = Step::begin(surroundings, format!("apply {name}"));
        let apply = async {
            let answer = client.apply_without_force(definition, MANAGER).await;
            answer.map_err(|error| explained(error, bundle))
        };
        applied.push(step.run(apply).await?);
    }
    for object in &bundle.others {
        let name = format!("apply {} {}", text(object, "/kind"), name(object));
        let step = Step::begin(surroundings, name);
        step.run(async {
            let answer = client.apply_without_force(object, MANAGER).await;
            answer.map_err(|error| explained(error, bundle))
        })
        .await?;
    }
    let step = Step::begin(surroundings, "wait for the Gateway API");
    step.run(async {
        for definition in &applied {
            let reference = gateproof_kubernetes::object::reference(definition)
                .expect("an applied object has a name");
            let what = || format!("CustomResourceDefinition {}", reference.name);
            let tell = |missing: &str| step.awaiting(&format!("{}: {missing}", reference.name));
            client
                .until_definition_is_served(&reference, settings.step_within, tell)
                .await
                .map_err(|cause| StackError::Wait { what: what(), cause })?;
        }
        installed.warn(&step, mixture(work).await?);
        Ok(())
    })
    .await
}

/// Says so when definitions of several releases are installed: an earlier one left kinds behind
/// that this one does not have.
async fn mixture(work: &Work<'_>) -> Result<Option<String>, StackError> {
    let (version, kind) = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    let all = work.target.client.list(version, kind, None).await?;
    let mut found: Vec<String> = all
        .iter()
        .filter(|one| text(one, "/spec/group") == "gateway.networking.k8s.io")
        .filter_map(release)
        .map(|release| release.to_string())
        .collect();
    found.sort();
    found.dedup();
    Ok((found.len() > 1).then(|| {
        let found = found.join(", ");
        format!("the cluster has definitions of several releases of the Gateway API: {found}")
    }))
}

/// A refusal with what it means and what to do, where that is known.
fn explained(error: RequestError, bundle: &Bundle) -> StackError {
    let Cause::Rejected(rejection) = &error.cause else { return error.into() };
    let wanted = bundle.release.as_ref().map_or_else(String::new, |release| format!(" {release}"));
    let advice = if rejection.message.contains(POLICY) {
        format!(
            "the cluster guards its Gateway API against this change (ValidatingAdmissionPolicy \
             {POLICY}), so{wanted} was not installed over what is there; take a new cluster, or \
             remove the guard if nobody needs it: kubectl delete \
             validatingadmissionpolicybinding,validatingadmissionpolicy {POLICY}"
        )
    } else if rejection.reason == "Conflict" {
        format!(
            "somebody else installed other definitions and owns them, so{wanted} was not \
             installed over them; take a new cluster, or install this release the way the present \
             one was installed"
        )
    } else if rejection.message.contains("storedVersions") {
        "objects may still be stored in a version that this release no longer has; take a new \
         cluster, or migrate the stored objects first"
            .to_owned()
    } else {
        return error.into();
    };
    StackError::Refused(format!("{error}; {advice}"))
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use gateproof_kubernetes::{Cause, Operation, Rejection, RequestError};

    use super::{Bundle, explained};

    fn words(reason: &str, message: &str) -> String {
        let error = RequestError {
            operation: Operation::Apply,
            target: "CustomResourceDefinition gateways.gateway.networking.k8s.io".to_owned(),
            origin: None,
            cause: Cause::Rejected(Rejection {
                code: 409,
                reason: reason.to_owned(),
                message: message.to_owned(),
                problems: Vec::new(),
            }),
        };
        let bundle = Bundle {
            origin: "x".to_owned(),
            release: None,
            definitions: Vec::new(),
            others: Vec::new(),
        };
        explained(error, &bundle).in_words()
    }

    #[test]
    fn refusals_that_are_known_are_explained_and_others_are_told_as_they_are() {
        let guard = "ValidatingAdmissionPolicy 'safe-upgrades.gateway.networking.k8s.io' with \
                     binding denied request: Installing experimental CRDs on top of standard";
        assert!(words("Invalid", guard).contains("kubectl delete"));
        assert!(words("Conflict", "conflict with \"helm\"").contains("owns them"));
        let stored = "status.storedVersions[0]: Invalid value: \"v1alpha2\"";
        assert!(words("Invalid", stored).contains("migrate"));
        let other = words("Forbidden", "you may not");
        assert!(other.ends_with("you may not (Forbidden, HTTP 409)"), "{other}");
    }
}
