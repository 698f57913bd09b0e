//! The last belt against secrets: every record goes through the redaction of `gateproof-core` before
//! any report sees it.
//!
//! Nothing that makes events puts secrets into them; this catches what a component log or an
//! echoed request header would carry along.

use std::borrow::Cow;

use gateproof_core::event::Record;
use gateproof_core::redaction;

use crate::reporter::ReportError;

/// The record without secrets. Most records hold nothing like one and are passed on as they are.
pub(crate) fn redact(record: &Record) -> Result<Cow<'_, Record>, ReportError> {
    let failed = |source| ReportError::Redact { sequence: record.sequence, source };
    let event = serde_json::to_value(&record.event).map_err(failed)?;
    let mut told = event.clone();
    redaction::told(&mut told);
    if told == event {
        return Ok(Cow::Borrowed(record));
    }
    let event = serde_json::from_value(told).map_err(failed)?;
    Ok(Cow::Owned(Record { event, ..*record }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gateproof_core::event::{Event, Record};

    use super::redact;

    #[test]
    fn record_keeps_everything_but_the_secret() {
        let record = |cause: &str| Record {
            sequence: 4,
            at: Duration::from_micros(7),
            event: Event::Interrupted { cause: cause.to_owned() },
        };
        let secret = record("SIGINT while sending Bearer abcdef0123456789");
        let redacted = redact(&secret).expect("redacted");
        assert_eq!(*redacted, record("SIGINT while sending Bearer REDACTED"));
        let harmless = record("SIGINT");
        assert!(matches!(redact(&harmless), Ok(std::borrow::Cow::Borrowed(_))));
    }
}
