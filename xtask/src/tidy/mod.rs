//! `cargo xtask tidy`: what compilers and linters do not check.
//!
//! - [`keys`]: nothing in the repository looks like a secret.
//! - [`places`]: nothing names a folder of one person's machine or the registry packages came from.
//! - [`names`]: every file can be checked out on every system.
//! - [`crates`]: a crate is called like its folder, and the workspace's lints hold in it.
//! - [`core`]: the core depends on exactly what the committed list says.
//!
//! A file that must break a rule is named in `xtask/tidy-exceptions.txt` with the reason; see [`exceptions`].

mod core;
mod crates;
mod exceptions;
mod keys;
mod names;
mod places;

use std::fmt;
use std::fs;
use std::process::ExitCode;

use anyhow::Result;

use crate::{Repo, no_arguments, process};
use exceptions::Exceptions;

/// Something that should not be so, where it is, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// What exceptions call it.
    rule: &'static str,
    /// From the root of the repository, with `/`.
    file: String,
    /// Counted from 1.
    line: usize,
    message: String,
    help: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { rule, file, line, message, help } = self;
        write!(f, "{file}:{line}: {message} [{rule}]\n  help: {help}")
    }
}

/// What a rule that reads files is given.
struct Text<'a> {
    file: &'a str,
    text: &'a str,
}

impl<'a> Text<'a> {
    fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The rules that look at one text at a time.
static TEXT_RULES: &[fn(&Text<'_>) -> Vec<Violation>] = &[keys::check, places::check_folders, places::check_registries];

pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    no_arguments(args)?;
    let files = files(repo)?;
    let mut found = names::check(&files);
    for file in &files {
        // A file that git knows and the folder lacks is about to be deleted.
        let Ok(bytes) = fs::read(repo.root.join(file)) else { continue };
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        for rule in TEXT_RULES {
            found.extend(rule(&Text { file, text }));
        }
    }
    found.extend(crates::check(repo, &files)?);
    found.extend(core::check(repo)?);

    let exceptions = Exceptions::load(repo)?;
    let (allowed, mut refused) = exceptions.split(found);
    refused.extend(exceptions.unused(&allowed));
    for violation in &allowed {
        println!("note: {}:{}: {} [{}, allowed]", violation.file, violation.line, violation.message, violation.rule);
    }
    for violation in &refused {
        println!("{violation}");
    }
    if refused.is_empty() {
        println!("tidy: {} files are in order", files.len());
        Ok(ExitCode::SUCCESS)
    } else {
        println!("tidy: {} to repair", refused.len());
        Ok(ExitCode::FAILURE)
    }
}

/// Every file in git, and every file that `git add` would put there.
fn files(repo: &Repo) -> Result<Vec<String>> {
    let listed = process::output("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"], &repo.root)
        .ok_or_else(|| {
            anyhow::anyhow!("`git ls-files` failed, so there is nothing to check; tidy needs a git checkout")
        })?;
    let mut files: Vec<String> = listed.split('\0').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

#[cfg(test)]
fn messages(rule: fn(&Text<'_>) -> Vec<Violation>, file: &str, text: &str) -> Vec<String> {
    rule(&Text { file, text }).iter().map(|it| format!("{}:{}: {}", it.file, it.line, it.message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_names_the_place_and_the_way_out() {
        let violation = Violation {
            rule: "key",
            file: "a/b.rs".to_owned(),
            line: 3,
            message: "looks like a key".to_owned(),
            help: "remove it".to_owned(),
        };
        assert_eq!(violation.to_string(), "a/b.rs:3: looks like a key [key]\n  help: remove it");
    }

    #[test]
    fn this_repository_lists_its_own_files() {
        let files = files(&Repo::current().unwrap()).unwrap();
        assert!(files.iter().any(|it| it == "Cargo.toml"));
        assert!(!files.iter().any(|it| it.starts_with("target/")));
    }
}
