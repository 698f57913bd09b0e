//! Images of an engine, as values.

use std::collections::BTreeMap;
use std::fmt;

/// An image as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageState {
    /// The engine's id, `sha256:…`.
    pub id: String,
    /// Names with tags.
    pub tags: Vec<String>,
    /// Names with digests, of where it was pulled from.
    pub digests: Vec<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Its size in bytes.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// In Go's words, such as `amd64`.
    pub architecture: String,
    /// Such as `v8`; empty for most.
    pub variant: String,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

/// How far a pull is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullProgress {
    /// Bytes fetched of the layers that are known by now.
    pub fetched: u64,
    /// Bytes of the layers that are known by now; grows while layers become known.
    pub total: u64,
    /// The engine's latest word, such as `Downloading` or `Extracting`.
    pub status: String,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// Credentials for one registry. What they hold is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that identifies the user to the registry's login service.
    IdentityToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password(…)",
            Self::IdentityToken(_) => "IdentityToken(…)",
        })
    }
}
