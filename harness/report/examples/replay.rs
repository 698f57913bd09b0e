//! Replays an event log on the console, as if the run went on now, and can make every other
//! report from it again:
//!
//! ```text
//! cargo run -p gateproof-report --example replay -- LOG [SPEED] [REPORTS]
//! cargo run -p gateproof-report --example replay -- run.jsonl 10 junit=report.xml,markdown=-
//! ```
//!
//! `SPEED` divides all waits; 0, the default, does not wait at all. `VERBOSITY` in the environment
//! may be `quiet` or `verbose`.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use gateproof_report::{
    Console, ConsoleOptions, Device, ReportSpec, Reporters, Target, Terminal, Verbosity, read_log,
};

fn main() -> ExitCode {
    replay().unwrap_or_else(|error| {
        let mut chain = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(deeper) = cause {
            chain.push(deeper.to_string());
            cause = deeper.source();
        }
        match writeln!(std::io::stderr(), "failed to {}", chain.join(": ")) {
            Ok(()) => ExitCode::from(2),
            Err(_) => ExitCode::from(3),
        }
    })
}

fn replay() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("replay: give the path of an event log")?;
    let speed: f64 = arguments.next().map_or(Ok(0.0), |speed| speed.parse())?;
    let specs = arguments.next().map_or(Ok(Vec::new()), |list| ReportSpec::parse(&list))?;
    let bytes = std::fs::read(&path).map_err(|error| format!("read `{path}`: {error}"))?;
    let records = read_log(bytes)?;

    // A report on standard output sends the console to standard error.
    let (device, out): (_, Box<dyn Write + Send>) =
        if specs.iter().any(|spec| spec.target == Target::Stdout) {
            (Device::stderr(), Box::new(std::io::stderr()))
        } else {
            (Device::stdout(), Box::new(std::io::stdout()))
        };
    let variable = |name: &str| std::env::vars().find(|(known, _)| known == name).map(|(_, v)| v);
    let verbosity = match variable("VERBOSITY").as_deref() {
        Some("quiet") => Verbosity::Quiet,
        Some("verbose") => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    let terminal = Terminal::detect(variable, device, Device::stderr());
    let console = Console::new(ConsoleOptions { verbosity, terminal }, out);
    let mut reporters = Reporters::open(&specs)?.with_console(console);

    let mut now = Duration::ZERO;
    for record in &records {
        if speed > 0.0 {
            wait(record.at.saturating_sub(now).div_f64(speed));
        }
        now = record.at;
        reporters.record(record)?;
    }
    let finished = reporters.finish();
    match finished.problems.into_iter().next() {
        Some(problem) => Err(problem.into()),
        None => Ok(ExitCode::from(finished.exit.code())),
    }
}

/// Lets the time pass that passed in the run: nothing is waited for here but the clock.
fn wait(duration: Duration) {
    let (_keep, never) = channel::<()>();
    let waited = never.recv_timeout(duration);
    assert_eq!(waited, Err(RecvTimeoutError::Timeout), "nobody sends");
}
