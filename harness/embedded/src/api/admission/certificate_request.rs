//! What cert-manager's webhook does to CertificateRequests: fills in who asks, and denies what is
//! no certificate request (cert-manager 1.21 `internal/webhook/admission/certificaterequest`).
//! Everybody here is the administrator.

use k8s_openapi::ByteString;
use serde_json::{Value, json};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;

use crate::api::error::{ApiError, Reason};

/// Completes a new request, or says why it is denied.
pub(super) fn admit(object: &mut Value) -> Result<(), ApiError> {
    let denied = |why: &str| {
        ApiError::new(
            Reason::Forbidden,
            format!(
                "admission webhook \"webhook.cert-manager.io\" denied the request: spec.request: \
                 Invalid value: {why}"
            ),
        )
    };
    let text = object.pointer("/spec/request").cloned().unwrap_or_default();
    let octets = serde_json::from_value::<ByteString>(text)
        .map_err(|error| denied(&format!("no base64: {error}")))?;
    let (_, pem) = parse_x509_pem(&octets.0)
        .map_err(|_| denied("error decoding certificate request PEM block"))?;
    X509CertificationRequest::from_der(&pem.contents)
        .map_err(|error| denied(&format!("error parsing request: {error}")))?;
    object["spec"]["username"] = "kubernetes-admin".into();
    object["spec"]["groups"] = json!(["kubeadm:cluster-admins", "system:authenticated"]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::admit;
    use crate::api::base64;

    fn admitted(text: &str) -> Result<Value, String> {
        let mut object = json!({"spec": {"request": base64(text.as_bytes())}});
        admit(&mut object).map(|()| object).map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_is_told_whose_it_is_and_anything_else_is_denied() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key);
        let pem = request.and_then(|request| request.pem()).expect("a request");
        let object = admitted(&pem).expect("admitted");
        assert_eq!(object["spec"]["username"], "kubernetes-admin");
        for text in ["no certificate request", "", "-----BEGIN X-----\nAAAA\n-----END X-----\n"] {
            let words = admitted(text).expect_err("denied");
            assert!(words.contains("denied the request: spec.request"), "{words}");
        }
    }
}
