//! What came of it: the published shape of `verify --json`.

use doorward::diagnostic::{Diagnostic, Severity};
use doorward::inventory::RouteId;
use serde::{Deserialize, Serialize};

/// What is known of a case or a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It held: the good identity came in and every attack was refused.
    Proved,
    /// It did not hold.
    Failed,
    /// Nobody knows. Never the same as proved.
    Untested,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The routes, in the order given.
    pub routes: Vec<RouteReport>,
    /// The numbers.
    pub summary: Summary,
    /// What is wrong, worst first.
    pub findings: Vec<Diagnostic>,
}

impl Report {
    /// Whether every route is proved.
    #[must_use]
    pub fn proved(&self) -> bool {
        !self.routes.is_empty() && self.routes.iter().all(|route| route.verdict == Verdict::Proved)
    }

    /// Whether anything failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.routes.iter().any(|route| route.verdict == Verdict::Failed) || self.findings.iter().any(Diagnostic::fails)
    }
}

/// The numbers of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Routes proved.
    pub proved: usize,
    /// Routes failed.
    pub failed: usize,
    /// Routes untested.
    pub untested: usize,
    /// Cases judged, over all routes.
    pub cases: usize,
    /// Requests sent.
    pub requests: usize,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReport {
    /// `METHOD /path`.
    pub id: RouteId,
    /// Proved, failed or untested.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// Where it is registered.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// Who may call it.
    pub access: String,
    /// What was sent.
    pub cases: Vec<CaseReport>,
}

/// One case on one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case's id.
    pub id: String,
    /// The case's title.
    pub title: String,
    /// As whom it was sent.
    pub persona: Option<String>,
    /// Whether it held.
    pub verdict: Verdict,
    /// How bad it is if it does not hold.
    pub severity: Severity,
    /// What should come back.
    pub expected: String,
    /// What came back, or why nothing was sent.
    pub got: String,
    /// A command that sends it again. The token is `$TOKEN`.
    pub curl: String,
    /// What it means.
    pub explain: String,
    /// What to do.
    pub fix: String,
}
