//! `cargo xtask soak`: the long randomised tests.

use std::process::ExitCode;

use anyhow::Result;

use crate::{Repo, USAGE};

pub(crate) fn soak(_: &Repo, _: &[String]) -> Result<ExitCode> {
    eprintln!("no long-running test is built yet");
    Ok(ExitCode::from(USAGE))
}
