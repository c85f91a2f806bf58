//! `cargo xtask setup`: makes a fresh machine ready.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Repo, no_arguments, packages, process};

/// A program that has to be there, and from which version on.
struct Tool {
    name: &'static str,
    version: &'static [&'static str],
    least: (u32, u32),
    remedy: &'static str,
}

static TOOLS: &[Tool] = &[
    Tool {
        name: "Rust",
        version: &["rustc", "--version"],
        least: (1, 95),
        remedy: "install rustup; it reads `rust-toolchain.toml` and fetches the right release",
    },
    Tool {
        name: "rustfmt",
        version: &["cargo", "fmt", "--version"],
        least: (1, 0),
        remedy: "run `rustup component add rustfmt`",
    },
    Tool {
        name: "Clippy",
        version: &["cargo", "clippy", "--version"],
        least: (0, 1),
        remedy: "run `rustup component add clippy`",
    },
    Tool {
        name: "Node.js",
        version: &["node", "--version"],
        least: (20, 0),
        remedy: "install Node.js 20 or newer; the runtime files and the examples are tested with it",
    },
    Tool {
        name: "npm",
        version: &["npm", "--version"],
        least: (9, 0),
        remedy: "install the npm that comes with Node.js",
    },
    Tool {
        name: "Python",
        version: &["python3", "--version"],
        least: (3, 11),
        remedy: "install Python 3.11 or newer, so that `python3` starts it",
    },
];

/// The release of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    no_arguments(args)?;
    let mut problems = Vec::new();
    for tool in TOOLS {
        match check(repo, tool) {
            Ok(version) => println!("{}: {version}", tool.name),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        anyhow::bail!("this machine is not ready\n{}", problems.join("\n"));
    }
    // cargo-deny reads the crates of every system, and a build fetches only its own.
    process::run_ok("cargo", &["fetch", "--locked"], &repo.root)?;
    // The servers in Rust that discovery is compared with are built by a test, which asks no registry.
    let oracle = repo.root.join("crates/doorward-frameworks/tests/oracle/rust");
    process::run_ok("cargo", &["fetch", "--locked"], &oracle)?;
    cargo_deny(repo)?;
    for folder in packages::find(repo)? {
        packages::install(repo, &folder)?;
    }
    for folder in packages::find_python(repo)? {
        packages::install_python(repo, &folder)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(repo: &Repo, tool: &Tool) -> Result<String, String> {
    let Tool { name, version, least: (major, minor), remedy } = tool;
    let printed = version.split_first().and_then(|(program, args)| process::output(program, args, &repo.root));
    let Some(printed) = printed else {
        return Err(format!("  {name} was not found\n    help: {remedy}"));
    };
    match parse_version(&printed) {
        Some(found) if found >= (*major, *minor) => Ok(printed),
        _ => Err(format!("  {name} {major}.{minor} or newer is needed, this is `{printed}`\n    help: {remedy}")),
    }
}

/// Major and minor number out of `v20.20.2`, `Python 3.11.7` or `rustc 1.95.0 (f2d3ce0bd 2026-03-21)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split(['.', '-']);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

fn cargo_deny(repo: &Repo) -> Result<()> {
    if let Some(version) = process::output("cargo", &["deny", "--version"], &repo.root) {
        println!("cargo-deny: {version}");
        return Ok(());
    }
    println!("cargo-deny: not there, building {CARGO_DENY}, which takes a few minutes");
    process::run_ok("cargo", &["install", "cargo-deny", "--version", CARGO_DENY, "--locked"], &repo.root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_print() {
        assert_eq!(parse_version("v20.20.2"), Some((20, 20)));
        assert_eq!(parse_version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(parse_version("rustc 1.95.0 (f2d3ce0bd 2026-03-21)"), Some((1, 95)));
        assert_eq!(parse_version("rustfmt 1.9.0-stable (f2d3ce0bd 2026-03-21)"), Some((1, 9)));
        assert_eq!(parse_version("no number here"), None);
    }

    #[test]
    fn ten_is_newer_than_nine() {
        assert!(parse_version("3.11.0") > parse_version("3.9.18"));
        assert!(parse_version("v18.19.0") < Some((20, 0)));
    }
}
