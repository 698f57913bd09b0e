//! A server, and kubeconfigs that lead to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateproof_embedded::api::{ApiServer, Store, SystemClock, service};
use gateproof_existing::connect::ConnectError;
use gateproof_existing::{Connected, connect};
use gateproof_kubernetes::Access;

/// A server with a folder beside it.
pub(crate) struct Server {
    pub(crate) api: ApiServer,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let store = Store::new(Arc::new(SystemClock));
        let api = ApiServer::start(service(store), "test").await.expect("a loopback socket");
        let server = Self { api, folder: tempfile::tempdir().expect("a folder") };
        server.write("authority.crt", &server.api.access().authority.clone());
        server.write("token", &format!("{}\n", server.api.access().token()));
        server
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its address without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.api.access().url.trim_start_matches("https://")
    }

    /// Connects by a kubeconfig whose cluster and user say this.
    pub(crate) async fn connect(
        &self,
        cluster: &str,
        user: &str,
    ) -> Result<Connected, ConnectError> {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
             clusters: [{{name: c, cluster: {{server: 'https://{}', {cluster}}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n",
            self.address()
        );
        let access = Access { kubeconfig: Some(self.write("config", &text)), context: None };
        connect(&access, |_| {}).await
    }

    /// The words in which it does not come about.
    pub(crate) async fn refused(&self, cluster: &str, user: &str) -> String {
        let refused = self.connect(cluster, user).await;
        let told = refused.map(|_| ()).expect_err("no cluster answers").to_string();
        assert!(!told.contains(self.api.access().token()), "{told}");
        told
    }
}
