//! What Helm said when it failed, and what to do about it where that is known.

/// How many lines of Helm's complaint are worth reading.
const LINES: usize = 12;

/// Parts of Helm's messages, and what to do.
const ADVICE: &[(&str, &str)] = &[
    (
        "another operation (install/upgrade/rollback) is in progress",
        "an earlier installation was cut off; `helm rollback` or `helm uninstall` the release, or \
         take a new cluster",
    ),
    (
        "values don't meet the specifications of the schema",
        "a value has a type that the chart refuses; the lines above name it",
    ),
    (
        "no such host",
        "the chart could not be fetched; behind a proxy set HTTPS_PROXY, without a network give \
         the chart's archive (--cilium-chart, --cert-manager-chart)",
    ),
    (
        "i/o timeout",
        "something could not be reached; behind a proxy set HTTPS_PROXY, without a network give \
         the chart's archive (--cilium-chart, --cert-manager-chart)",
    ),
    (
        "not found in https://",
        "the chart has no such version; `gateproof versions` shows those that are known",
    ),
    (
        "invalid ownership metadata",
        "the cluster has objects of this name that Helm did not make; remove them, or take a new \
         cluster",
    ),
    (
        "connection refused",
        "nothing answers there; if it is the cluster's API server, it went away meanwhile",
    ),
];

/// The last lines of what Helm said, with advice.
pub(super) fn in_words(said: &str) -> String {
    let lines: Vec<&str> =
        said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    if last.is_empty() {
        return "it said nothing".to_owned();
    }
    let words = last.join("\n");
    match ADVICE.iter().find(|(part, _)| words.contains(part)) {
        Some((_, advice)) => format!("{words}\n{advice}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn the_last_lines_are_told_with_advice_where_it_is_known() {
        let many: Vec<String> = (0..30).map(|line| format!("WARNING: line {line}")).collect();
        let many = many.join("\n");
        let words = in_words(&format!("{many}\nError: lookup charts.test: no such host\n"));
        assert!(!words.contains("line 10\n") && words.contains("line 29\n"), "{words}");
        assert!(words.contains("HTTPS_PROXY"), "{words}");
        assert_eq!(in_words("Error: some new trouble"), "Error: some new trouble");
        assert_eq!(in_words("\n"), "it said nothing");
    }
}
