//! What keeps a pod from running, as its status says.
//!
//! Reasons are the kubelet's (kubernetes/kubernetes 1.36: `pkg/kubelet/images/types.go`,
//! `pkg/kubelet/kuberuntime/kuberuntime_container.go`, `pkg/kubelet/container/sync_result.go`), those
//! of a container that ended the container runtime's (`OOMKilled`, `Error`, `Completed`). A pod that is
//! ready has no trouble, whatever happened to it before.

use std::time::Duration;

use serde_json::Value;

use super::items;
use crate::dossier::text;
use crate::moment::Moment;

/// Waiting that is no trouble by itself: every pod goes through it.
const ON_THE_WAY: &[&str] = &["ContainerCreating", "PodInitializing"];
/// How much of the kubelet's words is told.
const LONGEST: usize = 240;

/// Whether a pod's condition `Ready` is `True`.
pub(in crate::finding) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|one| text(one, "/status") == Some("True"))
}

/// What keeps a pod from being ready, in words; `None` when it is ready, or does not say.
pub(in crate::finding) fn trouble(pod: &Value) -> Option<String> {
    if is_ready(pod) {
        return None;
    }
    let scheduled = condition(pod, "PodScheduled");
    if let Some(one) = scheduled.filter(|one| text(one, "/status") == Some("False")) {
        return Some(said("no node takes it", text(one, "/message")));
    }
    let containers = || {
        ["/status/initContainerStatuses", "/status/containerStatuses"]
            .into_iter()
            .flat_map(|list| items(pod, list))
    };
    let of_container = containers().find_map(of_container);
    of_container
        .or_else(|| {
            let reason = text(pod, "/status/reason")?;
            Some(said(reason, text(pod, "/status/message")))
        })
        .or_else(|| {
            let waits = |one: &&Value| text(one, "/state/waiting/reason").is_some();
            let running = containers().next().is_some() && !containers().any(|one| waits(&one));
            running.then(|| "it runs and its readiness probe fails".to_owned())
        })
}

fn of_container(status: &Value) -> Option<String> {
    let name = text(status, "/name").unwrap_or("?");
    let before =
        ended(status, "/lastState/terminated").map(|ended| format!("; it ended before: {ended}"));
    let before = before.unwrap_or_default();
    let waiting = text(status, "/state/waiting/reason");
    if let Some(reason) = waiting.filter(|reason| !ON_THE_WAY.contains(reason)) {
        let said = said(reason, text(status, "/state/waiting/message"));
        return Some(format!("container {name}: {said}{before}"));
    }
    // Init containers that have done their work ended with 0.
    let ended_badly =
        status.pointer("/state/terminated/exitCode").and_then(Value::as_i64) != Some(0);
    if let Some(ended) = ended(status, "/state/terminated").filter(|_| ended_badly) {
        return Some(format!("container {name} ended: {ended}"));
    }
    None
}

/// How a container ended, such as `OOMKilled (exit code 137) at 2026-11-21T02:00:00Z`.
pub(in crate::finding) fn ended(status: &Value, pointer: &str) -> Option<String> {
    let end = status.pointer(pointer)?;
    let reason = text(end, "/reason").unwrap_or("ended");
    let code = end.get("exitCode").and_then(Value::as_i64);
    let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
    let at = text(end, "/finishedAt").map(|at| format!(" at {at}")).unwrap_or_default();
    Some(format!("{reason}{code}{at}"))
}

/// A container of a pod that ends again and again, in words: several restarts, the last of them not
/// long before this moment.
pub(in crate::finding) fn keeps_ending(pod: &Value, taken: Moment) -> Option<String> {
    const SEVERAL: u64 = 3;
    const RECENTLY: Duration = Duration::from_mins(10);
    let status = items(pod, "/status/containerStatuses").iter().find(|status| {
        let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
        let at: Option<Moment> =
            text(status, "/lastState/terminated/finishedAt").and_then(|at| at.parse().ok());
        restarts >= SEVERAL
            && at.and_then(|at| taken.since(at)).is_some_and(|since| since <= RECENTLY)
    })?;
    let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
    let name = text(status, "/name").unwrap_or("?");
    let last = ended(status, "/lastState/terminated")?;
    Some(format!("container {name}: {restarts} restarts, the last end {last}"))
}

fn condition<'v>(pod: &'v Value, kind: &str) -> Option<&'v Value> {
    items(pod, "/status/conditions").iter().find(|one| text(one, "/type") == Some(kind))
}

fn said(reason: &str, message: Option<&str>) -> String {
    let message = message.map(str::trim).filter(|message| !message.is_empty());
    let Some(message) = message else { return reason.to_owned() };
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{reason}: {}…", &message[..end]),
        None => format!("{reason}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{keeps_ending, trouble};

    fn pod(ready: &str, container: &Value) -> Value {
        json!({"status": {"conditions": [{"type": "Ready", "status": ready}],
            "initContainerStatuses": [{"name": "config",
                "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
            "containerStatuses": [container]}})
    }

    #[test]
    fn what_keeps_a_pod_is_told_in_the_kubelets_words() {
        let pull = json!({"name": "echo", "state": {"waiting": {"reason": "ImagePullBackOff",
            "message": "Back-off pulling image \"x:1\""}}});
        let crash = json!({"name": "echo", "restartCount": 7,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled",
                "finishedAt": "2026-11-21T02:00:00Z"}}});
        let creating =
            json!({"name": "echo", "state": {"waiting": {"reason": "ContainerCreating"}}});
        let running = json!({"name": "echo", "state": {"running": {}}});
        let failed =
            json!({"name": "echo", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}});
        let unscheduled = json!({"status": {"conditions": [{"type": "PodScheduled", "status": "False",
            "message": "0/3 nodes are available"}]}});
        let evicted = json!({"status": {"reason": "Evicted", "message": "low on memory"}});
        for (pod, expected) in [
            (
                pod("False", &pull),
                Some("container echo: ImagePullBackOff: Back-off pulling image \"x:1\""),
            ),
            (
                pod("False", &crash),
                Some(
                    "container echo: CrashLoopBackOff; it ended before: OOMKilled (exit code 137) at 2026-11-21T02:00:00Z",
                ),
            ),
            (pod("False", &failed), Some("container echo ended: Error (exit code 1)")),
            (pod("False", &running), Some("it runs and its readiness probe fails")),
            (unscheduled, Some("no node takes it: 0/3 nodes are available")),
            (evicted, Some("Evicted: low on memory")),
            (pod("False", &creating), None),
            (pod("True", &crash), None),
            (json!({}), None),
        ] {
            assert_eq!(trouble(&pod).as_deref(), expected, "{pod}");
        }
    }

    #[test]
    fn a_container_keeps_ending_when_it_did_often_and_lately() {
        let of = |restarts: u64, at: &str| {
            let container = json!({"name": "agent", "restartCount": restarts, "lastState":
                {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": at}}});
            let taken = "2026-11-21T03:00:00Z".parse().expect("a time");
            keeps_ending(&pod("True", &container), taken)
        };
        let told = of(4, "2026-11-21T02:55:00Z").expect("it does");
        assert!(
            told.contains("agent: 4 restarts, the last end OOMKilled (exit code 137)"),
            "{told}"
        );
        assert_eq!(of(4, "2026-11-21T02:00:00Z"), None, "an hour ago");
        assert_eq!(of(1, "2026-11-21T02:55:00Z"), None, "once");
    }
}
