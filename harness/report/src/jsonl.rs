//! The event log as JSON lines: written while the run goes on, read back for every other report.
//!
//! Each record goes out in one write as soon as it is there, so that what a killed run has told
//! can be read. The file is not made whole at the end like the others: it *is* the evidence.

use std::fs::File;
use std::io::{self, Write};

use gateproof_core::event::{FORMAT, Record};
use gateproof_core::report::RunReport;
use serde_json::Value;

use crate::destination::{make_parent, to_stdout};
use crate::reporter::{ReportError, Reporter, Written};
use crate::spec::{ReportKind, Target};

/// Writes the event log.
pub(crate) struct Jsonl {
    target: Target,
    file: Option<File>,
}

impl Jsonl {
    /// Creates the file, empty, and the directories it is in.
    pub(crate) fn open(target: &Target) -> Result<Self, ReportError> {
        let file = match target {
            Target::Stdout => None,
            Target::File(path) if path.is_dir() => {
                return Err(ReportError::Directory { kind: ReportKind::Jsonl, path: path.clone() });
            }
            Target::File(path) => {
                let file = make_parent(path).and_then(|()| File::create(path));
                Some(file.map_err(|source| ReportError::Prepare {
                    kind: ReportKind::Jsonl,
                    path: path.clone(),
                    source,
                })?)
            }
        };
        Ok(Self { target: target.clone(), file })
    }

    fn failed(&self, source: io::Error) -> ReportError {
        ReportError::Write { kind: ReportKind::Jsonl, target: self.target.clone(), source }
    }
}

impl Reporter for Jsonl {
    fn record(&mut self, record: &Record, _: &RunReport) -> Result<(), ReportError> {
        let mut line = serde_json::to_vec(record)
            .map_err(|source| ReportError::Json { kind: ReportKind::Jsonl, source })?;
        line.push(b'\n');
        match &mut self.file {
            Some(file) => file.write_all(&line),
            None => to_stdout(&line),
        }
        .map_err(|source| self.failed(source))
    }

    fn finish(&mut self, _: &RunReport) -> Result<Option<Written>, ReportError> {
        if let Some(file) = &self.file {
            match file.sync_all() {
                // Pipes and devices cannot be synchronised, and need not be.
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                    return Err(self.failed(error));
                }
                _ => {}
            }
        }
        Ok(Some(Written { kind: ReportKind::Jsonl, target: self.target.clone() }))
    }
}

/// Why text is no event log. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A line that is no record.
    #[error(
        "read line {line} of the event log: {cause}; expected one JSON record a line, as \
         `--report jsonl=PATH` writes them"
    )]
    Line {
        /// The line.
        line: usize,
        /// What is wrong with it, in the parser's words.
        cause: String,
    },
    /// A log of another format.
    #[error(
        "read the event log: it has format {found}, this version reads format {FORMAT}; read it \
         with the Gateproof that wrote it ({gateproof})"
    )]
    Format {
        /// Its format.
        found: u64,
        /// The version that wrote it.
        gateproof: String,
    },
}

/// Reads an event log. A last line without its line break that cannot be read is left out: the
/// run was killed while it wrote. Anything else that is wrong is an error.
pub fn read_log(text: impl AsRef<[u8]>) -> Result<Vec<Record>, LogError> {
    let mut records = Vec::new();
    for (index, line) in text.as_ref().split_inclusive(|byte| *byte == b'\n').enumerate() {
        if index == 0 {
            check_format(line)?;
        }
        match serde_json::from_slice(line.trim_ascii_end()) {
            Ok(record) => records.push(record),
            Err(_) if !line.ends_with(b"\n") => break,
            Err(error) => {
                let cause = match line.trim_ascii() {
                    b"" => "it is empty".to_owned(),
                    _ => parser_words(&error),
                };
                return Err(LogError::Line { line: index + 1, cause });
            }
        }
    }
    Ok(records)
}

/// What the parser says, without its own count of lines: it only ever sees one.
fn parser_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text.rsplit_once(" at line ").map_or(&*text, |(words, _)| words);
    format!("{words} (column {})", error.column())
}

/// Refuses another format before its unknown events are taken for mistakes.
fn check_format(line: &[u8]) -> Result<(), LogError> {
    let Ok(value) = serde_json::from_slice::<Value>(line) else { return Ok(()) };
    let event = &value["event"];
    match event["format"].as_u64() {
        Some(found) if found != u64::from(FORMAT) => Err(LogError::Format {
            found,
            gateproof: event["gateproof"].as_str().unwrap_or("unknown version").to_owned(),
        }),
        _ => Ok(()),
    }
}
