//! Query strings and percent-encoding, read leniently: clients send empty parameters such as
//! `?&limit=500`.

/// The parameters of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    /// Reads a query string.
    pub(super) fn parse(text: &str) -> Self {
        let parameter = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self { parameters: pairs.map(parameter).collect() }
    }

    /// The first value of a parameter; empty when it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(parameter, _)| parameter == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name), "true" | "1")
    }
}

/// Decodes `%XX`; what is no valid code stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = code {
            decoded.push(high * 16 + low);
            rest = &tail[2..];
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{Query, decode};

    #[test]
    fn empty_parameters_are_skipped_and_values_decoded() {
        let query = Query::parse("?&limit=500&labelSelector=a%3Db%2Cc&watch=true&x=a+b&empty=");
        assert_eq!(query.get("limit"), "500");
        assert_eq!(query.get("labelSelector"), "a=b,c");
        assert_eq!(query.get("x"), "a b");
        assert_eq!(query.get("missing"), "");
        assert!(query.is_on("watch"));
        assert!(!query.is_on("empty"));
    }

    #[test]
    fn broken_codes_stay() {
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("a%2Fb"), "a/b");
    }
}
