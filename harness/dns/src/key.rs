//! The key that clients and server share.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::base::ToName;
use domain::tsig::{self, Key, KeyName, KeyStore};

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `hmac-sha1`.
    Sha1,
    /// `hmac-sha256`.
    Sha256,
    /// `hmac-sha512`.
    Sha512,
}

impl Algorithm {
    fn inner(self) -> tsig::Algorithm {
        match self {
            Self::Sha1 => tsig::Algorithm::Sha1,
            Self::Sha256 => tsig::Algorithm::Sha256,
            Self::Sha512 => tsig::Algorithm::Sha512,
        }
    }
}

/// A key with its name. Its secret is never shown.
#[derive(Clone)]
pub struct SharedKey(Arc<Key>);

/// Something is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Its name is no name in DNS.
    #[error("{0:?} is no name in DNS")]
    Name(String),
    /// Its secret is not in base64; the secret is not repeated.
    #[error("the secret of key {0:?} is not in base64")]
    Secret(String),
}

impl SharedKey {
    /// The key with this name and secret, which is in base64 as in BIND's files.
    ///
    /// # Errors
    /// When one of them is not what it should be.
    pub fn new(name: &str, algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        let key_name = KeyName::from_str(name).map_err(|_| KeyError::Name(name.to_owned()))?;
        let octets =
            STANDARD.decode(secret.trim()).map_err(|_| KeyError::Secret(name.to_owned()))?;
        let key = Key::new(algorithm.inner(), &octets, key_name, None, None)
            .expect("no bounds of the signature were asked for");
        Ok(Self(Arc::new(key)))
    }

    /// A new secret, in base64.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new_secret() -> Result<String, ring::error::Unspecified> {
        let random = ring::rand::generate::<[u8; 32]>(&ring::rand::SystemRandom::new())?;
        Ok(STANDARD.encode(random.expose()))
    }

    /// Its name, with a dot at the end.
    pub fn name(&self) -> String {
        self.0.name().fmt_with_dot().to_string()
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedKey").field(&self.name()).finish_non_exhaustive()
    }
}

impl AsRef<Key> for SharedKey {
    fn as_ref(&self) -> &Key {
        &self.0
    }
}

/// The keys that a server takes: one, or none.
#[derive(Debug, Clone)]
pub(crate) struct Keys(pub(crate) Option<SharedKey>);

impl KeyStore for Keys {
    type Key = SharedKey;

    fn get_key<N: ToName>(&self, name: &N, algorithm: tsig::Algorithm) -> Option<SharedKey> {
        let key = self.0.as_ref()?;
        (key.0.name().name_eq(name) && key.0.algorithm() == algorithm).then(|| key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, KeyError, SharedKey};

    #[test]
    fn a_key_shows_its_name_and_never_its_secret() {
        let secret = SharedKey::new_secret().expect("randomness");
        let key = SharedKey::new("trial", Algorithm::Sha256, &secret).expect("a key");
        assert_eq!(key.name(), "trial.");
        assert!(!format!("{key:?}").contains(&secret));
    }

    #[test]
    fn what_is_no_key_is_named_without_the_secret() {
        let of = |name: &str, secret: &str| {
            SharedKey::new(name, Algorithm::Sha512, secret).expect_err("no key")
        };
        assert_eq!(of("a..b", "c2VjcmV0"), KeyError::Name("a..b".to_owned()));
        let message = of("trial", "hunter2!").to_string();
        assert_eq!(message, "the secret of key \"trial\" is not in base64");
    }
}
