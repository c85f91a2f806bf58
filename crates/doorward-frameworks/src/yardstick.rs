//! The least that discovery could cost, for `cargo xtask bench`.

use std::path::Path;

use rayon::prelude::*;

use crate::walk::{self, Kind};
use crate::{js, rs, stack};

/// Walks the tree under `root`, reads and parses what [`discover`](crate::discover) would, and forgets it. Returns how
/// many files there were.
#[must_use]
pub fn parse_alone(root: &Path) -> usize {
    let all = || {
        let sources = walk::walk(root).sources;
        let count = sources.values().map(Vec::len).sum();
        for (kind, files) in sources {
            files.into_par_iter().for_each(|(path, text)| match kind {
                Kind::JavaScript => js::lower::parse_alone(&path, &text),
                Kind::Python => drop(ruff_python_parser::parse_module(&text)),
                Kind::Rust => rs::lower::parse_alone(&text),
            });
        }
        count
    };
    stack::with_stack(all).unwrap_or(0)
}
