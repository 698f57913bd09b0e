//! The journal of a node: one file, to which everything that runs in the node appends.

use std::fs::OpenOptions;
use std::io::Write;

use crate::{Failure, Outcome};

const FILE: &str = "/var/log/journal.txt";

/// Adds a line. A node whose disk is gone says nothing.
pub(crate) fn note(line: &str) {
    let time = time::OffsetDateTime::now_utc();
    let opened = OpenOptions::new().append(true).create(true).open(FILE);
    if let Ok(mut file) = opened
        && writeln!(file, "{time} {}", line.replace('\n', " ")).is_err()
    {
        eprintln!("stand-in: the journal cannot be written");
    }
}

/// `journalctl --no-pager [-u UNIT]`; every unit has the same journal here.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--no-pager" => {}
            "-u" => {
                if words.next().is_none() {
                    return Err(Failure::new("journalctl: option requires an argument -- 'u'"));
                }
            }
            other => {
                return Err(Failure::new(format!("journalctl: unrecognized option '{other}'")));
            }
        }
    }
    print!("{}", std::fs::read_to_string(FILE).unwrap_or_else(|_| "-- No entries --\n".to_owned()));
    Ok(())
}
