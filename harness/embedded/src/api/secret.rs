//! What an API server does to a Secret that is written: `stringData` becomes `data`.
//!
//! Keys and certificates are not looked at.

use serde_json::{Map, Value, json};

/// Moves `stringData` into `data`, base64-encoded, and fills in the type `Opaque`.
pub(super) fn encode_string_data(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    if let Some(Value::Object(texts)) = fields.remove("stringData") {
        let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
        if let Some(data) = data.as_object_mut() {
            for (key, text) in &texts {
                let encoded = base64(text.as_str().unwrap_or_default().as_bytes());
                data.insert(key.clone(), json!(encoded));
            }
        }
    }
    fields.entry("type").or_insert_with(|| json!("Opaque"));
}

/// Standard base64 with padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |position: usize| u32::from(chunk.get(position).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            if position <= chunk.len() {
                let index = bits >> (18 - 6 * position) & 0x3f;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{base64, encode_string_data};

    #[test]
    fn texts_become_data_and_win_over_data_of_the_same_key() {
        let mut secret =
            json!({"data": {"a": "b2xk", "b": "a2VwdA=="}, "stringData": {"a": "new"}});
        encode_string_data(&mut secret);
        assert_eq!(secret, json!({"data": {"a": "bmV3", "b": "a2VwdA=="}, "type": "Opaque"}));
        let mut typed = json!({"type": "kubernetes.io/tls", "data": {"tls.key": "eA=="}});
        let before = typed.clone();
        encode_string_data(&mut typed);
        assert_eq!(typed, before);
    }

    #[test]
    fn base64_follows_the_examples_of_its_specification() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
