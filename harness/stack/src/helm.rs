//! Helm: which one is used, whether it is new enough, and running it.
//!
//! The user's own program, so that a proxy, a registry login or a mirror that works for the user
//! works here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use semver::Version;
use tokio::process::Command;
use tokio::time::timeout;

use crate::error::StackError;
use crate::settings::HelmSource;

mod advice;
pub(crate) mod command;

/// The first Helm that installs from OCI registries without an experiment (Helm 3.8.0).
const OLDEST: Version = Version::new(3, 8, 0);

/// How long Helm may take to tell its version.
const VERSION_WITHIN: Duration = Duration::from_secs(30);

/// A Helm that can be used.
#[derive(Debug, Clone)]
pub(crate) struct Helm {
    program: PathBuf,
    version: Version,
}

impl Helm {
    /// Finds Helm and asks for its version.
    pub(crate) async fn find(source: &HelmSource) -> Result<Self, StackError> {
        let program = locate(source)?;
        let mut helm = Self { program, version: OLDEST };
        let told = helm.run(&command::version(), VERSION_WITHIN).await?;
        helm.version = read_version(&helm.program, &told)?;
        Ok(helm)
    }

    /// Its version and place, for people.
    pub(crate) fn describe(&self) -> String {
        format!("Helm {} ({})", self.version, self.program.display())
    }

    /// Runs Helm and gives what it wrote to standard output.
    pub(crate) async fn run(
        &self,
        arguments: &[OsString],
        within: Duration,
    ) -> Result<String, StackError> {
        let shown = shown(arguments);
        let mut command = Command::new(&self.program);
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        for variable in REDIRECTING {
            command.env_remove(variable);
        }
        let child = command
            .spawn()
            .map_err(|source| StackError::HelmStart { program: self.program.clone(), source })?;
        let ended = match timeout(within, child.wait_with_output()).await {
            Err(_) => return Err(StackError::HelmTimedOut { command: shown, within }),
            Ok(Err(source)) => {
                return Err(StackError::HelmStart { program: self.program.clone(), source });
            }
            Ok(Ok(ended)) => ended,
        };
        if ended.status.success() {
            return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        Err(StackError::Helm {
            command: shown,
            status: ended.status.to_string(),
            words: advice::in_words(&said),
        })
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

fn locate(source: &HelmSource) -> Result<PathBuf, StackError> {
    match source {
        HelmSource::Program(program) if program.is_file() => Ok(program.clone()),
        HelmSource::Program(program) => Err(StackError::NoHelm(format!(
            "there is no program {}, which was given as Helm",
            program.display()
        ))),
        HelmSource::Search { path } => path
            .iter()
            .map(|folder| folder.join(if cfg!(windows) { "helm.exe" } else { "helm" }))
            .find(|program| program.is_file())
            .ok_or_else(|| {
                StackError::NoHelm(format!(
                    "there is no `helm` on PATH, and Cilium is installed with Helm; install Helm \
                     {OLDEST} or later, or say where it is with --helm"
                ))
            }),
    }
}

/// The command as people may see it: files of secrets are named by what they are.
fn shown(arguments: &[OsString]) -> String {
    let mut words = vec!["helm".to_owned()];
    words.extend(arguments.iter().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn read_version(program: &Path, told: &str) -> Result<Version, StackError> {
    let bare = told.trim().trim_start_matches('v');
    let version = Version::parse(bare).map_err(|_| {
        let program = program.display();
        StackError::NoHelm(format!(
            "{program} does not say a version as Helm does: expected such as `v3.19.0`, found \
             {:?}",
            told.trim().chars().take(80).collect::<String>()
        ))
    })?;
    if version < OLDEST {
        let program = program.display();
        return Err(StackError::NoHelm(format!(
            "{program} is Helm {version}, and charts need {OLDEST} or later; install a newer one, \
             or say where it is with --helm"
        )));
    }
    Ok(version)
}

#[cfg(test)]
mod tests;
