//! The core depends on exactly what the committed list says.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use super::Violation;
use crate::{Repo, process};

/// One name a line, sorted; `#` starts a comment.
const LIST: &str = "xtask/core-dependencies.txt";

/// Every system's dependencies, so that the list is the same on each.
const TREE: &[&str] = &["tree", "-p", "doorward", "-e", "normal", "--prefix", "none", "--target", "all", "--locked"];

pub(super) fn check(repo: &Repo) -> Result<Vec<Violation>> {
    let tree = process::output("cargo", TREE, &repo.root)
        .with_context(|| format!("`{}` failed", process::line("cargo", TREE)))?;
    let list = fs::read_to_string(repo.root.join(LIST)).with_context(|| format!("could not read `{LIST}`"))?;
    Ok(compare(&tree, &list))
}

fn compare(tree: &str, list: &str) -> Vec<Violation> {
    let actual: BTreeSet<&str> = tree.lines().filter_map(|it| it.split_whitespace().next()).collect();
    let listed = || list.lines().enumerate().filter_map(|(index, line)| Some((index + 1, name(line)?)));
    let known: BTreeSet<&str> = listed().map(|it| it.1).collect();

    let mut found = Vec::new();
    for added in actual.difference(&known) {
        // Where the line belongs.
        let line = listed().find(|it| it.1 > *added).map_or(list.lines().count() + 1, |it| it.0);
        found.push(violation(
            line,
            format!("the core now depends on `{added}`"),
            "a new dependency of the core is a conversation: do without it, or add its line here and say why in DESIGN.md",
        ));
    }
    for (line, gone) in listed().filter(|it| !actual.contains(it.1)) {
        found.push(violation(line, format!("the core no longer depends on `{gone}`"), "delete this line"));
    }
    found
}

fn name(line: &str) -> Option<&str> {
    let name = line.split('#').next()?.trim();
    (!name.is_empty()).then_some(name)
}

fn violation(line: usize, message: String, help: &str) -> Violation {
    Violation { rule: "core-dependencies", file: LIST.to_owned(), line, message, help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "doorward v0.1.0 (somewhere)\nbase64 v0.23.1\nserde v1.0.229\nserde_derive v1.0.229 (proc-macro)\nserde v1.0.229 (*)";

    fn refused(list: &str) -> Vec<(usize, String)> {
        compare(TREE, list).into_iter().map(|it| (it.line, it.message)).collect()
    }

    #[test]
    fn the_same_names_are_accepted_whatever_their_versions() {
        assert_eq!(refused("# why so few\nbase64\ndoorward\nserde # derives\nserde_derive\n"), []);
    }

    #[test]
    fn a_new_dependency_is_refused_where_its_line_belongs() {
        assert_eq!(refused("base64\ndoorward\nserde_derive\n"), [(3, "the core now depends on `serde`".to_owned())]);
        assert_eq!(refused("base64\ndoorward\nserde\n"), [(4, "the core now depends on `serde_derive`".to_owned())]);
    }

    #[test]
    fn a_dependency_that_is_gone_leaves_the_list() {
        let list = "base64\ndoorward\nmemchr\nserde\nserde_derive\n";
        assert_eq!(refused(list), [(3, "the core no longer depends on `memchr`".to_owned())]);
    }
}
