//! Fastify 4 and 5: facts about the framework and the packages around it.

mod discover;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework =
    Framework { id: "fastify", packages: &["fastify"], engine: Engine::JavaScript(discover::discover), emission: None };

/// The methods an instance has a function for, in lower case. Version 5 has the first nine; others are added with
/// `addHttpMethod`, or are those of version 4.
static VERBS: &[&str] = &[
    "get",
    "head",
    "post",
    "put",
    "patch",
    "delete",
    "options",
    "trace",
    "query",
    "all",
    "search",
    "propfind",
    "proppatch",
    "mkcol",
    "copy",
    "move",
    "lock",
    "unlock",
    "report",
    "mkcalendar",
];

/// The hooks that run before a handler, in the order in which they run.
static PHASES: &[&str] = &["onRequest", "preParsing", "preValidation", "preHandler"];

/// Methods of an instance that give the instance back.
static CHAINABLE: &[&str] = &[
    "withTypeProvider",
    "setValidatorCompiler",
    "setSerializerCompiler",
    "setSchemaController",
    "setSchemaErrorFormatter",
    "setReplySerializer",
    "setErrorHandler",
    "setNotFoundHandler",
    "setGenReqId",
    "setChildLoggerFactory",
    "addSchema",
    "addContentTypeParser",
    "removeContentTypeParser",
    "removeAllContentTypeParsers",
    "addConstraintStrategy",
    "addHttpMethod",
    "decorateRequest",
    "decorateReply",
];

/// What registering a package's plugin does.
struct Plugin {
    package: &'static str,
    serves: Serves,
    /// The members it adds to the instance.
    decorates: &'static [&'static str],
}

/// The routes a package's plugin adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serves {
    /// None.
    Nothing,
    /// Those of `discover/packages.rs`, which reads its options.
    Known,
    /// Some, under the prefix in this option, or under this default.
    Below { option: &'static str, default: &'static str },
}

const fn plain(package: &'static str) -> Plugin {
    Plugin { package, serves: Serves::Nothing, decorates: &[] }
}

const fn decorator(package: &'static str, decorates: &'static [&'static str]) -> Plugin {
    Plugin { package, serves: Serves::Nothing, decorates }
}

const fn server(package: &'static str) -> Plugin {
    Plugin { package, serves: Serves::Known, decorates: &[] }
}

const fn below(package: &'static str, option: &'static str, default: &'static str) -> Plugin {
    Plugin { package, serves: Serves::Below { option, default }, decorates: &[] }
}

/// The packages whose plugins are known. Any other may add routes and hooks that no reading of the project shows.
static PLUGINS: &[Plugin] = &[
    plain("@clerk/fastify"),
    plain("@fastify/accepts"),
    plain("@fastify/accepts-serializer"),
    plain("@fastify/aws-lambda"),
    plain("@fastify/caching"),
    plain("@fastify/circuit-breaker"),
    plain("@fastify/compress"),
    plain("@fastify/cookie"),
    plain("@fastify/cors"),
    plain("@fastify/diagnostics-channel"),
    plain("@fastify/early-hints"),
    plain("@fastify/elasticsearch"),
    plain("@fastify/env"),
    plain("@fastify/error"),
    plain("@fastify/etag"),
    plain("@fastify/flash"),
    plain("@fastify/formbody"),
    plain("@fastify/funky"),
    plain("@fastify/helmet"),
    plain("@fastify/hotwire"),
    plain("@fastify/jwt"),
    plain("@fastify/kafka"),
    plain("@fastify/leveldb"),
    plain("@fastify/mongodb"),
    plain("@fastify/multipart"),
    plain("@fastify/mysql"),
    plain("@fastify/nats"),
    plain("@fastify/otel"),
    plain("@fastify/passport"),
    plain("@fastify/postgres"),
    plain("@fastify/redis"),
    plain("@fastify/reply-from"),
    plain("@fastify/request-context"),
    plain("@fastify/response-validation"),
    plain("@fastify/routes"),
    plain("@fastify/schedule"),
    plain("@fastify/secure-session"),
    plain("@fastify/sensible"),
    plain("@fastify/server-sent-events"),
    plain("@fastify/sse"),
    plain("@fastify/session"),
    plain("@fastify/soap-client"),
    plain("@fastify/swagger"),
    plain("@fastify/type-provider-typebox"),
    plain("@fastify/type-provider-json-schema-to-ts"),
    plain("@fastify/url-data"),
    plain("@fastify/view"),
    plain("@fastify/websocket"),
    plain("@fastify/zipkin"),
    plain("@immobiliarelabs/fastify-sentry"),
    plain("@immobiliarelabs/fastify-tracer"),
    plain("@mgcrea/fastify-request-logger"),
    plain("@mgcrea/fastify-session"),
    plain("@platformatic/sql-mapper"),
    plain("close-with-grace"),
    plain("fastify-bree"),
    plain("fastify-cron"),
    plain("fastify-favicon"),
    plain("fastify-file-upload"),
    plain("fastify-graceful-shutdown"),
    plain("fastify-ip"),
    plain("fastify-knexjs"),
    plain("fastify-list-routes"),
    plain("fastify-mailer"),
    plain("fastify-mongoose-api"),
    plain("fastify-multer"),
    plain("fastify-no-icon"),
    plain("fastify-print-routes"),
    plain("fastify-qs"),
    plain("fastify-raw-body"),
    plain("fastify-route-stats"),
    plain("fastify-sse"),
    plain("fastify-sse-v2"),
    plain("fastify-supabase"),
    plain("fastify-type-provider-zod"),
    plain("fastify-xml-body-parser"),
    plain("fastify-zod-openapi"),
    plain("middie"),
    plain("typeorm-fastify-plugin"),
    decorator("@fastify/auth", &["auth"]),
    decorator("@fastify/basic-auth", &["basicAuth"]),
    decorator("@fastify/bearer-auth", &["verifyBearerAuth", "verifyBearerAuthFactory"]),
    decorator("@fastify/csrf-protection", &["csrfProtection"]),
    decorator("@fastify/express", &[]),
    decorator("@fastify/middie", &[]),
    decorator("@fastify/rate-limit", &["rateLimit"]),
    decorator("fastify-auth0-verify", &["authenticate"]),
    server("@fastify/http-proxy"),
    server("@fastify/oauth2"),
    server("@fastify/static"),
    server("@fastify/swagger-ui"),
    server("@fastify/under-pressure"),
    server("@trpc/server"),
    server("fastify-healthcheck"),
    server("fastify-metrics"),
    server("mercurius"),
    server("under-pressure"),
    below("@as-integrations/fastify", "path", "/graphql"),
    below("@bull-board/fastify", "prefix", "/"),
    below("@fastify/nextjs", "prefix", "/"),
    below("@fastify/vite", "prefix", "/"),
    below("@scalar/fastify-api-reference", "routePrefix", "/reference"),
    below("fastify-openapi-docs", "prefix", "/docs"),
    below("fastify-openapi-glue", "prefix", "/"),
    below("fastify-swagger", "routePrefix", "/documentation"),
];

/// Functions of packages, or methods of what they give, that fail for callers without credentials.
static VERIFIERS: &[(&str, &[&str])] = &[
    ("jsonwebtoken", &["verify"]),
    ("jose", &["jwtVerify", "compactVerify", "jwtDecrypt"]),
    ("fast-jwt", &["createVerifier"]),
    ("firebase-admin", &["verifyIdToken", "verifySessionCookie"]),
    ("@clerk/backend", &["verifyToken", "verifyWebhook"]),
    ("@clerk/fastify", &["verifyToken", "verifyWebhook"]),
    ("google-auth-library", &["verifyIdToken"]),
    ("aws-jwt-verify", &["verify"]),
    ("svix", &["verify"]),
];
