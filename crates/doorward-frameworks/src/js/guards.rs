//! What a middleware does to strangers, in any framework of JavaScript.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::inventory::{GuardAsk, GuardState};

use super::ask::ask;
pub(crate) use super::scan::{Body, resolve, scan};
pub(crate) use super::tried::{Weakness, followed, lets_forgers_pass, needs_variable, weaknesses};
use super::tried::{attached, attaches, checked, checker, held};
use crate::js::eval::{Eval, Host};
use crate::js::ir::{Expr, ExprKind, Key};
use crate::js::program::Program;
use crate::js::value::{External, Value};
use crate::model::HandlerKind;

/// Packages whose middleware never keeps anybody out.
pub(crate) static HARMLESS: &[&str] = &[
    "express",
    "cors",
    "helmet",
    "morgan",
    "compression",
    "body-parser",
    "cookie-parser",
    "cookie-session",
    "express-session",
    "multer",
    "express-rate-limit",
    "express-slow-down",
    "method-override",
    "serve-static",
    "serve-favicon",
    "response-time",
    "connect-timeout",
    "express-validator",
    "celebrate",
    "express-fileupload",
    "express-bearer-token",
    "express-mongo-sanitize",
    "xss-clean",
    "hpp",
    "pino-http",
    "express-pino-logger",
    "express-winston",
    "winston",
    "connect-flash",
    "express-http-context",
    "express-request-id",
    "express-useragent",
    "i18n",
    "i18next-http-middleware",
    "errorhandler",
    "express-status-monitor",
    "express-prom-bundle",
    "prom-client",
    "csurf",
    "lusca",
    "nocache",
    "connect-mongo",
    "cls-rtracer",
    "zod-express-middleware",
    "express-zod-api",
    "on-finished",
    "passport",
    "request-ip",
];

/// What is known about one handler.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) state: GuardState,
    /// A package, `doorward`, or a file.
    pub(crate) origin: String,
    pub(crate) asks: Option<GuardAsk>,
    pub(crate) kind: HandlerKind,
    /// It refuses by passing an error on, or by throwing one.
    pub(crate) fails: bool,
}

impl Verdict {
    pub(crate) fn new(state: GuardState, origin: impl Into<String>) -> Self {
        Self { state, origin: origin.into(), asks: None, kind: HandlerKind::Other, fails: false }
    }
}

/// Judges one handler value.
pub(crate) fn judge<H: Host>(eval: &mut Eval<H>, program: &Program, value: &Value, text: &str) -> Verdict {
    judge_at(eval, program, value, text, 0)
}

fn judge_at<H: Host>(eval: &mut Eval<H>, program: &Program, value: &Value, text: &str, depth: usize) -> Verdict {
    match value {
        // A list may hold itself.
        Value::OneOf(_) | Value::Array(_) if depth > 4 => Verdict::new(GuardState::Unsure, "unknown"),
        Value::External(external) => {
            let verdict = external_verdict(external, text);
            match checker(external) {
                Some((closure, credentials)) if verdict.state == GuardState::Guarded => {
                    Verdict { state: checked(eval, program, &closure, credentials), ..verdict }
                }
                _ => verdict,
            }
        }
        Value::Function(closure) => {
            let file = program.file(closure.module).to_string();
            let mut body = Body::default();
            scan(eval, closure, &mut body, &mut HashSet::new(), 0);
            let sends_away = body.redirects && body.continues;
            let evidence = (body.refuses || sends_away) && (body.reads_credentials || body.verifies);
            let mut fails = false;
            let state = if body.calls_guard.is_some() || evidence || (body.verifies && body.fails) {
                if body.selective {
                    GuardState::Unsure
                } else {
                    let (state, by_error) = held(eval, program, closure);
                    fails = by_error;
                    state
                }
            } else if body.refuses && sounds_like_auth(text) {
                GuardState::Unsure
            } else {
                GuardState::Open
            };
            if state == GuardState::Open && attaches(&closure.function) {
                attached(eval, program, closure);
            }
            Verdict { fails, ..Verdict::new(state, crate::walk::printable(&file)) }
        }
        Value::OneOf(values) => {
            let all: Vec<Verdict> = values.iter().map(|it| judge_at(eval, program, it, text, depth + 1)).collect();
            let guarded = all.iter().all(|it| it.state == GuardState::Guarded);
            let open = all.iter().all(|it| it.state == GuardState::Open);
            let state = match (guarded, open) {
                (true, _) => GuardState::Guarded,
                (_, true) => GuardState::Open,
                _ => GuardState::Unsure,
            };
            // A policy can't say what is asked if that hangs on something unknown.
            let agree = all.windows(2).all(|it| matches!(it, [one, two] if one.asks == two.asks));
            let state = if agree || state == GuardState::Open { state } else { GuardState::Unsure };
            let fails = all.iter().any(|it| it.fails);
            let mut first = all.into_iter().next().unwrap_or_else(|| Verdict::new(state, ""));
            first.fails = fails;
            first.state = state;
            if state != GuardState::Guarded || !agree {
                first.asks = None;
            }
            first
        }
        // A list that is one of several possibilities: what guards most in it counts.
        Value::Array(array) => {
            let items = array.items.borrow().clone();
            let all = items.iter().take(20).map(|it| judge_at(eval, program, it, text, depth + 1));
            let open = array.open.get().then(|| Verdict::new(GuardState::Unsure, "unknown"));
            let rank = |it: &Verdict| super::chain::strength(it.state);
            all.chain(open).max_by_key(rank).unwrap_or_else(|| Verdict::new(GuardState::Open, ""))
        }
        Value::Unknown | Value::Method(..) => Verdict::new(GuardState::Unsure, "unknown"),
        _ => Verdict::new(GuardState::Open, ""),
    }
}

/// Packages whose functions return the middleware they are given, with its errors caught.
const WRAPPERS: &[&str] =
    &["express-async-handler", "async-middleware", "express-async-wrap", "express-asyncify", "middleware-async"];

/// The middleware inside of one that only catches errors.
pub(crate) fn wrapped(external: &External) -> Option<Value> {
    let External::Call(_, args, _) = external else { return None };
    let inner = args.first().filter(|it| !it.spread)?;
    external.package().is_some_and(|it| WRAPPERS.contains(&it)).then(|| inner.value.clone())
}

pub(crate) fn external_verdict(external: &Rc<External>, text: &str) -> Verdict {
    let Some(package) = external.package() else {
        let state = if sounds_like_auth(text) { GuardState::Unsure } else { GuardState::Open };
        return Verdict::new(state, external.path().first().copied().unwrap_or_default());
    };
    let path = external.path();
    let called = path.last() == Some(&"()");
    let name = path.iter().rev().find(|it| **it != "()").copied().unwrap_or_default();
    let mut verdict = Verdict::new(GuardState::Open, package);
    match (package, name) {
        ("doorward", "guard") if called => {
            verdict.kind = HandlerKind::Doorward;
            if let External::Call(_, args, _) = &**external {
                verdict.asks = args.first().and_then(|it| ask(&it.value));
            }
            verdict.state = match &verdict.asks {
                Some(ask) if ask.access.admits_strangers() => GuardState::Open,
                _ => GuardState::Guarded,
            };
        }
        ("@clerk/express", "requireAuth") if called => {
            verdict.kind = HandlerKind::Deprecated;
            verdict.state = GuardState::Guarded;
        }
        ("@clerk/clerk-sdk-node", "ClerkExpressRequireAuth") if called => {
            verdict.kind = HandlerKind::Deprecated;
            verdict.state = GuardState::Guarded;
        }
        // It lets everybody in, so it is no guard; but a guard takes its place.
        ("@clerk/clerk-sdk-node", "ClerkExpressWithAuth") if called => verdict.kind = HandlerKind::Deprecated,
        // Attaching Clerk protects nothing, in any framework.
        (package, _) if package.starts_with("@clerk/") || matches!(package, "doorward" | "@hono/clerk-auth") => {}
        ("hono/bearer-auth", "bearerAuth")
        | ("hono/basic-auth", "basicAuth")
        | ("hono/jwt", "jwt")
        | ("@hono/auth-js", "verifyAuth")
        | ("@hono/oidc-auth", "oidcAuthMiddleware")
        | ("@hono/firebase-auth", "verifyFirebaseAuth" | "verifySessionCookieFirebaseAuth")
        | ("koa-basic-auth", _)
            if called =>
        {
            verdict.state = GuardState::Guarded;
        }
        ("hono/jwk", "jwk") if called => verdict.state = unless_set(external, "allow_anon"),
        ("koa-jwt", _) if called => verdict.state = unless_set(external, "passthrough"),
        ("passport" | "koa-passport", "authenticate" | "authorize") if called => verdict.state = strategies(external),
        ("express-jwt", _) if called => {
            verdict.state = lenient(external, "credentialsRequired");
            verdict.fails = true;
        }
        (
            "express-oauth2-jwt-bearer",
            "auth" | "requiredScopes" | "claimCheck" | "claimEquals" | "scopeIncludesAny",
        )
        | ("express-openid-connect", "requiresAuth")
        | ("connect-ensure-login", _)
        | ("express-basic-auth", _)
        | ("express-jwt-authz" | "express-jwt-permissions", _)
            if called =>
        {
            verdict.state = GuardState::Guarded;
            verdict.fails = matches!(package, "express-oauth2-jwt-bearer" | "express-jwt-permissions");
        }
        // The guards among Hono's own middleware stand above.
        (package, _) if HARMLESS.contains(&package) || package.starts_with("hono/") => {}
        (package, name) if sounds_like_auth(package) || sounds_like_auth(name) || sounds_like_auth(text) => {
            verdict.state = GuardState::Unsure;
        }
        _ => {}
    }
    verdict
}

/// Guarded, unless one of passport's strategies lets everybody pass, or a callback decides.
fn strategies(external: &External) -> GuardState {
    let External::Call(_, args, _) = external else { return GuardState::Guarded };
    let is_anonymous = |it: &Value| it.as_str() == Some("anonymous");
    let names = args.first().map(|it| it.value.clone()).unwrap_or(Value::Undefined);
    let anonymous = match &names {
        Value::Array(array) => array.items.borrow().iter().any(is_anonymous),
        other => is_anonymous(other),
    };
    let decided = args.iter().any(|it| matches!(it.value, Value::Function(_)));
    match (anonymous, decided) {
        (true, _) => GuardState::Open,
        (_, true) => GuardState::Unsure,
        _ => GuardState::Guarded,
    }
}

/// Guarded, unless an option says that callers without credentials may pass.
fn lenient(external: &External, option: &str) -> GuardState {
    let External::Call(_, args, _) = external else { return GuardState::Guarded };
    match args.first().map(|it| &it.value) {
        Some(Value::Object(options)) => match options.get(option) {
            Some(Value::Bool(false)) => GuardState::Open,
            None | Some(Value::Bool(true)) if !options.open.get() => GuardState::Guarded,
            _ => GuardState::Unsure,
        },
        _ => GuardState::Guarded,
    }
}

/// Guarded, unless an option lets callers without credentials pass.
fn unless_set(external: &External, option: &str) -> GuardState {
    let External::Call(_, args, _) = external else { return GuardState::Guarded };
    match args.first().map(|it| &it.value) {
        Some(Value::Object(options)) => match options.get(option) {
            Some(Value::Bool(true)) => GuardState::Open,
            None | Some(Value::Bool(false)) if !options.open.get() => GuardState::Guarded,
            _ => GuardState::Unsure,
        },
        _ => GuardState::Guarded,
    }
}

/// Whether a name makes people think of access control.
pub(crate) fn sounds_like_auth(text: &str) -> bool {
    let text = text.split('(').next().unwrap_or(text).to_ascii_lowercase();
    [
        "auth",
        "guard",
        "protect",
        "permission",
        "role",
        "login",
        "signedin",
        "loggedin",
        "jwt",
        "acl",
        "rbac",
        "admin",
        "apikey",
        "verifytoken",
        "secur",
    ]
    .iter()
    .any(|word| text.contains(word))
        && (!text.contains("author") || text.contains("authori"))
}

pub(crate) fn says_unauthorized(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["unauthorized", "unauthorised", "forbidden", "unauthenticated", "accessdenied"].iter().any(|it| lower.contains(it))
}

pub(crate) fn last_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) => Some(name),
        _ => None,
    }
}
