//! Logs of components: the beginning, where a component says what it found at its start, and the
//! newest lines; of a container that crashed also how its life before ended.

use futures_util::future::join_all;
use gateproof_core::dossier::{Component, text};
use gateproof_core::name::NodeName;
use gateproof_kubernetes::{Life, LogPart, LogRequest};
use serde_json::Value;

use super::failed;
use super::objects::Read;
use super::reader::{Failure, Reader};
use crate::component;
use crate::evidence::{Evidence, LogOrigin, name};

/// How much of the beginning of a log is read. A log that is shorter is read whole by that.
const BEGINNING: u32 = 256 << 10;
/// How many of the newest lines are read of a log that is longer.
const NEWEST: u32 = 2000;
/// How many lines of the life before.
const LAST_WORDS: u32 = 200;

/// What was read of logs.
#[derive(Debug, Default)]
pub(super) struct Logs {
    logs: Vec<(LogOrigin, String)>,
    unread: Read,
}

impl Logs {
    /// Hands everything over.
    pub(super) fn into_evidence(self, evidence: &mut Evidence) {
        for (origin, log) in self.logs {
            evidence.add_log(&origin, &log);
        }
        self.unread.into_evidence(evidence);
    }
}

/// A pod whose log is wanted.
struct Writer<'e> {
    namespace: &'e str,
    pod: &'e str,
    container: Option<&'e str>,
    origin: LogOrigin,
    restarts: u64,
    is_ready: bool,
}

/// Reads logs of the pods that are in the evidence, of each component at most `most`.
pub(super) async fn read(reader: &Reader<'_>, evidence: &Evidence, most: usize) -> Logs {
    let mut logs = Logs::default();
    let mut chosen: Vec<Writer<'_>> = Vec::new();
    for component in [
        Component::CiliumOperator,
        Component::CiliumAgent,
        Component::Envoy,
        Component::CertManager,
    ] {
        let mut writers: Vec<Writer<'_>> =
            evidence.list("", "Pod").filter_map(|pod| writer(pod, component)).collect();
        writers.sort_by_key(|writer| (writer.is_ready, std::cmp::Reverse(writer.restarts)));
        if writers.len() > most {
            let left = writers.len() - most;
            logs.unread.miss(
                format!(
                    "logs of {} on {left} of {} nodes",
                    component::in_words(component),
                    writers.len()
                ),
                failed(&format!("only {most} logs of a component are read")),
                "what is said there",
            );
            writers.truncate(most);
        }
        chosen.extend(writers);
    }
    let asked = chosen.iter().map(|writer| of_pod(reader, writer));
    for (writer, answer) in chosen.iter().zip(join_all(asked).await) {
        match answer {
            Ok(log) => logs.logs.push((writer.origin.clone(), log)),
            Err(failure) => logs.unread.miss(
                format!("log of {}", writer.in_words()),
                failure.why(&format!("get pods/log in namespace {}", writer.namespace)),
                hides(writer.origin.component),
            ),
        }
    }
    logs
}

async fn of_pod(reader: &Reader<'_>, writer: &Writer<'_>) -> Result<String, Failure> {
    let request = |life, part| LogRequest {
        namespace: writer.namespace,
        pod: writer.pod,
        container: writer.container,
        life,
        part,
    };
    let mut parts = Vec::new();
    if writer.restarts > 0 {
        // There may be no life before any more; that hides little and is no failure.
        let before = request(Life::Previous, LogPart::Newest { lines: LAST_WORDS });
        parts.extend(reader.log(before).await.ok());
    }
    let oldest = LogPart::Oldest { octets: BEGINNING };
    let beginning = reader.log(request(Life::Current, oldest)).await?;
    let is_whole = beginning.len() < BEGINNING as usize;
    parts.push(beginning);
    if !is_whole {
        parts.push(reader.log(request(Life::Current, LogPart::Newest { lines: NEWEST })).await?);
    }
    // One text, so that what is in both parts counts once.
    Ok(parts.join("\n"))
}

fn writer(pod: &Value, component: Component) -> Option<Writer<'_>> {
    if component::of(pod) != Some(component) {
        return None;
    }
    let full = name(pod)?;
    let status = component::entry(pod, "/status/containerStatuses", component);
    Some(Writer {
        namespace: text(pod, "/metadata/namespace")?,
        pod: text(pod, "/metadata/name")?,
        container: component::entry(pod, "/spec/containers", component)
            .and_then(|container| text(container, "/name")),
        origin: LogOrigin {
            component,
            node: text(pod, "/spec/nodeName").map(NodeName::new),
            source: full.to_string(),
        },
        restarts: status
            .and_then(|status| status.get("restartCount")?.as_u64())
            .unwrap_or_default(),
        is_ready: status.and_then(|status| status.get("ready")?.as_bool()).unwrap_or_default(),
    })
}

impl Writer<'_> {
    /// Such as `the agent on worker2`.
    fn in_words(&self) -> String {
        let component = component::in_words(self.origin.component);
        match &self.origin.node {
            Some(node) if self.origin.component != Component::CertManager => {
                format!("{component} on {node}")
            }
            _ => format!("{component} ({})", self.origin.source),
        }
    }
}

fn hides(component: Component) -> &'static str {
    match component {
        Component::CiliumAgent => {
            "whether agents run the present configuration, and what Envoy refused"
        }
        Component::CiliumOperator => "what the operator refused to do",
        Component::Envoy => "what Envoy refused, and which ports it could not bind",
        Component::CertManager => "what cert-manager could not do",
    }
}
