//! The environment, read once and passed on.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use gateproof_report::console::{Colour, Device, Terminal};
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
            state: state_directory(),
        }
    }

    /// Whether messages on standard error are coloured.
    pub(crate) fn colours_messages(&self) -> bool {
        self.messages.colour == Colour::On
    }
}

/// `GATEPROOF_STATE_DIR`, else the XDG state directory (specifications.freedesktop.org/basedir).
fn state_directory() -> PathBuf {
    let folder = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("GATEPROOF_STATE_DIR").unwrap_or_else(|| {
        folder("XDG_STATE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
            .unwrap_or_else(std::env::temp_dir)
            .join("gateproof")
    })
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
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
