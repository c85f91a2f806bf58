//! Hono 4: facts about the framework and the packages around it. doorward reads its routes; it writes no guards yet.

mod discover;
mod host;
mod paths;
mod shape;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework = Framework {
    id: "hono",
    packages: &["hono", "@hono/zod-openapi"],
    engine: Engine::JavaScript(discover::discover),
    emission: None,
};

/// The methods an application has a function for, in lower case.
static VERBS: &[&str] = &["get", "post", "put", "delete", "options", "patch", "all"];

/// Packages of Hono that never answer in a handler's place.
static MIDDLEWARE: &[&str] = &[
    "hono/cors",
    "hono/logger",
    "hono/pretty-json",
    "hono/secure-headers",
    "hono/etag",
    "hono/compress",
    "hono/csrf",
    "hono/timing",
    "hono/timeout",
    "hono/request-id",
    "hono/body-limit",
    "hono/cache",
    "hono/context-storage",
    "hono/trailing-slash",
    "hono/language",
    "hono/ip-restriction",
    "hono/jwt",
    "hono/jwk",
    "hono/basic-auth",
    "hono/bearer-auth",
    "@hono/clerk-auth",
    "@clerk/hono",
    "@hono/sentry",
    "@hono/zod-validator",
];
