//! Which media types are read and which are answered.
//!
//! JSON, YAML and Kubernetes' protobuf are read; answers are JSON. A client that takes nothing but
//! protobuf is told so with 406.

use serde_json::Value;

use crate::api::error::{ApiError, Reason};
use crate::api::protobuf;

/// Reads a body by its media type; without one it is JSON.
pub(super) fn read(media_type: &str, body: &[u8]) -> Result<Value, ApiError> {
    match media_type.split(';').next().unwrap_or_default().trim() {
        "" | "*/*" | "application/json" => serde_json::from_slice(body).map_err(|error| {
            ApiError::bad_request(format!("the body of the request is not JSON: {error}"))
        }),
        "application/yaml" => {
            let text = std::str::from_utf8(body).map_err(|_| {
                ApiError::bad_request("the body of the request is not YAML: it is not UTF-8 text")
            })?;
            serde_saphyr::from_str(text).map_err(|error| {
                let error = error.without_snippet();
                ApiError::bad_request(format!("the body of the request is not YAML: {error}"))
            })
        }
        protobuf::MEDIA_TYPE => protobuf::decode(body).map_err(|error| {
            ApiError::bad_request(format!("the protobuf body cannot be read: {error}"))
        }),
        other => Err(ApiError::new(
            Reason::UnsupportedMediaType,
            format!(
                "the body of the request was in an unknown format (\"{other}\") - accepted media \
                 types include: application/json, application/yaml, {}",
                protobuf::MEDIA_TYPE
            ),
        )),
    }
}

/// Refuses a client that takes none of what this server writes.
pub(super) fn can_be_answered(accept: &str) -> Result<(), ApiError> {
    let taken = |media_type: &str| {
        let name = media_type.split(';').next().unwrap_or_default().trim();
        matches!(name, "" | "*/*" | "application/*" | "application/json" | "text/plain" | "text/*")
    };
    if accept.split(',').any(taken) {
        return Ok(());
    }
    Err(ApiError::new(
        Reason::NotAcceptable,
        "only the following media types are accepted: application/json",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{can_be_answered, read};

    #[test]
    fn bodies_are_read_by_their_media_type() {
        let yaml = b"metadata:\n  name: a\nspec: {replicas: 2}\n";
        let expected = json!({"metadata": {"name": "a"}, "spec": {"replicas": 2}});
        assert_eq!(read("application/yaml", yaml).expect("YAML"), expected);
        let json = expected.to_string();
        for media_type in ["", "application/json", "application/json; charset=utf-8"] {
            assert_eq!(read(media_type, json.as_bytes()).expect("JSON"), expected, "{media_type}");
        }
        for (media_type, body, code) in [
            ("application/json", &yaml[..], 400),
            ("application/yaml", b"a: [", 400),
            ("application/yaml", b"a: \xff", 400),
            ("application/vnd.kubernetes.protobuf", b"{}", 400),
            ("text/html", b"{}", 415),
            ("application/cbor", b"", 415),
        ] {
            let error = read(media_type, body).expect_err(media_type);
            assert_eq!(error.reason.code(), code, "{media_type}: {}", error.message);
        }
    }

    #[test]
    fn only_who_takes_no_json_at_all_is_refused() {
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/vnd.kubernetes.protobuf, */*",
            "application/vnd.kubernetes.protobuf,application/json",
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        ] {
            assert!(can_be_answered(accept).is_ok(), "{accept}");
        }
        for accept in ["application/vnd.kubernetes.protobuf", "application/yaml"] {
            assert_eq!(can_be_answered(accept).expect_err(accept).reason.code(), 406);
        }
    }
}
