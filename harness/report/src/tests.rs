//! Claims about whole reports: what they look like, and that they agree.

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::{Event, Record};
use gateproof_core::finding::{Finding, Role};
use gateproof_core::report::{Document, ExitCode, RunReport, exit_code};
use gateproof_core::verdict::{FailureKind, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

use crate::console::{Colour, Console, ConsoleOptions, Output, Progress, Terminal, Verbosity};
use crate::layout::wrap::width_of;
use crate::reporter::{ReportError, Reporter, Written};
use crate::sample::{self, HOST_NETWORK, Log};
use crate::{ReportSpec, Reporters, html, json, junit, markdown, read_log};

mod agreement;
mod brevity;
mod page;
mod secrets;

/// A writer whose content can be read afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }
}

fn screen(columns: usize) -> Terminal {
    Terminal { output: Output::Screen { columns }, colour: Colour::Off, progress: Progress::None }
}

fn on_console(log: &Log, terminal: Terminal, verbosity: Verbosity) -> String {
    let out = Shared::default();
    let options = ConsoleOptions { verbosity, terminal };
    let console = Console::new(options, Box::new(out.clone()));
    let mut reporters = Reporters::default().with_console(console);
    for record in &log.records {
        reporters.record(record).expect("a sound record");
    }
    let finished = reporters.finish();
    assert!(finished.problems.is_empty(), "{:?}", finished.problems);
    out.text()
}

fn report(log: &Log) -> RunReport {
    RunReport::fold(&log.records).expect("a sound log")
}

#[test]
fn console_at_80_columns() {
    insta::assert_snapshot!(on_console(&sample::mixed(), screen(80), Verbosity::Normal));
}

#[test]
fn console_at_200_columns() {
    insta::assert_snapshot!(on_console(&sample::mixed(), screen(200), Verbosity::Normal));
}

#[test]
fn console_of_three_variants_that_pass() {
    insta::assert_snapshot!(on_console(&sample::all_passed(), screen(100), Verbosity::Normal));
}

#[test]
fn quiet_console_tells_failures_and_totals() {
    insta::assert_snapshot!(on_console(&sample::mixed(), screen(100), Verbosity::Quiet));
}

#[test]
fn verbose_console_without_a_terminal() {
    let terminal = Terminal { output: Output::Stream { columns: 120 }, ..screen(0) };
    insta::assert_snapshot!(on_console(&sample::truncated(), terminal, Verbosity::Verbose));
}

#[test]
fn junit_report() {
    insta::assert_snapshot!(junit::render(&report(&sample::mixed())).expect("XML"));
}

#[test]
fn markdown_report() {
    insta::assert_snapshot!(markdown::render(&report(&sample::mixed())));
}

#[test]
fn json_report() {
    let log = Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
        .cluster_up()
        .start(HOST_NETWORK)
        .installed(HOST_NETWORK)
        .check(HOST_NETWORK, sample::refused_on(&[1]))
        .verdict(HOST_NETWORK, Verdict::Failed, None)
        .end();
    insta::assert_snapshot!(json::render(&report(&log)).expect("JSON"));
}

#[test]
fn event_log() {
    insta::assert_snapshot!(sample::truncated().jsonl());
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in [60, 80, 100, 200] {
        for log in [sample::mixed(), sample::all_passed(), sample::truncated()] {
            for line in on_console(&log, screen(columns), Verbosity::Verbose).lines() {
                let unbreakable = line.split_whitespace().any(|word| width_of(word) + 13 > columns);
                assert!(width_of(line) <= columns || unbreakable, "{columns}: {line}");
            }
        }
    }
}

#[test]
fn no_control_code_reaches_a_console_without_colour() {
    let mut check = sample::refused_on(&[0]);
    check.failures[0].seen = "\u{1b}[2J\u{7}gone".to_owned();
    let log = Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
        .start(HOST_NETWORK)
        .check(HOST_NETWORK, check)
        .verdict(HOST_NETWORK, Verdict::Failed, None)
        .end();
    let text = on_console(&log, screen(80), Verbosity::Verbose);
    assert!(text.contains("\\u{1b}[2J\\u{7}gone"), "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

#[test]
fn colour_says_nothing_that_words_do_not() {
    let plain = on_console(&sample::mixed(), screen(100), Verbosity::Normal);
    let coloured = Terminal { colour: Colour::On, ..screen(100) };
    let coloured = on_console(&sample::mixed(), coloured, Verbosity::Normal);
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

#[test]
fn identical_failures_on_many_nodes_are_told_once() {
    let text = on_console(&sample::mixed(), screen(200), Verbosity::Normal);
    assert!(text.contains("on 5 of 5 nodes: worker 127.9.0.3:31080"), "{text}");
    assert!(text.contains("on 2 of 5 nodes: worker2"), "{text}");
}

#[test]
fn what_to_look_at_is_said_once_a_trial() {
    let text = on_console(&sample::mixed(), screen(200), Verbosity::Normal);
    let (text, _) = text.split_once("FINDINGS").expect("findings come after the failures");
    assert_eq!(text.matches("rollout restart daemonset/cilium").count(), 1, "{text}");
    assert!(text.contains("2 points given above, under `http on each node`"), "{text}");
}

#[test]
fn findings_are_told_with_the_cause_first_and_what_is_normal_in_a_line() {
    let text = on_console(&sample::mixed(), screen(200), Verbosity::Normal);
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} is told: {text}"));
    assert!(at("FINDINGS") < at("GP0001") && at("GP0001") < at("GP0006"));
    assert!(text.contains("not why traffic fails"), "{text}");
    assert!(text.contains("needs permission to list secrets"), "{text}");
    assert!(text.contains("and 1 more") && !text.contains("a fifth thing"), "{text}");
    let verbose = on_console(&sample::mixed(), screen(200), Verbosity::Verbose);
    assert!(verbose.contains("a fifth thing"), "{verbose}");
}

#[test]
fn findings_of_a_trial_that_passed_are_told_as_well() {
    let log = Log::of(gateproof_core::cluster::ProviderKind::Existing, &[HOST_NETWORK])
        .cluster_up()
        .start(HOST_NETWORK)
        .check(HOST_NETWORK, sample::check("http", "http", Verdict::Passed))
        .diagnosed(HOST_NETWORK, sample::findings(), Vec::new())
        .verdict(HOST_NETWORK, Verdict::Passed, None)
        .end();
    let junit = junit::render(&report(&log)).expect("XML");
    for text in
        [on_console(&log, screen(100), Verbosity::Normal), markdown::render(&report(&log)), junit]
    {
        assert!(text.contains("GP0001"), "{text}");
    }
}

#[test]
fn what_is_normal_alone_explains_no_failure_and_that_is_said() {
    const SAID: &str = "no rule explains this";
    let told = |findings: Vec<Finding>, verdict| {
        let log = Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
            .cluster_up()
            .start(HOST_NETWORK)
            .check(HOST_NETWORK, sample::check("http", "http", verdict))
            .diagnosed(HOST_NETWORK, findings, Vec::new())
            .verdict(HOST_NETWORK, verdict, None)
            .end();
        on_console(&log, screen(200), Verbosity::Normal)
    };
    let normal = || -> Vec<Finding> {
        sample::findings().into_iter().filter(|one| one.role == Role::Explanation).collect()
    };
    assert!(!normal().is_empty(), "the sample has one");
    assert!(told(normal(), Verdict::Failed).contains(SAID));
    assert!(told(Vec::new(), Verdict::Failed).contains(SAID));
    assert!(!told(sample::findings(), Verdict::Failed).contains(SAID), "there is a cause");
    assert!(!told(normal(), Verdict::Passed).contains(SAID), "nothing is to be explained");
}

#[test]
fn replicas_that_answer_alike_are_one_failure() {
    let mut check = sample::refused_on(&[0, 1, 2]);
    for (failure, pod) in check.failures.iter_mut().zip(["shop-0", "shop-1", "shop-1"]) {
        failure.seen = format!("status 503 (from web/shop (pod {pod}))");
    }
    let log = Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
        .cluster_up()
        .start(HOST_NETWORK)
        .check(HOST_NETWORK, check)
        .verdict(HOST_NETWORK, Verdict::Failed, None)
        .end();
    let text = on_console(&log, screen(200), Verbosity::Quiet);
    assert!(text.contains("seen      status 503 (from web/shop)\n"), "{text}");
    assert!(text.contains("on 3 of 5 nodes"), "{text}");
}

#[test]
fn grid_as_expected_is_a_line_among_many_trials_and_whole_otherwise() {
    let many = || {
        let variants = [HOST_NETWORK, "a", "b", "c", "d"];
        let log = Log::of(ProviderKind::Embedded, &variants).cluster_up();
        variants.iter().fold(log, |log, variant| log.good_trial(variant)).end()
    };
    let line = "host-network/cilium-1.20.2: 20 of 20 sockets as expected (10 open, 10 closed)";
    let row = "  worker4  127.9.0.6  zone-a  closed";
    let cases = [
        (sample::all_passed(), Verbosity::Normal, true),
        (many(), Verbosity::Normal, false),
        (many(), Verbosity::Verbose, true),
    ];
    for (log, verbosity, whole) in cases {
        let text = on_console(&log, screen(200), verbosity);
        assert_eq!(text.contains(row), whole, "{verbosity:?}: {text}");
        assert_eq!(text.contains(line), !whole, "{verbosity:?}: {text}");
    }
    let text = on_console(&sample::mixed(), screen(200), Verbosity::Normal);
    assert!(text.contains("12 of 20 sockets as expected, 1 OPEN"), "one that differs: {text}");
}

#[test]
fn different_failures_are_told_apart() {
    let mut check = sample::refused_on(&[0, 1]);
    check.failures[1].seen = "status 404".to_owned();
    let log = Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
        .cluster_up()
        .start(HOST_NETWORK)
        .check(HOST_NETWORK, check)
        .verdict(HOST_NETWORK, Verdict::Failed, None)
        .end();
    let text = on_console(&log, screen(200), Verbosity::Quiet);
    assert!(text.contains("connection refused") && text.contains("status 404"), "{text}");
    assert!(!text.contains("nodes:"), "{text}");
}

#[test]
fn every_report_says_when_a_model_ran_and_is_silent_when_cilium_did() {
    let good = |provider| {
        let log = Log::of(provider, &[HOST_NETWORK]).cluster_up().good_trial(HOST_NETWORK);
        log.end()
    };
    let reports = |log: &Log| {
        let folded = report(log);
        [
            on_console(log, screen(200), Verbosity::Quiet),
            junit::render(&folded).expect("XML"),
            markdown::render(&folded),
            html::render(&folded),
        ]
    };
    for text in reports(&good(ProviderKind::Embedded)) {
        assert!(text.contains("No real Cilium was involved"), "{text}");
        assert!(text.contains("reference model of Cilium 1.20"), "{text}");
    }
    for text in reports(&good(ProviderKind::Kind)) {
        assert!(!text.contains("real Cilium") && !text.contains("reference model"), "{text}");
    }
    let folded = report(&good(ProviderKind::Embedded));
    let document = json::render(&folded).expect("JSON");
    assert!(document.contains("\"reference model of Cilium 1.20\""), "{document}");
}

#[test]
fn junit_is_well_formed_and_agrees_with_the_totals() {
    for log in [sample::mixed(), sample::all_passed(), sample::truncated()] {
        let folded = report(&log);
        let text = junit::render(&folded).expect("XML");
        let parsed = Report::deserialize_from_str(&text).expect("well-formed JUnit");
        let totals = folded.totals().trials;
        assert_eq!(
            (parsed.tests, parsed.failures, parsed.errors, parsed.skipped),
            (totals.total(), totals.failed, totals.inconclusive, totals.skipped)
        );
    }
}

#[test]
fn junit_tells_failure_error_and_skip_apart() {
    let text = junit::render(&report(&sample::mixed())).expect("XML");
    let parsed = Report::deserialize_from_str(&text).expect("well-formed JUnit");
    let kinds: Vec<_> = parsed.test_suites[0]
        .test_cases
        .iter()
        .map(|case| match &case.status {
            TestCaseStatus::Success { .. } => "success",
            TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => "failure",
            TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } => "error",
            TestCaseStatus::Skipped { .. } => "skipped",
        })
        .collect();
    assert_eq!(kinds, ["success", "failure", "error", "skipped"]);
}

#[test]
fn characters_that_xml_cannot_hold_are_removed() {
    let mut check = sample::refused_on(&[0]);
    check.failures[0].seen = "a\u{0}b\u{1b}[31m\u{ffff}c ]]> <x>&".to_owned();
    let log = Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
        .start(HOST_NETWORK)
        .check(HOST_NETWORK, check)
        .verdict(HOST_NETWORK, Verdict::Failed, None)
        .end();
    let text = junit::render(&report(&log)).expect("XML");
    let forbidden = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    assert!(!text.contains(forbidden), "{text:?}");
    Report::deserialize_from_str(&text).expect("well-formed JUnit");
}

#[test]
fn markdown_stays_within_the_size_of_a_comment_and_says_so() {
    let variants: Vec<_> = (0..200).map(|index| format!("variant-{index}")).collect();
    let variants: Vec<_> = variants.iter().map(String::as_str).collect();
    let start = Log::of(ProviderKind::Embedded, &variants).cluster_up();
    let log = variants.iter().fold(start, |log, variant| log.good_trial(variant)).end();
    let text = markdown::render(&report(&log));
    assert!(text.chars().count() < 65_536);
    assert!(text.contains("sections are left out"), "{}", &text[text.len() - 300..]);
    assert!(text.contains("variant-199"), "the table of trials is whole");
}

#[test]
fn unusual_ends_are_told_in_words() {
    let embedded = |variants: &[&str]| Log::of(ProviderKind::Embedded, variants);
    let interrupt = Event::Interrupted { cause: "SIGINT".to_owned() };
    let hung = sample::failure(FailureKind::Undecided, "helm".to_owned());
    let cases = [
        (embedded(&[]).end(), ExitCode::NothingSelected, "no trial was selected"),
        (sample::truncated(), ExitCode::Inconclusive, "the event log ends before the run did"),
        (
            embedded(&[HOST_NETWORK]).cluster_up().start(HOST_NETWORK).then(1, interrupt).end(),
            ExitCode::Interrupted,
            "interrupted by SIGINT",
        ),
        (
            embedded(&[HOST_NETWORK]).cluster_failed("no space left on device").end(),
            ExitCode::Inconclusive,
            "could not be brought up: no space left on device",
        ),
        (
            embedded(&[HOST_NETWORK])
                .cluster_up()
                .start(HOST_NETWORK)
                .step_failed(HOST_NETWORK, "install", vec![hung])
                .verdict(HOST_NETWORK, Verdict::Inconclusive, None)
                .end(),
            ExitCode::Inconclusive,
            "step      install",
        ),
    ];
    for (log, exit, words) in cases {
        assert_eq!(exit_code(&report(&log)), exit, "{words}");
        let text = on_console(&log, screen(200), Verbosity::Normal);
        assert!(text.contains(words), "{words} is missing in:\n{text}");
        assert!(!text.contains("PASSED"), "{text}");
    }
}

#[test]
fn reports_are_written_and_can_be_made_again_from_the_log() {
    let home = tempfile::tempdir().expect("a directory");
    let at = |name: &str| home.path().join("out").join(name);
    let list = format!(
        "jsonl={},json={},junit={},markdown={},html={}",
        at("run.jsonl").display(),
        at("run.json").display(),
        at("run.xml").display(),
        at("run.md").display(),
        at("run.html").display()
    );
    let log = sample::mixed();
    let specs = ReportSpec::parse(&list).expect("a sound list");
    let mut reporters = Reporters::open(&specs).expect("writable");
    for (index, record) in log.records.iter().enumerate() {
        reporters.record(record).expect("a sound record");
        let so_far = read_log(fs::read(at("run.jsonl")).expect("a log")).expect("sound");
        assert_eq!(so_far.len(), index + 1, "the log is there while the run goes on");
        assert!(!at("run.json").exists(), "no half report is visible");
    }
    let finished = reporters.finish();
    assert!(finished.problems.is_empty(), "{:?}", finished.problems);
    assert_eq!(finished.exit, ExitCode::Failed);
    assert_eq!(finished.written.len(), 5);

    let again = read_log(fs::read(at("run.jsonl")).expect("a log")).expect("sound");
    assert_eq!(again, log.records);
    let folded = RunReport::fold(&again).expect("sound");
    let read = |name: &str| fs::read_to_string(at(name)).expect("a report");
    assert_eq!(read("run.json"), json::render(&folded).expect("JSON"));
    assert_eq!(read("run.xml"), junit::render(&folded).expect("XML"));
    assert_eq!(read("run.md"), markdown::render(&folded));
    assert_eq!(read("run.html"), html::render(&folded));
    let document: Document = serde_json::from_str(&read("run.json")).expect("its own format");
    assert_eq!(document.exit_code, 1);
}

#[test]
fn torn_last_line_is_left_out_and_any_other_is_an_error() {
    let log = sample::truncated();
    let text = log.jsonl();
    let count = log.records.len();
    assert_eq!(read_log(&text).expect("sound").len(), count);
    assert_eq!(read_log(text.trim_end()).expect("sound").len(), count);
    for cut in 1..200 {
        let torn = &text.as_bytes()[..text.len() - cut];
        let records = read_log(torn).expect("a torn last line");
        assert_eq!(records[..], log.records[..records.len()]);
        assert!(records.len() + 2 >= count);
    }
    let mut lines: Vec<_> = text.lines().collect();
    lines[2] = &lines[2][..9];
    let error = read_log(lines.join("\n")).expect_err("a torn line inside");
    assert_eq!(
        error.to_string(),
        "read line 3 of the event log: EOF while parsing a string (column 9); expected one JSON \
         record a line, as `--report jsonl=PATH` writes them"
    );
    let error = read_log(text.replacen('\n', "\n\n", 1)).expect_err("an empty line");
    assert!(error.to_string().contains("line 2 of the event log: it is empty"), "{error}");
    let newer = text.replacen("\"format\":1", "\"format\":7", 1).replacen("run", "ran", 9);
    let error = read_log(newer).expect_err("a newer format");
    assert!(error.to_string().contains("it has format 7, this version reads format 1"), "{error}");
}

/// A report that fails at its third record.
struct Failing(u32);

impl Reporter for Failing {
    fn record(&mut self, _: &Record, _: &RunReport) -> Result<(), ReportError> {
        self.0 += 1;
        if self.0 == 3 {
            Err(ReportError::Console(io::ErrorKind::StorageFull.into()))
        } else {
            Ok(())
        }
    }

    fn finish(&mut self, _: &RunReport) -> Result<Option<Written>, ReportError> {
        panic!("a report that failed is left alone");
    }
}

#[test]
fn report_that_fails_is_told_once_and_stops_no_other() {
    let out = Shared::default();
    let options = ConsoleOptions { verbosity: Verbosity::Normal, terminal: screen(100) };
    let mut reporters = Reporters::default();
    reporters.add(Box::new(Failing(0)));
    let mut reporters = reporters.with_console(Console::new(options, Box::new(out.clone())));
    let log = sample::all_passed();
    let failed = log.records.iter().filter(|record| reporters.record(record).is_err()).count();
    assert_eq!(failed, 1);
    assert_eq!(reporters.finish().exit, ExitCode::Inconclusive, "a missing report is no pass");
    assert!(out.text().contains("3 trials: 3 passed"));
}

#[test]
fn broken_log_is_no_pass_and_still_reported() {
    let out = Shared::default();
    let options = ConsoleOptions { verbosity: Verbosity::Normal, terminal: screen(200) };
    let console = Console::new(options, Box::new(out.clone()));
    let mut reporters = Reporters::default().with_console(console);
    let mut log = sample::all_passed();
    log.records.remove(12);
    let failed = log.records.iter().filter(|record| reporters.record(record).is_err()).count();
    assert_eq!(failed, 1, "told once");
    let finished = reporters.finish();
    assert_eq!(finished.exit, ExitCode::Inconclusive);
    let text = out.text();
    assert!(text.contains("the event log is broken: line 13"), "{text}");
    assert_eq!(Reporters::default().finish().exit, ExitCode::Inconclusive, "nor is no log at all");
}
