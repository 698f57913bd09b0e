//! The request that a rule takes: a safe method, a path, and the header fields and the query that it
//! asks for.

use gateproof_core::redaction::{PLACEHOLDER, is_secret};
use gateproof_model::routing::{Request, Scheme, route};
use gateproof_model::translation::envoy::{
    HeaderMatch, PathMatch, QueryMatch, Route, RouteTable, ValueMatch,
};

/// A request, but for its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) method: &'static str,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
}

/// The request that a rule of a table takes for a host.
///
/// # Errors
/// Why there is none, in words: it might have an effect, hold a secret, or none is known.
pub(super) fn request(
    table: &RouteTable,
    rule: &Route,
    host: &str,
    scheme: Scheme,
) -> Result<Taken, String> {
    let method = method(rule.matcher.method.as_deref())?;
    let headers = headers(&rule.matcher.headers)?;
    let query = query(&rule.matcher.query)?;
    let taken = paths(rule).into_iter().map(|path| path + &query).find(|path| {
        let request = Request { method, host, path_and_query: path, headers: &headers, scheme };
        route(table, &request).is_some_and(|hit| std::ptr::eq(hit.route, rule))
    });
    match taken {
        Some(path) => Ok(Taken { method, path, headers }),
        None => Err("no request is known that this rule takes".to_owned()),
    }
}

/// The path of a rule as it is written.
pub(super) fn path_in_words(rule: &Route) -> &str {
    match &rule.matcher.path {
        PathMatch::Exact(path)
        | PathMatch::Prefix(path)
        | PathMatch::SeparatedPrefix(path)
        | PathMatch::Regex(path) => path,
    }
}

/// A safe method that a rule takes.
fn method(wanted: Option<&str>) -> Result<&'static str, String> {
    match wanted {
        None | Some("HEAD") => Ok("HEAD"),
        Some("GET") => Ok("GET"),
        Some("OPTIONS") => Ok("OPTIONS"),
        Some(other) => Err(format!("its rule asks for the method {other}, which may have effects")),
    }
}

/// Header fields that a rule asks for; what must not be there is not sent.
fn headers(wanted: &[HeaderMatch]) -> Result<Vec<(String, String)>, String> {
    let asked = wanted.iter().filter(|header| !header.invert);
    asked
        .map(|header| {
            let name = &header.name;
            let ours = ["host", "user-agent", "content-length", "connection"];
            let special = name.starts_with(':') || ours.contains(&&*name.to_lowercase());
            match exact(&header.value) {
                Some(value) if is_secret(name) || value.contains(PLACEHOLDER) => {
                    Err(format!("its rule asks for the header {name}, which may be a secret"))
                }
                Some(value)
                    if !special && value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) =>
                {
                    Ok((name.clone(), value.to_owned()))
                }
                _ => Err(format!("its rule asks for the header {name} in a way that is not tried")),
            }
        })
        .collect()
}

/// The query that a rule asks for, with its question mark.
fn query(wanted: &[QueryMatch]) -> Result<String, String> {
    let plain = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let mut all = Vec::new();
    for parameter in wanted {
        let name = &parameter.name;
        match exact(&parameter.value) {
            Some(value) if plain(name) && plain(value) && !is_secret(name) => {
                all.push(format!("{name}={value}"));
            }
            _ => {
                return Err(format!(
                    "its rule asks for the query parameter {name} in a way that is not tried"
                ));
            }
        }
    }
    Ok(if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) })
}

fn exact(value: &ValueMatch) -> Option<&str> {
    match value {
        ValueMatch::Exact(value) | ValueMatch::ExactIgnoreCase(value) => Some(value),
        ValueMatch::Regex(_) => None,
    }
}

/// Paths that a rule may take, likely ones first.
pub(super) fn paths(rule: &Route) -> Vec<String> {
    match &rule.matcher.path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::SeparatedPrefix(path) => {
            vec![path.clone()]
        }
        PathMatch::Regex(pattern) => {
            let (literal, optional) = beginning(pattern);
            let tails = ["", "x", "/x", "1", "/1", "/"];
            let all = tails.iter().map(|tail| format!("{literal}{tail}"));
            all.chain(optional).filter(|path| path.starts_with('/')).collect()
        }
    }
}

/// What a regular expression begins with letter by letter, and the same without a last letter that
/// may be absent.
fn beginning(pattern: &str) -> (String, Option<String>) {
    let mut literal = String::new();
    let mut letters = pattern.trim_start_matches('^').chars().peekable();
    while let Some(letter) = letters.next() {
        let meant = match letter {
            '\\' => match letters.next() {
                Some(escaped) if !escaped.is_ascii_alphanumeric() => escaped,
                _ => break,
            },
            '*' | '?' | '{' => {
                let mut shorter = literal.clone();
                shorter.pop();
                return (literal, Some(shorter));
            }
            '.' | '+' | '(' | '[' | '|' | '$' => break,
            other => other,
        };
        literal.push(meant);
    }
    (literal, None)
}
