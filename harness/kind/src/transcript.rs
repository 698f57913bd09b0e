//! What long commands write, kept while they run, so that it is evidence also when nobody waits for
//! their end any more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::actions::Seen;
use crate::container::ExecCommand;
use crate::engine::{Engine, Input, Output};
use crate::evidence::{self, FILE_LIMIT, tail::Tail};
use crate::log_line::plain;

/// The transcripts of a cluster; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcripts {
    tails: Arc<Mutex<BTreeMap<(String, String), Tail>>>,
}

impl Transcripts {
    /// Runs a command that has to succeed, and keeps what it writes; `on_line` hears the newest
    /// line whenever something comes.
    pub(crate) async fn record(
        &self,
        engine: &Engine,
        command: &ExecCommand,
        container: &str,
        deadline: Duration,
        on_line: impl Fn(&str),
    ) -> Result<(), Seen> {
        let words: Vec<&str> = command.argv.iter().take(2).map(String::as_str).collect();
        let key = (container.to_owned(), words.join("-"));
        self.with(&key, |tail| *tail = Tail::new(FILE_LIMIT));
        let sink = |output| match output {
            Output::Standard(octets) | Output::Error(octets) => {
                self.with(&key, |tail| tail.push(&octets));
                if let Some(line) = newest_line(&octets) {
                    on_line(&line);
                }
            }
        };
        let ended = engine.exec_streaming(container, command, Input::Nothing, sink, deadline).await;
        let what = match ended {
            Ok(0) => return Ok(()),
            Ok(code) => format!("`{}` ended with exit code {code}", command.argv.join(" ")),
            Err(error) => error.to_string(),
        };
        let output = self.with(&key, |tail| tail.to_text());
        Err(Seen::with_output(what, &output))
    }

    fn with<T>(&self, key: &(String, String), change: impl FnOnce(&mut Tail) -> T) -> T {
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        change(tails.entry(key.clone()).or_insert_with(|| Tail::new(FILE_LIMIT)))
    }

    /// Writes the transcripts below the folder of each container.
    pub(crate) async fn save(&self, folder: &Path) -> Vec<PathBuf> {
        let texts: Vec<(PathBuf, String)> = {
            let tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
            let text = |((container, command), tail): (&(String, String), &Tail)| {
                (folder.join(container).join(format!("{command}.log")), tail.to_text())
            };
            tails.iter().map(text).collect()
        };
        evidence::save_texts(texts).await
    }
}

/// The last line in a piece of output that says something.
fn newest_line(octets: &[u8]) -> Option<String> {
    let mut lines = octets.rsplit(|octet| *octet == b'\n').map(plain);
    lines.find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Transcripts, newest_line};

    #[test]
    fn the_newest_line_is_the_last_one_that_says_something() {
        assert_eq!(newest_line(b"one\r\n\x1b[1mtwo\x1b[0m\r\n\n").as_deref(), Some("two"));
        assert_eq!(newest_line(b"\n \n"), None);
    }

    #[tokio::test]
    async fn what_was_written_is_saved_beside_the_other_evidence_without_secrets() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let transcripts = Transcripts::default();
        let key = ("a-control-plane".to_owned(), "kubeadm-init".to_owned());
        transcripts.with(&key, |tail| tail.push(b"token abcdef.0123456789abcdef\n"));
        let written = transcripts.save(folder.path()).await;
        let path = folder.path().join("a-control-plane/kubeadm-init.log");
        assert_eq!(written, std::slice::from_ref(&path));
        assert_eq!(std::fs::read_to_string(path).expect("written"), "token REDACTED\n");
    }
}
