//! The `doorward` command: arguments in, rendering and exit codes out. The work is done by the libraries.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod output;
mod progress;
mod project;
mod questions;

use clap::Parser as _;

use args::{Arguments, Command};
use exit::{Exit, Failure};

// Reading a tree is a great many small allocations on several threads; with this one, large trees take half the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse().with_folder();
    arguments.color.apply();
    let json = arguments.json;
    let outcome = match &arguments.command {
        Command::Discover(flags) => commands::discover::run(&arguments, flags),
        Command::Plan(options) => commands::plan::run(&arguments, options),
        Command::Apply(options) => commands::apply::run(&arguments, options),
        Command::Undo => commands::undo::run(&arguments),
        Command::Check(options) => commands::check::run(&arguments, options),
        Command::Verify(options) => commands::verify::run(&arguments, options),
        Command::Emulate(options) => commands::emulate::run(&arguments, options),
        Command::Token(options) => commands::token::run(&arguments, options),
        Command::Export(options) => commands::export::run(&arguments, options),
        Command::Explain(options) => commands::explain::run(&arguments, options),
        Command::Completions { shell } => commands::completions(*shell),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => report(&failure, json, &arguments),
    }
}

fn report(failure: &Failure, json: bool, arguments: &Arguments) -> std::process::ExitCode {
    if json {
        output::json(
            arguments.command.name(),
            false,
            &failure.findings,
            &serde_json::json!({ "error": failure.message, "help": failure.help, "questions": failure.questions }),
        );
    }
    output::failure(failure, &arguments.root);
    failure.exit.into()
}

/// What every command returns.
type Outcome = Result<Exit, Failure>;
