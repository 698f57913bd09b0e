//! The small actions that make a cluster, and what they have in common: every action is told when
//! it begins, what it waits for, and how it ended; it has a deadline; and when it fails, the error
//! names action and node and shows what was seen.
//!
//! An action may be dropped at any await. What must not be dropped half-way, such as the creation
//! of a container, runs in a task of its own ([`create`]).

use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use gateproof_core::name::ClusterName;
use gateproof_core::redaction::text as redact;
use gateproof_kubernetes::{Action, News, Surroundings, WaitError};
use regex::Regex;
use tokio::time::Instant;

use crate::container::{ExecCommand, ExecOutcome};
use crate::engine::EngineError;

pub(crate) mod boot;
pub(crate) mod configure;
pub(crate) mod create;
pub(crate) mod finish;
pub(crate) mod images;
pub(crate) mod kubeadm;
pub(crate) mod load_balancer;
pub(crate) mod mirror;
mod node_command;
pub(crate) mod own_image;
pub(crate) mod preload;
pub(crate) mod prober;
pub(crate) mod register;

pub(crate) use boot::{ended, ended_meanwhile};
pub(crate) use node_command::NodeShell;

/// How many of the last lines of a command's output an error shows.
const SHOWN_LINES: usize = 12;

/// How much of a line an error shows.
const SHOWN_COLUMNS: usize = 240;

/// What was seen when an action failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What happened, in words.
    what: String,
    /// The last lines of output, oldest first.
    lines: Vec<String>,
}

impl Seen {
    /// Something that needs no output to be understood.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), lines: Vec::new() }
    }

    /// Something with the last lines of what was written.
    pub(crate) fn with_output(what: impl Into<String>, output: &str) -> Self {
        let output = redact(output);
        let lines: Vec<&str> = output
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !is_stack_frame(line))
            .collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        let lines = shown.iter().map(|line| line.chars().take(SHOWN_COLUMNS).collect()).collect();
        Self { what: what.into(), lines }
    }

    /// A command that ended with a code other than zero.
    pub(crate) fn failed_command(command: &ExecCommand, outcome: &ExecOutcome) -> Self {
        let output = [&outcome.stdout[..], &outcome.stderr[..]]
            .map(|octets| String::from_utf8_lossy(octets).into_owned())
            .join("\n");
        let what = format!(
            "`{}` ended with exit code {}",
            redact(&command.argv.join(" ")),
            outcome.exit_code
        );
        Self::with_output(what, &output)
    }
}

/// Whether a line is part of a Go stack, with which kubeadm ends a failure at `--v=6`: the function,
/// or the file and line below it. The words that matter stand before it.
fn is_stack_frame(line: &str) -> bool {
    static FRAME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^(\s+\S+\.(go|s):\d+( \+0x[0-9a-f]+)?|[\w.-]+(/[\w.-]+)*\.[\w.()*]+(\(.*\))?)$",
        )
        .expect("a form that is part of the program")
    });
    FRAME.is_match(line)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.lines.is_empty() {
            return Ok(());
        }
        f.write_str("; the last lines:")?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}

impl Seen {
    /// The same with something that explains it.
    #[must_use]
    pub(crate) fn because(mut self, why: &str) -> Self {
        self.what = format!("{why}; {}", self.what);
        self
    }
}

impl From<EngineError> for Seen {
    fn from(error: EngineError) -> Self {
        Self::new(redact(&error.to_string()))
    }
}

impl From<WaitError> for Seen {
    fn from(error: WaitError) -> Self {
        Self::new(redact(&error.to_string()))
    }
}

/// An action that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("action `{action}`{} failed after {:.1} s: {seen}", on(node.as_deref()), took.as_secs_f64())]
pub struct ActionError {
    /// The action's name.
    pub action: &'static str,
    /// The container it was done on.
    pub node: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// What was seen.
    pub seen: Seen,
}

fn on(node: Option<&str>) -> String {
    node.map(|node| format!(" on {node}")).unwrap_or_default()
}

/// Where an action takes place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The cluster as a whole.
    Cluster,
    /// One container of it, told by its name.
    Container(&'a str),
}

/// Where actions take place and who hears of them.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) cluster: ClusterName,
    pub(crate) surroundings: Surroundings,
}

impl Scene {
    /// A container's name without that of the cluster, as reports have it.
    fn short(&self, container: &str) -> String {
        let short = container.strip_prefix(self.cluster.as_str());
        short.and_then(|short| short.strip_prefix('-')).unwrap_or(container).to_owned()
    }

    /// Does an action: tells of it, bounds it, and says what failed.
    pub(crate) async fn act<T>(
        &self,
        name: &'static str,
        place: Place<'_>,
        deadline: Duration,
        work: impl AsyncFnOnce(&Progress<'_>) -> Result<T, Seen>,
    ) -> Result<T, ActionError> {
        let node = match place {
            Place::Cluster => None,
            Place::Container(name) => Some(name.to_owned()),
        };
        let action = Action { name: name.to_owned(), node: node.as_deref().map(|n| self.short(n)) };
        let telling = Telling::start(&self.surroundings, &action);
        let progress = Progress {
            surroundings: &self.surroundings,
            action: &action,
            missing: Mutex::default(),
        };
        let done = match tokio::time::timeout(deadline, work(&progress)).await {
            Ok(done) => done,
            Err(_) => Err(progress.timed_out(deadline)),
        };
        let took = telling.took();
        match done {
            Ok(value) => {
                telling.finish(None);
                Ok(value)
            }
            Err(seen) => {
                telling.finish(Some(seen.to_string()));
                Err(ActionError { action: name, node, took, seen })
            }
        }
    }
}

/// Tells of an action's end, also when it is dropped.
struct Telling<'a> {
    surroundings: &'a Surroundings,
    action: &'a Action,
    started: Instant,
    told: bool,
}

impl<'a> Telling<'a> {
    fn start(surroundings: &'a Surroundings, action: &'a Action) -> Self {
        surroundings.witness.tell(action, News::Started);
        Self { surroundings, action, started: Instant::now(), told: false }
    }

    fn took(&self) -> Duration {
        self.started.elapsed()
    }

    fn finish(mut self, problem: Option<String>) {
        self.tell(problem);
    }

    fn tell(&mut self, problem: Option<String>) {
        self.told = true;
        let news = News::Finished { took: self.took(), problem };
        self.surroundings.witness.tell(self.action, news);
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.tell(Some("given up, because something else failed or ended the run".to_owned()));
        }
    }
}

/// An action under way.
pub(crate) struct Progress<'a> {
    surroundings: &'a Surroundings,
    action: &'a Action,
    missing: Mutex<Option<String>>,
}

impl Progress<'_> {
    /// Tells what the action waits for, whenever that changes.
    pub(crate) fn awaiting(&self, missing: &str) {
        let mut known = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() != Some(missing) {
            *known = Some(missing.to_owned());
            self.surroundings.witness.tell(self.action, News::Awaiting(missing.to_owned()));
        }
    }

    /// Keeps in mind what an error would tell when time runs out, without telling anybody now: for
    /// what changes too often to be news.
    pub(crate) fn keep_in_mind(&self, missing: String) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = Some(missing);
    }

    fn timed_out(&self, deadline: Duration) -> Seen {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = missing.as_deref().unwrap_or("no answer came");
        Seen::new(format!("not done within {} s: {missing}", deadline.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;
    use crate::container::{ExecCommand, ExecOutcome};

    #[test]
    fn a_failed_command_is_told_with_its_last_lines_and_without_secrets() {
        let command = ExecCommand {
            argv: vec!["kubeadm".to_owned(), "init".to_owned()],
            stdin: None,
            env: Vec::new(),
            privileged: false,
        };
        let lines: Vec<String> = (0..40).map(|line| format!("line {line}")).collect();
        let outcome = ExecOutcome {
            exit_code: 1,
            stdout: lines.join("\n").into_bytes(),
            stderr: b"error: token abcdef.0123456789abcdef is bad\r\n\n".to_vec(),
        };
        let told = Seen::failed_command(&command, &outcome).to_string();
        assert!(
            told.starts_with("`kubeadm init` ended with exit code 1; the last lines:"),
            "{told}"
        );
        assert!(told.ends_with("  | line 39\n  | error: token REDACTED is bad"), "{told}");
        assert!(!told.contains("line 20"), "{told}");
    }

    #[test]
    fn the_stack_of_a_go_program_is_left_out() {
        let output = "[kubelet-check] The kubelet is not healthy after 4m0s\n\
            error execution phase wait-control-plane: failed while waiting\n\
            k8s.io/kubernetes/cmd/kubeadm/app/cmd/phases/workflow.(*Runner).Run.func1\n\
            \tk8s.io/kubernetes/cmd/kubeadm/app/cmd/phases/workflow/runner.go:262\n\
            github.com/spf13/cobra.(*Command).execute\n\
            main.main\n\tk8s.io/kubernetes/cmd/kubeadm/kubeadm.go:25\n\
            runtime.goexit\n\t/usr/local/go/src/runtime/asm_amd64.s:1700\n";
        let told = Seen::with_output("it ended", output).to_string();
        assert_eq!(
            told,
            "it ended; the last lines:\n  | [kubelet-check] The kubelet is not healthy after 4m0s\n  \
             | error execution phase wait-control-plane: failed while waiting"
        );
    }

    #[test]
    fn without_output_nothing_is_promised() {
        assert_eq!(Seen::with_output("it ended", "\n \n").to_string(), "it ended");
    }
}
