//! The Kubernetes client as the rest of Gateproof uses it. Only this crate knows `kube`.

/// A client of one cluster; cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: kube::Client,
}

impl Client {
    /// Wraps a `kube` client.
    pub fn new(inner: kube::Client) -> Self {
        Self { inner }
    }

    /// The wrapped client.
    pub(crate) fn inner(&self) -> &kube::Client {
        &self.inner
    }
}
