//! The recent history of a kind, for watchers.
//!
//! Bounded: a watcher that asks for what is forgotten is told so and lists again.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

/// Changes kept per kind.
const KEPT: usize = 4096;

/// One change of one object.
#[derive(Debug, Clone)]
pub(in crate::api) struct Change {
    /// The revision it made.
    pub(in crate::api) revision: u64,
    /// What it did.
    pub(in crate::api) kind: ChangeKind,
    /// The object after it; for a deletion, the last state with the revision of the deletion.
    pub(in crate::api) object: Arc<Value>,
    /// The object before it.
    pub(in crate::api) previous: Option<Arc<Value>>,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum ChangeKind {
    /// The object is new.
    Added,
    /// It existed before.
    Modified,
    /// It is gone.
    Deleted,
}

/// Changes were asked for that are no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct TooOld {
    /// The oldest revision that can be asked for.
    pub(in crate::api) oldest: u64,
}

/// The changes of a kind, oldest first.
#[derive(Debug, Default)]
pub(super) struct ChangeLog {
    changes: VecDeque<Change>,
    forgotten: u64,
}

impl ChangeLog {
    /// Adds the newest change.
    pub(super) fn push(&mut self, change: Change) {
        if self.changes.len() == KEPT
            && let Some(oldest) = self.changes.pop_front()
        {
            self.forgotten = oldest.revision;
        }
        self.changes.push_back(change);
    }

    /// The changes after a revision.
    pub(super) fn after(&self, revision: u64) -> Result<Vec<Change>, TooOld> {
        if revision < self.forgotten {
            return Err(TooOld { oldest: self.forgotten });
        }
        let start = self.changes.partition_point(|change| change.revision <= revision);
        Ok(self.changes.range(start..).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::{Change, ChangeKind, ChangeLog, KEPT, TooOld};

    #[test]
    fn log_forgets_the_oldest_changes_and_says_so() {
        let mut log = ChangeLog::default();
        let last = KEPT as u64 + 2;
        for revision in 1..=last {
            let object = Arc::new(Value::Null);
            log.push(Change { revision, kind: ChangeKind::Added, object, previous: None });
        }
        assert_eq!(log.after(1).expect_err("revision 2 is forgotten"), TooOld { oldest: 2 });
        assert_eq!(log.after(2).expect("2 itself is not needed").len(), KEPT);
        assert_eq!(log.after(last - 1).expect("kept").len(), 1);
        assert_eq!(log.after(last).expect("nothing is newer").len(), 0);
    }
}
