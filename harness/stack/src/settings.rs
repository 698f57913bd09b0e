//! What a user may choose about the installation. Values only; command line and environment are
//! read where the command is.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How to install, for all clusters of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which Helm to use.
    pub helm: HelmSource,
    /// Where Cilium's chart is.
    pub cilium_chart: ChartSource,
    /// Where cert-manager's chart is.
    pub cert_manager_chart: ChartSource,
    /// Where the Gateway API's definitions are.
    pub crds: CrdSource,
    /// How manifests are downloaded.
    pub downloads: Downloads,
    /// Where files may be put for as long as Helm needs them.
    pub scratch: PathBuf,
    /// How long one step may take: a chart's installation, or a wait.
    pub step_within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            helm: HelmSource::Search { path: Vec::new() },
            cilium_chart: ChartSource::Repository("https://helm.cilium.io".to_owned()),
            cert_manager_chart: ChartSource::Repository("https://charts.jetstack.io".to_owned()),
            crds: CrdSource::Release,
            downloads: Downloads::default(),
            scratch: std::env::temp_dir(),
            step_within: STEP_WITHIN,
        }
    }
}

/// Cilium's own pipelines raised five minutes to ten, because of image pulls (cilium/cilium
/// #46705).
const STEP_WITHIN: Duration = Duration::from_mins(10);

/// Which Helm to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelmSource {
    /// This program, and no other.
    Program(PathBuf),
    /// A container beside the cluster.
    Container,
    /// The first `helm` in these folders (the user's `PATH`); where there is none, a container
    /// beside the cluster, if there is a place for it.
    Search {
        /// The folders.
        path: Vec<PathBuf>,
    },
}

/// Where a chart is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartSource {
    /// A chart repository, by its address.
    Repository(String),
    /// A chart in an OCI registry: `oci://…`, without the version.
    Oci(String),
    /// An archive or folder on this machine.
    Local(PathBuf),
}

impl FromStr for ChartSource {
    type Err = std::convert::Infallible;

    /// `oci://…`, `https://…` of a repository, or a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text.starts_with("oci://") {
            Self::Oci(text.to_owned())
        } else if is_web(text) {
            Self::Repository(text.to_owned())
        } else {
            Self::Local(PathBuf::from(text))
        })
    }
}

/// How manifests are downloaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Downloads {
    /// Where downloads are kept for the next time; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    /// The proxy for `https://` (`HTTPS_PROXY`), such as `http://proxy.test:3128`.
    pub https_proxy: Option<String>,
    /// The proxy for `http://` (`HTTP_PROXY`).
    pub http_proxy: Option<String>,
    /// Hosts that are reached without a proxy (`NO_PROXY`), as curl reads them: names with all
    /// names below them, addresses, or `*`.
    pub no_proxy: Vec<String>,
    /// Certificate authorities to trust beside the system's, as PEM text.
    pub authorities: Option<String>,
}

/// Where the Gateway API's definitions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrdSource {
    /// The manifest of the release that fits, from the project's releases.
    Release,
    /// A manifest on this machine, or a folder of them.
    File(PathBuf),
    /// A manifest at this address; `#sha256=…` at its end says what it must be.
    Url(String),
}

impl FromStr for CrdSource {
    type Err = std::convert::Infallible;

    /// `https://…`, or a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if is_web(text) { Self::Url(text.to_owned()) } else { Self::File(PathBuf::from(text)) })
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{ChartSource, CrdSource};

    #[test]
    fn places_are_told_apart_by_how_they_begin() {
        let chart = |text: &str| text.parse::<ChartSource>().expect("never fails");
        assert_eq!(chart("oci://x/cilium"), ChartSource::Oci("oci://x/cilium".to_owned()));
        assert_eq!(chart("https://x.test"), ChartSource::Repository("https://x.test".to_owned()));
        assert_eq!(chart("./c.tgz"), ChartSource::Local(PathBuf::from("./c.tgz")));
        let crds = |text: &str| text.parse::<CrdSource>().expect("never fails");
        assert_eq!(
            crds("https://x.test/a.yaml"),
            CrdSource::Url("https://x.test/a.yaml".to_owned())
        );
        assert_eq!(crds("https.yaml"), CrdSource::File(PathBuf::from("https.yaml")));
    }
}
