//! What the container of a pod has written.

use gateproof_core::scenario::ObjectRef;
use kube::api::LogParams;
use kube::core::Request;

use crate::client::Client;
use crate::error::{Cause, Operation, ReadError, describe};

/// Which life of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// The present one.
    Current,
    /// The one before its last restart.
    Previous,
}

/// A part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogPart {
    /// At most so many lines, the newest.
    Newest {
        /// How many.
        lines: u32,
    },
    /// At most so many octets, the oldest that are kept. What comes back may end within a line.
    Oldest {
        /// How many.
        octets: u32,
    },
}

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRequest<'r> {
    /// The pod's namespace.
    pub namespace: &'r str,
    /// The pod.
    pub pod: &'r str,
    /// The container; `None` is the only one, or the one that the pod names as its default.
    pub container: Option<&'r str>,
    /// Which life of it.
    pub life: Life,
    /// How much of it.
    pub part: LogPart,
}

impl Client {
    /// Reads a container's log, oldest line first.
    ///
    /// # Errors
    /// When there is no such pod, or its container has not begun or has no earlier life.
    pub async fn pod_log(&self, wanted: LogRequest<'_>) -> Result<String, ReadError> {
        let pod = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some(wanted.namespace.to_owned()),
            name: wanted.pod.to_owned(),
        };
        let failed = |cause| ReadError {
            operation: Operation::Get,
            target: format!("the log of {}", describe(&pod)),
            origin: None,
            cause,
        };
        let params = LogParams {
            container: wanted.container.map(str::to_owned),
            previous: wanted.life == Life::Previous,
            tail_lines: match wanted.part {
                LogPart::Newest { lines } => Some(i64::from(lines)),
                LogPart::Oldest { .. } => None,
            },
            limit_bytes: match wanted.part {
                LogPart::Newest { .. } => None,
                LogPart::Oldest { octets } => Some(i64::from(octets)),
            },
            ..LogParams::default()
        };
        let resource = self.resource("v1", "Pod").await.map_err(failed)?;
        let path = resource.path(Some(wanted.namespace));
        let request = Request::new(path)
            .logs(wanted.pod, &params)
            .map_err(|error| failed(Cause::NotAnObject(error.to_string())))?;
        self.send_text(request).await.map_err(failed)
    }
}
