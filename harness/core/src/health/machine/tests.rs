use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq, prop_oneof};

use super::{Cause, CheckOutcome, Machine, State, report};
use crate::health::{Clock, Protocol, Settings, profile};
use crate::observation::TcpOutcome;
use crate::scenario::Pace;

fn settings(initial_passes: u32, up: u32, down: u32) -> Settings {
    Settings {
        protocol: Protocol::Tcp,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        healthy_threshold: up,
        unhealthy_threshold: down,
        initial_passes,
    }
}

/// Runs a word of `+` (passed) and `-` (refused), one check every ten seconds.
fn run(settings: Settings, word: &str) -> Machine {
    let mut machine = Machine::new(settings, Duration::ZERO);
    for (index, sign) in (1..).zip(word.chars()) {
        let outcome = match sign {
            '+' => CheckOutcome::Passed,
            _ => CheckOutcome::Failed(Cause::Refused),
        };
        machine.record(Duration::from_secs(10 * index), outcome);
    }
    machine
}

#[test]
fn moves_follow_the_documented_rules() {
    use State::{Healthy, InitialHealthChecking, Unhealthy};
    let cases = [
        // word, state after it: settings are 1 first pass, 3 up, 2 down
        ("", InitialHealthChecking),
        ("+", Healthy),
        ("-", InitialHealthChecking),
        ("-+", Healthy),
        ("--", Unhealthy),
        ("+-", Healthy),
        ("+-+-+-", Healthy),
        ("+--", Unhealthy),
        ("--+", Unhealthy),
        ("--++", Unhealthy),
        ("--++-+", Unhealthy),
        ("--+++", Healthy),
        ("--++-+++", Healthy),
    ];
    for (word, expected) in cases {
        assert_eq!(run(settings(1, 3, 2), word).state(), expected, "after `{word}`");
    }
}

#[test]
fn a_new_target_may_need_more_than_one_pass() {
    assert_eq!(run(settings(2, 5, 5), "+").state(), State::InitialHealthChecking);
    assert_eq!(run(settings(2, 5, 5), "+-+").state(), State::InitialHealthChecking);
    assert_eq!(run(settings(2, 5, 5), "++").state(), State::Healthy);
}

#[test]
fn no_check_counts_before_registration_is_complete() {
    let ten = Duration::from_secs(10);
    let mut machine = Machine::registering(settings(1, 2, 2), ten, Duration::from_mins(1));
    assert_eq!(machine.state().reason(), Some("Elb.RegistrationInProgress"));
    assert_eq!(machine.next_check(ten), Duration::from_secs(70));
    assert_eq!(machine.record(Duration::from_secs(69), CheckOutcome::Passed), None);
    assert_eq!(machine.state(), State::Registering);
    machine.record(Duration::from_secs(71), CheckOutcome::Passed);
    let states: Vec<_> =
        machine.timeline().iter().map(|t| (t.at.as_secs(), t.state.reason())).collect();
    assert_eq!(
        states,
        [
            (0, Some("Elb.RegistrationInProgress")),
            (60, Some("Elb.InitialHealthChecking")),
            (61, None)
        ],
        "times count from registration"
    );
}

#[test]
fn checks_keep_to_the_grid_and_skip_what_was_missed() {
    let mut machine = Machine::new(settings(1, 2, 2), Duration::from_secs(3));
    let mut next = |now| machine.next_check(Duration::from_secs(now)).as_secs();
    assert_eq!(next(3), 3, "the first check starts at registration");
    assert_eq!(next(3), 13, "the same moment is not handed out twice");
    assert_eq!(next(23), 23, "a check that took a whole interval delays nothing");
    assert_eq!(next(34), 34, "a check that is a little late starts at once");
    assert_eq!(next(34), 43, "and the next keeps to the grid");
    assert_eq!(next(75), 75, "missed points are not made up for");
    assert_eq!(next(75), 83);
}

#[test]
fn states_and_reasons_are_told_in_aws_words_beside_our_cause() {
    let machine = run(profile("aws-lbc-cluster").expect("a profile").settings, "+---");
    let target = machine.target("worker 10.0.0.2:31080 (node port of 80)", Some("eu-1a"));
    let clock = Clock::new(Pace::Compressed(20.0)).expect("a factor");
    let told = report("aws-lbc-cluster", &machine.settings, clock, vec![target]);
    insta::assert_json_snapshot!(told, @r#"
    {
      "profile": "aws-lbc-cluster",
      "settings": "TCP every 10 s, timeout 10 s, 3 up, 3 down; all times divided by 20",
      "compression": 20.0,
      "targets": [
        {
          "place": "worker 10.0.0.2:31080 (node port of 80)",
          "zone": "eu-1a",
          "state": "unhealthy",
          "reason": "Target.FailedHealthChecks",
          "cause": "refused",
          "timeline": [
            {
              "atMicros": 0,
              "state": "initial",
              "reason": "Elb.InitialHealthChecking",
              "cause": null
            },
            {
              "atMicros": 10000000,
              "state": "healthy",
              "reason": null,
              "cause": null
            },
            {
              "atMicros": 40000000,
              "state": "unhealthy",
              "reason": "Target.FailedHealthChecks",
              "cause": "refused"
            }
          ]
        }
      ]
    }
    "#);
}

#[test]
fn a_healthy_target_that_failed_once_tells_no_cause() {
    let machine = run(settings(1, 3, 2), "+-");
    assert_eq!(machine.cause(), Some(&Cause::Refused));
    assert_eq!(machine.target("a", None).cause, None);
    let initial = run(settings(1, 3, 2), "-").target("a", None);
    assert_eq!(initial.cause.as_deref(), Some("refused"), "an undecided target tells why");
}

#[test]
fn only_an_accepted_connection_passes() {
    let passes = |outcome| CheckOutcome::from(&outcome) == CheckOutcome::Passed;
    assert!(passes(TcpOutcome::Accepted));
    for outcome in [
        TcpOutcome::Refused,
        TcpOutcome::TimedOut,
        TcpOutcome::Reset,
        TcpOutcome::Unreachable,
        TcpOutcome::Other("x".to_owned()),
    ] {
        assert!(!passes(outcome.clone()), "{outcome}");
    }
}

#[test]
fn a_cause_survives_being_told_in_words() {
    let other = Cause::Other("no such device".to_owned());
    for cause in [Cause::Refused, Cause::TimedOut, Cause::Reset, Cause::Unreachable, other] {
        assert_eq!(Cause::from_words(&cause.to_string()), cause);
        assert_eq!(CheckOutcome::from(&TcpOutcome::from(&cause)), CheckOutcome::Failed(cause));
    }
}

fn outcomes() -> impl Strategy<Value = Vec<(u64, CheckOutcome)>> {
    let outcome = prop_oneof![
        Just(CheckOutcome::Passed),
        Just(CheckOutcome::Failed(Cause::Refused)),
        Just(CheckOutcome::Failed(Cause::TimedOut)),
    ];
    collection::vec((0_u64..20_000, outcome), 0..60)
}

proptest! {
    #[test]
    fn a_target_is_never_healthy_without_a_pass(
        outcomes in outcomes(), passes in 0_u32..4, up in 0_u32..5, down in 0_u32..5,
    ) {
        let mut machine = Machine::new(settings(passes, up, down), Duration::ZERO);
        for (_, outcome) in outcomes.into_iter().filter(|(_, o)| *o != CheckOutcome::Passed) {
            machine.record(Duration::from_secs(1), outcome);
            prop_assert!(machine.state() != State::Healthy);
        }
    }

    #[test]
    fn a_healthy_target_turns_unhealthy_only_after_threshold_failures_in_a_row(
        outcomes in outcomes(), passes in 1_u32..4, up in 2_u32..5, down in 2_u32..5,
    ) {
        let mut machine = Machine::new(settings(passes, up, down), Duration::ZERO);
        let mut trailing = 0_u32;
        for (at, outcome) in outcomes {
            trailing = if outcome == CheckOutcome::Passed { 0 } else { trailing + 1 };
            let before = machine.state();
            machine.record(Duration::from_millis(at), outcome);
            if before != State::Unhealthy {
                prop_assert_eq!(machine.state() == State::Unhealthy, trailing >= down);
            }
        }
    }

    #[test]
    fn one_failure_resets_the_count_of_an_unhealthy_target(up in 2_u32..6, short in any::<u32>()) {
        let mut machine = Machine::new(settings(1, up, 2), Duration::ZERO);
        let failed = || CheckOutcome::Failed(Cause::Refused);
        for at in 0..2 {
            machine.record(Duration::from_secs(at), failed());
        }
        for _ in 0..50 {
            for _ in 0..short % up {
                machine.record(Duration::from_secs(9), CheckOutcome::Passed);
            }
            machine.record(Duration::from_secs(9), failed());
            prop_assert_eq!(machine.state(), State::Unhealthy);
        }
    }

    #[test]
    fn a_timeline_is_strictly_ordered_and_never_repeats_a_state(
        outcomes in outcomes(), delay in 0_u64..5_000,
    ) {
        let delay = Duration::from_millis(delay);
        let mut machine = Machine::registering(settings(1, 2, 2), Duration::from_secs(1), delay);
        for (at, outcome) in outcomes {
            machine.record(Duration::from_millis(at), outcome);
        }
        for pair in machine.timeline().windows(2) {
            prop_assert!(pair[0].at < pair[1].at);
            prop_assert!(pair[0].state != pair[1].state);
        }
    }
}
