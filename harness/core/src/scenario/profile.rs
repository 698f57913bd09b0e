//! Settings that real load balancers start from, by name.
//!
//! The values are those of AWS: what the API gives a TCP target group of a Network Load Balancer
//! (Elastic Load Balancing API reference, `CreateTargetGroup`), and what the AWS Load Balancer
//! Controller sets for a Service with traffic policy Cluster (kubernetes-sigs/
//! aws-load-balancer-controller, `docs/guide/service/annotations.md`).

use std::time::Duration;

use crate::health::{Protocol, Settings};

/// The names.
pub(crate) const NAMES: &[&str] = &["aws-default", "aws-lbc-cluster"];

/// The settings of a profile.
pub(crate) fn settings(name: &str) -> Option<Settings> {
    let (interval, timeout, healthy_threshold, unhealthy_threshold) = match name {
        "aws-default" => (30, 10, 5, 2),
        "aws-lbc-cluster" => (10, 10, 3, 3),
        _ => return None,
    };
    Some(Settings {
        protocol: Protocol::Tcp,
        interval: Duration::from_secs(interval),
        timeout: Duration::from_secs(timeout),
        healthy_threshold,
        unhealthy_threshold,
        initial_passes: 1,
    })
}

#[cfg(test)]
mod tests {
    use super::{NAMES, settings};

    #[test]
    fn every_named_profile_has_settings_and_no_other_has() {
        for name in NAMES {
            assert!(settings(name).is_some(), "{name}");
        }
        assert_eq!(settings("aws"), None);
    }
}
