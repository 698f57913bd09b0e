//! Drives trials, owns clusters and emits events.
