//! Which lines of a log matter, and when they were written.
//!
//! Components say thousands of things; a diagnosis reads warnings, errors, and the few lines in
//! which agents, operator and Envoy tell what they refused. A line that repeats itself counts
//! once, as it was said last.

use std::borrow::Cow;
use std::collections::HashMap;

use gateproof_core::dossier::LogLine;
use gateproof_core::moment::Moment;
use gateproof_core::redaction;

use super::LogOrigin;

/// How many lines are kept of one log, the newest.
const MOST: usize = 200;
/// What every private key in PEM has in its first line.
const KEY: &str = "PRIVATE KEY-----";
/// How much of a line is kept.
const LONGEST: usize = 2000;

/// What makes a line matter, in lower case: levels as Cilium's agent and operator write them
/// (`level=warn`, and `"level":"warn"` up to 1.17 where JSON is asked for), as Envoy does
/// (`[warning]`), and what drift checker, xDS server, Envoy and operator say
/// (cilium/cilium 1.18.10: `pkg/driftchecker`, `pkg/envoy/xds`, `operator/pkg/gateway-api/cell.go`).
const MARKS: &[&str] = &[
    "level=warn",
    "level=err",
    "level=fatal",
    "level=panic",
    "level=dpanic",
    "\"level\":\"warn",
    "\"level\":\"err",
    "\"level\":\"fatal",
    "[warning]",
    "[error]",
    "[critical]",
    "mismatch found",
    "no local entry found",
    "drift",
    "nack",
    "rejected",
    "duplicate address",
    "duplicate",
    "permission denied",
    "cannot bind",
    "unable to bind",
    "address already in use",
    "required gatewayapi",
    "gateway api support",
    "gateway-api",
    "kube-proxy-replacement",
    "forbidden",
    "panic:",
    "fatal",
];

/// The lines that matter, redacted, oldest first.
pub(super) fn lines(origin: &LogOrigin, log: &str) -> Vec<LogLine> {
    // Secrets that span lines are taken out before there are lines.
    let log = if log.contains(KEY) { redaction::text(log) } else { Cow::Borrowed(log) };
    let mut kept: Vec<(&str, Option<Moment>)> = Vec::new();
    let mut known: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for line in log.lines().filter(|line| matters(line)) {
        let (time, at) = when(line);
        let said = time.map_or(Cow::Borrowed(line), |time| line.replacen(time, "", 1).into());
        if let Some(before) = known.insert(said, kept.len()) {
            kept[before].0 = "";
        }
        kept.push((line, at));
    }
    kept.retain(|(line, _)| !line.is_empty());
    let first = kept.len().saturating_sub(MOST);
    kept[first..]
        .iter()
        .map(|(line, at)| LogLine {
            component: origin.component,
            node: origin.node.clone(),
            source: origin.source.clone(),
            at: *at,
            text: shortened(&redaction::text(line)),
        })
        .collect()
}

fn matters(line: &str) -> bool {
    let lower = line.to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark)) || is_klog_trouble(line)
}

/// `W1126 10:00:00.000000 …`, the form of cert-manager and of Kubernetes' libraries.
fn is_klog_trouble(line: &str) -> bool {
    let mut characters = line.chars();
    matches!(characters.next(), Some('W' | 'E' | 'F'))
        && characters.by_ref().take(4).filter(char::is_ascii_digit).count() == 4
        && characters.next() == Some(' ')
}

/// The time in a line, as written and as it is: the first word that is one, after `time=`, in
/// quotes or brackets. Envoy writes `[2026-01-31 10:00:00.123]`, in UTC.
fn when(line: &str) -> (Option<&str>, Option<Moment>) {
    let start = line.char_indices().take(200).map(|(at, _)| at).find(|&at| {
        let digits = &line.as_bytes()[at..];
        let before = at.checked_sub(1).map(|before| line.as_bytes()[before]);
        digits.len() >= 19
            && digits[..4].iter().all(u8::is_ascii_digit)
            && digits[4] == b'-'
            && digits[7] == b'-'
            && matches!(digits[10], b'T' | b' ')
            && !before.is_some_and(|before| before.is_ascii_alphanumeric())
    });
    let Some(start) = start else { return (None, None) };
    let rest = &line[start..];
    let end = rest
        .char_indices()
        .position(|(at, c)| {
            at > 10 && !(c.is_ascii_digit() || matches!(c, ':' | '.' | 'Z' | '+' | '-'))
        })
        .unwrap_or(rest.len());
    let Some(written) = rest.get(..end) else { return (None, None) };
    let mut text = written.replacen(' ', "T", 1);
    if !text.ends_with('Z') && !text.get(19..).is_some_and(|zone| zone.contains(['+', '-'])) {
        text.push('Z');
    }
    (Some(written), text.parse().ok())
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        None => line.to_owned(),
        Some((end, _)) => format!("{} … (cut)", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::dossier::Component;

    use super::{LogOrigin, MOST, lines};

    fn kept(log: &str) -> Vec<(Option<String>, String)> {
        let origin = LogOrigin {
            component: Component::CiliumAgent,
            node: None,
            source: "cilium-x".to_owned(),
        };
        let lines = lines(&origin, log);
        lines.into_iter().map(|line| (line.at.map(|at| at.to_string()), line.text)).collect()
    }

    #[test]
    fn trouble_is_kept_and_chatter_is_not() {
        for (line, is_kept) in [
            ("time=2026-01-31T10:00:00Z level=warn msg=\"Mismatch found\" key=x", true),
            ("time=\"2026-01-31T10:00:00Z\" level=error msg=x", true),
            ("{\"level\":\"warn\",\"msg\":\"x\"}", true),
            ("[2026-01-31 10:00:00.123][7][warning][config] gRPC config: x rejected: y", true),
            ("E0131 10:00:00.000000       1 sync.go:1] \"error\"", true),
            ("time=2026-01-31T10:00:00Z level=info msg=\"Endpoint created\"", false),
            ("[2026-01-31 10:00:00.123][7][info][main] starting", false),
            ("Everything 1234 is fine", false),
            ("", false),
        ] {
            assert_eq!(!kept(line).is_empty(), is_kept, "{line}");
        }
    }

    #[test]
    fn time_is_read_in_the_forms_of_agents_and_envoy() {
        for (line, at) in [
            ("time=2026-01-31T10:00:00Z level=warn msg=x", Some("2026-01-31T10:00:00Z")),
            ("time=\"2026-01-31T10:00:00Z\" level=warn msg=x", Some("2026-01-31T10:00:00Z")),
            ("time=2026-01-31T11:00:00.5+01:00 level=warn msg=x", Some("2026-01-31T10:00:00.5Z")),
            ("[2026-01-31 10:00:00.123][7][warning] x", Some("2026-01-31T10:00:00.123Z")),
            ("W0131 10:00:00.000000 1 x.go:1] x", None),
            ("ää level=warn", None),
        ] {
            assert_eq!(kept(line)[0].0.as_deref(), at, "{line}");
        }
    }

    #[test]
    fn a_line_that_repeats_itself_counts_once_as_said_last() {
        let log = "time=2026-01-31T10:00:00Z level=warn msg=a\n\
                   time=2026-01-31T10:00:01Z level=warn msg=b\n\
                   time=2026-01-31T10:00:02Z level=warn msg=a\n";
        let seen = kept(log);
        assert_eq!(seen.len(), 2);
        assert!(seen[0].1.ends_with("msg=b") && seen[1].1.contains("10:00:02"), "{seen:?}");
    }

    #[test]
    fn secrets_go_also_where_they_span_lines() {
        let log = "level=warn a\n-----BEGIN PRIVATE KEY-----\nlevel=warn c2VjcmV0\n\
                   -----END PRIVATE KEY-----\nlevel=error token=hunter22\n";
        let text = format!("{:?}", kept(log));
        assert!(!text.contains("c2VjcmV0") && !text.contains("hunter22"), "{text}");
        assert!(text.contains("level=error"), "{text}");
    }

    #[test]
    fn memory_is_bounded() {
        let line = |number: usize| format!("level=warn {number} {}", "ä".repeat(3000));
        let log = (0..MOST + 50).map(line).collect::<Vec<_>>().join("\n");
        let seen = kept(&log);
        assert_eq!(seen.len(), MOST);
        assert!(seen.iter().all(|(_, text)| text.chars().count() < 2100));
    }
}
