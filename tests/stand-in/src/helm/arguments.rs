//! Helm's command line: flags anywhere, with a value after `=` or in the next word.

use crate::Failure;

/// A flag that a command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag {
    name: &'static str,
    arity: Arity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arity {
    Plain,
    Valued,
}

impl Flag {
    /// One without a value.
    pub(super) const fn plain(name: &'static str) -> Self {
        Self { name, arity: Arity::Plain }
    }

    /// One with a value.
    pub(super) const fn valued(name: &'static str) -> Self {
        Self { name, arity: Arity::Valued }
    }
}

/// What a command was given.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a> {
    /// Words that are no flags.
    pub(super) positional: Vec<&'a str>,
    flags: Vec<(&'static str, &'a str)>,
}

impl<'a> Arguments<'a> {
    /// Reads words; a flag that the command does not have is refused.
    pub(super) fn read(words: &[&'a str], known: &[Flag]) -> Result<Self, Failure> {
        let mut read = Self::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                read.positional.push(word);
                continue;
            }
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let flag = known
                .iter()
                .find(|flag| flag.name == name)
                .ok_or_else(|| Failure::new(format!("unknown flag: {name}")))?;
            let value = match (flag.arity, value) {
                (Arity::Plain, None) => "",
                (Arity::Plain, Some(_)) => {
                    return Err(Failure::new(format!("invalid argument for {name:?} flag")));
                }
                (Arity::Valued, Some(value)) => value,
                (Arity::Valued, None) => words
                    .next()
                    .ok_or_else(|| Failure::new(format!("flag needs an argument: {name}")))?,
            };
            read.flags.push((flag.name, value));
        }
        Ok(read)
    }

    /// A flag's value.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.flags.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Whether a flag was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Flag};

    #[test]
    fn flags_may_stand_anywhere_and_unknown_ones_are_refused() {
        let flags = [Flag::valued("--version"), Flag::plain("--install")];
        let read = |words: &[&'static str]| Arguments::read(words, &flags);
        let given = read(&["cilium", "--version", "1", "chart", "--install"]).expect("known flags");
        assert_eq!(given.positional, ["cilium", "chart"]);
        assert_eq!(given.value("--version"), Some("1"));
        assert!(given.has("--install") && !given.has("--wait"));
        for (words, expected) in [
            (&["--wait"][..], "unknown flag: --wait"),
            (&["--version"], "flag needs an argument: --version"),
            (&["--install=yes"], "invalid argument"),
        ] {
            let words = read(words).expect_err("wrong").words;
            assert!(words.contains(expected), "{words}");
        }
    }
}
