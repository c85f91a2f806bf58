//! The chores of this repository, as `cargo xtask <command>`.
//!
//! One module per command. They only start programs, read files and print: whatever a user of doorward could want lives in
//! a crate instead.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "these are programs that talk to the person who started them")]

mod bench;
mod bless;
mod ci;
mod demo;
mod packages;
mod process;
mod setup;
mod soak;
mod table;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

/// A chore: its name, what it does in a sentence, and how to do it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&Repo, &[String]) -> Result<ExitCode>,
}

/// Every chore, in the order in which a newcomer meets them.
static COMMANDS: &[Command] = &[
    Command { name: "setup", about: "make this machine ready: tools, npm packages", run: setup::run },
    Command { name: "ci", about: "run everything CI runs, cheapest first", run: ci::run },
    Command { name: "demo", about: "secure the example and attack it, before your eyes", run: demo::run },
    Command {
        name: "tidy",
        about: "check what compilers do not: keys, paths, names, the core's dependencies",
        run: tidy::run,
    },
    Command { name: "bless", about: "update snapshots, goldens and generated runtime files", run: bless::run },
    Command { name: "bench", about: "compare our speed with others' [NAME] [--json]", run: bench::bench },
    Command { name: "soak", about: "run the long randomised tests", run: soak::soak },
];

/// The exit code for a command line we do not understand, the same as doorward's own.
const USAGE: u8 = 2;

/// The checkout we work on.
pub(crate) struct Repo {
    pub(crate) root: PathBuf,
}

impl Repo {
    fn current() -> Result<Self> {
        // Read when running, not when compiling: two checkouts may share a target folder, and with it this very program.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = PathBuf::from(manifest);
        let root = root.parent().ok_or_else(|| anyhow::anyhow!("`xtask` has no parent folder"))?;
        Ok(Repo { root: root.to_owned() })
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = args.collect();
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|it| it.name == name) else {
        eprint!("there is no chore called `{name}`\n\n{}", usage());
        return ExitCode::from(USAGE);
    };
    match Repo::current().and_then(|repo| (command.run)(&repo, &rest)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let mut text = "cargo xtask <command>\n\n".to_owned();
    for Command { name, about, .. } in COMMANDS {
        text.push_str(&format!("  {name:<8}{about}\n"));
    }
    text
}

/// Refuses arguments on behalf of a command that takes none.
pub(crate) fn no_arguments(args: &[String]) -> Result<()> {
    match args.first() {
        None => Ok(()),
        Some(it) => anyhow::bail!("`{it}` is not understood, this command takes no arguments"),
    }
}
