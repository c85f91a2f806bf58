//! Reads servers written in the frameworks doorward knows, and writes their guards.
//!
//! [`discover`] turns a source tree into an [`Analysis`]: which routes there are, what guards them, and where an
//! edit may go. [`plan`] turns it and a policy into changes, and [`apply`] writes them.

mod apply;
pub mod edit;
mod facts;
mod frameworks;
mod js;
mod libraries;
mod manifest;
mod model;
mod plan;
mod project;
mod py;
#[expect(dead_code, reason = "actix-web and the shapes of bodies follow")]
mod rs;
mod source;
mod stack;
mod walk;
mod yardstick;

pub use apply::{ApplyError, STATE, apply, load_state, read, remember, save_state, undo, write};
pub use frameworks::{known_frameworks, runs_on_node, writes_guards};
pub use model::*;
pub use plan::{Change, LOCK, Plan, plan};
pub use project::{DiscoverError, DiscoverOptions, discover};
#[doc(hidden)]
pub use yardstick::parse_alone;
