//! One module per command.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod discover;
pub(crate) mod emulate;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod plan;
pub(crate) mod token;
pub(crate) mod undo;
pub(crate) mod verify;

use clap::CommandFactory as _;

use crate::Outcome;
use crate::args::Arguments;
use crate::exit::Exit;

/// `doorward completions`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Outcome {
    // Into memory first: the generator panics when its reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "doorward", &mut script);
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
    Ok(Exit::Ok)
}
