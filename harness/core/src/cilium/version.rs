//! A Cilium version, as people write it.

use std::fmt;
use std::str::FromStr;

use semver::{Prerelease, Version};
use serde::{Deserialize, Serialize};

/// A Cilium version such as `1.20.2`, `1.21.0-pre.0` or `1.21-dev`.
///
/// `1.21-dev` stands for Cilium's main branch before 1.21 is cut and orders before every release
/// of 1.21. The text is kept as it was written; order and equality go by meaning.
#[derive(Debug, Clone)]
pub struct CiliumVersion {
    written: String,
    version: Version,
}

/// Text that is not a Cilium version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Cilium version; write major.minor.patch such as 1.20.2, or 1.21-dev")]
pub struct NotACiliumVersion(pub String);

impl CiliumVersion {
    /// The minor version: 20 for 1.20.2.
    pub fn minor(&self) -> u64 {
        self.version.minor
    }

    /// The patch version: 2 for 1.20.2.
    pub fn patch(&self) -> u64 {
        self.version.patch
    }

    /// Whether this is `1.<minor>.<patch>` or newer; pre-releases of that patch count as older,
    /// except that `-dev` and `-pre` builds of a *later* minor are newer than every release of
    /// the minors before it.
    pub fn is_at_least(&self, minor: u64, patch: u64) -> bool {
        self.version >= Version::new(1, minor, patch)
            || (self.version.minor == minor && patch == 0 && !self.version.pre.is_empty())
    }

    /// The version as semantic versioning sees it.
    pub fn as_semver(&self) -> &Version {
        &self.version
    }
}

impl FromStr for CiliumVersion {
    type Err = NotACiliumVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotACiliumVersion(text.to_owned());
        let bare = text.strip_prefix('v').unwrap_or(text);
        let version = match bare.strip_suffix("-dev") {
            Some(minor) => {
                let mut version = Version::parse(&format!("{minor}.0")).map_err(|_| wrong())?;
                version.pre = Prerelease::new("dev").map_err(|_| wrong())?;
                version
            }
            None => Version::parse(bare).map_err(|_| wrong())?,
        };
        if version.major != 1 {
            return Err(wrong());
        }
        Ok(Self { written: bare.to_owned(), version })
    }
}

impl fmt::Display for CiliumVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written)
    }
}

impl PartialEq for CiliumVersion {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
    }
}

impl Eq for CiliumVersion {}

impl PartialOrd for CiliumVersion {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CiliumVersion {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.version.cmp(&other.version)
    }
}

impl Serialize for CiliumVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for CiliumVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The newest release of each minor version that is known of (cilium/cilium releases and
/// cilium/charts, as far as they were looked at; newer ones may exist).
const NEWEST_KNOWN: &[(u64, u64)] = &[(16, 7), (17, 18), (18, 12), (19, 6), (20, 2)];

/// The newest known release of a minor version written alone, such as `1.20`.
pub fn newest_known(text: &str) -> Option<CiliumVersion> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let minor: u64 = bare.strip_prefix("1.")?.parse().ok()?;
    let (_, patch) = NEWEST_KNOWN.iter().find(|(known, _)| *known == minor)?;
    format!("1.{minor}.{patch}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::CiliumVersion;

    fn version(text: &str) -> CiliumVersion {
        text.parse().expect("a Cilium version")
    }

    #[test]
    fn development_versions_order_between_minors() {
        assert!(version("1.20.9") < version("1.21-dev"));
        assert!(version("1.21-dev") < version("1.21.0"));
        assert!(version("1.21-dev").is_at_least(21, 0));
        assert!(!version("1.20.1").is_at_least(20, 2));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "1.20", "latest", "2.0.0", "1.x.0"] {
            assert!(text.parse::<CiliumVersion>().is_err(), "{text}");
        }
    }
}
