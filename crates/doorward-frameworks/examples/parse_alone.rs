//! What reading costs without understanding: the yardstick of `cargo xtask bench discover`.

#![expect(clippy::print_stdout, reason = "this is a program that talks to the one who started it")]

use std::path::PathBuf;

fn main() {
    let root: PathBuf = std::env::args_os().nth(1).unwrap_or_else(|| ".".into()).into();
    println!("{}", doorward_frameworks::parse_alone(&root));
}
