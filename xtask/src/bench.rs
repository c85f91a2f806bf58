//! `cargo xtask bench` and `cargo xtask soak`: names that are taken, for programs that do not exist yet.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Repo, USAGE};

pub(crate) fn bench(_: &Repo, _: &[String]) -> Result<ExitCode> {
    eprintln!("no benchmark is built yet");
    Ok(ExitCode::from(USAGE))
}

pub(crate) fn soak(_: &Repo, _: &[String]) -> Result<ExitCode> {
    eprintln!("no long-running test is built yet");
    Ok(ExitCode::from(USAGE))
}
