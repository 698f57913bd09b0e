//! Our own image, made of this very program, and the prober in it, on a real Docker engine.
//!
//! Reported as ignored, with the reason, where no engine answers. Everything carries a label with
//! this process's id and is removed at the end, however the tests ended.

mod fixture;

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use gateproof_core::observation::{HttpObservation, HttpOutcome, TcpOutcome};
use gateproof_echo::pod;
use gateproof_kind::own_image;
use gateproof_kind::prober::ContainerProber;
use gateproof_probe::prober::serve;
use gateproof_probe::{HttpProbe, LocalProber, Prober, TcpProbe};
use libtest_mimic::{Arguments, Failed, Trial};

use fixture::Fixture;

/// A test of this suite.
type Check = fn(&Fixture);

const CHECKS: &[(&str, Check)] = &[
    ("the_same_program_makes_the_image_that_the_engine_has", same_image),
    ("a_prober_inside_sees_what_is_seen_from_here", same_observations),
    ("a_prober_whose_container_goes_is_an_error_and_never_an_observation", container_goes),
    ("a_prober_that_was_killed_is_started_again_for_a_later_question", prober_is_killed),
    ("an_image_without_a_prober_says_what_is_missing", no_prober),
];

fn main() -> ExitCode {
    if let Some(code) = inside_a_container() {
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

/// What this program does in its own image.
fn inside_a_container() -> Option<ExitCode> {
    let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
    match std::env::args().nth(1).as_deref() {
        Some("echo") => runtime().block_on(async {
            let server = pod::listen(pod::identity(|_| None), pod::PORT).await.expect("a port");
            pod::until_told_to_end().await.expect("signals");
            server.shutdown().await;
            Some(ExitCode::SUCCESS)
        }),
        Some("prober") => {
            let runtime = runtime();
            let served = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout()));
            runtime.shutdown_background();
            Some(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => None,
    }
}

fn same_image(fixture: &Fixture) {
    fixture.run(async {
        let again = fixture::pack();
        assert_eq!((&again.id, &again.reference), (&fixture.image.id, &fixture.image.reference));
        let found = fixture.engine.inspect_image(&again.reference).await.expect("an answer");
        let found = found.expect("it was loaded");
        assert_eq!(found.id, again.id, "the id is known before the engine has the image");
        let labelled = found.labels.contains_key(own_image::archive::OWN_IMAGE);
        assert!(labelled, "{:?}", found.labels);
    });
}

/// What was seen, without how long it took.
fn timeless(mut seen: HttpObservation) -> HttpObservation {
    let timings = &mut seen.timings;
    for phase in [&mut timings.connect, &mut timings.tls, &mut timings.first_byte] {
        *phase = phase.map(|_| Duration::ZERO);
    }
    timings.total = Duration::ZERO;
    seen
}

/// A probe with little time: an engine may tell nobody that a session has ended, and then a
/// question is given up only when its own time and some more is over.
fn tcp(address: IpAddr, port: u16) -> TcpProbe {
    TcpProbe { socket: SocketAddr::new(address, port), timeout: Duration::from_secs(1) }
}

fn same_observations(fixture: &Fixture) {
    fixture.run(async {
        let (backend, address) = fixture.start("backend").await;
        let (helper, _) = fixture.start("helper").await;
        let inside = ContainerProber::start(fixture.engine.clone(), helper).await.expect(&backend);
        let socket = SocketAddr::new(address, pod::PORT);
        let probe = HttpProbe::get(socket, "a.test");
        let there = inside.http(&probe).await.expect("an observation");
        let HttpOutcome::Response(response) = &there.outcome else { panic!("{there:?}") };
        assert_eq!(
            (response.status, response.echo.as_ref().expect("the echo's JSON").host.as_str()),
            (200, "a.test")
        );
        for (port, expected) in [(pod::PORT, TcpOutcome::Accepted), (9, TcpOutcome::Refused)] {
            let there = inside.tcp(&tcp(address, port)).await.expect("an observation");
            let here = LocalProber.tcp(&tcp(address, port)).await.expect("an observation");
            assert_eq!((here.outcome, here.dialled), (expected.clone(), there.dialled));
            assert_eq!(there.outcome, expected);
        }
        let here = LocalProber.http(&probe).await.expect("an observation");
        assert_eq!(timeless(here), timeless(there));
    });
}

fn container_goes(fixture: &Fixture) {
    fixture.run(async {
        let (helper, address) = fixture.start("goes").await;
        let engine = fixture.engine.clone();
        let inside = ContainerProber::start(engine, helper.clone()).await.expect("a prober");
        fixture.engine.remove_container(&helper).await.expect("it is removed");
        for _ in 0..2 {
            let error = inside.tcp(&tcp(address, pod::PORT)).await.expect_err("nobody asks");
            assert!(error.to_string().contains(&helper), "{error}");
        }
    });
}

fn prober_is_killed(fixture: &Fixture) {
    fixture.run(async {
        let (helper, address) = fixture.start("killed").await;
        let engine = fixture.engine.clone();
        let inside = ContainerProber::start(engine, helper.clone()).await.expect("a prober");
        fixture.restart(&helper).await;
        let probe = tcp(address, pod::PORT);
        // While the engine still ends what ran before, it may end a new session with it.
        let mut seen = inside.tcp(&probe).await;
        for _ in 0..20 {
            if seen.is_ok() {
                break;
            }
            seen = inside.tcp(&probe).await;
        }
        assert_eq!(seen.expect("it is asked in the end").dialled, probe.socket);
    });
}

fn no_prober(fixture: &Fixture) {
    fixture.run(async {
        let missing = "gateproof-inside-no-such-container".to_owned();
        let error = ContainerProber::start(fixture.engine.clone(), missing).await;
        let error = error.expect_err("there is none").to_string();
        assert!(error.contains("could not be started"), "{error}");
        assert!(error.contains("No such container"), "the engine's words: {error}");
    });
}
