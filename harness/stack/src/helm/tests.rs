//! A program that stands in for Helm says what a case needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Helm;
use crate::settings::HelmSource;

/// A `helm` in `folder` that runs these lines of shell.
pub(crate) fn program(folder: &Path, lines: &str) -> PathBuf {
    let path = folder.join("helm");
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helm");
    std::os::unix::fs::symlink(stand_in, &path).expect("a link");
    fs::write(folder.join("behaviour.sh"), lines).expect("written");
    path
}

async fn found(lines: &str) -> Result<Helm, String> {
    let folder = tempfile::tempdir().expect("a folder");
    program(folder.path(), lines);
    let source = HelmSource::Search { path: vec![folder.path().to_owned()] };
    Helm::find(&source).await.map_err(|error| error.in_words())
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
    let message = Helm::find(&HelmSource::Program(given.clone())).await.expect_err("not there");
    assert!(message.to_string().contains(&given.display().to_string()), "{message}");
    let search = HelmSource::Search { path: vec![folder.path().to_owned()] };
    let message = Helm::find(&search).await.expect_err("not there").to_string();
    assert!(message.contains("no `helm` on PATH") && message.contains("--helm"), "{message}");
}

#[tokio::test]
async fn a_helm_that_hangs_is_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = program(folder.path(), "[ $1 = version ] && echo v3.19.0 && exit; sleep 60");
    let helm = Helm::find(&HelmSource::Program(program)).await.expect("a helm");
    let message = helm
        .run(&["upgrade".into()], Duration::from_millis(50))
        .await
        .expect_err("it hangs")
        .to_string();
    assert!(message.contains("`helm upgrade` did not end"), "{message}");
}
