//! What the body of a middleware shows, read without running it.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::inventory::GuardState;

use super::eval::{Eval, Host};
use super::guards::{external_verdict, last_name, says_unauthorized};
use super::ir::{self, Expr, ExprKind, Function, Key, Pattern, Span};
use super::value::{Closure, External, Place, Value};

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
