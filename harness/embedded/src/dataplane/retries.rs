//! How many retries a cluster has under way. Envoy lets three at a time begin unless a cluster's
//! `circuit_breakers` say otherwise, and Cilium's clusters have none (envoyproxy/envoy
//! `api/envoy/config/cluster/v3/circuit_breaker.proto`, `source/common/router/retry_state_impl.cc`).
//! What comes of a request beyond them is passed on as if it was not to be tried again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Envoy's default `max_retries`.
const LIMIT: usize = 3;

/// The retries under way, by cluster.
#[derive(Debug, Default)]
pub(super) struct Retries {
    active: Mutex<BTreeMap<String, usize>>,
}

/// One of them, until it is dropped: when its answer or failure is known.
#[derive(Debug)]
pub(super) struct Retrying {
    retries: Arc<Retries>,
    cluster: String,
}

impl Retries {
    /// Begins a retry; `None` when the cluster has as many as it may have.
    pub(super) fn begin(self: &Arc<Self>, cluster: &str) -> Option<Retrying> {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let count = active.entry(cluster.to_owned()).or_default();
        if *count >= LIMIT {
            return None;
        }
        *count += 1;
        Some(Retrying { retries: Arc::clone(self), cluster: cluster.to_owned() })
    }
}

impl Drop for Retrying {
    fn drop(&mut self) {
        let mut active = self.retries.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = active.get_mut(&self.cluster) {
            *count -= 1;
            if *count == 0 {
                active.remove(&self.cluster);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{LIMIT, Retries};

    #[test]
    fn each_cluster_has_so_many_retries_at_a_time_and_no_more() {
        let retries = Arc::new(Retries::default());
        let mut begun: Vec<_> = (0..LIMIT).map_while(|_| retries.begin("a")).collect();
        assert_eq!(begun.len(), LIMIT);
        assert!(retries.begin("a").is_none(), "one too many");
        assert!(retries.begin("b").is_some(), "another cluster has its own");
        drop(begun.pop());
        assert!(retries.begin("a").is_some(), "one that ended makes room");
    }
}
