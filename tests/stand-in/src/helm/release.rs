//! Releases as Helm keeps them: one Secret for each revision.
//!
//! `data.release` is base64 of base64 of JSON (helm/helm v3.19 `pkg/storage/driver/util.go`). Helm
//! compresses the JSON; what is not compressed it reads as well, because the oldest releases were
//! not, and that is how releases are recorded here.

use gateproof_kubernetes::Client;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::MANAGER;
use crate::Failure;

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is in force.
    Deployed,
    /// A later revision is in force.
    Superseded,
    /// Its first revision is being applied.
    PendingInstall,
    /// A further revision is being applied.
    PendingUpgrade,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Deployed, Self::Superseded, Self::PendingInstall, Self::PendingUpgrade]
            .into_iter()
            .find(|status| status.word() == word)
    }

    /// Whether something is being applied, or was when Helm was killed.
    pub(super) fn is_pending(self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade)
    }
}

/// One revision of a release.
#[derive(Debug, Clone)]
pub(super) struct Release {
    /// Its name.
    pub(super) name: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// Counts from 1.
    pub(super) revision: u64,
    /// Where it stands.
    pub(super) status: Status,
    /// The chart's name.
    pub(super) chart: String,
    /// The chart's version.
    pub(super) chart_version: String,
    /// The values that the user gave.
    pub(super) values: Value,
    /// The chart's objects.
    pub(super) manifest: Vec<Value>,
}

impl Release {
    /// The newest revision; `None` when there is none.
    pub(super) async fn newest(
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Self>, Failure> {
        let secrets = client.list("v1", "Secret", Some(namespace)).await.map_err(|error| {
            Failure::new(format!("query: failed to query with labels: {error}"))
        })?;
        Ok(secrets
            .iter()
            .filter(|secret| secret["type"] == "helm.sh/release.v1")
            .filter_map(Self::read)
            .filter(|release| release.name == name)
            .max_by_key(|release| release.revision))
    }

    /// Writes it down.
    pub(super) async fn record(&self, client: &Client) -> Result<(), Failure> {
        let manifest: Vec<String> = self.manifest.iter().map(Value::to_string).collect();
        let now = "2026-01-01T00:00:00Z";
        let record = json!({
            "name": self.name,
            "namespace": self.namespace,
            "version": self.revision,
            "info": {
                "status": self.status.word(), "first_deployed": now, "last_deployed": now,
                "deleted": "", "description": "Stand-in",
            },
            "chart": {"metadata": {
                "apiVersion": "v2", "name": self.chart, "version": self.chart_version,
                "appVersion": self.chart_version.trim_start_matches('v'),
            }},
            "config": self.values,
            "manifest": manifest.join("\n---\n"),
        });
        let text = base64(base64(record.to_string().as_bytes())?.as_bytes())?;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": {
                "name": self.secret_name(), "namespace": self.namespace,
                "labels": {
                    "name": self.name, "owner": "helm", "status": self.status.word(),
                    "version": self.revision.to_string(),
                },
            },
            "data": {"release": text},
        });
        client
            .apply(&secret, MANAGER)
            .await
            .map_err(|error| Failure::new(format!("create: failed to create: {error}")))?;
        Ok(())
    }

    fn secret_name(&self) -> String {
        format!("sh.helm.release.v1.{}.v{}", self.name, self.revision)
    }

    fn read(secret: &Value) -> Option<Self> {
        let decode = |value: Value| serde_json::from_value::<ByteString>(value).ok().map(|b| b.0);
        let inner = String::from_utf8(decode(secret.pointer("/data/release")?.clone())?).ok()?;
        let record: Value = serde_json::from_slice(&decode(inner.into())?).ok()?;
        let text = |pointer: &str| record.pointer(pointer)?.as_str().map(str::to_owned);
        Some(Self {
            name: text("/name")?,
            namespace: text("/namespace")?,
            revision: record["version"].as_u64()?,
            status: Status::of(&text("/info/status")?)?,
            chart: text("/chart/metadata/name")?,
            chart_version: text("/chart/metadata/version")?,
            values: record["config"].clone(),
            manifest: text("/manifest")?
                .split("\n---\n")
                .filter_map(|object| serde_json::from_str(object).ok())
                .collect(),
        })
    }
}

fn base64(octets: &[u8]) -> Result<String, Failure> {
    match serde_json::to_value(ByteString(octets.to_vec())) {
        Ok(Value::String(text)) => Ok(text),
        other => Err(Failure::new(format!("stand-in: no base64: {other:?}"))),
    }
}
