//! Documents of a file: YAML or JSON, one or several.

use std::path::Path;

use serde_json::Value;
use serde_saphyr::DuplicateKeyPolicy;

/// The documents; a message says what is wrong and where.
pub(super) fn documents(file: &Path, text: &str) -> Result<Vec<Value>, String> {
    if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        let documents: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(text).into_iter().collect();
        return documents.map_err(|error| format!("it is no JSON: {error}"));
    }
    // What a cluster holds has no size that people keep to when they write.
    let options = serde_saphyr::options! {
        budget: None,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        // The text around a mistake may be a secret.
        .map_err(|error| format!("it is no YAML: {}", error.without_snippet()))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}
