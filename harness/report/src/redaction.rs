//! The last belt against secrets: private keys in PEM and bearer tokens in any text of an event.
//!
//! Nothing that makes events puts secrets into them; this catches what a component log or an
//! echoed request header would carry along. It does not look for passwords or other formats.

use std::borrow::Cow;

use gateproof_core::event::Record;
use serde_json::Value;

use crate::reporter::ReportError;

const KEY_BEGIN: &str = "-----BEGIN ";
const KEY_MARK: &str = "PRIVATE KEY-----";
const KEY_END: &str = "-----END ";
const DASHES: &str = "-----";
const BEARER: &str = "bearer ";
/// Every JSON Web Token starts so: base64 of `{"`.
const JWT: &str = "eyJ";

/// The record without secrets. Most records hold nothing like one and are not copied.
pub(crate) fn redact(record: &Record) -> Result<Cow<'_, Record>, ReportError> {
    let failed = |source| ReportError::Redact { sequence: record.sequence, source };
    let text = serde_json::to_string(record).map_err(failed)?;
    if !suspicious(&text) {
        return Ok(Cow::Borrowed(record));
    }
    let mut value: Value = serde_json::from_str(&text).map_err(failed)?;
    redact_value(&mut value);
    serde_json::from_value(value).map(Cow::Owned).map_err(failed)
}

fn suspicious(text: &str) -> bool {
    text.contains(KEY_MARK) || text.contains(JWT) || find_ignoring_case(text, BEARER).is_some()
}

fn redact_value(value: &mut Value) {
    match value {
        Value::String(text) => {
            if suspicious(text) {
                *text = redact_text(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_value),
        Value::Object(fields) => fields.values_mut().for_each(redact_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text without private keys and tokens.
fn redact_text(text: &str) -> String {
    redact_web_tokens(&redact_bearers(&redact_keys(text)))
}

/// From `-----BEGIN … PRIVATE KEY-----` to its end line, or to the end of a text that was cut.
fn redact_keys(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(mark) = rest.find(KEY_MARK) {
        let Some(begin) = rest[..mark].rfind(KEY_BEGIN) else {
            let end = mark + KEY_MARK.len();
            kept.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        };
        kept.push_str(&rest[..begin]);
        kept.push_str("[private key removed]");
        let body = &rest[mark + KEY_MARK.len()..];
        rest = match body.find(KEY_END) {
            Some(end) => {
                let tail = &body[end + KEY_END.len()..];
                tail.find(DASHES).map_or("", |end| &tail[end + DASHES.len()..])
            }
            None => "",
        };
    }
    kept.push_str(rest);
    kept
}

/// What follows the word `Bearer`, if it looks like a token and not like the next word.
fn redact_bearers(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = find_ignoring_case(rest, BEARER) {
        let start = at + BEARER.len();
        let token_at = start + (rest[start..].len() - rest[start..].trim_start().len());
        let token: &str = token_in(&rest[token_at..]);
        kept.push_str(&rest[..token_at]);
        if is_token(token) {
            kept.push_str("[token removed]");
        } else {
            kept.push_str(token);
        }
        rest = &rest[token_at + token.len()..];
    }
    kept.push_str(rest);
    kept
}

/// JSON Web Tokens without the word `Bearer` before them, such as those of service accounts.
fn redact_web_tokens(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(JWT) {
        let token = token_in(&rest[at..]);
        kept.push_str(&rest[..at]);
        let is_web_token = token.len() >= 40 && token.split('.').count() == 3;
        kept.push_str(if is_web_token { "[token removed]" } else { token });
        rest = &rest[at + token.len()..];
    }
    kept.push_str(rest);
    kept
}

/// The characters that RFC 6750 §2.1 allows in a token, without the full stop of a sentence.
fn token_in(text: &str) -> &str {
    let in_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    text[..text.find(|c| !in_token(c)).unwrap_or(text.len())].trim_end_matches('.')
}

fn is_token(word: &str) -> bool {
    word.len() >= 20 || (word.len() >= 8 && word.contains(|c: char| c.is_ascii_digit()))
}

fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    text.as_bytes()
        .windows(word.len())
        .position(|found| found.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gateproof_core::event::{Event, Record};

    use super::{redact, redact_text};

    const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2EifQ.c2lnbmF0dXJlLW9mLWl0";

    #[test]
    fn private_keys_and_tokens_are_removed() {
        let key = |kind: &str| {
            format!("-----BEGIN {kind}PRIVATE KEY-----\nMHcCAQEE\n-----END {kind}PRIVATE KEY-----")
        };
        let cases = [
            (format!("a\n{}\nb", key("EC ")), "a\n[private key removed]\nb"),
            (format!("{}{}", key(""), key("RSA ")), "[private key removed][private key removed]"),
            ("x -----BEGIN PRIVATE KEY-----\nMHcCAQ".to_owned(), "x [private key removed]"),
            (
                format!("Authorization: Bearer {TOKEN}, next"),
                "Authorization: Bearer [token removed], next",
            ),
            ("bearer   a1b2c3d4e5".to_owned(), "bearer   [token removed]"),
            (format!("token {TOKEN}."), "token [token removed]."),
        ];
        for (text, expected) in cases {
            assert_eq!(redact_text(&text), expected, "{text}");
        }
    }

    #[test]
    fn look_alikes_are_kept() {
        for text in [
            "the bearer of this certificate",
            "bearer authentication is off",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "expected a PEM block that ends in PRIVATE KEY-----",
            "eyJ",
            "bearer ",
            "Grüße, bearer äöü",
        ] {
            assert_eq!(redact_text(text), text);
        }
    }

    #[test]
    fn record_keeps_everything_but_the_secret() {
        let record = |cause: &str| Record {
            sequence: 4,
            at: Duration::from_micros(7),
            event: Event::Interrupted { cause: cause.to_owned() },
        };
        let secret = record("SIGINT while sending Bearer abcdef0123456789");
        let redacted = redact(&secret).expect("redacted");
        assert_eq!(*redacted, record("SIGINT while sending Bearer [token removed]"));
        let harmless = record("SIGINT");
        assert!(matches!(redact(&harmless), Ok(std::borrow::Cow::Borrowed(_))));
    }
}
