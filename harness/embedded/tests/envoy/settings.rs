//! What a run takes from its environment; read here and nowhere else.

use std::env;
use std::path::PathBuf;

/// Seeds of a run that is told none.
const FIXED_SEED: u64 = 1;
/// Tables of a run that is told no number.
const TABLES: u64 = 240;

/// The settings of a run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The program, if there is one.
    pub(crate) envoy: Option<PathBuf>,
    /// The first seed: `GATEPROOF_SEED`.
    pub(crate) seed: u64,
    /// How many tables: `GATEPROOF_TABLES`.
    pub(crate) tables: u64,
}

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "the one place where this suite reads it")]
    pub(crate) fn read() -> Self {
        let number = |name: &str, otherwise| match env::var(name) {
            Ok(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("{name}={text}: expected a number such as 17")),
            Err(_) => otherwise,
        };
        let envoy = match env::var("GATEPROOF_ENVOY") {
            Ok(path) => Some(PathBuf::from(path)),
            Err(_) => on_path(),
        };
        Self {
            envoy,
            seed: number("GATEPROOF_SEED", FIXED_SEED),
            tables: number("GATEPROOF_TABLES", TABLES),
        }
    }
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("envoy")).find(|file| file.is_file())
}
