//! The command on a real Docker engine: what it lists, what it leaves alone, and that nothing of
//! ours is left after runs that were killed.
//!
//! Reported as ignored, with the reason, where no engine answers or the node cannot be made. Other
//! suites may use the same engine; everything is told apart by names of this process.

#[path = "../command/support.rs"]
#[expect(dead_code, reason = "the suites need different parts of it")]
mod support;

mod engine;
mod kills;
mod owners;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use engine::Docker;

/// A test of this suite.
type Check = fn(&Docker);

const CHECKS: &[(&str, Check)] = &[
    ("clusters_are_listed_with_their_owners", owners::listed),
    ("clean_removes_what_dead_runs_left_and_nothing_else", owners::cleaned),
    ("a_name_in_a_journal_that_is_somebody_elses_by_now_is_left_alone", owners::taken_name),
    ("clusters_that_are_not_the_users_are_taken_down_only_by_force", owners::taken_down),
    ("runs_that_are_killed_at_random_moments_leave_nothing", kills::killed_at_random),
    ("a_second_signal_leaves_at_once_and_the_next_start_cleans_up", kills::forced),
    ("a_run_that_is_interrupted_while_nodes_come_up_leaves_nothing", kills::interrupted),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let docker = Docker::connect();
    let reason = docker.as_ref().err().cloned();
    let docker: &'static _ = Box::leak(Box::new(docker));
    let trials = CHECKS
        .iter()
        .map(|&(name, check)| {
            let shown = match &reason {
                Some(reason) => format!("{name} ({})", reason.lines().next().unwrap_or_default()),
                None => name.to_owned(),
            };
            Trial::test(shown, move || match docker {
                Ok(docker) => {
                    check(docker);
                    Ok(())
                }
                Err(reason) => Err(Failed::from(reason)),
            })
            .with_ignored_flag(reason.is_some())
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Ok(docker) = docker {
        docker.clean();
    }
    conclusion.exit_code()
}
