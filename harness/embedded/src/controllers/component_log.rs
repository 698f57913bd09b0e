//! What components of the embedded cluster would have logged, kept in bounded memory.
//!
//! The wording follows the real components where their source or documentation gives it, because
//! people and diagnosis rules look for those lines. Nothing secret is written here.

pub(crate) mod component_pods;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gateproof_kubernetes::Component;

/// Lines that are kept for each component.
const CAPACITY: usize = 1000;

/// The logs of all components; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct ComponentLogs {
    logs: Arc<Mutex<Vec<ComponentLog>>>,
}

/// A component and its lines, oldest first.
type ComponentLog = (Component, VecDeque<Line>);

#[derive(Debug, Clone)]
struct Line {
    time: String,
    text: String,
}

/// One line to write, without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Who says it.
    pub(crate) component: Component,
    /// What is said, such as `level=warn msg="Mismatch found"`.
    pub(crate) text: String,
}

impl ComponentLogs {
    /// Adds a line, unless the component has said exactly that already and it is still kept: a
    /// controller that runs again repeats itself, and repetition says nothing new. Returns what
    /// was new.
    pub(crate) fn say(&self, line: LogLine, now: &str) -> Option<String> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let index =
            logs.iter().position(|(known, _)| *known == line.component).unwrap_or_else(|| {
                logs.push((line.component.clone(), VecDeque::new()));
                logs.len() - 1
            });
        let lines = &mut logs[index].1;
        if lines.iter().any(|known| known.text == line.text) {
            return None;
        }
        if lines.len() == CAPACITY {
            lines.pop_front();
        }
        let said = format!("time={now} {}", line.text);
        lines.push_back(Line { time: now.to_owned(), text: line.text });
        Some(said)
    }

    /// Everything a component said, oldest first, one line each.
    pub(crate) fn read(&self, component: &Component) -> String {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for line in logs.iter().filter(|(known, _)| known == component).flat_map(|(_, lines)| lines)
        {
            text.push_str("time=");
            text.push_str(&line.time);
            text.push(' ');
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }

    /// Forgets what a component said, as a restarted pod does.
    pub(crate) fn clear(&self) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::name::NodeName;
    use gateproof_kubernetes::Component;

    use super::{CAPACITY, ComponentLogs, LogLine};

    fn line(node: &str, text: &str) -> LogLine {
        LogLine { component: Component::CiliumAgent(NodeName::new(node)), text: text.to_owned() }
    }

    #[test]
    fn a_component_reads_its_own_lines_only() {
        let logs = ComponentLogs::default();
        logs.say(line("a", "one"), "t1");
        logs.say(line("b", "two"), "t2");
        logs.say(line("a", "one"), "t3");
        assert_eq!(logs.read(&Component::CiliumAgent(NodeName::new("a"))), "time=t1 one\n");
        assert_eq!(logs.read(&Component::CertManager), "");
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let logs = ComponentLogs::default();
        for number in 0..=CAPACITY {
            logs.say(line("a", &format!("line {number}.")), "t");
        }
        let text = logs.read(&Component::CiliumAgent(NodeName::new("a")));
        assert_eq!(text.lines().count(), CAPACITY);
        assert!(!text.contains("line 0."), "the oldest line is gone");
        assert!(text.contains(&format!("line {CAPACITY}.")));
    }
}
