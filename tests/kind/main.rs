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
mod founding;
mod image;
mod misbehaviour;
mod objects;
mod side_by_side;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};

/// The bench, made when the first test wants it: building the image takes a while.
struct Lazy {
    made: OnceLock<Result<Bench, String>>,
}

impl Lazy {
    fn get(&self) -> Result<&Bench, Failed> {
        self.made.get_or_init(Bench::make).as_ref().map_err(Failed::from)
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
        .chain(misbehaviour::tests())
        .chain(side_by_side::tests());
    let trials = tests
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
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(Ok(bench)) = lazy.made.get() {
        bench.clear();
    }
    conclusion.exit_code()
}
