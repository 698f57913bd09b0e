//! Takes secrets out of what people will see: objects, texts, values.
//!
//! The one home of redaction. Everything that comes out of a cluster or a folder goes through
//! here before it gets into a dossier, an event, a log or a report. Certificates are public and
//! stay; so do names, because a diagnosis without names is none. Where a harmless text has the
//! form of a secret it goes too: that is a small loss.
//!
//! [`object`] knows the shape of Kubernetes objects, [`values`] that of Helm values, [`told`]
//! that of observations, [`text`] only forms (PEM blocks, tokens, passwords in addresses).
//! [`Known`] remembers what they took out, for texts that show no form of it. Redacting twice
//! changes nothing more. The corpus in `tests/secrets` is tried on every output; a form that is
//! missed anywhere belongs there first.

#[cfg(test)]
mod corpus;
mod known;
mod name;
mod object;
mod secret;
mod text;

pub use known::{Known, Remover};
pub use name::is_secret;
pub use object::object;
pub use object::told;
pub use object::values;
pub use text::text;

/// What stands in the place of a secret.
pub const PLACEHOLDER: &str = "REDACTED";
