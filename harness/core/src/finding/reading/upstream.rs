//! What Envoy says of backends that gave no answer.
//!
//! Seen with Envoy 1.40: `no healthy upstream` where a cluster has no endpoint that it may use;
//! `upstream connect error or disconnect/reset before headers. reset reason: …` where one gave no
//! answer; an empty 503 where the route's cluster is not there at all. HEAD brings no body, and its
//! length all the same, which tells the bodies apart. Releases before say why a connection was not
//! made behind `transport failure reason:`.

use crate::dossier::Dossier;
use crate::event::CheckResult;
use crate::observation::{HttpOutcome, HttpResponse};
use crate::verdict::Verdict;

use super::{Route, made_by_envoy};

/// What Envoy came to with a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::finding) enum Upstream {
    /// It knows no endpoint that it may use.
    NoEndpoint,
    /// It does not know the cluster that its route names.
    NoCluster,
    /// It could not connect to an endpoint.
    NotConnected,
    /// It could not come to terms with an endpoint over TLS.
    TlsFailed,
    /// The endpoint ended the connection without an answer.
    Closed,
    /// What the endpoint sent is not what Envoy speaks to it.
    NotItsProtocol,
}

/// A request of a check that failed, which Envoy answered itself because of a backend.
#[derive(Debug, Clone, Copy)]
pub(in crate::finding) struct Unanswered<'d> {
    pub(in crate::finding) check: &'d CheckResult,
    pub(in crate::finding) place: &'d str,
    pub(in crate::finding) answer: &'d HttpResponse,
    pub(in crate::finding) upstream: Upstream,
}

/// Such requests.
pub(in crate::finding) fn unanswered(dossier: &Dossier) -> Vec<Unanswered<'_>> {
    let failed = dossier.checks.iter().filter(|check| check.verdict == Verdict::Failed);
    failed
        .flat_map(|check| check.evidence.http.iter().map(move |placed| (check, placed)))
        .filter_map(|(check, placed)| {
            let HttpOutcome::Response(answer) = &placed.observation.outcome else { return None };
            let upstream = upstream(answer)?;
            Some(Unanswered { check, place: &placed.place, answer, upstream })
        })
        .collect()
}

impl Unanswered<'_> {
    /// Whether the check asked for a host of this route.
    pub(in crate::finding) fn concerns(&self, route: &Route<'_>) -> bool {
        let hosts = route.hostnames();
        hosts.is_empty()
            || hosts
                .iter()
                .any(|host| self.check.claim.contains(host.strip_prefix('*').unwrap_or(host)))
    }

    /// The answer in words, for what was seen.
    pub(in crate::finding) fn in_words(&self) -> String {
        let body = self.answer.body.trim();
        let length = self.answer.header("content-length");
        let what = match (body.is_empty(), length) {
            (false, _) => format!(": {body}"),
            (true, Some(length)) => format!(", body of {length} bytes not sent (HEAD)"),
            (true, None) => ", without a body".to_owned(),
        };
        format!("{} by Envoy at {}{what}", self.answer.status, self.place)
    }
}

const NO_ENDPOINT: &str = "no healthy upstream";
const REASON: &str = "reset reason: ";

/// What an answer of Envoy's own says of the backend.
pub(in crate::finding) fn upstream(answer: &HttpResponse) -> Option<Upstream> {
    if !made_by_envoy(answer) || !matches!(answer.status, 502 | 503) {
        return None;
    }
    let body = answer.body.trim();
    if body.is_empty() {
        return by_length(answer);
    }
    if body.contains(NO_ENDPOINT) {
        return Some(Upstream::NoEndpoint);
    }
    let (_, reason) =
        body.rsplit_once(REASON).or_else(|| body.rsplit_once("upstream connect error"))?;
    let reason = reason.to_lowercase();
    Some(if reason.contains("tls_error") || reason.contains("tls error") {
        Upstream::TlsFailed
    } else if reason.starts_with("connection termination") {
        Upstream::Closed
    } else if reason.starts_with("protocol error") {
        Upstream::NotItsProtocol
    } else if reason.starts_with("overflow") || reason.starts_with("remote reset") {
        return None;
    } else {
        Upstream::NotConnected
    })
}

/// By the length of a body that HEAD leaves out.
fn by_length(answer: &HttpResponse) -> Option<Upstream> {
    const FRAME: usize =
        "upstream connect error or disconnect/reset before headers. reset reason: ".len();
    let Some(length) = answer.header("content-length") else {
        return (answer.status == 503).then_some(Upstream::NoCluster);
    };
    let of = |reason: &str| FRAME + reason.len();
    let length: usize = length.parse().ok()?;
    match length {
        _ if length == NO_ENDPOINT.len() => Some(Upstream::NoEndpoint),
        _ if length == of("connection termination") => Some(Upstream::Closed),
        _ if length == of("protocol error") => Some(Upstream::NotItsProtocol),
        _ if length == of("connection failure") || length == of("remote connection failure") => {
            Some(Upstream::NotConnected)
        }
        _ if length > of("remote connection failure, transport failure reason: ") => {
            Some(Upstream::NotConnected)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Upstream, upstream};
    use crate::finding::fixture::answer;
    use crate::observation::HttpOutcome;

    #[test]
    fn answers_are_told_apart_by_their_bodies_and_by_the_lengths_of_those_not_sent() {
        let reset = "upstream connect error or disconnect/reset before headers. reset reason: ";
        let again = "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: ";
        let body = |reason: &str| format!("{reset}{reason}");
        let cases = [
            (503, "no healthy upstream".to_owned(), None, Some(Upstream::NoEndpoint)),
            (503, body("remote connection failure"), None, Some(Upstream::NotConnected)),
            (503, format!("{again}connection failure"), None, Some(Upstream::NotConnected)),
            (
                503,
                body(
                    "remote connection failure, transport failure reason: delayed connect error: 111",
                ),
                None,
                Some(Upstream::NotConnected),
            ),
            (
                503,
                body(
                    "remote connection failure, transport failure reason: TLS_error:|268435581:SSL routines",
                ),
                None,
                Some(Upstream::TlsFailed),
            ),
            (503, body("connection termination"), None, Some(Upstream::Closed)),
            (502, body("protocol error"), None, Some(Upstream::NotItsProtocol)),
            (503, body("overflow"), None, None),
            (503, "something else".to_owned(), None, None),
            (503, String::new(), Some("19"), Some(Upstream::NoEndpoint)),
            (503, String::new(), Some("98"), Some(Upstream::NotConnected)),
            (503, String::new(), Some("95"), Some(Upstream::Closed)),
            (502, String::new(), Some("87"), Some(Upstream::NotItsProtocol)),
            (503, String::new(), Some("152"), Some(Upstream::NotConnected)),
            (503, String::new(), None, Some(Upstream::NoCluster)),
            (503, String::new(), Some("33"), None),
            (404, String::new(), None, None),
        ];
        for (status, body, length, wanted) in cases {
            let headers: Vec<(&str, &str)> =
                length.map(|length| ("content-length", length)).into_iter().collect();
            let placed = answer(status, &body, &headers);
            let HttpOutcome::Response(answer) = placed.observation.outcome else {
                panic!("an answer")
            };
            assert_eq!(upstream(&answer), wanted, "{status} {body} {length:?}");
        }
        let backends = answer(503, "", &[("x-envoy-upstream-service-time", "1")]);
        let HttpOutcome::Response(backends) = backends.observation.outcome else { panic!("one") };
        assert_eq!(upstream(&backends), None, "a backend's own answer");
    }
}
