//! Planted secrets are in no file of the evidence: neither in what commands and the engine say, nor
//! in what is unpacked of a node.

use std::fs;

use serde_json::Value;

use super::archive::tests::{archive, unpacked};
use super::save_texts;

/// Name, text and secrets of each planted text.
fn planted() -> Vec<(String, String, Vec<String>)> {
    let corpus: Value =
        serde_json::from_str(include_str!("../../../../tests/secrets/corpus.json")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let texts = corpus["texts"].as_array().expect("texts").iter();
    let texts = texts.map(|one| {
        let secrets = one["secrets"].as_array().expect("secrets");
        (text(&one["name"]), text(&one["text"]), secrets.iter().map(text).collect())
    });
    texts.collect()
}

#[track_caller]
fn check(name: &str, written: &str, secrets: &[String]) {
    assert!(written.contains("REDACTED"), "{name}: {written}");
    for secret in secrets {
        assert!(!written.contains(secret), "{name}: {written}");
    }
}

#[tokio::test]
async fn no_planted_secret_is_in_what_is_written_of_a_container() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text, secrets) in planted() {
        let path = folder.path().join("journal.log");
        let written = save_texts(vec![(path.clone(), text)]).await;
        assert_eq!(written, std::slice::from_ref(&path));
        check(&name, &fs::read_to_string(path).expect("a file"), &secrets);
    }
}

#[test]
fn no_planted_secret_is_in_what_is_unpacked_of_a_node() {
    for (name, text, secrets) in planted() {
        let packed = archive(&[("log/pods/a/0.log", text.as_bytes())], &[]);
        check(&name, &unpacked(&packed, "pods/a/0.log"), &secrets);
    }
}
