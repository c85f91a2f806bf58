//! Express 4 and 5: facts about the framework and the packages around it.

mod discover;
mod emit;

use super::{Emission, Engine, Framework};

pub(crate) static FRAMEWORK: Framework = Framework {
    id: "express",
    packages: &["express"],
    engine: Engine::JavaScript(discover::discover),
    emission: Some(Emission { sdk: emit::PACKAGE, replaced: emit::REPLACED, emit: emit::emit }),
};

/// The methods a router has a function for, in lower case.
pub(crate) static VERBS: &[&str] = &[
    "get",
    "post",
    "put",
    "delete",
    "patch",
    "options",
    "head",
    "all",
    "checkout",
    "copy",
    "lock",
    "merge",
    "mkactivity",
    "mkcol",
    "move",
    "m-search",
    "notify",
    "propfind",
    "proppatch",
    "purge",
    "report",
    "search",
    "subscribe",
    "trace",
    "unlock",
    "unsubscribe",
    "link",
    "unlink",
    "bind",
    "rebind",
    "unbind",
    "acl",
    "mkcalendar",
    "source",
    "query",
];

/// Packages that give an application or a router of Express.
pub(crate) static ROUTER_PACKAGES: &[&str] = &["express-promise-router"];

/// Packages that serve something of their own where they are mounted.
pub(crate) static SERVES_PAGES: &[&str] = &["express.static", "serve-static"];
