//! Next.js 13 to 16: route handlers of the App Router, API routes of the Pages Router, and what runs before them.

mod actions;
mod config;
mod discover;
mod exports;
mod files;
mod findings;
mod host;
mod middleware;
mod shape;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework =
    Framework { id: "next", packages: &["next"], engine: Engine::JavaScript(discover::discover), emission: None };

/// The methods that a route file may export.
pub(crate) static METHODS: &[&str] = &["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"];
