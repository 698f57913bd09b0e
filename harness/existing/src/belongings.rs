//! What a run makes on somebody's cluster, and its removal: by the run's label alone, so that
//! nothing is taken that was there before or that somebody else made.

use std::collections::BTreeSet;
use std::time::Duration;

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::apply::RUN_LABEL;
use gateproof_kubernetes::{Cause, Client, PageRequest, Poll, ReadError, wait};
use serde_json::{Value, json};

/// Who owns the fields that are written here.
const MANAGER: &str = "gateproof-run";

/// How long it is tried to make a namespace, when the API fails for a moment.
const MADE_WITHIN: Duration = Duration::from_secs(20);

/// Between two attempts.
const BETWEEN: Duration = Duration::from_millis(300);

/// How long a namespace may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(90);

/// Kinds that live outside of namespaces, or that a run makes in namespaces of others.
const OUTSIDE: [(&str, &str); 7] = [
    ("gateway.networking.k8s.io/v1", "GatewayClass"),
    ("cilium.io/v2", "CiliumLoadBalancerIPPool"),
    ("cilium.io/v2alpha1", "CiliumLoadBalancerIPPool"),
    ("cilium.io/v2alpha1", "CiliumL2AnnouncementPolicy"),
    ("cert-manager.io/v1", "ClusterIssuer"),
    ("cert-manager.io/v1", "Certificate"),
    ("v1", "Namespace"),
];

/// The namespaces that objects need, without those of others.
pub fn namespaces(objects: &[Value]) -> BTreeSet<String> {
    let of = |object: &Value| match object["kind"].as_str() {
        Some("Namespace") => object["metadata"]["name"].as_str().map(str::to_owned),
        _ => object["metadata"]["namespace"].as_str().map(str::to_owned),
    };
    objects.iter().filter_map(of).collect()
}

/// Of what a run would make, what is there already and not ours to touch.
///
/// # Errors
/// When the API does not answer, in words.
pub async fn taken(
    client: &Client,
    objects: &[Value],
    shared: &BTreeSet<String>,
) -> Result<Vec<String>, String> {
    let mut taken = Vec::new();
    for name in namespaces(objects).difference(shared) {
        let found =
            client.get(&ObjectRef::namespace(name)).await.map_err(|error| error.to_string())?;
        if let Some(found) = found {
            taken.push(already(name, &found));
        }
    }
    for object in objects.iter().filter(|object| object["kind"] != "Namespace") {
        let place = object["metadata"]["namespace"].as_str();
        if place.is_some_and(|place| !shared.contains(place)) {
            continue;
        }
        let Ok(reference) = gateproof_kubernetes::object::reference(object) else { continue };
        if client.get(&reference).await.map_err(|error| error.to_string())?.is_some() {
            taken.push(format!("{} {} exists already", reference.kind, reference.name));
        }
    }
    Ok(taken)
}

/// That a namespace is there already, and what can be done about it.
fn already(name: &str, found: &Value) -> String {
    let metadata = &found["metadata"];
    let run = metadata["labels"][RUN_LABEL].as_str();
    let next = match (metadata["deletionTimestamp"].is_string(), run) {
        (true, _) => "; it is being deleted, so try again when it is gone".to_owned(),
        (false, Some(run)) => format!(
            "; it is of run {run}: wait for that one, or when it was killed, remove what it left \
             with `gateproof clean`"
        ),
        (false, None) => String::new(),
    };
    format!("namespace {name} exists already, and a run makes its own{next}")
}

/// Makes the namespaces of a run, with its label.
///
/// # Errors
/// When one is there already or is refused, in words.
pub async fn make_namespaces(
    client: &Client,
    names: impl IntoIterator<Item = &String>,
    run: &str,
) -> Result<(), String> {
    for name in names {
        let made =
            wait::until(MADE_WITHIN, BETWEEN, |_: &str| (), || make_namespace(client, name, run));
        made.await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Makes one, unless it is there and ours: an answer may have been lost.
async fn make_namespace(client: &Client, name: &str, run: &str) -> Poll<()> {
    let object = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {RUN_LABEL: run}}});
    let Err(error) = client.create(&object, MANAGER).await else { return Poll::Ready(()) };
    match client.get(&ObjectRef::namespace(name)).await {
        Ok(Some(found)) if found["metadata"]["labels"][RUN_LABEL] == run => Poll::Ready(()),
        Ok(None) if error.is_transient() => Poll::NotYet { missing: error.to_string() },
        Ok(_) | Err(_) => Poll::Never { why: error.to_string() },
    }
}

/// Everything outside of namespaces that carries the label of a run, and its namespaces last.
///
/// # Errors
/// When the API does not answer, in words.
pub async fn labelled(client: &Client, selector: &str) -> Result<Vec<Value>, String> {
    let mut found: Vec<Value> = Vec::new();
    for (api_version, kind) in OUTSIDE {
        let request = PageRequest {
            api_version,
            kind,
            namespace: None,
            labels: selector,
            fields: "",
            limit: None,
            after: None,
        };
        match client.list_page(&request).await {
            Ok(page) => {
                for object in page.objects {
                    let is_known = |known: &Value| {
                        known["kind"] == object["kind"]
                            && known["metadata"]["uid"] == object["metadata"]["uid"]
                            && known["metadata"]["uid"].is_string()
                    };
                    if !found.iter().any(is_known) {
                        found.push(object);
                    }
                }
            }
            // What may not be listed cannot have been made either.
            Err(error) if is_hidden(&error) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    // What is in a namespace of the run goes with it.
    let own: BTreeSet<String> = found
        .iter()
        .filter(|object| object["kind"] == "Namespace")
        .filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    found.retain(|object| {
        object["metadata"]["namespace"].as_str().is_none_or(|place| !own.contains(place))
    });
    Ok(found)
}

fn is_hidden(error: &ReadError) -> bool {
    match &error.cause {
        Cause::NotServed { .. } => true,
        Cause::Rejected(refusal) => refusal.code == 403,
        Cause::NotAnObject(_) | Cause::Unreachable(_) => false,
    }
}

/// Removes one of those, and the Secret that cert-manager made for it; waits until it is gone.
///
/// # Errors
/// When it is still there, in words.
pub async fn remove(client: &Client, object: &Value) -> Result<(), String> {
    let reference = gateproof_kubernetes::object::reference(object)
        .map_err(|cause| format!("it has no name: {cause}"))?;
    client.delete(&reference).await.map_err(|error| error.to_string())?;
    wait::until_gone(client, &reference, GONE_WITHIN, |_: &str| ())
        .await
        .map_err(|error| error.to_string())?;
    if reference.kind == "Certificate" {
        remove_secret_of(client, object, &reference).await?;
    }
    Ok(())
}

/// cert-manager leaves the Secrets of Certificates that are deleted.
async fn remove_secret_of(
    client: &Client,
    certificate: &Value,
    reference: &ObjectRef,
) -> Result<(), String> {
    let Some(name) = certificate["spec"]["secretName"].as_str() else { return Ok(()) };
    let secret = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        namespace: reference.namespace.clone(),
        name: name.to_owned(),
    };
    let found = client.get(&secret).await.map_err(|error| error.to_string())?;
    let made_for = |found: &Value| {
        found["metadata"]["annotations"]["cert-manager.io/certificate-name"]
            == reference.name.as_str()
    };
    if found.as_ref().is_some_and(made_for) {
        client.delete(&secret).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Removes all that a run has made; what could not be removed is told.
///
/// # Errors
/// With everything that is still there, in words.
pub async fn remove_all(client: &Client, run: &str) -> Result<(), String> {
    let selector = format!("{RUN_LABEL}={run}");
    let found = labelled(client, &selector).await?;
    let removals = found.iter().map(|object| remove(client, object));
    let removed = futures_util::future::join_all(removals).await;
    let problems: Vec<String> = removed.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}; what is left carries the label {selector}, and `gateproof clean` tries again",
        problems.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_namespace_that_is_there_says_whose_it_is_and_whether_it_goes() {
        let of = |metadata: serde_json::Value| super::already("a", &json!({"metadata": metadata}));
        assert_eq!(of(json!({})), "namespace a exists already, and a run makes its own");
        assert!(of(json!({"labels": {"gateproof.dev/run": "r-1"}})).contains("gateproof clean"));
        let going = json!({"deletionTimestamp": "2026-11-26T00:00:00Z",
            "labels": {"gateproof.dev/run": "r-1"}});
        assert!(of(going).ends_with("try again when it is gone"));
    }
}
