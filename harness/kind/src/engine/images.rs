//! Images that are there: look at, save, load, import, build from nothing, tag, remove.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::time::Duration;

use bollard::errors::Error as ClientError;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    BuildImageOptions, CreateImageOptions, ImportImageOptions, ListImagesOptions,
    RemoveImageOptions, TagImageOptions,
};
use bollard::{BollardRequest, body_full, body_try_stream};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::Uri;

use super::error::{Cause, EngineError, ImageOperation};
use super::{ApiVersion, Engine, wire, within};
use crate::image::{ImageState, Platform};
use crate::image_reference::ImageReference;

/// From this version on an engine saves one platform of an image that has several.
const SAVES_ONE_PLATFORM: ApiVersion = ApiVersion { major: 1, minor: 48 };

impl Engine {
    /// Looks at an image by name or id; `None` when the engine has none.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn inspect_image(&self, reference: &str) -> Result<Option<ImageState>, EngineError> {
        match within(self.patience, self.docker.inspect_image(reference)).await {
            Ok(found) => Ok(Some(image_state(found))),
            Err(Cause::NotFound(_)) => Ok(None),
            Err(cause) => Err(image_error(ImageOperation::Inspect, reference, cause)),
        }
    }

    /// Images with all of these labels, sorted by id.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn list_images(
        &self,
        labels: &[(&str, Option<&str>)],
    ) -> Result<Vec<ImageState>, EngineError> {
        let filters = Some(wire::label_filter(labels));
        let options = ListImagesOptions { filters, ..ListImagesOptions::default() };
        let listed = within(self.patience, self.docker.list_images(Some(options)))
            .await
            .map_err(|cause| image_error(ImageOperation::Inspect, "with labels", cause))?;
        let mut found = Vec::new();
        for summary in listed {
            found.extend(self.inspect_image(&summary.id).await?);
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(found)
    }

    /// Images as one archive in the form of `docker save`. Only one platform of an image that has
    /// several, where the engine can do that (Docker 28); others save what they have, and with
    /// the containerd image store that may name platforms whose layers are missing
    /// (kubernetes-sigs/kind issue 3795).
    pub fn save_images(
        &self,
        references: &[&str],
        platform: Option<&Platform>,
    ) -> impl Stream<Item = Result<Bytes, EngineError>> + Send + 'static {
        let docker = match platform {
            Some(platform) if self.api >= SAVES_ONE_PLATFORM => {
                let query = platform_query(platform);
                self.docker
                    .clone()
                    .with_request_modifier(move |request| with_query(request, &query))
            }
            _ => self.docker.clone(),
        };
        let described = references.join(", ");
        docker.export_images(references).map(move |piece| {
            piece.map_err(|error| image_error(ImageOperation::Save, &described, error.into()))
        })
    }

    /// Loads an archive in the form of `docker save` and returns what the engine says that it
    /// has loaded: names, or ids of images without one. `described` names the archive in errors.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read or holds no images, or at the deadline.
    pub async fn load_images(
        &self,
        described: &str,
        archive: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        deadline: Duration,
    ) -> Result<Vec<String>, EngineError> {
        let options = ImportImageOptions { quiet: true, ..ImportImageOptions::default() };
        let answers = self.docker.import_image(options, body_try_stream(archive), None);
        let said = drain(answers, deadline, |info| info.stream)
            .await
            .map_err(|cause| image_error(ImageOperation::Load, described, cause))?;
        Ok(said.iter().flat_map(|text| text.lines()).filter_map(loaded).collect())
    }

    /// Makes an image of a root filesystem and returns its id. `changes` are instructions as in a
    /// Dockerfile, such as `ENTRYPOINT ["/bin/node"]` or `LABEL name=value`.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read or an instruction is none, or at the deadline.
    pub async fn import_image(
        &self,
        reference: &str,
        root: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        changes: &[String],
        deadline: Duration,
    ) -> Result<String, EngineError> {
        let name = ImageReference::parse(reference);
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(name.name.clone()),
            tag: Some(name.tag.clone().unwrap_or_else(|| "latest".to_owned())),
            changes: changes.to_vec(),
            ..CreateImageOptions::default()
        };
        let answers = self.docker.create_image(Some(options), Some(body_try_stream(root)), None);
        drain(answers, deadline, |info| info.status)
            .await
            .map_err(|cause| image_error(ImageOperation::Import, reference, cause))?;
        self.id_of(ImageOperation::Import, reference).await
    }

    /// Builds an image from a context that holds a `Dockerfile` and returns its id. It is meant
    /// for `FROM scratch`: the engine's classic builder pulls and runs nothing for that.
    ///
    /// # Errors
    ///
    /// When a step fails, with the builder's words, or at the deadline.
    pub async fn build_image(
        &self,
        reference: &str,
        context: Bytes,
        labels: &BTreeMap<String, String>,
        deadline: Duration,
    ) -> Result<String, EngineError> {
        let options = BuildImageOptions {
            dockerfile: "Dockerfile".to_owned(),
            t: Some(reference.to_owned()),
            labels: Some(wire::hashed(labels)),
            rm: true,
            forcerm: true,
            networkmode: Some("none".to_owned()),
            ..BuildImageOptions::default()
        };
        let answers = self.docker.build_image(options, None, Some(body_full(context)));
        drain(answers, deadline, |info| info.stream)
            .await
            .map_err(|cause| image_error(ImageOperation::Build, reference, cause))?;
        self.id_of(ImageOperation::Build, reference).await
    }

    /// Gives an image another name.
    ///
    /// # Errors
    ///
    /// When there is no such image, or the name is none.
    pub async fn tag_image(&self, image: &str, reference: &str) -> Result<(), EngineError> {
        let name = ImageReference::parse(reference);
        let options = TagImageOptions {
            repo: Some(name.name.clone()),
            tag: Some(name.tag.clone().unwrap_or_else(|| "latest".to_owned())),
        };
        within(self.patience, self.docker.tag_image(image, Some(options)))
            .await
            .map_err(|cause| image_error(ImageOperation::Tag, image, cause))
    }

    /// Takes a name from an image, and removes the image with its last name. One that does not
    /// exist is as good as removed.
    ///
    /// # Errors
    ///
    /// When a container uses it.
    pub async fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptions::default();
        let call = self.docker.remove_image(reference, Some(options), None);
        match within(self.patience, call).await {
            Ok(_) | Err(Cause::NotFound(_)) => Ok(()),
            Err(cause) => Err(image_error(ImageOperation::Remove, reference, cause)),
        }
    }

    async fn id_of(
        &self,
        operation: ImageOperation,
        reference: &str,
    ) -> Result<String, EngineError> {
        let found = self.inspect_image(reference).await?;
        found.map(|image| image.id).ok_or_else(|| {
            let words = "the engine reports no error, and has no such image".to_owned();
            image_error(operation, reference, Cause::Unreadable(words))
        })
    }
}

/// Reads a stream of answers to its end and keeps what `words` finds in them.
async fn drain<T>(
    answers: impl Stream<Item = Result<T, ClientError>>,
    deadline: Duration,
    words: impl Fn(T) -> Option<String>,
) -> Result<Vec<String>, Cause> {
    let mut answers = std::pin::pin!(answers);
    let mut said = Vec::new();
    let all = async {
        while let Some(answer) = answers.next().await {
            said.extend(words(answer?));
        }
        Ok(())
    };
    if let Ok(read) = tokio::time::timeout(deadline, all).await {
        return read.map(|()| said);
    }
    let last = said.last().map_or("", |text| text.trim());
    let missing = format!("the engine is not done; its last words: {last}");
    Err(Cause::TimedOut { limit: deadline, missing })
}

/// `Loaded image: NAME` or `Loaded image ID: sha256:…` (moby: `image/tarexport/load.go`).
fn loaded(line: &str) -> Option<String> {
    let line = line.trim();
    let name = line.strip_prefix("Loaded image: ").or(line.strip_prefix("Loaded image ID: "))?;
    Some(name.to_owned())
}

/// The parameter `platform` of an export, an OCI platform as JSON, percent-encoded.
fn platform_query(platform: &Platform) -> String {
    let mut json = serde_json::json!({ "os": platform.os, "architecture": platform.architecture });
    if !platform.variant.is_empty() {
        json["variant"] = platform.variant.clone().into();
    }
    let encoded: Vec<String> = json
        .to_string()
        .bytes()
        .map(|byte| match char::from(byte) {
            plain if plain.is_ascii_alphanumeric() => plain.to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("platform={}", encoded.concat())
}

fn with_query(request: BollardRequest, query: &str) -> BollardRequest {
    let (mut parts, body) = request.into_parts();
    let separator = if parts.uri.query().is_some() { '&' } else { '?' };
    let uri = format!("{}{separator}{query}", parts.uri);
    parts.uri = uri.parse::<Uri>().expect("a URI with one more encoded parameter is a URI");
    BollardRequest::from_parts(parts, body)
}

fn image_state(found: ImageInspect) -> ImageState {
    ImageState {
        id: found.id.unwrap_or_default(),
        tags: found.repo_tags.unwrap_or_default(),
        digests: found.repo_digests.unwrap_or_default(),
        platform: Platform {
            os: found.os.unwrap_or_default(),
            architecture: found.architecture.unwrap_or_default(),
            variant: found.variant.unwrap_or_default(),
        },
        size: found.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        labels: labels(found.config.and_then(|config| config.labels)),
    }
}

fn labels(found: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    found.unwrap_or_default().into_iter().collect()
}

pub(super) fn image_error(operation: ImageOperation, image: &str, cause: Cause) -> EngineError {
    EngineError::Image { operation, image: image.to_owned(), cause }
}
