//! What people and scripts read. The only place where findings become text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use doorward::diagnostic::{Diagnostic, Severity};
use doorward::secret;
use doorward_report::{Same, places, same};
use serde::Serialize;

use crate::exit::{Exit, Failure};

/// Writes a line to stdout: the result. A reader that went away is no reason to panic.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stdout(), $($text)*);
    }};
}

/// Writes a line to stderr: the conversation.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stderr(), $($text)*);
    }};
}

pub(crate) use {say, tell};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();

/// Text from outside, made safe for a terminal: control characters are shown, secrets are not.
pub(crate) fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n' && c != '\t') || is_bidi(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    secret::redact(&shown)
}

/// Characters that reorder what is around them could show a route as another one.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The one document of `--json`.
pub(crate) fn json(verb: &str, ok: bool, findings: &[Diagnostic], rest: &impl Serialize) {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        schema: String,
        ok: bool,
        findings: &'a [Diagnostic],
        #[serde(flatten)]
        rest: &'a T,
    }
    let envelope = Envelope { schema: format!("doorward/{verb}/v1"), ok, findings, rest };
    // There is no colour in it for `anstream` to look for.
    let mut lines = Redacting { inner: std::io::stdout().lock(), held: Vec::with_capacity(2 * Redacting::<()>::PIECE) };
    let written = serde_json::to_writer_pretty(&mut lines, &envelope);
    if let Err(error) =
        written.map_err(std::io::Error::from).and_then(|()| lines.write_all(b"\n")).and_then(|()| lines.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        tell!("the result can't be written as JSON: {error}");
    }
}

/// Passes text on without the secrets in it, whole lines at a time: a large document need not be held, and no string
/// of JSON has more than one line.
struct Redacting<W> {
    inner: W,
    held: Vec<u8>,
}

impl<W> Redacting<W> {
    const PIECE: usize = 64 * 1024;
}

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.write_all(text).map(|()| text.len())
    }

    // A document is written in pieces of a few bytes, for which the ordinary way has too many questions.
    fn write_all(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.held.extend_from_slice(text);
        if self.held.len() > Self::PIECE
            && let Some(end) = self.held.iter().rposition(|it| *it == b'\n')
        {
            let rest = self.held.split_off(end + 1);
            self.flush()?;
            self.held.extend_from_slice(&rest);
        }
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let text = match std::str::from_utf8(&self.held) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(&self.held),
        };
        let clean = match text.contains("PRIVATE KEY") {
            true => text.split_inclusive('\n').map(redacted_line).collect(),
            false => secret::redact(&text),
        };
        self.inner.write_all(clean.as_bytes())?;
        self.held.clear();
        self.inner.flush()
    }
}

/// A document to hand on: to a file, or to stdout as it is.
pub(crate) fn document(text: &str, file: Option<&Path>) -> Result<(), Failure> {
    use std::io::Write as _;
    let Some(file) = file else {
        // A reader that went away is no failure.
        let _ = std::io::stdout().write_all(text.as_bytes());
        return Ok(());
    };
    std::fs::write(file, text).map_err(|error| {
        Failure::new(Exit::Environment, format!("`{}` can't be written: {error}", file.display()))
            .help("name a file in a folder that exists with `--out`")
    })?;
    tell!("Wrote `{}`.", clean(&file.display().to_string()));
    Ok(())
}

/// A line of JSON without the secrets in it. A private key without an end swallows what follows it, and the end of the
/// string must not be lost with it.
fn redacted_line(line: &str) -> String {
    let mut clean = secret::redact(line);
    let end = ["\",\n", "\"\n"].into_iter().find(|it| line.ends_with(it));
    if let Some(end) = end.filter(|it| !clean.ends_with(it)) {
        clean.push_str(end);
    }
    clean
}

/// The width of the terminal, if stdout is one.
pub(crate) fn width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Findings as text, with the lines they point at. What is said of several places is said once.
pub(crate) fn findings<'a>(root: &Path, findings: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let findings = same(findings);
    let mut sources: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for finding in &findings {
        if let Some(location) = &finding.first.location {
            sources
                .entry(&location.file)
                .or_insert_with(|| doorward_frameworks::read(root, &location.file).ok().flatten());
        }
    }
    findings.iter().map(|it| one(it.first, &sources) + "\n" + &elsewhere(it)).collect()
}

/// The other places of which the same is said. The JSON has every one.
fn elsewhere(same: &Same<'_>) -> String {
    const MOST: usize = 12;
    if same.others.is_empty() {
        return String::new();
    }
    let files = places(&same.others);
    let mut text = format!("   {CYAN}={CYAN:#} the same in {}:\n", count(same.others.len(), "more place"));
    for file in files.iter().take(MOST) {
        text.push_str(&format!("       {}\n", clean(file)));
    }
    if files.len() > MOST {
        text.push_str(&format!("       … and in {}; `--json` names them\n", count(files.len() - MOST, "more file")));
    }
    text
}

fn one(finding: &Diagnostic, sources: &BTreeMap<&str, Option<String>>) -> String {
    let level = match finding.severity {
        Severity::Critical => Level::ERROR.with_name("critical"),
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let message = clean(&finding.message);
    let evidence = finding.evidence.as_deref().map(clean);
    let help = finding.help.as_deref().map(clean);
    let mut group = Group::with_title(level.primary_title(message).id(&finding.code));
    let line_text;
    let path;
    if let Some(location) = &finding.location {
        path = clean(&location.file);
        let source = sources.get(location.file.as_str()).and_then(Option::as_deref);
        let line = usize::try_from(location.line).unwrap_or(0);
        match source.and_then(|text| text.lines().nth(line.checked_sub(1)?)) {
            // A minified line would fill the screen and tell nothing.
            Some(text) if text.len() <= 300 => {
                line_text = clean(&shown(finding, text));
                let start = line_text.len() - line_text.trim_start().len();
                let snippet = Snippet::source(line_text.as_str())
                    .line_start(line)
                    .path(path.as_str())
                    .annotation(AnnotationKind::Primary.span(start..line_text.trim_end().len().max(start)));
                group = group.element(snippet);
            }
            _ => group = group.element(annotate_snippets::Origin::path(path.as_str()).line(line.max(1))),
        }
    }
    if let Some(evidence) = evidence {
        group = group.element(Level::NOTE.message(evidence));
    }
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    Renderer::styled().term_width(width().unwrap_or(DEFAULT_TERM_WIDTH)).render(&[group])
}

/// The line a finding points at. One about a secret points at the name and not at the value, which may have any shape.
fn shown<'a>(finding: &Diagnostic, line: &'a str) -> Cow<'a, str> {
    const ABOUT_SECRETS: [&str; 8] = ["DW2301", "DW2302", "DW2303", "DW2304", "DW2305", "DW2306", "DW2307", "DW2308"];
    if ABOUT_SECRETS.contains(&finding.code.as_str()) {
        Cow::Owned(secret::without_value(line))
    } else {
        Cow::Borrowed(line)
    }
}

/// Why a run stopped, on stderr.
pub(crate) fn failure(failure: &Failure, root: &Path) {
    tell!("{RED}error{RED:#}: {}", clean(&failure.message));
    if !failure.findings.is_empty() {
        tell!("\n{}\n", findings(root, &failure.findings).trim_end());
    }
    if let Some(help) = &failure.help {
        tell!("  {CYAN}help{CYAN:#}: {}", clean(help));
    }
    for question in &failure.questions {
        tell!("\n  {BOLD}{}{BOLD:#} ({})", clean(&question.text), question.id);
        for evidence in &question.evidence {
            tell!("    {DIM}{}{DIM:#}", clean(evidence));
        }
        if !question.choices.is_empty() {
            tell!("    choices: {}", clean(&question.choices.join(", ")));
        }
        tell!(
            "    default: {}",
            if question.default.is_empty() { "none".to_owned() } else { clean(&question.default.join(", ")) }
        );
    }
}

/// `1 route`, `2 routes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A diff in colours.
pub(crate) fn diff(text: &str) {
    for line in text.lines() {
        let line = clean(line);
        let style = match line.as_bytes().first() {
            Some(b'+') if !line.starts_with("+++") => GREEN,
            Some(b'-') if !line.starts_with("---") => AnsiColor::Red.on_default(),
            Some(b'@') => CYAN,
            Some(b'+' | b'-') => BOLD,
            _ => Style::new(),
        };
        say!("{style}{line}{style:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_drives_the_terminal_or_shows_a_key() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(clean(&format!("k=sk_test_{}", "x1".repeat(20))), "k=[a secret key]");
        assert_eq!(clean("GET /orders/{id}"), "GET /orders/{id}");
    }
}
