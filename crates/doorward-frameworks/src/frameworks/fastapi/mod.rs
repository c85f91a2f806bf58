//! FastAPI, and Starlette underneath: facts about the frameworks and the packages around them.

mod answers;
mod discover;
mod entry;
mod fields;
mod findings;
mod guards;
mod host;
mod listing;
mod middleware;
mod parameters;
mod paths;
mod probe;
mod routes;
mod schemas;
mod shapes;
mod told;
mod walk;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework = Framework {
    id: "fastapi",
    packages: &["fastapi", "starlette"],
    engine: Engine::Python(discover::discover),
    emission: None,
};

/// What makes an application, by the full name.
pub(crate) static APPS: &[&str] = &[
    "fastapi.FastAPI",
    "fastapi.applications.FastAPI",
    "starlette.applications.Starlette",
    "fastapi_offline.FastAPIOffline",
];

/// What makes a router, by the full name.
pub(crate) static ROUTERS: &[&str] = &[
    "fastapi.APIRouter",
    "fastapi.routing.APIRouter",
    "starlette.routing.Router",
    "fastapi_utils.inferring_router.InferringRouter",
    "fastapi_restful.inferring_router.InferringRouter",
    "fastapi_crudrouter.core.APIRouter",
];

/// Words of modules that make applications or do something to them.
pub(crate) static SERVING: &[&str] = &[
    "FastAPI",
    "Starlette",
    "APIRouter",
    "include_router",
    "add_api_route",
    "add_route",
    "add_api_websocket_route",
    "add_websocket_route",
    "add_middleware",
    ".mount(",
    ".routes",
];

/// The methods an application and a router have a function for.
pub(crate) static VERBS: &[&str] = &["get", "post", "put", "delete", "patch", "options", "head", "trace"];

/// A router that a package makes.
pub(crate) struct MadeRouter {
    /// What makes it.
    pub(crate) name: &'static str,
    /// Its routes: method, path, and whether it asks for a user.
    pub(crate) routes: &'static [(&'static str, &'static str, bool)],
}

/// Routers that `fastapi-users` makes.
pub(crate) static USERS_ROUTERS: &[MadeRouter] = &[
    MadeRouter { name: "get_auth_router", routes: &[("POST", "/login", false), ("POST", "/logout", true)] },
    MadeRouter { name: "get_register_router", routes: &[("POST", "/register", false)] },
    MadeRouter {
        name: "get_reset_password_router",
        routes: &[("POST", "/forgot-password", false), ("POST", "/reset-password", false)],
    },
    MadeRouter {
        name: "get_verify_router",
        routes: &[("POST", "/request-verify-token", false), ("POST", "/verify", false)],
    },
    MadeRouter {
        name: "get_users_router",
        routes: &[
            ("GET", "/me", true),
            ("PATCH", "/me", true),
            ("GET", "/{id}", true),
            ("PATCH", "/{id}", true),
            ("DELETE", "/{id}", true),
        ],
    },
    MadeRouter { name: "get_oauth_router", routes: &[("GET", "/authorize", false), ("GET", "/callback", false)] },
    MadeRouter {
        name: "get_oauth_associate_router",
        routes: &[("GET", "/authorize", true), ("GET", "/callback", true)],
    },
];

/// Packages that are given an application to run, test, watch or describe it. They serve nothing of their own.
pub(crate) static HARMLESS_TAKERS: &[&str] = &[
    "uvicorn",
    "hypercorn",
    "granian",
    "gunicorn",
    "daphne",
    "mangum",
    "asyncio",
    "anyio",
    "fastapi",
    "starlette",
    "httpx",
    "sentry_sdk",
    "opentelemetry",
    "logging",
    "loguru",
    "structlog",
    "fastapi_pagination",
    "fastapi_restful",
    "fastapi_utils",
    "slowapi",
    "asgi_lifespan",
    "functools",
    "contextlib",
    "typing",
    "logfire",
    "ddtrace",
    "newrelic",
    "elasticapm",
    "socketio",
];

/// Middleware that never keeps anybody out for who they are, by the last part of its name.
pub(crate) static HARMLESS_MIDDLEWARE: &[&str] = &[
    "CORSMiddleware",
    "GZipMiddleware",
    "BrotliMiddleware",
    "HTTPSRedirectMiddleware",
    "TrustedHostMiddleware",
    "SessionMiddleware",
    "ProxyHeadersMiddleware",
    "CorrelationIdMiddleware",
    "SlowAPIMiddleware",
    "SlowAPIASGIMiddleware",
    "PrometheusMiddleware",
    "SentryAsgiMiddleware",
    "OpenTelemetryMiddleware",
    "RawContextMiddleware",
    "ContextMiddleware",
    "DBSessionMiddleware",
    "SQLAlchemyMiddleware",
    "ServerErrorMiddleware",
    "ExceptionMiddleware",
    // It tells who the caller is and lets everybody pass.
    "AuthenticationMiddleware",
];
