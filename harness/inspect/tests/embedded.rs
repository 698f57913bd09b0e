//! Dossiers of embedded clusters.

#[path = "embedded/bed.rs"]
mod bed;
#[path = "embedded/live.rs"]
mod live;
#[path = "embedded/offline.rs"]
mod offline;
