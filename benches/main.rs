//! The part of `make bench` that crosses crates: figures that are ratios within one run, so that a
//! busy machine does not matter much. `cargo bench -- NAME` runs the parts whose name contains it.
//!
//! A part is a module with a `run` function, listed in [`PARTS`]. Every figure is a median of
//! several rounds, printed with the range of the rounds and with what it is a ratio of.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod api_server;
mod measure;

/// A part: its name and what runs it.
type Part = (&'static str, fn());

const PARTS: &[Part] = &[("API server: list and watch with 5,000 objects", api_server::run)];

fn main() {
    // cargo passes `--bench`; everything that is no option is a filter.
    let filters: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let chosen = |name: &str| {
        let name = name.to_lowercase();
        filters.is_empty() || filters.iter().any(|filter| name.contains(&filter.to_lowercase()))
    };
    for (name, run) in PARTS.iter().filter(|(name, _)| chosen(name)) {
        println!("{name}");
        run();
        println!();
    }
}
