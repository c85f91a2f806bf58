//! The language engine for Python.
//!
//! It parses modules, follows imports, and evaluates the code that runs when a program starts, as far as that can
//! be known without running it. It knows nothing about any framework: values of packages stay symbolic, and a
//! [`Host`](eval::Host) says what calling them, decorating with them and inheriting from them means.
//!
//! How a framework is written over it:
//!
//! 1. Implement [`Host`](eval::Host). Calls of what comes from packages arrive at `call`, with the dotted name of the
//!    callee ([`External::name`](value::External::name)); return [`Value::Host`](value::Value::Host) with a number of
//!    your own for objects you follow. What is done to such an object arrives at `method`, `invoke`, `attribute` and
//!    `assign`, in the order the program does it. A decorator is a call with the function or class as its argument.
//! 2. Make an [`Eval`](eval::Eval), [`load`](eval::Eval::load) the modules of the package, then
//!    [`sweep`](eval::Eval::sweep) for factories that only a server calls.
//! 3. Read your own records; [`Eval`](eval::Eval) still answers questions about functions, classes and annotations
//!    ([`annotation`](eval::Eval::annotation), [`class_attribute`](eval::Eval::class_attribute)), and
//!    [`what_if`](eval::Eval::what_if) runs a function on assumed arguments, to see whether it lets a caller pass.

pub(crate) mod eval;
pub(crate) mod external;
pub(crate) mod guards;
pub(crate) mod imports;
pub(crate) mod packages;
pub(crate) mod program;
pub(crate) mod scope;
pub(crate) mod stdlib;
pub(crate) mod value;

#[cfg(test)]
mod tests;
