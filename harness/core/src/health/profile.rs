//! Named health-check settings that real platforms start from.
//!
//! Only profiles whose checks are TCP are here. Profiles that check HTTP (`aws-lbc-local`,
//! `gke-l4`) wait for that protocol, and `haproxy` for its check timeout and its starting state,
//! which differs from a cloud balancer's; asking for one of them says so instead of pretending.

use std::time::Duration;

use super::{Protocol, Settings};

/// Settings with a name and where they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name that scenarios use, such as `aws-lbc-cluster`.
    pub name: &'static str,
    /// The settings.
    pub settings: Settings,
    /// Where they come from: project or vendor, file or page.
    pub source: &'static str,
}

/// Every profile, sorted by name.
pub const PROFILES: [Profile; 3] = [
    Profile {
        name: "aws-default",
        settings: Settings {
            protocol: Protocol::Tcp,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            initial_passes: 1,
        },
        source: "AWS, Network Load Balancers: Health checks for target groups (defaults of a TCP check)",
    },
    Profile {
        name: "aws-lbc-cluster",
        settings: Settings {
            protocol: Protocol::Tcp,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            healthy_threshold: 3,
            unhealthy_threshold: 3,
            initial_passes: 1,
        },
        source: "kubernetes-sigs/aws-load-balancer-controller: pkg/service/model_build_target_group.go \
                 (August 2026; instance targets, externalTrafficPolicy Cluster)",
    },
    // The cloud provider sets no timeout of its own; that a probe may take a whole interval, and
    // that a new target needs both passes, is inferred.
    Profile {
        name: "azure-standard",
        settings: Settings {
            protocol: Protocol::Tcp,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            initial_passes: 2,
        },
        source: "kubernetes-sigs/cloud-provider-azure: azure_loadbalancer_healthprobe.go \
                 (externalTrafficPolicy Cluster; timeout and first passes inferred)",
    },
];

/// Platforms people ask for that cannot be modelled yet, and why.
const NOT_MODELLED: [(&str, &str); 3] = [
    ("aws-lbc-local", "it checks HTTP on the Service's healthCheckNodePort"),
    ("gke-l4", "it checks HTTP `/healthz`"),
    ("haproxy", "its servers start as up, without an initial state"),
];

/// The profile of this name.
pub fn profile(name: &str) -> Option<Profile> {
    PROFILES.into_iter().find(|profile| profile.name == name)
}

/// The profile of this name, or why there is none.
pub fn find_profile(name: &str) -> Result<Profile, UnknownProfile> {
    profile(name).ok_or_else(|| UnknownProfile {
        name: name.to_owned(),
        advice: match NOT_MODELLED.iter().find(|(known, _)| *known == name) {
            Some((_, why)) => format!("{why}, and only TCP checks of cloud balancers are modelled"),
            None => nearest(name),
        },
    })
}

fn nearest(name: &str) -> String {
    PROFILES
        .iter()
        .map(|profile| (strsim::damerau_levenshtein(name, profile.name), profile.name))
        .min()
        .filter(|(distance, _)| *distance <= 4)
        .map_or_else(
            || "no profile is called that".to_owned(),
            |(_, near)| format!("did you mean `{near}`?"),
        )
}

/// No profile of that name can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown target-health profile `{name}`: {advice} (profiles: {})", names())]
pub struct UnknownProfile {
    /// The name that was asked for.
    pub name: String,
    /// Why, or which name was meant.
    pub advice: String,
}

fn names() -> String {
    PROFILES.map(|profile| profile.name).join(", ")
}

/// Single values that replace a profile's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Replaces [`Settings::interval`].
    pub interval: Option<Duration>,
    /// Replaces [`Settings::timeout`].
    pub timeout: Option<Duration>,
    /// Replaces [`Settings::healthy_threshold`].
    pub healthy_threshold: Option<u32>,
    /// Replaces [`Settings::unhealthy_threshold`].
    pub unhealthy_threshold: Option<u32>,
    /// Replaces [`Settings::initial_passes`].
    pub initial_passes: Option<u32>,
}

impl Overrides {
    /// The settings with these values in place of theirs.
    pub fn apply(&self, settings: &Settings) -> Settings {
        Settings {
            protocol: settings.protocol,
            interval: self.interval.unwrap_or(settings.interval),
            timeout: self.timeout.unwrap_or(settings.timeout),
            healthy_threshold: self.healthy_threshold.unwrap_or(settings.healthy_threshold),
            unhealthy_threshold: self.unhealthy_threshold.unwrap_or(settings.unhealthy_threshold),
            initial_passes: self.initial_passes.unwrap_or(settings.initial_passes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Overrides, PROFILES, find_profile, profile};

    #[test]
    fn every_profile_is_legal_and_found_by_its_name() {
        for expected in PROFILES {
            assert_eq!(expected.settings.validate(), vec![], "{}", expected.name);
            assert_eq!(profile(expected.name), Some(expected));
        }
        assert!(PROFILES.is_sorted_by_key(|profile| profile.name));
    }

    #[test]
    fn an_unknown_profile_names_the_nearest_one() {
        let message = |name| find_profile(name).expect_err("no such profile").to_string();
        insta::assert_snapshot!(message("aws-lbc-clutser"), @"unknown target-health profile `aws-lbc-clutser`: did you mean `aws-lbc-cluster`? (profiles: aws-default, aws-lbc-cluster, azure-standard)");
        insta::assert_snapshot!(message("gke-l4"), @"unknown target-health profile `gke-l4`: it checks HTTP `/healthz`, and only TCP checks of cloud balancers are modelled (profiles: aws-default, aws-lbc-cluster, azure-standard)");
        insta::assert_snapshot!(message("vendor-x-premium"), @"unknown target-health profile `vendor-x-premium`: no profile is called that (profiles: aws-default, aws-lbc-cluster, azure-standard)");
    }

    #[test]
    fn an_override_replaces_one_value_and_leaves_the_others() {
        let base = profile("aws-default").expect("a profile").settings;
        let changed = Overrides { interval: Some(Duration::from_secs(5)), ..Overrides::default() }
            .apply(&base);
        assert_eq!(changed.interval, Duration::from_secs(5));
        assert_eq!((changed.timeout, changed.healthy_threshold), (base.timeout, 5));
        assert_eq!(Overrides::default().apply(&base), base);
    }
}
