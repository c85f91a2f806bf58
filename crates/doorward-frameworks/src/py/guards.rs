//! What a function of the tree does to strangers, read from its body and from what it calls.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::inventory::GuardState;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprCall, Number, Stmt};

use super::eval::{Eval, Host};
use super::value::{Args, Def, External, Function, Value};

/// How deep calls are followed, and how many functions are read for one answer.
const MAX_CALLS: usize = 5;
const MAX_FUNCTIONS: usize = 300;

/// What a body shows.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// It answers 401 or 403, or raises what becomes that.
    pub(crate) refuses: bool,
    /// It sends the browser elsewhere.
    pub(crate) redirects: bool,
    /// It looks at credentials.
    pub(crate) reads_credentials: bool,
    /// It checks them with something that raises.
    pub(crate) verifies: bool,
    /// It decides by the path, the endpoint or the environment whether to look at all.
    pub(crate) selective: bool,
    /// It lets preflights pass.
    pub(crate) knows_options: bool,
    /// Everything from packages that it calls, by dotted name.
    pub(crate) calls: Vec<String>,
}

impl Body {
    /// Whether strangers get past it. `name`: what people read into it where the body doesn't tell.
    pub(crate) fn state(&self, name: &str) -> GuardState {
        let evidence = (self.refuses || self.redirects) && (self.reads_credentials || self.verifies);
        if evidence {
            if self.selective { GuardState::Unsure } else { GuardState::Guarded }
        } else if self.refuses && sounds_like_auth(name) {
            GuardState::Unsure
        } else {
            GuardState::Open
        }
    }
}

/// Reads `function` and the functions of the tree that it calls.
pub(crate) fn scan<'p, H: Host<'p>>(eval: &mut Eval<'p, H>, function: &Rc<Function<'p>>) -> Body {
    let mut body = Body::default();
    scan_into(eval, function, &mut body, &mut HashSet::new(), 0);
    body
}

fn scan_into<'p, H: Host<'p>>(
    eval: &mut Eval<'p, H>,
    function: &Rc<Function<'p>>,
    body: &mut Body,
    seen: &mut HashSet<*const u8>,
    depth: usize,
) {
    if depth > MAX_CALLS || seen.len() > MAX_FUNCTIONS || !seen.insert(function.key()) {
        return;
    }
    let mut reader = Reader { body, calls: Vec::new(), depth: 0 };
    match function.def {
        Def::Def(def) => reader.visit_body(&def.body),
        Def::Lambda(lambda) => reader.visit_expr(&lambda.body),
    }
    for call in reader.calls {
        // `view(*args, **kwargs)` is what a wrapper wraps, and no part of it.
        let passes_all = call.arguments.args.iter().any(Expr::is_starred_expr)
            && call.arguments.keywords.iter().any(|it| it.arg.is_none());
        if passes_all {
            continue;
        }
        let callee = eval.static_value(&call.func, &function.scope, function.module);
        for value in callee.each() {
            match value {
                Value::External(external) => note_call(body, &external.name()),
                Value::Function(inner) => scan_into(eval, &inner, body, seen, depth + 1),
                Value::Bound(bound) => scan_into(eval, &bound.1, body, seen, depth + 1),
                _ => {}
            }
        }
    }
}

/// Functions that raise for a token that is not good.
static VERIFIERS: &[&str] = &[
    "clerk_backend_api.security.verify_token",
    "clerk_backend_api.security.verifytoken.verify_token",
    "clerk_backend_api.verify_token",
    "firebase_admin.auth.verify_id_token",
    "flask_jwt_extended.verify_jwt_in_request",
    "google.oauth2.id_token.verify_oauth2_token",
    "jose.jwt.decode",
    "jwt.decode",
];

fn note_call(body: &mut Body, name: &str) {
    if VERIFIERS.contains(&name) {
        body.verifies = true;
        // What it raises becomes a refusal, or at least no answer.
        body.refuses = true;
    }
    if name.ends_with("authenticate_request") {
        body.reads_credentials = true;
    }
    if body.calls.len() < 1_000 {
        body.calls.push(name.to_owned());
    }
}

struct Reader<'b, 'p> {
    body: &'b mut Body,
    calls: Vec<&'p ExprCall>,
    depth: usize,
}

impl<'p> Visitor<'p> for Reader<'_, 'p> {
    fn visit_stmt(&mut self, statement: &'p Stmt) {
        match statement {
            Stmt::Raise(it) => {
                if let Some(exception) = &it.exc {
                    self.body.refuses |= last_name(callee(exception)).is_some_and(says_unauthorized);
                }
            }
            Stmt::Return(it) => {
                if let Some(Expr::Tuple(tuple)) = it.value.as_deref() {
                    self.body.refuses |= tuple.elts.get(1).is_some_and(is_refusal);
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expr: &'p Expr) {
        if self.depth > 200 {
            return;
        }
        self.depth += 1;
        match expr {
            Expr::Call(call) => self.call(call),
            Expr::Name(name) => note_word(self.body, name.id.as_str()),
            Expr::Attribute(it) => note_word(self.body, it.attr.id.as_str()),
            Expr::StringLiteral(it) if it.value.len() < 40 => {
                let text = it.value.to_str();
                self.body.knows_options |= text == "OPTIONS";
                note_word(self.body, text);
            }
            Expr::Compare(it) => {
                let sides = std::iter::once(&*it.left).chain(&it.comparators);
                self.body.selective |= sides.into_iter().any(is_selector);
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
        self.depth -= 1;
    }
}

impl<'p> Reader<'_, 'p> {
    fn call(&mut self, call: &'p ExprCall) {
        let name = last_name(&call.func).unwrap_or_default();
        let first = call.arguments.args.first();
        let by_status = call.arguments.keywords.iter().any(|it| {
            it.arg.as_ref().is_some_and(|name| matches!(name.id.as_str(), "status" | "status_code" | "code"))
                && is_refusal(&it.value)
        });
        match name {
            "abort" | "HTTPException" | "HttpError" => self.body.refuses |= first.is_some_and(is_refusal),
            "make_response" => self.body.refuses |= call.arguments.args.iter().any(is_refusal),
            "unauthorized" | "handle_needs_login" | "handle_no_permission" => self.body.refuses = true,
            "redirect" | "redirect_to_login" | "HttpResponseRedirect" => self.body.redirects = true,
            "startswith" | "endswith" | "match" | "fullmatch" => {
                let of = match &*call.func {
                    Expr::Attribute(it) => is_selector(&it.value),
                    _ => false,
                };
                self.body.selective |= of || call.arguments.args.iter().any(is_selector);
            }
            _ => {}
        }
        self.body.refuses |= by_status || says_unauthorized(name);
        if self.calls.len() < 1_000 {
            self.calls.push(call);
        }
    }
}

/// Whether an expression is 401 or 403.
fn is_refusal(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(it) => matches!(&it.value, Number::Int(int) if matches!(int.as_u16(), Some(401 | 403))),
        Expr::Attribute(_) | Expr::Name(_) => last_name(expr).is_some_and(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("unauthorized")
                || name.contains("forbidden")
                || name.contains("_401_")
                || name.contains("_403_")
        }),
        _ => false,
    }
}

/// Whether an expression is about the request's path or endpoint, or about the environment.
fn is_selector(expr: &Expr) -> bool {
    match expr {
        Expr::Attribute(it) => matches!(
            it.attr.id.as_str(),
            "path"
                | "endpoint"
                | "path_info"
                | "full_path"
                | "blueprint"
                | "view_name"
                | "url_name"
                | "DEBUG"
                | "debug"
        ),
        Expr::Call(it) => matches!(&*it.func, Expr::Attribute(attribute) if is_selector(&attribute.value)),
        _ => false,
    }
}

/// What is called, or the expression itself.
fn callee(expr: &Expr) -> &Expr {
    match expr {
        Expr::Call(it) => &it.func,
        other => other,
    }
}

fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(it) => Some(it.id.as_str()),
        Expr::Attribute(it) => Some(it.attr.id.as_str()),
        _ => None,
    }
}

fn says_unauthorized(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["unauthorized", "unauthorised", "forbidden", "notauthenticated", "permissiondenied", "authenticationfailed"]
        .iter()
        .any(|it| lower.contains(it))
}

static CREDENTIALS: &[&str] = &[
    "authorization",
    "jwt",
    "token",
    "bearer",
    "session",
    "apikey",
    "api_key",
    "credential",
    "current_user",
    "is_authenticated",
    "is_staff",
    "is_superuser",
    "cookie",
    "authenticate",
    "has_perm",
    "authed",
    "logged_in",
    "is_admin",
];

fn note_word(body: &mut Body, word: &str) {
    let lower = word.to_ascii_lowercase();
    body.reads_credentials |= CREDENTIALS.iter().any(|it| lower.contains(it));
}

/// Whether a name makes people think of access control.
pub(crate) fn sounds_like_auth(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        "auth",
        "guard",
        "protect",
        "permission",
        "role",
        "login",
        "signed_in",
        "logged_in",
        "jwt",
        "acl",
        "admin",
        "api_key",
        "apikey",
        "require",
        "secur",
        "token",
        "owner",
    ];
    words.iter().any(|word| name.contains(word)) && (!name.contains("author") || name.contains("authori"))
}

/// Whether a header, cookie or parameter of this name holds credentials.
pub(crate) fn is_credential(name: &str) -> bool {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    ["auth", "token", "key", "secret", "session", "cookie", "signature", "bearer", "jwt", "password", "credential"]
        .iter()
        .any(|word| lower.contains(word))
        && !lower.contains("idempotency")
}

/// What somebody sends whose credentials mean nothing: they look right, and whatever only looks at them lets them pass.
pub(crate) const FORGED: &str = "forged.forged.forged";
const WRITTEN: &str = "*written by whoever asks*";
const ASSUMED: &str = "*taken where nothing is sent*";

/// A part of a request that holds no credentials, and may be anything.
pub(crate) fn written<'p>() -> Value<'p> {
    Value::package(WRITTEN)
}

/// What counts as sent where nothing is, and isn't known: it may be the secret itself.
pub(crate) fn assumed<'p>() -> Value<'p> {
    Value::package(ASSUMED)
}

/// Whether whoever asks chose a value.
fn is_written(value: &Value) -> bool {
    match value {
        Value::Str(it) => it.text.contains(FORGED),
        Value::External(it) => it.package() == Some(WRITTEN),
        Value::OneOf(values) => values.iter().any(is_written),
        _ => false,
    }
}

/// What comparing with a secret gives: a stranger doesn't know it, unless it is theirs, or what counts without any.
pub(crate) fn compared<'p>(args: &Args<'p>) -> Value<'p> {
    let [one, two, ..] = args.positional.as_slice() else { return Value::Bool(false) };
    let (one, two) = (&one.value, &two.value);
    let is_assumed = |it: &Value| matches!(it, Value::External(it) if it.package() == Some(ASSUMED));
    let same = match (one.as_str(), two.as_str()) {
        (Some(one), Some(two)) => one == two,
        _ => is_written(one) && is_written(two),
    };
    if same || is_assumed(one) || is_assumed(two) { Value::Unknown } else { Value::Bool(false) }
}

/// Whether a token is checked with a key that its writer names as well.
fn key_is_theirs(args: &Args) -> bool {
    let is_sent = !matches!(args.get(0, "jwt").or_else(|| args.named("token")).and_then(Value::truth), Some(false));
    is_sent && args.get(1, "key").is_some_and(is_written)
}

/// Whether what is verified is a token that the program itself made.
fn is_own_token(args: &Args) -> bool {
    let token = args.get(0, "jwt").or_else(|| args.named("token"));
    matches!(token, Some(Value::External(it)) if it.called().is_some() && it.last() == "encode"
        && matches!(it.package(), Some("jwt" | "jose")))
}

/// Whether a call raises for credentials that are missing or wrong.
pub(crate) fn verifies(callee: &External, args: &Args) -> bool {
    let package = callee.package().unwrap_or_default();
    match (package, callee.last()) {
        ("jwt" | "jose" | "authlib" | "joserfc", "decode") => {
            !(skips_signature(args) || key_is_theirs(args) || is_own_token(args))
        }
        ("clerk_backend_api", "verify_token" | "verify_token_async") => true,
        ("firebase_admin", "verify_id_token" | "verify_session_cookie") => true,
        ("google", "verify_oauth2_token" | "verify_token" | "verify_firebase_token") => true,
        ("itsdangerous", "loads" | "unsign") => true,
        _ => false,
    }
}

/// Whether a call reads claims that nobody verified.
pub(crate) fn is_unverified(callee: &External, args: &Args) -> bool {
    match callee.last() {
        "decode" => matches!(callee.package(), Some("jwt" | "jose")) && (skips_signature(args) || key_is_theirs(args)),
        "get_unverified_claims" => true,
        // The middle of a token, taken apart by hand.
        "loads" => args.all().any(|it| it.value.external_name().is_some_and(|it| it.contains("b64decode"))),
        _ => false,
    }
}

/// Whether a call of `jwt.decode` is told not to check the signature.
pub(crate) fn skips_signature(args: &Args) -> bool {
    switched_off(args, "verify_signature") || matches!(args.named("verify"), Some(Value::Bool(false)))
}

/// Whether the options of a call of `jwt.decode` switch `check` off.
pub(crate) fn switched_off(args: &Args, check: &str) -> bool {
    match args.named("options") {
        Some(Value::Dict(options)) => matches!(options.get_str(check), Some(Value::Bool(false))),
        _ => false,
    }
}
