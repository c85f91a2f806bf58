//! axum 0.6 to 0.8: facts about the framework and the crates around it.

mod discover;
mod documented;
pub(crate) mod methods;
mod mounts;
mod templates;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework = Framework {
    id: "axum",
    packages: &["axum", "utoipa-axum", "aide"],
    engine: Engine::Rust(discover::discover),
    emission: None,
};
