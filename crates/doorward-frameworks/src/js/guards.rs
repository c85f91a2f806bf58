//! What a middleware does to strangers, in any framework of JavaScript.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{GuardAsk, GuardState};

use super::ask::ask;
use super::stranger::{self, Caller, Fate, Notice, Question, Style};
use crate::js::eval::{Eval, Host};
use crate::js::ir::{self, Expr, ExprKind, Function, Key, Pattern, Span};
use crate::js::program::Program;
use crate::js::value::{Closure, External, Place, Value};
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

/// What a function's body shows.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// It answers 401 or 403, or makes an error that says so.
    pub(crate) refuses: bool,
    /// It sends the browser elsewhere.
    pub(crate) redirects: bool,
    /// It passes an error on, or throws.
    pub(crate) fails: bool,
    /// It passes the request on.
    pub(crate) continues: bool,
    /// It looks at credentials.
    pub(crate) reads_credentials: bool,
    /// It checks them with something that can refuse.
    pub(crate) verifies: bool,
    /// It calls Clerk's `getAuth`.
    pub(crate) get_auth: bool,
    /// It answers anything but 404.
    pub(crate) answers: bool,
    pub(crate) not_found: bool,
    /// It reads `req.auth` as if it were an object.
    pub(crate) auth_object: Vec<Place>,
    /// It calls a guard of a package.
    pub(crate) calls_guard: Option<String>,
    /// It decides by the text of the path, or by the environment, whether to look at all.
    pub(crate) selective: bool,
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

/// What becomes of somebody without credentials in a function that looks like a guard.
fn held<H: Host>(eval: &mut Eval<H>, program: &Program, closure: &Rc<Closure>) -> (GuardState, bool) {
    // One guard stands in front of many routes.
    if let Some((_, state, fails)) = eval.held.get(&Rc::as_ptr(closure)) {
        return (*state, *fails);
    }
    let style = if takes_context(&closure.function) { Style::GuardsContext } else { Style::Guards };
    let (state, fails) = followed(eval, program, closure, style);
    eval.held.insert(Rc::as_ptr(closure), (Rc::clone(closure), state, fails));
    (state, fails)
}

/// Asks a guard as somebody without credentials, and if that holds, as somebody who makes them up.
pub(crate) fn followed<H: Host>(
    eval: &mut Eval<H>,
    program: &Program,
    closure: &Rc<Closure>,
    style: Style,
) -> (GuardState, bool) {
    let place = Place { module: closure.module, span: closure.function.span };
    let mut fails = false;
    for caller in [Caller::Nobody, Caller::Forger] {
        let chain = vec![Value::Function(Rc::clone(closure))];
        let question = Question { chain, style, caller, method: None, paths: Vec::new(), place };
        let answer = stranger::ask(eval, program, &question);
        fails |= answer.fails;
        let chooses = answer.reads_path || answer.reads_method;
        let passes = answer.served || answer.leaks;
        for notice in answer.notices.iter().filter(|_| !passes) {
            if let Notice::Unset(place, name) = notice {
                needs_variable(eval, *place, name);
            }
        }
        let switched = answer.fate == Fate::Unsure && answer.notices.iter().any(|it| matches!(it, Notice::Switch(_) | Notice::Unset(..)));
        if !passes && !switched {
            continue;
        }
        if caller == Caller::Forger && passes {
            lets_forgers_pass(eval, closure);
        }
        let open = caller == Caller::Nobody && answer.fate == Fate::Served && !chooses;
        return (if open { GuardState::Open } else { GuardState::Unsure }, fails);
    }
    (GuardState::Guarded, fails)
}

/// The project's own check in a guard of a package, and how many credentials it is given.
fn checker(external: &External) -> Option<(Rc<Closure>, usize)> {
    const CHECKERS: &[(&str, &str, usize)] = &[
        ("hono/bearer-auth", "verifyToken", 1),
        ("hono/basic-auth", "verifyUser", 2),
        ("express-basic-auth", "authorizer", 2),
    ];
    let (_, option, credentials) = CHECKERS.iter().find(|it| external.package() == Some(it.0))?;
    let External::Call(_, args, _) = external else { return None };
    let Some(Value::Object(options)) = args.first().map(|it| &it.value) else { return None };
    match options.get(option) {
        Some(Value::Function(closure)) => Some((closure, *credentials)),
        _ => None,
    }
}

/// Whether such a check says no to what a forger sends.
fn checked<H: Host>(eval: &mut Eval<H>, program: &Program, closure: &Rc<Closure>, credentials: usize) -> GuardState {
    if let Some((_, known, _)) = eval.held.get(&Rc::as_ptr(closure)) {
        return *known;
    }
    let question = Question {
        chain: vec![Value::Function(Rc::clone(closure))],
        style: Style::Checks { credentials },
        caller: Caller::Forger,
        method: None,
        paths: Vec::new(),
        place: Place { module: closure.module, span: closure.function.span },
    };
    let passes = stranger::ask(eval, program, &question).served;
    if passes {
        lets_forgers_pass(eval, closure);
    }
    let state = if passes { GuardState::Unsure } else { GuardState::Guarded };
    eval.held.insert(Rc::as_ptr(closure), (Rc::clone(closure), state, false));
    state
}

/// Whether a function leaves something on the request that sounds as if it told who asks.
fn attaches(function: &Function) -> bool {
    const WHO: &[&str] = &["user", "auth", "session", "account", "claim", "token", "identity", "principal", "member", "jwt"];
    let sounds = |name: &str| WHO.iter().any(|it| name.to_ascii_lowercase().contains(it));
    let mut found = false;
    ir::visit(&function.body, &mut |expr| {
        found |= match &expr.kind {
            ExprKind::Assign(target, ..) => match &**target {
                Pattern::Member(member) => last_name(member).is_some_and(sounds),
                _ => false,
            },
            ExprKind::Call(callee, items) => {
                let first = items.first().map(|it| &it.value.kind);
                last_name(callee) == Some("set") && matches!(first, Some(ExprKind::Str(key)) if sounds(key))
            }
            _ => false,
        };
        !found
    });
    found
}

/// Notes what middleware that refuses nobody leaves on the request of a forger.
fn attached<H: Host>(eval: &mut Eval<H>, program: &Program, closure: &Rc<Closure>) {
    if eval.held.contains_key(&Rc::as_ptr(closure)) {
        return;
    }
    eval.held.insert(Rc::as_ptr(closure), (Rc::clone(closure), GuardState::Open, false));
    let style = if takes_context(&closure.function) { Style::GuardsContext } else { Style::Guards };
    let question = Question {
        chain: vec![Value::Function(Rc::clone(closure))],
        style,
        caller: Caller::Forger,
        method: None,
        paths: Vec::new(),
        place: Place { module: closure.module, span: closure.function.span },
    };
    let left = stranger::ask(eval, program, &question).left;
    eval.forged.extend(left);
}

/// A guard that strangers get past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Weakness {
    place: Place,
    /// If this variable of the environment is not set; otherwise, with credentials that they make up.
    unset: Option<String>,
}

/// Remembers that a guard lets whoever makes credentials up pass.
pub(crate) fn lets_forgers_pass<H>(eval: &mut Eval<H>, closure: &Closure) {
    let place = Place { module: closure.module, span: closure.function.span };
    weak(eval, Weakness { place, unset: None });
}

/// Remembers that a check at `place` is none if a variable is not set.
pub(crate) fn needs_variable<H>(eval: &mut Eval<H>, place: Place, name: &str) {
    weak(eval, Weakness { place, unset: Some(name.to_owned()) });
}

fn weak<H>(eval: &mut Eval<H>, weakness: Weakness) {
    if !eval.weak.contains(&weakness) && eval.weak.len() < 200 {
        eval.weak.push(weakness);
    }
}

/// What is worth telling of the guards that were judged.
pub(crate) fn weaknesses<H>(eval: &Eval<H>, program: &Program) -> Vec<Diagnostic> {
    let told = eval.weak.iter().map(|it| {
        let at = super::packages::location(program, it.place);
        match &it.unset {
            None => Diagnostic::new("DW2145", "this guard lets credentials pass that anybody can make up")
                .at(at)
                .help("verify the token, or look it up, before the request is passed on"),
            Some(name) => {
                let name = crate::walk::printable(name);
                Diagnostic::new("DW2146", format!("strangers pass this check if `{name}` is not set"))
                    .at(at)
                    .help(format!("refuse to start without `{name}`"))
            }
        }
    });
    told.collect()
}

/// Whether a middleware is given a context and the way on, and not a request and a response.
fn takes_context(function: &Function) -> bool {
    let named = |at: usize| function.param_name(at).unwrap_or_default();
    function.params.len() == 2 && !matches!(named(1), "res" | "response" | "reply")
        || function.params.len() == 1 && matches!(named(0), "c" | "ctx" | "context")
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

const CREDENTIALS: &[&str] = &[
    "authorization",
    "jwt",
    "token",
    "bearer",
    "session",
    "apikey",
    "api-key",
    "credential",
    "currentuser",
    "isauthenticated",
    "cookie",
];

/// Methods that compare a path with others.
const CHOICES: &[&str] = &["startsWith", "endsWith", "includes", "test", "match", "some", "has", "indexOf"];

/// Whether an expression is about the request's path or the environment's name.
fn is_selector(expr: &Expr, request: &str) -> bool {
    match &expr.kind {
        // `const { path } = c.req`.
        ExprKind::Name(name) => matches!(&**name, "path" | "pathname"),
        ExprKind::Member(object, Key::Name(name)) => {
            let of = |wanted: &str| match &object.kind {
                ExprKind::Name(it) => **it == *wanted,
                // `c.req.path`, `ctx.request.url`.
                ExprKind::Member(context, Key::Name(it)) => {
                    matches!(&**it, "req" | "request") && matches!(&context.kind, ExprKind::Name(it) if **it == *wanted)
                }
                _ => false,
            };
            let of_env = matches!(&object.kind, ExprKind::Member(_, Key::Name(it)) if &**it == "env");
            (of(request) && matches!(&**name, "path" | "url" | "originalUrl" | "baseUrl"))
                || (of_env && name.contains("ENV"))
                || is_selector(object, request)
        }
        _ => false,
    }
}

/// Reads a function's body, and those of the project's functions it calls.
pub(crate) fn scan<H: Host>(
    eval: &mut Eval<H>,
    closure: &Rc<Closure>,
    body: &mut Body,
    seen: &mut HashSet<*const Function>,
    depth: usize,
) {
    if depth > 5 || !seen.insert(std::sync::Arc::as_ptr(&closure.function)) || seen.len() > 400 {
        return;
    }
    let is_outermost = seen.len() == 1;
    let function = std::sync::Arc::clone(&closure.function);
    // The way on is the last of two or three parameters.
    let next = function.param_name(2).or_else(|| function.param_name(1)).unwrap_or("next").to_owned();
    let request = function.param_name(0).unwrap_or("req").to_owned();
    let mut calls: Vec<Value> = Vec::new();
    let mut called_members: HashSet<Span> = HashSet::new();
    ir::visit(&function.body, &mut |expr| {
        match &expr.kind {
            ExprKind::Call(callee, items) | ExprKind::New(callee, items) => {
                called_members.insert(callee.span);
                let name = last_name(callee).unwrap_or_default();
                let first = items.first().map(|it| &it.value.kind);
                match (name, first) {
                    ("status" | "sendStatus" | "writeHead" | "code", Some(ExprKind::Num(status))) => {
                        note_status(body, *status);
                    }
                    ("redirect", _) => {
                        body.redirects = true;
                        body.answers = true;
                    }
                    ("json" | "send" | "end" | "render" | "sendFile" | "download", _) => {
                        body.answers = true;
                    }
                    ("getAuth", _) => {
                        body.get_auth = true;
                        body.reads_credentials = true;
                    }
                    _ => {}
                }
                if RAISES.contains(&name) {
                    items.iter().take(3).for_each(|it| {
                        if let ExprKind::Num(status) = it.value.kind {
                            note_status(body, status);
                        }
                    });
                }
                // `new Response('…', { status: 401 })`.
                if (name == "Response" || is_response_json(callee))
                    && let Some(ExprKind::Object(options)) = items.get(1).map(|it| &it.value.kind)
                {
                    body.answers = true;
                    options.iter().for_each(|it| {
                        if let ir::Prop::Entry { key: Key::Name(key), value, .. } = it
                            && let ("status", ExprKind::Num(status)) = (&**key, &value.kind)
                        {
                            note_status(body, *status);
                        }
                    });
                }
                // `c.get('user')`.
                if name == "get"
                    && let (ExprKind::Member(object, _), Some(ExprKind::Str(key))) = (&callee.kind, first)
                    && matches!(&object.kind, ExprKind::Name(it) if **it == *request)
                {
                    body.reads_credentials |= matches!(&**key, "user" | "userId" | "auth" | "jwtPayload");
                }
                if name == next && first.is_none() && is_outermost {
                    body.continues = true;
                }
                if name == next
                    && !matches!(first, None | Some(ExprKind::Null))
                    && matches!(callee.kind, ExprKind::Name(_))
                {
                    body.fails |= !matches!(first, Some(ExprKind::Str(text)) if matches!(&**text, "route" | "router"));
                }
                if matches!(&expr.kind, ExprKind::New(..)) && says_unauthorized(name) {
                    body.refuses = true;
                }
                if CHOICES.contains(&name)
                    && (is_selector(callee, &request) || items.iter().any(|it| is_selector(&it.value, &request)))
                {
                    body.selective = true;
                }
                let silent = eval.is_from_silence(callee, closure);
                let value = if silent { Value::Unknown } else { resolve(eval, callee, closure) };
                if matches!(&value, Value::External(it) if it.name().ends_with("createRouteMatcher")) {
                    body.selective = true;
                }
                calls.push(value);
                // A callback given to a checking library is part of the check.
                for item in items {
                    if let ExprKind::Name(_) | ExprKind::Member(..) = &item.value.kind
                        && let value @ Value::Function(_) = resolve(eval, &item.value, closure)
                    {
                        calls.push(value);
                    }
                }
            }
            ExprKind::Member(object, Key::Name(name)) => {
                note_word(body, name);
                let on_request = matches!(&object.kind, ExprKind::Name(it) if **it == *request);
                // `ctx.state.user`, `c.var.user`.
                let in_state = matches!(&object.kind, ExprKind::Member(of, Key::Name(state))
                    if matches!(&**state, "state" | "var") && matches!(&of.kind, ExprKind::Name(it) if **it == *request));
                if (on_request || in_state) && matches!(&**name, "user" | "auth" | "session") {
                    body.reads_credentials = true;
                }
                if on_request && &**name == "auth" && !called_members.contains(&expr.span) {
                    body.auth_object.push(Place { module: closure.module, span: expr.span });
                }
                if says_unauthorized(name) {
                    body.refuses = true;
                }
            }
            ExprKind::Assign(target, _, value) => {
                if let Pattern::Member(member) = &**target {
                    if matches!(last_name(member), Some("statusCode" | "status"))
                        && let ExprKind::Num(status) = value.kind
                    {
                        note_status(body, status);
                    }
                    // Setting `req.auth` is not reading it.
                    called_members.insert(member.span);
                }
            }
            ExprKind::Equal(_, left, right) => {
                body.selective |= is_selector(left, &request) || is_selector(right, &request);
            }
            ExprKind::Str(text) if text.len() < 40 => note_word(body, text),
            ExprKind::Name(name) => note_word(body, name),
            _ => {}
        }
        true
    });
    body.fails |= throws(&function.body);
    for call in calls {
        for value in call.each() {
            match value {
                Value::Function(inner) => {
                    let module = inner.module;
                    let mut unused = Vec::new();
                    std::mem::swap(&mut unused, &mut body.auth_object);
                    scan(eval, &inner, body, seen, depth + 1);
                    if module == closure.module {
                        unused.append(&mut body.auth_object);
                    }
                    body.auth_object = unused;
                }
                Value::External(external) => {
                    let name = external.name();
                    let package = external.package().unwrap_or_default();
                    let last = name.rsplit('.').next().unwrap_or_default();
                    let jwt = ["jsonwebtoken", "jose", "jwt-simple", "firebase-admin", "hono/jwt", "@nestjs/jwt"];
                    let verifies = (jwt.contains(&package)
                        && ["verify", "decode", "jwtverify", "verifyidtoken"]
                            .iter()
                            .any(|word| last.to_ascii_lowercase().contains(word)))
                        || (package == "passport" && last == "authenticate")
                        || (package.starts_with("@clerk/") && matches!(last, "verifyToken" | "authenticateRequest"));
                    body.verifies |= verifies;
                    let called = Rc::new(External::Call(Rc::clone(&external), Vec::new(), Place::default()));
                    if external_verdict(&called, "").state == GuardState::Guarded {
                        body.calls_guard = Some(name);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Functions that are given the status they answer or fail with.
const RAISES: &[&str] = &[
    "throw",
    "assert",
    "HTTPException",
    "HttpException",
    "createError",
    "createHttpError",
    "json",
    "text",
    "html",
    "body",
    "newResponse",
];

fn is_response_json(callee: &Expr) -> bool {
    matches!(&callee.kind, ExprKind::Member(object, Key::Name(name))
        if &**name == "json" && matches!(last_name(object), Some("Response" | "NextResponse")))
}

fn throws(statements: &[ir::Stmt]) -> bool {
    use ir::StmtKind as S;
    statements.iter().any(|it| match &it.kind {
        S::Throw(_) => true,
        S::If(_, yes, no) => {
            throws(std::slice::from_ref(yes)) || no.as_ref().is_some_and(|it| throws(std::slice::from_ref(it)))
        }
        S::Block(all) => throws(all),
        S::Try(block, handler, _) => throws(block) || handler.as_ref().is_some_and(|(_, body)| throws(body)),
        _ => false,
    })
}

fn note_status(body: &mut Body, status: f64) {
    let is = |wanted: f64| (status - wanted).abs() < f64::EPSILON;
    if is(401.0) || is(403.0) {
        body.refuses = true;
    }
    if is(404.0) {
        body.not_found = true;
    }
}

fn note_word(body: &mut Body, word: &str) {
    let lower = word.to_ascii_lowercase();
    // Setting a cookie tells nothing about who asks.
    if lower == "setcookie" {
        return;
    }
    if CREDENTIALS.iter().any(|it| lower.contains(it)) {
        body.reads_credentials = true;
    }
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

/// The value of a name or a chain of members, as the function sees it, without running anything.
pub(crate) fn resolve<H: Host>(eval: &mut Eval<H>, expr: &Expr, closure: &Closure) -> Value {
    match &expr.kind {
        ExprKind::Name(name) => match closure.scope.lookup(name) {
            Some(_) => eval.lookup(&closure.scope, name, closure.module),
            None => Value::Unknown,
        },
        ExprKind::This => closure.this.clone().unwrap_or(Value::Unknown),
        ExprKind::Member(object, Key::Name(name)) => {
            let object = resolve(eval, object, closure);
            match object {
                Value::Unknown | Value::Undefined => Value::Unknown,
                Value::Host(it) => eval.host.member(it, name).unwrap_or(Value::Unknown),
                object => eval.member(&object, name),
            }
        }
        ExprKind::Call(callee, _) => match resolve(eval, callee, closure) {
            Value::External(external) => {
                Value::External(Rc::new(External::Call(external, Vec::new(), Place::default())))
            }
            _ => Value::Unknown,
        },
        ExprKind::Function(function) => Value::Function(Rc::new(Closure {
            function: std::sync::Arc::clone(function),
            scope: Rc::clone(&closure.scope),
            module: closure.module,
            this: None,
            props: crate::js::value::Object::default(),
        })),
        _ => Value::Unknown,
    }
}
