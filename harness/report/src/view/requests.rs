//! What was sent and served, as tables: requests, TCP probes, and the certificates that came.
//!
//! Where a check passed, probes that saw the same share a row, with how many they are and from when
//! to when they took; where it did not, each has its own.

use std::time::Duration;

use gateproof_core::event::{CheckResult, PlacedHandshake, PlacedHttp, PlacedTcp};
use gateproof_core::observation::{HandshakeOutcome, HttpOutcome, TlsObservation, Trust};
use gateproof_core::verdict::Verdict;

use crate::layout::{Table, Text, Tone};
use crate::view::duration::{human, human_or_dash};
use crate::view::evidence;
use crate::view::measured::Shown;
use crate::view::trials::count;

/// A probe, before probes that saw the same are put together.
struct Row<'a> {
    place: &'a str,
    dialled: String,
    /// What came, and what else tells probes apart.
    seen: Vec<Text>,
    /// How long each phase took, and all of it; only of a single probe.
    phases: Vec<String>,
    took: Duration,
}

/// The HTTP requests of a check; `None` when there were none.
pub(crate) fn requests(check: &CheckResult) -> Option<Table> {
    let rows = check.evidence.http.iter().map(request).collect();
    let head = ["where", "dialled", "came back", "HTTP", "TLS"];
    table(&head, &["connect", "TLS took", "first byte"], rows, shown(check))
}

/// The TCP probes of a check; `None` when there were none.
pub(crate) fn connections(check: &CheckResult) -> Option<Table> {
    let rows = check.evidence.tcp.iter().map(connection).collect();
    table(&["where", "dialled", "came back"], &[], rows, shown(check))
}

/// The TLS handshakes of a check that were passed through; `None` when there were none.
pub(crate) fn handshakes(check: &CheckResult) -> Option<Table> {
    let rows = check.evidence.handshakes.iter().map(passed_through).collect();
    table(&["where", "dialled", "came back", "certificate"], &[], rows, shown(check))
}

/// Which backends answered how often; `None` when that was not asked.
pub(crate) fn shares(check: &CheckResult) -> Option<Table> {
    let shares = &check.evidence.shares;
    let row = |(backend, requests): (&String, &u64)| {
        vec![Text::plain(backend.as_str()), Text::plain(requests.to_string())]
    };
    (!shares.is_empty()).then(|| Table {
        head: vec!["backend".to_owned(), "requests".to_owned()],
        rows: shares.iter().map(row).collect(),
    })
}

fn shown(check: &CheckResult) -> Shown {
    if check.verdict == Verdict::Passed { Shown::Brief } else { Shown::Whole }
}

fn request(placed: &PlacedHttp) -> Row<'_> {
    let seen = &placed.observation;
    let tone = match seen.outcome {
        HttpOutcome::Response(_) => Tone::Plain,
        _ => Tone::Bad,
    };
    let version = match &seen.outcome {
        HttpOutcome::Response(response) => response.version.to_string(),
        _ => "-".to_owned(),
    };
    Row {
        place: &placed.place,
        dialled: seen.dialled.to_string(),
        seen: vec![
            Text::new(tone, evidence::outcome(&seen.outcome)),
            Text::plain(version),
            seen.tls.as_ref().map_or_else(|| Text::plain("-"), handshake),
        ],
        phases: [seen.timings.connect, seen.timings.tls, seen.timings.first_byte]
            .map(human_or_dash)
            .to_vec(),
        took: seen.timings.total,
    }
}

fn handshake(tls: &TlsObservation) -> Text {
    let version = tls.version.as_deref().unwrap_or("not finished");
    let alpn = tls.alpn.as_deref().map(|alpn| format!(", {alpn}")).unwrap_or_default();
    let trust = trust(&tls.trust);
    Text::new(trust.tone, format!("{version}{alpn}, {}", trust.words))
}

fn connection(placed: &PlacedTcp) -> Row<'_> {
    let seen = &placed.observation;
    Row {
        place: &placed.place,
        dialled: seen.dialled.to_string(),
        seen: vec![Text::plain(seen.outcome.to_string())],
        phases: Vec::new(),
        took: seen.took,
    }
}

fn passed_through(placed: &PlacedHandshake) -> Row<'_> {
    let seen = &placed.observation;
    let tone = match seen.outcome {
        HandshakeOutcome::Completed | HandshakeOutcome::Answered(_) => Tone::Plain,
        HandshakeOutcome::NotConnected(_) | HandshakeOutcome::Unanswered(_) => Tone::Bad,
    };
    let leaf = seen.tls.as_ref().and_then(|tls| tls.chain.first());
    let certificate = leaf.map_or_else(|| "-".to_owned(), |leaf| leaf.names.join(" "));
    Row {
        place: &placed.place,
        dialled: seen.dialled.to_string(),
        seen: vec![Text::new(tone, seen.outcome.to_string()), Text::plain(certificate)],
        phases: Vec::new(),
        took: seen.took,
    }
}

fn table(head: &[&str], phases: &[&str], rows: Vec<Row<'_>>, shown: Shown) -> Option<Table> {
    if rows.is_empty() {
        return None;
    }
    let head = match shown {
        Shown::Whole => head.iter().chain(phases).chain(&["took"]).copied().collect::<Vec<_>>(),
        Shown::Brief => {
            let dialled = |title: &&&str| **title != "dialled";
            head.iter().filter(dialled).chain(&["took"]).copied().collect()
        }
    };
    let rows = match shown {
        Shown::Whole => rows.into_iter().map(single).collect(),
        Shown::Brief => alike(rows),
    };
    Some(Table { head: head.into_iter().map(ToOwned::to_owned).collect(), rows })
}

fn single(row: Row<'_>) -> Vec<Text> {
    let mut cells = vec![Text::plain(row.place), Text::plain(row.dialled)];
    cells.extend(row.seen);
    cells.extend(row.phases.into_iter().map(Text::plain));
    cells.push(Text::plain(human(row.took)));
    cells
}

/// Probes that saw the same, each group where its first is.
fn alike(rows: Vec<Row<'_>>) -> Vec<Vec<Text>> {
    let mut groups: Vec<Vec<Row<'_>>> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|group| group[0].seen == row.seen) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let told = |group: Vec<Row<'_>>| {
        let places: Vec<_> = group.iter().map(|row| row.place).collect();
        let places = match places.as_slice() {
            [place] => (*place).to_owned(),
            several => format!("{}: {}", count(several.len(), "place"), several.join(", ")),
        };
        let took = || group.iter().map(|row| row.took);
        let (least, most) = (took().min().unwrap_or_default(), took().max().unwrap_or_default());
        let (least, most) = (human(least), human(most));
        let took = if least == most { least } else { format!("{least} to {most}") };
        let mut cells = vec![Text::plain(places)];
        cells.extend(group[0].seen.iter().cloned());
        cells.push(Text::plain(took));
        cells
    };
    groups.into_iter().map(told).collect()
}

/// The certificates that a trial's checks were served, each chain once for each name that was asked
/// for; `None` when none came.
pub(crate) fn certificates<'a>(checks: impl Iterator<Item = &'a CheckResult>) -> Option<Table> {
    let mut served: Vec<(&TlsObservation, Vec<&str>)> = Vec::new();
    for placed in checks.flat_map(|check| &check.evidence.http) {
        let Some(tls) = placed.observation.tls.as_ref().filter(|tls| !tls.chain.is_empty()) else {
            continue;
        };
        let same = |known: &TlsObservation| {
            known.server_name == tls.server_name
                && known.trust == tls.trust
                && known.chain == tls.chain
        };
        let place = placed.place.as_str();
        match served.iter_mut().find(|(known, _)| same(known)) {
            Some((_, places)) if places.contains(&place) => {}
            Some((_, places)) => places.push(place),
            None => served.push((tls, vec![place])),
        }
    }
    let head = [
        "asked for",
        "certificate",
        "names",
        "issuer",
        "valid",
        "verified",
        "SHA-256",
        "served at",
    ];
    let rows: Vec<_> = served.iter().flat_map(|(tls, places)| chain(tls, places)).collect();
    (!rows.is_empty()).then(|| Table { head: head.map(ToOwned::to_owned).to_vec(), rows })
}

fn chain<'a>(
    tls: &'a TlsObservation,
    places: &'a [&'a str],
) -> impl Iterator<Item = Vec<Text>> + 'a {
    tls.chain.iter().enumerate().map(move |(index, certificate)| {
        let leaf = index == 0;
        let of_leaf = |text: Text| if leaf { text } else { Text::new(Tone::Quiet, "as above") };
        let place = match index {
            0 => format!("leaf: {}", or_dash(&certificate.subject)),
            _ => format!("{} above: {}", index, or_dash(&certificate.subject)),
        };
        let trust = trust(&tls.trust);
        vec![
            of_leaf(Text::plain(tls.server_name.as_deref().unwrap_or("no name"))),
            Text::plain(place),
            Text::plain(or_dash(&certificate.names.join(", "))),
            Text::plain(certificate.issuer.as_str()),
            Text::plain(format!("{} to {}", certificate.not_before, certificate.not_after)),
            of_leaf(Text::new(trust.tone, trust.words)),
            Text::plain(certificate.sha256.as_str()),
            of_leaf(Text::plain(format!(
                "{}: {}",
                count(places.len(), "place"),
                places.join(", ")
            ))),
        ]
    })
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn trust(trust: &Trust) -> Text {
    match trust {
        Trust::Verified => Text::new(Tone::Good, "verified"),
        Trust::Failed(reason) | Trust::OutOfDate(reason) => {
            Text::new(Tone::Bad, format!("not verified, {reason}"))
        }
        Trust::NoCertificate => Text::new(Tone::Bad, "no certificate"),
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::event::PlacedHttp;
    use gateproof_core::observation::{
        Certificate, HttpObservation, HttpOutcome, HttpResponse, HttpVersion, Timings,
        TlsObservation, Trust,
    };
    use gateproof_core::verdict::Verdict;

    use super::{certificates, requests};
    use crate::sample::{check, ms, place};

    fn served(node: usize, millis: u64, status: u16) -> PlacedHttp {
        let certificate = |subject: &str| Certificate {
            subject: subject.to_owned(),
            issuer: "CN=Root".to_owned(),
            names: vec!["hello.example.test".to_owned()],
            serial: "0a".to_owned(),
            not_before: "2026-01-01T00:00:00Z".to_owned(),
            not_after: "2027-01-01T00:00:00Z".to_owned(),
            sha256: "00ff".to_owned(),
        };
        PlacedHttp {
            place: place(node, 31443, "node port of 443"),
            observation: HttpObservation {
                dialled: "127.9.0.3:31443".parse().expect("a socket"),
                tls: Some(TlsObservation {
                    server_name: Some("hello.example.test".to_owned()),
                    version: Some("TLSv1.3".to_owned()),
                    alpn: None,
                    chain: vec![certificate("CN=hello"), certificate("CN=Middle")],
                    trust: Trust::Verified,
                }),
                outcome: HttpOutcome::Response(HttpResponse {
                    status,
                    version: HttpVersion::Http2,
                    headers: Vec::new(),
                    body: String::new(),
                    body_cut: false,
                    echo: None,
                }),
                timings: Timings { total: ms(millis), ..Timings::default() },
            },
        }
    }

    #[test]
    fn probes_that_saw_the_same_share_a_row_only_where_the_check_passed() {
        for (verdict, rows, columns) in [(Verdict::Passed, 2, 5), (Verdict::Failed, 3, 9)] {
            let mut https = check("https", "https", verdict);
            https.evidence.http = vec![served(0, 2, 200), served(1, 9, 503), served(2, 4, 200)];
            let table = requests(&https).expect("requests");
            assert_eq!(table.rows.len(), rows, "{table:?}");
            assert_eq!(table.head.len(), columns, "{table:?}");
            assert!(table.rows.iter().all(|row| row.len() == columns), "{table:?}");
        }
        assert_eq!(requests(&check("tcp", "tcp", Verdict::Passed)), None);
    }

    #[test]
    fn each_chain_is_told_once_with_all_places_that_served_it() {
        let mut https = check("https", "https", Verdict::Passed);
        https.evidence.http = vec![served(0, 2, 200), served(1, 9, 200), served(1, 9, 200)];
        let table = certificates([&https, &https].into_iter()).expect("certificates");
        let words: Vec<_> = table.rows.iter().map(|row| row[1].words.as_str()).collect();
        assert_eq!(words, ["leaf: CN=hello", "1 above: CN=Middle"]);
        assert!(table.rows[0][7].words.starts_with("2 places: worker 127"), "{table:?}");
        assert_eq!(certificates(std::iter::empty()), None);
    }
}
