//! Which reports a user wants and where they go: `jsonl=run.jsonl,junit=-`.
//!
//! Only parsing; nothing is opened here. A path with a comma in it cannot be written in this form.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportKind {
    /// The event log, one record a line, written while the run goes on.
    Jsonl,
    /// The run report as one JSON document.
    Json,
    /// JUnit XML: a suite for each scenario, a test case for each trial.
    Junit,
    /// Markdown for a pull request or a step summary.
    Markdown,
    /// HTML: one file that shows everything in a browser.
    Html,
}

impl ReportKind {
    /// All of them, in the order in which they are told to users.
    pub const ALL: [Self; 5] = [Self::Jsonl, Self::Json, Self::Junit, Self::Markdown, Self::Html];

    /// Its name in a report list.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }
}

impl fmt::Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Standard output, written `-`; the console then belongs on standard error.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Target {
    /// Whether both lead to one place, however they are written; links are not looked at.
    fn is_same(&self, other: &Self) -> bool {
        let plain = |path: &Path| -> PathBuf {
            path.components().filter(|part| *part != Component::CurDir).collect()
        };
        match (self, other) {
            (Self::Stdout, Self::Stdout) => true,
            (Self::File(one), Self::File(two)) => plain(one) == plain(two),
            _ => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => write!(f, "`{}`", path.display()),
        }
    }
}

/// One wanted report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSpec {
    /// In which form.
    pub kind: ReportKind,
    /// Where to.
    pub target: Target,
}

/// What is wrong with a list of reports. Each message fits after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not of the form kind=path.
    #[error(
        "read the list of reports: `{found}` is not of the form KIND=PATH; write for example `junit=report.xml`, \
         or `junit=-` for standard output (kinds: {})",
        kinds()
    )]
    Form {
        /// What was written.
        found: String,
    },
    /// No such kind.
    #[error("read the list of reports: there is no kind `{found}`{} (kinds: {})", did_you_mean(*.nearest), kinds())]
    Kind {
        /// What was written.
        found: String,
        /// The kind that looks most like it.
        nearest: Option<ReportKind>,
    },
    /// Two reports for one place.
    #[error(
        "read the list of reports: {first} and {second} both go to {target}; give each its own path"
    )]
    SameTarget {
        /// The earlier one.
        first: ReportKind,
        /// The later one.
        second: ReportKind,
        /// The place.
        target: Target,
    },
}

fn kinds() -> String {
    ReportKind::ALL.map(ReportKind::as_str).join(", ")
}

fn did_you_mean(nearest: Option<ReportKind>) -> String {
    nearest.map(|kind| format!("; did you mean `{kind}`?")).unwrap_or_default()
}

impl ReportSpec {
    /// Parses a comma-separated list such as `jsonl=run.jsonl,junit=report.xml,markdown=-`.
    ///
    /// # Errors
    ///
    /// The first entry that is wrong, with what would be accepted.
    pub fn parse(list: &str) -> Result<Vec<Self>, SpecError> {
        let mut specs: Vec<Self> = Vec::new();
        for entry in list.split(',') {
            let spec: Self = entry.trim().parse()?;
            if let Some(earlier) = specs.iter().find(|earlier| earlier.target.is_same(&spec.target))
            {
                return Err(SpecError::SameTarget {
                    first: earlier.kind,
                    second: spec.kind,
                    target: spec.target,
                });
            }
            specs.push(spec);
        }
        Ok(specs)
    }
}

impl FromStr for ReportSpec {
    type Err = SpecError;

    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        let (kind, path) = match entry.split_once('=') {
            Some((kind, path)) if !kind.is_empty() && !path.is_empty() => (kind, path),
            _ => return Err(SpecError::Form { found: entry.to_owned() }),
        };
        let known = ReportKind::ALL.into_iter().find(|known| known.as_str() == kind);
        let kind = known
            .ok_or_else(|| SpecError::Kind { found: kind.to_owned(), nearest: nearest(kind) })?;
        let target = if path == "-" { Target::Stdout } else { Target::File(PathBuf::from(path)) };
        Ok(Self { kind, target })
    }
}

fn nearest(found: &str) -> Option<ReportKind> {
    let lower = found.to_lowercase();
    let alike = |kind: &ReportKind| strsim::jaro_winkler(&lower, kind.as_str());
    ReportKind::ALL
        .into_iter()
        .filter(|kind| alike(kind) > 0.7)
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))
}

#[cfg(test)]
mod tests {
    use super::{ReportKind, ReportSpec, Target};

    #[test]
    fn list_names_kinds_and_paths() {
        let specs = ReportSpec::parse("jsonl=a/run.jsonl, junit=x=y.xml,markdown=-");
        let specs = specs.expect("a sound list");
        let found: Vec<_> = specs.iter().map(|s| (s.kind, s.target.to_string())).collect();
        assert_eq!(
            found,
            [
                (ReportKind::Jsonl, "`a/run.jsonl`".to_owned()),
                (ReportKind::Junit, "`x=y.xml`".to_owned()),
                (ReportKind::Markdown, "standard output".to_owned()),
            ]
        );
        assert_eq!(specs[2].target, Target::Stdout);
    }

    #[test]
    fn mistakes_say_what_would_be_accepted() {
        let cases = [
            (
                "juint=x",
                "read the list of reports: there is no kind `juint`; did you mean `junit`? (kinds: jsonl, json, junit, markdown, html)",
            ),
            (
                "JSON=x",
                "read the list of reports: there is no kind `JSON`; did you mean `json`? (kinds: jsonl, json, junit, markdown, html)",
            ),
            (
                "pdf=x",
                "read the list of reports: there is no kind `pdf` (kinds: jsonl, json, junit, markdown, html)",
            ),
            (
                "junit",
                "read the list of reports: `junit` is not of the form KIND=PATH; write for example `junit=report.xml`, or `junit=-` for standard output (kinds: jsonl, json, junit, markdown, html)",
            ),
            (
                "junit=",
                "read the list of reports: `junit=` is not of the form KIND=PATH; write for example `junit=report.xml`, or `junit=-` for standard output (kinds: jsonl, json, junit, markdown, html)",
            ),
            (
                "",
                "read the list of reports: `` is not of the form KIND=PATH; write for example `junit=report.xml`, or `junit=-` for standard output (kinds: jsonl, json, junit, markdown, html)",
            ),
            (
                "json=-,junit=-",
                "read the list of reports: json and junit both go to standard output; give each its own path",
            ),
            (
                "json=a,jsonl=./a",
                "read the list of reports: json and jsonl both go to `./a`; give each its own path",
            ),
            (
                "json=a,jsonl=a",
                "read the list of reports: json and jsonl both go to `a`; give each its own path",
            ),
        ];
        for (list, message) in cases {
            assert_eq!(ReportSpec::parse(list).expect_err(list).to_string(), message);
        }
    }
}
