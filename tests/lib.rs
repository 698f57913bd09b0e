//! The root package has only tests; this file gives Cargo a target.
