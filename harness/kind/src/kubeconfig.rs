//! kubeconfigs of kind clusters: kubeadm's, with kind's names in it and the address that works
//! from where the reader stands.
//!
//! The same rewrite as kubernetes-sigs/kind v0.33.0 makes
//! (`pkg/cluster/internal/kubeconfig/internal/kubeconfig/read.go`): one cluster, one user and one
//! context, all named `kind-<cluster>`; everything else stays as it is. A text in and a text out:
//! nobody's kubeconfig file is touched here. The text holds a private key, so no error quotes it.

use serde_json::{Map, Value, json};

/// Where kubeadm leaves the kubeconfig of the cluster's administrator on a control plane.
pub const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";

/// The name that kind gives cluster, user and context of a cluster.
pub fn context_name(cluster: &str) -> String {
    format!("kind-{cluster}")
}

/// A kubeconfig is not as kubeadm writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// It is no YAML document.
    #[error("{ADMIN_CONF} is not YAML{}", at(*line))]
    NotYaml {
        /// The line where reading ended, where that is known.
        line: Option<u64>,
    },
    /// A list does not have the one entry that kubeadm writes.
    #[error("{ADMIN_CONF} has {found} entries in `{list}`, expected exactly one")]
    Entries {
        /// Which list.
        list: &'static str,
        /// How many entries it has.
        found: usize,
    },
    /// Something that kubeadm writes is missing.
    #[error("{ADMIN_CONF} has no `{path}`")]
    Missing {
        /// What is missing.
        path: String,
    },
    /// The result cannot be written as YAML.
    #[error("failed to write the kubeconfig as YAML")]
    Unwritable,
}

fn at(line: Option<u64>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

/// The server that a kubeconfig leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server<'a> {
    /// The one that kubeadm writes: the container's name, for clients on the cluster's network.
    Internal,
    /// Another address.
    At {
        /// Such as `https://127.0.0.1:40123`.
        url: &'a str,
        /// The name that the server's certificate has, where it is not the one in the address.
        certificate_name: Option<&'a str>,
    },
}

/// kubeadm's kubeconfig with kind's names, leading to this server.
///
/// # Errors
///
/// When the text is not what kubeadm writes.
pub fn rewrite(
    admin_conf: &str,
    cluster: &str,
    server: Server<'_>,
) -> Result<String, KubeconfigError> {
    let mut config: Value = serde_saphyr::from_str(admin_conf).map_err(|error| {
        KubeconfigError::NotYaml { line: error.location().map(|location| location.line()) }
    })?;
    let key = context_name(cluster);
    let cluster_entry = only(&mut config, "clusters")?;
    cluster_entry.insert("name".to_owned(), json!(key));
    let inner = part(cluster_entry, "clusters", "cluster")?;
    if let Server::At { url, certificate_name } = server {
        inner.insert("server".to_owned(), json!(url));
        if let Some(name) = certificate_name {
            inner.insert("tls-server-name".to_owned(), json!(name));
        }
    }
    only(&mut config, "users")?.insert("name".to_owned(), json!(key));
    let context_entry = only(&mut config, "contexts")?;
    context_entry.insert("name".to_owned(), json!(key));
    let inner = part(context_entry, "contexts", "context")?;
    inner.insert("cluster".to_owned(), json!(key));
    inner.insert("user".to_owned(), json!(key));
    config["current-context"] = json!(key);
    to_text(&config).map_err(|_| KubeconfigError::Unwritable)
}

/// A kubeconfig as kubectl writes one: every certificate and key on the line of its name, where
/// scripts look for it.
///
/// # Errors
///
/// When the value has no YAML form.
pub fn to_text(config: &Value) -> Result<String, serde_saphyr::ser::Error> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(config, options)
}

/// The one entry of a list.
fn only<'c>(
    config: &'c mut Value,
    list: &'static str,
) -> Result<&'c mut Map<String, Value>, KubeconfigError> {
    let missing = || KubeconfigError::Missing { path: list.to_owned() };
    let entries = config.get_mut(list).and_then(Value::as_array_mut).ok_or_else(missing)?;
    match entries.as_mut_slice() {
        [entry] => entry.as_object_mut().ok_or_else(missing),
        other => Err(KubeconfigError::Entries { list, found: other.len() }),
    }
}

fn part<'e>(
    entry: &'e mut Map<String, Value>,
    list: &str,
    field: &str,
) -> Result<&'e mut Map<String, Value>, KubeconfigError> {
    entry
        .get_mut(field)
        .and_then(Value::as_object_mut)
        .ok_or_else(|| KubeconfigError::Missing { path: format!("{list}[0].{field}") })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{KubeconfigError, Server, rewrite};

    /// As kubeadm writes it, with a key that is none.
    fn admin_conf() -> String {
        let long = "QUJD".repeat(400);
        format!(
            "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {long}\n    \
             server: https://a-control-plane:6443\n  name: a\ncontexts:\n- context:\n    \
             cluster: a\n    user: kubernetes-admin\n  name: kubernetes-admin@a\n\
             current-context: kubernetes-admin@a\nkind: Config\npreferences: {{}}\nusers:\n\
             - name: kubernetes-admin\n  user:\n    client-certificate-data: {long}\n    \
             client-key-data: c2VjcmV0\n"
        )
    }

    fn at<'a>(url: &'a str, certificate_name: Option<&'a str>) -> Server<'a> {
        Server::At { url, certificate_name }
    }

    fn parsed(text: &str) -> Value {
        serde_saphyr::from_str(text).expect("YAML")
    }

    #[test]
    fn cluster_user_and_context_get_kinds_name_and_the_rest_stays() {
        let text =
            rewrite(&admin_conf(), "a", at("https://127.0.0.1:40123", None)).expect("kubeadm's");
        let config = parsed(&text);
        assert_eq!(config["current-context"], "kind-a");
        assert_eq!(config["clusters"][0]["name"], "kind-a");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:40123");
        assert_eq!(
            config["contexts"],
            json!([{"context": {"cluster": "kind-a", "user": "kind-a"}, "name": "kind-a"}])
        );
        assert_eq!(config["users"][0]["name"], "kind-a");
        let before = parsed(&admin_conf());
        for pointer in [
            "/clusters/0/cluster/certificate-authority-data",
            "/users/0/user",
            "/preferences",
            "/apiVersion",
            "/kind",
        ] {
            assert_eq!(config.pointer(pointer), before.pointer(pointer), "{pointer}");
        }
    }

    #[test]
    fn a_certificate_stands_on_the_line_of_its_name() {
        let text = rewrite(&admin_conf(), "a", Server::Internal).expect("kubeadm's");
        for name in ["certificate-authority-data", "client-certificate-data"] {
            let line = format!("{name}: {}", "QUJD".repeat(400));
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn an_address_that_the_certificate_does_not_have_comes_with_one_that_it_has() {
        let server = at("https://docker.test:40123", Some("localhost"));
        let text = rewrite(&admin_conf(), "a", server).expect("kubeadm's");
        assert_eq!(parsed(&text)["clusters"][0]["cluster"]["tls-server-name"], "localhost");
    }

    #[test]
    fn without_a_server_the_one_inside_the_network_stays() {
        let text = rewrite(&admin_conf(), "a", Server::Internal).expect("kubeadm's");
        let server = &parsed(&text)["clusters"][0]["cluster"]["server"];
        assert_eq!(server, "https://a-control-plane:6443");
    }

    #[test]
    fn what_kubeadm_does_not_write_is_told_without_its_content() {
        let two =
            admin_conf().replace("users:\n", "users:\n- name: other\n  user: {token: c2VjcmV0}\n");
        let none = admin_conf().replace("contexts:", "contextz:");
        for (text, expected) in [
            (two, KubeconfigError::Entries { list: "users", found: 2 }),
            (none, KubeconfigError::Missing { path: "contexts".to_owned() }),
            (String::new(), KubeconfigError::Missing { path: "clusters".to_owned() }),
        ] {
            let error = rewrite(&text, "a", Server::Internal).expect_err("not kubeadm's");
            assert_eq!(error, expected);
        }
        let broken =
            rewrite("client-key-data: [c2VjcmV0", "a", Server::Internal).expect_err("no YAML");
        assert!(matches!(broken, KubeconfigError::NotYaml { .. }), "{broken:?}");
        assert!(!broken.to_string().contains("c2Vj"), "{broken}");
    }
}
