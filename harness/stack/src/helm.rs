//! Helm: which one is used, whether it is new enough, and running it.
//!
//! The user's own program, so that a proxy, a registry login or a mirror that works for the user
//! works here; where there is none, a container beside the cluster ([`beside`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use gateproof_kubernetes::Surroundings;
use semver::Version;
use tokio::process::Command;
use tokio::time::timeout;

use crate::error::StackError;
use crate::private_file::PrivateFile;
use crate::settings::{HelmSource, Settings};
use crate::step::Step;
use crate::target::{Beside, Target};

mod advice;
pub mod beside;
pub(crate) mod command;

use beside::{Call, Ended, Given};
use command::{Chart, Release};

/// The first Helm that installs from OCI registries without an experiment (Helm 3.8.0).
const OLDEST: Version = Version::new(3, 8, 0);

/// How long Helm may take to tell its version.
const VERSION_WITHIN: Duration = Duration::from_secs(30);

/// A Helm that can be used.
#[derive(Debug, Clone)]
pub(crate) struct Helm {
    place: Place,
    version: Version,
}

/// Where Helm runs.
#[derive(Debug, Clone)]
enum Place {
    /// On this machine: this program.
    Here(PathBuf),
    /// In a container beside the cluster.
    Beside(Beside),
}

/// What a release is brought to.
pub(crate) struct Upgrade<'a> {
    /// The release.
    pub(crate) release: Release,
    /// Its chart.
    pub(crate) chart: &'a Chart,
    /// Its values, as YAML. They may hold secrets.
    pub(crate) values: &'a str,
    /// The cluster.
    pub(crate) target: &'a Target,
    /// How long it may take.
    pub(crate) within: Duration,
}

impl Helm {
    /// Finds Helm and asks for its version.
    pub(crate) async fn find(
        source: &HelmSource,
        beside: Option<&Beside>,
        step: &Step,
    ) -> Result<Self, StackError> {
        let place = locate(source, beside)?;
        let mut helm = Self { place, version: OLDEST };
        let told = helm.run(&command::version(), Vec::new(), VERSION_WITHIN, step).await?;
        helm.version = read_version(&helm.place.describe(), &told)?;
        Ok(helm)
    }

    /// Its version and place, for people.
    pub(crate) fn describe(&self) -> String {
        format!("Helm {} ({})", self.version, self.place.describe())
    }

    /// A chart's default values, with its comments.
    pub(crate) async fn show_values(
        &self,
        chart: &Chart,
        within: Duration,
        step: &Step,
    ) -> Result<String, StackError> {
        match &self.place {
            Place::Here(_) => {
                self.run(&command::show_values(chart), Vec::new(), within, step).await
            }
            Place::Beside(_) => {
                let (chart, files) = beside::chart(chart);
                self.run(&command::show_values(&chart), files, within, step).await
            }
        }
    }

    /// Brings a release to exactly these values. Values and kubeconfig are in files that nobody
    /// else reads, for as long as the command runs.
    pub(crate) async fn upgrade(
        &self,
        upgrade: Upgrade<'_>,
        settings: &Settings,
        surroundings: &Surroundings,
        step: &Step,
    ) -> Result<(), StackError> {
        let Upgrade { release, chart, values, target, within } = upgrade;
        match &self.place {
            Place::Here(_) => {
                let scratch = &settings.scratch;
                let name = |what: &str| format!("{}-{}-{what}", target.cluster, release.name);
                let file = |what: &str, text: &str| {
                    PrivateFile::write(surroundings, scratch, &name(what), text)
                };
                let values = file("values.yaml", values)?;
                let kubeconfig = file("kubeconfig", target.kubeconfig.text())?;
                let (values, kubeconfig) = (values.path(), kubeconfig.path());
                let arguments = command::upgrade(release, chart, values, kubeconfig, within);
                self.run(&arguments, Vec::new(), within, step).await?;
            }
            Place::Beside(place) => {
                let (chart, mut files) = beside::chart(chart);
                let (values, given) = beside::secret("values.yaml", values);
                files.push(given);
                let (kubeconfig, given) = beside::secret("kubeconfig", place.kubeconfig.text());
                files.push(given);
                let arguments = command::upgrade(release, &chart, &values, &kubeconfig, within);
                self.run(&arguments, files, within, step).await?;
            }
        }
        Ok(())
    }

    /// Runs Helm and gives what it wrote to standard output.
    async fn run(
        &self,
        arguments: &[OsString],
        files: Vec<Given>,
        within: Duration,
        step: &Step,
    ) -> Result<String, StackError> {
        let shown = shown(arguments);
        let (ended, status) =
            match &self.place {
                Place::Here(program) => {
                    let ended = run_here(program, arguments, within).await?;
                    let ended = ended.ok_or_else(|| timed_out(&shown, within))?;
                    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                    let code = i64::from(!ended.status.success());
                    let (output, errors) = (text(&ended.stdout), text(&ended.stderr));
                    (Ended { code, output, errors }, ended.status.to_string())
                }
                Place::Beside(place) => {
                    let tell = step.teller();
                    let arguments = beside::texts(arguments);
                    let call = Call { arguments, files, within, tell };
                    let ended = place.helm.run(call).await.map_err(|words| {
                        StackError::HelmBeside { command: shown.clone(), words }
                    })?;
                    let status = format!("exit code {}, in a container", ended.code);
                    (ended, status)
                }
            };
        if ended.code == 0 {
            return Ok(ended.output);
        }
        let words = advice::in_words(&ended.errors);
        Err(StackError::Helm { command: shown, status, words })
    }
}

impl Place {
    fn describe(&self) -> String {
        match self {
            Self::Here(program) => program.display().to_string(),
            Self::Beside(place) => format!("in a container of {}", place.helm.image()),
        }
    }
}

fn timed_out(command: &str, within: Duration) -> StackError {
    StackError::HelmTimedOut { command: command.to_owned(), within }
}

/// Runs a program of this machine; `None` when it did not end in time and was stopped.
async fn run_here(
    program: &Path,
    arguments: &[OsString],
    within: Duration,
) -> Result<Option<Output>, StackError> {
    let failed = |source| StackError::HelmStart { program: program.to_owned(), source };
    let mut command = Command::new(program);
    command.args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    for variable in REDIRECTING {
        command.env_remove(variable);
    }
    let child = command.spawn().map_err(failed)?;
    match timeout(within, child.wait_with_output()).await {
        Err(_) => Ok(None),
        Ok(ended) => ended.map(Some).map_err(failed),
    }
}

/// Variables of Helm that would send it to another cluster or namespace than the one it is given
/// (helm/helm: `pkg/cli/environment.go`).
const REDIRECTING: &[&str] = &[
    "HELM_KUBEAPISERVER",
    "HELM_KUBEASGROUPS",
    "HELM_KUBEASUSER",
    "HELM_KUBECAFILE",
    "HELM_KUBECONTEXT",
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
    "HELM_KUBETLS_SERVER_NAME",
    "HELM_KUBETOKEN",
    "HELM_NAMESPACE",
];

fn locate(source: &HelmSource, beside: Option<&Beside>) -> Result<Place, StackError> {
    let in_container = || beside.cloned().map(Place::Beside);
    match source {
        HelmSource::Program(program) if program.is_file() => Ok(Place::Here(program.clone())),
        HelmSource::Program(program) => Err(StackError::NoHelm(format!(
            "there is no program {}, which was given as Helm",
            program.display()
        ))),
        HelmSource::Container => in_container().ok_or_else(|| {
            StackError::NoHelm("there is no place for a container with Helm here".to_owned())
        }),
        HelmSource::Search { path } => {
            on_path(path).map(Place::Here).or_else(in_container).ok_or_else(|| {
                StackError::NoHelm(format!(
                    "there is no `helm` on PATH, and Cilium is installed with Helm; install Helm \
                     {OLDEST} or later, or say where it is with --helm"
                ))
            })
        }
    }
}

/// The first `helm` in these folders.
pub fn on_path(path: &[PathBuf]) -> Option<PathBuf> {
    let name = if cfg!(windows) { "helm.exe" } else { "helm" };
    path.iter().map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// The command as people may see it: files of secrets are named by what they are.
fn shown(arguments: &[OsString]) -> String {
    let mut words = vec!["helm".to_owned()];
    words.extend(arguments.iter().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn read_version(place: &str, told: &str) -> Result<Version, StackError> {
    let bare = told.trim().trim_start_matches('v');
    let version = Version::parse(bare).map_err(|_| {
        StackError::NoHelm(format!(
            "{place} does not say a version as Helm does: expected such as `v3.19.0`, found \
             {:?}",
            told.trim().chars().take(80).collect::<String>()
        ))
    })?;
    if version < OLDEST {
        return Err(StackError::NoHelm(format!(
            "{place} is Helm {version}, and charts need {OLDEST} or later; install a newer one, \
             or say where it is with --helm"
        )));
    }
    Ok(version)
}

#[cfg(test)]
mod tests;
