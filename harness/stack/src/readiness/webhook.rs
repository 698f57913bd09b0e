//! Whether cert-manager's webhook admits what it should and denies what it must, by two requests
//! that are only tried (`dryRun`).
//!
//! Pods that are available are not enough: the webhook makes its certificate by itself, and the
//! API server trusts it only once another component has copied the authority (cert-manager
//! `pkg/util/cmapichecker/cmapichecker.go`).

use gateproof_kubernetes::wait::unreadable;
use gateproof_kubernetes::{Cause, Client, Poll, RequestError};
use serde_json::{Value, json};

/// A certificate request for `readiness.gateproof.test`, in base64; its key was thrown away.
const REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIZU1JR0ZBZ0VBTUNNeElUQ\
WZCZ05WQkFNTUdISmxZV1JwYm1WemN5NW5ZWFJsY0hKdmIyWXVkR1Z6ZERCWgpNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NNNDlBd\
0VIQTBJQUJQQWtKMGk4WWxLalRreWhHMkdabVNIeVpzek93bndJCkc3L0NnOWY4WEZucUdWbXI2cWF4bUhrL1lrWTkxR2pNW\
ER5RXRWR0pWWDBGRHh3R2xtOUFNTEdnQURBS0JnZ3EKaGtqT1BRUURBZ05JQURCRkFpRUFzTFVsRnZjQ2FtNEdVMVRJci9sL\
2lOVUZwd3hGSTl3QTY2NTZRMk5lbU5BQwpJQ2hTaEgwbjhuSkh4RVJoVkRrSjl2Qjh6dWZHRFdyaWQ2cmo3dGFldi9iZgotL\
S0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K";

/// `no certificate request`, in base64.
const GARBAGE: &str = "bm8gY2VydGlmaWNhdGUgcmVxdWVzdA==";

/// Parts of the API's answer while the webhook comes up, and what they mean.
const MEANINGS: &[(&str, &str)] = &[
    ("certificate signed by unknown authority", "the API server does not trust it yet"),
    ("no endpoints available", "no pod of it is ready"),
    ("connection refused", "its pod does not listen yet"),
    ("not found", "its Service is not there"),
    ("deadline exceeded", "the API server cannot reach its pod"),
    ("i/o timeout", "the API server cannot reach its pod"),
    ("TLS handshake timeout", "the API server cannot reach its pod"),
];

/// Tries both requests.
pub(crate) async fn look(client: &Client, manager: &str) -> Poll<()> {
    match client.create_dry_run(&request(REQUEST), manager).await {
        Err(error) => return failed(&error),
        Ok(admitted) => {
            let user = admitted.pointer("/spec/username").and_then(Value::as_str);
            if user.is_none_or(str::is_empty) {
                return not_yet(
                    "cert-manager's webhook does not fill in who asks for a \
                                certificate; its configuration is missing",
                );
            }
        }
    }
    match client.create_dry_run(&request(GARBAGE), manager).await {
        Ok(_) => not_yet(
            "cert-manager's webhook lets a broken certificate request through; its \
                          configuration is missing",
        ),
        Err(error) if is_denial(&error) => Poll::Ready(()),
        Err(error) => failed(&error),
    }
}

fn request(text: &str) -> Value {
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {"name": "gateproof-readiness", "namespace": "cert-manager"},
        "spec": {
            "request": text,
            "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": "none"},
        },
    })
}

fn not_yet(missing: &str) -> Poll<()> {
    Poll::NotYet { missing: missing.to_owned() }
}

/// Whether the webhook itself said no, as against the API server not reaching it.
fn is_denial(error: &RequestError) -> bool {
    matches!(&error.cause, Cause::Rejected(rejection)
        if rejection.code < 500 && rejection.message.contains("denied the request"))
}

/// Trouble of a webhook that comes up is the API server's trouble (HTTP 500), and passes.
fn failed(error: &RequestError) -> Poll<()> {
    let words = error.cause.to_string();
    match MEANINGS.iter().find(|(part, _)| words.contains(part)) {
        Some((_, meaning)) if error.is_transient() => {
            not_yet(&format!("cert-manager's webhook does not answer: {meaning} ({words})"))
        }
        _ => unreadable(error),
    }
}

#[cfg(test)]
mod tests {
    use gateproof_kubernetes::{Cause, Operation, Poll, Rejection, RequestError};

    use super::{failed, is_denial};

    fn error(code: u16, message: &str) -> RequestError {
        RequestError {
            operation: Operation::Create,
            target: "CertificateRequest cert-manager/gateproof-readiness".to_owned(),
            origin: None,
            cause: Cause::Rejected(Rejection {
                code,
                reason: String::new(),
                message: message.to_owned(),
                problems: Vec::new(),
            }),
        }
    }

    #[test]
    fn a_denial_is_the_webhooks_own_word() {
        let denied =
            "admission webhook \"webhook.cert-manager.io\" denied the request: spec.request";
        assert!(is_denial(&error(403, denied)));
        assert!(!is_denial(&error(500, "failed calling webhook: denied the request")));
        assert!(!is_denial(&error(403, "certificaterequests is forbidden")));
    }

    #[test]
    fn a_webhook_that_comes_up_is_waited_for_and_missing_rights_are_not() {
        let coming =
            error(500, "failed calling webhook: x509: certificate signed by unknown authority");
        let Poll::NotYet { missing } = failed(&coming) else { panic!("it comes up") };
        assert!(missing.contains("does not trust it yet"), "{missing}");
        assert!(matches!(failed(&error(403, "forbidden")), Poll::Never { .. }));
    }
}
