//! Files that must break a rule, each with its reason.
//!
//! `xtask/tidy-exceptions.txt` has one exception a line: the rule, the file, and why. A file that ends with `/` is a folder.
//! An exception stays visible as a note, and one that nothing needs any more is itself a violation.

use std::fs;

use anyhow::Result;

use super::Violation;
use crate::Repo;

const LIST: &str = "xtask/tidy-exceptions.txt";

#[derive(Debug, PartialEq, Eq)]
struct Exception {
    line: usize,
    rule: String,
    file: String,
}

impl Exception {
    fn covers(&self, violation: &Violation) -> bool {
        let is_here =
            if self.file.ends_with('/') { violation.file.starts_with(&self.file) } else { violation.file == self.file };
        self.rule == violation.rule && is_here
    }
}

#[derive(Debug)]
pub(super) struct Exceptions(Vec<Exception>);

impl Exceptions {
    pub(super) fn load(repo: &Repo) -> Result<Self> {
        Self::parse(&fs::read_to_string(repo.root.join(LIST)).unwrap_or_default())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut exceptions = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(rule), Some(file), Some(_reason)) = (words.next(), words.next(), words.next()) else {
                anyhow::bail!(
                    "{LIST}:{line_number}: an exception is a rule, a file and a reason, for example `key docs/a.md a published test vector`"
                );
            };
            exceptions.push(Exception { line: line_number, rule: rule.to_owned(), file: file.to_owned() });
        }
        Ok(Exceptions(exceptions))
    }

    /// What is allowed, and what is not.
    pub(super) fn split(&self, found: Vec<Violation>) -> (Vec<Violation>, Vec<Violation>) {
        found.into_iter().partition(|it| self.0.iter().any(|exception| exception.covers(it)))
    }

    pub(super) fn unused(&self, allowed: &[Violation]) -> Vec<Violation> {
        let unused = self.0.iter().filter(|exception| !allowed.iter().any(|it| exception.covers(it)));
        unused
            .map(|it| Violation {
                rule: "exception",
                file: LIST.to_owned(),
                line: it.line,
                message: format!("nothing in `{}` breaks the rule `{}`", it.file, it.rule),
                help: "delete this line".to_owned(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(file: &str) -> Violation {
        Violation { rule: "key", file: file.to_owned(), line: 1, message: String::new(), help: String::new() }
    }

    #[test]
    fn an_exception_covers_its_file_and_no_other() {
        let exceptions = Exceptions::parse("# comment\n\nkey docs/a.md a published vector\n").unwrap();
        let (allowed, refused) = exceptions.split(vec![violation("docs/a.md"), violation("docs/a.md.bak")]);
        assert_eq!(allowed, [violation("docs/a.md")]);
        assert_eq!(refused, [violation("docs/a.md.bak")]);
        assert!(exceptions.unused(&allowed).is_empty());
    }

    #[test]
    fn a_folder_covers_what_is_in_it() {
        let exceptions = Exceptions::parse("key docs/keys/ published vectors\n").unwrap();
        let (allowed, refused) = exceptions.split(vec![violation("docs/keys/a.md"), violation("docs/keys.md")]);
        assert_eq!((allowed.len(), refused.len()), (1, 1));
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        assert!(
            Exceptions::parse("key docs/a.md\n").unwrap_err().to_string().starts_with("xtask/tidy-exceptions.txt:1:")
        );
    }

    #[test]
    fn an_exception_that_nothing_needs_is_refused() {
        let exceptions = Exceptions::parse("key docs/a.md a published vector\n").unwrap();
        assert_eq!(exceptions.unused(&[]).first().unwrap().line, 1);
    }
}
