//! The end of a long text.

use std::collections::VecDeque;

/// Keeps the last octets of what is put in.
#[derive(Debug)]
pub(crate) struct Tail {
    limit: usize,
    octets: VecDeque<u8>,
    dropped: u64,
}

impl Tail {
    /// Keeps this many.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, octets: VecDeque::new(), dropped: 0 }
    }

    /// Puts octets at the end.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        let skipped = octets.len().saturating_sub(self.limit);
        let kept = &octets[skipped..];
        let excess = (self.octets.len() + kept.len()).saturating_sub(self.limit);
        self.octets.drain(..excess);
        self.octets.extend(kept);
        self.dropped += (skipped + excess) as u64;
    }

    /// What was kept, from the start of a line on, with a word about what was not; octets that are
    /// no UTF-8 are replaced.
    pub(crate) fn to_text(&self) -> String {
        let octets: Vec<u8> = self.octets.iter().copied().collect();
        let text = String::from_utf8_lossy(&octets);
        if self.dropped == 0 {
            return text.into_owned();
        }
        let whole = text.split_once('\n').map_or(&*text, |(_, rest)| rest);
        format!("[{} octets before this are left out]\n{whole}", self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    fn tail(limit: usize, pieces: &[&str]) -> String {
        let mut tail = Tail::new(limit);
        for piece in pieces {
            tail.push(piece.as_bytes());
        }
        tail.to_text()
    }

    #[test]
    fn a_short_text_is_kept_whole_and_a_long_one_from_a_line_on() {
        assert_eq!(tail(10, &["one\n", "two\n"]), "one\ntwo\n");
        assert_eq!(
            tail(10, &["one\n", "two\n", "three\n"]),
            "[4 octets before this are left out]\nthree\n"
        );
        assert_eq!(tail(3, &["abcdef\nxy"]), "[6 octets before this are left out]\nxy");
    }
}
