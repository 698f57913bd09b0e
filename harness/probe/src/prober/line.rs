//! Lines of a stream, none longer than a limit.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The longest line: a body of 64 KiB in which every octet is escaped, and plenty of headers.
const LONGEST: usize = 8 * 1024 * 1024;

/// Reads lines; cancelling loses nothing.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    begun: Vec<u8>,
    longest: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), begun: Vec::new(), longest: LONGEST }
    }

    /// The next line without its end; `None` at the end of the stream. A last line without an end
    /// is one whose rest is missing, and an error.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let read = self.reader.fill_buf().await?;
            if read.is_empty() {
                return match self.begun.len() {
                    0 => Ok(None),
                    _ => Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the stream ended in the middle of a line",
                    )),
                };
            }
            let end = read.iter().position(|octet| *octet == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            if self.begun.len() + part.len() > self.longest {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a line is longer than {} bytes", self.longest),
                ));
            }
            self.begun.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str, longest: usize) -> (Vec<String>, Option<String>) {
        // Two octets at a time, so that lines come in parts.
        let reader = BufReader::with_capacity(2, text.as_bytes());
        let mut lines = Lines { reader, begun: Vec::new(), longest };
        let mut told = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => told.push(String::from_utf8(line).unwrap()),
                Ok(None) => return (told, None),
                Err(error) => return (told, Some(error.to_string())),
            }
        }
    }

    #[tokio::test]
    async fn lines_come_whole() {
        assert_eq!(read("", 9).await, (vec![], None));
        assert_eq!(read("one\n\nthree\n", 5).await.0, ["one", "", "three"]);
    }

    #[tokio::test]
    async fn half_a_line_and_an_endless_one_are_errors() {
        let (told, error) = read("one\ntw", 9).await;
        assert_eq!(told, ["one"]);
        assert!(error.unwrap().contains("middle of a line"));
        let (told, error) = read("one\nthree\n", 4).await;
        assert_eq!(told, ["one"]);
        assert!(error.unwrap().contains("longer than 4 bytes"));
    }
}
