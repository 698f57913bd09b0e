//! A story as lines of text, for the console and, without colour, for JUnit and Markdown.

use gateproof_core::verdict::FailureKind;

use super::{About, Group, Story};
use crate::layout::wrap::{clean, hang};
use crate::layout::{Page, Tone};
use crate::view::evidence;
use crate::view::trials::{shout, tone_of};

/// How much a story tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What is needed to act.
    Brief,
    /// What every probe saw as well.
    Full,
}

/// The story in lines that fit the page. The trial's name is in the heading, to copy.
pub(crate) fn tell(story: &Story<'_>, trial: &str, page: Page, detail: Detail) -> Vec<String> {
    let mut teller = Teller { page, lines: Vec::new() };
    let verdict = page.colour.paint(tone_of(story.verdict), &shout(story.verdict));
    teller.lines.push(format!("{verdict} {}", clean(trial)));
    match story.about {
        About::Check(check) => {
            teller.say("check", Tone::Heading, &check.check);
            teller.say("claim", Tone::Plain, &check.claim);
        }
        About::Step(step) => teller.say("step", Tone::Heading, step),
        About::Trial(reason) => teller.say("because", Tone::Plain, reason),
    }
    for group in &story.groups {
        teller.group(group);
    }
    if let About::Check(check) = story.about {
        if story.groups.is_empty() {
            teller.say("because", Tone::Plain, "the log gives no reason");
        }
        teller.say("written", Tone::Plain, &check.origin);
        if detail == Detail::Full {
            for (index, line) in evidence::lines(&check.evidence).iter().enumerate() {
                teller.say(if index == 0 { "probes" } else { "" }, Tone::Quiet, line);
            }
        }
    }
    teller.lines
}

struct Teller {
    page: Page,
    lines: Vec<String>,
}

impl Teller {
    fn group(&mut self, group: &Group<'_>) {
        let seen = match group.kind {
            FailureKind::Refuted => Tone::Bad,
            FailureKind::Undecided => Tone::Unsure,
        };
        self.say("expected", Tone::Plain, group.expected);
        self.say("seen", seen, group.seen);
        let places = group.places.join(", ");
        match group.extent.as_str() {
            "" => self.say("where", Tone::Plain, &places),
            extent => self.say("where", Tone::Plain, &format!("{extent}: {places}")),
        }
        for (index, hint) in group.hints.iter().enumerate() {
            let label = if index == 0 { "look at" } else { "" };
            self.say(label, Tone::Plain, &format!("{}. {hint}", index + 1));
        }
    }

    /// A label and a text that hangs beside it; an empty text says nothing.
    fn say(&mut self, label: &str, tone: Tone, text: &str) {
        let label = format!("  {label:<10}");
        for (index, line) in hang(&label, text, self.page.width).into_iter().enumerate() {
            let (margin, words) = line.split_at(label.len());
            let margin = if index == 0 {
                self.page.colour.paint(Tone::Quiet, margin)
            } else {
                margin.to_owned()
            };
            self.lines.push(format!("{margin}{}", self.page.colour.paint(tone, words)));
        }
    }
}
