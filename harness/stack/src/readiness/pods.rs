//! What keeps a pod from running, and whether it can pass by itself.

use gateproof_kubernetes::{Client, Life, LogPart, LogRequest};
use serde_json::Value;

/// What keeps a container from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The container.
    pub(crate) container: String,
    /// The kubelet's reason, such as `ImagePullBackOff`.
    pub(crate) reason: String,
    /// The kubelet's message.
    pub(crate) message: String,
    /// How it ended the last time, such as `OOMKilled, exit code 137`.
    pub(crate) ended: Option<String>,
    /// How often the container was started again.
    pub(crate) restarts: u64,
    /// Whether it can pass.
    pub(crate) outlook: Outlook,
}

/// Whether a trouble can pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// It cannot.
    Hopeless,
    /// It can, but seldom does: it is given some time.
    Doubtful,
}

/// Troubles that only a change of the object ends (kubernetes/kubernetes
/// `pkg/kubelet/images/types.go`, `pkg/kubelet/container/sync_result.go`).
/// The last is the embedded cluster's own: it has no such image and never will.
const HOPELESS: &[&str] = &[
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "ImageInspectError",
    "ImageCannotRun",
];

/// Parts of an image's trouble that no second try ends.
const NO_SUCH_IMAGE: &[&str] =
    &["not found", "manifest unknown", "denied", "unauthorized", "no such host", "does not exist"];

/// After so many restarts a container that keeps ending is not going to stay: the agent ends once
/// or twice while the cluster comes up, and each further wait of the kubelet is longer.
const RESTARTS: u64 = 3;

/// What keeps a pod from running, when it is more than a matter of time.
pub(crate) fn trouble(pod: &Value) -> Option<Trouble> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|list| pod.pointer(&format!("/status/{list}"))?.as_array())
        .flatten()
        .find_map(of_container)
}

fn of_container(status: &Value) -> Option<Trouble> {
    let waiting = status.pointer("/state/waiting")?;
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (reason, message) = (text(waiting, "reason"), text(waiting, "message"));
    let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
    let outlook = match reason.as_str() {
        known if HOPELESS.contains(&known) => Outlook::Hopeless,
        "ImagePullBackOff" | "ErrImagePull" => {
            let lower = message.to_lowercase();
            if NO_SUCH_IMAGE.iter().any(|part| lower.contains(part)) {
                Outlook::Hopeless
            } else {
                Outlook::Doubtful
            }
        }
        "CrashLoopBackOff" if restarts >= RESTARTS => Outlook::Hopeless,
        "CrashLoopBackOff" | "CreateContainerError" | "RunContainerError" => Outlook::Doubtful,
        _ => return None,
    };
    let ended = status.pointer("/lastState/terminated").and_then(ended);
    Some(Trouble { container: text(status, "name"), reason, message, ended, restarts, outlook })
}

/// How a container ended: the kubelet's reason, which tells one that was killed for its memory from
/// one that gave up, and the exit code.
fn ended(terminated: &Value) -> Option<String> {
    let reason = terminated.get("reason").and_then(Value::as_str)?;
    let code = terminated.get("exitCode").and_then(Value::as_i64);
    Some(code.map_or_else(|| reason.to_owned(), |code| format!("{reason}, exit code {code}")))
}

/// What keeps a pod from running, in words, and whether it can pass: what its containers wait for, or
/// that no node takes it.
pub fn hindrance(pod: &Value) -> Option<(String, Outlook)> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    let name = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
    if let Some(Trouble { container, reason, message, ended, outlook, .. }) = trouble(pod) {
        let said = if message.is_empty() { String::new() } else { format!(" ({message})") };
        let ended = ended.map(|ended| format!(", it last ended with {ended}")).unwrap_or_default();
        let words = format!("container {container} of pod {name}: {reason}{ended}{said}");
        return Some((words, outlook));
    }
    if let Some((container, reason, message)) = other_wait(pod) {
        let words = format!("container {container} of pod {name}: {reason} ({message})");
        return Some((words, Outlook::Doubtful));
    }
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let unscheduled = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False");
    if let Some(condition) = unscheduled {
        let said = condition["message"].as_str().unwrap_or("nobody says why");
        return Some((format!("no node takes pod {name}: {said}"), Outlook::Doubtful));
    }
    let nowhere = pod.pointer("/spec/nodeName").is_none();
    nowhere.then(|| (format!("no node was chosen for pod {name} yet"), Outlook::Doubtful))
}

/// What a container waits for that is no usual step on the way up.
fn other_wait(pod: &Value) -> Option<(&str, &str, &str)> {
    let containers = pod.pointer("/status/containerStatuses")?.as_array()?;
    containers.iter().find_map(|status| {
        let text = |pointer| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let reason = text("/state/waiting/reason");
        let usual = ["", "ContainerCreating", "PodInitializing"].contains(&reason);
        (!usual).then(|| (text("/name"), reason, text("/state/waiting/message")))
    })
}

/// A trouble in words, with the last line that the container wrote when it ended by itself.
pub(crate) async fn in_words(
    client: &Client,
    namespace: &str,
    pod: &Value,
    trouble: &Trouble,
) -> String {
    let text =
        |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
    let (name, node) = (text("/metadata/name"), text("/spec/nodeName"));
    let Trouble { container, reason, message, ended, restarts, .. } = trouble;
    let words = format!("container {container} of pod {namespace}/{name} on {node}: {reason}");
    if reason != "CrashLoopBackOff" {
        return if message.is_empty() { words } else { format!("{words} ({message})") };
    }
    let wanted = LogRequest {
        namespace,
        pod: &name,
        container: Some(container),
        life: Life::Previous,
        part: LogPart::Newest { lines: 20 },
    };
    let said = match client.pod_log(wanted).await {
        Ok(log) => match log.lines().map(str::trim).rfind(|line| !line.is_empty()) {
            Some(line) => format!("the last line of its log: {}", shortened(line)),
            None => "it logged nothing".to_owned(),
        },
        Err(error) => format!("its log could not be had: {}", error.cause),
    };
    let ended = ended.as_ref().map(|ended| format!(", the last time with {ended}"));
    format!("{words} after {restarts} restarts{}; {said}", ended.unwrap_or_default())
}

fn shortened(line: &str) -> String {
    const LONGEST: usize = 400;
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Outlook, trouble};

    fn pod(reason: &str, message: &str, restarts: u64) -> Value {
        json!({"status": {"containerStatuses": [
            {"name": "ok", "state": {"running": {}}},
            {"name": "cilium-agent", "restartCount": restarts,
                "state": {"waiting": {"reason": reason, "message": message}}},
        ]}})
    }

    #[test]
    fn troubles_are_judged_by_whether_a_second_try_can_help() {
        for (reason, message, restarts, expected) in [
            ("ContainerCreating", "", 0, None),
            ("PodInitializing", "", 0, None),
            ("ImagePullBackOff", "manifest unknown", 0, Some(Outlook::Hopeless)),
            ("ErrImagePull", "quay.io/x: NotFound: not found", 0, Some(Outlook::Hopeless)),
            ("ImagePullBackOff", "toomanyrequests", 0, Some(Outlook::Doubtful)),
            ("ErrImageNeverPull", "", 0, Some(Outlook::Hopeless)),
            ("CrashLoopBackOff", "back-off", 1, Some(Outlook::Doubtful)),
            ("CrashLoopBackOff", "back-off", 3, Some(Outlook::Hopeless)),
            ("CreateContainerConfigError", "secret missing", 0, Some(Outlook::Hopeless)),
        ] {
            let told = trouble(&pod(reason, message, restarts)).map(|trouble| trouble.outlook);
            assert_eq!(told, expected, "{reason} {message} {restarts}");
        }
    }

    #[test]
    fn whatever_keeps_a_pod_down_is_said_and_a_pod_on_its_way_is_left_alone() {
        let waiting = |reason: &str, message: &str| {
            json!({"containerStatuses": [{"name": "echo", "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": message}}}]})
        };
        let unscheduled = json!({"conditions": [{"type": "PodScheduled", "status": "False",
            "message": "0/3 nodes are available: 3 had untolerated taint"}]});
        for (node, status, expected) in [
            (
                Some("n"),
                waiting("ErrImagePull", "not found"),
                Some("echo of pod a/p: ErrImagePull"),
            ),
            (Some("n"), waiting("SomethingNew", "why"), Some("SomethingNew (why)")),
            (None, unscheduled, Some("no node takes pod a/p: 0/3 nodes are available")),
            (None, json!({"phase": "Pending"}), Some("no node was chosen for pod a/p yet")),
            (Some("n"), waiting("ContainerCreating", ""), None),
            (Some("n"), json!({"phase": "Running"}), None),
        ] {
            let mut pod = json!({"metadata": {"namespace": "a", "name": "p"}, "spec": {},
                "status": status});
            if let Some(node) = node {
                pod["spec"]["nodeName"] = node.into();
            }
            let found = super::hindrance(&pod);
            let words = found.as_ref().map(|(words, _)| words.as_str());
            assert_eq!(words.is_some(), expected.is_some(), "{pod}");
            assert!(words.unwrap_or_default().contains(expected.unwrap_or_default()), "{words:?}");
        }
    }

    #[test]
    fn trouble_of_an_init_container_comes_first() {
        let mut pod = pod("CrashLoopBackOff", "", 5);
        pod["status"]["initContainerStatuses"] = json!([{"name": "config",
            "state": {"waiting": {"reason": "ErrImageNeverPull"}}}]);
        assert_eq!(trouble(&pod).expect("a trouble").container, "config");
    }
}
