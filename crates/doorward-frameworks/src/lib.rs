//! Reads servers written in the frameworks doorward knows, and writes their guards.
//!
//! [`discover`] turns a source tree into an [`Analysis`]: which routes there are, what guards them, and where an
//! edit may go.

mod frameworks;
mod js;
mod model;
mod project;
mod walk;

pub use model::*;
pub use project::{DiscoverError, DiscoverOptions, discover};
