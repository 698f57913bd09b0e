//! Which files of a node are never collected, because what is in them is secret as a whole. All
//! others go through the redaction of `gateproof-core`.

/// Files of a node that are never collected, by how their path ends or what it contains: what is
/// in them is secret as a whole.
pub(super) fn is_secret_file(path: &str) -> bool {
    const ENDINGS: [&str; 4] = [".key", ".pem", ".kubeconfig", "admin.conf"];
    ENDINGS.iter().any(|ending| path.ends_with(ending))
        || ["/pki/", "/audit/", "audit.log"].iter().any(|part| path.contains(part))
}

#[cfg(test)]
mod tests {
    use super::is_secret_file;

    #[test]
    fn keys_and_kubeconfigs_are_not_collected_and_logs_are() {
        for (path, secret) in [
            ("/etc/kubernetes/pki/ca.crt", true),
            ("var/log/x/tls.key", true),
            ("log/kubernetes/admin.conf", true),
            ("log/audit/audit.log", true),
            ("log/pods/kube-system_etcd/etcd/0.log", false),
            ("log/containers/keycloak.log", false),
        ] {
            assert_eq!(is_secret_file(path), secret, "{path}");
        }
    }
}
