//! A line of a terminal's output as plain text.

/// The text of a line: without line break, carriage returns, colours and other terminal codes.
///
/// What systemd and kubeadm write to a terminal is full of them; a pattern for readiness must see
/// the words alone.
pub fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => skip_code(&mut chars),
            '\t' => out.push('\t'),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// Skips an escape sequence after its first character (ECMA-48): a control sequence ends with a
/// character from `@` to `~`, a command string with BEL or `ESC \`, anything else is one character
/// after intermediates.
fn skip_code(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('[') => {
            for char in chars.by_ref() {
                if ('@'..='~').contains(&char) {
                    return;
                }
            }
        }
        Some(']' | 'P' | '^' | '_' | 'X') => {
            while let Some(char) = chars.next() {
                if char == '\u{7}' {
                    return;
                }
                if char == '\u{1b}' {
                    // The backslash of the terminator.
                    chars.next();
                    return;
                }
            }
        }
        Some(' '..='/') => {
            for char in chars.by_ref() {
                if !(' '..='/').contains(&char) {
                    return;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_terminal_becomes_its_words() {
        for (line, words) in [
            ("plain", "plain"),
            ("with break\r\n", "with break"),
            (
                "[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \u{1b}[0;1;39mMulti-User System\u{1b}[0m.\r\n",
                "[  OK  ] Reached target Multi-User System.",
            ),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bcharset", "charset"),
            ("a\tb", "a\tb"),
            ("cut off \u{1b}[3", "cut off "),
            ("bell\u{7}", "bell"),
        ] {
            assert_eq!(plain(line.as_bytes()), words, "{line:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_end_a_line() {
        assert_eq!(plain(b"a\xffb\n"), "a\u{fffd}b");
    }
}
