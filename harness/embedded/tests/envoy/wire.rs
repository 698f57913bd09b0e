//! HTTP/1 as bytes: just enough to read heads and bodies without changing anything in them.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// A stream with what was read ahead.
#[derive(Debug)]
pub(crate) struct Reader<S> {
    stream: S,
    ahead: Vec<u8>,
}

/// A body and its trailers.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether it ended as its framing says.
    pub(crate) complete: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    pub(crate) fn inner(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Reads more; false at the end.
    pub(crate) async fn more(&mut self) -> std::io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.ahead).await? > 0)
    }

    /// Whether the stream begins with these bytes.
    pub(crate) async fn begins_with(&mut self, bytes: &[u8]) -> bool {
        while self.ahead.len() < bytes.len() {
            let common = self.ahead.len();
            if self.ahead != bytes[..common] || !self.more().await.unwrap_or(false) {
                return false;
            }
        }
        self.ahead.starts_with(bytes)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.more().await.ok()? {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < length {
            if !self.more().await.ok()? {
                return None;
            }
        }
        Some(self.ahead.drain(..length).collect())
    }

    /// Everything to the end of the stream.
    async fn rest(&mut self) -> (Vec<u8>, bool) {
        loop {
            match self.more().await {
                Ok(true) => {}
                Ok(false) => return (std::mem::take(&mut self.ahead), true),
                Err(_) => return (std::mem::take(&mut self.ahead), false),
            }
        }
    }

    async fn fields(&mut self) -> Option<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(fields);
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    async fn chunked(&mut self) -> Body {
        let mut body = Body::default();
        let ended = async {
            loop {
                let size = self.line().await?;
                let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
                if size == 0 {
                    body.trailers = self.fields().await?;
                    return Some(());
                }
                body.bytes.extend(self.exactly(size).await?);
                self.exactly(2).await?;
            }
        };
        body.complete = ended.await.is_some();
        if !body.complete {
            body.bytes.append(&mut self.ahead);
        }
        body
    }

    async fn counted(&mut self, length: usize) -> Body {
        match self.exactly(length).await {
            Some(bytes) => Body { bytes, complete: true, ..Body::default() },
            None => Body { bytes: std::mem::take(&mut self.ahead), ..Body::default() },
        }
    }
}

impl Reader<tokio::net::TcpStream> {
    /// The stream from its first unread byte on.
    pub(crate) fn into_stream(self) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
        let (reader, writer) = self.stream.into_split();
        tokio::io::join(std::io::Cursor::new(self.ahead).chain(reader), writer)
    }
}

/// The first line and the fields of a message.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    pub(crate) async fn read<S: AsyncRead + AsyncWrite + Unpin>(
        stream: &mut Reader<S>,
    ) -> Option<Self> {
        let first = stream.line().await?;
        Some(Self { first, fields: stream.fields().await? })
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn is_chunked(&self) -> bool {
        self.field("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked"))
    }

    /// The body of a request; `None` when it breaks off.
    pub(crate) async fn request_body<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut Reader<S>,
    ) -> Option<Body> {
        let body = if self.is_chunked() {
            stream.chunked().await
        } else {
            let length = self.field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            stream.counted(length).await
        };
        body.complete.then_some(body)
    }

    /// The body of a response.
    pub(crate) async fn response_body<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut Reader<S>,
        method: &str,
    ) -> Body {
        let status = self.first.split(' ').nth(1).unwrap_or_default();
        if method == "HEAD" || status == "204" || status == "304" {
            return Body { complete: true, ..Body::default() };
        }
        if self.is_chunked() {
            return stream.chunked().await;
        }
        let length = self.field("content-length").and_then(|length| length.parse().ok());
        let Some(length) = length else {
            let (bytes, complete) = stream.rest().await;
            return Body { bytes, complete, ..Body::default() };
        };
        stream.counted(length).await
    }
}
