//! The engine's calls against a real Docker engine, with containers that run one static program.
//!
//! Reported as ignored, with the reason, where no engine answers or the program cannot be built.
//! Everything carries a label with this process's id and is removed at the end, however the tests
//! ended; what a killed run of this suite left is removed at the start of the next.

mod commands;
mod containers;
mod fixture;
mod images;
mod logs;
mod networks;
mod registry;
mod transports;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use fixture::Fixture;

/// A test of this suite.
type Check = fn(&Fixture);

const CHECKS: &[(&str, Check)] = &[
    ("containers::a_container_lives_and_is_gone", containers::lives_and_is_gone),
    ("containers::everybody_who_removes_a_container_succeeds", containers::removed_by_many),
    ("containers::what_stands_in_the_way_of_creation_is_named", containers::refused_creations),
    ("containers::a_start_that_fails_says_what_the_runtime_said", containers::failed_start),
    ("containers::containers_are_found_by_all_of_their_labels", containers::found_by_labels),
    ("containers::events_tell_of_the_end_of_a_container", containers::events),
    ("containers::volumes_are_found_by_label_and_removed", containers::volumes),
    ("commands::streams_stay_apart_and_the_exit_code_is_read", commands::streams_and_exit_code),
    ("commands::input_ends_when_all_is_said", commands::input_ends),
    ("commands::much_in_and_much_out_at_once_does_not_block", commands::much_both_ways),
    ("commands::a_missing_program_is_an_outcome_with_a_reason", commands::missing_program),
    ("commands::a_deadline_ends_the_wait_and_tells_the_last_words", commands::deadline),
    ("commands::a_command_in_a_container_that_does_not_run_is_an_error", commands::not_running),
    ("commands::a_container_that_dies_ends_its_commands", commands::dies_meanwhile),
    ("commands::an_input_that_fails_fails_the_call", commands::failing_input),
    ("commands::files_are_written_with_their_folders_and_read_back", commands::files),
    ("commands::a_folder_is_downloaded_from_a_container_that_has_ended", commands::download),
    ("logs::a_line_of_a_terminal_is_followed_as_plain_words", logs::followed),
    ("logs::a_whole_log_has_every_line_of_both_streams", logs::whole),
    ("networks::a_network_is_made_once_and_found_again", networks::made_once),
    ("networks::many_tasks_and_processes_end_with_one_network", networks::made_by_many),
    ("networks::of_two_networks_of_a_name_the_used_one_stays", networks::duplicates),
    ("images::an_image_is_made_saved_removed_and_loaded", images::round_trip),
    ("images::an_image_is_built_from_nothing", images::built),
    ("images::what_is_no_archive_is_refused", images::refused_archives),
    ("images::a_pull_is_repeated_while_the_registry_is_busy", images::pulled_in_the_end),
    ("images::a_pull_that_cannot_succeed_is_not_repeated", images::pull_is_final),
    ("images::credentials_come_from_the_settings_of_docker", images::credentials_of_settings),
    ("transports::every_way_to_the_engine_carries_commands", transports::every_way),
    ("transports::an_engine_that_is_not_there_is_reported_with_a_remedy", transports::unreachable),
    ("transports::the_engine_is_found_as_the_docker_command_line_finds_it", transports::opened),
    ("transports::privileges_are_judged_as_the_engine_then_acts", transports::judged),
];

fn main() -> ExitCode {
    if let Some(code) = transports::as_ssh().or_else(networks::as_creator) {
        return code;
    }
    let arguments = Arguments::from_args();
    let fixture = Fixture::new();
    let reason = fixture.as_ref().err().cloned();
    let fixture: &'static _ = Box::leak(Box::new(fixture));
    let trials = CHECKS
        .iter()
        .map(|&(name, check)| {
            let shown =
                reason.as_ref().map_or_else(|| name.to_owned(), |it| format!("{name} ({it})"));
            Trial::test(shown, move || match fixture {
                Ok(fixture) => {
                    check(fixture);
                    Ok(())
                }
                Err(reason) => Err(Failed::from(reason)),
            })
            .with_ignored_flag(reason.is_some())
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Ok(fixture) = fixture {
        fixture.clean();
    }
    conclusion.exit_code()
}
