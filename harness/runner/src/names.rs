//! Makes names of a trial lead to a Service, for everybody who asks the cluster's DNS.
//!
//! CoreDNS is told by its ConfigMap, and restarted: it would read the file by itself only after a
//! while, and each of its pods after another, so that one would know the names and the next not.

use std::time::Duration;

use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::{Client, ReadError};
use serde_json::{Value, json};

use crate::cause::with_causes;
use crate::prerequisite::corefile::{with_names, without_names};
use crate::step::{self, Outcome, Progress, undecided};

/// How long CoreDNS may take to restart.
const RESTARTED_WITHIN: Duration = Duration::from_mins(2);

/// The annotation whose change restarts CoreDNS.
const MARK: &str = "gateproof.dev/names-of";

const EXPECTED: &str = "the cluster's DNS takes the names of the trial";

/// Makes the names lead to the Service, and waits until they do. `mark` is new for each trial.
pub(crate) async fn lead(
    client: &Client,
    names: &[String],
    service: &NamespacedName,
    mark: &str,
    progress: Progress<'_>,
) -> Outcome {
    let edited = with_names(&corefile(client).await?, names, service)
        .map_err(|error| vec![undecided(EXPECTED, &error.to_string())])?;
    write(client, &edited, &mark.into()).await?;
    if read(client, &deployment()).await?.is_none() {
        return Ok(());
    }
    step::await_object(client, &deployment(), RESTARTED_WITHIN, progress, restarting).await
}

/// Takes the names away again. CoreDNS restarts once more, which nobody waits for.
pub(crate) async fn forget(client: &Client) -> Outcome {
    let now = corefile(client).await?;
    let before = without_names(&now);
    if before == now { Ok(()) } else { write(client, &before, &Value::Null).await }
}

async fn write(client: &Client, corefile: &str, mark: &Value) -> Outcome {
    step::patch(client, &config_map(), &json!({"data": {"Corefile": corefile}})).await?;
    if read(client, &deployment()).await?.is_none() {
        return Ok(());
    }
    let template = json!({"metadata": {"annotations": {MARK: mark}}});
    step::patch(client, &deployment(), &json!({"spec": {"template": template}})).await
}

async fn corefile(client: &Client) -> Result<String, Vec<gateproof_core::verdict::Failure>> {
    let map = read(client, &config_map()).await?;
    let text = map.as_ref().and_then(|map| map["data"]["Corefile"].as_str());
    text.map(str::to_owned).ok_or_else(|| {
        let seen = "there is no ConfigMap kube-system/coredns with a Corefile; ACME needs CoreDNS";
        vec![undecided(EXPECTED, seen)]
    })
}

async fn read(
    client: &Client,
    object: &ObjectRef,
) -> Result<Option<Value>, Vec<gateproof_core::verdict::Failure>> {
    client
        .get(object)
        .await
        .map_err(|error: ReadError| vec![undecided(EXPECTED, &with_causes(&error))])
}

/// What of CoreDNS's restart is not done yet.
fn restarting(deployment: Option<&Value>) -> Option<String> {
    let deployment = deployment?;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let status = &deployment["status"];
    let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    if number(&status["observedGeneration"]) < number(&deployment["metadata"]["generation"]) {
        return Some("Deployment kube-system/coredns is not looked at yet".to_owned());
    }
    let (all, new) = (number(&status["replicas"]), number(&status["updatedReplicas"]));
    let ready = number(&status["availableReplicas"]);
    (new < wanted || ready < wanted || all > wanted).then(|| {
        format!("CoreDNS has restarted {new} of {wanted} pods, {ready} of {all} are available")
    })
}

fn config_map() -> ObjectRef {
    of("v1", "ConfigMap")
}

fn deployment() -> ObjectRef {
    of("apps/v1", "Deployment")
}

fn of(api_version: &str, kind: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("kube-system".to_owned()),
        name: "coredns".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::restarting;

    fn missing(status: &Value) -> Option<String> {
        let deployment =
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status});
        restarting(Some(&deployment))
    }

    #[test]
    fn every_old_pod_is_gone_before_the_names_are_there() {
        let done = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2,
            "availableReplicas": 2});
        assert_eq!(missing(&done), None);
        for (key, value) in [
            ("observedGeneration", 1),
            ("replicas", 3),
            ("updatedReplicas", 1),
            ("availableReplicas", 1),
        ] {
            let mut status = done.clone();
            status[key] = value.into();
            assert!(missing(&status).is_some(), "{key}");
        }
    }
}
