//! Connecting: the cluster of a context answers, or it is said in plain words why not.

mod authority;

use gateproof_kubernetes::{Access, AccessError, Cause, Client, Patience, Place, ReadError};

/// A cluster that answers.
#[derive(Clone)]
pub struct Connected {
    /// A client of it.
    pub client: Client,
    /// How it is called and where it is.
    pub place: Place,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected").field("place", &self.place).finish_non_exhaustive()
    }
}

/// No cluster was reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig leads nowhere: what was typed, or a file, is wrong.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// It leads to a server that does not answer, or not to us.
    #[error("{place} {what}\n  seen: {seen}\n  next: {next}")]
    NoAnswer {
        /// Which cluster.
        place: Box<Place>,
        /// What does not work, as the rest of a sentence.
        what: &'static str,
        /// What was seen.
        seen: String,
        /// What to do.
        next: &'static str,
    },
}

/// Connects, and hears whether anybody is there. `tell` hears the cluster's name and address
/// before anything is sent to it.
///
/// # Errors
/// When the kubeconfig or its context cannot be used, or the server does not answer.
pub async fn connect(
    access: &Access,
    tell: impl FnOnce(&Place),
) -> Result<Connected, ConnectError> {
    let (client, place) = access.connect(Patience::EXISTING).await?;
    tell(&place);
    match client.kubernetes_version().await {
        Ok(_) => Ok(Connected { client, place }),
        // Whoever may not ask for the version may still be allowed the rest.
        Err(error) if code(&error) == Some(403) => Ok(Connected { client, place }),
        Err(error) => {
            let (what, next) = explained(&error);
            let seen = match &place.credentials {
                Some(about) if is_about_credentials(&error) => format!("{}; {about}", error.cause),
                _ if words_of(&error).says(UNKNOWN_ISSUER) => {
                    format!("{}; {}", error.cause, authority::compared(&place).await)
                }
                _ => error.cause.to_string(),
            };
            Err(ConnectError::NoAnswer { place: Box::new(place), what, seen, next })
        }
    }
}

/// What a failure says, in lower case.
struct Words(String);

impl Words {
    fn says(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.0.contains(part))
    }
}

fn words_of(error: &ReadError) -> Words {
    Words(error.cause.to_string().to_lowercase())
}

/// An authority of another name, and one of the same name with another key, as a cluster has that was
/// made anew: kubeadm calls every authority `kubernetes`.
const UNKNOWN_ISSUER: &[&str] =
    &["unknownissuer", "unknown issuer", "self-signed", "selfsigned", "badsignature"];
/// How servers that verify client certificates themselves refuse one (RFC 8446, section 6).
const CLIENT_CERTIFICATE: &[&str] = &[
    "alert: certificateexpired",
    "alert: certificaterequired",
    "alert: certificateunknown",
    "alert: badcertificate",
    "alert: unknownca",
    "alert: accessdenied",
    "alert: decrypterror",
];

fn is_about_credentials(error: &ReadError) -> bool {
    code(error) == Some(401) || words_of(error).says(CLIENT_CERTIFICATE)
}

fn code(error: &ReadError) -> Option<u16> {
    match &error.cause {
        Cause::Rejected(refusal) => Some(refusal.code),
        Cause::NotAnObject(_) | Cause::NotServed { .. } | Cause::Unreachable(_) => None,
    }
}

/// What does not work, and what to do about it. Words of TLS and sockets are rustls' and the
/// system's own; what none of these rows knows is told as it is.
fn explained(error: &ReadError) -> (&'static str, &'static str) {
    if code(error) == Some(401) {
        return (
            "does not accept the credentials of this context",
            "a token or client certificate may have expired: log in again, and try `kubectl get --raw /version`",
        );
    }
    if code(error).is_some() {
        return (
            "answers with an error",
            "is this the address of a Kubernetes API, and is it well?",
        );
    }
    let words = words_of(error);
    let says = |parts: &[&str]| words.says(parts);
    if says(CLIENT_CERTIFICATE) {
        (
            "does not accept the client certificate of this context",
            "it may have expired, or be of another cluster: log in again, and look at this machine's clock",
        )
    } else if says(&["tunnel", "proxy", "socks"]) {
        (
            "cannot be reached through the proxy",
            "is `proxy-url` in the kubeconfig (or HTTPS_PROXY) right, does the proxy run, and may it connect to that server?",
        )
    } else if says(&["no credentials"]) {
        (
            "was not asked, because this context's credentials cannot be used",
            "look at the context's user in the kubeconfig (`users[].user`)",
        )
    } else if says(&["credential plugin"]) {
        (
            "was not asked, because this context's credentials cannot be had",
            "run the plugin that the kubeconfig names (`users[].user.exec`) by hand",
        )
    } else if says(&["certificate expired", "expired: verification", "certificateexpired"]) {
        (
            "shows a certificate that has expired",
            "renew the API server's certificate; if it is current, look at this machine's clock",
        )
    } else if says(&["not valid yet", "notvalidyet"]) {
        (
            "shows a certificate that does not hold yet",
            "look at this machine's clock, and at that of the API server",
        )
    } else if says(UNKNOWN_ISSUER) {
        (
            "shows a certificate that the kubeconfig's authority did not sign",
            "get a fresh kubeconfig: the cluster may have been made anew at the same address",
        )
    } else if says(&["notvalidforname", "not valid for name"]) {
        (
            "shows a certificate for another name",
            "compare `server` in the kubeconfig with the names of the API server's certificate, or set `tls-server-name`",
        )
    } else if says(&["dns", "lookup", "resolve"]) {
        ("has an address that cannot be looked up", "is the name right, and does it need a VPN?")
    } else if says(&["refused"]) {
        ("refuses connections", "is the API server up, and is the port right?")
    } else if says(&["none within", "timed out", "deadline", "timeout", "unreachable", "no route"])
    {
        (
            "cannot be reached from here",
            "is there a way from here to that address (VPN, firewall, bastion)?",
        )
    } else {
        ("gives no usable answer", "try `kubectl get --raw /version` with the same context")
    }
}

#[cfg(test)]
mod tests {
    use gateproof_kubernetes::{Cause, Operation, ReadError, Rejection};

    use super::explained;

    fn unreachable(words: &str) -> ReadError {
        error(Cause::Unreachable(words.to_owned()))
    }

    fn error(cause: Cause) -> ReadError {
        ReadError { operation: Operation::Get, target: "x".to_owned(), origin: None, cause }
    }

    #[test]
    fn every_way_not_to_connect_has_words_of_its_own() {
        let (reason, message) = ("Unauthorized".to_owned(), "Unauthorized".to_owned());
        let denied = Rejection { code: 401, reason, message, problems: Vec::new() };
        for (error, expected) in [
            (error(Cause::Rejected(denied)), "does not accept the credentials"),
            (
                unreachable("tcp connect error: Connection refused (os error 111)"),
                "refuses connections",
            ),
            (unreachable("none within 8 s"), "cannot be reached"),
            (
                unreachable("invalid peer certificate: certificate expired: verification time 1"),
                "has expired",
            ),
            (unreachable("invalid peer certificate: UnknownIssuer"), "authority did not sign"),
            (
                unreachable("invalid peer certificate: certificate not valid for name \"a\""),
                "another name",
            ),
            (unreachable("dns error: failed to lookup address information"), "cannot be looked up"),
            (
                unreachable("the credential plugin `aws` failed (exit status: 1): expired"),
                "credentials cannot be had",
            ),
            (unreachable("invalid peer certificate: certificate not valid yet: x"), "not hold yet"),
            (unreachable("received fatal alert: CertificateExpired"), "client certificate"),
            (unreachable("tunnel error: unsuccessful"), "through the proxy"),
            (unreachable("something else"), "no usable answer"),
        ] {
            let (what, next) = explained(&error);
            assert!(what.contains(expected), "{error}: {what}");
            assert!(!next.is_empty());
        }
    }
}
