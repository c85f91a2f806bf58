//! What a refusal looks like.

use std::sync::Arc;

use super::ways::passes_on;
use super::words::says_unauthorized;
use super::{Body, Here, MAX_CALLS, MAX_STEPS, Reader, Role};
use crate::rs::ir::{Expr, ExprKind, Macro, Name, Path, Pattern, Statement, StatementKind};
use crate::rs::program::{Def, FnRef, TypeId};

impl Reader<'_> {
    /// Whether an expression does nothing but refuse: it gives, or returns, 401, 403 or an error that says so.
    pub(super) fn is_refusal(&mut self, here: &Here, expr: &Expr) -> bool {
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
                // `let response = match error { Denied => …401… }; Ok(request.into_response(response))`
                if let (None, Some(Statement { kind: StatementKind::Expr(value, false), .. })) =
                    (left, block.statements.last())
                    && !self.goes_on(value)
                    && block.statements.iter().any(|it| self.holds_refusal(&inner, it, value))
                {
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

    /// Whether a statement keeps a refusal in a variable that `value` is made of.
    fn holds_refusal(&mut self, here: &Here, statement: &Statement, value: &Expr) -> bool {
        let StatementKind::Let(Pattern::Name(name, _), _, Some(init), _) = &statement.kind else { return false };
        mentions(value, name, 0)
            && match &init.kind {
                ExprKind::Match(_, arms) => arms.iter().any(|it| self.says_refusal(here, &it.body, 48)),
                _ => self.says_refusal(here, init, 48),
            }
    }

    /// Whether an expression names 401, 403 or an error that says so.
    pub(super) fn says_refusal(&mut self, here: &Here, expr: &Expr, depth: usize) -> bool {
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

    pub(super) fn macro_refuses(&mut self, here: &Here, call: &Arc<Macro>, depth: usize) -> bool {
        call.args.iter().flatten().any(|it| self.says_refusal(here, it, depth + 1))
    }

    pub(super) fn path_refuses(&mut self, here: &Here, path: &Path) -> bool {
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
    pub(super) fn error_refuses(&mut self, of: &TypeId, variant: Option<&Name>) -> bool {
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
    pub(super) fn fails_with_refusal(&mut self, here: &Here, inner: &Expr) -> bool {
        match &inner.kind {
            ExprKind::Await(value) | ExprKind::Same(value) => self.fails_with_refusal(here, value),
            ExprKind::Method(receiver, name, _, args) => {
                let turns = matches!(&**name, "ok_or" | "ok_or_else" | "map_err" | "or_else" | "context");
                if turns && falls_back(receiver) {
                    return false;
                }
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
    pub(super) fn called_refuses(&mut self, here: &Here, all: &[FnRef]) -> bool {
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
    pub(super) fn goes_on(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Method(receiver, name, _, args) => {
                (self.role == Role::Middleware && passes_on(name, args))
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

    pub(super) fn is_value(&self, expr: &Expr) -> bool {
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

/// Whether a chain gives something else where nothing was found: `token.or(guest).ok_or(…)`.
pub(super) fn falls_back(expr: &Expr) -> bool {
    let mut at = expr;
    for _ in 0..64 {
        at = match &at.kind {
            ExprKind::Same(inner) | ExprKind::Await(inner) | ExprKind::Try(inner) => inner,
            ExprKind::Method(receiver, name, _, _) => {
                if matches!(&**name, "or" | "or_else" | "unwrap_or" | "unwrap_or_else" | "unwrap_or_default" | "chain")
                {
                    return true;
                }
                receiver
            }
            _ => return false,
        };
    }
    true
}

/// Whether a value is made of a variable.
fn mentions(expr: &Expr, name: &Name, depth: usize) -> bool {
    let inner = |it: &Expr| depth < 16 && mentions(it, name, depth + 1);
    match &expr.kind {
        ExprKind::Path(path) => path.single() == Some(name),
        ExprKind::Call(_, args) => args.iter().any(inner),
        ExprKind::Method(receiver, _, _, args) => inner(receiver) || args.iter().any(inner),
        ExprKind::Same(it) | ExprKind::Await(it) => inner(it),
        _ => false,
    }
}
