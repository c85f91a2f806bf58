//! The language engine for JavaScript and TypeScript.
//!
//! It parses modules, follows imports, and evaluates the code that runs when a program starts, as far as that can
//! be known without running it. It knows nothing about any framework: values of packages stay symbolic, and a
//! [`Host`](eval::Host) says what calling them means.

pub(crate) mod aliases;
pub(crate) mod ask;
pub(crate) mod chain;
pub(crate) mod eval;
mod files;
pub(crate) mod flow;
pub(crate) mod guards;
pub(crate) mod ir;
pub(crate) mod lower;
pub(crate) mod packages;
pub(crate) mod pattern;
pub(crate) mod program;
mod reach;
pub(crate) mod required;
mod scan;
pub(crate) mod shapes;
mod silence;
pub(crate) mod stranger;
mod tried;
#[expect(dead_code, reason = "types are for frameworks that come next")]
pub(crate) mod types;
pub(crate) mod value;
