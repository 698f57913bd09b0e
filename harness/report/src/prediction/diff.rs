//! The unified difference of two streams of objects, object by object.

use gateproof_core::cilium::CiliumVersion;
use gateproof_model::resources::identity;
use serde_json::Value;
use similar::TextDiff;

use super::ended;
use crate::console::Terminal;
use crate::layout::{Colour, Tone};
use crate::yaml;

/// Lines around a change.
const CONTEXT: usize = 3;

/// The difference; empty when there is none.
pub fn unified(
    (older, before): (&CiliumVersion, &[Value]),
    (newer, after): (&CiliumVersion, &[Value]),
    terminal: &Terminal,
) -> String {
    let find = |objects: &[Value], name: &str| {
        objects.iter().find(|object| identity(object) == name).map(yaml::document)
    };
    let mut names: Vec<String> = before.iter().map(identity).collect();
    names.extend(after.iter().map(identity).filter(|name| find(before, name).is_none()));
    let mut out = String::new();
    for name in names {
        let (old, new) = (find(before, &name), find(after, &name));
        let header = |version: &CiliumVersion, text: &Option<String>| match text {
            Some(_) => format!("Cilium {version}: {name}"),
            None => "/dev/null".to_owned(),
        };
        let headers = (header(older, &old), header(newer, &new));
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let diff = TextDiff::from_lines(old.as_str(), new.as_str());
        let text =
            diff.unified_diff().context_radius(CONTEXT).header(&headers.0, &headers.1).to_string();
        out.push_str(&painted(&text, terminal.colour));
    }
    out
}

fn painted(diff: &str, colour: Colour) -> String {
    let tone = |line: &str| match line {
        line if line.starts_with("---") || line.starts_with("+++") => Tone::Heading,
        line if line.starts_with('-') => Tone::Bad,
        line if line.starts_with('+') => Tone::Good,
        line if line.starts_with("@@") => Tone::Quiet,
        _ => Tone::Plain,
    };
    let lines: Vec<String> = diff.lines().map(|line| colour.paint(tone(line), line)).collect();
    ended(&lines)
}
