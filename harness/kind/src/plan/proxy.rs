//! Proxy settings of containers: what is passed on, and what must be reached without a proxy.
//!
//! As kubernetes-sigs/kind v0.33.0 has it (`pkg/cluster/internal/providers/common/proxy.go`,
//! `providers/docker/{provision,proxyconfig}.go`).

use std::collections::BTreeMap;

use gateproof_core::topology::Subnet;

use super::{Request, containers};

const NAMES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// Which proxy settings nodes get: the caller's environment, filled up from the Docker client's
/// configuration unless the environment names a proxy itself.
///
/// `docker` are the settings of the engine's own entry below `proxies` in Docker's `config.json`,
/// or of the entry `default`, under the names of environment variables.
pub fn chosen(
    environment: impl Fn(&str) -> Option<String>,
    docker: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut chosen = BTreeMap::new();
    for name in NAMES {
        let value = environment(name)
            .filter(|value| !value.is_empty())
            .or_else(|| environment(&name.to_lowercase()));
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            chosen.insert(name.to_owned(), value);
        }
    }
    if !chosen.contains_key("HTTP_PROXY") && !chosen.contains_key("HTTPS_PROXY") {
        for name in NAMES {
            if let Some(value) = docker.get(name).filter(|value| !value.is_empty()) {
                chosen.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
    }
    chosen
}

/// `NO_PROXY` of a cluster's containers, as far as it is known before the network is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoProxy {
    list: Vec<String>,
}

impl NoProxy {
    /// What a cluster behind a proxy needs; `None` without one.
    pub(super) fn wanted(request: &Request<'_>) -> Option<Self> {
        let proxies = &request.settings.proxies;
        if proxies.values().all(String::is_empty) {
            return None;
        }
        let networking = &request.topology.networking;
        let user = proxies.get("NO_PROXY").filter(|list| !list.is_empty());
        let mut list: Vec<String> = user.into_iter().cloned().collect();
        list.push(joined(&networking.service_subnets));
        list.push(joined(&networking.pod_subnets));
        list.extend(containers::names(request));
        list.extend([".svc", ".svc.cluster", ".svc.cluster.local"].map(str::to_owned));
        Some(Self { list })
    }

    /// Sets the variable, in both spellings, for a network with these subnets.
    pub(super) fn set(&self, env: &mut Vec<String>, subnets: &[String]) {
        let all: Vec<&str> = subnets.iter().chain(&self.list).map(String::as_str).collect();
        env.retain(|variable| {
            !variable.starts_with("NO_PROXY=") && !variable.starts_with("no_proxy=")
        });
        for name in ["NO_PROXY", "no_proxy"] {
            env.push(format!("{name}={}", all.join(",")));
        }
        env.sort();
    }
}

/// Ranges as kind writes several of them.
pub(super) fn joined(subnets: &[Subnet]) -> String {
    subnets.iter().map(|subnet| subnet.text.as_str()).collect::<Vec<_>>().join(",")
}

/// The proxies themselves, in both spellings.
pub(crate) fn environment(proxies: &BTreeMap<String, String>) -> Vec<String> {
    let set = proxies.iter().filter(|(name, value)| *name != "NO_PROXY" && !value.is_empty());
    set.flat_map(|(name, value)| {
        [format!("{name}={value}"), format!("{}={value}", name.to_lowercase())]
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::chosen;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_environment_wins_over_dockers_configuration_as_kind_has_it() {
        let docker = map(&[("HTTP_PROXY", "http://docker:1"), ("NO_PROXY", "docker.test")]);
        for (environment, expected) in [
            (map(&[]), docker.clone()),
            (map(&[("https_proxy", "http://env:2")]), map(&[("HTTPS_PROXY", "http://env:2")])),
            (
                map(&[("NO_PROXY", "env.test")]),
                map(&[("HTTP_PROXY", "http://docker:1"), ("NO_PROXY", "env.test")]),
            ),
            (
                map(&[("HTTP_PROXY", ""), ("http_proxy", "http://small:3")]),
                map(&[("HTTP_PROXY", "http://small:3")]),
            ),
        ] {
            let made = chosen(|name| environment.get(name).cloned(), &docker);
            assert_eq!(made, expected, "{environment:?}");
        }
    }
}
