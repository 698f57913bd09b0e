//! Helm in a container beside a cluster, for machines without a `helm`: what a provider runs for
//! the installation. Only values; the container is the provider's.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::settings::ChartSource;

use super::command::Chart;

/// The folder of the files that a command is given in its container.
const FOLDER: &str = "/gateproof";

/// Runs Helm in a container that reaches the cluster.
#[async_trait]
pub trait HelmBeside: Send + Sync {
    /// The image, for people.
    fn image(&self) -> &str;

    /// Runs one command in a container of its own, whose entrypoint is Helm, and removes the
    /// container again whatever comes.
    ///
    /// # Errors
    ///
    /// When the command could not be run or did not end in time, in words. A command that failed is
    /// an outcome.
    async fn run(&self, call: Call) -> Result<Ended, String>;
}

/// A command for Helm in a container.
pub struct Call {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Files that it is given, some of them secret: for its owner alone, and never in a message.
    pub files: Vec<Given>,
    /// How long it may take.
    pub within: Duration,
    /// Hears what it says meanwhile, line by line.
    pub tell: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("arguments", &self.arguments).finish_non_exhaustive()
    }
}

/// A file in the container of a command.
pub struct Given {
    /// Its path there, absolute.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// What a file in a container holds.
pub enum Content {
    /// This text, which may be a secret.
    Text(String),
    /// What this file or folder of this machine holds.
    OfHere(PathBuf),
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub code: i64,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
}

/// A chart as a container has it: one of this machine is given to it.
pub(super) fn chart(chart: &Chart) -> (Chart, Vec<Given>) {
    let ChartSource::Local(here) = &chart.source else { return (chart.clone(), Vec::new()) };
    // The name's ending tells Helm an archive from a folder.
    let name = here.file_name().map_or("chart".into(), |name| name.to_string_lossy());
    let path = format!("{FOLDER}/{name}");
    let source = ChartSource::Local(PathBuf::from(&path));
    let given = Given { path, content: Content::OfHere(here.clone()) };
    (Chart { source, ..chart.clone() }, vec![given])
}

/// A secret text as a file of a container, with its path.
pub(super) fn secret(name: &str, text: &str) -> (PathBuf, Given) {
    let path = format!("{FOLDER}/{name}");
    (PathBuf::from(&path), Given { path, content: Content::Text(text.to_owned()) })
}

/// Arguments as texts: paths in a container are texts of ours.
pub(super) fn texts(arguments: &[OsString]) -> Vec<String> {
    arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}
