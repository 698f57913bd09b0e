//! A program that stands in for Helm says what a case needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_kubernetes::Surroundings;

use super::Helm;
use super::beside::{Call, Content, Ended, HelmBeside};
use super::command::Chart;
use crate::settings::{ChartSource, HelmSource};
use crate::step::Step;
use crate::target::{Beside, Kubeconfig};

/// A `helm` in `folder` that runs these lines of shell.
pub(crate) fn program(folder: &Path, lines: &str) -> PathBuf {
    let path = folder.join("helm");
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helm");
    std::os::unix::fs::symlink(stand_in, &path).expect("a link");
    fs::write(folder.join("behaviour.sh"), lines).expect("written");
    path
}

fn step() -> Step {
    Step::begin(&Surroundings::none("r1"), "test")
}

async fn found(lines: &str) -> Result<Helm, String> {
    let folder = tempfile::tempdir().expect("a folder");
    program(folder.path(), lines);
    let source = HelmSource::Search { path: vec![folder.path().to_owned()] };
    Helm::find(&source, None, &step()).await.map_err(|error| error.in_words())
}

#[tokio::test]
async fn a_helm_on_the_path_is_used_when_it_is_new_enough() {
    for told in ["v3.8.0", "v3.19.0", "v4.0.1", "v3.20.0-rc.1"] {
        found(&format!("echo {told}")).await.expect(told);
    }
}

#[tokio::test]
async fn a_helm_that_is_too_old_or_no_helm_is_refused_with_the_way_out() {
    for (lines, expected) in [
        ("echo v3.7.2", &["Helm 3.7.2", "3.8.0 or later", "--helm"][..]),
        ("echo v2.17.0", &["Helm 2.17.0"]),
        ("echo hello", &["expected such as `v3.19.0`", "hello"]),
        ("echo broken >&2; exit 3", &["`helm version --template {{.Version}}`", "broken", "3"]),
    ] {
        let message = found(lines).await.expect_err(lines);
        for part in expected {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
}

#[tokio::test]
async fn a_missing_helm_says_where_it_was_looked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = folder.path().join("my-helm");
    let message = Helm::find(&HelmSource::Program(given.clone()), None, &step())
        .await
        .expect_err("not there");
    assert!(message.to_string().contains(&given.display().to_string()), "{message}");
    let search = HelmSource::Search { path: vec![folder.path().to_owned()] };
    let message = Helm::find(&search, None, &step()).await.expect_err("not there").to_string();
    assert!(message.contains("no `helm` on PATH") && message.contains("--helm"), "{message}");
}

#[tokio::test]
async fn a_helm_that_hangs_is_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = program(folder.path(), "[ $1 = version ] && echo v3.19.0 && exit; sleep 60");
    let helm = Helm::find(&HelmSource::Program(program), None, &step()).await.expect("a helm");
    let message = helm
        .run(&["upgrade".into()], Vec::new(), Duration::from_millis(50), &step())
        .await
        .expect_err("it hangs")
        .to_string();
    assert!(message.contains("`helm upgrade` did not end"), "{message}");
}

/// Remembers what it is asked, and answers as it was told.
struct Container {
    answers: Result<(i64, &'static str), &'static str>,
    asked: Mutex<Vec<(String, Vec<String>)>>,
}

#[async_trait]
impl HelmBeside for Container {
    fn image(&self) -> &'static str {
        "helm:1"
    }

    async fn run(&self, call: Call) -> Result<Ended, String> {
        let files = call.files.iter().map(|given| match &given.content {
            Content::Text(text) => format!("{}: {text}", given.path),
            Content::OfHere(path) => format!("{} from {}", given.path, path.display()),
        });
        let asked = (call.arguments.join(" "), files.collect());
        self.asked.lock().expect("no panic").push(asked);
        let (code, said) = self.answers.map_err(str::to_owned)?;
        Ok(Ended { code, output: said.to_owned(), errors: said.to_owned() })
    }
}

fn container(answers: Result<(i64, &'static str), &'static str>) -> (Arc<Container>, Beside) {
    let helm = Arc::new(Container { answers, asked: Mutex::default() });
    let kubeconfig = Kubeconfig::new("hunter2");
    (Arc::clone(&helm), Beside { helm, kubeconfig })
}

#[tokio::test]
async fn a_container_stands_in_for_a_missing_helm_and_for_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let search = HelmSource::Search { path: vec![folder.path().to_owned()] };
    let (_, beside) = container(Ok((0, "v3.19.0")));
    let helm = Helm::find(&search, Some(&beside), &step()).await.expect("a helm");
    assert_eq!(helm.describe(), "Helm 3.19.0 (in a container of helm:1)");
    program(folder.path(), "echo v3.18.0");
    let helm = Helm::find(&search, Some(&beside), &step()).await.expect("a helm");
    assert!(helm.describe().starts_with("Helm 3.18.0 ("), "{}", helm.describe());
    let helm = Helm::find(&HelmSource::Container, Some(&beside), &step()).await.expect("a helm");
    assert!(helm.describe().contains("container"), "it was asked for");
    assert!(Helm::find(&HelmSource::Container, None, &step()).await.is_err());
}

#[tokio::test]
async fn a_container_is_given_a_chart_of_this_machine() {
    let (asked, beside) = container(Ok((0, "v3.19.0")));
    let helm = Helm::find(&HelmSource::Container, Some(&beside), &step()).await.expect("a helm");
    let source = ChartSource::Local("/here/cilium-1.20.2.tgz".into());
    let chart = Chart { name: "cilium", source, version: "1.20.2".to_owned() };
    helm.show_values(&chart, Duration::from_secs(1), &step()).await.expect("shown");
    let asked = asked.asked.lock().expect("no panic");
    assert_eq!(asked[1].0, "show values /gateproof/cilium-1.20.2.tgz");
    assert_eq!(asked[1].1, ["/gateproof/cilium-1.20.2.tgz from /here/cilium-1.20.2.tgz"]);
}

#[tokio::test]
async fn what_goes_wrong_in_a_container_is_told_as_what_it_is() {
    for (answers, parts) in [
        (Ok((1, "Error: no such host")), ["failed (exit code 1, in a container)", "HTTPS_PROXY"]),
        (Err("the image helm:1 cannot be pulled"), ["could not be run in a container", "pulled"]),
    ] {
        let (_, beside) = container(answers);
        let found = Helm::find(&HelmSource::Container, Some(&beside), &step()).await;
        let words = found.expect_err("it fails").in_words();
        for part in parts {
            assert!(words.contains(part), "{part} in {words}");
        }
    }
}
