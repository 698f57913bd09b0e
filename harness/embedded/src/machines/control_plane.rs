//! The objects, the API and the controllers of a cluster whose nodes are elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;

use gateproof_kubernetes::Client;
use serde_json::json;

use crate::api::server::ServeError;
use crate::api::{Access, ApiError, ApiServer, Face, Part, Store, SystemClock, service};
use crate::controllers::kind::{CONFIG_MAP, NAMESPACE};
use crate::controllers::kubernetes::namespace::{AUTHORITY_NAMESPACE, ROOT_AUTHORITY};
use crate::controllers::object::skeleton;
use crate::controllers::write::FieldManager;
use crate::controllers::{ComponentLogs, Controllers, Installation, Surroundings};

/// Namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// A control plane. Dropping it ends its controllers and closes its socket.
#[derive(Debug)]
pub struct ControlPlane {
    store: Store,
    server: ApiServer,
    controllers: Controllers,
}

/// The control plane could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// The API could not be served.
    #[error("failed to serve the API")]
    Serve(#[from] ServeError),
    /// The API refused what every cluster has.
    #[error("failed to write {what}: {source}")]
    Write {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: Box<ApiError>,
    },
}

impl ControlPlane {
    /// Serves an empty cluster at this address and runs its controllers.
    ///
    /// # Errors
    ///
    /// When the address cannot be served.
    pub async fn start(address: SocketAddr, face: &Face) -> Result<Self, ControlPlaneError> {
        let clock = Arc::new(SystemClock);
        let store = Store::new(clock.clone());
        let write = |manager: FieldManager, object: serde_json::Value| {
            let what = crate::controllers::object::title(&object);
            store
                .apply(manager.as_str(), object, Part::Whole)
                .map(|_| ())
                .map_err(|source| ControlPlaneError::Write { what, source: Box::new(source) })
        };
        for name in NAMESPACES {
            write(FieldManager::KubeControllerManager, skeleton(NAMESPACE, None, name))?;
        }
        let server = ApiServer::start_at(address, service(store.clone()), face).await?;
        let mut authority = skeleton(CONFIG_MAP, Some(AUTHORITY_NAMESPACE), ROOT_AUTHORITY);
        authority["data"] = json!({"ca.crt": server.access().authority});
        write(FieldManager::KubeControllerManager, authority)?;
        let controllers = Controllers::start(Surroundings {
            store: store.clone(),
            clock,
            data_plane: None,
            logs: ComponentLogs::default(),
            installation: Installation::Recorded,
        });
        Ok(Self { store, server, controllers })
    }

    /// What clients need.
    pub fn access(&self) -> &Access {
        self.server.access()
    }

    /// A client in this process. Must be called within a tokio runtime.
    pub fn client(&self) -> Client {
        Client::over(service(self.store.clone()))
    }

    /// What the controllers could not do or do not cover, each in words.
    pub fn problems(&self) -> Vec<String> {
        let findings = self.controllers.findings();
        let mut problems = findings.refused_writes;
        problems.extend(findings.unmodelled.iter().map(ToString::to_string));
        problems.extend(findings.livelock.into_iter().flatten());
        problems
    }

    /// Ends everything. Safe to call twice.
    pub async fn shutdown(&self) {
        self.server.shutdown().await;
        self.controllers.shutdown().await;
    }
}
