//! Many objects at once, in an order in which nothing waits for something that comes later.
//!
//! Stages follow each other; within a stage the order is as written. All problems of a stage are
//! collected and told together, and no later stage is begun. Namespaces that nobody wrote down
//! are created and labelled with the run, so that they can be found and removed; namespaces that
//! exist are left as they are.

mod definition;

use std::collections::BTreeSet;
use std::time::Duration;

use gateproof_core::scenario::{Manifest, ObjectRef};
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{ApplyError, Cause, RequestError};
use crate::object::reference;
use crate::wait::WaitError;

/// The label of everything that Gateproof creates on its own account; its value is the run.
pub const RUN_LABEL: &str = "gateproof.dev/run";

/// How to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOptions {
    /// The field manager.
    pub manager: String,
    /// The run's identity: the value of [`RUN_LABEL`], so a valid label value.
    pub run: String,
    /// How long a CustomResourceDefinition may take until its kind is served.
    pub definitions_within: Duration,
}

/// Not everything could be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyAllError {
    /// The API refused objects of one stage.
    #[error("{}", lines(failures))]
    Refused {
        /// What was refused, in the order of application; never empty.
        failures: Vec<ApplyError>,
    },
    /// A definition was applied, but its kind is not served.
    #[error("CustomResourceDefinition {name} ({origin}) does not take effect: {cause}")]
    NotServed {
        /// The definition's name.
        name: String,
        /// Where it was written.
        origin: String,
        /// What was missing.
        cause: WaitError,
    },
}

impl ApplyAllError {
    /// Whether trying again later may succeed without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { failures } => failures.iter().all(RequestError::is_transient),
            Self::NotServed { .. } => false,
        }
    }
}

/// The stages in which objects are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Namespaces,
    Definitions,
    Classes,
    Data,
    Services,
    Gateways,
    Routes,
    Rest,
}

impl Stage {
    /// In the order of application.
    const ALL: [Self; 8] = [
        Self::Namespaces,
        Self::Definitions,
        Self::Classes,
        Self::Data,
        Self::Services,
        Self::Gateways,
        Self::Routes,
        Self::Rest,
    ];

    fn of(object: &Value) -> Self {
        match object.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "Namespace" => Self::Namespaces,
            "CustomResourceDefinition" => Self::Definitions,
            "GatewayClass" | "CiliumGatewayClassConfig" | "Issuer" | "ClusterIssuer" => {
                Self::Classes
            }
            // A grant that comes after the route that needs it costs a refusal in between.
            "Secret" | "ConfigMap" | "ServiceAccount" | "ReferenceGrant" => Self::Data,
            "Service" => Self::Services,
            "Gateway" => Self::Gateways,
            "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" | "UDPRoute" | "ListenerSet" => {
                Self::Routes
            }
            _ => Self::Rest,
        }
    }
}

impl Client {
    /// Applies all manifests in the order of their dependencies and gives the objects as the API
    /// has them now, in the order of application.
    ///
    /// # Errors
    /// When the API refuses objects, or a definition's kind does not come to be served. What was
    /// applied before stays.
    pub async fn apply_all(
        &self,
        manifests: &[Manifest],
        options: &ApplyOptions,
    ) -> Result<Vec<Value>, ApplyAllError> {
        let mut applied = Vec::with_capacity(manifests.len());
        let mut namespaces = BTreeSet::new();
        for stage in Stage::ALL {
            let of_stage = manifests.iter().filter(|manifest| Stage::of(&manifest.object) == stage);
            let mut failures = Vec::new();
            for manifest in of_stage.clone() {
                match self.apply_manifest(manifest, options, &mut namespaces).await {
                    Ok(object) => applied.push(object),
                    Err(error) => failures.push(error.at(&manifest.origin)),
                }
            }
            if !failures.is_empty() {
                return Err(ApplyAllError::Refused { failures });
            }
            if stage == Stage::Definitions {
                for manifest in of_stage {
                    self.until_served(manifest, options.definitions_within).await?;
                }
            }
        }
        Ok(applied)
    }

    async fn apply_manifest(
        &self,
        manifest: &Manifest,
        options: &ApplyOptions,
        namespaces: &mut BTreeSet<String>,
    ) -> Result<Value, ApplyError> {
        if let Some(namespace) = self.namespace_of(&manifest.object).await
            && !namespaces.contains(&namespace)
        {
            self.ensure_namespace(&namespace, options).await?;
            namespaces.insert(namespace);
        }
        self.apply(&manifest.object, &options.manager).await
    }

    /// The namespace that an object needs, if its kind lives in namespaces. Whatever else is
    /// wrong with the object, applying it will tell.
    async fn namespace_of(&self, object: &Value) -> Option<String> {
        let target = reference(object).ok()?;
        let resource = self.resource(&target.api_version, &target.kind).await.ok()?;
        resource.namespace(target.namespace.as_deref()).map(str::to_owned)
    }

    /// Creates a namespace, labelled with the run, unless it is there.
    async fn ensure_namespace(&self, name: &str, options: &ApplyOptions) -> Result<(), ApplyError> {
        let wanted = ObjectRef::namespace(name);
        if self.get(&wanted).await?.is_some() {
            return Ok(());
        }
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {RUN_LABEL: options.run}},
        });
        match self.create(&namespace, &options.manager).await {
            Err(error) if !already_exists(&error) => Err(error),
            // Somebody else was faster: then it is there, and theirs.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn already_exists(error: &RequestError) -> bool {
    matches!(&error.cause, Cause::Rejected(rejection) if rejection.reason == "AlreadyExists")
}

fn lines(failures: &[ApplyError]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
