//! A crate is called like its folder, and the workspace's lints hold in it.

use std::fs;

use anyhow::{Context, Result};

use super::Violation;
use crate::Repo;

pub(super) fn check(repo: &Repo, files: &[String]) -> Result<Vec<Violation>> {
    let read =
        |file: &str| fs::read_to_string(repo.root.join(file)).with_context(|| format!("could not read `{file}`"));
    let mut found: Vec<Violation> = check_workspace(&read("Cargo.toml")?).into_iter().collect();
    for file in files {
        if let Some(folder) = crate_folder(file) {
            found.extend(check_crate(file, folder, &read(file)?));
        }
    }
    Ok(found)
}

/// `doorward-probe` for `crates/doorward-probe/Cargo.toml`; `None` for anything that is not a crate of this workspace.
fn crate_folder(file: &str) -> Option<&str> {
    let folder = file.strip_suffix("/Cargo.toml")?;
    let folder = folder.strip_prefix("crates/").unwrap_or(folder);
    (!folder.contains('/')).then_some(folder)
}

fn check_crate(file: &str, folder: &str, manifest: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let name = value(manifest, "package", "name");
    match name {
        Some((_, name)) if name == folder => {}
        Some((line, name)) => found.push(violation(
            file,
            line,
            format!("crate `{name}` is in folder `{folder}`"),
            "give both the same name, so that a name is also a place",
        )),
        None => found.push(violation(file, 1, "the crate has no name".to_owned(), "add `name` to `[package]`")),
    }
    let lints = value(manifest, "lints", "workspace").or_else(|| value(manifest, "", "lints.workspace"));
    if lints.map(|it| it.1) != Some("true") {
        found.push(violation(
            file,
            lints.map_or(1, |it| it.0),
            "the lints of the workspace, `unsafe_code` among them, do not hold here".to_owned(),
            "add `[lints]` with `workspace = true`",
        ));
    }
    found
}

fn check_workspace(manifest: &str) -> Option<Violation> {
    let unsafe_code = value(manifest, "workspace.lints.rust", "unsafe_code");
    (unsafe_code.map(|it| it.1) != Some("forbid")).then(|| {
        violation(
            "Cargo.toml",
            unsafe_code.map_or(1, |it| it.0),
            "unsafe code is not forbidden".to_owned(),
            "write `unsafe_code = \"forbid\"` in `[workspace.lints.rust]`",
        )
    })
}

/// A value written plainly in a table, and its line. Our own manifests are that plain, and this crate needs no TOML parser.
fn value<'a>(manifest: &'a str, table: &str, key: &str) -> Option<(usize, &'a str)> {
    let mut current = "";
    for (index, line) in manifest.lines().enumerate() {
        let line = line.split('#').next().unwrap_or(line).trim();
        if let Some(header) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            current = header.trim();
        } else if let Some((name, value)) = line.split_once('=')
            && current == table
            && name.trim() == key
        {
            return Some((index + 1, value.trim().trim_matches('"')));
        }
    }
    None
}

fn violation(file: &str, line: usize, message: String, help: &str) -> Violation {
    Violation { rule: "crate", file: file.to_owned(), line, message, help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"doorward-probe\"\n\n[lints]\nworkspace = true # all of them\n";

    fn refused(manifest: &str) -> Vec<(usize, String)> {
        let found = check_crate("crates/doorward-probe/Cargo.toml", "doorward-probe", manifest);
        found.into_iter().map(|it| (it.line, it.message)).collect()
    }

    #[test]
    fn a_crate_like_its_folder_is_accepted_and_another_name_is_not() {
        assert_eq!(refused(GOOD), []);
        let other = GOOD.replace("-probe", "-attack");
        assert_eq!(refused(&other), [(2, "crate `doorward-attack` is in folder `doorward-probe`".to_owned())]);
    }

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_is_refused() {
        let lints = "the lints of the workspace, `unsafe_code` among them, do not hold here".to_owned();
        assert_eq!(refused(&GOOD.replace("[lints]\nworkspace = true", "")), [(1, lints.clone())]);
        assert_eq!(refused(&GOOD.replace("= true", "= false")), [(5, lints)]);
    }

    #[test]
    fn only_crates_of_the_workspace_are_crates() {
        assert_eq!(crate_folder("crates/doorward/Cargo.toml"), Some("doorward"));
        assert_eq!(crate_folder("xtask/Cargo.toml"), Some("xtask"));
        assert_eq!(crate_folder("Cargo.toml"), None);
        assert_eq!(crate_folder("crates/doorward-frameworks/tests/fixtures/axum/Cargo.toml"), None);
    }

    #[test]
    fn unsafe_code_has_to_be_forbidden_and_not_merely_denied() {
        assert_eq!(check_workspace("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"), None);
        assert_eq!(check_workspace("[workspace.lints.rust]\nunsafe_code = \"deny\"\n").unwrap().line, 2);
        assert_eq!(check_workspace("[workspace.lints.clippy]\nunsafe_code = \"forbid\"\n").unwrap().line, 1);
    }
}
