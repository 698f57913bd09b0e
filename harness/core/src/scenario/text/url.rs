//! The URLs that requests are written with.
//!
//! Only what a request to a Gateway needs: scheme, host, port, path and query. The host is a name
//! for the Host header and SNI, never resolved.

use super::{FormatError, TextForm};

/// An `http://` or `https://` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// Whether the scheme is `https`.
    pub(crate) tls: bool,
    /// The host.
    pub(crate) host: String,
    /// The port, if it was written.
    pub(crate) port: Option<u16>,
    /// Path and query; `/` when nothing was written.
    pub(crate) path: String,
}

impl HttpUrl {
    /// The port that was written, or the scheme's own.
    pub(crate) fn effective_port(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 443 } else { 80 })
    }
}

impl TextForm for HttpUrl {
    const FORMAT: &'static str = "http-url";
    const PATTERN: &'static str = "^https?://[^/?#@ ]+([/?][^# ]*)?$";
    const EXAMPLE: &'static str = "http://hello.example.test/";

    fn parse(text: &str) -> Result<Self, FormatError> {
        let wrong = |note: &str| FormatError {
            expected: "a URL such as `http://hello.example.test/path`".to_owned(),
            note: if note.is_empty() { None } else { Some(note.to_owned()) },
        };
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err(wrong("the scheme must be http or https")),
        };
        if rest.contains(['#', '@']) || rest.contains(char::is_whitespace) {
            return Err(wrong("a fragment, credentials or blanks cannot be sent"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (
                    host,
                    Some(port.ok_or_else(|| wrong("the port must be a number from 1 to 65535"))?),
                )
            }
            None => (authority, None),
        };
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if host.is_empty() || !host.chars().all(fine) {
            return Err(wrong("the host must be a name of letters, digits, `-` and `.`"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, host: host.to_ascii_lowercase(), port, path })
    }
}

#[cfg(test)]
mod tests {
    use super::{HttpUrl, TextForm};

    #[test]
    fn parts_of_a_url_are_told_apart() {
        let url = HttpUrl::parse("https://A.example.test:8443/x?y=1").expect("a URL");
        assert_eq!(
            url,
            HttpUrl {
                tls: true,
                host: "a.example.test".into(),
                port: Some(8443),
                path: "/x?y=1".into()
            }
        );
        assert_eq!(HttpUrl::parse("http://a.test").expect("a URL").path, "/");
        assert_eq!(HttpUrl::parse("http://a.test?q").expect("a URL").path, "/?q");
        assert_eq!(HttpUrl::parse("http://a.test").expect("a URL").effective_port(), 80);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for text in
            ["http://u:p@a.test/", "http://a.test/#x", "http://a_b/", "http://a.test:99999/"]
        {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }
}
