//! Values that live as long as the process, for kinds that come with definitions.
//!
//! Kinds are few and are referred to everywhere, so they are never freed. Equal ones are the same
//! value: applying a definition again costs nothing.

use std::sync::{Mutex, PoisonError};

use super::Resource;

/// A text.
pub(in crate::api) fn lasting_text(text: &str) -> &'static str {
    static KNOWN: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = known.iter().find(|one| **one == text) {
        return same;
    }
    let text: &'static str = Box::leak(text.into());
    known.push(text);
    text
}

/// A list of texts.
pub(in crate::api) fn lasting_texts(texts: &[String]) -> &'static [&'static str] {
    static KNOWN: Mutex<Vec<&'static [&'static str]>> = Mutex::new(Vec::new());
    let texts: Vec<&'static str> = texts.iter().map(|text| lasting_text(text)).collect();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = known.iter().find(|one| **one == texts) {
        return same;
    }
    let texts: &'static [&'static str] = Box::leak(texts.into());
    known.push(texts);
    texts
}

/// A kind.
pub(in crate::api) fn lasting_resource(resource: Resource) -> &'static Resource {
    static KNOWN: Mutex<Vec<&'static Resource>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = known.iter().find(|one| ***one == resource) {
        return same;
    }
    let resource: &'static Resource = Box::leak(Box::new(resource));
    known.push(resource);
    resource
}

#[cfg(test)]
mod tests {
    use super::{lasting_text, lasting_texts};

    #[test]
    fn equal_values_are_the_same_value() {
        assert!(std::ptr::eq(lasting_text("some.example"), lasting_text("some.example")));
        let list = ["a".to_owned(), "b".to_owned()];
        assert!(std::ptr::eq(lasting_texts(&list), lasting_texts(&list)));
        assert_ne!(lasting_texts(&list), lasting_texts(&list[..1]));
    }
}
