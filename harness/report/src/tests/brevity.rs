//! What is told once, in a line, or not at all, so that what matters is seen.

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::Event;
use gateproof_core::expectation::Expected;
use gateproof_core::observation::TcpOutcome;
use gateproof_core::verdict::{FailureKind, Verdict};

use super::{on_console, report, screen};
use crate::console::Verbosity;
use crate::sample::{self, DEDICATED, HOST_NETWORK, Log, NODE_SELECTOR};
use crate::{html, junit, markdown};

const TABLE: &str = "CLOSED (refused)";
const VARIANTS: [&str; 5] = [HOST_NETWORK, "a", "b", "c", "d"];

/// Five trials, of which the first refuses everything, with a cause.
fn refusing(expected: Option<Expected>, verdict: Verdict) -> Log {
    let closed = sample::exposure(Verdict::Failed, |_, _| (Some(TcpOutcome::Refused), true));
    let mut log = Log::of(ProviderKind::Embedded, &VARIANTS)
        .cluster_up()
        .start(HOST_NETWORK)
        .check(HOST_NETWORK, closed)
        .check(HOST_NETWORK, sample::target_health(Verdict::Failed, Some("refused")))
        .diagnosed(HOST_NETWORK, sample::findings(), Vec::new())
        .verdict(HOST_NETWORK, verdict, None);
    if let Event::RunStarted { trials, .. } = &mut log.records[0].event {
        trials[0].expect = expected;
    }
    VARIANTS[1..].iter().fold(log, |log, variant| log.good_trial(variant)).end()
}

#[test]
fn a_failure_that_was_expected_takes_lines_and_one_that_was_not_is_told() {
    let finding = sample::findings()[0].rule.clone();
    let expected = refusing(Some(Expected::Failure { finding }), Verdict::Passed);
    let unexpected = refusing(None, Verdict::Failed);
    assert!(report(&expected).trials[0].is_as_expected());
    let brief = |log: &Log| on_console(log, screen(200), Verbosity::Normal);
    let text = brief(&expected);
    assert!(!text.contains("FINDINGS") && !text.contains(TABLE), "{text}");
    assert!(text.contains("20 CLOSED but expected open"), "in a line: {text}");
    let text = brief(&unexpected);
    assert!(text.contains("FINDINGS") && text.contains(TABLE), "{text}");
    assert!(!markdown::render(&report(&expected)).contains("FINDINGS"));
    let normal = "not why they failed: GP0002 the placeholder endpoint";
    assert!(brief(&expected).contains(normal) && !text.contains(normal), "{}", brief(&expected));
    for whole in [markdown::render(&report(&expected)), html::render(&report(&expected))] {
        assert!(whole.contains("not why they failed: "), "{whole}");
    }
    let verbose = on_console(&expected, screen(200), Verbosity::Verbose);
    let junit = junit::render(&report(&expected)).expect("XML");
    for whole in [verbose, junit, html::render(&report(&expected))] {
        assert!(whole.contains("restart the agents"), "nothing is lost: {whole}");
    }
}

#[test]
fn several_trials_that_did_not_pass_are_called_to_mind_at_the_end() {
    const TITLE: &str = "what did not pass, told above";
    let text = on_console(&sample::mixed(), screen(200), Verbosity::Normal);
    let (_, end) = text.split_once(TITLE).expect("two did not pass");
    assert!(end.contains("host-network/cilium-1.20.2: GP0001 agents run an older"), "{end}");
    assert!(end.contains("node-selector/cilium-1.20.2: client address: expected"), "{end}");
    assert!(!end.contains(DEDICATED), "{end}");
    let one = on_console(&refusing(None, Verdict::Failed), screen(200), Verbosity::Normal);
    assert!(!one.contains(TITLE), "a single one stands right above: {one}");
    let all: Vec<_> = (0..20).map(|index| format!("{NODE_SELECTOR}-{index}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let log = all.iter().fold(Log::of(ProviderKind::Embedded, &all).cluster_up(), |log, name| {
        log.start(name).check(name, sample::refused_on(&[0])).verdict(name, Verdict::Failed, None)
    });
    let text = on_console(&log.end(), screen(200), Verbosity::Normal);
    assert!(text.contains("  and 12 more\n"), "{text}");
}

#[test]
fn a_place_that_failures_share_is_named_once() {
    let mut check = sample::check("exposure", "exposure", Verdict::Inconclusive);
    let failure = |hint: &str| {
        let mut failure = sample::failure(FailureKind::Undecided, "the harness".to_owned());
        failure.hints = vec![hint.to_owned()];
        failure
    };
    check.failures = vec![failure("one"), failure("two")];
    let log = Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
        .cluster_up()
        .start(HOST_NETWORK)
        .check(HOST_NETWORK, check)
        .verdict(HOST_NETWORK, Verdict::Inconclusive, None)
        .end();
    let text = on_console(&log, screen(200), Verbosity::Normal);
    assert!(text.contains("where     the harness\n"), "{text}");
    assert!(!text.contains("places"), "{text}");
    assert!(text.contains("1. one") && text.contains("2. two"), "{text}");
}
