//! Kubeconfigs that lead to a cluster, and those that do not.

use std::path::{Path, PathBuf};

use super::kubeconfig::{Person, Surroundings};
use super::{Access, AccessError, Place};
use crate::patience::Patience;

const TWO_CONTEXTS: &str = r#"
apiVersion: v1
kind: Config
current-context: staging
clusters:
- {name: one, cluster: {server: "https://one.test:6443"}}
- {name: two, cluster: {server: "https://two.test"}}
users:
- {name: u, user: {token: s3cr3t-token}}
contexts:
- {name: production-eu, context: {cluster: one, user: u}}
- {name: staging, context: {cluster: two, user: u}}
- {name: broken, context: {cluster: three, user: u}}
"#;

async fn connect(text: &str, context: Option<&str>) -> Result<Place, AccessError> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    std::fs::write(&file, text).expect("written");
    let access = Access { kubeconfig: Some(file), context: context.map(str::to_owned) };
    access.connect(Patience::EXISTING).await.map(|(_, place)| place)
}

#[tokio::test]
async fn context_and_server_are_told_before_anything_is_sent() {
    let place = connect(TWO_CONTEXTS, Some("production-eu")).await.expect("a cluster");
    assert_eq!(place.to_string(), "context production-eu (API server one.test:6443)");
    let place = connect(TWO_CONTEXTS, None).await.expect("the current context");
    assert_eq!((&*place.context, &*place.server), ("staging", "two.test"));
}

#[tokio::test]
async fn a_wrong_context_is_told_with_the_nearest_and_all_others() {
    let error = connect(TWO_CONTEXTS, Some("prodution-eu")).await.expect_err("no such context");
    let told = error.to_string();
    for part in ["no context `prodution-eu`", "did you mean `production-eu`?", "it has: broken, p"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[tokio::test]
async fn every_other_mistake_is_told_and_no_secret_is() {
    let without_current = TWO_CONTEXTS.replace("current-context: staging", "");
    let torn = TWO_CONTEXTS.replace("users:", "users: [s3cr3t-token");
    let no_server = TWO_CONTEXTS.replace("server: \"https://two.test\"", "");
    for (text, context, part) in [
        (&*without_current, None, "name one with --context (it has: broken"),
        (&torn, None, "it is no kubeconfig"),
        (TWO_CONTEXTS, Some("broken"), "cluster `three`"),
        (&no_server, None, "its cluster has no `server`"),
    ] {
        let told = connect(text, context).await.expect_err(part).to_string();
        assert!(told.contains(part), "{part}: {told}");
        assert!(!told.contains("s3cr3t"), "{told}");
    }
    let access = Access { kubeconfig: Some(PathBuf::from("/no/such/file")), context: None };
    let told =
        access.connect(Patience::EXISTING).await.map(|_| ()).expect_err("no file").to_string();
    assert!(told.contains("/no/such/file") && told.contains("No such file"), "{told}");
}

fn around() -> Surroundings {
    Surroundings {
        kubeconfig: None,
        home: None,
        no_proxy: String::new(),
        person: Person::Absent,
        service_host: None,
    }
}

/// Writes files into a folder of their own.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }
    folder
}

async fn by_variable(folder: &Path, names: &[&str]) -> Result<Place, AccessError> {
    let paths =
        names.iter().map(|name| if name.is_empty() { PathBuf::new() } else { folder.join(name) });
    let kubeconfig = std::env::join_paths(paths).expect("paths without colons");
    let around = Surroundings { kubeconfig: Some(kubeconfig), ..around() };
    let connected = Access::default().connect_from(&around, Patience::EXISTING).await;
    connected.map(|(_, place)| place)
}

#[tokio::test]
async fn files_of_the_variable_are_merged_by_kubectls_rules() {
    let clusters = "clusters: [{name: c, cluster: {server: 'https://first.test'}}]\n\
                    users: [{name: u, user: {token: s3cr3t}}]\n";
    let other = "current-context: x\nclusters: [{name: c, cluster: {server: 'https://second.test'}}]\n\
                 contexts: [{name: x, context: {cluster: c, user: u, namespace: apps}}]\n";
    let unsaid = "current-context: ''\n";
    let folder = files(&[("a", clusters), ("b", other), ("unsaid", unsaid), ("empty", "")]);
    for names in [
        &["a", "b"][..],
        &["a", "", "b"],
        &["missing", "a", "b"],
        &["a", "missing", "b"],
        &["unsaid", "a", "b"],
        &["empty", "a", "b"],
    ] {
        let place = by_variable(folder.path(), names).await.expect("a context");
        let found = (&*place.context, &*place.server, place.namespace.as_deref());
        assert_eq!(found, ("x", "first.test", Some("apps")), "{names:?}");
    }
    let place = by_variable(folder.path(), &["b", "a"]).await.expect("a context");
    assert_eq!(place.server, "second.test", "the first that names the cluster counts");
}

#[tokio::test]
async fn kubeconfigs_without_a_cluster_are_told_apart() {
    let folder =
        files(&[("empty", ""), ("bare", "apiVersion: v1\nkind: Config\n"), ("a/list", "[]")]);
    for (names, part) in [
        (&["missing", "gone"][..], "KUBECONFIG names no file that exists"),
        (&["empty"], "it is empty"),
        (&["bare"], "no contexts and no clusters"),
        (&["a/list"], "it is no kubeconfig"),
        (&["a"], "Is a directory"),
    ] {
        let told = by_variable(folder.path(), names).await.expect_err(part).to_string();
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[tokio::test]
async fn the_users_own_file_is_taken_where_nothing_names_another() {
    let home = files(&[(".kube/config", TWO_CONTEXTS)]);
    let around = Surroundings { home: Some(home.path().to_owned()), ..around() };
    let connected = Access::default().connect_from(&around, Patience::EXISTING).await;
    assert_eq!(connected.expect("a cluster").1.context, "staging");
    let nobody = tempfile::tempdir().expect("a folder");
    let around = Surroundings { home: Some(nobody.path().to_owned()), ..around };
    for (service_host, part) in
        [(None, "does not run in a pod"), (Some("10.0.0.1"), "of this pod's service account")]
    {
        let around = Surroundings { service_host: service_host.map(Into::into), ..around.clone() };
        let told = Access::default().connect_from(&around, Patience::EXISTING).await;
        let told = told.map(|_| ()).expect_err(part).to_string();
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn a_user_that_is_not_there_is_told_with_the_nearest() {
    let text = TWO_CONTEXTS.replace("cluster: two, user: u", "cluster: two, user: admin-eu");
    let text = text.replace("{name: u, ", "{name: admin-us, ");
    let told = connect(&text, None).await.expect_err("nobody").to_string();
    assert!(
        told.contains("names user `admin-eu`, which it does not have; did you mean `admin-us`"),
        "{told}"
    );
}

#[tokio::test]
async fn files_that_a_kubeconfig_names_are_told_when_they_cannot_be_read() {
    let with = |cluster: &str, user: &str| {
        TWO_CONTEXTS
            .replace(
                "server: \"https://two.test\"",
                &format!("server: \"https://two.test\", {cluster}"),
            )
            .replace("token: s3cr3t-token", user)
    };
    for (text, part) in [
        (with("certificate-authority: ca.crt", "token: x"), "ca.crt"),
        (with("certificate-authority-data: '!'", "token: x"), "certificate authority"),
        (with("certificate-authority-data: c2VjcmV0", "token: x"), "holds no certificate"),
        (with("proxy-url: 'ftp://proxy.test'", "token: x"), "proxy"),
        (with("tls-server-name: x", "tokenFile: nothing"), "nothing"),
        (with("tls-server-name: x", "client-certificate: c.crt, client-key: c.key"), "c.crt"),
        (with("tls-server-name: x", "client-certificate-data: c2VjcmV0"), "client key"),
        (
            with(
                "tls-server-name: x",
                "client-certificate-data: c2VjcmV0, client-key-data: c2VjcmV0",
            ),
            "private key",
        ),
    ] {
        let told = connect(&text, None).await.expect_err(part).to_string();
        assert!(told.contains(part), "{part}: {told}");
        assert!(!told.contains("secret") && !told.contains("c2VjcmV0"), "{told}");
    }
}

#[tokio::test]
async fn a_proxy_is_told_without_its_password() {
    let text = TWO_CONTEXTS.replace(
        "server: \"https://two.test\"",
        "server: \"https://two.test\", proxy-url: \"http://me:pa55word@proxy.test:3128\"",
    );
    let place = connect(&text, None).await.expect("a cluster");
    assert_eq!(
        place.to_string(),
        "context staging (API server two.test, through proxy proxy.test:3128)"
    );
}

/// A kubeconfig with a plugin.
fn with_plugin(exec: &str) -> String {
    TWO_CONTEXTS.replace(
        "user: {token: s3cr3t-token}",
        &format!("user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, {exec}}}}}"),
    )
}

#[tokio::test]
async fn a_plugin_that_fails_is_told_with_its_name_its_end_and_its_last_words() {
    for (exec, parts) in [
        (
            "command: no-such-plugin, installHint: 'brew install it', interactiveMode: Never",
            &["`no-such-plugin`", "cannot be started", "brew install it"][..],
        ),
        (
            "command: sh, args: ['-c', 'echo token: s3cr3t-token >&2; echo please log in >&2; exit 7'], interactiveMode: IfAvailable",
            &["`sh`", "exit status: 7", "please log in", "users[].user.exec"],
        ),
        ("command: echo, args: ['{}']", &["`echo`", "without a status"]),
        ("command: sh, interactiveMode: Always", &["`sh`", "at a terminal", "there is none"]),
        (
            "command: sh, args: ['-c', 'echo got $MINE >&2; exit 1'], env: [{name: MINE, value: it}]",
            &["`sh` failed (exit status: 1): got it"],
        ),
        (
            "command: sh, args: ['-c', 'exit 1'], env: [{name: KEY, value: s3cr3t}]",
            &["`sh` failed (exit status: 1); nothing"],
        ),
        ("command: echo, args: ['[']", &["`echo`", "no ExecCredential"]),
    ] {
        let around = around();
        let folder = files(&[("config", &with_plugin(exec))]);
        let access = Access { kubeconfig: Some(folder.path().join("config")), context: None };
        let refused = access.connect_from(&around, Patience::EXISTING).await;
        let error = refused.map(|_| ()).expect_err("no credentials");
        assert!(matches!(error, AccessError::NoCredentials { .. }), "{error:?}");
        let told = error.to_string();
        for part in parts {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("s3cr3t"), "{told}");
    }
}
