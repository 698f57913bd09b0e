//! The environment, read once and passed on.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use gateproof_report::console::{Colour, Device, Terminal};
use gateproof_runner::workplace;
use tracing_subscriber::EnvFilter;

use crate::arguments::ColorChoice;

/// What the surroundings of the process say.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// How the console writes to standard output.
    pub(crate) output: Terminal,
    /// How messages are written to standard error.
    pub(crate) messages: Terminal,
    /// Where runs keep their journals.
    pub(crate) state: PathBuf,
    /// Who waits for the command.
    pub(crate) audience: Audience,
}

/// Who waits for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person at a terminal.
    Person,
    /// A program, or a CI system, which says so in `CI`.
    Program,
}

impl Environment {
    /// Reads it.
    pub(crate) fn read(choice: ColorChoice) -> Self {
        let terminal = |device| {
            let mut terminal = Terminal::detect(variable, device, Device::stderr());
            match choice {
                ColorChoice::Auto => {}
                ColorChoice::Always => terminal.colour = Colour::On,
                ColorChoice::Never => terminal.colour = Colour::Off,
            }
            terminal
        };
        Self {
            output: terminal(Device::stdout()),
            messages: terminal(Device::stderr()),
            state: workplace::state_folder(&variable),
            audience: audience(),
        }
    }

    /// Whether messages on standard error are coloured.
    pub(crate) fn colours_messages(&self) -> bool {
        self.messages.colour == Colour::On
    }
}

fn audience() -> Audience {
    let ci = variable("CI").is_some_and(|ci| !matches!(&*ci, "" | "0" | "false"));
    match Device::stderr() {
        Device::Terminal { .. } if !ci => Audience::Person,
        Device::Terminal { .. } | Device::Other => Audience::Program,
    }
}

/// What a variable says.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A line that names the variable when a wrong value was not typed but came from the environment.
pub(crate) fn origin_of(error: &clap::Error) -> String {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return String::new();
    };
    let typed = std::env::args_os().any(|typed| typed.to_string_lossy().starts_with("--provider"));
    match variable("GATEPROOF_PROVIDER") {
        Some(value) if argument.starts_with("--provider") && !typed => {
            format!("\nThe value comes from the environment: GATEPROOF_PROVIDER=`{value}`\n")
        }
        _ => String::new(),
    }
}

/// Sends the harness's own log to standard error.
pub(crate) fn log_to_stderr(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        format!("`{filter}` of `--log` or GATEPROOF_LOG is no filter ({error}); write a level such as `debug`, or `gateproof_runner=debug,info`")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| format!("the log cannot be set up: {error}"))
}
