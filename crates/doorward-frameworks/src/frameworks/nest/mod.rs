//! NestJS 10 and later: facts about the framework and the packages around it. doorward reads its routes; it writes no
//! guards yet.

mod decorators;
mod discover;
mod guards;
mod host;
mod middleware;
mod modules;
mod paths;
mod shape;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework = Framework {
    id: "nestjs",
    packages: &["@nestjs/core", "@nestjs/common"],
    engine: Engine::JavaScript(discover::discover),
    emission: None,
};

const COMMON: &str = "@nestjs/common";

/// Decorators of `@nestjs/common` that make a method a route, and the method it answers.
static VERBS: &[(&str, &str)] = &[
    ("Get", "GET"),
    ("Post", "POST"),
    ("Put", "PUT"),
    ("Delete", "DELETE"),
    ("Patch", "PATCH"),
    ("Options", "OPTIONS"),
    ("Head", "HEAD"),
    ("All", "ALL"),
    ("Search", "SEARCH"),
    ("Propfind", "PROPFIND"),
    ("Proppatch", "PROPPATCH"),
    ("Mkcol", "MKCOL"),
    ("Copy", "COPY"),
    ("Move", "MOVE"),
    ("Lock", "LOCK"),
    ("Unlock", "UNLOCK"),
    ("Sse", "GET"),
];

/// Packages whose modules serve nothing by themselves. Those of Nest itself are known one by one.
static QUIET: &[&str] = &[
    "nestjs-pino",
    "nestjs-cls",
    "nest-winston",
    "nestjs-zod",
    "nestjs-i18n",
    "nestjs-config",
    "nestjs-otel",
    "nestjs-kysely",
    "nestjs-prisma",
    "nestjs-typegoose",
    "nestjs-form-data",
    "nestjs-real-ip",
    "nest-raven",
    "nest-commander",
    "nestjs-telegraf",
    "@willsoto/nestjs-prometheus",
    "@sentry/nestjs",
    "@sentry/nestjs/setup",
    "@songkeys/nestjs-redis",
    "@liaoliaots/nestjs-redis",
    "@golevelup/nestjs-rabbitmq",
    "@golevelup/nestjs-discovery",
    "@nestjs-modules/mailer",
    "@nestjs-modules/ioredis",
    "@mikro-orm/nestjs",
    "@willsoto/nestjs-objection",
    "nest-keycloak-connect",
    "@casl/ability",
];

/// Guards of packages that have nothing to do with who is asking.
static NOT_ABOUT_CALLERS: &[&str] = &["@nestjs/throttler", "@nestjs/cache-manager", "nestjs-throttler"];
