//! Running a program in a container and talking to it.
//!
//! A WebSocket carries its streams, as `kubectl exec -i` has it (kubernetes/kubernetes v1.36:
//! `apimachinery/pkg/util/remotecommand/constants.go`). The way there leads through the API server and
//! the kubelet, so it works wherever logs can be read, and needs no route into the cluster's network.

use std::fmt;
use std::time::Duration;

use futures_util::future::OptionFuture;
use gateproof_core::scenario::ObjectRef;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::Client;
use crate::error::{Cause, Operation, ReadError, describe, in_words};

/// How long the streams may take to open.
const OPENED_WITHIN: Duration = Duration::from_secs(15);

/// Octets on their way.
const PIPE: usize = 64 * 1024;

/// So much of what a program writes to its standard error is kept.
const KEPT: u64 = 4096;

/// A program in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecRequest<'r> {
    /// The pod's namespace.
    pub namespace: &'r str,
    /// The pod.
    pub pod: &'r str,
    /// The container.
    pub container: &'r str,
    /// The program and its arguments.
    pub command: &'r [&'r str],
}

/// A program that runs, and its streams. Closing its input asks it to end.
pub struct Conversation {
    /// Its standard input.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// Says how it ended, in words.
    pub ended: JoinHandle<String>,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").finish_non_exhaustive()
    }
}

impl Client {
    /// Runs a program in a container.
    ///
    /// # Errors
    /// When the API server or the kubelet does not open the streams.
    pub async fn exec(&self, wanted: ExecRequest<'_>) -> Result<Conversation, ReadError> {
        let failed = |cause| ReadError {
            operation: Operation::Create,
            target: format!(
                "a session of `{}` in {}",
                wanted.command.join(" "),
                describe(&ObjectRef {
                    api_version: "v1".to_owned(),
                    kind: "Pod".to_owned(),
                    namespace: Some(wanted.namespace.to_owned()),
                    name: wanted.pod.to_owned(),
                })
            ),
            origin: None,
            cause,
        };
        let parameters = AttachParams::default()
            .container(wanted.container)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .max_stdin_buf_size(PIPE)
            .max_stdout_buf_size(PIPE);
        let pods: Api<Pod> = Api::namespaced(self.inner().clone(), wanted.namespace);
        let opened = pods.exec(wanted.pod, wanted.command.iter().copied(), &parameters);
        let mut process = timeout(OPENED_WITHIN, opened)
            .await
            .map_err(|_| {
                let words = format!("no session within {} s", OPENED_WITHIN.as_secs());
                failed(Cause::Unreachable(words))
            })?
            .map_err(|error| failed(Cause::Unreachable(in_words(&error))))?;
        let (Some(input), Some(output)) = (process.stdin(), process.stdout()) else {
            return Err(failed(Cause::Unreachable("it has no streams".to_owned())));
        };
        let (errors, status) = (process.stderr(), process.take_status());
        let ended = tokio::spawn(async move {
            let said = OptionFuture::from(errors.map(said)).await.unwrap_or_default();
            let status = OptionFuture::from(status).await.flatten();
            // It goes on until nobody holds it any more.
            drop(process);
            let how = match status.map(|status| (status.status, status.message)) {
                Some((Some(status), _)) if status == "Success" => "it ended by itself".to_owned(),
                Some((_, Some(message))) => message,
                Some((_, None)) | None => "its session broke off".to_owned(),
            };
            if said.is_empty() { how } else { format!("{how}: {said}") }
        });
        Ok(Conversation { input: Box::new(input), output: Box::new(output), ended })
    }
}

/// What a program wrote to its standard error, until it ends.
async fn said(mut errors: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut beginning = (&mut errors).take(KEPT);
    // A stream that breaks off has said what it has said.
    drop(beginning.read_to_end(&mut kept).await);
    drop(tokio::io::copy(&mut errors, &mut tokio::io::sink()).await);
    String::from_utf8_lossy(&kept).trim().to_owned()
}
