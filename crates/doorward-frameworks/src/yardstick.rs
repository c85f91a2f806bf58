//! The least that discovery could cost, for `cargo xtask bench`.

use std::path::Path;

use rayon::prelude::*;

use crate::walk::{self, Kind};
use crate::{js, rs, stack};

/// Walks the tree under `root`, reads and parses what [`discover`](crate::discover) would, and forgets it. Returns how
/// many files there were.
#[must_use]
pub fn parse_alone(root: &Path) -> usize {
    let Ok(pool) = stack::pool() else { return 0 };
    let mut count = 0;
    for (kind, files) in walk::walk(root).sources {
        count += files.len();
        pool.install(|| {
            files.into_par_iter().for_each(|(path, text)| match kind {
                Kind::JavaScript => js::lower::parse_alone(&path, &text),
                Kind::Python => drop(ruff_python_parser::parse_module(&text)),
                Kind::Rust => rs::lower::parse_alone(&text),
            });
        });
    }
    count
}
