//! Containers: create, start, look at, find, stop, wait for, remove.

use std::collections::BTreeSet;
use std::time::Duration;

use bollard::errors::Error as ClientError;
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListContainersOptions, RemoveContainerOptions,
    StartContainerOptions, StopContainerOptions, WaitContainerOptions,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use gateproof_kubernetes::wait::{self, Poll};

use super::error::{Cause, ContainerOperation, EngineError};
use super::{Engine, wire, within};
use crate::container::{ContainerSpec, ContainerState};

/// How many containers are looked at at once.
const INSPECT_AT_ONCE: usize = 8;

/// How long several networks of one name may last.
const AMBIGUOUS_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries to start meanwhile.
const AMBIGUOUS_EVERY: Duration = Duration::from_millis(200);

/// The longest end of a wait that an engine can be asked for.
const STOP_LIMIT: Duration = Duration::from_hours(1);

impl Engine {
    /// Creates a container and returns its id; it does not run yet. The image must be there.
    ///
    /// # Errors
    ///
    /// When the engine refuses; a name that is taken is a conflict, a missing image not found.
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let options = CreateContainerOptions {
            name: Some(spec.name.clone()),
            ..CreateContainerOptions::default()
        };
        let call = self.docker.create_container(Some(options), wire::create_body(spec));
        let created = self.container_call(ContainerOperation::Create, &spec.name, call).await?;
        for warning in created.warnings {
            tracing::warn!(container = spec.name, warning, "the engine warns");
        }
        Ok(created.id)
    }

    /// Starts a container. One that runs already is left as it is. While somebody creates a
    /// network of the same name, the engine does not know which one is meant; that passes, because
    /// whoever creates also removes what is too many, and is waited for.
    ///
    /// # Errors
    ///
    /// When the engine cannot start it; the message is the runtime's own.
    pub async fn start_container(&self, name: &str) -> Result<(), EngineError> {
        let look = || async {
            let call = self.docker.start_container(name, None::<StartContainerOptions>);
            match self.container_call(ContainerOperation::Start, name, call).await {
                Err(error) if error.to_string().contains("is ambiguous") => {
                    Poll::NotYet { missing: error.to_string() }
                }
                other => Poll::Ready(other.map_err(with_remedy)),
            }
        };
        match wait::until(AMBIGUOUS_WITHIN, AMBIGUOUS_EVERY, |_| (), look).await {
            Ok(started) => started,
            Err(error) => {
                let cause = Cause::Conflict(error.to_string());
                Err(container_error(ContainerOperation::Start, name, cause))
            }
        }
    }

    /// Looks at a container; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn inspect_container(
        &self,
        name: &str,
    ) -> Result<Option<ContainerState>, EngineError> {
        let call = self.docker.inspect_container(name, None::<InspectContainerOptions>);
        match self.container_call(ContainerOperation::Inspect, name, call).await {
            Ok(found) => Ok(Some(wire::container_state(found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All that the engine knows of a container, in its own words; `None` when there is none. For
    /// people to read; programs take [`Engine::inspect_container`].
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn describe_container(
        &self,
        name: &str,
    ) -> Result<Option<serde_json::Value>, EngineError> {
        let call = self.docker.inspect_container(name, None::<InspectContainerOptions>);
        match self.container_call(ContainerOperation::Inspect, name, call).await {
            Ok(found) => serde_json::to_value(found).map(Some).map_err(|error| {
                let cause = Cause::Unreadable(error.to_string());
                container_error(ContainerOperation::Inspect, name, cause)
            }),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Containers in every state with all of these labels, sorted by name. A label without a value
    /// counts with any.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn list_containers(
        &self,
        labels: &[(&str, Option<&str>)],
    ) -> Result<Vec<ContainerState>, EngineError> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(wire::label_filter(labels)),
            ..ListContainersOptions::default()
        };
        let described = described(labels);
        let call = self.docker.list_containers(Some(options));
        let found = self.container_call(ContainerOperation::List, &described, call).await?;
        let ids: BTreeSet<String> = found.into_iter().filter_map(|summary| summary.id).collect();
        // A container may go between the two looks; then it is not there.
        let looks = ids.into_iter().map(async |id| self.inspect_container(&id).await);
        let found: Vec<Option<ContainerState>> =
            stream::iter(looks).buffer_unordered(INSPECT_AT_ONCE).try_collect().await?;
        let mut found: Vec<ContainerState> = found.into_iter().flatten().collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Asks a container to stop, and has it killed once `grace` is over. One that does not run is
    /// left as it is.
    ///
    /// # Errors
    ///
    /// When it does not exist or the engine does not answer.
    pub async fn stop_container(&self, name: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = i32::try_from(grace.min(STOP_LIMIT).as_secs()).ok();
        let options = StopContainerOptions { t: seconds, ..StopContainerOptions::default() };
        let call = self.docker.stop_container(name, Some(options));
        within(self.patience + grace, call)
            .await
            .map_err(|cause| container_error(ContainerOperation::Stop, name, cause))
    }

    /// Waits until a container does not run any more and returns its exit code.
    ///
    /// # Errors
    ///
    /// When it still runs at the deadline, or does not exist.
    pub async fn wait_container(&self, name: &str, deadline: Duration) -> Result<i64, EngineError> {
        self.await_container(name, "not-running", deadline, "it still runs").await
    }

    /// Removes a container with its anonymous volumes, running or not, and returns once it is
    /// gone. One that does not exist, or that somebody else is removing, is as good as removed.
    ///
    /// # Errors
    ///
    /// When it is still there after the engine's patience, or the engine refuses.
    pub async fn remove_container(&self, name: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptions { force: true, v: true, link: false };
        let call = self.docker.remove_container(name, Some(options));
        let error = match self.container_call(ContainerOperation::Remove, name, call).await {
            Err(error) if error.is_conflict() => error,
            Err(error) if error.is_not_found() => return Ok(()),
            other => return other,
        };
        if !error.to_string().contains("already in progress") {
            return Err(error);
        }
        match self.await_container(name, "removed", self.patience, "its removal goes on").await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn await_container(
        &self,
        name: &str,
        condition: &str,
        deadline: Duration,
        missing: &str,
    ) -> Result<i64, EngineError> {
        let options = WaitContainerOptions { condition: condition.to_owned() };
        let mut answers = Box::pin(self.docker.wait_container(name, Some(options)));
        let cause = match tokio::time::timeout(deadline, answers.next()).await {
            Ok(Some(Ok(ended))) => return Ok(ended.status_code),
            // The client takes an exit code that is not zero for an error.
            Ok(Some(Err(ClientError::DockerContainerWaitError { code, .. }))) => return Ok(code),
            Ok(Some(Err(error))) => Cause::from(error),
            Ok(None) => Cause::Disconnected("the engine ended the wait".to_owned()),
            Err(_) => Cause::TimedOut { limit: deadline, missing: missing.to_owned() },
        };
        Err(container_error(ContainerOperation::Wait, name, cause))
    }

    async fn container_call<T>(
        &self,
        operation: ContainerOperation,
        container: &str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, EngineError> {
        within(self.patience, call)
            .await
            .map_err(|cause| container_error(operation, container, cause))
    }
}

fn container_error(operation: ContainerOperation, container: &str, cause: Cause) -> EngineError {
    EngineError::Container { operation, container: container.to_owned(), cause }
}

/// The runtime says in its own words that it may not hand on a capability.
fn with_remedy(error: EngineError) -> EngineError {
    match error {
        EngineError::Container {
            operation,
            container,
            cause: Cause::Refused { status, message },
        } if message.contains("unable to apply caps") => {
            let message = format!(
                "{message}; this host refuses privileged containers: choose the rights of nodes \
                 with `--node-privileges default-capabilities`"
            );
            EngineError::Container {
                operation,
                container,
                cause: Cause::Refused { status, message },
            }
        }
        other => other,
    }
}

fn described(labels: &[(&str, Option<&str>)]) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| value.map_or_else(|| (*name).to_owned(), |v| format!("{name}={v}")))
        .collect();
    format!("with {}", labels.join(", "))
}
