//! The JSON report: the document of `gateproof_core::report::Document`, one object, indented.

use gateproof_core::event::Record;
use gateproof_core::report::{Document, RunReport};

use crate::destination::Destination;
use crate::reporter::{ReportError, Reporter, Written};
use crate::spec::ReportKind;

/// Writes the JSON report at the end of the run.
pub(crate) struct Json(pub(crate) Destination);

impl Reporter for Json {
    fn record(&mut self, _: &Record, _: &RunReport) -> Result<(), ReportError> {
        Ok(())
    }

    fn finish(&mut self, report: &RunReport) -> Result<Option<Written>, ReportError> {
        self.0.write(render(report)?.as_bytes()).map(Some)
    }
}

/// The document as text.
pub(crate) fn render(report: &RunReport) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(&Document::of(report))
        .map_err(|source| ReportError::Json { kind: ReportKind::Json, source })?;
    text.push('\n');
    Ok(text)
}
