//! The `gateproof` command: arguments in, exit code out.
//!
//! What was typed (`arguments`) is turned into what it means by one file per subcommand
//! (`command`). The work itself is in the other crates.

mod arguments;
mod command;
mod environment;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command, ReportCommand};
use crate::command::{
    CommandError, check, clean, cluster, dns, echo, explain, facts, images, plan, predict, prober,
    report, run, schema, validate, versions,
};
use crate::environment::Environment;

/// Exit code for wrong input; the others come from a run's report.
const WRONG_INPUT: u8 = 2;

/// Exit code when nothing was selected.
const NOTHING_SELECTED: u8 = 4;

/// Exit code when the harness itself could not do its work.
const INFRASTRUCTURE: u8 = 3;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A reader that went away has read enough; what was typed decides.
            let told = error.print();
            if error.use_stderr() {
                command::tell(&environment::origin_of(&error));
                return ExitCode::from(WRONG_INPUT);
            }
            return match told {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    ExitCode::from(INFRASTRUCTURE)
                }
                _ => ExitCode::SUCCESS,
            };
        }
    };
    let environment = Environment::read(arguments.color);
    if let Some(filter) = &arguments.log
        && let Err(error) = environment::log_to_stderr(filter)
    {
        return fail(&environment, &CommandError::Usage(error));
    }
    // One TLS provider in the whole graph; saying so keeps a library from having to guess.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed already");
    }
    let done = match arguments.command {
        Command::Run(arguments) => run::run(&arguments, &environment),
        Command::Check(arguments) => check::run(&arguments, &environment),
        Command::Validate(arguments) => validate::run(&arguments, &environment),
        Command::Plan(arguments) => plan::run(&arguments, &environment),
        Command::Predict(arguments) => predict::run(&arguments, &environment),
        Command::Facts(arguments) => facts::run(&arguments, &environment),
        Command::Explain(arguments) => explain::run(&arguments, &environment),
        Command::Versions => versions::run(&environment),
        Command::Schema => schema::run(),
        Command::Report(ReportCommand::Merge { logs, report }) => {
            report::merge(&logs, &report, &environment)
        }
        Command::Report(ReportCommand::Show { log, report }) => {
            report::show(&log, &report, &environment)
        }
        Command::Cluster(command) => cluster::run(&command, &environment),
        Command::Clean(arguments) => clean::run(&arguments, &environment),
        Command::Images(command) => images::run(&command),
        Command::Dns(arguments) => dns::run(&arguments),
        Command::Echo { port } => echo::run(port),
        Command::Prober => prober::run(),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&environment, &error),
    }
}

/// Says why a command could not be carried out.
fn fail(environment: &Environment, error: &CommandError) -> ExitCode {
    command::tell(&error.render(environment));
    ExitCode::from(match error {
        CommandError::Input(_) | CommandError::Usage(_) => WRONG_INPUT,
        CommandError::NothingSelected(_) => NOTHING_SELECTED,
        CommandError::Infrastructure(_) => INFRASTRUCTURE,
    })
}
