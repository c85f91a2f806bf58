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

/// The first signal that asks this process to end, as the exit code that tells of it.
///
/// From this call on signals no longer end the process by themselves, so that what it has started or written can be
/// taken away first.
#[cfg(unix)]
pub(crate) fn signals() -> std::io::Result<impl Future<Output = i32>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => INTERRUPTED,
            _ = terminate.recv() => 143,
            _ = hangup.recv() => 129,
        }
    })
}

#[cfg(not(unix))]
pub(crate) fn signals() -> std::io::Result<impl Future<Output = i32>> {
    Ok(async {
        // Without a handler the process ends by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPTED
    })
}

/// What a shell reports of a process that Ctrl-C has ended.
pub(crate) const INTERRUPTED: i32 = 130;

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
