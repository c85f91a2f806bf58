//! Documents made of what doorward knows, to hand on to people and to other tools.
//!
//! Everything here is a function from data to text: nothing is read, nothing is written, and the same data gives the
//! same bytes. All of the data comes from the target, so every writer escapes it for its own format, and no writer
//! lets a secret through.

mod html;
mod markdown;
mod openapi;
mod sarif;
mod schema;
mod survey;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use openapi::{openapi, to_json, to_yaml};
pub use sarif::sarif;
pub use schema::type_text;
pub use survey::{Counts, Group, Same, Survey, UNREAD, groups, mounted_at, places, same, unsure_by, why_unsure};
