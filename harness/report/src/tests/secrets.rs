//! Planted secrets are in no report, whichever field of which event brings them.

use std::fs;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::{Event, PlacedHttp};
use gateproof_core::observation::{
    Echo, HttpObservation, HttpOutcome, HttpResponse, HttpVersion, Timings,
};
use gateproof_core::report::RunReport;
use gateproof_core::verdict::{Failure, FailureKind, Verdict};
use serde_json::Value;

use super::{Shared, screen};
use crate::console::{Console, ConsoleOptions, Verbosity};
use crate::sample::{self, HOST_NETWORK, Log};
use crate::spec::ReportKind;
use crate::{ReportSpec, Reporters, failures};

/// The texts of the corpus with the secrets in each.
fn planted() -> Vec<(String, Vec<String>)> {
    let corpus: Value =
        serde_json::from_str(include_str!("../../../../tests/secrets/corpus.json")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let texts = corpus["texts"].as_array().expect("texts").iter();
    let texts = texts.map(|one| {
        let secrets = one["secrets"].as_array().expect("secrets");
        (text(&one["text"]), secrets.iter().map(text).collect())
    });
    texts.collect()
}

/// A response whose header fields are secrets by their names alone.
fn answered(body: &str) -> PlacedHttp {
    let secret = "cANary5ecretX9";
    let headers = [("Authorization".to_owned(), vec![secret.to_owned()])];
    let response = HttpResponse {
        status: 200,
        version: HttpVersion::Http1,
        headers: vec![("set-cookie".to_owned(), secret.to_owned())],
        body: body.to_owned(),
        body_cut: false,
        echo: Some(Echo { headers: headers.into_iter().collect(), ..Echo::default() }),
    };
    let observation = HttpObservation {
        dialled: "127.9.0.3:31080".parse().expect("a socket"),
        tls: None,
        outcome: HttpOutcome::Response(response),
        timings: Timings::default(),
    };
    PlacedHttp { place: body.to_owned(), observation }
}

/// A run that tells a text wherever it can.
fn telling(text: &str) -> Log {
    let mut check = sample::refused_on(&[0]);
    text.clone_into(&mut check.claim);
    check.failures = vec![Failure {
        kind: FailureKind::Refuted,
        expected: text.to_owned(),
        seen: text.to_owned(),
        place: text.to_owned(),
        hints: vec![text.to_owned()],
    }];
    check.evidence.http = vec![answered(text)];
    let mut findings = sample::findings();
    for finding in &mut findings {
        finding.seen[0].what = text.to_owned();
        finding.inferred = vec![text.to_owned()];
    }
    let mut unread = sample::unread();
    text.clone_into(&mut unread[0].hides);
    let cluster = gateproof_core::name::ClusterName::new("gateproof-five-workers");
    let warned = Event::ActionWarned {
        cluster: cluster.clone(),
        action: "install".to_owned(),
        node: None,
        warning: text.to_owned(),
    };
    let removed = Event::ClusterRemoved { cluster, problem: Some(text.to_owned()) };
    Log::of(ProviderKind::Embedded, &[HOST_NETWORK])
        .cluster_failed(text)
        .then(1, warned)
        .start(HOST_NETWORK)
        .awaiting(HOST_NETWORK, "install", text)
        .check(HOST_NETWORK, check)
        .diagnosed(HOST_NETWORK, findings, unread)
        .verdict(HOST_NETWORK, Verdict::Failed, Some(text))
        .then(1, Event::Interrupted { cause: text.to_owned() })
        .then(1, removed)
        .end()
}

#[test]
fn planted_secrets_reach_no_report() {
    for (text, secrets) in planted() {
        let home = tempfile::tempdir().expect("a directory");
        let at = |kind: ReportKind| home.path().join(kind.as_str());
        let list: Vec<_> =
            ReportKind::ALL.iter().map(|kind| format!("{kind}={}", at(*kind).display())).collect();
        let specs = ReportSpec::parse(&list.join(",")).expect("a sound list");
        let out = Shared::default();
        let options = ConsoleOptions { verbosity: Verbosity::Verbose, terminal: screen(100) };
        let console = Console::new(options, Box::new(out.clone()));
        let mut reporters = Reporters::open(&specs).expect("writable").with_console(console);
        for record in &telling(&text).records {
            reporters.record(record).expect("a sound record");
        }
        let finished = reporters.finish();
        assert!(finished.problems.is_empty(), "{:?}", finished.problems);
        let folded: RunReport = finished.report.expect("a report");
        let mut written: Vec<(String, String)> = ReportKind::ALL
            .iter()
            .map(|kind| (kind.to_string(), fs::read_to_string(at(*kind)).expect("a report")))
            .collect();
        written.push(("console".to_owned(), out.text()));
        written.push(("failures".to_owned(), failures(&folded)));
        for (report, content) in written {
            assert!(content.contains("REDACTED"), "{report} tells of {text}: {content}");
            for secret in secrets.iter().map(String::as_str).chain(["cANary5ecretX9"]) {
                assert!(!content.contains(secret), "{report} of {text}: {content}");
            }
        }
    }
}
