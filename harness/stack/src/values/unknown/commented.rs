//! Keys that a chart's `values.yaml` shows in comments, by the mapping in which they stand.

use std::collections::BTreeSet;

/// The dotted paths of keys in comments, such as `nodePort.range` for `# range: "30000,32767"`
/// below `nodePort:`.
///
/// A comment belongs to the mapping that its indentation says. What stands further right within a
/// comment belongs to a key of the comment and is no key of the mapping; and what stands between
/// two `# @schema` describes the key that follows.
pub(super) fn keys(chart: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut in_schema = false;
    for line in chart.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(comment) = text.strip_prefix('#') {
            if comment.trim() == "@schema" {
                in_schema = !in_schema;
                continue;
            }
            let comment = comment.strip_prefix(' ').unwrap_or(comment);
            if let (Some(key), false) = (key_of(comment), in_schema) {
                let parents = open.iter().take_while(|(at, _)| *at < indent).map(|(_, key)| *key);
                found.insert(parents.chain([key]).collect::<Vec<_>>().join("."));
            }
        } else if let Some(key) = key_of(text) {
            open.retain(|(at, _)| *at < indent);
            open.push((indent, key));
        }
    }
    found
}

/// The key with which a line begins.
fn key_of(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let is_key = !key.is_empty() && key.chars().all(plain) && !key.starts_with('-');
    (is_key && (rest.is_empty() || rest.starts_with(' '))).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn a_comment_belongs_to_the_mapping_that_its_indentation_says() {
        let chart = "\
# top: 1
nodePort:
  # -- Ports, see https://example.test: a page.
  # range: \"30000,32767\"
  inner:
    a: 1
    # b:
    #   c: 2
  # d: 3
  # @schema
  # type: [null, boolean]
  # @schema
  e: true
#bare: 1
";
        let found: Vec<String> = keys(chart).into_iter().collect();
        assert_eq!(found, ["bare", "nodePort.d", "nodePort.inner.b", "nodePort.range", "top"]);
    }
}
