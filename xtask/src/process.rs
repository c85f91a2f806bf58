//! Starting other programs, and showing which.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How many of a test runner's last lines are worth repeating at the end of a long log.
const CLOSING_LINES: usize = 12;

/// `program` as this system can start it.
fn executable(program: &str) -> &str {
    // npm is a script there, and `Command` finds only real programs without the extension.
    if cfg!(windows) && program == "npm" { "npm.cmd" } else { program }
}

/// A command that never waits for a person: its input is empty.
pub(crate) fn command(program: &str, args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(executable(program));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command
}

/// Runs to the end; the output goes where ours goes.
pub(crate) fn run(mut command: Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("could not start {}", shown_program(&command)))
}

/// Like [`run`], but an unhappy exit is an error.
pub(crate) fn run_ok(program: &str, args: &[&str], dir: &Path) -> Result<()> {
    let status = run(command(program, args, dir))?;
    anyhow::ensure!(status.success(), "`{}` failed ({status})", line(program, args));
    Ok(())
}

/// Standard output of a command that succeeds, or `None` when it is missing or fails.
pub(crate) fn output(program: &str, args: &[&str], dir: &Path) -> Option<String> {
    let output = command(program, args, dir).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Like [`run`], and also returns the last lines that were shown.
pub(crate) fn run_remembering(mut command: Command) -> Result<(ExitStatus, Vec<String>)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", shown_program(&command)))?;
    let last = Arc::new(Mutex::new(VecDeque::new()));
    let readers = [
        child.stdout.take().map(|it| spawn_reader(it, std::io::stdout(), &last)),
        child.stderr.take().map(|it| spawn_reader(it, std::io::stderr(), &last)),
    ];
    let status = child.wait()?;
    // A server that a test forgot to stop holds the other end of the pipe, perhaps for ever; it must not hold us too.
    let patience = Instant::now() + Duration::from_secs(5);
    while readers.iter().flatten().any(|it| !it.is_finished()) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
    let last = last.lock().map(|mut it| it.drain(..).collect()).unwrap_or_default();
    Ok((status, last))
}

type LastLines = Mutex<VecDeque<String>>;

fn spawn_reader(
    from: impl Read + Send + 'static,
    to: impl Write + Send + 'static,
    last: &Arc<LastLines>,
) -> JoinHandle<()> {
    let last = Arc::clone(last);
    std::thread::spawn(move || pass_on(from, to, &last))
}

fn pass_on(from: impl Read, mut to: impl Write, last: &LastLines) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    while from.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        // A closed terminal is no reason to stop: the exit code still counts.
        let _ = to.write_all(&bytes).and_then(|()| to.flush());
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if let (false, Ok(mut last)) = (text.is_empty(), last.lock()) {
            last.push_back(text);
            if last.len() > CLOSING_LINES {
                last.pop_front();
            }
        }
        bytes.clear();
    }
}

/// A command line that can be pasted into a shell.
pub(crate) fn line(program: &str, args: &[&str]) -> String {
    let mut text = program.to_owned();
    for arg in args {
        text.push(' ');
        if arg.contains(|it: char| it.is_whitespace() || "\"*$&|;<>(){}[]?~".contains(it)) {
            text.push_str(&format!("'{arg}'"));
        } else {
            text.push_str(arg);
        }
    }
    text
}

fn shown_program(command: &Command) -> String {
    format!("`{}`", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_quotes_what_a_shell_would_split() {
        assert_eq!(line("npm", &["run", "two words"]), "npm run 'two words'");
        assert_eq!(line("cargo", &["--config", "a=\"*\""]), "cargo --config 'a=\"*\"'");
        assert_eq!(line("npm", &["run", "--one=2"]), "npm run --one=2");
    }

    #[test]
    fn the_lines_and_the_exit_code_come_back() {
        let (status, last) = run_remembering(command("cargo", &["--version"], Path::new("."))).unwrap();
        assert!(status.success());
        assert!(last.last().unwrap().starts_with("cargo "));
        let (status, last) = run_remembering(command("cargo", &["--no-such-flag"], Path::new("."))).unwrap();
        assert!(!status.success());
        assert!(last.iter().any(|it| it.contains("--no-such-flag")));
    }

    #[test]
    fn only_the_closing_lines_are_remembered() {
        let text: String = (1..=40).map(|it| format!("line {it}\n\n")).collect();
        let last = Mutex::new(VecDeque::new());
        let mut shown = Vec::new();
        pass_on(text.as_bytes(), &mut shown, &last);
        assert_eq!(shown, text.as_bytes(), "everything is passed on");
        let last: Vec<String> = last.into_inner().unwrap().into();
        assert_eq!(last.len(), CLOSING_LINES);
        assert_eq!(last.last().unwrap(), "line 40");
    }
}
