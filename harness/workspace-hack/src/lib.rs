//! Empty: this package only makes every selection of packages build the same dependencies. Its
//! manifest is written by `cargo hakari generate`; `docs/decisions` says why.
