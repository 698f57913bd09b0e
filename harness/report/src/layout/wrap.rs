//! Wrapping text into lines. Lines break at white space only: a name or address that is longer
//! than the line stays whole, so that it can be copied.

use console::measure_text_width;

/// How wide a text is on a terminal.
pub(crate) fn width_of(text: &str) -> usize {
    measure_text_width(text)
}

/// The width of the longest word.
pub(crate) fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(width_of).max().unwrap_or(0)
}

/// The text with control characters made visible: what a server answered must not move the
/// cursor of whoever reads about it. Tabs and line breaks become spaces.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' => cleaned.push(' '),
            // XML 1.0 has no place for the last two, however they are written.
            '\u{fffe}' | '\u{ffff}' => cleaned.extend(c.escape_unicode()),
            c if c.is_control() || is_deceptive(c) => cleaned.extend(c.escape_unicode()),
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// Characters that show nothing of their own and change how others are read: those that turn the
/// direction of text (Unicode Standard Annex 9), line separators, and invisible ones.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text in lines of at most this width, words longer than that excepted.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if width_of(line) + 1 + width_of(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text after a label, in lines; continuation lines are indented to where the text starts.
pub(crate) fn hang(label: &str, text: &str, width: usize) -> Vec<String> {
    let indent = width_of(label);
    let mut lines = wrap(text, width.saturating_sub(indent));
    for (index, line) in lines.iter_mut().enumerate() {
        *line = match index {
            0 => format!("{label}{line}"),
            _ => format!("{}{line}", " ".repeat(indent)),
        };
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{hang, wrap};

    #[test]
    fn lines_fit_and_long_words_stay_whole() {
        let long = "shared-gateway::host-network/cilium-1.20.2";
        assert_eq!(
            wrap(&format!("on {long} it  failed\nbadly"), 12),
            ["on", long, "it failed", "badly"]
        );
        assert_eq!(wrap("twelve chars", 12), ["twelve chars"]);
        assert!(wrap(" \n", 12).is_empty());
    }

    #[test]
    fn width_counts_columns_and_not_bytes() {
        assert_eq!(wrap("äöü äöü", 7), ["äöü äöü"]);
        assert_eq!(wrap("漢字 漢字", 8), ["漢字", "漢字"]);
    }

    #[test]
    fn control_codes_are_shown_and_not_sent() {
        assert_eq!(wrap("\u{1b}[2Jgone", 40), ["\\u{1b}[2Jgone"]);
        assert_eq!(wrap("a\u{202e}b\u{2066}c\u{feff}", 40), ["a\\u{202e}b\\u{2066}c\\u{feff}"]);
        assert_eq!(wrap("👩\u{200d}🚀 می\u{200c}خواهم", 40), ["👩\u{200d}🚀 می\u{200c}خواهم"]);
    }

    #[test]
    fn continuation_lines_hang_under_the_text() {
        assert_eq!(hang("  seen  ", "one two three", 15), ["  seen  one two", "        three"]);
    }
}
