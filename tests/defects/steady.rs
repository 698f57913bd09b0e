//! The same report with everything that differs between two runs put at rest, before it is laid
//! out, so that lines break in the same places.

use std::sync::LazyLock;

use gateproof_core::report::RunReport;
use libtest_mimic::Failed;
use regex::Regex;
use serde_json::Value;

static RESTED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"127\.\d+\.\d+\.(\d+)", "127.0.0.$1"),
        (r"\b3[0-2]\d{3}\b", "30000"),
        (r"\bheld for [\d.]+ s and \d+ more", "held for 0.1 s and 1 more"),
        (r"serial [0-9a-f:]{8,}", "serial 00"),
        (r"\bbasket(-next)?-[0-9a-z]{9}-\d\b", "basket-pod"),
        (r"pod=basket-[0-9a-z]{9}-\d_shop\([0-9a-f-]{36}\)", "pod=basket-pod_shop(uid)"),
        (r"\b\d+ looks\b", "8 looks"),
        (r"valid 202\S+ to \S+", "valid 2026 to 2027"),
        // What chance gives; nothing and everything stay as they are.
        (r"\b[1-9]\d?\.\d % \(\d+ of", "50.0 % (100 of"),
    ]
    .into_iter()
    .map(|(pattern, rest)| (Regex::new(pattern).expect("a good pattern"), rest))
    .collect()
});

/// The report at rest.
pub(crate) fn steady(report: &RunReport) -> Result<RunReport, Failed> {
    let mut value = serde_json::to_value(report)?;
    rest(&mut value);
    Ok(serde_json::from_value(value)?)
}

fn rest(value: &mut Value) {
    match value {
        Value::String(text) => {
            for (pattern, rest) in RESTED.iter() {
                *text = pattern.replace_all(text, *rest).into_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rest),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if (name == "took" || name.ends_with("Micros")) && field.is_number() {
                    *field = 1000.into();
                } else if name == "shares" {
                    *field = Value::Object(serde_json::Map::new());
                } else {
                    rest(field);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
