//! Releases of Cilium that a rule or an issue is about.
//!
//! A rule for some releases does not fire on others. Where the release is not known it may fire,
//! less sure of itself, and says so ([`super::Firing::on`]).

use std::fmt;

use crate::cilium::CiliumVersion;

/// Releases of Cilium 1, as spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Releases(pub &'static [Span]);

/// A span of releases of Cilium 1, as (minor, patch); the end is excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first release.
    pub from: (u64, u64),
    /// The first release after it.
    pub before: Option<(u64, u64)>,
}

/// Every release.
pub const EVERY: Releases = Releases(&[since(0, 0)]);

/// The releases before 1.20.
pub const BEFORE_1_20: Releases = Releases(&[before(20, 0)]);

/// A release and all after it.
pub const fn since(minor: u64, patch: u64) -> Span {
    Span { from: (minor, patch), before: None }
}

/// The releases before one.
pub const fn before(minor: u64, patch: u64) -> Span {
    Span { from: (0, 0), before: Some((minor, patch)) }
}

/// From one release to before another.
pub const fn between(from: (u64, u64), before: (u64, u64)) -> Span {
    Span { from, before: Some(before) }
}

impl Releases {
    /// Whether a version is among them.
    pub fn hold(self, version: &CiliumVersion) -> bool {
        self.0.iter().any(|span| {
            version.is_at_least(span.from.0, span.from.1)
                && span.before.is_none_or(|(minor, patch)| !version.is_at_least(minor, patch))
        })
    }
}

impl fmt::Display for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, span) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{span}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = |(minor, patch): (u64, u64)| match patch {
            0 => format!("1.{minor}"),
            patch => format!("1.{minor}.{patch}"),
        };
        match (self.from, self.before) {
            ((0, 0), None) => f.write_str("every release"),
            (from, None) => write!(f, "{} and later", release(from)),
            ((0, 0), Some(before)) => write!(f, "before {}", release(before)),
            (from, Some((minor, patch))) if patch > 0 && (minor, patch - 1) == from => {
                write!(f, "1.{}.{}", from.0, from.1)
            }
            (from, Some((minor, patch))) if patch > 0 => {
                write!(f, "1.{}.{} to 1.{minor}.{}", from.0, from.1, patch - 1)
            }
            (from, Some(before)) => {
                write!(f, "1.{}.{} to before {}", from.0, from.1, release(before))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EVERY, Releases, before, between, since};

    #[test]
    fn releases_read_as_people_write_them_and_hold_what_they_say() {
        const CASES: &[(Releases, &str, &[&str], &[&str])] = &[
            (EVERY, "every release", &["1.14.0", "1.21-dev"], &[]),
            (Releases(&[since(18, 3)]), "1.18.3 and later", &["1.18.3", "1.19.0"], &["1.18.2"]),
            (Releases(&[before(16, 0)]), "before 1.16", &["1.15.9"], &["1.16.0"]),
            (
                Releases(&[between((18, 3), (18, 12)), between((19, 0), (19, 6))]),
                "1.18.3 to 1.18.11, 1.19.0 to 1.19.5",
                &["1.18.11", "1.19.0"],
                &["1.18.12", "1.19.6", "1.18.2"],
            ),
            (Releases(&[between((20, 1), (20, 2))]), "1.20.1", &["1.20.1"], &["1.20.0"]),
            (
                Releases(&[between((16, 0), (18, 0))]),
                "1.16.0 to before 1.18",
                &["1.17.9"],
                &["1.18.0"],
            ),
        ];
        for (releases, words, inside, outside) in CASES {
            assert_eq!(releases.to_string(), *words);
            for version in *inside {
                assert!(releases.hold(&version.parse().expect("a version")), "{words}: {version}");
            }
            for version in *outside {
                assert!(!releases.hold(&version.parse().expect("a version")), "{words}: {version}");
            }
        }
    }
}
