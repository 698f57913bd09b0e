//! Octets as hexadecimal text.

use std::fmt::Write as _;

/// In lower case.
pub(crate) fn write(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").expect("writing to a String never fails");
        text
    })
}

/// What [`write`] wrote; `None` when the text is nothing of the kind.
pub(crate) fn read(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<Vec<_>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn what_is_written_can_be_read_and_nothing_else() {
        let octets = [0, 9, 0xaf, 255];
        assert_eq!(write(&octets), "0009afff");
        assert_eq!(read("0009afff").as_deref(), Some(&octets[..]));
        assert_eq!(read("").as_deref(), Some(&[][..]));
        for other in ["0", "0x", "é0", "00 "] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
