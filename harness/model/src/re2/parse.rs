//! The syntax, with the messages of Go's `regexp/syntax` (golang/go 1.27 `regexp/syntax/parse.go`).

use std::fmt::{self, Write as _};

/// Whose syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Go refuses `\C`.
    Go,
    /// In RE2 it is any one byte.
    Re2,
}

/// Why an expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    what: &'static str,
    part: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.what, self.part)
    }
}

type Parsed<T> = Result<T, Unreadable>;

fn unreadable<T>(what: &'static str, part: &str) -> Parsed<T> {
    Err(Unreadable { what, part: part.to_owned() })
}

const RANGE: &str = "invalid character class range";
const ESCAPE: &str = "invalid escape sequence";
const REPEAT_SIZE: &str = "invalid repeat count";
/// The largest repeat count, also of repetitions inside repetitions.
const MOST: u32 = 1000;

/// A group that is open, or the whole expression.
struct Group {
    /// How often its parts are repeated, at most.
    weight: u32,
    /// The same of what a repetition would repeat; `None` at the start of a branch.
    last: Option<u32>,
}

struct Parser<'p> {
    whole: &'p str,
    dialect: Dialect,
    out: String,
    groups: Vec<Group>,
}

/// Reads an expression and writes it in the notation of the `regex` crate.
pub(super) fn parse(pattern: &str, dialect: Dialect) -> Parsed<String> {
    let groups = vec![Group { weight: 1, last: None }];
    let mut parser = Parser { whole: pattern, dialect, out: String::new(), groups };
    let mut rest = pattern;
    let mut repetition: Option<&str> = None;
    while let Some(first) = rest.chars().next() {
        let before = rest;
        let is_repetition;
        (rest, is_repetition) = parser.step(first, rest, repetition)?;
        repetition = is_repetition.then_some(before);
    }
    if parser.groups.len() > 1 {
        return unreadable("missing closing )", pattern);
    }
    Ok(parser.out)
}

/// The part of `from` before `rest`, which is its tail.
fn taken<'p>(from: &'p str, rest: &str) -> &'p str {
    &from[..from.len() - rest.len()]
}

impl<'p> Parser<'p> {
    fn group(&mut self) -> &mut Group {
        self.groups.last_mut().expect("the whole expression is never closed")
    }

    fn atom(&mut self, weight: u32) {
        let group = self.group();
        group.weight = group.weight.max(weight);
        group.last = Some(weight);
    }

    fn literal(&mut self, character: char) {
        push_literal(&mut self.out, character);
        self.atom(1);
    }

    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
        self.atom(1);
    }

    /// Reads one part; tells whether it was a repetition.
    fn step(
        &mut self,
        first: char,
        rest: &'p str,
        previous: Option<&str>,
    ) -> Parsed<(&'p str, bool)> {
        let tail = &rest[first.len_utf8()..];
        match first {
            '(' if tail.starts_with('?') => return Ok((self.perl_group(rest)?, false)),
            '(' => self.open("("),
            ')' => self.close()?,
            '|' => {
                self.out.push('|');
                self.group().last = None;
            }
            '^' | '$' | '.' => self.raw(first.encode_utf8(&mut [0; 4])),
            '[' => return Ok((self.class(rest)?, false)),
            '*' | '+' | '?' => {
                let after = self.repeat(rest, tail, previous, Count { min: 0, max: None })?;
                return Ok((after, true));
            }
            '{' => match counts(tail) {
                None => self.literal('{'),
                Some((count, after)) => {
                    if !count.is_allowed() {
                        return unreadable(REPEAT_SIZE, taken(rest, after));
                    }
                    return Ok((self.repeat(rest, after, previous, count)?, true));
                }
            },
            '\\' => return Ok((self.backslash(rest)?, false)),
            other => self.literal(other),
        }
        Ok((tail, false))
    }

    fn open(&mut self, text: &str) {
        self.out.push_str(text);
        self.groups.push(Group { weight: 1, last: None });
    }

    fn close(&mut self) -> Parsed<()> {
        if self.groups.len() == 1 {
            return unreadable("unexpected )", self.whole);
        }
        self.out.push(')');
        let weight = self.groups.pop().map_or(1, |group| group.weight);
        self.atom(weight);
        Ok(())
    }

    fn repeat(
        &mut self,
        before: &'p str,
        after: &'p str,
        previous: Option<&str>,
        count: Count,
    ) -> Parsed<&'p str> {
        let after = after.strip_prefix('?').unwrap_or(after);
        if let Some(previous) = previous {
            return unreadable("invalid nested repetition operator", taken(previous, after));
        }
        let Some(weight) = self.group().last else {
            return unreadable("missing argument to repetition operator", taken(before, after));
        };
        let factor = count.factor();
        let weight = if factor == 0 { 1 } else { weight.saturating_mul(factor) };
        if weight > MOST && count.repeats() {
            return unreadable(REPEAT_SIZE, taken(before, after));
        }
        self.out.push_str(taken(before, after));
        self.atom(weight);
        Ok(after)
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)` and `(?flags:`.
    fn perl_group(&mut self, rest: &'p str) -> Parsed<&'p str> {
        let name = if rest.len() > 4 { rest.strip_prefix("(?P<") } else { None };
        if let Some(name) = name.or_else(|| rest.strip_prefix("(?<").filter(|n| !n.is_empty())) {
            let Some(end) = name.find('>') else {
                return unreadable("invalid named capture", rest);
            };
            let (name, after) = (&name[..end], &name[end + 1..]);
            if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                return unreadable("invalid named capture", taken(rest, after));
            }
            self.open("(");
            return Ok(after);
        }
        let flags = &rest[2..];
        let (mut negated, mut seen) = (false, false);
        for (at, flag) in flags.char_indices() {
            let after = &flags[at + flag.len_utf8()..];
            match flag {
                'i' | 'm' | 's' | 'U' => seen = true,
                '-' if !negated => (negated, seen) = (true, false),
                ':' | ')' if seen || !negated => {
                    match (flag, at) {
                        (':', _) => self.open(taken(rest, after)),
                        (_, 0) => {}
                        (_, _) => self.out.push_str(taken(rest, after)),
                    }
                    return Ok(after);
                }
                _ => return unreadable("invalid or unsupported Perl syntax", taken(rest, after)),
            }
        }
        unreadable("invalid or unsupported Perl syntax", rest)
    }

    fn backslash(&mut self, rest: &'p str) -> Parsed<&'p str> {
        let mut characters = rest[1..].chars();
        let letter = characters.next();
        let tail = characters.as_str();
        match letter {
            Some('A') => self.raw(r"\A"),
            Some('z') => self.raw(r"\z"),
            Some('b') => self.raw(r"(?-u:\b)"),
            Some('B') => self.raw(r"(?-u:\B)"),
            Some('C') if self.dialect == Dialect::Re2 => self.raw("(?s-u:.)"),
            Some('C') => return unreadable(ESCAPE, r"\C"),
            Some('Q') => {
                let (literal, tail) = tail.split_once(r"\E").unwrap_or((tail, ""));
                literal.chars().for_each(|character| self.literal(character));
                return Ok(tail);
            }
            Some('p' | 'P') => {
                let (class, tail) = unicode_class(rest)?;
                self.raw(&class);
                return Ok(tail);
            }
            _ => {
                if let Some(class) = letter.and_then(perl_class) {
                    self.raw(class);
                } else {
                    let (character, tail) = escape(rest)?;
                    self.literal(character);
                    return Ok(tail);
                }
            }
        }
        Ok(tail)
    }

    fn class(&mut self, rest: &'p str) -> Parsed<&'p str> {
        let inner = &rest[1..];
        let mut class = String::from("[");
        let mut at = match inner.strip_prefix('^') {
            Some(inner) => {
                class.push('^');
                inner
            }
            None => inner,
        };
        let mut first = true;
        while first || !at.starts_with(']') {
            first = false;
            if let Some(end) = at.strip_prefix("[:").and_then(|name| name.find(":]")) {
                let (name, tail) = at.split_at(end + 4);
                if !POSIX.contains(&name[2..name.len() - 2].trim_start_matches('^'))
                    || name.starts_with("[:^^")
                {
                    return unreadable(RANGE, name);
                }
                class.push_str(name);
                at = tail;
                continue;
            }
            let mut characters = at.chars();
            if characters.next() == Some('\\') {
                let letter = characters.next();
                if matches!(letter, Some('p' | 'P')) {
                    let (name, tail) = unicode_class(at)?;
                    class.push_str(&name);
                    at = tail;
                    continue;
                }
                if let Some(perl) = letter.and_then(perl_class) {
                    class.push_str(perl);
                    at = characters.as_str();
                    continue;
                }
            }
            at = range(at, rest, &mut class)?;
        }
        class.push(']');
        self.raw(&class);
        Ok(&at[1..])
    }
}

/// One character of a class, or a range of them.
fn range<'p>(at: &'p str, class: &str, out: &mut String) -> Parsed<&'p str> {
    let (low, tail) = class_character(at, class)?;
    let spans = tail.len() >= 2 && tail.starts_with('-') && !tail.starts_with("-]");
    let (high, tail) = if spans { class_character(&tail[1..], class)? } else { (low, tail) };
    if high < low {
        return unreadable(RANGE, taken(at, tail));
    }
    push_literal(out, low);
    if spans {
        out.push('-');
        push_literal(out, high);
    }
    Ok(tail)
}

fn class_character<'p>(at: &'p str, class: &str) -> Parsed<(char, &'p str)> {
    match at.chars().next() {
        None => unreadable("missing closing ]", class),
        Some('\\') => escape(at),
        Some(character) => Ok((character, &at[character.len_utf8()..])),
    }
}

const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Perl's classes, which know ASCII only.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0C\r ]",
        'S' => r"[^\t\n\x0C\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// `\pN` and `\p{Name}`; names are those of the `regex` crate.
fn unicode_class(at: &str) -> Parsed<(String, &str)> {
    let sign = &at[..2];
    let Some(first) = at[2..].chars().next() else { return unreadable(ESCAPE, at) };
    let (name, whole, tail) = if first == '{' {
        let Some(end) = at.find('}') else { return unreadable(RANGE, at) };
        (&at[3..end], &at[..=end], &at[end + 1..])
    } else {
        let end = 2 + first.len_utf8();
        (&at[2..end], &at[..end], &at[end..])
    };
    let (negated, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let sign = match (sign, negated) {
        (r"\p", true) => r"\P",
        (_, true) => r"\p",
        (sign, false) => sign,
    };
    let class = format!("{sign}{{{name}}}");
    if regex::Regex::new(&class).is_err() {
        return unreadable(RANGE, whole);
    }
    Ok((class, tail))
}

/// An escape that stands for one character.
fn escape(at: &str) -> Parsed<(char, &str)> {
    let mut characters = at[1..].chars();
    let Some(first) = characters.next() else {
        return unreadable("trailing backslash at end of expression", "");
    };
    let tail = characters.as_str();
    let simple = match first {
        'a' => Some('\x07'),
        'f' => Some('\x0C'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0B'),
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => Some(other),
        _ => None,
    };
    if let Some(character) = simple {
        return Ok((character, tail));
    }
    let octal = |text: &str| text.bytes().take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    match first {
        '0'..='7' if first == '0' || octal(tail) > 0 => {
            let digits = (1 + octal(tail)).min(3);
            let value = u32::from_str_radix(&at[1..=digits], 8).unwrap_or(0);
            Ok((char::from_u32(value).unwrap_or('\0'), &at[1 + digits..]))
        }
        'x' => hexadecimal(at, tail),
        _ => unreadable(ESCAPE, taken(at, tail)),
    }
}

fn hexadecimal<'p>(at: &'p str, tail: &'p str) -> Parsed<(char, &'p str)> {
    if let Some(inner) = tail.strip_prefix('{') {
        let digits = inner.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(inner.len());
        let closed = inner[digits..].starts_with('}');
        let value = u32::from_str_radix(&inner[..digits], 16).ok().and_then(char::from_u32);
        if let (true, Some(character)) = (closed, value) {
            return Ok((character, &inner[digits + 1..]));
        }
        let too_large = |end: &usize| {
            u32::from_str_radix(&inner[..*end], 16).map_or(true, |value| value > 0x10_FFFF)
        };
        // Go stops at the digit that makes the number too large, else behind what is no digit.
        let end = (1..=digits)
            .find(too_large)
            .unwrap_or_else(|| digits + inner[digits..].chars().next().map_or(0, char::len_utf8));
        return unreadable(ESCAPE, taken(at, &inner[end..]));
    }
    let mut characters = tail.chars();
    let two: Vec<char> = characters.by_ref().take(2).collect();
    let value = two.iter().try_fold(0, |value, digit| Some(value * 16 + digit.to_digit(16)?));
    match (two.len(), value.and_then(char::from_u32)) {
        (2, Some(character)) => Ok((character, characters.as_str())),
        _ => unreadable(ESCAPE, taken(at, characters.as_str())),
    }
}

/// How often something is repeated; without `max` there is no end.
#[derive(Debug, Clone, Copy)]
struct Count {
    min: u32,
    max: Option<u32>,
}

impl Count {
    fn is_allowed(self) -> bool {
        self.min <= MOST && self.max.is_none_or(|max| max <= MOST && self.min <= max)
    }

    /// Whether Go looks at what is repeated inside.
    fn repeats(self) -> bool {
        self.min >= 2 || self.max.is_some_and(|max| max >= 2)
    }

    fn factor(self) -> u32 {
        if self.min == 0 && self.max.is_none() { 1 } else { self.max.unwrap_or(self.min) }
    }
}

/// What follows a `{`: counts and `}`; `None` when it is a literal.
fn counts(tail: &str) -> Option<(Count, &str)> {
    let (min, tail) = number(tail)?;
    if let Some(tail) = tail.strip_prefix('}') {
        return Some((Count { min, max: Some(min) }, tail));
    }
    let tail = tail.strip_prefix(',')?;
    if let Some(tail) = tail.strip_prefix('}') {
        return Some((Count { min, max: None }, tail));
    }
    let (max, tail) = number(tail)?;
    Some((Count { min, max: Some(max) }, tail.strip_prefix('}')?))
}

/// A number without leading zeros; one that is too large is told as the largest.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits == 0 || (digits > 1 && text.starts_with('0')) {
        return None;
    }
    Some((text[..digits].parse().unwrap_or(u32::MAX), &text[digits..]))
}

fn push_literal(out: &mut String, character: char) {
    if character.is_ascii_alphanumeric() || !character.is_ascii() {
        out.push(character);
    } else if character.is_ascii_graphic() {
        out.push('\\');
        out.push(character);
    } else {
        write!(out, "\\x{:02X}", u32::from(character)).expect("a String takes it");
    }
}
