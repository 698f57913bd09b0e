//! What a failed pull means: whether another try can help, and what else would.
//!
//! Registries and engines tell it in words alone; those below are from moby's
//! `distribution/errors.go`, distribution's `registry/api/errcode` and Docker Hub's own.

/// What a failed pull means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullFailure {
    /// There is no such image, or we may not see it.
    Absent,
    /// We are not allowed to have it.
    Denied,
    /// The registry has given us enough for now.
    RateLimited,
    /// The image exists for other platforms alone.
    OtherPlatform,
    /// The disk of the engine is full.
    DiskFull,
    /// The name is none.
    BadName,
    /// Something that may pass: the network, a busy registry.
    Passing,
}

impl PullFailure {
    /// Judges the words of a failed pull.
    pub fn of(words: &str) -> Self {
        let words = words.to_lowercase();
        let said = |any: &[&str]| any.iter().any(|word| words.contains(word));
        if said(&["toomanyrequests", "too many requests", "rate limit", "429"]) {
            return Self::RateLimited;
        }
        if said(&["no space left on device"]) {
            return Self::DiskFull;
        }
        if said(&["no matching manifest", "does not provide the specified platform"]) {
            return Self::OtherPlatform;
        }
        if said(&["repository does not exist", "manifest unknown", "name unknown"])
            || (said(&["manifest for"]) && said(&["not found"]))
            || said(&[": not found"])
        {
            return Self::Absent;
        }
        if said(&["unauthorized", "denied", "no basic auth credentials", "authentication required"])
        {
            return Self::Denied;
        }
        if said(&["invalid reference format", "repository name must be"]) {
            return Self::BadName;
        }
        Self::Passing
    }

    /// Whether another try can help.
    pub fn may_pass(self) -> bool {
        self == Self::Passing
    }

    /// What to do, as the end of a message.
    pub fn remedy(self, registry: &str) -> String {
        match self {
            Self::Absent => format!(
                "see that name, tag and digest are right; for an image that is not public, \
                 `docker login {registry}`"
            ),
            Self::Denied => format!("`docker login {registry}` with an account that may pull it"),
            Self::RateLimited => format!(
                "{registry} limits pulls: log in with `docker login {registry}`, wait, or use a \
                 mirror"
            ),
            Self::OtherPlatform => {
                "it does not exist for the platform of this engine; choose another tag".to_owned()
            }
            Self::DiskFull => {
                "free space where the engine keeps images, for instance with `docker system prune`"
                    .to_owned()
            }
            Self::BadName => "correct the name".to_owned(),
            Self::Passing => format!(
                "see that the engine reaches {registry}; without a network, load the images \
                 beforehand"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_pull_is_judged_by_its_words() {
        for (words, meaning) in [
            (
                "manifest for kindest/node:v9 not found: manifest unknown: manifest unknown",
                PullFailure::Absent,
            ),
            (
                "pull access denied for x/y, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                PullFailure::Absent,
            ),
            ("docker.io/library/nothing:latest: not found", PullFailure::Absent),
            (
                "unauthorized: access to the requested resource is not authorized",
                PullFailure::Denied,
            ),
            (
                "Head \"https://r.example.test/v2/a/manifests/1\": no basic auth credentials",
                PullFailure::Denied,
            ),
            ("toomanyrequests: You have reached your pull rate limit.", PullFailure::RateLimited),
            (
                "no matching manifest for linux/arm64/v8 in the manifest list entries",
                PullFailure::OtherPlatform,
            ),
            (
                "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
                PullFailure::DiskFull,
            ),
            ("invalid reference format: repository name must be lowercase", PullFailure::BadName),
            ("Get \"https://quay.io/v2/\": net/http: TLS handshake timeout", PullFailure::Passing),
            (
                "Get \"https://quay.io/v2/\": dial tcp: lookup quay.io: no such host",
                PullFailure::Passing,
            ),
            ("received unexpected HTTP status: 503 Service Unavailable", PullFailure::Passing),
            ("unexpected EOF", PullFailure::Passing),
        ] {
            assert_eq!(PullFailure::of(words), meaning, "{words}");
        }
    }
}
