//! Takes secrets out of text before it is written down.
//!
//! What nodes log may hold what lets somebody into the cluster: bootstrap tokens, certificate keys,
//! private keys, bearer tokens, passwords in proxy addresses. Certificates are public and stay.
//! Recognised by form, because logs have no types; a harmless text of the same form is a small
//! loss.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

struct Rule {
    form: Regex,
    replacement: &'static str,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |form: &str, replacement: &'static str| Rule {
        form: Regex::new(form).expect("a form that is part of the program"),
        replacement,
    };
    vec![
        // Private keys, whole; also where line breaks are escaped, and where the end is cut off.
        rule(
            r"(?s)-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)",
            "-----BEGIN ${1}PRIVATE KEY----- REDACTED",
        ),
        // Bootstrap tokens (kubernetes/kubernetes v1.36:
        // `staging/src/k8s.io/cluster-bootstrap/token/api/types.go`).
        rule(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b", "REDACTED"),
        // Service account tokens and other JSON web tokens.
        rule(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", "REDACTED"),
        rule(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/_.=-]{16,}", "${1} REDACTED"),
        rule(r"(?i)(certificate-key[ =:]+)[0-9a-f]{32,}", "${1}REDACTED"),
        // Fields of kubeconfigs, Secrets and settings, as YAML, JSON or arguments.
        rule(
            r#"(?i)\b((?:client-key-data|[a-z_-]*password|[a-z_-]*secret|[a-z_-]*token|api[-_]?key)"?\s*[:=]\s*"?)[^\s",;&]{6,}"#,
            "${1}REDACTED",
        ),
        // Name and password in an address.
        rule(r"([a-z][a-z0-9+.-]*://)[^\s/@:]+:[^\s/@]+@", "${1}REDACTED@"),
    ]
});

/// The text without secrets.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for rule in RULES.iter() {
        if let Cow::Owned(changed) = rule.form.replace_all(&text, rule.replacement) {
            text = Cow::Owned(changed);
        }
    }
    text
}

/// Files of a node that are never collected, by how their path ends or what it contains: what is
/// in them is secret as a whole.
pub(super) fn is_secret_file(path: &str) -> bool {
    const ENDINGS: [&str; 4] = [".key", ".pem", ".kubeconfig", "admin.conf"];
    ENDINGS.iter().any(|ending| path.ends_with(ending))
        || ["/pki/", "/audit/", "audit.log"].iter().any(|part| path.contains(part))
}

#[cfg(test)]
mod tests {
    use super::{is_secret_file, redact};

    #[test]
    fn secrets_go_and_what_is_around_them_stays() {
        let token =
            ["eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiJzeXN0ZW0ifQ", "c2lnbmF0dXJlMTIz"].join(".");
        for (text, secret, stays) in [
            (
                "kubeadm join a:6443 --token abcdef.0123456789abcdef --v=6".to_owned(),
                "0123456789abcdef",
                "kubeadm join a:6443 --token",
            ),
            (
                "[bootstrap-token] Using token: abcdef.0123456789abcdef".to_owned(),
                "abcdef",
                "Using",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\nafter"
                    .to_owned(),
                "c2VjcmV0",
                "after",
            ),
            (
                r"key=-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY----- after"
                    .to_owned(),
                "c2VjcmV0",
                "after",
            ),
            ("x -----BEGIN EC PRIVATE KEY-----\nc2VjcmV0".to_owned(), "c2VjcmV0", "x "),
            (format!("Authorization: Bearer {token} next"), "c2lnbmF0", "next"),
            (format!("got {token} here"), "c2lnbmF0", "here"),
            (format!("--certificate-key {} --x", "0f".repeat(32)), "0f0f0f", "--certificate-key"),
            ("    client-key-data: c2VjcmV0Cg==".to_owned(), "c2VjcmV0", "client-key-data: "),
            (r#"{"password": "hunter22","user":"a"}"#.to_owned(), "hunter22", r#""user":"a""#),
            ("HTTP_PROXY=http://me:hunter22@proxy:3128/".to_owned(), "hunter22", "proxy:3128/"),
        ] {
            let redacted = redact(&text);
            assert!(!redacted.contains(secret), "{text} → {redacted}");
            assert!(redacted.contains(stays), "{text} → {redacted}");
            assert!(redacted.contains("REDACTED"), "{text} → {redacted}");
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_stays() {
        for text in [
            "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----",
            "kube-system/coredns-7db6d8ff4d-abcde is Running",
            "pulled registry.k8s.io/kube-apiserver:v1.36.4",
            "http://a-control-plane:6443/healthz",
            "no token",
            "token: ",
            "Nov 26 07:00:00 a-worker kubelet[312]: E1126 kubelet.go:123] cni plugin not initialized",
        ] {
            assert_eq!(redact(text), text);
        }
    }

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
