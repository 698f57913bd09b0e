//! Helm, as far as the stack is installed with it: `version`, `show values` and `upgrade`.
//!
//! The charts that it knows are Cilium's and cert-manager's, by name. An upgrade does what Helm does,
//! in its order (helm/helm v3.19 `pkg/action/upgrade.go`): the release is recorded as pending, the
//! chart's objects are applied, what the revision before had and this one has not is deleted, and the
//! release is recorded as deployed. It waits for nothing.

mod arguments;
mod charts;
mod release;

use std::path::Path;

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::{Client, RequestError};
use serde_json::{Value, json};

use crate::{Failure, Outcome, block_on};
use arguments::{Arguments, Flag};
use charts::Chart;
use release::{Release, Status};

/// The version that it says it is.
const VERSION: &str = "v3.19.0";
/// Who owns what it applies.
pub(crate) const MANAGER: &str = "helm";

/// Runs a command.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["version", "--template", "{{.Version}}"] => {
            print!("{VERSION}");
            Ok(())
        }
        ["version", ..] => {
            println!("version.BuildInfo{{Version:\"{VERSION}\", GitCommit:\"\"}}");
            Ok(())
        }
        ["show", "values", ref rest @ ..] => show_values(rest),
        ["upgrade", ref rest @ ..] => upgrade(rest),
        [] => Err(Failure::new("stand-in: helm wants a command")),
        [command, ..] => Err(Failure::new(format!(
            "unknown command {command:?} for \"helm\"\nRun 'helm --help' for usage."
        ))),
    };
    outcome.map_err(|failure| Failure { words: format!("Error: {}", failure.words), ..failure })
}

fn show_values(words: &[&str]) -> Outcome {
    let given = Arguments::read(words, &[Flag::valued("--repo"), Flag::valued("--version")])?;
    let [name] = given.positional[..] else {
        return Err(Failure::new("\"helm show values\" requires 1 argument"));
    };
    let chart = Chart::find(name, given.value("--version"))?;
    print!("{}", chart.default_values());
    Ok(())
}

fn upgrade(words: &[&str]) -> Outcome {
    let flags = [
        Flag::valued("--repo"),
        Flag::valued("--version"),
        Flag::valued("--namespace"),
        Flag::valued("--values"),
        Flag::valued("--timeout"),
        Flag::valued("--kubeconfig"),
        Flag::plain("--install"),
        Flag::plain("--create-namespace"),
        Flag::plain("--reset-values"),
    ];
    let given = Arguments::read(words, &flags)?;
    let [name, chart] = given.positional[..] else {
        return Err(Failure::new("\"helm upgrade\" requires 2 arguments"));
    };
    let chart = Chart::find(chart, given.value("--version"))?;
    let values = match given.value("--values") {
        Some(path) => values(path)?,
        None => json!({}),
    };
    chart.check(&values)?;
    let kubeconfig = given
        .value("--kubeconfig")
        .ok_or_else(|| Failure::new("Kubernetes cluster unreachable: no --kubeconfig"))?;
    let namespace = given.value("--namespace").unwrap_or("default");
    block_on(async {
        let client = Client::from_kubeconfig(Some(Path::new(kubeconfig)), None)
            .await
            .map_err(|error| Failure::new(format!("Kubernetes cluster unreachable: {error}")))?;
        let before = Release::newest(&client, namespace, name).await?;
        if before.is_none() && !given.has("--install") {
            return Err(Failure::new(format!("UPGRADE FAILED: {name:?} has no deployed releases")));
        }
        if before.as_ref().is_some_and(|before| before.status.is_pending()) {
            return Err(Failure::new(
                "UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
            ));
        }
        if given.has("--create-namespace") {
            let object =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            apply(&client, &object).await?;
        }
        install(&client, name, namespace, &chart, values, before).await
    })
}

async fn install(
    client: &Client,
    name: &str,
    namespace: &str,
    chart: &Chart,
    values: Value,
    before: Option<Release>,
) -> Outcome {
    let pending = if before.is_some() { Status::PendingUpgrade } else { Status::PendingInstall };
    let mut release = Release {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        revision: before.as_ref().map_or(1, |before| before.revision + 1),
        status: pending,
        chart: chart.name.to_owned(),
        chart_version: chart.version.clone(),
        manifest: chart.objects(namespace, &values)?,
        values,
    };
    release.record(client).await?;
    for object in &release.manifest {
        apply(client, object).await?;
    }
    if let Some(mut before) = before {
        for object in &before.manifest {
            if !release.manifest.iter().any(|kept| identity(kept) == identity(object)) {
                client.delete(&identity(object)).await.map_err(|error| refused(&error))?;
            }
        }
        before.status = Status::Superseded;
        before.record(client).await?;
    }
    release.status = Status::Deployed;
    release.record(client).await?;
    println!(
        "Release {name:?} has been upgraded. Happy Helming!\nNAME: {name}\nNAMESPACE: \
         {namespace}\nSTATUS: deployed\nREVISION: {}",
        release.revision
    );
    Ok(())
}

async fn apply(client: &Client, object: &Value) -> Outcome {
    client.apply(object, MANAGER).await.map(|_| ()).map_err(|error| refused(&error))
}

fn refused(error: &RequestError) -> Failure {
    Failure::new(format!("UPGRADE FAILED: {error}"))
}

fn identity(object: &Value) -> ObjectRef {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    ObjectRef {
        api_version: text("/apiVersion").unwrap_or_default(),
        kind: text("/kind").unwrap_or_default(),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name").unwrap_or_default(),
    }
}

fn values(path: &str) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|_| Failure::new(format!("open {path}: no such file or directory")))?;
    let values: Value = serde_saphyr::from_str(&text)
        .map_err(|error| Failure::new(format!("failed to parse {path}: {error}")))?;
    match values {
        Value::Object(_) => Ok(values),
        Value::Null => Ok(json!({})),
        _ => Err(Failure::new(format!("failed to parse {path}: expected a mapping"))),
    }
}
