//! Planted secrets are in nothing that the command writes: its output, its own log, every report,
//! and a bundle.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::support::Place;

fn corpus() -> Value {
    serde_json::from_str(include_str!("../../../../tests/secrets/corpus.json")).expect("JSON")
}

/// Every secret of the corpus, those of texts and those of objects.
fn secrets(corpus: &Value) -> Vec<String> {
    let texts = corpus["texts"].as_array().expect("texts").iter();
    let of_texts = texts.flat_map(|one| one["secrets"].as_array().expect("secrets"));
    let all = of_texts.chain(corpus["secrets"].as_array().expect("secrets"));
    all.map(|secret| secret.as_str().expect("text").to_owned()).collect()
}

/// What somebody dumped from a cluster: a file for each kind, and logs of an agent.
fn dump(place: &Place, corpus: &Value) {
    let mut kinds: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for object in corpus["objects"].as_array().expect("objects") {
        kinds.entry(object["kind"].as_str().expect("a kind")).or_default().push(object);
    }
    for (kind, items) in kinds {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        place.write(&format!("dump/{kind}.json"), &list.to_string());
    }
    let mut log = String::new();
    for planted in corpus["texts"].as_array().expect("texts") {
        let text = planted["text"].as_str().expect("text");
        let line = "2026-11-26T03:00:00Z level=warning msg=\"Mismatch found\"";
        writeln!(log, "{line}\n{line} {text}").expect("a String can be written to");
    }
    place.write("dump/cilium-abcde.log", &log);
}

#[test]
fn planted_secrets_are_in_no_output_of_a_check() {
    let place = Place::new();
    let corpus = corpus();
    dump(&place, &corpus);
    let reports =
        "jsonl=o/run.jsonl,json=o/run.json,junit=o/run.xml,markdown=o/run.md,html=o/run.html";
    let run = place.run(&[
        "check",
        "--from",
        "dump",
        "--cilium",
        "1.20.2",
        "--verbose",
        "--bundle",
        "o/evidence.tar",
        "--report",
        reports,
        "--log",
        "gateproof=trace",
    ]);
    assert_eq!(run.code, Some(1), "the Gateway was never accepted: {run:?}");
    let mut written = vec![("output".to_owned(), run.out), ("log".to_owned(), run.err)];
    for entry in fs::read_dir(place.path().join("o")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let octets = fs::read(&path).expect("a file");
        written.push((path.display().to_string(), String::from_utf8_lossy(&octets).into_owned()));
    }
    assert_eq!(written.len(), 8, "five reports, a bundle, output and log");
    let bundle = written.iter().find(|(name, _)| name.ends_with("evidence.tar"));
    let (_, bundle) = bundle.expect("a bundle");
    assert!(bundle.contains("REDACTED") && bundle.contains("team"), "it holds what was dumped");
    assert!(bundle.contains("Mismatch found"), "and what was logged");
    for (name, content) in &written {
        for secret in secrets(&corpus) {
            let around = content.find(&secret).map(|at| {
                let start = content.floor_char_boundary(at.saturating_sub(200));
                &content[start..content.ceil_char_boundary(at + 100)]
            });
            assert_eq!(around, None, "`{secret}` is in {name}");
        }
    }
}
