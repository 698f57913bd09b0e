//! The types of apimachinery that are messages in protobuf and single values in JSON: times,
//! `IntOrString`, quantities, embedded JSON.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use super::wire::{Field, Reader, Wire};

/// How many digits a time has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    Seconds,
    Micros,
}

/// A `Time` (seconds 1, nanoseconds 2); null when it is not set.
pub(super) fn time(bytes: &[u8], precision: Precision) -> Option<Value> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for field in Reader::new(bytes) {
        match field? {
            Field { number: 1, wire: Wire::Number(number) } => seconds = number.cast_signed(),
            Field { number: 2, wire: Wire::Number(number) } => nanos = number.cast_signed(),
            _ => return None,
        }
    }
    // An unset time is written as nothing or as two zeros.
    if seconds == 0 && nanos == 0 {
        return Some(Value::Null);
    }
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?.to_offset(UtcOffset::UTC);
    let text = match precision {
        Precision::Seconds => time.format(&Rfc3339).ok()?,
        Precision::Micros => {
            let micros = format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
            );
            (time + time::Duration::nanoseconds(nanos)).format(micros).ok()?
        }
    };
    Some(json!(text))
}

/// An `IntOrString` (type 1: 0 for a number; number 2; text 3).
pub(super) fn int_or_string(bytes: &[u8]) -> Option<Value> {
    let (mut kind, mut number, mut text) = (0, 0_i64, "");
    for field in Reader::new(bytes) {
        match field? {
            Field { number: 1, wire: Wire::Number(given) } => kind = given,
            Field { number: 2, wire: Wire::Number(given) } => number = given.cast_signed(),
            Field { number: 3, wire: Wire::Bytes(given) } => {
                text = std::str::from_utf8(given).ok()?;
            }
            _ => return None,
        }
    }
    Some(if kind == 0 { json!(number) } else { json!(text) })
}

/// The text in field 1, which is all a quantity has.
pub(super) fn first_text(bytes: &[u8]) -> Option<Value> {
    match Reader::new(bytes).next() {
        Some(Some(Field { number: 1, wire: Wire::Bytes(text) })) => {
            std::str::from_utf8(text).ok().map(Value::from)
        }
        None => Some(json!("")),
        _ => None,
    }
}

/// The JSON in field 1, as `FieldsV1` and `RawExtension` have it.
pub(super) fn embedded_json(bytes: &[u8]) -> Option<Value> {
    match Reader::new(bytes).next() {
        Some(Some(Field { number: 1, wire: Wire::Bytes(text) })) => {
            serde_json::from_slice(text).ok()
        }
        None => Some(Value::Null),
        _ => None,
    }
}
