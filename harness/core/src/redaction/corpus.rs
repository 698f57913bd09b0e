//! The corpus of planted secrets, on which every output of the program is tried (`tests/secrets`):
//! here on the functions that all of them go through.

use serde_json::Value;

use super::{object, text, told, values};

fn corpus() -> Value {
    let text = include_str!("../../../../tests/secrets/corpus.json");
    serde_json::from_str(text).expect("JSON")
}

fn words(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|one| one.as_str().expect("text")).collect()
}

#[test]
fn no_planted_secret_is_left_in_a_text() {
    let corpus = corpus();
    let texts = corpus["texts"].as_array().expect("texts");
    assert!(texts.len() > 25, "{}", texts.len());
    let mut kept = Vec::new();
    for planted in texts {
        let written = planted["text"].as_str().expect("text");
        let escaped = Value::from(written).to_string();
        for secret in words(&planted["secrets"]) {
            assert!(written.contains(secret), "{planted} holds its secret");
            for written in [written, &escaped] {
                let redacted = text(written);
                if redacted.contains(secret) {
                    kept.push(format!("{}: {redacted}", planted["name"]));
                }
                assert_eq!(text(&redacted), redacted, "nothing is left to take out");
            }
        }
    }
    assert!(kept.is_empty(), "{kept:#?}");
}

#[test]
fn no_planted_secret_is_left_in_an_object_and_its_name_stays() {
    let corpus = corpus();
    let secrets = words(&corpus["secrets"]);
    for planted in corpus["objects"].as_array().expect("objects") {
        assert!(secrets.iter().any(|secret| planted.to_string().contains(secret)), "{planted}");
        let mut redacted = planted.clone();
        object(&mut redacted);
        let shown = redacted.to_string();
        assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{shown}");
        assert_eq!(redacted["metadata"]["name"], planted["metadata"]["name"]);
        assert_eq!(redacted["kind"], planted["kind"]);
        // Secrets keep their form for the reference model, however often they are redacted.
        let mut again = redacted.clone();
        object(&mut again);
        told(&mut again);
        assert_eq!(again, redacted);
    }
}

#[test]
fn no_planted_secret_is_left_in_helm_values_and_settings_stay() {
    let corpus = corpus();
    let shown = values(&corpus["values"]);
    for secret in words(&corpus["secrets"]) {
        assert!(!shown.to_string().contains(secret), "{shown}");
    }
    assert_eq!(shown["operator"]["replicas"], 1);
    assert_eq!(shown["tls"]["ca"]["cert"], "AAAA");
}

#[test]
fn no_planted_secret_is_left_in_what_is_told() {
    let corpus = corpus();
    for planted in corpus["texts"].as_array().expect("texts") {
        let mut event = serde_json::json!({"seen": planted["text"], "hints": [planted["text"]]});
        told(&mut event);
        for secret in words(&planted["secrets"]) {
            assert!(!event.to_string().contains(secret), "{}: {event}", planted["name"]);
        }
    }
}
