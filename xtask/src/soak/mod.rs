//! `cargo xtask soak`: the long randomised tests.

mod discover;

use std::process::ExitCode;

use anyhow::Result;

use crate::{Repo, USAGE};

pub(crate) fn soak(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    match args.split_first() {
        Some((name, rest)) if name == "discover" => discover::run(repo, rest),
        _ => {
            eprintln!("cargo xtask soak discover [--minutes N] [--seed N]");
            Ok(ExitCode::from(USAGE))
        }
    }
}
