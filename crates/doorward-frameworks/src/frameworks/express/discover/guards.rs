//! What a middleware does to strangers.

use std::collections::HashSet;
use std::rc::Rc;

use doorward::inventory::{GuardAsk, GuardState};
use doorward::policy::{Access, Bind, BindSource, OWNER_CLAIMS};

use super::super::HARMLESS;
use super::host::Express;
use crate::js::eval::Eval;
use crate::js::ir::{self, Expr, ExprKind, Function, Key, Pattern, Span};
use crate::js::program::Program;
use crate::js::value::{Closure, External, Place, Value};
use crate::model::HandlerKind;

/// What is known about one handler.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) state: GuardState,
    /// A package, `doorward`, or a file.
    pub(crate) origin: String,
    pub(crate) asks: Option<GuardAsk>,
    pub(crate) kind: HandlerKind,
}

impl Verdict {
    pub(crate) fn new(state: GuardState, origin: impl Into<String>) -> Self {
        Self { state, origin: origin.into(), asks: None, kind: HandlerKind::Other }
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
pub(crate) fn judge(eval: &mut Eval<Express>, program: &Program, value: &Value, text: &str) -> Verdict {
    match value {
        Value::External(external) => external_verdict(external, text),
        Value::Function(closure) => {
            let file = program.module(closure.module).file.clone();
            let mut body = Body::default();
            scan(eval, closure, &mut body, &mut HashSet::new(), 0);
            let sends_away = body.redirects && body.continues;
            let evidence = (body.refuses || sends_away) && (body.reads_credentials || body.verifies);
            let state = if body.calls_guard.is_some() || evidence || (body.verifies && body.fails) {
                if body.selective { GuardState::Unsure } else { GuardState::Guarded }
            } else if body.refuses && sounds_like_auth(text) {
                GuardState::Unsure
            } else {
                GuardState::Open
            };
            Verdict::new(state, crate::walk::printable(&file))
        }
        Value::OneOf(values) => {
            let all: Vec<Verdict> = values.iter().map(|it| judge(eval, program, it, text)).collect();
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
            let mut first = all.into_iter().next().unwrap_or_else(|| Verdict::new(state, ""));
            first.state = state;
            if state != GuardState::Guarded || !agree {
                first.asks = None;
            }
            first
        }
        Value::Unknown | Value::Method(..) => Verdict::new(GuardState::Unsure, "unknown"),
        _ => Verdict::new(GuardState::Open, ""),
    }
}

fn external_verdict(external: &Rc<External>, text: &str) -> Verdict {
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
        ("@clerk/express" | "@clerk/clerk-sdk-node" | "doorward", _) => {}
        ("passport", "authenticate" | "authorize") if called => verdict.state = GuardState::Guarded,
        ("express-jwt", _) if called => verdict.state = lenient(external, "credentialsRequired"),
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
        }
        (package, _) if HARMLESS.contains(&package) => {}
        (package, name) if sounds_like_auth(package) || sounds_like_auth(name) || sounds_like_auth(text) => {
            verdict.state = GuardState::Unsure;
        }
        _ => {}
    }
    verdict
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

/// The argument of a doorward guard.
pub(crate) fn ask(value: &Value) -> Option<GuardAsk> {
    match value {
        Value::Str(text) => {
            let access = match &*text.text {
                "signed-in" => Access::SignedIn,
                "optional" => Access::Optional,
                "webhook" => Access::Webhook,
                _ => return None,
            };
            Some(GuardAsk { access, bind: Vec::new(), hide: false })
        }
        Value::Object(object) => {
            let access = access(value, 0).unwrap_or(Access::SignedIn);
            let known = ["role", "permission", "feature", "plan", "any", "all", "signedIn"];
            let named = object.props.borrow().iter().filter(|(key, _)| known.contains(&&**key)).count();
            if named > 1 || (named == 1 && object.get("signedIn").is_none() && access == Access::SignedIn) {
                return None;
            }
            let hide = matches!(object.get("hide"), Some(Value::Bool(true)));
            let mut bind = Vec::new();
            if let Some(Value::Object(pairs)) = object.get("bind") {
                for (param, claim) in pairs.props.borrow().iter() {
                    let claim = claim.as_str().filter(|it| OWNER_CLAIMS.contains(it))?;
                    bind.push(Bind { source: BindSource::Param(param.to_string()), claim: claim.to_owned() });
                }
            }
            Some(GuardAsk { access, bind, hide })
        }
        _ => None,
    }
}

fn access(value: &Value, depth: usize) -> Option<Access> {
    let object = match value {
        _ if depth > 8 => return None,
        Value::Object(object) => object,
        Value::Str(text) if &*text.text == "signed-in" => return Some(Access::SignedIn),
        _ => return None,
    };
    let text = |name: &str| object.get(name).and_then(|it| it.as_str().map(str::to_owned));
    let list = |name: &str| match object.get(name) {
        Some(Value::Array(array)) => {
            array.items.borrow().iter().map(|it| access(it, depth + 1)).collect::<Option<Vec<_>>>()
        }
        _ => None,
    };
    if let Some(name) = text("role") {
        return Access::role(&name).ok();
    }
    if let Some(name) = text("permission") {
        return Access::permission(&name).ok();
    }
    if let Some(name) = text("feature") {
        return Access::feature(&name).ok();
    }
    if let Some(name) = text("plan") {
        return Access::plan(&name).ok();
    }
    if let Some(of) = list("any") {
        return Access::any(of).ok();
    }
    if let Some(of) = list("all") {
        return Access::all(of).ok();
    }
    matches!(object.get("signedIn"), Some(Value::Bool(true))).then_some(Access::SignedIn)
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
        ExprKind::Member(object, Key::Name(name)) => {
            let of = |wanted: &str| matches!(&object.kind, ExprKind::Name(it) if **it == *wanted);
            let of_env = matches!(&object.kind, ExprKind::Member(_, Key::Name(it)) if &**it == "env");
            (of(request) && matches!(&**name, "path" | "url" | "originalUrl" | "baseUrl"))
                || (of_env && name.contains("ENV"))
                || is_selector(object, request)
        }
        _ => false,
    }
}

/// Reads a function's body, and those of the project's functions it calls.
pub(crate) fn scan(
    eval: &mut Eval<Express>,
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
    let next = function.param_name(2).unwrap_or("next").to_owned();
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
                let value = resolve(eval, callee, closure);
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
                if on_request && matches!(&**name, "user" | "auth" | "session") {
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
                    if last_name(member) == Some("statusCode")
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
                    let verifies = (matches!(package, "jsonwebtoken" | "jose" | "jwt-simple" | "firebase-admin")
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
    if CREDENTIALS.iter().any(|it| lower.contains(it)) {
        body.reads_credentials = true;
    }
}

fn says_unauthorized(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["unauthorized", "unauthorised", "forbidden", "unauthenticated", "accessdenied"].iter().any(|it| lower.contains(it))
}

fn last_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) => Some(name),
        _ => None,
    }
}

/// The value of a name or a chain of members, as the function sees it, without running anything.
fn resolve(eval: &mut Eval<Express>, expr: &Expr, closure: &Closure) -> Value {
    match &expr.kind {
        ExprKind::Name(name) => match closure.scope.lookup(name) {
            Some(_) => eval.lookup(&closure.scope, name, closure.module),
            None => Value::Unknown,
        },
        ExprKind::This => closure.this.clone().unwrap_or(Value::Unknown),
        ExprKind::Member(object, Key::Name(name)) => {
            let object = resolve(eval, object, closure);
            match object {
                Value::Unknown | Value::Undefined | Value::Host(_) => Value::Unknown,
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

/// What becomes of the requests a function is given.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flow {
    /// It answers with something to see.
    pub(crate) shows: bool,
    /// It answers with a status or a redirect and nothing else.
    pub(crate) ends: bool,
    /// It answers with an error.
    pub(crate) errors: bool,
    /// It gives the response to code that can't be read.
    pub(crate) hands_on: bool,
    /// It passes the request on.
    pub(crate) continues: bool,
    /// It passes an error on, or throws.
    pub(crate) fails: bool,
    /// It says 404.
    pub(crate) not_found: bool,
    /// Its text has 404 somewhere.
    mentions_not_found: bool,
}

impl Flow {
    /// It answers every request it doesn't fail on with something other than an error.
    pub(crate) fn terminal(self) -> bool {
        !self.continues && (self.shows || self.ends || self.hands_on)
    }

    /// What stands behind it never runs.
    pub(crate) fn stops(self) -> bool {
        self.terminal() || (!self.continues && self.errors)
    }

    /// It says 404 to everybody, or makes an error of it.
    pub(crate) fn only_not_found(self) -> bool {
        let answers = self.shows || self.ends || self.hands_on || self.continues;
        !answers && (self.not_found || (self.fails && !self.errors && self.mentions_not_found))
    }
}

/// What becomes of the requests `closure` is given. Without an evaluator, only its own text is read.
pub(crate) fn flow(eval: Option<&mut Eval<Express>>, closure: &Closure) -> Flow {
    let function = &closure.function;
    let name = |at: usize| function.param_name(at).map(str::to_owned);
    let (request, response, next) = (name(0), name(1), name(2));
    let mut flow = Flow::default();
    // Parameters that are taken apart, or gathered in a list, can't be followed.
    let hidden = |at: usize| match function.params.get(at) {
        Some(_) => function.param_name(at).is_none(),
        None => function.rest.is_some(),
    };
    flow.hands_on |= hidden(1);
    flow.continues |= hidden(2);
    let mut walk = FlowWalk {
        eval,
        closure,
        request,
        response,
        next,
        flow,
        seen: HashSet::new(),
        depth: 0,
        loose: Vec::new(),
        catches: false,
        preflight: false,
    };
    walk.block(&function.body, false);
    walk.flow
}

struct FlowWalk<'a, 'e, 'p> {
    eval: Option<&'e mut Eval<'p, Express>>,
    closure: &'a Closure,
    request: Option<String>,
    response: Option<String>,
    next: Option<String>,
    flow: Flow,
    seen: HashSet<(*const Function, [bool; 3])>,
    depth: usize,
    /// Names that may hold an error, or nothing.
    loose: Vec<String>,
    /// The next function is given what failed.
    catches: bool,
    /// What is read is run for preflights only.
    preflight: bool,
}

impl FlowWalk<'_, '_, '_> {
    /// `refusing`: the status is that of an error already.
    fn block(&mut self, statements: &[ir::Stmt], mut refusing: bool) {
        if self.depth > 200 {
            self.flow.hands_on = true;
            self.flow.continues = true;
            return;
        }
        self.depth += 1;
        for statement in statements {
            self.statement(statement, refusing);
            if let ir::StmtKind::Expr(expr) = &statement.kind
                && let Some(error) = self.status_set(expr)
            {
                refusing = error;
            }
        }
        self.depth -= 1;
    }

    fn statement(&mut self, statement: &ir::Stmt, refusing: bool) {
        use ir::StmtKind as S;
        let one = std::slice::from_ref::<ir::Stmt>;
        match &statement.kind {
            S::Expr(it) | S::Return(Some(it)) => self.expr(it, refusing),
            S::Throw(it) => {
                self.flow.fails = true;
                self.flow.not_found |= says_not_found(it);
                self.expr(it, refusing);
            }
            S::Var(all, _) => all.iter().filter_map(|(_, it)| it.as_ref()).for_each(|it| self.expr(it, refusing)),
            S::Function(function) => self.nested(function, refusing),
            S::If(test, yes, no) => {
                self.expr(test, refusing);
                // Preflights are answered for everybody.
                let outer = self.preflight;
                self.preflight |= is_preflight(test);
                self.tested(test, |it| it.block(one(yes), refusing));
                self.preflight = outer;
                no.iter().for_each(|it| self.block(one(it), refusing));
            }
            S::Block(all) => self.block(all, refusing),
            S::ForOf(_, it, body) | S::ForIn(_, it, body) => {
                self.expr(it, refusing);
                self.block(one(body), refusing);
            }
            S::Loop(init, again, body) => {
                self.block(init, refusing);
                again.iter().for_each(|it| self.expr(it, refusing));
                self.block(one(body), refusing);
            }
            S::Try(block, handler, last) => {
                self.block(block, refusing);
                handler.iter().for_each(|(_, body)| self.block(body, refusing));
                self.block(last, refusing);
            }
            S::Switch(value, cases) => {
                self.expr(value, refusing);
                for (test, body) in cases {
                    test.iter().for_each(|it| self.expr(it, refusing));
                    self.block(body, refusing);
                }
            }
            S::Class(_, class) => self.class(class, refusing),
            S::Return(None) | S::Enum(..) | S::Jump | S::Empty => {}
        }
    }

    /// A function inside of the function. Its parameters hide names of the outer one.
    fn nested(&mut self, function: &Function, refusing: bool) {
        let kept = (self.request.clone(), self.response.clone(), self.next.clone());
        let loose = self.loose.len();
        let catches = std::mem::take(&mut self.catches);
        for at in 0..function.params.len() {
            let hidden = function.param_name(at);
            if !catches {
                self.loose.extend(hidden.map(str::to_owned));
            }
            for name in [&mut self.request, &mut self.response, &mut self.next] {
                if hidden.is_some() && name.as_deref() == hidden {
                    *name = None;
                }
            }
        }
        self.block(&function.body, refusing);
        (self.request, self.response, self.next) = kept;
        self.loose.truncate(loose);
    }

    /// Does `work` where `test` has been seen to hold, so that the names in it hold something.
    fn tested(&mut self, test: &Expr, work: impl FnOnce(&mut Self)) {
        let kept = self.loose.clone();
        self.loose.retain(|name| !mentions(test, &|it| matches!(it, ExprKind::Name(it) if **it == **name)));
        work(self);
        self.loose = kept;
    }

    fn class(&mut self, class: &ir::Class, refusing: bool) {
        for function in class.constructor.iter().chain(class.methods.iter().map(|it| &it.function)) {
            self.nested(function, refusing);
        }
        class.fields.iter().filter_map(|it| it.value.as_ref()).for_each(|it| self.expr(it, refusing));
    }

    fn is_response(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Name(name) if self.response.as_deref() == Some(&**name))
    }

    fn is_next(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Name(name) if self.next.as_deref() == Some(&**name))
    }

    /// `res`, `res.status(…)`, `res.set(…).type(…)`.
    fn is_chain(&self, expr: &Expr) -> bool {
        let mut at = expr;
        loop {
            match &at.kind {
                ExprKind::Call(callee, _) => match &callee.kind {
                    ExprKind::Member(object, Key::Name(_)) => at = object,
                    _ => return false,
                },
                _ => return self.is_response(at),
            }
        }
    }

    /// Whether an expression sets a status, and whether that is one of an error.
    fn status_set(&self, expr: &Expr) -> Option<bool> {
        match &expr.kind {
            ExprKind::Call(callee, items) => {
                let ExprKind::Member(object, Key::Name(name)) = &callee.kind else { return None };
                if matches!(&**name, "status" | "writeHead") && self.is_chain(object) {
                    return items.first().map(|it| is_error_status(&it.value));
                }
                self.status_set(object)
            }
            ExprKind::Assign(target, _, value) => match &**target {
                Pattern::Member(member) => match &member.kind {
                    ExprKind::Member(object, Key::Name(name)) if &**name == "statusCode" => {
                        self.is_response(object).then(|| is_error_status(value))
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn expr(&mut self, expr: &Expr, refusing: bool) {
        if self.depth > 200 {
            self.flow.hands_on = true;
            self.flow.continues = true;
            return;
        }
        self.depth += 1;
        self.inside(expr, refusing);
        self.depth -= 1;
    }

    fn inside(&mut self, expr: &Expr, refusing: bool) {
        match &expr.kind {
            ExprKind::Call(callee, items) => self.call(callee, items, refusing),
            ExprKind::Function(function) => self.nested(function, refusing),
            ExprKind::Class(class) => self.class(class, refusing),
            ExprKind::Conditional(test, yes, no) => {
                self.expr(test, refusing);
                self.tested(test, |it| it.expr(yes, refusing));
                self.expr(no, refusing);
            }
            ExprKind::And(test, then) => {
                self.expr(test, refusing);
                self.tested(test, |it| it.expr(then, refusing));
            }
            ExprKind::Member(object, key) => {
                if let Key::Computed(key) = key {
                    self.flow.hands_on |= self.is_chain(object);
                    self.expr(key, refusing);
                }
                let of_request = matches!(&object.kind, ExprKind::Name(it) if self.request.as_deref() == Some(&**it));
                match key {
                    Key::Name(name) if of_request && &**name == "next" => self.flow.continues = true,
                    Key::Name(name) if of_request && &**name == "res" => self.flow.hands_on = true,
                    _ => {}
                }
                if !self.is_response(object) {
                    self.expr(object, refusing);
                }
                self.note(expr);
            }
            ExprKind::Assign(target, _, value) => {
                if let Pattern::Member(member) = &**target
                    && let ExprKind::Member(object, _) = &member.kind
                {
                    if self.is_response(object) {
                        self.flow.not_found |= self.status_set(expr).is_some() && says_not_found(value);
                    } else {
                        self.expr(object, refusing);
                    }
                }
                self.expr(value, refusing);
            }
            ExprKind::Name(name) => {
                self.flow.hands_on |= self.is_response(expr);
                self.flow.continues |= self.is_next(expr) || &**name == "arguments";
                self.note(expr);
            }
            _ => {
                self.note(expr);
                children(expr).into_iter().for_each(|it| self.expr(it, refusing));
            }
        }
    }

    fn note(&mut self, expr: &Expr) {
        self.flow.mentions_not_found |= is_not_found(&expr.kind);
    }

    fn call(&mut self, callee: &Expr, items: &[ir::Item], refusing: bool) {
        if self.is_next(callee) {
            match items.first().map(|it| &it.value) {
                None => self.flow.continues = true,
                Some(it) if matches!(it.kind, ExprKind::Null | ExprKind::Str(_)) => self.flow.continues = true,
                Some(it) if matches!(&it.kind, ExprKind::Name(name) if &**name == "undefined") => {
                    self.flow.continues = true;
                }
                Some(it) => {
                    // `(error) => next(error)` passes the request on when there is no error.
                    let loose = matches!(&it.kind, ExprKind::Name(name) if self.loose.iter().any(|it| **it == **name));
                    self.flow.continues |= loose;
                    self.flow.fails = true;
                    self.flow.not_found |= says_not_found(it);
                    self.expr(it, refusing);
                }
            }
            return;
        }
        if let ExprKind::Member(object, Key::Name(name)) = &callee.kind {
            if self.is_chain(object) {
                self.answer(object, name, items, refusing);
                self.expr_of_chain(object, refusing);
                items.iter().for_each(|it| self.expr(&it.value, refusing));
                return;
            }
            if &**name == "catch" {
                // What fails goes to the error handlers.
                self.expr(object, refusing);
                for item in items {
                    match &item.value.kind {
                        _ if self.is_next(&item.value) => self.flow.fails = true,
                        ExprKind::Function(function) => {
                            self.catches = true;
                            self.nested(function, refusing);
                        }
                        _ => self.expr(&item.value, refusing),
                    }
                }
                return;
            }
            if &**name == "pipe" && items.iter().any(|it| self.is_response(&it.value)) {
                self.flow.shows |= !refusing;
                self.flow.errors |= refusing;
                self.expr(object, refusing);
                return;
            }
        }
        let given = items.iter().any(|it| self.is_response(&it.value) || self.is_next(&it.value));
        if given && self.enters(callee, items, refusing) {
            for item in items {
                if !self.is_response(&item.value) && !self.is_next(&item.value) {
                    self.expr(&item.value, refusing);
                }
            }
            return;
        }
        self.expr(callee, refusing);
        items.iter().for_each(|it| self.expr(&it.value, refusing));
    }

    /// The arguments of `res.status(…).set(…)`.
    fn expr_of_chain(&mut self, expr: &Expr, refusing: bool) {
        if let ExprKind::Call(callee, items) = &expr.kind
            && let ExprKind::Member(object, _) = &callee.kind
        {
            self.flow.not_found |= self.status_set(expr).is_some() && items.iter().any(|it| says_not_found(&it.value));
            self.expr_of_chain(object, refusing);
            items.iter().for_each(|it| self.expr(&it.value, refusing));
        }
    }

    /// A method of the response.
    fn answer(&mut self, object: &Expr, name: &str, items: &[ir::Item], refusing: bool) {
        let first = items.first().map(|it| &it.value);
        let refusing = self.preflight || self.status_set(object).unwrap_or(refusing);
        match name {
            "sendStatus" => {
                let error = first.is_some_and(is_error_status);
                self.flow.errors |= error;
                self.flow.ends |= !error;
                self.flow.not_found |= first.is_some_and(says_not_found);
            }
            "status" | "writeHead" => self.flow.not_found |= first.is_some_and(says_not_found),
            "redirect" => self.flow.ends = true,
            "json" | "jsonp" | "send" | "end" | "write" | "render" | "sendFile" | "sendfile" | "download"
            | "format" => {
                self.flow.errors |= refusing;
                self.flow.ends |= !refusing && first.is_none();
                self.flow.shows |= !refusing && first.is_some();
            }
            _ => {}
        }
    }

    /// Reads a function of the project that is given the response or the way on. `false`: it can't be read.
    fn enters(&mut self, callee: &Expr, items: &[ir::Item], refusing: bool) -> bool {
        let slots: Vec<Option<usize>> = items
            .iter()
            .map(|it| {
                let of_request = matches!(&it.value.kind, ExprKind::Name(it) if self.request.as_deref() == Some(&**it));
                match (of_request, self.is_response(&it.value), self.is_next(&it.value)) {
                    (true, ..) => Some(0),
                    (_, true, _) => Some(1),
                    (_, _, true) => Some(2),
                    _ => None,
                }
            })
            .collect();
        let Some(eval) = self.eval.as_deref_mut() else { return false };
        if items.iter().any(|it| it.spread) || self.seen.len() > 40 {
            return false;
        }
        let method = match &callee.kind {
            ExprKind::Member(object, Key::Name(name)) if &**name == "handle" => resolve(eval, object, self.closure),
            _ => Value::Unknown,
        };
        let value = resolve(eval, callee, self.closure);
        if matches!(value, Value::Host(_)) || matches!(method, Value::Host(_)) {
            self.flow.continues = true;
            return true;
        }
        let Value::Function(inner) = value else { return false };
        let mut names = [None, None, None];
        for (at, slot) in slots.into_iter().enumerate() {
            let Some(slot) = slot else { continue };
            match inner.function.param_name(at) {
                Some(name) => {
                    if let Some(it) = names.get_mut(slot) {
                        *it = Some(name.to_owned());
                    }
                }
                // A function with fewer parameters does nothing with it, unless it asks for the rest.
                None if at >= inner.function.params.len() && inner.function.rest.is_none() => {}
                None => return false,
            }
        }
        let given = [names[0].is_some(), names[1].is_some(), names[2].is_some()];
        if !self.seen.insert((std::sync::Arc::as_ptr(&inner.function), given)) {
            return true;
        }
        let [request, response, next] = names;
        let seen = std::mem::take(&mut self.seen);
        let mut walk = FlowWalk {
            eval: Some(eval),
            closure: inner.as_ref(),
            request,
            response,
            next,
            flow: self.flow,
            seen,
            depth: self.depth,
            preflight: self.preflight,
            loose: Vec::new(),
            catches: false,
        };
        walk.block(&inner.function.body, refusing);
        self.flow = walk.flow;
        self.seen = walk.seen;
        true
    }
}

fn is_not_found(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::Num(status) => (status - 404.0).abs() < f64::EPSILON,
        // `HttpStatus.NOT_FOUND`, `new NotFoundError()`.
        ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) => {
            name.to_ascii_lowercase().replace('_', "").starts_with("notfound")
        }
        _ => false,
    }
}

/// `req.method === 'OPTIONS'`, alone or with more that must hold.
fn is_preflight(expr: &Expr) -> bool {
    let options = |it: &Expr| matches!(&it.kind, ExprKind::Str(text) if &**text == "OPTIONS");
    match &expr.kind {
        ExprKind::Equal(true, left, right) => {
            (options(right) && last_name(left) == Some("method"))
                || (options(left) && last_name(right) == Some("method"))
        }
        ExprKind::And(left, right) => is_preflight(left) || is_preflight(right),
        _ => false,
    }
}

fn says_not_found(expr: &Expr) -> bool {
    mentions(expr, &is_not_found)
}

fn mentions(expr: &Expr, wanted: &dyn Fn(&ExprKind) -> bool) -> bool {
    fn look(expr: &Expr, wanted: &dyn Fn(&ExprKind) -> bool, depth: usize) -> bool {
        depth < 100 && (wanted(&expr.kind) || children(expr).into_iter().any(|it| look(it, wanted, depth + 1)))
    }
    look(expr, wanted, 0)
}

/// Whether an argument of `status()` is one of an error for sure.
fn is_error_status(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Num(status) => *status >= 400.0,
        ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) => {
            let name = name.to_ascii_lowercase().replace('_', "");
            says_unauthorized(&name)
                || ["notfound", "badrequest", "internalservererror", "toomanyrequests", "unprocessable", "conflict"]
                    .iter()
                    .any(|it| name.starts_with(it))
        }
        _ => false,
    }
}

/// The parts of an expression, without the bodies of functions.
fn children(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Template(_, all) | ExprKind::Sequence(all) | ExprKind::Other(all) => all.iter().collect(),
        ExprKind::Array(items) => items.iter().map(|it| &it.value).collect(),
        ExprKind::Object(props) => props
            .iter()
            .map(|it| match it {
                ir::Prop::Entry { value, .. } | ir::Prop::Spread(value) => value,
            })
            .collect(),
        ExprKind::Member(object, Key::Computed(key)) => vec![object, key],
        ExprKind::Call(callee, items) | ExprKind::New(callee, items) => {
            std::iter::once(&**callee).chain(items.iter().map(|it| &it.value)).collect()
        }
        ExprKind::Member(it, _)
        | ExprKind::Import(it)
        | ExprKind::Not(it)
        | ExprKind::Await(it)
        | ExprKind::Assign(_, _, it) => vec![it],
        ExprKind::Add(left, right)
        | ExprKind::Equal(_, left, right)
        | ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Coalesce(left, right) => vec![left, right],
        ExprKind::Conditional(test, yes, no) => vec![test, yes, no],
        _ => Vec::new(),
    }
}
