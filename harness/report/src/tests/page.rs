//! The page: what it shows, that nothing gets out of its place, and that it stays usable.

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::Event;
use gateproof_core::finding::{Finding, UpstreamIssue};
use gateproof_core::verdict::{Failure, FailureKind, Verdict};

use super::report;
use crate::html;
use crate::sample::{self, HOST_NETWORK, Log};

#[test]
fn html_report() {
    insta::assert_snapshot!(html::render(&report(&sample::mixed())));
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let text = html::render(&report(&sample::mixed()));
    for fetched in ["<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "javascript:"]
    {
        assert!(!text.contains(fetched), "{fetched}");
    }
    for tag in text.split('<').filter_map(|tag| tag.split('>').next()) {
        let names: String = tag.split('"').step_by(2).collect();
        for attribute in [" on", " style="] {
            assert!(!names.contains(attribute), "{tag}");
        }
    }
}

/// Texts that try to leave their place, in every field of a run that comes from outside.
fn hostile(text: &str) -> Log {
    let finding = |one: Finding| Finding {
        title: text.to_owned(),
        subjects: vec![text.to_owned()],
        seen: one
            .seen
            .into_iter()
            .map(|seen| gateproof_core::finding::Seen { what: text.to_owned(), ..seen })
            .collect(),
        inferred: vec![text.to_owned()],
        remedy: vec![text.to_owned()],
        issues: vec![UpstreamIssue { reference: text.to_owned(), versions: text.to_owned() }],
        ..one
    };
    let mut check = sample::refused_on(&[0]);
    check.check = text.to_owned();
    check.claim = text.to_owned();
    check.origin = text.to_owned();
    check.evidence.tcp[0].place = text.to_owned();
    check.evidence.shares.insert(text.to_owned(), 1);
    check.failures = vec![Failure {
        kind: FailureKind::Refuted,
        expected: text.to_owned(),
        seen: text.to_owned(),
        place: text.to_owned(),
        hints: vec![text.to_owned()],
    }];
    let mut log = Log::of(ProviderKind::Existing, &[HOST_NETWORK])
        .cluster_up()
        .start(HOST_NETWORK)
        .awaiting(HOST_NETWORK, text, text)
        .check(HOST_NETWORK, check)
        .diagnosed(
            HOST_NETWORK,
            sample::findings().into_iter().map(finding).collect(),
            sample::unread(),
        )
        .verdict(HOST_NETWORK, Verdict::Failed, Some(text))
        .then(1, Event::Interrupted { cause: text.to_owned() })
        .end();
    if let Event::RunStarted { run, trials, .. } = &mut log.records[0].event {
        text.clone_into(run);
        text.clone_into(&mut trials[0].description);
    }
    log
}

/// Names of elements in their order, closing ones with a slash.
fn elements(text: &str) -> Vec<String> {
    let (before, rest) = text.split_once("<style>").expect("a style sheet");
    let (_, after) = rest.split_once("</style>").expect("its end");
    let without = [before, after].concat();
    let tags = without.split('<').skip(1);
    tags.map(|tag| tag.split([' ', '>']).next().expect("a name").to_owned()).collect()
}

#[test]
fn texts_stay_in_their_places() {
    let harmless = elements(&html::render(&report(&hostile("harmless"))));
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</td></tr></table></main><h1>PASSED</h1>",
        "</style><script>alert(1)</script>",
        "<!-- ",
        "]]> &lt;b&gt; &#60;b&#62;",
        "\u{0}\u{1b}[2J\u{7}\u{202e}desrever\u{2066}\u{200b}\u{feff}\u{ffff}",
    ] {
        let page = html::render(&report(&hostile(text)));
        assert_eq!(elements(&page), harmless, "{text}");
        let unseen = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(
                    c,
                    '\u{202a}'..='\u{202e}' | '\u{2066}' | '\u{200b}' | '\u{feff}' | '\u{ffff}'
                )
        };
        assert!(!page.contains(unseen), "{text:?}");
    }
}

#[test]
fn elements_are_closed_in_their_order() {
    for log in [sample::mixed(), sample::all_passed(), sample::truncated(), hostile("<b>")] {
        let mut open = Vec::new();
        for element in elements(&html::render(&report(&log))) {
            match element.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop().as_deref(), Some(closed)),
                None if matches!(element.as_str(), "meta" | "!DOCTYPE") => {}
                None => open.push(element),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    for log in [sample::mixed(), sample::all_passed(), Log::of(ProviderKind::Kind, &[]).end()] {
        let text = html::render(&report(&log));
        let targets: Vec<_> = text.split("href=\"#").skip(1).collect();
        assert!(targets.len() >= 3, "{}", targets.len());
        for target in targets {
            let id = target.split('"').next().expect("an id");
            assert_eq!(text.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
    }
}

#[test]
fn what_needs_eyes_is_open_and_among_many_trials_nothing_is() {
    let text = html::render(&report(&sample::mixed()));
    assert_eq!(text.matches("<details class=\"trial\" open").count(), 2);
    assert_eq!(text.matches("<details class=\"trial\"").count(), 4);
    let variants: Vec<_> = (0..1000).map(|index| format!("variant-{index}")).collect();
    let variants: Vec<_> = variants.iter().map(String::as_str).collect();
    let start = Log::of(ProviderKind::Embedded, &variants).cluster_up();
    let log = variants.iter().fold(start, |log, variant| {
        log.start(variant).check(variant, sample::refused_on(&[0, 1])).verdict(
            variant,
            Verdict::Failed,
            None,
        )
    });
    let text = html::render(&report(&log.end()));
    assert_eq!(text.matches("<details class=\"trial\"").count(), 1000, "none is left out");
    assert!(!text.contains("<details class=\"trial\" open"));
    assert!(text.len() < 12_000_000, "{}", text.len());
}

#[test]
fn issues_are_links_with_the_versions_they_are_about() {
    let text = html::render(&report(&sample::mixed()));
    let link = "<a href=\"https://github.com/cilium/cilium/issues/32873\" rel=\"noreferrer\">\
                cilium/cilium#32873</a>\n (every release), ";
    assert!(text.contains(link), "{text}");
}
