//! actix-web 4: facts about the framework and the crates around it.

mod attributes;
mod discover;
mod routes;
mod tables;
mod templates;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework = Framework {
    id: "actix",
    packages: &["actix-web", "utoipa-actix-web", "paperclip"],
    engine: Engine::Rust(discover::discover),
    emission: None,
};
