//! Where pods really listen: from an address and port of the cluster's pod network to a socket.
//!
//! The kubelet writes it down when it starts and stops a pod's servers; the API server needs it to
//! pass requests on to a Service. Only TCP, and only pods that run in this process.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// The sockets of all pods; cheap to clone, all clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct PodNetwork {
    sockets: Arc<Mutex<BTreeMap<(IpAddr, u16), SocketAddr>>>,
}

impl PodNetwork {
    /// Writes down where a pod listens.
    pub(crate) fn join(&self, pod: IpAddr, ports: &BTreeMap<u16, SocketAddr>) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.extend(ports.iter().map(|(port, socket)| ((pod, *port), *socket)));
    }

    /// Forgets a pod.
    pub(crate) fn leave(&self, pod: IpAddr) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|(address, _), _| *address != pod);
    }

    /// The socket behind a pod's port; `None` when the pod does not listen there.
    pub(crate) fn socket(&self, pod: IpAddr, port: u16) -> Option<SocketAddr> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.get(&(pod, port)).copied()
    }
}
