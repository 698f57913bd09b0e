//! What the console writes to, worked out once from the environment.
//!
//! `NO_COLOR` (no-color.org), `CLICOLOR` and `CLICOLOR_FORCE` (bixense.com/clicolors), `TERM=dumb`
//! and `COLUMNS` are heeded. A wish for no colour outranks the wish to force it.

use std::io::IsTerminal;

use console::Term;

use crate::layout::{Colour, Page};

/// The width of output that is not a terminal: wide enough for a grid, narrow enough for the log
/// pages of CI systems.
const STREAM_COLUMNS: usize = 120;
/// Below this nothing sensible can be laid out; the terminal then wraps by itself.
const LEAST_COLUMNS: usize = 40;
/// What a terminal is taken for that does not tell its width.
const USUAL_COLUMNS: usize = 80;

/// What the console writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Where the lines go.
    pub output: Output,
    /// Whether they are coloured.
    pub colour: Colour,
    /// Whether progress is drawn.
    pub progress: Progress,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// To a terminal of so many columns.
    Screen {
        /// The columns.
        columns: usize,
    },
    /// To a file or pipe: lines carry the time since the start of the run.
    Stream {
        /// The columns to wrap at.
        columns: usize,
    },
}

/// Whether progress is drawn on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A line for each running trial, redrawn.
    Live,
    /// None.
    None,
}

/// One of the standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// A terminal, with its columns if it tells them.
    Terminal {
        /// The columns.
        columns: Option<usize>,
    },
    /// A file, a pipe or nothing.
    Other,
}

impl Device {
    /// What standard output is.
    pub fn stdout() -> Self {
        Self::of(&std::io::stdout(), &Term::stdout())
    }

    /// What standard error is.
    pub fn stderr() -> Self {
        Self::of(&std::io::stderr(), &Term::stderr())
    }

    fn of(stream: &impl IsTerminal, term: &Term) -> Self {
        if stream.is_terminal() {
            Self::Terminal { columns: term.size_checked().map(|(_, columns)| columns.into()) }
        } else {
            Self::Other
        }
    }
}

impl Terminal {
    /// Works out how to write to `output`, with progress on `progress`. The environment is asked
    /// through `variable`.
    pub fn detect(
        variable: impl Fn(&str) -> Option<String>,
        output: Device,
        progress: Device,
    ) -> Self {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let is = |name: &str, wanted: &str| variable(name).is_some_and(|value| value == wanted);
        let wanted_columns =
            variable("COLUMNS").and_then(|columns| columns.parse().ok()).filter(|c| *c > 0);
        let dumb = is("TERM", "dumb");
        let colour = if set("NO_COLOR") {
            Colour::Off
        } else if set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0") {
            Colour::On
        } else if output == Device::Other || dumb || is("CLICOLOR", "0") {
            Colour::Off
        } else {
            Colour::On
        };
        let output = match output {
            Device::Terminal { columns } => Output::Screen {
                columns: columns.or(wanted_columns).unwrap_or(USUAL_COLUMNS).max(LEAST_COLUMNS),
            },
            Device::Other => Output::Stream {
                columns: wanted_columns.unwrap_or(STREAM_COLUMNS).max(LEAST_COLUMNS),
            },
        };
        let progress = match progress {
            Device::Terminal { .. } if !dumb => Progress::Live,
            Device::Terminal { .. } | Device::Other => Progress::None,
        };
        Self { output, colour, progress }
    }

    pub(crate) fn page(&self) -> Page {
        let (Output::Screen { columns } | Output::Stream { columns }) = self.output;
        Page { width: columns, colour: self.colour }
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, Output, Progress, Terminal};
    use crate::layout::Colour;

    const SCREEN: Device = Device::Terminal { columns: Some(200) };

    /// Variables and their values.
    type Environment = [(&'static str, &'static str)];

    fn detect(environment: &Environment, output: Device) -> Terminal {
        let variable = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Terminal::detect(variable, output, output)
    }

    #[test]
    fn colour_follows_the_environment() {
        let cases: &[(&Environment, Device, Colour)] = &[
            (&[], SCREEN, Colour::On),
            (&[], Device::Other, Colour::Off),
            (&[("NO_COLOR", "1")], SCREEN, Colour::Off),
            (&[("NO_COLOR", "")], SCREEN, Colour::On),
            (&[("CLICOLOR", "0")], SCREEN, Colour::Off),
            (&[("CLICOLOR_FORCE", "1")], Device::Other, Colour::On),
            (&[("CLICOLOR_FORCE", "0")], Device::Other, Colour::Off),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], SCREEN, Colour::Off),
            (&[("TERM", "dumb")], SCREEN, Colour::Off),
            (&[("TERM", "xterm")], SCREEN, Colour::On),
        ];
        for (environment, output, expected) in cases {
            let found = detect(environment, *output).colour;
            assert_eq!(found, *expected, "{environment:?} on {output:?}");
        }
    }

    #[test]
    fn progress_needs_a_terminal_that_can_move_its_cursor() {
        assert_eq!(detect(&[], SCREEN).progress, Progress::Live);
        assert_eq!(detect(&[("NO_COLOR", "1")], SCREEN).progress, Progress::Live);
        assert_eq!(detect(&[("TERM", "dumb")], SCREEN).progress, Progress::None);
        assert_eq!(detect(&[("CLICOLOR_FORCE", "1")], Device::Other).progress, Progress::None);
    }

    #[test]
    fn width_is_that_of_the_terminal() {
        let columns = |environment: &Environment, output| detect(environment, output).output;
        assert_eq!(columns(&[("COLUMNS", "70")], SCREEN), Output::Screen { columns: 200 });
        let unknown = Device::Terminal { columns: None };
        assert_eq!(columns(&[("COLUMNS", "70")], unknown), Output::Screen { columns: 70 });
        assert_eq!(columns(&[], unknown), Output::Screen { columns: 80 });
        assert_eq!(columns(&[("COLUMNS", "x")], Device::Other), Output::Stream { columns: 120 });
        let narrow = Device::Terminal { columns: Some(3) };
        assert_eq!(columns(&[], narrow), Output::Screen { columns: 40 });
    }
}
