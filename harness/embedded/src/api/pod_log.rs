//! What pods have written: kept in memory, the newest lines of each pod.
//!
//! The kubelet hands every pod a [`PodLog`]; the API reads them for `pods/<name>/log`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::clock::{Clock, seconds_between};
use super::object::ObjectName;
use gateproof_echo::Log;

/// How many lines of a pod are kept.
const CAPACITY: usize = 4096;

/// The logs of all pods; cheap to clone, all clones are the same.
#[derive(Clone)]
pub struct PodLogs {
    clock: Arc<dyn Clock>,
    logs: Arc<Mutex<BTreeMap<ObjectName, VecDeque<Line>>>>,
}

/// Where one pod writes.
#[derive(Debug, Clone)]
pub struct PodLog {
    logs: PodLogs,
    pod: ObjectName,
}

#[derive(Debug, Clone)]
struct Line {
    time: String,
    text: String,
}

/// Which lines are wanted, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Not those written before this time.
    pub(super) since: Option<String>,
    /// Not those written longer ago than this.
    pub(super) since_seconds: Option<i64>,
    /// The last ones only.
    pub(super) tail: Option<usize>,
    /// Each with its time in front.
    pub(super) timestamps: bool,
}

impl fmt::Debug for PodLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PodLogs").finish_non_exhaustive()
    }
}

impl PodLogs {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, logs: Arc::default() }
    }

    /// Where a pod writes.
    pub(crate) fn of(&self, pod: ObjectName) -> PodLog {
        PodLog { logs: self.clone(), pod }
    }

    /// Forgets what a pod wrote.
    pub(crate) fn forget(&self, pod: &ObjectName) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).remove(pod);
    }

    /// What a pod wrote, one line after the other; empty when it wrote nothing.
    pub(super) fn read(&self, pod: &ObjectName, wanted: &Wanted) -> String {
        let now = self.clock.now();
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&Line> = logs
            .get(pod)
            .into_iter()
            .flatten()
            .filter(|line| wanted.since.as_ref().is_none_or(|since| line.is_since(since)))
            .filter(|line| {
                let age = seconds_between(&line.time, &now).unwrap_or_default();
                wanted.since_seconds.is_none_or(|seconds| age <= seconds)
            })
            .collect();
        let first = wanted.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        let mut text = String::new();
        for line in &lines[first..] {
            if wanted.timestamps {
                text.push_str(&line.time);
                text.push(' ');
            }
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }
}

impl Line {
    /// Times have whole seconds here; a line of the same second counts.
    fn is_since(&self, since: &str) -> bool {
        seconds_between(since, &self.time).is_none_or(|seconds| seconds >= 0)
    }
}

impl Log for PodLog {
    fn say(&self, text: String) {
        let line = Line { time: self.logs.clock.now(), text };
        let mut logs = self.logs.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = logs.entry(self.pod.clone()).or_default();
        if lines.len() == CAPACITY {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::clock::Clock;
    use super::super::object::ObjectName;
    use super::{PodLogs, Wanted};
    use gateproof_echo::Log;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> String {
            "2026-01-01T12:00:00Z".to_owned()
        }
    }

    #[test]
    fn lines_are_chosen_by_pod_time_and_number() {
        let logs = PodLogs::new(Arc::new(Noon));
        let pod = ObjectName::namespaced("apps", "web-0");
        for line in ["one", "two", "three"] {
            logs.of(pod.clone()).say(line.to_owned());
        }
        let read = |wanted: Wanted| logs.read(&pod, &wanted);
        assert_eq!(read(Wanted::default()), "one\ntwo\nthree\n");
        assert_eq!(read(Wanted { tail: Some(1), ..Wanted::default() }), "three\n");
        let since = |time: &str| Wanted { since: Some(time.to_owned()), ..Wanted::default() };
        assert_eq!(read(since("2026-01-01T12:00:01Z")), "");
        assert_eq!(read(since("2026-01-01T12:00:00Z")), "one\ntwo\nthree\n");
        let stamped = Wanted { tail: Some(1), timestamps: true, ..Wanted::default() };
        assert_eq!(read(stamped), "2026-01-01T12:00:00Z three\n");
        assert_eq!(logs.read(&ObjectName::namespaced("apps", "other"), &Wanted::default()), "");
        logs.forget(&pod);
        assert_eq!(read(Wanted::default()), "");
    }
}
