//! `cargo xtask ci`: everything CI runs, cheapest first, stopping at the first failure.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::table::{self, Outcome};
use crate::{Repo, no_arguments, packages, process};

/// One command that has to succeed.
struct Step {
    name: String,
    /// From the root of the repository; the root itself is empty.
    folder: String,
    env: &'static [(&'static str, &'static str)],
    command: Vec<&'static str>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Check,
    /// Its last lines are repeated at the end: they say how many tests ran.
    Test,
    /// Not run, for this reason.
    Skip(&'static str),
}

impl Step {
    fn new(kind: Kind, name: &str, command: &[&'static str]) -> Self {
        Step { name: name.to_owned(), folder: String::new(), env: &[], command: command.to_vec(), kind }
    }

    fn env(self, env: &'static [(&'static str, &'static str)]) -> Self {
        Step { env, ..self }
    }

    fn inside(self, folder: String) -> Self {
        Step { name: format!("{} in {folder}", self.name), folder, ..self }
    }

    /// What to type to run this step alone.
    fn line(&self) -> String {
        let mut line = String::new();
        for (name, value) in self.env {
            line.push_str(&format!("{name}='{value}' "));
        }
        if let Some((program, args)) = self.command.split_first() {
            line.push_str(&process::line(program, args));
        }
        if self.folder.is_empty() { line } else { format!("(cd {} && {line})", self.folder) }
    }

    fn run(&self, repo: &Repo) -> Result<(bool, Vec<String>)> {
        let Some((program, args)) = self.command.split_first() else { return Ok((true, Vec::new())) };
        let mut command = process::command(program, args, &repo.root.join(&self.folder));
        command.env("CI", "true").envs(self.env.iter().copied());
        if self.kind == Kind::Test {
            let (status, closing) = process::run_remembering(command)?;
            Ok((status.success(), closing))
        } else {
            Ok((process::run(command)?.success(), Vec::new()))
        }
    }
}

/// The steps, in order. A new one is a new line.
fn steps(repo: &Repo, packages: &[PathBuf]) -> Vec<Step> {
    use Kind::{Check, Skip, Test};
    let mut steps = vec![
        Step::new(Check, "format", &["cargo", "fmt", "--all", "--check"]),
        Step::new(Check, "tidy", &["cargo", "xtask", "tidy"]),
        Step::new(
            Check,
            "licences, bans, sources",
            &["cargo", "deny", "--offline", "--locked", "check", "licenses", "bans", "sources"],
        ),
        Step::new(Skip("needs the network, run `cargo deny check advisories`"), "advisories", &[]),
        Step::new(
            Check,
            "clippy",
            &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        ),
        Step::new(Check, "docs", &["cargo", "doc", "--workspace", "--lib", "--no-deps", "--locked"])
            .env(&[("RUSTDOCFLAGS", "-D warnings")]),
    ];
    if process::output("cargo", &["nextest", "--version"], &repo.root).is_some() {
        steps.push(Step::new(Test, "tests", &["cargo", "nextest", "run", "--workspace", "--locked"]));
        steps.push(Step::new(Test, "doc tests", &["cargo", "test", "--doc", "--workspace", "--locked"]));
    } else {
        steps.push(Step::new(Test, "tests", &["cargo", "test", "--workspace", "--locked"]));
    }
    steps.push(Step::new(Check, "the command", &["cargo", "build", "--workspace", "--bin", "doorward", "--locked"]));
    for folder in packages.iter().filter(|it| packages::has_script(it, "test")) {
        steps.push(Step::new(Test, "npm test", &["npm", "test"]).inside(packages::relative(repo, folder)));
    }
    steps.push(Step::new(
        Test,
        "end to end",
        &[
            "cargo",
            "test",
            "-p",
            "doorward-cli",
            "--features",
            "e2e",
            "--test",
            "e2e",
            "--locked",
            "--",
            "--test-threads=1",
        ],
    ));
    steps
}

pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    no_arguments(args)?;
    let started = Instant::now();
    // Before the other steps are known: they depend on which tools and packages are there.
    let setup = Step::new(Kind::Check, "setup", &["cargo", "xtask", "setup"]);
    let mut run = Run::default();
    if run.step(repo, &setup)? {
        for step in steps(repo, &packages::find(repo)?) {
            run.step(repo, &step)?;
        }
    }

    println!("\n{}\n  total    {:>8}", table::render(&run.rows), table::seconds(started.elapsed()));
    for (name, closing) in &run.closing {
        println!("\n{name}:\n{}", closing.join("\n"));
    }
    match run.failed {
        None => Ok(ExitCode::SUCCESS),
        Some(failed) => {
            eprintln!("\n{} failed; run it again with\n  {}", failed.0, failed.1);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What has happened so far.
#[derive(Default)]
struct Run {
    rows: Vec<(String, Outcome)>,
    closing: Vec<(String, Vec<String>)>,
    failed: Option<(String, String)>,
}

impl Run {
    /// Runs a step unless one has failed before, and says whether all is still well.
    fn step(&mut self, repo: &Repo, step: &Step) -> Result<bool> {
        let outcome = match step.kind {
            _ if self.failed.is_some() => Outcome::NotRun,
            Kind::Skip(reason) => Outcome::Skipped(reason),
            Kind::Check | Kind::Test => {
                println!("\n=== {}: {}", step.name, step.line());
                let started = Instant::now();
                let (ok, closing) = step.run(repo)?;
                let time = started.elapsed();
                println!("=== {}: {} in {}", step.name, if ok { "ok" } else { "FAILED" }, table::seconds(time));
                if !closing.is_empty() {
                    self.closing.push((step.name.clone(), closing));
                }
                if ok {
                    Outcome::Passed(time)
                } else {
                    self.failed = Some((step.name.clone(), step.line()));
                    Outcome::Failed(time)
                }
            }
        };
        self.rows.push((step.name.clone(), outcome));
        Ok(self.failed.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Repo {
        Repo::current().unwrap()
    }

    #[test]
    fn a_step_says_how_to_run_it_alone() {
        let docs = Step::new(Kind::Check, "docs", &["cargo", "doc"]).env(&[("RUSTDOCFLAGS", "-D warnings")]);
        assert_eq!(docs.line(), "RUSTDOCFLAGS='-D warnings' cargo doc");
        let npm = Step::new(Kind::Test, "npm test", &["npm", "test"]).inside("examples/orders".to_owned());
        assert_eq!(npm.line(), "(cd examples/orders && npm test)");
    }

    #[test]
    fn nothing_runs_after_a_failure() {
        let mut run = Run::default();
        assert!(run.step(&here(), &Step::new(Kind::Check, "works", &["cargo", "--version"])).unwrap());
        assert!(!run.step(&here(), &Step::new(Kind::Check, "fails", &["cargo", "--no-such-flag"])).unwrap());
        assert!(!run.step(&here(), &Step::new(Kind::Check, "later", &["cargo", "--version"])).unwrap());
        let last: Vec<&Outcome> = run.rows.iter().map(|it| &it.1).collect();
        assert!(matches!(last.as_slice(), [Outcome::Passed(_), Outcome::Failed(_), Outcome::NotRun]));
        assert_eq!(run.failed.unwrap().1, "cargo --no-such-flag");
    }

    #[test]
    fn a_skipped_step_is_not_a_failure() {
        let mut run = Run::default();
        assert!(run.step(&here(), &Step::new(Kind::Skip("no network"), "advisories", &[])).unwrap());
        assert_eq!(run.rows.first().unwrap().1, Outcome::Skipped("no network"));
    }
}
