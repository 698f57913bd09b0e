//! Regular expressions as Go's `regexp` reads them, which validates routes, and as RE2 matches them,
//! which is what Envoy does.
//!
//! Both share one syntax (`\C` aside, which only RE2 knows). It is parsed here, for Go's messages
//! and because the `regex` crate reads some of it differently: classes such as `\d` are ASCII, `{,n}`
//! is no repetition, and `&&` in a class means nothing. What was parsed is written in the notation of
//! the `regex` crate and compiled there. Not covered: Go's limits on depth and size of a whole
//! expression, and case folding of the Perl classes beyond ASCII.

mod parse;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::bytes::Regex;

use self::parse::{Dialect, parse};

/// How many compiled expressions a thread keeps.
const KEPT: usize = 512;

/// Whether Go's `regexp` can read an expression; else its message.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    parse(pattern, Dialect::Go).map(drop).map_err(|error| error.to_string())
}

/// Whether RE2 can read an expression.
pub(crate) fn is_valid(pattern: &str) -> bool {
    compiled(pattern, Anchoring::Whole).is_some()
}

/// Whether an expression matches a whole text. One that cannot be read matches nothing: Envoy would
/// have refused the configuration that holds it.
pub(crate) fn matches_whole(pattern: &str, text: &str) -> bool {
    compiled(pattern, Anchoring::Whole).is_some_and(|regex| regex.is_match(text.as_bytes()))
}

/// Replaces every match; `group` in the substitution counts from 0. `None` when the expression
/// cannot be read.
pub(crate) fn replace_all(
    pattern: &str,
    text: &str,
    substitution: impl Fn(&dyn Fn(usize) -> String) -> String,
) -> Option<String> {
    let regex = compiled(pattern, Anchoring::Anywhere)?;
    let replaced = regex.replace_all(text.as_bytes(), |found: &regex::bytes::Captures<'_>| {
        let group = |index: usize| {
            let bytes = found.get(index).map_or(&b""[..], |group| group.as_bytes());
            String::from_utf8_lossy(bytes).into_owned()
        };
        substitution(&group).into_bytes()
    });
    Some(String::from_utf8_lossy(&replaced).into_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Anchoring {
    Whole,
    Anywhere,
}

type Compiled = HashMap<(Anchoring, String), Option<Rc<Regex>>>;

thread_local! {
    /// The same expressions are asked for with every request; nothing but speed depends on it.
    static COMPILED: RefCell<Compiled> = RefCell::new(HashMap::new());
}

fn compiled(pattern: &str, anchoring: Anchoring) -> Option<Rc<Regex>> {
    COMPILED.with_borrow_mut(|known| {
        let key = (anchoring, pattern.to_owned());
        if let Some(found) = known.get(&key) {
            return found.clone();
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let compiled = compile(pattern, anchoring).map(Rc::new);
        known.insert(key, compiled.clone());
        compiled
    })
}

fn compile(pattern: &str, anchoring: Anchoring) -> Option<Regex> {
    let translated = parse(pattern, Dialect::Re2).ok()?;
    let whole = match anchoring {
        Anchoring::Whole => format!(r"\A(?:{translated})\z"),
        Anchoring::Anywhere => translated,
    };
    Regex::new(&whole).ok()
}

#[cfg(test)]
mod tests;
