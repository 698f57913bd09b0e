//! Lists in pages: `limit`, `continue` and what the metadata of a list says about the rest.
//!
//! All pages of a list show the same revision. An earlier one is worked out from the changes since,
//! so a token lives as long as the history that a watch could start from; then it is answered with
//! 410 and clients list again (kubernetes/kubernetes v1.33:
//! `staging/src/k8s.io/apiserver/pkg/storage/{continue.go,etcd3/store.go}`). Unlike there, the
//! answer holds no second token for an inconsistent rest.

use std::sync::Arc;

use serde_json::{Value, json};

use super::query::Query;
use super::route::Place;
use super::watch;
use crate::api::error::{ApiError, Reason};
use crate::api::object::ObjectName;
use crate::api::selector::Selector;
use crate::api::store::Store;

/// Objects of a list and what its metadata says.
pub(super) struct Page {
    /// The objects.
    pub(super) objects: Vec<Arc<Value>>,
    /// About the list.
    pub(super) standing: Standing,
}

/// Where a list stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    revision: u64,
    /// The token for the next page.
    next: Option<String>,
    /// How many objects come after this page; unknown for a list that chooses.
    remaining: Option<usize>,
}

impl Standing {
    /// A list that is complete.
    pub(super) fn complete(revision: u64) -> Self {
        Self { revision, next: None, remaining: None }
    }

    /// `ListMeta`.
    pub(super) fn metadata(&self) -> Value {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if let Some(next) = &self.next {
            metadata["continue"] = json!(next);
        }
        if let Some(remaining) = self.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        metadata
    }
}

/// The page that a request asks for.
pub(super) fn of(
    store: &Store,
    query: &Query,
    place: &Place,
    selector: &Selector,
) -> Result<Page, ApiError> {
    let limit = limit(query)?;
    let after = Token::of(query)?;
    let kind = place.resource.as_kind();
    let namespace = place.namespace.as_deref();
    let wanted = watch::starting_revision(store, query.get("resourceVersion"))?;
    let exact = match (&after, wanted) {
        (Some(token), None) => Some(token.revision),
        (Some(_), Some(_)) => {
            let message = "specifying resource version is not allowed when using continue";
            return Err(ApiError::bad_request(message));
        }
        (None, Some(wanted)) if query.get("resourceVersionMatch") == "Exact" => Some(wanted),
        (None, _) => None,
    };
    let (mut objects, revision) = match exact {
        Some(revision) => {
            let objects = store.snapshot_at(&kind, namespace, revision);
            (objects.map_err(|oldest| expired(after.is_some(), revision, oldest.oldest))?, revision)
        }
        None => store.snapshot(&kind, namespace),
    };
    if let Some(token) = &after {
        let start =
            objects.partition_point(|object| ObjectName::of(object) <= Some(token.last.clone()));
        objects.drain(..start);
    }
    objects.retain(|object| selector.matches(object));
    let mut standing = Standing::complete(revision);
    if let Some(limit) = limit
        && objects.len() > limit
    {
        let rest = objects.len() - limit;
        objects.truncate(limit);
        let last = objects.last().and_then(|object| ObjectName::of(object));
        let last = last.expect("a page is not empty and stored objects have a name");
        standing.next = Some(Token { revision, last }.text());
        standing.remaining = (!selector.chooses()).then_some(rest);
    }
    Ok(Page { objects, standing })
}

/// The largest number of objects; a list that may be of any age comes whole.
fn limit(query: &Query) -> Result<Option<usize>, ApiError> {
    let text = query.get("limit");
    if text.is_empty() {
        return Ok(None);
    }
    let limit: usize = text.parse().map_err(|_| {
        ApiError::bad_request(format!("invalid limit \"{text}\": expected a number such as 500"))
    })?;
    Ok((limit > 0 && query.get("resourceVersion") != "0").then_some(limit))
}

fn expired(continued: bool, revision: u64, oldest: u64) -> ApiError {
    if !continued {
        return watch::expired(revision, oldest);
    }
    let message = "The provided continue parameter is too old to display a consistent list \
                   result. You can start a new list without the continue parameter.";
    ApiError::new(Reason::Expired, message)
}

/// What `continue` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    /// The revision of the list.
    revision: u64,
    /// The last object that the client has.
    last: ObjectName,
}

impl Token {
    /// The token of a request; `None` when it has none.
    fn of(query: &Query) -> Result<Option<Self>, ApiError> {
        let text = query.get("continue");
        if text.is_empty() {
            return Ok(None);
        }
        let token = Self::parse(text).ok_or_else(|| {
            ApiError::bad_request(format!(
                "continue key is not valid: `{text}`: expected a token of an earlier page"
            ))
        })?;
        Ok(Some(token))
    }

    /// Hexadecimal, so that nobody takes it for more than a token and no URL has to encode it.
    fn text(&self) -> String {
        let plain = format!("{}/{}", self.revision, self.last);
        let digits = plain.bytes().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let digit = |digit| char::from_digit(u32::from(digit), 16);
        digits.map(|one| digit(one).expect("half a byte is a digit")).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let plain = String::from_utf8(bytes?).ok()?;
        let (revision, name) = plain.split_once('/')?;
        let last = match name.split_once('/') {
            Some((namespace, name)) => ObjectName::namespaced(namespace, name),
            None => ObjectName::cluster(name),
        };
        Some(Self { revision: revision.parse().ok()?, last })
    }
}

#[cfg(test)]
mod tests {
    use super::Token;
    use crate::api::object::ObjectName;

    #[test]
    fn tokens_are_read_as_they_are_written() {
        for last in [ObjectName::namespaced("apps", "a"), ObjectName::cluster("worker")] {
            let token = Token { revision: 17, last };
            assert_eq!(Token::parse(&token.text()), Some(token));
        }
        for broken in ["x", "313", "2f61", "zz", "äö"] {
            assert_eq!(Token::parse(broken), None, "{broken}");
        }
    }
}
