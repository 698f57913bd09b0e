//! How long a doubtful trouble is borne before a wait is called pointless.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::pods::{Outlook, Trouble};

/// The kubelet tries again after 10, 20 and 40 seconds: by then three tries have failed.
const LIMIT: Duration = Duration::from_secs(75);

/// Remembers since when which pod has had which trouble.
pub(super) struct Patience {
    since: Mutex<BTreeMap<(String, String), Instant>>,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { since: Mutex::new(BTreeMap::new()) }
    }

    /// Whether this trouble ends the wait.
    pub(super) fn is_over(&self, pod: &Value, trouble: &Trouble) -> bool {
        if trouble.outlook == Outlook::Hopeless {
            return true;
        }
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        // Pulling fails as `ErrImagePull` and is then put off as `ImagePullBackOff`: one trouble.
        let what = if trouble.reason.contains("ImagePull") { "image" } else { &trouble.reason };
        let key = (uid.to_owned(), what.to_owned());
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.entry(key).or_insert_with(Instant::now).elapsed() >= LIMIT
    }
}
