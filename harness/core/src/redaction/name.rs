//! Which names say that what they name is a secret.

/// Endings of names whose texts are secrets, in lower case without `-`, `_` and `.`.
///
/// Charts, programs and kubeconfigs take private keys, passwords and tokens under such names
/// (cilium/charts: `azure.clientSecret`; kubernetes/kubernetes:
/// `staging/src/k8s.io/client-go/tools/clientcmd/api/v1/types.go`, `client-key-data`).
const ENDINGS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "accountkey",
    "secretkey",
    "accesskeyid",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "sharedkey",
    "clientkeydata",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "connectionstring",
];

/// Whole names that are secrets in Helm values, where `tls.ca.key` is a private key, and names of
/// fields (`matchExpressions[].key`) elsewhere.
const IN_VALUES: &[&str] = &["key", "auth", "cakey", "tlskey"];

/// Whether what has this name is a secret, wherever it is.
pub fn is_secret(name: &str) -> bool {
    let name = plain(name);
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether what has this name is a secret among Helm values.
pub(super) fn is_secret_value(name: &str) -> bool {
    is_secret(name) || IN_VALUES.contains(&plain(name).as_str())
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{is_secret, is_secret_value};

    #[test]
    fn names_of_secrets_are_told_from_names_about_secrets() {
        for (name, secret) in [
            ("password", true),
            ("DB_PASSWORD", true),
            ("clientSecret", true),
            ("AWS_SECRET_ACCESS_KEY", true),
            ("client-key-data", true),
            ("x-api-key", true),
            ("Authorization", true),
            ("secretName", false),
            ("gateway-api-secrets-namespace", false),
            ("hubble-tls-key-file", false),
            ("tokenExpirationSeconds", false),
            ("key", false),
        ] {
            assert_eq!(is_secret(name), secret, "{name}");
        }
        assert!(is_secret_value("key") && is_secret_value("auth"));
        assert!(!is_secret_value("secretsNamespace"));
    }
}
