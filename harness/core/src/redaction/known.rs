//! Secrets that were seen where they are kept, taken out wherever else they are told.
//!
//! Forms and names do not give away every secret: a password from a Secret may stand bare in a
//! line of a log. Whatever the rest of this module took out of something is learnt here, and taken
//! out of everything that was read beside it.
//!
//! Not every value of a Secret is a secret: some hold a namespace, an address, a version. A word
//! that would take such names out of a diagnosis is not learnt.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::name::is_secret;
use super::object::COPIES;
use super::{PLACEHOLDER, secret};

/// Shorter words are too likely to be in harmless ones.
const SHORTEST: usize = 8;
/// Longer ones are documents, whose secrets are learnt one by one.
const LONGEST: usize = 4096;

/// Secrets that were taken out of something.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Known(BTreeSet<String>);

/// A number, because the words are secret.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({} words)", self.0.len())
    }
}

impl Known {
    /// Learns what `before` has and `after`, the same without secrets, has not.
    pub fn learn(&mut self, before: &Value, after: &Value) {
        if secret::is_secret(before) {
            for field in ["data", "stringData"] {
                for (key, value) in
                    before.get(field).and_then(Value::as_object).into_iter().flatten()
                {
                    if let Some(value) = value.as_str() {
                        self.learn_entry(key, value, field);
                    }
                }
            }
            return;
        }
        match (before, after) {
            (Value::String(before), Value::String(after)) => self.learn_text(before, after),
            (Value::Array(before), Value::Array(after)) => {
                before.iter().zip(after).for_each(|(before, after)| self.learn(before, after));
            }
            (Value::Object(before), Value::Object(after)) => {
                for (key, before) in before {
                    if COPIES.contains(&key.as_str()) {
                        self.learn_copy(before);
                    } else if let Some(after) = after.get(key) {
                        self.learn(before, after);
                    }
                }
            }
            _ => {}
        }
    }

    /// A copy of a whole object as text is taken out as a whole, and most of its words are no
    /// secrets: what is one there is found as in any object.
    fn learn_copy(&mut self, copy: &Value) {
        let parsed = copy.as_str().map(serde_json::from_str::<Value>);
        if let Some(Ok(before)) = parsed {
            let mut after = before.clone();
            super::object(&mut after);
            self.learn(&before, &after);
        }
    }

    /// What takes these words out of values and texts.
    #[must_use]
    pub fn remover(&self) -> Remover {
        let found = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&self.0);
        Remover((!self.0.is_empty()).then(|| found.expect("words of bounded length can be found")))
    }

    /// One entry of a Secret.
    fn learn_entry(&mut self, key: &str, value: &str, field: &str) {
        let decoded = STANDARD.decode(value).ok().and_then(|octets| String::from_utf8(octets).ok());
        let plain = if field == "data" { decoded } else { Some(value.to_owned()) };
        let Some(plain) = plain else {
            self.insert(value);
            return;
        };
        let after = super::text(&plain);
        self.learn_text(&plain, &after);
        if plain.contains("-----BEGIN ") {
            return; // Keys were taken out by their form; certificates are public.
        }
        let plain = plain.trim();
        if tells(plain) || is_secret(key) && plain.len() >= SHORTEST {
            self.insert(plain);
            self.insert(&STANDARD.encode(plain));
            if field == "data" {
                self.insert(value);
            }
        }
    }

    /// The parts of a text in whose place there are placeholders now.
    fn learn_text(&mut self, before: &str, after: &str) {
        if before == after {
            return;
        }
        // A key goes with its borders; a line of it may be told without them.
        for line in secret::private_keys(before).flat_map(str::lines) {
            self.insert(line.trim());
        }
        let mut kept = after.split(PLACEHOLDER);
        let Some(mut rest) = kept.next().and_then(|start| before.strip_prefix(start)) else {
            return;
        };
        let kept: Vec<&str> = kept.collect();
        for (at, part) in kept.iter().enumerate() {
            let is_last = at + 1 == kept.len();
            let end = if is_last { rest.strip_suffix(part).map(str::len) } else { rest.find(part) };
            let Some(end) = end else { return };
            for line in rest[..end].lines().map(str::trim) {
                // `user:password` goes as one, and may be told as two.
                let parts = line.split([':', '=', ';', ',', '"', '\'', ' ']);
                for word in parts.chain([line]).filter(|word| tells(word)) {
                    self.insert(word);
                }
            }
            rest = &rest[end + part.len()..];
        }
    }

    fn insert(&mut self, word: &str) {
        if (SHORTEST..=LONGEST).contains(&word.len()) {
            self.0.insert(word.to_owned());
        }
    }
}

/// Whether a word is unlikely to be anything but a secret: no name as Kubernetes has them, no
/// address, number or sentence.
fn tells(word: &str) -> bool {
    let host = word.split_once("://").map_or(word, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    let is_name = |text: &str| {
        text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c))
    };
    let has = |of: fn(&char) -> bool| word.chars().any(|c| of(&c));
    word.len() >= SHORTEST
        && !word.contains(char::is_whitespace)
        && !is_name(host)
        && word.split('/').next().is_some_and(|address| address.parse::<IpAddr>().is_err())
        && (has(char::is_ascii_digit)
            || has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase))
}

/// Fields in which somebody writes free text: conditions and events, annotations, what a program is
/// started with.
const TEXTS: &[&str] = &["message", "note", "annotations", "args", "command"];

/// Takes known secrets out of values and texts.
#[derive(Clone)]
pub struct Remover(Option<AhoCorasick>);

impl Remover {
    /// Takes them out of the free texts of an object, in place. Everything else of it is what a
    /// diagnosis rests on, and somebody's secret may be a word like `production`: names, kinds,
    /// hosts and paths stay as they are.
    pub fn remove(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.remove(item)),
            Value::Object(fields) => {
                let named = fields.contains_key("name");
                for (key, field) in fields {
                    if TEXTS.contains(&key.as_str()) || named && key == "value" {
                        self.remove_all(field);
                    } else {
                        self.remove(field);
                    }
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn remove_all(&self, value: &mut Value) {
        match value {
            Value::String(words) => self.remove_from(words),
            Value::Array(items) => items.iter_mut().for_each(|item| self.remove_all(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.remove_all(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Takes them out of a text, in place.
    pub fn remove_from(&self, text: &mut String) {
        if let Some(words) = &self.0
            && words.is_match(text.as_str())
        {
            *text = words.replace_all(text, &vec![PLACEHOLDER; words.patterns_len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::object;
    use super::Known;
    use super::*;

    fn learnt(mut value: Value) -> Known {
        let before = value.clone();
        object(&mut value);
        let mut known = Known::default();
        known.learn(&before, &value);
        known
    }

    fn without(known: &Known, text: &str) -> String {
        let mut text = text.to_owned();
        known.remover().remove_from(&mut text);
        text
    }

    fn secret(key: &str, value: &str) -> Known {
        learnt(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "data": {key: STANDARD.encode(value)}}))
    }

    #[test]
    fn a_word_of_the_api_that_is_somebodys_secret_stays_where_the_api_has_it() {
        let known = learnt(json!({"kind": "ConfigMap", "data": {"password": "LoadBalancer"}}));
        let mut value = json!({"spec": {"type": "LoadBalancer", "note": "LoadBalancer"}});
        known.remover().remove(&mut value);
        assert_eq!(value, json!({"spec": {"type": "LoadBalancer", "note": PLACEHOLDER}}));
    }

    #[test]
    fn what_a_secret_holds_is_taken_out_of_texts_that_show_no_sign_of_it() {
        let line = "level=warn msg=\"dial: hunter2Canary refused\"";
        let expected = "level=warn msg=\"dial: REDACTED refused\"";
        assert_eq!(without(&secret("anything", "hunter2Canary"), line), expected);
        assert_eq!(without(&secret("anything", " hunter2Canary\n"), line), expected);
        let encoded = STANDARD.encode("hunter2Canary");
        assert_eq!(without(&secret("anything", "hunter2Canary"), &encoded), "REDACTED");
        let written = learnt(json!({"apiVersion": "v1", "kind": "Secret",
            "stringData": {"a": "hunter2Canary"}}));
        assert_eq!(without(&written, line), expected);
        let octets = learnt(json!({"apiVersion": "v1", "kind": "Secret",
            "data": {"a": STANDARD.encode([0xff_u8, 0xfe, 1, 2, 3, 4, 5, 6, 7])}}));
        assert_eq!(without(&octets, "//4BAgMEBQYH"), "REDACTED");
        assert_eq!(
            without(&secret("password", "correcthorse"), "it was correcthorse"),
            "it was REDACTED"
        );
    }

    #[test]
    fn what_was_taken_out_by_name_or_form_is_taken_out_elsewhere() {
        let pod = learnt(json!({"kind": "Pod", "spec": {"containers": [{
            "args": ["--peer=https://me:Passw0rdOfEtcd@etcd.test/x", "--token", "T0kenOfArgs"],
            "env": [{"name": "DB_PASSWORD", "value": "Passw0rdOfEnv"}]}]}}));
        for word in ["Passw0rdOfEtcd", "T0kenOfArgs", "Passw0rdOfEnv"] {
            assert_eq!(without(&pod, &format!("<{word}>")), "<REDACTED>");
        }
        let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\nCCqGSM49AwEHBG0wawIBAQQg\n\
                   -----END PRIVATE KEY-----\n";
        let known = secret("tls.key", key);
        assert_eq!(without(&known, "CCqGSM49AwEHBG0wawIBAQQg"), "REDACTED", "a line of it alone");
    }

    #[test]
    fn names_addresses_and_what_is_public_stay() {
        let certificate =
            "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n";
        for (key, value, text) in [
            ("namespace", "kube-system", "in kube-system"),
            ("host", "https://db.example.test:5432/a", "https://db.example.test:5432/a"),
            ("address", "10.96.0.1", "10.96.0.1"),
            ("range", "2001:DB8::1/64", "2001:DB8::1/64"),
            ("enabled", "true", "true"),
            ("version", "v1.20.2", "v1.20.2"),
            ("note", "Some words of 1 sentence", "Some words of 1 sentence"),
            ("token", "short", "short"),
            ("tls.crt", certificate, "MIIBszCCAVmgAwIBAgIU"),
        ] {
            assert_eq!(without(&secret(key, value), text), text, "{key}");
        }
        let reference =
            learnt(json!({"kind": "Ingress", "spec": {"clientSecret": "wildcard-tls"}}));
        assert_eq!(
            without(&reference, "Secret gateway/wildcard-tls"),
            "Secret gateway/wildcard-tls"
        );
    }

    #[test]
    fn only_free_texts_of_objects_lose_what_is_somebodys_secret() {
        let known = secret("password", "production");
        let spec = json!({"kind": "production", "metadata": {"namespace": "production"},
            "spec": {"hostnames": ["production"], "path": {"type": "Exact", "value": "production"}}});
        let mut route = spec.clone();
        known.remover().remove(&mut route);
        assert_eq!(route, spec);
        let mut told = json!({"metadata": {"annotations": {"a": "production"}},
            "headers": [{"name": "x", "value": "production"}], "args": ["--x=production"],
            "status": {"conditions": [{"message": "not production", "reason": "production"}]}});
        known.remover().remove(&mut told);
        assert_eq!(
            told,
            json!({"metadata": {"annotations": {"a": "REDACTED"}},
                "headers": [{"name": "x", "value": "REDACTED"}], "args": ["--x=REDACTED"],
                "status": {"conditions": [{"message": "not REDACTED", "reason": "production"}]}})
        );
    }

    #[test]
    fn of_the_copy_that_kubectl_keeps_only_secrets_are_learnt() {
        let copy = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "spec": {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/Cart1234"}}]}],
                "password": "hunter2Canary"}});
        let known = learnt(json!({"kind": "HTTPRoute", "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": copy.to_string()}}}));
        let told = "HTTPRoute, PathPrefix /Cart1234, hunter2Canary";
        assert_eq!(without(&known, told), "HTTPRoute, PathPrefix /Cart1234, REDACTED");
    }

    #[test]
    fn a_text_from_which_much_was_taken_gives_each_part() {
        let mut known = Known::default();
        known.learn_text("a=One1Secret b=Two2Secret c", "a=REDACTED b=REDACTED c");
        assert_eq!(without(&known, "Two2Secret, One1Secret"), "REDACTED, REDACTED");
    }

    #[test]
    fn nothing_of_it_is_printed() {
        assert_eq!(format!("{:?}", secret("a", "hunter2Canary")), "Known(2 words)");
        assert_eq!(without(&Known::default(), "nothing known"), "nothing known");
    }
}
