//! The HTTP face of the instance: keys, the Backend API that servers call, and the control endpoint.
//!
//! Clerk's SDK reads a body as JSON only when the content type is exactly `application/json`, so every answer here
//! says just that.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::directory::{Identity, Membership};
use crate::emulator::unix_now;
use crate::forge::Forge;
use crate::secret::Secret;
use crate::signer::{Signer, TokenClass};

/// How the key endpoints misbehave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// They answer with this status.
    Down(u16),
    /// They answer after so many milliseconds.
    Slow(u64),
    /// They answer 200 with a page of HTML.
    Garbage,
    /// They answer 200 with an empty key set.
    Empty,
}

/// The header that carries the control token.
pub(crate) const CONTROL_HEADER: &str = "x-doorward-control";

/// What every handler may read.
pub(crate) struct Shared {
    pub(crate) signer: Arc<Signer>,
    pub(crate) secret_key: Secret,
    pub(crate) control: Secret,
    pub(crate) fault: RwLock<Fault>,
    /// Whether other machines may call it by other names. Never for the control endpoint.
    pub(crate) any_host: bool,
}

type App = State<Arc<Shared>>;

/// Everything the instance answers to.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let backend = Router::new()
        .route("/v1/jwks", get(jwks))
        .route("/v1/users", get(users))
        .route("/v1/users/count", get(user_count))
        .route("/v1/users/{id}", get(user))
        .route("/v1/users/{id}/organization_memberships", get(memberships_of_user))
        .route("/v1/organizations", get(organizations))
        .route("/v1/organizations/{id}", get(organization))
        .route("/v1/organizations/{id}/memberships", get(memberships_of_organization))
        .route("/v1/sessions", post(create_session))
        .route("/v1/sessions/{id}", get(session))
        .route("/v1/sessions/{id}/tokens", post(session_token))
        .route("/v1/sessions/{id}/tokens/{template}", post(template_token))
        // Clerk's SDKs ask these without the version, and its specification has it.
        .route("/api_keys/verify", post(verify_api_key))
        .route("/v1/api_keys/verify", post(verify_api_key))
        .route("/m2m_tokens/verify", post(verify_machine))
        .route("/v1/m2m_tokens/verify", post(verify_machine))
        .route("/oauth_applications/access_tokens/verify", post(verify_access_token))
        .route("/v1/oauth_applications/access_tokens/verify", post(verify_access_token))
        .route_layer(from_fn_with_state(Arc::clone(&shared), needs_secret_key));
    Router::new()
        .merge(backend)
        .route("/.well-known/jwks.json", get(jwks))
        .route("/_doorward/token", post(token))
        .fallback(|| async { not_found() })
        .layer(from_fn_with_state(Arc::clone(&shared), needs_loopback_host))
        .with_state(shared)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn ok(body: &Value) -> Response {
    answer(StatusCode::OK, body)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "message": message, "long_message": message, "code": code }] });
    answer(status, &body)
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "resource_not_found", "not found")
}

/// A page on the internet can point its own name at 127.0.0.1 and have a browser call us. The name stays in `Host`.
async fn needs_loopback_host(State(shared): App, request: Request, next: Next) -> Response {
    if shared.any_host && !request.uri().path().starts_with("/_doorward") {
        return next.run(request).await;
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    };
    match name {
        Some("127.0.0.1" | "localhost" | "::1") => next.run(request).await,
        _ => error(StatusCode::MISDIRECTED_REQUEST, "host_invalid", "this server answers to loopback names only"),
    }
}

async fn needs_secret_key(State(shared): App, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match given.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(key) if shared.secret_key.matches(key) => next.run(request).await,
        Some(_) => error(StatusCode::UNAUTHORIZED, "clerk_key_invalid", "the secret key is not this instance's"),
        None => error(StatusCode::UNAUTHORIZED, "authorization_header_format_invalid", "no secret key was sent"),
    }
}

async fn jwks(State(shared): App) -> Response {
    let fault = *shared.fault.read().unwrap_or_else(PoisonError::into_inner);
    let keys = shared.signer.instance().jwks();
    match fault {
        Fault::None => ok(&keys),
        Fault::Down(status) => error(
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            "internal_clerk_error",
            "the instance is down",
        ),
        Fault::Slow(milliseconds) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            ok(&keys)
        }
        Fault::Garbage => (StatusCode::OK, [(header::CONTENT_TYPE, "text/html")], "<html>").into_response(),
        Fault::Empty => ok(&json!({ "keys": [] })),
    }
}

#[derive(Deserialize)]
struct Page {
    limit: Option<usize>,
    offset: Option<usize>,
}

impl Page {
    fn of(&self, items: Vec<Value>) -> Vec<Value> {
        let limit = self.limit.unwrap_or(10).clamp(1, 500);
        items.into_iter().skip(self.offset.unwrap_or(0)).take(limit).collect()
    }

    fn list(&self, items: Vec<Value>) -> Value {
        let total = items.len();
        json!({ "data": self.of(items), "total_count": total })
    }
}

fn identities(shared: &Shared) -> Vec<Identity> {
    shared.signer.directory().identities().collect()
}

async fn users(State(shared): App, Query(page): Query<Page>) -> Response {
    ok(&Value::Array(page.of(identities(&shared).iter().map(user_body).collect())))
}

async fn user_count(State(shared): App) -> Response {
    ok(&json!({ "object": "total_count", "total_count": identities(&shared).len() }))
}

async fn user(State(shared): App, Path(id): Path<String>) -> Response {
    identities(&shared)
        .iter()
        .find(|identity| identity.user_id == id)
        .map_or_else(not_found, |found| ok(&user_body(found)))
}

async fn session(State(shared): App, Path(id): Path<String>) -> Response {
    owner(&shared, &id).map_or_else(not_found, |identity| ok(&session_body(&identity)))
}

/// Everybody has one session, which is always active: creating one finds it.
async fn create_session(State(shared): App, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let user = body.get("user_id").and_then(Value::as_str).unwrap_or_default();
    let found = identities(&shared).into_iter().find(|identity| identity.user_id == user);
    found.map_or_else(not_found, |identity| ok(&session_body(&identity)))
}

/// Tokens minted here have no `azp`, as at Clerk: there was no origin to name.
async fn session_token(State(shared): App, Path(id): Path<String>) -> Response {
    minted(&shared, &id, TokenClass::Session, &[Forge::RemoveClaim("azp".into())])
}

async fn template_token(State(shared): App, Path((id, _)): Path<(String, String)>) -> Response {
    minted(&shared, &id, TokenClass::Template, &[])
}

fn minted(shared: &Shared, session: &str, class: TokenClass, steps: &[Forge]) -> Response {
    let Some(identity) = owner(shared, session) else { return not_found() };
    match shared.signer.forge(&identity.persona, class, steps, unix_now()) {
        Ok(token) => ok(&json!({ "object": "token", "jwt": token })),
        Err(why) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal_clerk_error", &why.to_string()),
    }
}

fn owner(shared: &Shared, session: &str) -> Option<Identity> {
    identities(shared).into_iter().find(|identity| identity.session_id == session)
}

fn session_body(identity: &Identity) -> Value {
    json!({
        "object": "session",
        "id": identity.session_id,
        "user_id": identity.user_id,
        "client_id": null,
        "status": "active",
        "last_active_organization_id": identity.membership.as_ref().map(|membership| &membership.org_id),
        "last_active_at": CREATED,
        "expire_at": CREATED + 315_360_000_000_i64,
        "abandon_at": CREATED + 315_360_000_000_i64,
        "created_at": CREATED,
        "updated_at": CREATED,
    })
}

async fn memberships_of_user(State(shared): App, Path(id): Path<String>, Query(page): Query<Page>) -> Response {
    let all = identities(&shared);
    match all.iter().find(|identity| identity.user_id == id) {
        Some(identity) => ok(&page.list(membership_body(identity).into_iter().collect())),
        None => not_found(),
    }
}

async fn organizations(State(shared): App, Query(page): Query<Page>) -> Response {
    let directory = shared.signer.directory();
    let bodies =
        directory.organizations().iter().map(|slug| org_body(&directory.organization_id(slug), slug)).collect();
    ok(&page.list(bodies))
}

/// Whose token that is no JWT this is. SDKs disagree on what the member is called.
fn holder(shared: &Shared, body: &[u8], class: TokenClass) -> Option<Identity> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let token = ["token", "access_token", "secret"].iter().find_map(|name| body.get(name)?.as_str())?;
    let (directory, prefix) = (shared.signer.directory(), class.opaque_prefix()?);
    directory.identities().find(|identity| directory.opaque(prefix, &identity.persona.name) == token)
}

/// The answer to all three, but for what is particular to one.
fn opaque_body(object: &str, prefix: &str, identity: &Identity, particular: Value) -> Value {
    let hex: String = identity.user_id.bytes().rev().take(16).map(|byte| format!("{byte:02x}")).collect();
    let mut body = json!({
        "object": object,
        "id": format!("{prefix}_{hex}"),
        "subject": identity.user_id,
        "scopes": [],
        "claims": null,
        "revoked": false,
        "revocation_reason": null,
        "expired": false,
        "expiration": null,
        "last_used_at": null,
        "created_at": CREATED,
        "updated_at": CREATED,
    });
    if let (Value::Object(body), Value::Object(particular)) = (&mut body, particular) {
        body.extend(particular);
    }
    body
}

async fn verify_api_key(State(shared): App, body: Bytes) -> Response {
    holder(&shared, &body, TokenClass::ApiKey).map_or_else(not_found, |identity| {
        let particular = json!({ "type": "api_key", "name": "doorward", "description": null, "created_by": null });
        ok(&opaque_body("api_key", "ak", &identity, particular))
    })
}

async fn verify_machine(State(shared): App, body: Bytes) -> Response {
    holder(&shared, &body, TokenClass::OpaqueM2m).map_or_else(not_found, |identity| {
        let subject = identity.user_id.replacen("user_", "mch_", 1);
        ok(&opaque_body("machine_to_machine_token", "mt", &identity, json!({ "subject": subject })))
    })
}

async fn verify_access_token(State(shared): App, body: Bytes) -> Response {
    holder(&shared, &body, TokenClass::OpaqueOauth).map_or_else(not_found, |identity| {
        let particular = json!({ "client_id": "doorward", "scopes": ["openid", "profile"] });
        ok(&opaque_body("clerk_idp_oauth_access_token", "oat", &identity, particular))
    })
}

/// The backend takes a slug wherever it takes an organization's id.
fn find_organization(shared: &Shared, id: &str) -> Option<(String, String)> {
    let directory = shared.signer.directory();
    let named = directory.organizations().into_iter().map(|slug| (directory.organization_id(&slug), slug));
    named.into_iter().find(|(of, slug)| of == id || slug == id)
}

async fn organization(State(shared): App, Path(id): Path<String>) -> Response {
    find_organization(&shared, &id).map_or_else(not_found, |(id, slug)| ok(&org_body(&id, &slug)))
}

async fn memberships_of_organization(State(shared): App, Path(id): Path<String>, Query(page): Query<Page>) -> Response {
    let Some((id, _)) = find_organization(&shared, &id) else { return not_found() };
    let of = |identity: &Identity| identity.membership.as_ref().is_some_and(|membership| membership.org_id == id);
    let all = identities(&shared);
    ok(&page.list(all.iter().filter(|identity| of(identity)).filter_map(membership_body).collect()))
}

/// When everybody was created, in milliseconds. Nothing here depends on it.
const CREATED: i64 = 1_700_000_000_000;

fn user_body(identity: &Identity) -> Value {
    let name = &identity.persona.name;
    let email_id = format!("idn_{}", identity.user_id.trim_start_matches("user_"));
    json!({
        "object": "user",
        "id": identity.user_id,
        "username": null,
        "first_name": name,
        "last_name": null,
        "image_url": "",
        "has_image": false,
        "primary_email_address_id": email_id,
        "primary_phone_number_id": null,
        "primary_web3_wallet_id": null,
        "password_enabled": false,
        "two_factor_enabled": false,
        "totp_enabled": false,
        "backup_code_enabled": false,
        "email_addresses": [{
            "object": "email_address",
            "id": email_id,
            "email_address": format!("{name}@example.com"),
            "reserved": false,
            "verification": { "status": "verified", "strategy": "ticket", "attempts": null, "expire_at": null },
            "linked_to": [],
        }],
        "phone_numbers": [],
        "web3_wallets": [],
        "passkeys": [],
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "public_metadata": {},
        "private_metadata": {},
        "unsafe_metadata": {},
        "external_id": null,
        "last_sign_in_at": CREATED,
        "banned": false,
        "locked": false,
        "lockout_expires_in_seconds": null,
        "verification_attempts_remaining": 100,
        "created_at": CREATED,
        "updated_at": CREATED,
        "delete_self_enabled": true,
        "create_organization_enabled": true,
        "last_active_at": CREATED,
        "profile_image_url": "",
    })
}

fn org_body(id: &str, slug: &str) -> Value {
    json!({
        "object": "organization",
        "id": id,
        "name": slug,
        "slug": slug,
        "image_url": "",
        "has_image": false,
        "members_count": null,
        "max_allowed_memberships": 100,
        "admin_delete_enabled": true,
        "public_metadata": {},
        "private_metadata": {},
        "created_by": null,
        "created_at": CREATED,
        "updated_at": CREATED,
    })
}

fn membership_body(identity: &Identity) -> Option<Value> {
    let Membership { org_id, org_slug, role } = identity.membership.as_ref()?;
    Some(json!({
        "object": "organization_membership",
        "id": format!("orgmem_{}", identity.user_id.trim_start_matches("user_")),
        "role": role,
        "role_name": role.trim_start_matches("org:"),
        "permissions": identity.principal().org.map(|org| org.permissions),
        "public_metadata": {},
        "private_metadata": {},
        "organization": org_body(org_id, org_slug),
        "public_user_data": {
            "user_id": identity.user_id,
            "first_name": identity.persona.name,
            "last_name": null,
            "identifier": format!("{}@example.com", identity.persona.name),
            "image_url": "",
            "has_image": false,
        },
        "created_at": CREATED,
        "updated_at": CREATED,
    }))
}

/// What the control endpoint is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    persona: String,
    #[serde(default)]
    start: TokenClass,
    #[serde(default)]
    forge: Vec<Forge>,
    /// A shorthand for a token that ran out a minute ago.
    #[serde(default)]
    expired: bool,
}

async fn token(State(shared): App, headers: HeaderMap, body: Bytes) -> Response {
    let given = headers.get(CONTROL_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !shared.control.matches(given) {
        return error(StatusCode::UNAUTHORIZED, "control_token_invalid", "the control token is missing or wrong");
    }
    let mut request: TokenRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(why) => return error(StatusCode::BAD_REQUEST, "request_body_invalid", &why.to_string()),
    };
    let Some(persona) = shared.signer.persona(&request.persona) else {
        return error(StatusCode::NOT_FOUND, "resource_not_found", "no persona has this name");
    };
    if request.expired {
        let past = HashMap::from([("exp", -60), ("iat", -120), ("nbf", -130)]);
        let past = past.into_iter().map(|(claim, seconds)| (claim.to_owned(), seconds)).collect();
        request.forge.insert(0, Forge::ShiftClaim(past));
    }
    match shared.signer.forge(&persona, request.start, &request.forge, unix_now()) {
        Ok(token) => ok(&json!({ "token": token })),
        Err(why) => error(StatusCode::UNPROCESSABLE_ENTITY, "forge_invalid", &why.to_string()),
    }
}
