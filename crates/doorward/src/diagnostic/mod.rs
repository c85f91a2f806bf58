//! Diagnostics: what the tool says to people, as plain data.
//!
//! A diagnostic stays data until a program renders it as text, JSON or SARIF. Every one has a [`Code`] from the
//! tables next to this file; `doorward explain CODE` prints its story.

mod check;
mod discover;
mod plan;
mod policy;
mod verify;

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; never fails a run.
    Info,
    /// Probably wrong; never fails a run by itself.
    Warning,
    /// Wrong: the run fails.
    Error,
    /// An open door: the run fails, and this is named first.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        })
    }
}

/// One kind of finding. Codes are only ever added.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `DW` and four digits.
    pub id: &'static str,
    /// One line, lower case.
    pub title: &'static str,
    /// How bad a finding of this kind is.
    pub severity: Severity,
    /// What it means, why it matters, and what to do: a paragraph or two for `doorward explain`.
    pub story: &'static str,
}

/// Every code, in order.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    [policy::CODES, discover::CODES, plan::CODES, check::CODES, verify::CODES].into_iter().flatten()
}

/// The code with this id, in any case.
#[must_use]
pub fn code(id: &str) -> Option<&'static Code> {
    codes().find(|code| code.id.eq_ignore_ascii_case(id))
}

/// A place in the user's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Relative to the tree, with `/`.
    pub file: String,
    /// From 1; 0 when the whole file is meant.
    pub line: u32,
    /// From 1.
    #[serde(default = "first_column")]
    pub column: u32,
}

fn first_column() -> u32 {
    1
}

impl Location {
    /// A whole file.
    #[must_use]
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 1 }
    }

    /// The place of byte `offset` in `text`.
    #[must_use]
    pub fn of_offset(file: impl Into<String>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let bytes = before.as_bytes();
        let line = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = before.get(start..).map_or(0, |line| line.chars().count()) + 1;
        Self {
            file: file.into(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// One finding.
///
/// The message is one sentence, lower case, without a full stop, with the user's own words in backticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// `DW####`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where, if there is text to point at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// What was seen: a line of source, a request, an answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<String>,
    /// What to do next, as an instruction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
    /// What it means for the list of routes, of findings that tell what could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub routes: Option<Routes>,
}

/// What a place that could not be read in full means for the list of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Routes {
    /// Routes that are made there may not be in the list.
    Missing,
    /// None is missing for it: what is there is listed, but something about it was assumed, or is no route.
    Listed,
}

impl Diagnostic {
    /// A finding of this kind. An unknown id is a mistake in our own code; it shows itself as an error of that id.
    #[must_use]
    pub fn new(id: &str, message: impl Into<String>) -> Self {
        Self {
            code: id.to_owned(),
            severity: code(id).map_or(Severity::Error, |code| code.severity),
            message: message.into(),
            location: None,
            evidence: None,
            help: None,
            routes: discover::routes(id),
        }
    }

    /// Says that routes are listed in spite of it, where a code of its kind usually means that they are missing.
    #[must_use]
    pub fn listed(mut self) -> Self {
        self.routes = Some(Routes::Listed);
        self
    }

    /// Whether routes may be missing from the list because of it: what isn't known to be listed counts as missing.
    #[must_use]
    pub fn hides_routes(&self) -> bool {
        self.routes != Some(Routes::Listed)
    }

    /// Points at a place.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Adds what was seen.
    #[must_use]
    pub fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = Some(evidence.into());
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether a run that holds this finding fails.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.severity >= Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_ordered_and_well_formed() {
        let ids: Vec<_> = codes().map(|code| code.id).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted, "codes are unique and listed in order");
        for code in codes() {
            assert!(code.id.len() == 6 && code.id.starts_with("DW"), "{}", code.id);
            assert!(code.story.len() > 80, "{} tells no story", code.id);
            assert!(!code.title.ends_with('.'), "{}", code.id);
        }
    }

    #[test]
    fn codes_say_whether_routes_are_missing_or_listed() {
        for id in ["DW2001", "DW2003", "DW2011", "DW2244"] {
            assert!(Diagnostic::new(id, "x").hides_routes(), "{id}");
        }
        for id in ["DW2008", "DW2010", "DW2021", "DW2132"] {
            assert!(!Diagnostic::new(id, "x").hides_routes(), "{id}");
        }
        assert!(!Diagnostic::new("DW2009", "listed as its nearest template").listed().hides_routes());
        assert_eq!(Diagnostic::new("DW2310", "not about reading").routes, None);
    }

    #[test]
    fn an_offset_becomes_a_line_and_a_column_counted_in_characters() {
        let place = Location::of_offset("a.ts", "é\nxé;", 6);
        assert_eq!((place.line, place.column), (2, 3));
    }
}
