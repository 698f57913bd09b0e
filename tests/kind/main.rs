//! kind clusters over a real Docker engine, with the stand-in node image and the stand-in Helm:
//! `cargo test --test kind`.
//!
//! Everything from the plan to the report is what runs on real images; what is not real stands in
//! `tests/stand-in`. Where no Docker engine answers, every test is reported as ignored with the
//! reason. The tests run one after another, because containers of several clusters at once would
//! measure the machine.

#![expect(clippy::print_stderr, reason = "figures and leftovers are for whoever watches")]

mod bench;
mod definitions;
mod engine_restart;
mod founding;
mod image;
mod mirror;
mod misbehaviour;
mod objects;
mod reuse;
mod second_engine;
mod side_by_side;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use second_engine::SecondEngine;

/// The bench, made when the first test wants it: building the image takes a while.
struct Lazy {
    made: OnceLock<Result<Bench, String>>,
}

impl Lazy {
    fn get(&self) -> Result<&Bench, Failed> {
        self.made.get_or_init(|| Bench::on(bench::endpoint()?)).as_ref().map_err(Failed::from)
    }
}

/// A test's work.
type Work = Box<dyn FnOnce(&Bench) -> Result<(), Failed> + Send>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let absent = bench::engine_is_absent();
    let lazy = Arc::new(Lazy { made: OnceLock::new() });
    let tests = founding::tests()
        .into_iter()
        .chain(objects::tests())
        .chain(mirror::tests())
        .chain(reuse::tests())
        .chain(misbehaviour::tests())
        .chain(side_by_side::tests());
    let mut trials: Vec<Trial> = tests
        .map(|(name, work)| match &absent {
            None => {
                let lazy = Arc::clone(&lazy);
                Trial::test(name, move || work(lazy.get()?))
            }
            Some(reason) => Trial::test(name, || Ok(()))
                .with_ignored_flag(true)
                .with_kind(format!("no Docker: {reason}")),
        })
        .collect();
    trials.extend(engine_restart::trials(second_engine(&arguments, absent)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(Ok(bench)) = lazy.made.get() {
        bench.clear();
    }
    conclusion.exit_code()
}

/// An engine of this suite's own, where its tests are going to run.
fn second_engine(arguments: &Arguments, absent: Option<String>) -> Result<SecondEngine, String> {
    if let Some(reason) = absent {
        return Err(format!("no Docker: {reason}"));
    }
    let wanted = arguments.filter.as_ref().is_none_or(|filter| {
        let names = engine_restart::names();
        names
            .iter()
            .any(|name| if arguments.exact { name == filter } else { name.contains(filter) })
    });
    if arguments.list || !wanted {
        return Err("not asked for".to_owned());
    }
    SecondEngine::start()
}
