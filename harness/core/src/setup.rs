//! Helm values and a topology outside of any scenario: files from the command line become what a
//! cluster is made of, or everything that is wrong with them.
//!
//! The rules are those of scenarios: values files merge as Helm merges them, and a key that the
//! chart of this Cilium version does not have is a problem, because Helm would ignore it without a
//! word.

use serde_json::{Map, Value, json};

use crate::cilium::values::merge;
use crate::cilium::{CiliumConfig, CiliumVersion, values};
use crate::scenario::{Cidr, TextForm, check_values};
use crate::source::parse::parse;
use crate::source::problem::{Problem, Problems};
use crate::source::tree::{Place, Source};
use crate::topology::{self, Topology};

/// A file as the caller read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenFile {
    /// Its path, as messages show it.
    pub path: String,
    /// Its text, or why it could not be read.
    pub content: Result<String, String>,
}

/// Cilium as it will be installed.
#[derive(Debug, Clone, PartialEq)]
pub struct CiliumSetup {
    /// The version.
    pub version: CiliumVersion,
    /// The merged Helm values.
    pub values: Value,
    /// What they amount to.
    pub config: CiliumConfig,
}

/// The values that a cluster for Gateways begins with; files are merged over them.
#[must_use]
pub fn gateway_values() -> Value {
    json!({"gatewayAPI": {"enabled": true}, "kubeProxyReplacement": true})
}

/// Merges values files over `base`, later ones over earlier ones, as `helm --values` does.
///
/// # Errors
///
/// All problems of all files: of the YAML, and keys that the chart does not have.
pub fn cilium(
    version: &CiliumVersion,
    base: &Value,
    files: &[GivenFile],
) -> Result<CiliumSetup, Problems> {
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    let mut merged = base.clone();
    for file in files {
        let Some(source) = source_of(file, &mut problems) else { continue };
        let documents = parse(&source, &mut problems);
        for (index, document) in documents.iter().enumerate() {
            let place = Place::document(&source, document);
            let value = document.to_json();
            if index > 0 {
                problems.push(
                    Problem::at(&place, "a second document").expected("one mapping of Helm values"),
                );
            } else if value.is_object() {
                check_values(place, std::slice::from_ref(version), &mut problems);
                merged = merge(&merged, &value);
            } else if !value.is_null() {
                problems.push(
                    Problem::at(&place, "these are no Helm values")
                        .found(document.content.to_string())
                        .expected("a mapping such as `gatewayAPI: {enabled: true}`"),
                );
            }
        }
        sources.push(source);
    }
    if !problems.is_empty() {
        return Err(Problems::new(problems, &sources));
    }
    if merged.is_null() {
        merged = Value::Object(Map::new());
    }
    let config = values::config(version, &merged);
    Ok(CiliumSetup { version: version.clone(), values: merged, config })
}

/// Reads a topology from a file in kind's format.
///
/// # Errors
///
/// All problems of the file.
pub fn topology(file: &GivenFile) -> Result<Topology, Problems> {
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    let read = source_of(file, &mut problems).and_then(|source| {
        let documents = parse(&source, &mut problems);
        let read = match &documents[..] {
            [document] => {
                let place = Place::document(&source, document);
                let name = topology::stem(&file.path);
                topology::read(name, place, &topology::schema(), &mut problems)
            }
            [] => {
                if problems.is_empty() {
                    problems.push(
                        Problem::at(&Place::start(&source), "this file is empty")
                            .expected("a cluster in kind's format"),
                    );
                }
                None
            }
            [_, second, ..] => {
                problems.push(
                    Problem::at(&Place::document(&source, second), "a second document")
                        .expected("one cluster in a file"),
                );
                None
            }
        };
        sources.push(source);
        read
    });
    match read {
        Some(topology) if problems.is_empty() => Ok(topology),
        _ => Err(Problems::new(problems, &sources)),
    }
}

/// Whether a text is a range of addresses such as `172.18.255.0/28`.
///
/// # Errors
///
/// What would be right, in words.
pub fn address_pool(text: &str) -> Result<String, String> {
    match Cidr::parse(text) {
        Ok(Cidr(text)) => Ok(text),
        Err(error) => Err(format!("expected {}", error.expected)),
    }
}

pub(crate) fn source_of(file: &GivenFile, problems: &mut Vec<Problem>) -> Option<Source> {
    match &file.content {
        Ok(text) => Some(Source { path: file.path.clone(), text: text.clone() }),
        Err(reason) => {
            let what = format!("`{}` cannot be read", file.path);
            problems.push(Problem::of_file(&file.path, what).found(reason));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{GivenFile, address_pool, cilium, gateway_values, topology};

    fn file(path: &str, text: &str) -> GivenFile {
        GivenFile { path: path.to_owned(), content: Ok(text.to_owned()) }
    }

    #[test]
    fn later_files_win_over_earlier_ones_and_over_the_base() {
        let version = "1.20.2".parse().expect("a version");
        let files = [
            file("a.yaml", "gatewayAPI: {enableAlpn: true, xffNumTrustedHops: 1}\n"),
            file("b.yaml", "gatewayAPI: {xffNumTrustedHops: 2}\n"),
            file("empty.yaml", "# nothing\n"),
        ];
        let setup = cilium(&version, &gateway_values(), &files).expect("no problems");
        let expected = json!({
            "gatewayAPI": {"enabled": true, "enableAlpn": true, "xffNumTrustedHops": 2},
            "kubeProxyReplacement": true,
        });
        assert_eq!(setup.values, expected);
        assert!(setup.config.gateway_api && setup.config.alpn);
    }

    #[test]
    fn every_mistake_of_every_values_file_is_told() {
        let version = "1.20.2".parse().expect("a version");
        let files = [
            file("a.yaml", "gatewayAPI: {enabeld: true}\n"),
            file("b.yaml", "- 1\n"),
            GivenFile { path: "c.yaml".to_owned(), content: Err("no such file".to_owned()) },
        ];
        let problems = cilium(&version, &gateway_values(), &files).expect_err("three mistakes");
        let text = problems.to_string();
        for part in ["`gatewayAPI.enabeld`", "enabled", "no Helm values", "`c.yaml` cannot be read"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert_eq!(problems.len(), 3, "{text}");
    }

    #[test]
    fn a_pool_is_a_range_and_nothing_else() {
        assert!(address_pool("172.18.255.0/28").is_ok() && address_pool("fd00::/120").is_ok());
        for text in ["172.18.255.0", "172.18.255.0/40", "pool"] {
            assert!(address_pool(text).expect_err(text).contains("172.18.255.0/28"), "{text}");
        }
    }

    #[test]
    fn a_topology_is_named_after_its_file_and_its_mistakes_are_told() {
        let kind = "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nnetworking: {disableDefaultCNI: true}\n";
        let read =
            topology(&file("some/two.yaml", &format!("{kind}nodes: [{{}}, {{role: worker}}]\n")));
        let read = read.expect("no problems");
        assert_eq!((read.name.as_str(), read.nodes.len()), ("two", 2));
        let problems =
            topology(&file("x.yaml", &format!("{kind}nodez: []\n"))).expect_err("a typo");
        assert!(problems.to_string().contains("nodez"), "{problems}");
        assert!(topology(&file("x.yaml", "")).is_err());
    }
}
