//! `cargo xtask bless`: accepts what the code now produces as what it should produce.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Repo, no_arguments, packages, process};

/// Where the shipped JavaScript is made out of the shipped TypeScript.
const RUNTIME: &str = "crates/doorward-frameworks/tests/runtime";

pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    no_arguments(args)?;
    // First, because the goldens contain these files.
    let runtime = repo.root.join(RUNTIME);
    if runtime.join("package.json").is_file() {
        packages::install(repo, &runtime)?;
        process::run_ok("npm", &["run", "build"], &runtime)?;
    }
    // One refused snapshot must not keep the next crate from being updated.
    let mut test = process::command("cargo", &["test", "--workspace", "--locked", "--no-fail-fast"], &repo.root);
    test.env("INSTA_UPDATE", "always");
    let tested = process::run(test)?;

    let changed = process::output("git", &["status", "--short"], &repo.root).unwrap_or_default();
    if changed.is_empty() {
        println!("\nnothing changed");
    } else {
        println!("\n{changed}\n\nread the difference before committing it: `git diff`");
    }
    anyhow::ensure!(tested.success(), "a test still fails, and it is not a matter of snapshots");
    Ok(ExitCode::SUCCESS)
}
