//! Kubeconfigs that lead to a cluster, and those that do not.

use std::path::PathBuf;

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
