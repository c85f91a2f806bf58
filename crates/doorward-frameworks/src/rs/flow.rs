//! What becomes of a request in a function: whether it can be refused, and whether anybody gets past.
//!
//! A middleware passes on by calling what comes next, an extractor by giving a value. A guard is a check that
//! every way to that point goes through, and that a stranger does not pass.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{Arm, Expr, ExprKind, Macro, Name, Path, Pattern, Statement, StatementKind, Type};
use super::program::{Def, FnRef, Owner, Program, ScopeId, TypeId};

/// Functions that call each other more deeply say nothing clear.
const MAX_CALLS: usize = 6;
const MAX_STEPS: usize = 200_000;

/// What a function does to strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// Nothing in it refuses.
    Passes,
    /// It may refuse, but not certainly everybody without credentials.
    MayRefuse,
    /// Every way on goes through a check of credentials that refuses.
    Refuses,
}

/// What passing on looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `next.run(request)`, `self.inner.call(request)`.
    Middleware,
    /// `Ok(value)`.
    Extractor,
    /// `Ok(())` or `true`, for code that is asked whether a request may pass.
    Check,
}

/// Reads a function.
pub(crate) fn effect(program: &Program, function: &FnRef, role: Role) -> Effect {
    let mut reader = Reader { program, role, seen: HashSet::new(), steps: 0, body: Body::default() };
    let ends = reader.function(function, 0);
    if role != Role::Middleware
        && let Some(gated) = ends
    {
        // A function that ends without saying so gives its last value.
        reader.on(gated);
    }
    let body = reader.body;
    body.effect(&function.function.name)
}

/// Reads an expression as if it were the body of `around`.
pub(crate) fn effect_of(program: &Program, around: &FnRef, body: &Expr, role: Role) -> Effect {
    let mut reader = Reader { program, role, seen: HashSet::new(), steps: 0, body: Body::default() };
    let here = Here { scope: around.scope, owner: around.owner.clone(), depth: 0, own: true };
    reader.tail(&here, body, Some(false));
    let body = reader.body;
    body.effect(&around.function.name)
}

/// Whether a function gives errors of its own at all.
pub(crate) fn gives_errors(function: &FnRef) -> bool {
    function.function.paths.iter().any(|it| it.last() == "Err")
}

/// Whether a function answers 404 and nothing else.
pub(crate) fn only_not_found(program: &Program, function: &FnRef) -> bool {
    let mut not_found = false;
    let mut other = false;
    for path in &function.function.paths {
        let last = path.last();
        if matches!(last, "NOT_FOUND" | "NotFound" | "not_found" | "ErrorNotFound") {
            not_found = true;
        } else if matches!(last, "OK" | "Ok" | "CREATED" | "Html" | "NamedFile" | "Redirect" | "ServeDir" | "ServeFile")
            && !matches!(program.path(function.scope, path, None), Def::Missing if last == "Ok")
        {
            other = true;
        }
    }
    not_found && !other
}

/// Whether a closure answers 404 and nothing else.
pub(crate) fn closure_only_not_found(closure: &super::ir::Closure) -> bool {
    fn names(expr: &Expr, depth: usize) -> bool {
        let all = |all: &[Expr]| all.iter().any(|it| names(it, depth + 1));
        depth < 32
            && match &expr.kind {
                ExprKind::Path(path) => path.last() == "NOT_FOUND",
                ExprKind::Tuple(parts) => all(parts),
                ExprKind::Same(inner) | ExprKind::Await(inner) => names(inner, depth + 1),
                ExprKind::Method(receiver, ..) => names(receiver, depth + 1),
                ExprKind::Call(_, args) => all(args),
                ExprKind::Block(block) => match block.statements.last().map(|it| &it.kind) {
                    Some(StatementKind::Expr(last, false)) => names(last, depth + 1),
                    _ => false,
                },
                _ => false,
            }
    }
    names(&closure.body, 0)
}

/// Whether a name tells of a refusal for want of rights.
pub(crate) fn says_unauthorized(name: &str) -> bool {
    let lower: String = name.chars().filter(|it| *it != '_').flat_map(char::to_lowercase).collect();
    ["unauthor", "forbidden", "unauthenticated", "accessdenied", "permissiondenied", "notloggedin", "notauthenticated"]
        .iter()
        .any(|it| lower.contains(it))
}

/// Whether a name is about who somebody is.
pub(crate) fn sounds_like_auth(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words = [
        "auth",
        "login",
        "jwt",
        "token",
        "session",
        "permission",
        "guard",
        "protect",
        "api_key",
        "apikey",
        "bearer",
        "admin",
    ];
    words.iter().any(|it| lower.contains(it)) && !lower.contains("author_") && !lower.ends_with("author")
}

/// Words for what a caller proves itself with.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "bearer",
    "token",
    "jwt",
    "cookie",
    "session",
    "api_key",
    "api-key",
    "apikey",
    "claims",
    "password",
    "signature",
    "secret",
    "credential",
    "identity",
    "auth",
    "user_id",
    "current_user",
];

#[derive(Debug, Default)]
struct Body {
    refuses: bool,
    /// Ways on behind a check, and without one.
    gated: usize,
    open: usize,
    credentials: bool,
    /// It decides by the path or the method of a request.
    selective: bool,
}

impl Body {
    fn effect(&self, name: &str) -> Effect {
        match () {
            () if !self.refuses => Effect::Passes,
            // Limits and filters refuse too, but not for want of rights.
            () if !self.credentials && !sounds_like_auth(name) => Effect::Passes,
            () if self.open == 0 && self.gated > 0 && self.credentials && !self.selective => Effect::Refuses,
            () => Effect::MayRefuse,
        }
    }
}

struct Reader<'p> {
    program: &'p Program,
    role: Role,
    seen: HashSet<usize>,
    steps: usize,
    body: Body,
}

#[derive(Clone)]
struct Here {
    scope: ScopeId,
    owner: Option<Rc<Owner>>,
    depth: usize,
    /// Whether this is the function itself, and not one that it calls.
    own: bool,
}

/// Whether a check has been passed; `None` where the code does not go on.
type State = Option<bool>;

impl Reader<'_> {
    /// What state the end of a function is reached in.
    fn function(&mut self, function: &FnRef, depth: usize) -> State {
        let Some(body) = &function.function.body else { return Some(false) };
        if !self.seen.insert(function.key()) {
            return Some(false);
        }
        for param in &function.function.params {
            if let Some(path) = param.ty.path() {
                self.words(path);
            }
        }
        let here = Here { scope: function.scope, owner: function.owner.clone(), depth, own: depth == 0 };
        self.tail(&here, body, Some(false))
    }

    /// The last expression of a function: its value is what the function gives.
    fn tail(&mut self, here: &Here, expr: &Expr, state: State) -> State {
        match &expr.kind {
            ExprKind::Block(block) => {
                let mut state = state;
                let inner = Here { scope: self.scope(here, block.items), ..here.clone() };
                let last = block.statements.len().saturating_sub(1);
                for (at, statement) in block.statements.iter().enumerate() {
                    match &statement.kind {
                        StatementKind::Expr(expr, false) if at == last => return self.tail(&inner, expr, state),
                        _ => state = self.statement(&inner, statement, state),
                    }
                }
                state
            }
            ExprKind::If(condition, then, otherwise) => {
                let state = self.expr(here, condition, state);
                let gate = otherwise.as_ref().is_some_and(|it| self.is_refusal(here, it));
                let other = self.is_refusal(here, then);
                let first = self.tail(here, then, gated_by(state, gate));
                let second = match otherwise {
                    Some(it) => self.tail(here, it, gated_by(state, other)),
                    None => gated_by(state, other),
                };
                both(first, second)
            }
            ExprKind::Match(value, arms) => self.arms(here, value, arms, state, true),
            ExprKind::Same(inner) | ExprKind::Await(inner) => self.tail(here, inner, state),
            ExprKind::Method(receiver, name, _, args) if boxes(name) && args.is_empty() => {
                self.tail(here, receiver, state)
            }
            ExprKind::Call(callee, args)
                if matches!(&callee.kind, ExprKind::Path(it) if matches!(it.last(), "pin" | "new") && it.segments.len() > 1)
                    && args.len() == 1 =>
            {
                args.iter().fold(state, |state, it| self.tail(here, it, state))
            }
            _ => {
                let after = self.expr(here, expr, state);
                if self.is_refusal(here, expr) && !self.goes_on(expr) {
                    self.body.refuses = true;
                    return None;
                }
                if here.own && self.role != Role::Middleware && self.is_value(expr) {
                    if let Some(gated) = after {
                        self.on(gated);
                    }
                    return None;
                }
                after
            }
        }
    }

    fn scope(&self, here: &Here, items: Option<u32>) -> ScopeId {
        items.and_then(|it| self.program.block(here.scope, it)).unwrap_or(here.scope)
    }

    /// A way on.
    fn on(&mut self, gated: bool) {
        if gated {
            self.body.gated += 1;
        } else {
            self.body.open += 1;
        }
    }

    fn statement(&mut self, here: &Here, statement: &Statement, state: State) -> State {
        match &statement.kind {
            StatementKind::Expr(expr, _) => self.expr(here, expr, state),
            StatementKind::Let(pattern, ty, init, otherwise) => {
                self.pattern(pattern);
                if let Some(path) = ty.as_ref().and_then(Type::path) {
                    self.words(path);
                }
                let mut state = match init {
                    Some(init) => self.expr(here, init, state),
                    None => state,
                };
                if let Some(otherwise) = otherwise {
                    let refuses = self.is_refusal(here, otherwise);
                    self.expr(here, otherwise, state);
                    if refuses {
                        self.body.refuses = true;
                        state = gated_by(state, true);
                    }
                }
                state
            }
        }
    }

    fn expr(&mut self, here: &Here, expr: &Expr, state: State) -> State {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return state;
        }
        match &expr.kind {
            ExprKind::If(condition, then, otherwise) => {
                let state = self.expr(here, condition, state);
                let refuses = self.is_refusal(here, then);
                let other_refuses = otherwise.as_ref().is_some_and(|it| self.is_refusal(here, it));
                self.body.refuses |= refuses && leaves(then);
                let first = self.expr(here, then, gated_by(state, other_refuses));
                let second = match otherwise {
                    Some(it) => self.expr(here, it, gated_by(state, refuses)),
                    None => gated_by(state, refuses),
                };
                both(first, second)
            }
            ExprKind::Match(value, arms) => self.arms(here, value, arms, state, false),
            ExprKind::Return(value) => {
                if let Some(value) = value {
                    if here.own {
                        self.tail(here, value, state);
                    } else {
                        self.expr(here, value, state);
                    }
                    if self.is_refusal(here, value) && !self.goes_on(value) {
                        self.body.refuses = true;
                    }
                }
                None
            }
            ExprKind::Break(_) => None,
            ExprKind::Try(inner) => {
                let state = self.tried(here, inner, state);
                if self.fails_with_refusal(here, inner) {
                    self.body.refuses = true;
                    return gated_by(state, true);
                }
                state
            }
            ExprKind::Block(block) => {
                let inner = Here { scope: self.scope(here, block.items), ..here.clone() };
                block.statements.iter().fold(state, |state, it| self.statement(&inner, it, state))
            }
            ExprKind::Closure(closure) => {
                // What a closure does may happen, or may not.
                self.expr(here, &closure.body, state);
                state
            }
            ExprKind::For(_, list, body) => {
                let state = self.expr(here, list, state);
                self.expr(here, body, state);
                state
            }
            ExprKind::Loop(condition, body) => {
                let state = condition.iter().fold(state, |state, it| self.expr(here, it, state));
                self.expr(here, body, state);
                state
            }
            _ => self.parts(here, expr, state),
        }
    }

    /// What stands before `?`: an arm that refuses leaves by it.
    fn tried(&mut self, here: &Here, expr: &Expr, state: State) -> State {
        match &expr.kind {
            ExprKind::Same(inner) | ExprKind::Await(inner) => self.tried(here, inner, state),
            ExprKind::Match(value, arms) => {
                let outer = Here { own: false, ..here.clone() };
                self.arms(&outer, value, arms, state, true)
            }
            _ => self.expr(here, expr, state),
        }
    }

    fn parts(&mut self, here: &Here, expr: &Expr, state: State) -> State {
        let mut state = state;
        match &expr.kind {
            ExprKind::Path(path) => self.words(path),
            ExprKind::Str(text) => self.word(text),
            ExprKind::Call(callee, args) => {
                for part in args.iter().chain([&**callee]) {
                    state = self.expr(here, part, state);
                }
            }
            ExprKind::Method(receiver, name, _, args) => {
                state = self.expr(here, receiver, state);
                for part in args {
                    state = self.expr(here, part, state);
                }
                self.word(name);
                self.body.selective |= here.own && matches!(&**name, "uri" | "path" | "method" | "matched_path");
                if here.own
                    && self.role == Role::Middleware
                    && passes_on(receiver, name)
                    && let Some(gated) = state
                {
                    self.on(gated);
                }
            }
            ExprKind::Macro(call) => {
                for part in call.args.iter().flatten() {
                    state = self.expr(here, part, state);
                }
            }
            ExprKind::Let(pattern, value) => {
                self.pattern(pattern);
                state = self.expr(here, value, state);
            }
            ExprKind::Field(value, name) => {
                self.word(name);
                state = self.expr(here, value, state);
            }
            ExprKind::Struct(path, fields, rest) => {
                self.words(path);
                for (_, value) in fields {
                    state = self.expr(here, value, state);
                }
                state = rest.iter().fold(state, |state, it| self.expr(here, it, state));
            }
            ExprKind::Assign(one, two) | ExprKind::Index(one, two) | ExprKind::Binary(one, _, two) => {
                state = self.expr(here, one, state);
                state = self.expr(here, two, state);
            }
            ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Not(inner) => {
                state = self.expr(here, inner, state);
            }
            ExprKind::List(all) | ExprKind::Tuple(all) | ExprKind::Other(all) => {
                for part in all {
                    state = self.expr(here, part, state);
                }
            }
            _ => {}
        }
        state
    }

    fn arms(&mut self, here: &Here, value: &Expr, arms: &[Arm], state: State, tail: bool) -> State {
        let state = self.expr(here, value, state);
        let refuse: Vec<bool> = arms.iter().map(|it| self.is_refusal(here, &it.body)).collect();
        let any = refuse.iter().any(|it| *it);
        let mut end: Option<State> = None;
        for (arm, refuses) in arms.iter().zip(&refuse) {
            self.pattern(&arm.pattern);
            // A refusal that only some failures meet leaves `Err(_) => pass` open.
            let failure = is_failure(&arm.pattern) && !refuses;
            let from = gated_by(state, any && !refuses && !failure);
            let after = match &arm.body.kind {
                _ if tail => self.tail(here, &arm.body, from),
                _ => self.expr(here, &arm.body, from),
            };
            let after = if *refuses && (tail || leaves(&arm.body)) {
                self.body.refuses = true;
                None
            } else {
                after
            };
            end = Some(match end {
                Some(end) => both(end, after),
                None => after,
            });
        }
        end.unwrap_or(state)
    }

    /// Whether an expression does nothing but refuse: it gives, or returns, 401, 403 or an error that says so.
    fn is_refusal(&mut self, here: &Here, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Block(block) => {
                let inner = Here { scope: self.scope(here, block.items), ..here.clone() };
                let returns =
                    |it: &Statement| matches!(&it.kind, StatementKind::Expr(Expr { kind: ExprKind::Return(_), .. }, _));
                let left = block.statements.iter().find(|it| returns(it));
                let passes = left.is_some_and(|it| match &it.kind {
                    StatementKind::Expr(Expr { kind: ExprKind::Return(Some(value)), .. }, _) => self.goes_on(value),
                    _ => false,
                });
                // `let response = HttpResponse::Unauthorized().finish(); return …response…;`
                let mut made = |it: &Statement| match &it.kind {
                    StatementKind::Let(_, _, Some(init), _) => self.says_refusal(&inner, init, 48),
                    _ => false,
                };
                if left.is_some() && !passes && block.statements.iter().any(&mut made) {
                    return true;
                }
                let last = left.or(block.statements.last());
                match last.map(|it| &it.kind) {
                    Some(StatementKind::Expr(expr, ends)) => {
                        (!ends || matches!(expr.kind, ExprKind::Return(_) | ExprKind::Macro(_)))
                            && self.is_refusal(&inner, expr)
                    }
                    _ => false,
                }
            }
            ExprKind::Return(Some(inner)) | ExprKind::Same(inner) | ExprKind::Await(inner) => {
                self.is_refusal(here, inner)
            }
            ExprKind::If(_, then, Some(otherwise)) => self.is_refusal(here, then) && self.is_refusal(here, otherwise),
            ExprKind::Match(_, arms) => !arms.is_empty() && arms.iter().all(|it| self.is_refusal(here, &it.body)),
            ExprKind::Closure(closure) => self.is_refusal(here, &closure.body),
            _ => !self.goes_on(expr) && self.says_refusal(here, expr, 0),
        }
    }

    /// Whether an expression names 401, 403 or an error that says so.
    fn says_refusal(&mut self, here: &Here, expr: &Expr, depth: usize) -> bool {
        self.steps += 1;
        if depth > 64 || self.steps > MAX_STEPS {
            return false;
        }
        let each = |this: &mut Self, all: &[Expr]| all.iter().any(|it| this.says_refusal(here, it, depth + 1));
        match &expr.kind {
            ExprKind::Path(path) => self.path_refuses(here, path),
            ExprKind::Int(number) => matches!(number, 401 | 403),
            ExprKind::Call(callee, args) => self.says_refusal(here, callee, depth + 1) || each(self, args),
            ExprKind::Method(receiver, name, _, args) => {
                says_unauthorized(name) || self.says_refusal(here, receiver, depth + 1) || each(self, args)
            }
            ExprKind::Struct(path, fields, _) => {
                self.path_refuses(here, path) || fields.iter().any(|(_, it)| self.says_refusal(here, it, depth + 1))
            }
            ExprKind::Macro(call) => self.macro_refuses(here, call, depth),
            ExprKind::Tuple(all) | ExprKind::List(all) => each(self, all),
            ExprKind::Closure(closure) => self.is_refusal(here, &closure.body),
            ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => {
                self.says_refusal(here, inner, depth + 1)
            }
            ExprKind::Block(_) => self.is_refusal(here, expr),
            _ => false,
        }
    }

    fn macro_refuses(&mut self, here: &Here, call: &Arc<Macro>, depth: usize) -> bool {
        call.args.iter().flatten().any(|it| self.says_refusal(here, it, depth + 1))
    }

    fn path_refuses(&mut self, here: &Here, path: &Path) -> bool {
        if path.segments.iter().any(|it| says_unauthorized(&it.name)) {
            return true;
        }
        match self.program.path(here.scope, path, here.owner.as_deref()) {
            Def::Variant(of, variant) => self.error_refuses(&of, Some(&variant)),
            Def::Type(of) => self.error_refuses(&of, None),
            Def::Functions(all) if here.depth < MAX_CALLS => all.iter().any(|it| {
                // `fn denied() -> Response { StatusCode::UNAUTHORIZED.into_response() }`
                let inner = Here { scope: it.scope, owner: it.owner.clone(), depth: here.depth + 1, own: false };
                let small = it.function.paths.len() <= 12;
                small && it.function.body.as_ref().is_some_and(|body| self.is_refusal(&inner, body))
            }),
            Def::Const(scope, value) => {
                let inner = Here { scope, owner: None, depth: here.depth + 1, own: false };
                value.value.as_ref().is_some_and(|it| self.says_refusal(&inner, it, 32))
            }
            _ => false,
        }
    }

    /// Whether an error of the tree becomes 401 or 403.
    fn error_refuses(&mut self, of: &TypeId, variant: Option<&Name>) -> bool {
        let program = self.program;
        let answers = ["into_response", "error_response", "status_code", "status", "as_status_code", "into_status"];
        let all = program.methods_of(of).iter().filter(|it| answers.contains(&&*it.function.name));
        let mut any = false;
        for function in all {
            let paths = &function.function.paths;
            let refuses = paths.iter().any(|it| says_unauthorized(it.last()));
            any |= refuses;
            if let Some(variant) = variant
                && refuses
                && let Some(found) = function.function.body.as_ref().and_then(|it| arm_of(it, variant, 0))
            {
                let here = Here { scope: function.scope, owner: function.owner.clone(), depth: MAX_CALLS, own: false };
                if self.says_refusal(&here, found, 0) || self.is_refusal(&here, found) {
                    return true;
                }
            }
        }
        // An error that is about nothing else.
        let lower = of.name.to_lowercase();
        any && (variant.is_none() || lower.contains("auth"))
    }

    /// Whether `inner?` leaves with a refusal when it fails.
    fn fails_with_refusal(&mut self, here: &Here, inner: &Expr) -> bool {
        match &inner.kind {
            ExprKind::Await(value) | ExprKind::Same(value) => self.fails_with_refusal(here, value),
            ExprKind::Method(receiver, name, _, args) => {
                let turns = matches!(&**name, "ok_or" | "ok_or_else" | "map_err" | "or_else" | "context");
                if turns {
                    return args.iter().any(|it| self.is_refusal(here, it) || self.says_refusal(here, it, 0));
                }
                let all: Vec<FnRef> = self.program.methods_named(name).iter().take(4).cloned().collect();
                let of_self =
                    matches!(&receiver.kind, ExprKind::Path(it) if it.single().is_some_and(|it| &**it == "self"));
                if (of_self || all.len() == 1) && self.called_refuses(here, &all) {
                    return true;
                }
                false
            }
            ExprKind::Call(callee, _) => match &callee.kind {
                ExprKind::Path(path) => match self.program.path(here.scope, path, here.owner.as_deref()) {
                    Def::Functions(all) => self.called_refuses(here, &all),
                    _ => self.path_refuses(here, path),
                },
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether functions that are called refuse strangers.
    fn called_refuses(&mut self, here: &Here, all: &[FnRef]) -> bool {
        if here.depth >= MAX_CALLS {
            return false;
        }
        all.iter().any(|it| {
            let mut inner = Reader {
                program: self.program,
                role: Role::Check,
                seen: self.seen.clone(),
                steps: self.steps,
                body: Body::default(),
            };
            let Some(body) = &it.function.body else { return false };
            if !inner.seen.insert(it.key()) {
                return false;
            }
            let at = Here { scope: it.scope, owner: it.owner.clone(), depth: here.depth + 1, own: true };
            if let Some(gated) = inner.tail(&at, body, Some(false)) {
                inner.on(gated);
            }
            self.steps = inner.steps;
            self.body.credentials |= inner.body.credentials;
            inner.body.refuses && inner.body.open == 0
        })
    }

    /// Whether an expression passes the request on.
    fn goes_on(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Method(receiver, name, _, args) => {
                (self.role == Role::Middleware && passes_on(receiver, name))
                    || self.goes_on(receiver)
                    || args.iter().any(|it| self.goes_on(it))
            }
            ExprKind::Call(callee, args) => {
                let value =
                    self.role != Role::Middleware && matches!(&callee.kind, ExprKind::Path(it) if it.last() == "Ok");
                value || args.iter().any(|it| self.goes_on(it))
            }
            ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => self.goes_on(inner),
            _ => false,
        }
    }

    fn is_value(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Call(callee, args) => match &callee.kind {
                ExprKind::Path(path) if matches!(path.last(), "Err" | "err") => false,
                // `ready(Err(…))`
                ExprKind::Path(path) if path.last() == "ready" => args.iter().all(|it| self.is_value(it)),
                _ => true,
            },
            ExprKind::Method(..) | ExprKind::Struct(..) | ExprKind::Path(_) | ExprKind::Try(_) => true,
            ExprKind::Bool(is) => *is,
            _ => false,
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(name, inner) => {
                self.word(name);
                if let Some(inner) = inner {
                    self.pattern(inner);
                }
            }
            Pattern::TupleStruct(path, parts) => {
                self.words(path);
                for part in parts.iter().take(16) {
                    self.pattern(part);
                }
            }
            Pattern::Ref(inner) => self.pattern(inner),
            Pattern::Tuple(parts) | Pattern::Or(parts) | Pattern::List(parts) => {
                for part in parts.iter().take(16) {
                    self.pattern(part);
                }
            }
            _ => {}
        }
    }

    fn words(&mut self, path: &Path) {
        for segment in &path.segments {
            self.word(&segment.name);
            for inner in segment.args.iter().filter_map(Type::path) {
                for segment in &inner.segments {
                    self.word(&segment.name);
                }
            }
        }
    }

    fn word(&mut self, word: &str) {
        if !self.body.credentials && word.len() < 64 {
            let lower = word.to_ascii_lowercase();
            self.body.credentials = CREDENTIALS.iter().any(|it| lower.contains(it)) && !says_unauthorized(word);
        }
    }
}

/// Whether code does not go on behind an expression.
fn leaves(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Return(_) | ExprKind::Break(_) => true,
        ExprKind::Macro(call) => {
            matches!(call.path.last(), "bail" | "panic" | "unreachable" | "todo" | "unimplemented")
        }
        ExprKind::Try(inner) => {
            matches!(&inner.kind, ExprKind::Call(callee, _) if matches!(&callee.kind, ExprKind::Path(it) if it.last() == "Err"))
        }
        ExprKind::Same(inner) => leaves(inner),
        ExprKind::Block(block) => block.statements.iter().any(|it| match &it.kind {
            StatementKind::Expr(expr, _) => leaves(expr),
            StatementKind::Let(..) => false,
        }),
        ExprKind::If(_, then, Some(otherwise)) => leaves(then) && leaves(otherwise),
        ExprKind::Match(_, arms) => !arms.is_empty() && arms.iter().all(|it| leaves(&it.body)),
        _ => false,
    }
}

fn gated_by(state: State, gate: bool) -> State {
    state.map(|it| it || gate)
}

/// The state after two ways have come together.
fn both(one: State, two: State) -> State {
    match (one, two) {
        (Some(one), Some(two)) => Some(one && two),
        (one, None) => one,
        (None, two) => two,
    }
}

fn boxes(name: &str) -> bool {
    matches!(name, "boxed" | "boxed_local" | "into_response" | "into")
}

/// `next.run(…)`, `self.inner.call(…)`, `service.call(…)`.
fn passes_on(receiver: &Expr, name: &str) -> bool {
    let mut at = receiver;
    for _ in 0..16 {
        match &at.kind {
            ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => at = inner,
            ExprKind::Method(inner, method, _, args)
                if args.is_empty() && matches!(&**method, "clone" | "borrow_mut" | "as_ref") =>
            {
                at = inner
            }
            _ => break,
        }
    }
    let word = match &at.kind {
        ExprKind::Path(path) => path.last().to_lowercase(),
        ExprKind::Field(_, field) => field.to_lowercase(),
        _ => return false,
    };
    match name {
        "run" => word.contains("next"),
        "call" | "oneshot" => ["next", "inner", "service", "svc", "srv"].iter().any(|it| word.contains(it)),
        _ => false,
    }
}

/// `Err(…)` and `None`.
fn is_failure(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::TupleStruct(path, _) => path.last() == "Err",
        Pattern::Name(name, None) => &**name == "None",
        Pattern::Value(expr) => matches!(&expr.kind, ExprKind::Path(path) if path.last() == "None"),
        Pattern::Wild => true,
        _ => false,
    }
}

/// What a `match` in a function does with a variant.
fn arm_of<'e>(expr: &'e Expr, variant: &Name, depth: usize) -> Option<&'e Expr> {
    if depth > 16 {
        return None;
    }
    match &expr.kind {
        ExprKind::Match(_, arms) => arms.iter().find(|it| names_variant(&it.pattern, variant, 0)).map(|it| &it.body),
        ExprKind::Block(block) => block.statements.iter().find_map(|it| match &it.kind {
            StatementKind::Let(_, _, Some(init), _) => arm_of(init, variant, depth + 1),
            StatementKind::Expr(expr, _) => arm_of(expr, variant, depth + 1),
            StatementKind::Let(..) => None,
        }),
        ExprKind::Method(receiver, ..) => arm_of(receiver, variant, depth + 1),
        ExprKind::Same(inner) => arm_of(inner, variant, depth + 1),
        _ => None,
    }
}

fn names_variant(pattern: &Pattern, variant: &Name, depth: usize) -> bool {
    match pattern {
        Pattern::TupleStruct(path, _) | Pattern::Struct(path, _) => path.last() == &**variant,
        Pattern::Value(expr) => matches!(&expr.kind, ExprKind::Path(path) if path.last() == &**variant),
        Pattern::Or(all) if depth < 8 => all.iter().any(|it| names_variant(it, variant, depth + 1)),
        Pattern::Ref(inner) if depth < 8 => names_variant(inner, variant, depth + 1),
        _ => false,
    }
}
