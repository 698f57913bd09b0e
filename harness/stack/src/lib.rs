//! The stack on a cluster: Gateway API CRDs, Cilium and cert-manager, one small step a file, each
//! told as an action, and waited for until it works.
//!
//! Works through a Kubernetes client and Helm, so that it is the same for kind clusters and for
//! clusters that somebody runs.
