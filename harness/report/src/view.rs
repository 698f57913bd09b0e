//! What every human report shows, before it has a width or a format: grids, targets, trials,
//! failures, and who carried the traffic. Console, JUnit, Markdown and HTML only
//! lay it out.

pub(crate) mod cluster;
pub(crate) mod diagnosis;
pub(crate) mod duration;
pub(crate) mod evidence;
pub(crate) mod failure;
pub(crate) mod grid;
pub(crate) mod measured;
pub(crate) mod point;
pub(crate) mod requests;
pub(crate) mod subject;
pub(crate) mod targets;
pub(crate) mod trials;
