//! Exit codes, and failures that carry one.

use std::process::ExitCode;

use doorward::diagnostic::Diagnostic;
use doorward::policy::Question;

/// How a run ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing to complain about.
    Ok = 0,
    /// Findings: a hole, drift, an untested route.
    Findings = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A question is open and nobody is there to answer it.
    InputNeeded = 3,
    /// The outside failed: the target would not start, a port is taken, a file can't be written.
    Environment = 4,
    /// Refused because going on could do harm: a stale plan, a target off loopback.
    Refused = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A run that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Plain text: what colours and marks it is the output's affair.
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// What is wrong in detail. They are shown under the message.
    pub(crate) findings: Vec<Diagnostic>,
    pub(crate) questions: Vec<Question>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, findings: Vec::new(), questions: Vec::new() }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn findings(mut self, findings: Vec<Diagnostic>) -> Self {
        self.findings = findings;
        self
    }
}
