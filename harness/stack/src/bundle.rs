//! A release manifest of the Gateway API: its definitions and its policy, read from text. Pure.

use gateproof_core::scenario::Channel;
use gateproof_core::versions::Release;
use semver::Version;
use serde_json::Value;

/// The annotation that tells the release of a definition.
const VERSION: &str = "gateway.networking.k8s.io/bundle-version";
/// The annotation that tells its channel.
const CHANNEL: &str = "gateway.networking.k8s.io/channel";
/// The group of the definitions that decide about the release.
const GROUP: &str = "gateway.networking.k8s.io";

/// A release manifest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bundle {
    /// Where it came from, for messages.
    pub(crate) origin: String,
    /// What its definitions say that they are; `None` when they do not say it.
    pub(crate) release: Option<Release>,
    /// The CustomResourceDefinitions, in order.
    pub(crate) definitions: Vec<Value>,
    /// Everything else, such as the admission policy and its binding, in order.
    pub(crate) others: Vec<Value>,
}

impl Bundle {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn parse(origin: &str, text: &str) -> Result<Self, String> {
        let documents = documents(text)?;
        let (definitions, others): (Vec<_>, Vec<_>) = documents
            .into_iter()
            .partition(|document| kind(document) == "CustomResourceDefinition");
        if !definitions.iter().any(|one| group(one) == GROUP) {
            return Err(format!(
                "it holds no CustomResourceDefinition of {GROUP}; expected a release manifest such \
                 as standard-install.yaml"
            ));
        }
        if let Some(other) = others.iter().find(|other| !EXPECTED.contains(&kind(other))) {
            return Err(format!(
                "it holds a {:?}, which no release of the Gateway API does; expected \
                 CustomResourceDefinitions and {}",
                kind(other),
                EXPECTED.join(", ")
            ));
        }
        let release = release_of(&definitions)?;
        Ok(Self { origin: origin.to_owned(), release, definitions, others })
    }
}

/// What a manifest may hold beside definitions (since 1.5).
const EXPECTED: &[&str] = &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];

fn documents(text: &str) -> Result<Vec<Value>, String> {
    // A manifest is a megabyte of schemas; the parser's usual limits are for what people write.
    let options = serde_saphyr::options! { budget: None };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| format!("it is no YAML: {error}"))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// The one release that the definitions say they are.
fn release_of(definitions: &[Value]) -> Result<Option<Release>, String> {
    let mut found: Vec<Release> =
        definitions.iter().filter(|one| group(one) == GROUP).filter_map(release).collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(format!("its definitions are of several releases: {}", several.join(", ")))
        }
    }
}

/// The release that a definition says it is of.
pub(crate) fn release(definition: &Value) -> Option<Release> {
    let annotation = |key: &str| definition.pointer("/metadata/annotations")?.get(key)?.as_str();
    let version = Version::parse(annotation(VERSION)?.trim_start_matches('v')).ok()?;
    let channel = match annotation(CHANNEL)? {
        "standard" => Channel::Standard,
        "experimental" => Channel::Experimental,
        _ => return None,
    };
    Some(Release { version, channel })
}

fn kind(document: &Value) -> &str {
    document.get("kind").and_then(Value::as_str).unwrap_or_default()
}

fn group(definition: &Value) -> &str {
    definition.pointer("/spec/group").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Bundle;

    fn definition(group: &str, version: &str, channel: &str) -> String {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
             name: gateways.{group}\n  annotations:\n    \
             gateway.networking.k8s.io/bundle-version: {version}\n    \
             gateway.networking.k8s.io/channel: {channel}\nspec:\n  group: {group}\n"
        )
    }

    const GROUP: &str = "gateway.networking.k8s.io";

    #[test]
    fn a_manifest_tells_its_release_and_keeps_definitions_apart() {
        let text = format!(
            "# a comment\n---\n{}---\n{}---\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: a}}\n",
            definition(GROUP, "v1.6.1", "standard"),
            definition("gateway.networking.x-k8s.io", "v1.6.1", "experimental"),
        );
        let bundle = Bundle::parse("a.yaml", &text).expect("a manifest");
        assert_eq!(bundle.release.expect("it says it").to_string(), "1.6.1 (standard)");
        assert_eq!((bundle.definitions.len(), bundle.others.len()), (2, 1));
        let silent = definition(GROUP, "main", "standard");
        assert_eq!(Bundle::parse("a.yaml", &silent).expect("a manifest").release, None);
    }

    #[test]
    fn what_is_no_release_manifest_is_refused_with_what_was_expected() {
        let mixed = format!(
            "{}---\n{}",
            definition(GROUP, "v1.4.0", "standard"),
            definition(GROUP, "v1.6.1", "standard")
        );
        let with_pod = format!("{}---\nkind: Pod\n", definition(GROUP, "v1.6.1", "standard"));
        for (text, part) in [
            ("", "holds no CustomResourceDefinition"),
            ("<html>not found</html>", "holds no CustomResourceDefinition"),
            ("a: [", "it is no YAML"),
            (mixed.as_str(), "1.4.0 (standard), 1.6.1 (standard)"),
            (with_pod.as_str(), "\"Pod\""),
        ] {
            let words = Bundle::parse("a.yaml", text).expect_err(part);
            assert!(words.contains(part), "{part} in {words}");
        }
    }
}
