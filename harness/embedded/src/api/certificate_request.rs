//! What cert-manager's webhook does to a new CertificateRequest: it writes down who asks, and
//! denies what is no certificate request (cert-manager `internal/webhook/admission`).

use k8s_openapi::ByteString;
use serde_json::Value;

use super::error::{ApiError, Reason};
use super::resources::Resource;

/// Who every client of this API is.
const USER: &str = "gateproof";

/// Admits a new object of this kind; leaves other kinds alone.
pub(in crate::api) fn admit(resource: &Resource, object: &mut Value) -> Result<(), ApiError> {
    if (resource.group, resource.kind) != ("cert-manager.io", "CertificateRequest") {
        return Ok(());
    }
    let request = object.pointer("/spec/request").cloned().unwrap_or_default();
    let octets = serde_json::from_value(request).map_or_else(|_| Vec::new(), |ByteString(o)| o);
    if !is_certificate_request(&octets) {
        return Err(ApiError::new(
            Reason::NotAcceptable,
            "admission webhook \"webhook.cert-manager.io\" denied the request: spec.request: \
             Invalid value: Failed to decode csr: error decoding certificate request PEM block",
        ));
    }
    object["spec"]["username"] = USER.into();
    Ok(())
}

fn is_certificate_request(octets: &[u8]) -> bool {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(octets) else { return false };
    pem.label.ends_with("CERTIFICATE REQUEST")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::{Value, json};

    use super::admit;
    use crate::api::resources::{Kind, all};

    fn admitted(text: &str) -> Result<Value, String> {
        let kind = Kind::new("cert-manager.io", "CertificateRequest");
        let resource = all().iter().find(|one| one.as_kind() == kind).expect("it is served");
        let request = serde_json::to_value(ByteString(text.as_bytes().to_vec())).expect("octets");
        let mut object = json!({"spec": {"request": request}});
        admit(resource, &mut object).map(|()| object).map_err(|error| error.message)
    }

    #[test]
    fn a_certificate_request_is_told_who_asks_and_garbage_is_denied() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let request = rcgen::CertificateParams::new(vec!["a.test".to_owned()])
            .and_then(|parameters| parameters.serialize_request(&key))
            .and_then(|request| request.pem())
            .expect("a request");
        assert_eq!(admitted(&request).expect("admitted")["spec"]["username"], "gateproof");
        for garbage in ["", "no certificate request", "-----BEGIN X-----\nAAAA\n-----END X-----\n"]
        {
            let denied = admitted(garbage).expect_err(garbage);
            assert!(denied.contains("denied the request"), "{denied}");
        }
    }
}
