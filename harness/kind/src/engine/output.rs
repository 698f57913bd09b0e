//! What a container writes until it ends, its two streams apart; and files for one that has not
//! started.

use bollard::container::LogOutput;
use bollard::query_parameters::{LogsOptions, UploadToContainerOptions};
use bytes::Bytes;
use futures_util::StreamExt;

use super::error::{Cause, EngineError};
use super::{Engine, within};

/// What a container wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// To standard output.
    pub output: Vec<u8>,
    /// To standard error.
    pub errors: Vec<u8>,
}

/// How output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Until the container ends.
    AsItComes,
    /// What there is.
    AtOnce,
}

impl Engine {
    /// Follows a container until it ends. It has no deadline: the caller knows for how long.
    /// `tell` hears each piece of standard error.
    ///
    /// # Errors
    ///
    /// When it does not exist or the connection breaks.
    pub async fn follow_output(
        &self,
        container: &str,
        tell: impl Fn(&[u8]),
    ) -> Result<Written, EngineError> {
        self.output(container, Reading::AsItComes, tell).await
    }

    /// All that a container wrote that has ended. What was followed may lack the end: the engine
    /// takes a container that ends at once for one that writes nothing any more (seen at Docker
    /// 20.10 on a busy machine).
    ///
    /// # Errors
    ///
    /// When it does not exist or the connection breaks.
    pub async fn whole_output(&self, container: &str) -> Result<Written, EngineError> {
        self.output(container, Reading::AtOnce, |_| {}).await
    }

    async fn output(
        &self,
        container: &str,
        reading: Reading,
        tell: impl Fn(&[u8]),
    ) -> Result<Written, EngineError> {
        let options = LogsOptions {
            follow: reading == Reading::AsItComes,
            stdout: true,
            stderr: true,
            tail: "all".to_owned(),
            ..LogsOptions::default()
        };
        let mut pieces = self.docker.logs(container, Some(options));
        let mut written = Written::default();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| EngineError::Log {
                container: container.to_owned(),
                cause: error.into(),
            })?;
            if let LogOutput::StdErr { message } = piece {
                tell(&message);
                written.errors.extend_from_slice(&message);
            } else {
                written.output.extend_from_slice(piece.as_ref());
            }
        }
        Ok(written)
    }

    /// Unpacks an archive at the root of a container, running or not. What lands below one of its
    /// in-memory filesystems is not seen there.
    ///
    /// # Errors
    ///
    /// When it does not exist or the engine refuses.
    pub async fn unpack(&self, container: &str, archive: Vec<u8>) -> Result<(), EngineError> {
        let options = UploadToContainerOptions {
            path: "/".to_owned(),
            ..UploadToContainerOptions::default()
        };
        let body = bollard::body_full(Bytes::from(archive));
        let call = self.docker.upload_to_container(container, Some(options), body);
        within(self.patience, call).await.map_err(|cause: Cause| EngineError::File {
            operation: "unpack",
            container: container.to_owned(),
            path: "/".to_owned(),
            cause,
        })
    }
}
