//! The language engine for Rust.
//!
//! It parses crates, follows modules, `use` and dependencies inside the tree, and evaluates code that builds values
//! by chains of calls, as far as that can be known without running it. It knows nothing about any framework: what
//! other crates offer stays symbolic, as a [`Term`](value::Term), and a framework says what a term means.

pub(crate) mod eval;
pub(crate) mod flow;
pub(crate) mod ir;
pub(crate) mod lower;
pub(crate) mod macros;
pub(crate) mod packages;
pub(crate) mod program;
pub(crate) mod value;
