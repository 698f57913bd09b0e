use std::collections::BTreeMap;

use super::{assert_verdict, name, printed};
use crate::judge::distribution;
use crate::scenario::Distribution;
use crate::verdict::Verdict::{self, Failed, Inconclusive, Passed};

fn claim(requests: u32, tolerance: f64, shares: &[(&str, f64)]) -> Distribution {
    let shares = shares.iter().map(|(backend, share)| (name(backend), *share)).collect();
    Distribution { requests, shares, tolerance }
}

fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(backend, count)| ((*backend).to_owned(), *count)).collect()
}

type Case<'a> = (&'a str, Distribution, &'a [(&'a str, u64)], Verdict);

#[test]
fn shares_hold_within_the_tolerance_and_deviations_are_weighed_against_chance() {
    let ninety = |requests| claim(requests, 5.0, &[("apps/v1", 90.0), ("apps/v2", 10.0)]);
    let zero = claim(100, 5.0, &[("apps/v1", 100.0), ("apps/v2", 0.0)]);
    let wide = |requests| claim(requests, 20.0, &[("apps/v1", 90.0), ("apps/v2", 10.0)]);
    let cases: [Case<'_>; 11] = [
        ("exactly", ninety(1000), &[("apps/v1", 900), ("apps/v2", 100)], Passed),
        ("within", ninety(1000), &[("apps/v1", 860), ("apps/v2", 140)], Passed),
        ("beyond chance", ninety(1000), &[("apps/v1", 800), ("apps/v2", 200)], Failed),
        ("too few to tell", ninety(20), &[("apps/v1", 15), ("apps/v2", 5)], Inconclusive),
        (
            "an unexpected backend",
            ninety(1000),
            &[("apps/v1", 895), ("apps/v2", 100), ("apps/v3", 5)],
            Failed,
        ),
        (
            "an error among them",
            ninety(1000),
            &[("apps/v1", 899), ("apps/v2", 100), ("status 503", 1)],
            Failed,
        ),
        (
            "an unexpected backend that never answered",
            ninety(1000),
            &[("apps/v1", 900), ("apps/v2", 100), ("apps/v3", 0)],
            Passed,
        ),
        ("weight 0 gets nothing", zero.clone(), &[("apps/v1", 100)], Passed),
        ("weight 0 within the tolerance", zero, &[("apps/v1", 99), ("apps/v2", 1)], Failed),
        ("never answered, wide tolerance", wide(1000), &[("apps/v1", 1000)], Failed),
        ("never answered, few requests", wide(10), &[("apps/v1", 10)], Inconclusive),
    ];
    for (about, claim, seen, expected) in cases {
        assert_verdict(&distribution(&claim, "worker2", &counts(seen)), expected, about);
    }
}

#[test]
fn fewer_answers_than_requests_decide_nothing() {
    let claim = claim(100, 5.0, &[("apps/v1", 100.0)]);
    for seen in [counts(&[]), counts(&[("apps/v1", 99)])] {
        assert_verdict(&distribution(&claim, "worker2", &seen), Inconclusive, "not all counted");
    }
    assert_verdict(&distribution(&claim, "worker2", &counts(&[("apps/v1", 100)])), Passed, "all");
}

#[test]
fn every_unexpected_backend_is_listed() {
    let claim = claim(1000, 5.0, &[("apps/v1", 50.0), ("apps/v2", 50.0)]);
    let seen = counts(&[("apps/v1", 300), ("apps/v2", 480), ("apps/v3", 200), ("status 503", 20)]);
    insta::assert_snapshot!(printed(&distribution(
        &claim,
        "worker2 127.9.0.2:31080 (node port of 80)",
        &seen
    )));
}
