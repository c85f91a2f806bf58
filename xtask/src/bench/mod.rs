//! `cargo xtask bench`: compares our speed with others'.

mod discover;
pub(crate) mod measure;
pub(crate) mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{Repo, USAGE};

/// What to measure, and how to tell it.
#[derive(Debug, Default)]
struct Options {
    json: bool,
    /// Measured instead of a generated tree.
    tree: Option<PathBuf>,
    /// How often each program runs.
    runs: usize,
    /// Leave out the programs of others, and the largest tree.
    quick: bool,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Options { runs: 5, ..Options::default() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("`{arg}` needs a value"));
            match arg.as_str() {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                "--tree" => options.tree = Some(value()?.into()),
                "--runs" => options.runs = value()?.parse::<usize>().context("`--runs` needs a number")?.max(1),
                _ => anyhow::bail!("`{arg}` is not understood"),
            }
        }
        Ok(options)
    }
}

/// Where programs are built.
pub(crate) fn target(repo: &Repo) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo.root.join("target"), PathBuf::from)
}

pub(crate) fn bench(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    match args.split_first() {
        Some((name, rest)) if name == "discover" => discover::run(repo, &Options::parse(rest)?),
        _ => {
            eprintln!("cargo xtask bench discover [--tree PATH] [--runs N] [--quick] [--json]");
            Ok(ExitCode::from(USAGE))
        }
    }
}
