//! Makes names of a trial lead to a Service, or zones to a name server, for everybody who asks the
//! cluster's DNS.
//!
//! CoreDNS is told by its ConfigMap, and restarted: it would read the file by itself only after a
//! while, and each of its pods after another, so that one would know the names and the next not.

use std::net::IpAddr;
use std::time::Duration;

use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::{Client, ReadError};
use serde_json::{Value, json};

use crate::cause::with_causes;
use crate::prerequisite::corefile::{with_names, with_zones, without_names};
use crate::prerequisite::rollout;
use crate::step::{self, Outcome, Progress, undecided};

/// How long CoreDNS may take to restart.
const RESTARTED_WITHIN: Duration = Duration::from_mins(2);

/// The annotation whose change restarts CoreDNS.
const MARK: &str = "gateproof.dev/names-of";

const EXPECTED: &str = "the cluster's DNS takes the names of the trial";

/// What the cluster's DNS is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named<'a> {
    /// These names lead to a Service.
    Rewritten {
        /// The names.
        names: &'a [String],
        /// The Service.
        service: &'a NamespacedName,
    },
    /// These zones are asked for elsewhere.
    Delegated {
        /// The zones.
        zones: &'a [String],
        /// Where.
        address: IpAddr,
    },
}

/// Makes names or zones lead where they should, and waits until they do. `mark` is new for each
/// trial.
pub(crate) async fn lead(
    client: &Client,
    named: Named<'_>,
    mark: &str,
    progress: Progress<'_>,
) -> Outcome {
    let before = corefile(client).await?;
    let edited = match named {
        Named::Rewritten { names, service } => with_names(&before, names, service),
        Named::Delegated { zones, address } => with_zones(&before, zones, address),
    };
    let edited = edited.map_err(|error| vec![undecided(EXPECTED, &error.to_string())])?;
    write(client, &edited, &mark.into()).await?;
    if read(client, &deployment()).await?.is_none() {
        return Ok(());
    }
    step::await_object(client, &deployment(), RESTARTED_WITHIN, progress, |found| {
        found.and_then(|found| rollout::missing("CoreDNS", found))
    })
    .await
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
