//! Claims about the fold, the exit code and the merging of logs.

mod expected;

use std::time::Duration;

use super::{
    BringUp, Document, ExitCode, FoldError, LogState, MergeError, Removal, RunReport, Stage,
};
use super::{exit_code, merge};
use crate::cluster::{ProviderKind, Subject};
use crate::event::{CheckResult, Event, Evidence, FORMAT, Record, Shard, TrialSummary};
use crate::name::{ClusterName, ScenarioName, TrialName, VariantName};
use crate::verdict::{Failure, FailureKind, Verdict};

/// A log under construction; every event comes a second after the one before.
#[derive(Clone)]
struct Log(Vec<Record>);

impl Log {
    fn of_trials(names: &[&str]) -> Self {
        Self::of_shard(None, names)
    }

    fn of_shard(shard: impl Into<Option<Shard>>, names: &[&str]) -> Self {
        let trials = names
            .iter()
            .map(|name| TrialSummary {
                expect: None,
                trial: TrialName::new(*name),
                scenario: ScenarioName::new("shared"),
                description: "One Gateway for all.".to_owned(),
                variant: VariantName::new(*name),
                cilium: "1.20.2".parse().expect("a version"),
                cluster: ClusterName::new("one"),
            })
            .collect();
        Self(Vec::new()).then(Event::RunStarted {
            format: FORMAT,
            run: "r1".to_owned(),
            gateproof: "0.1.0".to_owned(),
            started: "2026-11-21T03:00:00Z".to_owned(),
            provider: ProviderKind::Embedded,
            shard: shard.into(),
            trials,
        })
    }

    fn then(mut self, event: Event) -> Self {
        let sequence = self.0.len() as u64;
        self.0.push(Record { sequence, at: Duration::from_secs(sequence), event });
        self
    }

    fn start(self, name: &str) -> Self {
        self.then(Event::TrialStarted {
            trial: TrialName::new(name),
            cluster: ClusterName::new("one"),
            subject: Subject::ReferenceModel { cilium: "1.20".to_owned() },
        })
    }

    fn step(self, name: &str, step: &str) -> Self {
        self.then(Event::StepStarted { trial: TrialName::new(name), step: step.to_owned() })
    }

    fn check(self, name: &str, check: &str, verdict: Verdict, failures: Vec<Failure>) -> Self {
        let result = CheckResult {
            check: check.to_owned(),
            kind: "http".to_owned(),
            claim: "GET / answers 200".to_owned(),
            origin: "shared.yaml:9:5".to_owned(),
            verdict,
            failures,
            took: Duration::from_millis(300),
            evidence: Evidence { probes: 7, ..Evidence::default() },
        };
        self.then(Event::CheckFinished { trial: TrialName::new(name), result: Box::new(result) })
    }

    fn verdict(self, name: &str, verdict: Verdict) -> Self {
        let trial = TrialName::new(name);
        let took = Duration::from_secs(2);
        self.then(Event::TrialFinished { trial, verdict, reason: None, took })
    }

    fn decided(self, name: &str, verdict: Verdict) -> Self {
        let failures = match verdict {
            Verdict::Failed => vec![failure(FailureKind::Refuted)],
            Verdict::Inconclusive => vec![failure(FailureKind::Undecided)],
            Verdict::Passed | Verdict::Skipped => Vec::new(),
        };
        self.start(name).check(name, "http", verdict, failures).verdict(name, verdict)
    }

    fn end(self) -> Self {
        let took = Duration::from_secs(self.0.len() as u64);
        self.then(Event::RunFinished { took })
    }

    fn report(&self) -> RunReport {
        RunReport::fold(&self.0).expect("a sound log")
    }

    fn error(&self) -> FoldError {
        RunReport::fold(&self.0).expect_err("a log that must be refused")
    }
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        expected: "status 200".to_owned(),
        seen: "status 404".to_owned(),
        place: "worker".to_owned(),
        hints: Vec::new(),
    }
}

#[test]
fn exit_code_goes_by_the_gravest_verdict() {
    use Verdict::{Failed, Inconclusive, Passed, Skipped};
    let cases: &[(&[Verdict], ExitCode, u8)] = &[
        (&[Passed, Passed], ExitCode::Passed, 0),
        (&[Passed, Skipped], ExitCode::Passed, 0),
        (&[Passed, Failed], ExitCode::Failed, 1),
        (&[Inconclusive, Failed], ExitCode::Failed, 1),
        (&[Passed, Inconclusive], ExitCode::Inconclusive, 3),
        (&[Skipped, Skipped], ExitCode::NothingSelected, 4),
        (&[], ExitCode::NothingSelected, 4),
    ];
    for (verdicts, expected, code) in cases {
        let names: Vec<_> = (0..verdicts.len()).map(|index| format!("t{index}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut log = Log::of_trials(&names);
        for (name, verdict) in names.iter().zip(*verdicts) {
            log = log.decided(name, *verdict);
        }
        let report = log.end().report();
        assert_eq!(exit_code(&report), *expected, "{verdicts:?}");
        assert_eq!(exit_code(&report).code(), *code, "{verdicts:?}");
    }
}

#[test]
fn interruption_outranks_failure() {
    let log = Log::of_trials(&["a"]).decided("a", Verdict::Failed);
    assert_eq!(exit_code(&log.clone().end().report()), ExitCode::Failed);
    let log = log.then(Event::Interrupted { cause: "SIGINT".to_owned() }).end();
    assert_eq!(exit_code(&log.report()).code(), 130);
}

#[test]
fn cluster_that_did_not_come_up_is_inconclusive_and_one_that_stays_is_not() {
    let cluster = ClusterName::new("one");
    let passed = Log::of_trials(&["a"]).decided("a", Verdict::Passed);
    let removed = passed.then(Event::ClusterRemoved {
        cluster: cluster.clone(),
        problem: Some("container is stuck".to_owned()),
    });
    assert_eq!(exit_code(&removed.end().report()), ExitCode::Passed);

    let failed = Log::of_trials(&["a"])
        .then(Event::ClusterFailed { cluster, reason: "no space left".to_owned() })
        .end()
        .report();
    assert_eq!(exit_code(&failed), ExitCode::Inconclusive);
    let reason = failed.trials[0].reason.as_deref();
    assert_eq!(reason, Some("cluster `one` could not be brought up: no space left"));
    assert!(matches!(failed.clusters[0].bring_up, BringUp::Failed { .. }));
}

#[test]
fn actions_of_a_cluster_are_followed_and_the_failed_one_is_found() {
    let cluster = || ClusterName::new("one");
    let join = || "kubeadm join".to_owned();
    let node = |name: &str| Some(name.to_owned());
    let started =
        |name: &str| Event::ActionStarted { cluster: cluster(), action: join(), node: node(name) };
    let took = Duration::from_secs(3);
    let finished = |name: &str, problem: Option<&str>| Event::ActionFinished {
        cluster: cluster(),
        action: join(),
        node: node(name),
        problem: problem.map(str::to_owned),
        took,
    };
    let waits = Event::ActionAwaiting {
        cluster: cluster(),
        action: join(),
        node: node("worker2"),
        missing: "the API".to_owned(),
    };
    let warns = |warning: &str| Event::ActionWarned {
        cluster: cluster(),
        action: join(),
        node: node("worker2"),
        warning: warning.to_owned(),
    };
    let evidence = |trial: Option<&str>| Event::EvidenceCollected {
        cluster: cluster(),
        trial: trial.map(TrialName::new),
        folder: "/evidence/one".to_owned(),
        files: 7,
        problem: None,
    };
    let log = Log::of_trials(&["a", "b"])
        .then(started("worker"))
        .then(started("worker2"))
        .then(waits)
        .then(warns("old"))
        .then(warns("slow"))
        .then(warns("old"))
        .then(finished("worker", None));
    let waiting = log.clone().report().clusters[0].actions.clone();
    assert_eq!(waiting[1].awaiting.as_deref(), Some("the API"));
    let report = log
        .then(finished("worker2", Some("the token is not valid")))
        .then(evidence(None))
        .then(evidence(Some("b")))
        .then(Event::ClusterKept { cluster: cluster() })
        .end()
        .report();
    let [cluster] = &report.clusters[..] else { panic!("one cluster") };
    assert_eq!(cluster.warnings().collect::<Vec<_>>(), ["old", "slow"]);
    let failed: Vec<_> = cluster.failed_actions().collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].node.as_deref(), failed[0].took), (Some("worker2"), Some(took)));
    assert_eq!(failed[0].awaiting, None, "it waits no longer");
    assert_eq!(cluster.removal, Some(Removal::Kept));
    let about = |trial| cluster.evidence_about(&TrialName::new(trial)).count();
    assert_eq!((about("a"), about("b")), (1, 2));
}

#[test]
fn truncated_log_leaves_undecided_trials_inconclusive_with_the_reason() {
    let log = Log::of_trials(&["a", "b", "c"]).decided("a", Verdict::Passed).start("b").then(
        Event::Awaiting {
            trial: TrialName::new("b"),
            step: "install".to_owned(),
            missing: "2 of 5 agents".to_owned(),
        },
    );
    let report = log.report();
    assert_eq!(report.log, LogState::Truncated);
    let verdicts: Vec<_> = report.trials.iter().map(|trial| trial.verdict).collect();
    assert_eq!(verdicts, [Verdict::Passed, Verdict::Inconclusive, Verdict::Inconclusive]);
    assert_eq!(
        report.trials[1].reason.as_deref(),
        Some("the log ends before `install` was done, which was waiting for: 2 of 5 agents")
    );
    assert_eq!(report.trials[2].reason.as_deref(), Some("the log ends before the trial started"));
    assert_eq!(exit_code(&report), ExitCode::Inconclusive);
}

#[test]
fn log_without_its_end_is_no_pass_even_if_every_trial_passed() {
    let log = Log::of_trials(&["a"]).decided("a", Verdict::Passed);
    assert_eq!(exit_code(&log.report()), ExitCode::Inconclusive);
    assert_eq!(exit_code(&log.end().report()), ExitCode::Passed);
}

#[test]
fn refuted_claim_stays_refuted_when_the_log_ends() {
    let log = Log::of_trials(&["a"]).start("a").check(
        "a",
        "http",
        Verdict::Failed,
        vec![failure(FailureKind::Refuted)],
    );
    let report = log.report();
    assert_eq!(report.trials[0].verdict, Verdict::Failed);
    assert_eq!(exit_code(&report), ExitCode::Failed);
}

#[test]
fn report_of_a_running_run_is_never_a_pass() {
    let log = Log::of_trials(&["a", "b"]).decided("a", Verdict::Passed);
    let mut report = RunReport::begin(&log.0[0]).expect("a start");
    for record in &log.0[1..] {
        report.apply(record).expect("a sound record");
        assert_ne!(exit_code(&report), ExitCode::Passed);
    }
    assert_eq!(report.trials[1].stage, Stage::Planned);
}

#[test]
fn pass_that_its_own_checks_contradict_is_not_believed() {
    let refuted = vec![failure(FailureKind::Refuted)];
    let undecided = vec![failure(FailureKind::Undecided)];
    let ok = |log: Log| log.check("a", "fine", Verdict::Passed, Vec::new());
    let begun = || Log::of_trials(&["a"]).start("a");
    let step = |failures: &[Failure]| Event::StepFinished {
        trial: TrialName::new("a"),
        step: "install".to_owned(),
        failures: failures.to_vec(),
        took: Duration::from_secs(1),
    };
    let cases = [
        ("a passed check", ok(begun()), Verdict::Passed),
        ("a check that ends its step", ok(begun().step("a", "fine")), Verdict::Passed),
        ("a failed check", ok(begun()).check("a", "x", Verdict::Failed, vec![]), Verdict::Failed),
        (
            "a passed check that shows a failure",
            ok(begun()).check("a", "x", Verdict::Passed, refuted.clone()),
            Verdict::Failed,
        ),
        (
            "a passed check that shows doubt",
            ok(begun()).check("a", "x", Verdict::Passed, undecided),
            Verdict::Inconclusive,
        ),
        ("a failed step", ok(begun().then(step(&refuted))), Verdict::Failed),
        ("a good step", ok(begun().then(step(&[]))), Verdict::Passed),
        ("an open step", ok(begun().step("a", "install")), Verdict::Inconclusive),
        ("no check", begun(), Verdict::Inconclusive),
        (
            "only skipped checks",
            begun().check("a", "x", Verdict::Skipped, Vec::new()),
            Verdict::Skipped,
        ),
    ];
    for (what, log, expected) in cases {
        let report = log.verdict("a", Verdict::Passed).end().report();
        assert_eq!(report.trials[0].verdict, expected, "a trial called passed with {what}");
        let explained = report.trials[0].reason.is_some();
        assert_eq!(explained, expected != Verdict::Passed, "the reason, with {what}");
    }
}

#[test]
fn gap_repetition_and_disorder_name_the_line() {
    let sound = Log::of_trials(&["a"]).decided("a", Verdict::Passed).end();
    sound.report();

    let mut gap = sound.clone();
    gap.0.remove(2);
    assert_eq!(gap.error(), FoldError::Sequence { line: 3, found: 3, expected: 2 });

    let mut repeated = sound.clone();
    repeated.0.insert(2, repeated.0[1].clone());
    assert_eq!(repeated.error(), FoldError::Sequence { line: 3, found: 1, expected: 2 });

    let mut swapped = sound.clone();
    swapped.0.swap(1, 2);
    assert_eq!(
        swapped.error().to_string(),
        "line 2 of the log has sequence 2; expected 1: records are missing, repeated or out of order"
    );

    let mut headless = sound;
    headless.0.remove(0);
    assert!(matches!(headless.error(), FoldError::NoStart { found: "trialStarted" }));
    assert_eq!(Log(Vec::new()).error(), FoldError::Empty);
}

#[test]
fn impossible_events_are_refused() {
    let begun = || Log::of_trials(&["a"]);
    let finished = || begun().decided("a", Verdict::Passed);
    let cases = [
        (
            begun().start("b"),
            "line 2 of the log: `trialStarted` names trial `b`, which `runStarted` does not list",
        ),
        (
            begun().step("a", "x"),
            "line 2 of the log: `stepStarted` comes before `trialStarted` of `a`",
        ),
        (
            begun().start("a").start("a"),
            "line 3 of the log: `trialStarted` comes a second time for `a`",
        ),
        (
            finished().step("a", "x"),
            "line 5 of the log: `stepStarted` comes after `trialFinished` of `a`",
        ),
        (
            finished().verdict("a", Verdict::Passed),
            "line 5 of the log: `trialFinished` comes after `trialFinished` of `a`",
        ),
        (finished().end().end(), "line 6 of the log: `runFinished` comes after the end of the log"),
        (Log::of_trials(&["a", "a"]), "line 1 of the log: `runStarted` lists trial `a` twice"),
    ];
    for (log, message) in cases {
        assert_eq!(log.error().to_string(), message);
    }
}

#[test]
fn log_of_another_format_is_refused() {
    let mut log = Log::of_trials(&[]);
    if let Event::RunStarted { format, .. } = &mut log.0[0].event {
        *format = 99;
    }
    assert_eq!(log.error(), FoldError::Format { found: 99 });
}

#[test]
fn broken_log_keeps_its_verdicts_but_is_no_pass() {
    let mut log = Log::of_trials(&["a", "b"]).decided("a", Verdict::Passed).start("b");
    log.0[4].sequence = 9;
    let mut report = RunReport::begin(&log.0[0]).expect("a start");
    let error = log.0[1..].iter().find_map(|record| report.apply(record).err());
    report.break_off(&error.expect("a gap"));
    assert_eq!(report.trials[0].verdict, Verdict::Passed);
    assert_eq!(report.trials[1].verdict, Verdict::Inconclusive);
    let reason = report.trials[1].reason.as_deref().expect("a reason");
    assert!(reason.contains("line 5"), "{reason}");
    assert_eq!(exit_code(&report), ExitCode::Inconclusive);
}

#[test]
fn fold_of_a_record_at_a_time_equals_the_fold_at_once() {
    let log = Log::of_trials(&["a", "b"])
        .decided("a", Verdict::Passed)
        .decided("b", Verdict::Failed)
        .end();
    let mut report = RunReport::begin(&log.0[0]).expect("a start");
    for record in &log.0[1..] {
        report.apply(record).expect("a sound record");
    }
    report.close();
    assert_eq!(report, log.report());
    assert_eq!(report.totals().checks.total(), 2);
    assert_eq!(report.totals().probes, 14);
}

#[test]
fn document_round_trips_and_states_outcome_and_subject() {
    let report = Log::of_trials(&["a"]).decided("a", Verdict::Failed).end().report();
    let document = Document::of(&report);
    let text = serde_json::to_string(&document).expect("serialisable");
    assert!(text.contains(r#""exitCode":1"#), "{text}");
    assert!(text.contains(r#""subjects":["reference model of Cilium 1.20"]"#), "{text}");
    let back: Document = serde_json::from_str(&text).expect("its own format");
    assert_eq!(back.totals, document.totals);
    assert_eq!(back.report.trials, document.report.trials);
}

/// One of three parts of a plan.
fn part(index: u32) -> Shard {
    Shard { index, count: 3 }
}

#[test]
fn merged_shards_fold_like_one_run() {
    let one = Log::of_shard(part(1), &["a"]).decided("a", Verdict::Passed).end();
    let two = Log::of_shard(part(2), &["b"])
        .then(Event::ClusterStarted { cluster: ClusterName::new("one"), nodes: 3 })
        .decided("b", Verdict::Failed)
        .end();
    let three = Log::of_shard(part(3), &[]).end();
    let merged = merge(vec![one.0.clone(), two.0, three.0]).expect("all shards");
    let report = RunReport::fold(&merged).expect("a sound log");
    let names: Vec<_> = report.trials.iter().map(|t| t.summary.trial.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(report.run, "r1+r1+r1");
    assert_eq!(report.log, LogState::Whole);
    assert_eq!(report.shard, None);
    assert_eq!(exit_code(&report), ExitCode::Failed);
    assert_eq!(report.trials[1].summary.cluster.as_str(), "one@log-2");
    assert_eq!(report.clusters[0].name.as_str(), "one@log-2");

    let alone = merge(vec![Log::of_trials(&["a"]).decided("a", Verdict::Passed).end().0]);
    assert_eq!(exit_code(&RunReport::fold(&alone.expect("one log")).expect("sound")).code(), 0);
}

#[test]
fn merge_of_a_truncated_shard_is_no_pass() {
    let one = Log::of_trials(&["a"]).decided("a", Verdict::Passed).end();
    let two = Log::of_trials(&["b"]).start("b");
    let merged = merge(vec![one.0, two.0]).expect("parts of one run");
    let report = RunReport::fold(&merged).expect("a sound log");
    assert_eq!(report.trials[0].verdict, Verdict::Passed);
    assert_eq!(report.trials[1].verdict, Verdict::Inconclusive);
    assert_eq!(exit_code(&report), ExitCode::Inconclusive);
}

#[test]
fn merge_refuses_what_is_not_one_whole_run() {
    let of =
        |shard, name: &str| Log::of_shard(shard, &[name]).decided(name, Verdict::Passed).end().0;
    let kind = |mut log: Vec<Record>| {
        if let Event::RunStarted { provider, .. } = &mut log[0].event {
            *provider = ProviderKind::Kind;
        }
        log
    };
    let cases = [
        (vec![], "join no logs; give at least one"),
        (
            vec![of(Some(part(1)), "a")],
            "join the shards of a plan: 2/3, 3/3 are missing; give the logs of all 3 shards",
        ),
        (
            vec![of(Some(part(1)), "a"), of(Some(part(3)), "b")],
            "join the shards of a plan: 2/3 is missing; give the logs of all 3 shards",
        ),
        (
            vec![of(Some(part(1)), "a"), of(Some(part(1)), "b")],
            "join log 2: shard 1/3 is there already; was the same log given twice?",
        ),
        (
            vec![of(Some(part(1)), "a"), of(None, "b")],
            "join log 2: its number of shards is none, for it is no shard, that of log 1 is 3",
        ),
        (
            vec![of(None, "a"), of(None, "a")],
            "join log 2: log 1 holds trial `a` already; was the same log given twice?",
        ),
        (
            vec![of(None, "a"), kind(of(None, "b"))],
            "join log 2: its provider is kind, that of log 1 is embedded",
        ),
    ];
    for (logs, message) in cases {
        assert_eq!(merge(logs).expect_err(message).to_string(), message);
    }
    let headless = of(None, "a").split_off(1);
    let error = merge(vec![of(None, "b"), headless]).expect_err("no start");
    assert!(matches!(error, MergeError::Log { log: 2, .. }), "{error}");
}
