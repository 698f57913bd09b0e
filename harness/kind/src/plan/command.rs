//! The commands that run in nodes while a cluster comes up, and the files they work on.
//!
//! As kubernetes-sigs/kind v0.33.0 runs them (`pkg/cluster/internal/create/actions`).

use super::version::KubernetesVersion;

/// What `kubeadm` reads.
pub const KUBEADM_CONFIG: &str = "/kind/kubeadm.conf";
/// Where a node has its Kubernetes version, in one line.
pub const VERSION_FILE: &str = "/kind/version";
/// The credentials of the cluster's administrator, on control planes.
pub const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";
/// containerd's configuration.
pub const CONTAINERD_CONFIG: &str = "/etc/containerd/config.toml";
/// The manifest of the StorageClass in the node image.
pub const STORAGE_MANIFEST: &str = "/kind/manifests/default-storage.yaml";

/// What further control planes get from the first one before they join.
pub const SHARED_BY_CONTROL_PLANES: [&str; 9] = [
    ADMIN_CONF,
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/pki/front-proxy-ca.crt",
    "/etc/kubernetes/pki/front-proxy-ca.key",
    "/etc/kubernetes/pki/sa.pub",
    "/etc/kubernetes/pki/sa.key",
    "/etc/kubernetes/pki/etcd/ca.crt",
    "/etc/kubernetes/pki/etcd/ca.key",
];

/// Starts the first control plane.
pub fn init() -> Vec<String> {
    argv(&["kubeadm", "init", "--config=/kind/kubeadm.conf", "--skip-token-print", "--v=6"])
}

/// Joins every other node.
pub fn join() -> Vec<String> {
    argv(&["kubeadm", "join", "--config", "/kind/kubeadm.conf", "--v=6"])
}

/// Prints a node's Kubernetes version.
pub fn read_version() -> Vec<String> {
    argv(&["cat", VERSION_FILE])
}

/// Prints containerd's configuration.
pub fn read_containerd_config() -> Vec<String> {
    argv(&["cat", CONTAINERD_CONFIG])
}

/// Makes containerd read a changed configuration, if it runs already.
pub fn restart_containerd() -> Vec<String> {
    argv(&["bash", "-c", "! pgrep --exact containerd || systemctl restart containerd"])
}

/// Lets the only node of a cluster take workloads, and load balancers lead to it.
pub fn open_single_node(version: &KubernetesVersion) -> [Vec<String>; 2] {
    let kubectl = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];
    let mut untaint = argv(&kubectl);
    untaint.extend(argv(&["taint", "nodes", "--all"]));
    untaint.extend(version.control_plane_taints().iter().map(|taint| format!("{taint}-")));
    let mut unlabel = argv(&kubectl);
    let label = "node.kubernetes.io/exclude-from-external-load-balancers-";
    unlabel.extend(argv(&["label", "nodes", "--all", label]));
    [untaint, unlabel]
}

/// Applies the StorageClass, whose manifest comes on standard input.
pub fn apply_storage_class() -> Vec<String> {
    argv(&["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "apply", "-f", "-"])
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::open_single_node;

    #[test]
    fn the_only_node_loses_the_taints_of_its_version() {
        for (version, taints) in [
            ("v1.23.17", "node-role.kubernetes.io/master-"),
            ("v1.24.1", "node-role.kubernetes.io/control-plane- node-role.kubernetes.io/master-"),
            ("v1.36.4", "node-role.kubernetes.io/control-plane-"),
        ] {
            let [untaint, unlabel] = open_single_node(&version.parse().expect("a version"));
            let expected = format!(
                "kubectl --kubeconfig=/etc/kubernetes/admin.conf taint nodes --all {taints}"
            );
            assert_eq!(untaint.join(" "), expected);
            assert!(unlabel.join(" ").ends_with(
                "label nodes --all node.kubernetes.io/exclude-from-external-load-balancers-"
            ));
        }
    }
}
