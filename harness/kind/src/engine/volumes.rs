//! Named volumes: found by label, removed. Anonymous ones go with their container.

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};

use super::error::{Cause, EngineError, VolumeOperation};
use super::{Engine, wire, within};
use crate::volume::VolumeState;

impl Engine {
    /// Creates a volume; one of that name that exists already is taken as it is.
    ///
    /// # Errors
    ///
    /// When the engine refuses.
    pub async fn ensure_volume(&self, volume: &VolumeState) -> Result<(), EngineError> {
        let request = VolumeCreateRequest {
            name: Some(volume.name.clone()),
            labels: Some(wire::hashed(&volume.labels)),
            ..VolumeCreateRequest::default()
        };
        within(self.patience, self.docker.create_volume(request))
            .await
            .map(|_| ())
            .map_err(|cause| volume_error(VolumeOperation::Create, &volume.name, cause))
    }

    /// Volumes with all of these labels, sorted by name.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn list_volumes(
        &self,
        labels: &[(&str, Option<&str>)],
    ) -> Result<Vec<VolumeState>, EngineError> {
        let options = ListVolumesOptions { filters: Some(wire::label_filter(labels)) };
        let listed = within(self.patience, self.docker.list_volumes(Some(options)))
            .await
            .map_err(|cause| volume_error(VolumeOperation::List, "with labels", cause))?;
        let mut found: Vec<VolumeState> = listed
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|volume| VolumeState {
                name: volume.name,
                labels: volume.labels.into_iter().collect(),
            })
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Removes a volume. One that does not exist is as good as removed.
    ///
    /// # Errors
    ///
    /// When a container uses it.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let call = self.docker.remove_volume(name, None::<RemoveVolumeOptions>);
        match within(self.patience, call).await {
            Ok(()) | Err(Cause::NotFound(_)) => Ok(()),
            Err(cause) => Err(volume_error(VolumeOperation::Remove, name, cause)),
        }
    }
}

fn volume_error(operation: VolumeOperation, volume: &str, cause: Cause) -> EngineError {
    EngineError::Volume { operation, volume: volume.to_owned(), cause }
}
