//! How patient a client is with an API that is slow or fails now and then.
//!
//! Every request has its own limit, and what may be repeated without doing something twice is
//! repeated a few times. Without patience a request is sent once, which is right for an API in
//! this process or on this machine.

use std::time::Duration;

use http::Method;

use crate::error::Cause;

/// Limits of single requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long an answer to one request may take.
    pub request: Duration,
    /// How often a request is sent at most.
    pub attempts: u32,
    /// Between the first two attempts; doubles from one to the next.
    pub pause: Duration,
}

/// What it comes to when a request is carried out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twice {
    /// To the same as once.
    SameAsOnce,
    /// To something else.
    Differs,
}

impl Twice {
    /// Only what creates differs; questions that are put as if they created something do not.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let asks = path.starts_with("/apis/authorization.k8s.io/");
        if *method == Method::POST && !asks { Self::Differs } else { Self::SameAsOnce }
    }
}

impl Patience {
    /// For a cluster that somebody else runs: an API server that answers one request in ten with
    /// an error still answers with high certainty within four.
    pub const EXISTING: Self =
        Self { request: Duration::from_secs(8), attempts: 5, pause: Duration::from_millis(100) };

    /// When a read that is not answered yet is sent once more beside what was sent `sent` times
    /// before, if no answer took longer than `slowest` so far; `None` when it is only waited for.
    /// So a request that got lost costs little, and one that is slow loses nothing.
    pub(crate) fn again_after(
        &self,
        sent: u32,
        method: &Method,
        slowest: Duration,
    ) -> Option<Duration> {
        const FIRST: Duration = Duration::from_millis(1500);
        const MOST: u32 = 3;
        let usual = FIRST.max(slowest * 3);
        let after = usual * 2_u32.saturating_pow(sent.saturating_sub(1));
        (*method == Method::GET && sent < MOST && after < self.request).then_some(after)
    }

    /// How long to wait before a request is sent again after so many attempts; `None` when this
    /// answer stands.
    ///
    /// Reading, applying and deleting twice comes to the same as doing it once. Creating does not:
    /// what was not answered may have happened, so only a refusal for want of capacity (429, before
    /// anything was done) is repeated.
    pub(crate) fn pause_after(
        &self,
        attempt: u32,
        twice: Twice,
        answer: &Cause,
    ) -> Option<Duration> {
        let passing = match answer {
            Cause::Unreachable(_) => twice == Twice::SameAsOnce,
            Cause::Rejected(refusal) if refusal.code == 429 => true,
            Cause::Rejected(refusal) => refusal.code >= 500 && twice == Twice::SameAsOnce,
            Cause::NotAnObject(_) | Cause::NotServed { .. } => false,
        };
        let doubled = self.pause * 2_u32.saturating_pow(attempt.saturating_sub(1).min(6));
        (passing && attempt < self.attempts).then_some(doubled)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;

    use super::{Patience, Twice};
    use crate::error::{Cause, Rejection};

    fn refused(code: u16) -> Cause {
        let (reason, message) = (String::new(), String::new());
        Cause::Rejected(Rejection { code, reason, message, problems: Vec::new() })
    }

    #[test]
    fn only_what_may_pass_and_does_nothing_twice_is_repeated() {
        let silent = || Cause::Unreachable("reset".to_owned());
        for (method, answer, repeated) in [
            (Method::GET, silent(), true),
            (Method::GET, refused(500), true),
            (Method::GET, refused(429), true),
            (Method::GET, refused(403), false),
            (Method::GET, refused(404), false),
            (Method::PATCH, refused(503), true),
            (Method::PATCH, refused(409), false),
            (Method::DELETE, silent(), true),
            (Method::POST, silent(), false),
            (Method::POST, refused(500), false),
            (Method::POST, refused(429), true),
        ] {
            let twice = Twice::of(&method, "/api/v1/namespaces");
            let pause = Patience::EXISTING.pause_after(1, twice, &answer);
            assert_eq!(pause.is_some(), repeated, "{method} {answer:?}");
        }
    }

    #[test]
    fn lost_requests_are_noticed_soon_unless_answers_are_slow() {
        for (sent, method, slowest, after) in [
            (1, Method::GET, 0, Some(1500)),
            (2, Method::GET, 0, Some(3000)),
            (3, Method::GET, 0, None),
            (1, Method::GET, 2000, Some(6000)),
            (1, Method::GET, 5000, None),
            (1, Method::PATCH, 0, None),
            (1, Method::POST, 0, None),
        ] {
            let slow = Duration::from_millis(slowest);
            let found = Patience::EXISTING.again_after(sent, &method, slow);
            assert_eq!(found, after.map(Duration::from_millis), "{sent} {method} {slowest}");
        }
    }

    #[test]
    fn questions_for_permissions_may_be_asked_again() {
        let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        assert_eq!(Twice::of(&Method::POST, reviews), Twice::SameAsOnce);
        assert_eq!(Twice::of(&Method::POST, "/apis/apps/v1/deployments"), Twice::Differs);
    }

    #[test]
    fn attempts_end_and_pauses_grow() {
        let patience = Patience {
            request: Duration::from_secs(1),
            attempts: 3,
            pause: Duration::from_millis(100),
        };
        let pauses: Vec<Option<Duration>> = (1..=3)
            .map(|attempt| patience.pause_after(attempt, Twice::SameAsOnce, &refused(500)))
            .collect();
        let millis = |count| Some(Duration::from_millis(count));
        assert_eq!(pauses, [millis(100), millis(200), None]);
    }
}
