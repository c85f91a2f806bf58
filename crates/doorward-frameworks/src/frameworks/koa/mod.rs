//! Koa 2 and 3, with the routers people use: facts about them. doorward reads their routes; it writes no guards yet.

mod discover;
mod host;
mod templates;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework =
    Framework { id: "koa", packages: &["koa"], engine: Engine::JavaScript(discover::discover), emission: None };

/// Packages whose default export makes a router.
static ROUTERS: &[&str] = &["@koa/router", "koa-router", "koa-joi-router"];

/// The methods a router has a function for, in lower case.
static VERBS: &[&str] = &[
    "get",
    "post",
    "put",
    "delete",
    "patch",
    "options",
    "head",
    "all",
    "del",
    "link",
    "unlink",
    "copy",
    "move",
    "lock",
    "unlock",
    "mkcol",
    "propfind",
    "proppatch",
    "purge",
    "report",
    "search",
    "subscribe",
    "unsubscribe",
    "trace",
];
