//! The commands that Helm is given, as values.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::settings::ChartSource;

/// A chart in a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chart {
    /// Its name in a repository.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) source: ChartSource,
    /// The version as the chart writes it; not asked for with a local chart.
    pub(crate) version: String,
}

/// A release: what a chart is called once it is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its namespace.
    pub(crate) namespace: &'static str,
}

/// Asks for Helm's version.
pub(crate) fn version() -> Vec<OsString> {
    ["version", "--template", "{{.Version}}"].map(OsString::from).to_vec()
}

/// Asks for a chart's default values, with its comments.
pub(crate) fn show_values(chart: &Chart) -> Vec<OsString> {
    let mut arguments = vec!["show".into(), "values".into()];
    arguments.extend(chart.arguments());
    arguments
}

/// Installs a chart, or brings its release to these values.
pub(crate) fn upgrade(
    release: Release,
    chart: &Chart,
    values: &Path,
    kubeconfig: &Path,
    within: Duration,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["upgrade".into(), release.name.into()];
    let chart = chart.arguments();
    arguments.extend(chart);
    arguments.extend(["--install", "--namespace", release.namespace].map(OsString::from));
    arguments.extend(["--create-namespace", "--reset-values", "--values"].map(OsString::from));
    arguments.push(values.into());
    arguments.extend(["--timeout".into(), format!("{}s", within.as_secs()).into()]);
    arguments.extend(["--kubeconfig".into(), kubeconfig.into()]);
    arguments
}

impl Chart {
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = match &self.source {
            ChartSource::Repository(address) => {
                vec![self.name.into(), "--repo".into(), address.into()]
            }
            ChartSource::Oci(reference) => vec![reference.into()],
            ChartSource::Local(path) => return vec![path.into()],
        };
        arguments.extend(["--version".into(), self.version.clone().into()]);
        arguments
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::{Chart, Release, show_values, upgrade};
    use crate::settings::ChartSource;

    fn chart(source: ChartSource) -> Chart {
        Chart { name: "cilium", source, version: "1.20.2".to_owned() }
    }

    fn line(arguments: &[std::ffi::OsString]) -> String {
        arguments.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_chart_is_named_by_where_it_is() {
        for (source, expected) in [
            (
                ChartSource::Repository("https://charts.test".to_owned()),
                "show values cilium --repo https://charts.test --version 1.20.2",
            ),
            (
                ChartSource::Oci("oci://charts.test/cilium".to_owned()),
                "show values oci://charts.test/cilium --version 1.20.2",
            ),
            (ChartSource::Local(PathBuf::from("/c/cilium.tgz")), "show values /c/cilium.tgz"),
        ] {
            assert_eq!(line(&show_values(&chart(source))), expected);
        }
    }

    #[test]
    fn a_release_is_brought_to_exactly_these_values() {
        let release = Release { name: "cilium", namespace: "kube-system" };
        let chart = chart(ChartSource::Local(PathBuf::from("c.tgz")));
        let within = Duration::from_mins(5);
        let arguments = upgrade(release, &chart, Path::new("v.yaml"), Path::new("k"), within);
        assert_eq!(
            line(&arguments),
            "upgrade cilium c.tgz --install --namespace kube-system --create-namespace \
             --reset-values --values v.yaml --timeout 300s --kubeconfig k"
        );
    }
}
