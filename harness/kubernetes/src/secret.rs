//! What may be read out of a Secret: certificates, which are public.

use k8s_openapi::ByteString;
use serde_json::Value;

/// The certificates in one value of a Secret's `data`, as PEM text; `None` when there are none.
///
/// Everything in the value that is not a certificate, a private key above all, is left out.
pub fn certificates(secret: &Value, key: &str) -> Option<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let value = secret.get("data")?.get(key)?.clone();
    let ByteString(octets) = serde_json::from_value(value).ok()?;
    let text = String::from_utf8(octets).ok()?;
    let mut pem = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(BEGIN) {
        let end = rest[start..].find(END)? + start + END.len();
        pem.push_str(&rest[start..end]);
        pem.push('\n');
        rest = &rest[end..];
    }
    (!pem.is_empty()).then_some(pem)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::{Value, json};

    use super::certificates;

    fn secret(text: &str) -> Value {
        let value = serde_json::to_value(ByteString(text.as_bytes().to_vec())).expect("octets");
        json!({"data": {"tls.crt": value}})
    }

    #[test]
    fn a_chain_is_read_and_a_key_beside_it_is_left_out() {
        let block = |what: &str| format!("-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n");
        let certificate = block("CERTIFICATE");
        let text = format!("{certificate}{}{certificate}", block("PRIVATE KEY"));
        let read = certificates(&secret(&text), "tls.crt").expect("certificates");
        assert_eq!(read, format!("{certificate}{certificate}"));
    }

    #[test]
    fn what_holds_no_certificate_gives_none() {
        for text in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA"] {
            assert_eq!(certificates(&secret(text), "tls.crt"), None, "{text}");
        }
        assert_eq!(certificates(&json!({}), "tls.crt"), None);
    }
}
