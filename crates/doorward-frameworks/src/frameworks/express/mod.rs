//! Express 4 and 5: facts about the framework and the packages around it.

pub(in crate::frameworks) mod discover;
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

/// Packages whose middleware, or whose functions that are given an application, answer requests of their own: their
/// routes are in a document, in decorators, or in the package itself.
pub(crate) static SERVES_ROUTES: &[&str] = &[
    "@adminjs/express",
    "@apollo/server",
    "@bull-board/express",
    "@feathersjs/express",
    "@graphql-yoga/node",
    "@trpc/server",
    "adminjs",
    "apollo-server-express",
    "auto-load",
    "better-auth",
    "bull-arena",
    "exegesis-express",
    "express-graphql",
    "express-http-proxy",
    "express-list-endpoints",
    "express-openapi",
    "express-status-monitor",
    "express-ws",
    "finale-rest",
    "graphql-http",
    "graphql-yoga",
    "http-proxy-middleware",
    "include-all",
    "inversify-express-utils",
    "json-server",
    "next",
    "next-auth",
    "nuxt",
    "oas-tools",
    "oas3-tools",
    "oauth2-server",
    "oidc-provider",
    "openapi-backend",
    "parse-dashboard",
    "parse-server",
    "postgraphile",
    "require-all",
    "require-dir",
    "require-directory",
    "routing-controllers",
    "serve-index",
    "supertokens-node",
    "swagger-express-middleware",
    "swagger-node-runner",
    "swagger-tools",
    "uploadthing",
];

/// Packages that serve something of their own where they are mounted.
pub(crate) static SERVES_PAGES: &[&str] = &["express.static", "serve-static"];
