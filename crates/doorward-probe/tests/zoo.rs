//! A server that is right must be proved, and each way of being wrong must fail and name the case.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward::decide::{Caller, Decision, Demand, decide};
use doorward::diagnostic::Severity;
use doorward::inventory::{Method, Route};
use doorward::policy::{Access, Bind, BindSource, ClerkConfig, Cors, Expect, Persona, Policy};
use doorward::principal::{Organization, Principal, with_org_prefix};
use doorward::token::{AuthorizedParties, KeySet, Rules, Timestamp, Unverified, bearer};
use doorward_emulator::{Emulator, EmulatorConfig, Signer};
use doorward_probe::{
    Base, CaseReport, PlanOptions, Report, RouteReport, RunOptions, Target, Verdict, cases, plan, run,
};
use serde_json::Value;

const PARTY: &str = "https://app.example.com";

/// One way of being wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoGuard,
    AnyHeader,
    AnySignature,
    AlgNone,
    ExpiryUnchecked,
    PartyUnchecked,
    PendingAccepted,
    RoleUnchecked,
    RoleByPrefix,
    TenantUnbound,
    CookieAccepted,
    Redirects,
    Crashes,
    RefusesAll,
    HidesNothing,
    IgnoresRightsOfWrites,
    WebhookUnchecked,
    WebhookReplayable,
    ReflectsOrigin,
    HealthGuarded,
    IssuerUnchecked,
    BodiesLast,
    ThreeParts,
    RecentLimited,
    VisitorsBelieved,
}

struct App {
    flaw: Flaw,
    signer: Arc<Signer>,
    /// What was removed.
    gone: Mutex<HashSet<String>>,
    /// How many calls of the recent orders there were.
    calls: AtomicUsize,
}

fn refusal(status: StatusCode) -> Response {
    let body = r#"{"error":"refused"}"#;
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, "Bearer".parse().unwrap());
    }
    response
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs() as i64
}

fn decoded(token: &str, part: usize) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(part)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What a server believes that only decodes.
fn believed(token: &str) -> Option<Principal> {
    let claims = decoded(token, 1)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let organization = claims.get("o").map(|o| Organization {
        id: o["id"].as_str().unwrap_or_default().into(),
        slug: text(&o["slg"]),
        role: text(&o["rol"]).map(|role| with_org_prefix(&role)),
        permissions: Vec::new(),
    });
    Some(Principal { user_id: text(claims.get("sub")?)?, org: organization, ..Principal::default() })
}

fn verified(app: &App, token: &str) -> Result<Principal, &'static str> {
    let keys = KeySet::from_json(app.signer.instance().jwks().to_string().as_bytes()).unwrap();
    let parties = match app.flaw {
        Flaw::PartyUnchecked => AuthorizedParties::dangerous_any(),
        _ => AuthorizedParties::list([PARTY]).unwrap(),
    };
    let issuer = match app.flaw {
        Flaw::IssuerUnchecked => decoded(token, 1).and_then(|claims| Some(claims.get("iss")?.as_str()?.to_owned())),
        _ => None,
    };
    let mut rules = Rules::new([issuer.as_deref().unwrap_or(app.signer.issuer())], parties).unwrap();
    rules = rules.with_session_id_required();
    if app.flaw == Flaw::PendingAccepted {
        rules = rules.dangerous_accept_pending();
    }
    let at = match app.flaw {
        Flaw::ExpiryUnchecked => decoded(token, 1).and_then(|claims| claims.get("iat")?.as_i64()).unwrap_or_default(),
        _ => now(),
    };
    let check = || {
        let unverified = Unverified::parse(token)?;
        let key = keys.find(unverified.key_id())?;
        unverified.verify(key, &rules, Timestamp::from_seconds(at))
    };
    check().map(|claims| claims.into_principal()).map_err(|error| error.code())
}

fn authenticate(app: &App, headers: &HeaderMap) -> Result<Option<Principal>, &'static str> {
    let values: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
    if app.flaw == Flaw::CookieAccepted && values.is_empty() {
        let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("__session="));
        return session.map(|token| verified(app, token)).transpose();
    }
    if values.len() > 1 {
        return Err("token-invalid");
    }
    let Some(value) = values.first() else { return Ok(None) };
    let admin = || Principal {
        user_id: "user_x".into(),
        org: Some(Organization { id: "org_x".into(), role: Some("org:admin".into()), ..Organization::default() }),
        ..Principal::default()
    };
    if app.flaw == Flaw::AnyHeader && !value.is_empty() {
        return Ok(Some(
            value.to_str().ok().and_then(|text| believed(text.trim_start_matches("Bearer "))).unwrap_or_else(admin),
        ));
    }
    let Some(token) = bearer(value.as_bytes()).map_err(|error| error.code())? else { return Ok(None) };
    if app.flaw == Flaw::ThreeParts && token.split('.').count() == 3 {
        return Ok(Some(believed(token).unwrap_or_else(admin)));
    }
    let alg = decoded(token, 0).and_then(|header| Some(header.get("alg")?.as_str()?.to_ascii_lowercase()));
    let none = alg.as_deref() == Some("none");
    if app.flaw == Flaw::AnySignature || (app.flaw == Flaw::AlgNone && none) {
        return believed(token).map(Some).ok_or("token-invalid");
    }
    verified(app, token).map(Some)
}

/// Decides as the core does, but for the flaw.
fn guard(app: &App, headers: &HeaderMap, demand: Demand<'_>, params: &BTreeMap<String, String>) -> Option<Response> {
    let param = |name: &str| params.get(name).map(String::as_str);
    match app.flaw {
        Flaw::NoGuard => return None,
        Flaw::RefusesAll => return Some(refusal(StatusCode::UNAUTHORIZED)),
        _ => {}
    }
    let outcome = authenticate(app, headers);
    let caller = match &outcome {
        Ok(None) => Caller::Stranger,
        Ok(Some(principal)) => Caller::SignedIn(principal),
        Err(reason) => Caller::Refused(reason),
    };
    let mut demand = demand;
    match app.flaw {
        Flaw::RoleUnchecked if matches!(demand.access, Access::Role(_)) => demand.access = &Access::SignedIn,
        Flaw::TenantUnbound => demand.bind = &[],
        Flaw::HidesNothing => demand.hide = false,
        Flaw::RoleByPrefix => {
            if let (Access::Role(asked), Caller::SignedIn(principal)) = (demand.access, caller)
                && principal.org.as_ref().and_then(|org| org.role.as_ref()).is_some_and(|role| role.starts_with(asked))
            {
                return None;
            }
        }
        _ => {}
    }
    let status = match decide(demand, caller, param) {
        Decision::Allow => return None,
        decision => StatusCode::from_u16(decision.status().unwrap()).unwrap(),
    };
    Some(match app.flaw {
        Flaw::Redirects if status == StatusCode::UNAUTHORIZED => {
            (StatusCode::FOUND, [(header::LOCATION, "/sign-in")]).into_response()
        }
        Flaw::Crashes if matches!(caller, Caller::Refused(_)) => refusal(StatusCode::INTERNAL_SERVER_ERROR),
        _ => refusal(status),
    })
}

type Shared = State<Arc<App>>;

async fn orders(State(app): Shared, headers: HeaderMap) -> Response {
    let demand = Demand { access: &Access::SignedIn, bind: &[], hide: false };
    if let Some(refused) = guard(&app, &headers, demand, &BTreeMap::new()) {
        return refused;
    }
    let mut response = "orders".into_response();
    if let (Flaw::ReflectsOrigin, Some(origin)) = (app.flaw, headers.get(header::ORIGIN)) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

async fn write(State(app): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let access = Access::role("admin").unwrap();
    let access = if app.flaw == Flaw::IgnoresRightsOfWrites { Access::SignedIn } else { access };
    if app.flaw == Flaw::BodiesLast && !body.starts_with(b"{\"") {
        return refusal(StatusCode::BAD_REQUEST);
    }
    guard(&app, &headers, Demand { access: &access, bind: &[], hide: false }, &BTreeMap::new())
        .unwrap_or_else(|| "written".into_response())
}

async fn admin(State(app): Shared, headers: HeaderMap) -> Response {
    let access = Access::role("admin").unwrap();
    guard(&app, &headers, Demand { access: &access, bind: &[], hide: true }, &BTreeMap::new())
        .unwrap_or_else(|| "admin".into_response())
}

/// Removes a thing, and says that it is not there once it is gone.
fn remove(app: &App, uri: &Uri) -> Response {
    let status = if app.gone.lock().unwrap().insert(uri.path().to_owned()) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    };
    refusal(status)
}

async fn remove_order(State(app): Shared, uri: Uri, headers: HeaderMap) -> Response {
    let demand = Demand { access: &Access::SignedIn, bind: &[], hide: false };
    guard(&app, &headers, demand, &BTreeMap::new()).unwrap_or_else(|| remove(&app, &uri))
}

async fn remove_user(State(app): Shared, uri: Uri, headers: HeaderMap) -> Response {
    let access = Access::role("admin").unwrap();
    let demand = Demand { access: &access, bind: &[], hide: true };
    guard(&app, &headers, demand, &BTreeMap::new()).unwrap_or_else(|| remove(&app, &uri))
}

async fn recent(State(app): Shared, headers: HeaderMap) -> Response {
    if app.calls.fetch_add(1, Ordering::Relaxed) >= 30 && app.flaw == Flaw::RecentLimited {
        return refusal(StatusCode::FORBIDDEN);
    }
    let demand = Demand { access: &Access::SignedIn, bind: &[], hide: false };
    guard(&app, &headers, demand, &BTreeMap::new()).unwrap_or_else(|| "recent".into_response())
}

async fn feed(State(app): Shared, headers: HeaderMap) -> Response {
    let claimed = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        believed(value.strip_prefix("Bearer ")?)
    };
    let principal = match app.flaw {
        Flaw::VisitorsBelieved => claimed(),
        _ => authenticate(&app, &headers).ok().flatten(),
    };
    principal.map_or_else(|| "for visitors".into(), |who| format!("for {}", who.user_id)).into_response()
}

async fn invoices(State(app): Shared, Path(org): Path<String>, headers: HeaderMap) -> Response {
    let bind = [owner()];
    let demand = Demand { access: &Access::SignedIn, bind: &bind, hide: false };
    guard(&app, &headers, demand, &BTreeMap::from([("orgId".to_owned(), org)]))
        .unwrap_or_else(|| "invoices".into_response())
}

async fn webhook(State(app): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if app.flaw == Flaw::WebhookUnchecked {
        return StatusCode::NO_CONTENT.into_response();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (text("svix-id"), text("svix-timestamp").and_then(|value| value.parse::<i64>().ok()), text("svix-signature"))
    else {
        return refusal(StatusCode::BAD_REQUEST);
    };
    let fresh = (now() - timestamp).abs() <= 300 || app.flaw == Flaw::WebhookReplayable;
    let good = app.signer.webhook().sign(&body, id, timestamp).signature;
    if fresh && signatures.split(' ').any(|signature| signature == good) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refusal(StatusCode::BAD_REQUEST)
    }
}

async fn health(State(app): Shared) -> Response {
    if app.flaw == Flaw::HealthGuarded { refusal(StatusCode::UNAUTHORIZED) } else { "ok".into_response() }
}

fn owner() -> Bind {
    Bind { source: BindSource::Param("orgId".into()), claim: "org_id".into() }
}

fn targets() -> Vec<Target> {
    let target = |id: &str, access: Access, bind: Vec<Bind>, hide| {
        let route = Route::new(id.parse().unwrap(), "server.js", 1);
        Target { route, access, bind, hide }
    };
    let admin = || Access::role("admin").unwrap();
    vec![
        target("GET /health", Access::Public, vec![], false),
        target("GET /orders", Access::SignedIn, vec![], false),
        target("POST /orders", admin(), vec![], false),
        target("GET /admin", admin(), vec![], true),
        target("GET /orgs/{orgId}/invoices", Access::SignedIn, vec![owner()], false),
        target("POST /webhooks/clerk", Access::Webhook, vec![], false),
        target("DELETE /orders/{id}", Access::SignedIn, vec![], false),
        target("DELETE /admin/users/{id}", admin(), vec![], true),
        target("GET /recent", Access::SignedIn, vec![], false),
        target("GET /feed", Access::Optional, vec![], false),
    ]
}

fn policy() -> Policy {
    Policy {
        apps: BTreeMap::new(),
        clerk: ClerkConfig { authorized_parties: vec![PARTY.into()], ..ClerkConfig::default() },
        cors: Cors::default(),
        rules: Vec::new(),
        personas: vec![Persona { name: "clerk".into(), org: Some("globex".into()), ..Persona::default() }],
        expects: vec![Expect {
            persona: "clerk".into(),
            method: Method::new("GET"),
            path: "/orgs/{acme}/invoices".into(),
            status: 403,
            location: doorward::diagnostic::Location::file("doorward.toml"),
        }],
    }
}

async fn verify(flaw: Flaw, options: PlanOptions) -> Report {
    verify_until(flaw, options, RunOptions::default(), usize::MAX).await
}

/// The server goes away once so many shots are done.
async fn verify_until(flaw: Flaw, options: PlanOptions, how: RunOptions, end: usize) -> Report {
    let policy = policy();
    let emulator = Emulator::start(EmulatorConfig::for_policy(&policy)).await.unwrap();
    let app = Router::new()
        .route("/health", get(health))
        .route("/orders", get(orders).post(write))
        .route("/admin", get(admin))
        .route("/orgs/{orgId}/invoices", get(invoices))
        .route("/webhooks/clerk", post(webhook))
        .route("/orders/{id}", delete(remove_order))
        .route("/admin/users/{id}", delete(remove_user))
        .route("/recent", get(recent))
        .route("/feed", get(feed))
        .with_state(Arc::new(App {
            flaw,
            signer: Arc::clone(emulator.signer()),
            gone: Mutex::default(),
            calls: AtomicUsize::new(0),
        }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Base::loopback(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let plan = plan(&targets(), &policy, &cases().unwrap(), emulator.signer(), &options);
    let report = run(&plan, &emulator, &base, &how, |progress| {
        if progress.done >= end {
            server.abort();
        }
    })
    .await;
    server.abort();
    report
}

fn with_writes() -> PlanOptions {
    PlanOptions { allow_writes: true, ..PlanOptions::default() }
}

fn route<'a>(report: &'a Report, id: &str) -> &'a RouteReport {
    report.routes.iter().find(|route| route.id.to_string() == id).unwrap()
}

fn failed(route: &RouteReport) -> Vec<&CaseReport> {
    let cases = route.cases.iter().filter(|case| case.verdict == Verdict::Failed);
    cases.filter(|case| case.severity >= Severity::Error).collect()
}

/// The server with this flaw must fail on this route, by this case.
async fn check(flaw: Flaw, on: &str, case: &str) {
    let report = verify(flaw, with_writes()).await;
    let route = route(&report, on);
    assert_eq!(route.verdict, Verdict::Failed, "{flaw:?}: {}", route.reason);
    let names: Vec<&str> = failed(route).iter().map(|case| case.id.as_str()).collect();
    assert!(names.contains(&case), "{flaw:?}: {names:?}");
    assert!(report.failed() && !report.proved());
    assert!(report.findings.iter().any(|finding| finding.fails() && finding.message.contains(on)), "{flaw:?}");
}

#[tokio::test]
async fn a_server_that_is_right_is_proved() {
    let report = verify(Flaw::None, with_writes()).await;
    let wrong: Vec<String> = report
        .routes
        .iter()
        .flat_map(|route| route.cases.iter().map(move |case| (route, case)))
        .filter(|(_, case)| case.verdict != Verdict::Proved)
        .map(|(route, case)| format!("{} {} {:?}: {} / {}", route.id, case.id, case.verdict, case.expected, case.got))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(report.proved(), "{:?}", report.findings);
    assert_eq!(report.findings, []);
    assert_eq!(report.summary.proved, 10);
    assert!(report.summary.requests > 250, "{:?}", report.summary);
}

#[tokio::test]
async fn what_was_not_sent_is_untested() {
    let report = verify(Flaw::None, PlanOptions::default()).await;
    let write = route(&report, "POST /orders");
    assert_eq!(write.verdict, Verdict::Untested);
    assert!(write.reason.contains("allow writes"), "{}", write.reason);
    assert!(!report.proved() && !report.failed());
}

#[tokio::test]
async fn a_server_that_goes_away_proves_nothing() {
    let report = verify_until(Flaw::None, with_writes(), RunOptions::default(), 100).await;
    assert!(!report.proved());
    assert!(report.findings.iter().any(|finding| finding.code == "DW5014"), "{:?}", report.findings);
    assert!(report.routes.iter().any(|route| route.verdict == Verdict::Untested));
}

#[tokio::test]
async fn a_run_without_time_proves_nothing() {
    let how = RunOptions { deadline: std::time::Duration::ZERO, ..RunOptions::default() };
    let report = verify_until(Flaw::None, with_writes(), how, usize::MAX).await;
    assert_eq!(report.summary.untested, report.routes.len());
}

#[tokio::test]
async fn no_output_holds_a_token() {
    let report = verify(Flaw::NoGuard, with_writes()).await;
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains(concat!("ey", "J")), "a token is in the report");
    assert!(text.contains("$TOKEN") || text.contains("\\\"$TOKEN\\\""));
    let again: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(again, report);
}

#[tokio::test]
async fn no_guard_at_all() {
    check(Flaw::NoGuard, "GET /orders", "no-token").await;
}

#[tokio::test]
async fn the_presence_of_a_header() {
    check(Flaw::AnyHeader, "GET /orders", "token-garbage").await;
}

#[tokio::test]
async fn a_signature_nobody_checks() {
    check(Flaw::AnySignature, "GET /orders", "signature-last-bit").await;
}

#[tokio::test]
async fn alg_none() {
    check(Flaw::AlgNone, "POST /orders", "alg-none-mixed-case").await;
}

#[tokio::test]
async fn expiry_nobody_checks() {
    check(Flaw::ExpiryUnchecked, "GET /orders", "expired").await;
}

#[tokio::test]
async fn parties_nobody_checks() {
    check(Flaw::PartyUnchecked, "GET /orgs/{orgId}/invoices", "azp-wrong").await;
}

#[tokio::test]
async fn pending_sessions() {
    check(Flaw::PendingAccepted, "GET /orders", "session-pending").await;
}

#[tokio::test]
async fn roles_nobody_checks() {
    check(Flaw::RoleUnchecked, "GET /admin", "persona").await;
}

#[tokio::test]
async fn roles_compared_by_their_beginning() {
    check(Flaw::RoleByPrefix, "GET /admin", "role-longer").await;
}

#[tokio::test]
async fn tenants_nobody_binds() {
    check(Flaw::TenantUnbound, "GET /orgs/{orgId}/invoices", "other-tenant").await;
}

#[tokio::test]
async fn a_pinned_answer_that_does_not_come() {
    check(Flaw::TenantUnbound, "GET /orgs/{orgId}/invoices", "pinned").await;
}

#[tokio::test]
async fn cookies() {
    check(Flaw::CookieAccepted, "GET /orders", "cookie-only").await;
}

#[tokio::test]
async fn redirects_in_place_of_refusals() {
    check(Flaw::Redirects, "GET /orders", "no-token").await;
}

#[tokio::test]
async fn crashes_in_place_of_refusals() {
    check(Flaw::Crashes, "GET /orders", "alg-none").await;
}

#[tokio::test]
async fn a_server_that_refuses_everybody() {
    check(Flaw::RefusesAll, "GET /orders", "good-session").await;
}

#[tokio::test]
async fn rights_nobody_checks_on_writes() {
    check(Flaw::IgnoresRightsOfWrites, "POST /orders", "persona").await;
    // Without leave to write, the wrong people are still sent: they are expected to be refused.
    let report = verify(Flaw::IgnoresRightsOfWrites, PlanOptions::default()).await;
    assert_eq!(route(&report, "POST /orders").verdict, Verdict::Failed);
}

#[tokio::test]
async fn what_is_gone_hides_nobody_who_was_let_in() {
    check(Flaw::ThreeParts, "DELETE /orders/{id}", "signature-last-bit").await;
    check(Flaw::ThreeParts, "DELETE /admin/users/{id}", "signature-last-bit").await;
}

#[tokio::test]
async fn a_limit_on_calls_is_no_guard() {
    let report = verify(Flaw::RecentLimited, with_writes()).await;
    let recent = route(&report, "GET /recent");
    assert_eq!(recent.verdict, Verdict::Untested, "{}", recent.reason);
    assert!(recent.reason.contains("the good identity was refused after the attacks"), "{}", recent.reason);
    assert_eq!(route(&report, "GET /orders").verdict, Verdict::Proved);
}

#[tokio::test]
async fn visitors_who_are_believed_to_be_users() {
    check(Flaw::VisitorsBelieved, "GET /feed", "alg-none").await;
}

#[tokio::test]
async fn webhooks_nobody_checks() {
    check(Flaw::WebhookUnchecked, "POST /webhooks/clerk", "delivery-unsigned").await;
}

#[tokio::test]
async fn webhooks_that_can_be_replayed() {
    check(Flaw::WebhookReplayable, "POST /webhooks/clerk", "delivery-old").await;
}

#[tokio::test]
async fn origins_that_are_reflected() {
    check(Flaw::ReflectsOrigin, "GET /orders", "cors-evil-origin").await;
}

#[tokio::test]
async fn open_routes_that_are_guarded() {
    check(Flaw::HealthGuarded, "GET /health", "stranger-at-an-open-route").await;
}

#[tokio::test]
async fn an_issuer_nobody_checks_is_a_warning_or_with_strictness_a_failure() {
    let report = verify(Flaw::IssuerUnchecked, with_writes()).await;
    assert!(report.proved());
    let warned = report.findings.iter().any(|finding| finding.code == "DW5008" && !finding.fails());
    assert!(warned, "{:?}", report.findings);
    let strict = verify(Flaw::IssuerUnchecked, PlanOptions { strict: true, ..with_writes() }).await;
    assert!(failed(route(&strict, "GET /orders")).iter().any(|case| case.id == "iss-wrong"));
}

#[tokio::test]
async fn a_403_where_the_rule_hides_is_a_warning() {
    let report = verify(Flaw::HidesNothing, with_writes()).await;
    assert_eq!(route(&report, "GET /admin").verdict, Verdict::Proved);
    assert!(report.findings.iter().any(|finding| finding.message.contains("GET /admin")), "{:?}", report.findings);
}

#[tokio::test]
async fn a_body_that_is_checked_first_proves_nothing_without_a_good_answer_to_compare() {
    let report = verify(Flaw::BodiesLast, PlanOptions::default()).await;
    assert_eq!(route(&report, "POST /orders").verdict, Verdict::Untested);
}
