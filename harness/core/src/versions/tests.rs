//! What is chosen, what is refused with which words, and what passes with a warning.

use semver::Version;

use super::pairing::{Fit, ROWS, fit};
use super::{Asked, CERT_MANAGER, Chosen, Misfit, Release, choose, default_release};
use crate::cilium::CiliumVersion;
use crate::scenario::{Channel, GatewayApi};

fn cilium(text: &str) -> CiliumVersion {
    text.parse().expect("a version")
}

fn asked(
    version: &str,
    release: (Option<&str>, Option<Channel>),
    cert_manager: Option<&str>,
    kubernetes: Option<&str>,
) -> Result<Chosen, Misfit> {
    let gateway_api = GatewayApi { version: release.0.map(str::to_owned), channel: release.1 };
    choose(Asked { cilium: &cilium(version), gateway_api: &gateway_api, cert_manager, kubernetes })
}

const OPEN: (Option<&str>, Option<Channel>) = (None, None);

#[test]
fn what_is_left_open_is_what_upstream_reported_with() {
    for (version, release) in [
        ("1.15.19", "1.0.0 (experimental)"),
        ("1.16.7", "1.1.0 (experimental)"),
        ("1.17.18", "1.2.1 (experimental)"),
        ("1.18.12", "1.3.0 (experimental)"),
        ("1.19.6", "1.4.0 (experimental)"),
        ("1.20.2", "1.6.1 (standard)"),
        ("1.21-dev", "1.6.1 (standard)"),
    ] {
        let chosen = asked(version, OPEN, None, None).expect(version);
        assert_eq!(chosen.gateway_api.to_string(), release, "{version}");
        assert_eq!(chosen.warnings, Vec::<String>::new(), "{version}");
        assert_eq!(fit(&cilium(version), &chosen.gateway_api), Fit::Works, "{version}");
    }
}

#[test]
fn pairs_that_are_known_not_to_work_are_refused_with_what_fits() {
    for (version, release, parts) in [
        (
            "1.19.6",
            (Some("1.6.1"), Some(Channel::Standard)),
            &["ends again and again", "TLSRoute v1alpha2", "1.2 to 1.4 (experimental)"][..],
        ),
        ("1.20.2", (Some("v1.4.0"), None), &["leaves Gateway API support off", "1.6 (standard)"]),
        ("1.16.7", (None, Some(Channel::Standard)), &["TLSRoute is missing", "1.1 (experimental)"]),
        ("1.17.2", (None, Some(Channel::Standard)), &["cilium #38420"]),
    ] {
        let words = asked(version, release, None, None).expect_err(version).to_string();
        for part in parts {
            assert!(words.contains(part), "{part} in {words}");
        }
    }
}

#[test]
fn look_alikes_of_refused_pairs_pass() {
    for (version, release) in [
        ("1.19.6", (Some("1.6.1"), Some(Channel::Experimental))),
        ("1.19.6", (Some("1.4.1"), Some(Channel::Standard))),
        ("1.20.2", (Some("1.6.0"), None)),
        ("1.17.4", (None, Some(Channel::Standard))),
    ] {
        asked(version, release, None, None).expect(version);
    }
}

#[test]
fn versions_newer_than_the_tables_pass_with_a_warning() {
    for (version, release, cert_manager, kubernetes, part) in [
        ("1.22.0", OPEN, None, None, "Cilium 1.22.0 with Gateway API 1.6.1"),
        ("1.20.2", (Some("1.7.0"), None), None, None, "newer than what is known"),
        ("1.20.2", OPEN, Some("1.22.0"), None, "cert-manager 1.22.0 is newer"),
        ("1.20.2", OPEN, None, Some("1.37.0"), "tested with Kubernetes 1.33 to 1.36"),
        ("1.18.12", OPEN, None, Some("v1.36.4"), "tested with Kubernetes 1.30 to 1.33"),
        ("1.20.2", OPEN, Some("1.15.2"), Some("1.36.4"), "cert-manager 1.15 supports"),
        ("1.20.2", OPEN, Some("1.15.1"), None, "take 1.15.2 or later"),
        ("1.20.2", OPEN, Some("1.19.0"), None, "take 1.19.1 or later"),
    ] {
        let warnings = asked(version, release, cert_manager, kubernetes).expect(version).warnings;
        assert!(warnings.iter().any(|line| line.contains(part)), "{part} in {warnings:?}");
    }
}

#[test]
fn cert_manager_follows_kubernetes() {
    for (kubernetes, expected) in [
        (None, "1.21.1"),
        (Some("v1.36.4"), "1.21.1"),
        (Some("1.32.1"), "1.20.3"),
        (Some("1.31.0"), "1.19.6"),
        (Some("1.28.9"), "1.16.0"),
        (Some("1.99.0"), "1.21.1"),
    ] {
        let chosen = asked("1.17.18", OPEN, None, kubernetes).expect("it fits");
        assert_eq!(chosen.cert_manager, Version::parse(expected).expect("a version"));
    }
}

#[test]
fn a_good_release_beside_a_bad_one_passes_without_a_warning() {
    for cert_manager in ["1.15.2", "1.19.1", "1.20.1", "1.21.1"] {
        let chosen = asked("1.20.2", OPEN, Some(cert_manager), None).expect(cert_manager);
        assert_eq!(chosen.warnings, Vec::<String>::new(), "{cert_manager}");
    }
}

#[test]
fn a_kubernetes_too_old_for_the_gateway_api_is_told_what_fits_instead() {
    for (version, part) in
        [("1.20.2", "or an older Cilium than 1.20.2"), ("1.17.9", "1.2 to 1.4 (experimental)")]
    {
        let release = (Some("1.6.1"), Some(Channel::Experimental));
        let words = asked(version, release, None, Some("1.30.4")).expect_err(version).to_string();
        assert!(words.contains(part) && words.contains("what fits: a newer Kubernetes"), "{words}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let release = (Some("1.5.1"), Some(Channel::Standard));
    let Misfit(problems) =
        asked("1.19.6", release, Some("1.8.2"), Some("1.30.0")).expect_err("three problems");
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[2].contains("needs Kubernetes 1.31 or later, and this is 1.30.0;"));
}

#[test]
fn every_pair_has_one_row() {
    for version in ["1.15.0", "1.16.0", "1.17.9", "1.18.0", "1.19.0", "1.20.0", "1.21-dev"] {
        for minor in 0..=6 {
            for channel in [Channel::Standard, Channel::Experimental] {
                let rows = ROWS.iter().filter(|row| {
                    let cilium = cilium(version).minor();
                    row.channel == channel
                        && (row.releases.0..=row.releases.1).contains(&minor)
                        && (row.cilium.0..=row.cilium.1).contains(&cilium)
                });
                assert_eq!(rows.count(), 1, "Cilium {version} with 1.{minor} {channel}");
            }
        }
    }
    let old = Release { version: Version::new(0, 7, 1), channel: Channel::Experimental };
    assert_eq!(default_release(&cilium("1.14.19"), None), old);
    assert!(CERT_MANAGER.windows(2).all(|pair| pair[0].newest > pair[1].newest), "newest first");
}
