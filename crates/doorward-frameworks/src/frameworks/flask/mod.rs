//! Flask 2 and 3: facts about the framework and the packages around it.

mod discover;

use super::{Engine, Framework};

pub(crate) static FRAMEWORK: Framework =
    Framework { id: "flask", packages: &["flask"], engine: Engine::Python(discover::discover), emission: None };

/// Methods that an application or a blueprint has a decorator for.
static VERBS: &[&str] = &["get", "post", "put", "delete", "patch"];

/// Methods a class of views may answer.
static METHODS: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options", "trace"];

/// Decorators of packages that refuse strangers, by dotted name.
static GUARDS: &[&str] = &[
    "flask_httpauth.HTTPBasicAuth.login_required",
    "flask_httpauth.HTTPDigestAuth.login_required",
    "flask_httpauth.HTTPTokenAuth.login_required",
    "flask_httpauth.MultiAuth.login_required",
    "flask_jwt_extended.fresh_jwt_required",
    "flask_jwt_extended.jwt_required",
    "flask_jwt_extended.view_decorators.jwt_required",
    "flask_login.fresh_login_required",
    "flask_login.login_required",
    "flask_login.utils.login_required",
    "flask_principal.Permission.require",
    "flask_security.auth_required",
    "flask_security.auth_token_required",
    "flask_security.decorators.auth_required",
    "flask_security.http_auth_required",
    "flask_security.login_required",
    "flask_security.permissions_required",
    "flask_security.roles_accepted",
    "flask_security.roles_required",
    "flask_user.login_required",
    "flask_user.roles_required",
    "flask_praetorian.auth_required",
    "flask_praetorian.roles_required",
];

/// Packages that register routes of their own on an application they are given.
static SERVES_ROUTES: &[&str] = &[
    "connexion",
    "flasgger",
    "flask_admin",
    "flask_appbuilder",
    "flask_debugtoolbar",
    "flask_dance",
    "flask_graphql",
    "flask_restless",
    "flask_security",
    "flask_smorest",
    "flask_swagger_ui",
    "flask_user",
    "graphql_server",
    "prometheus_flask_exporter",
    "strawberry",
];
