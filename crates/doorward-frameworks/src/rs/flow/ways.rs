//! Every way through a function, and whether it leads through a check.

use super::strangers::{Lead, certainly, leads};
use super::words::is_about_credentials;
use super::{Here, MAX_STEPS, Reader, Role, State};
use crate::rs::ir::{Arm, Expr, ExprKind, Pattern, Statement, StatementKind, Type};

impl Reader<'_> {
    /// The last expression of a function: its value is what the function gives.
    pub(super) fn tail(&mut self, here: &Here, expr: &Expr, state: State) -> State {
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
                let (gate, other) = self.gates(here, condition, then, otherwise.as_deref());
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
                if args.len() == 1
                    && matches!(&callee.kind, ExprKind::Path(it)
                        if it.last() == "ready" || (matches!(it.last(), "pin" | "new") && it.segments.len() > 1)) =>
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

    pub(super) fn statement(&mut self, here: &Here, statement: &Statement, state: State) -> State {
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

    pub(super) fn expr(&mut self, here: &Here, expr: &Expr, state: State) -> State {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return state;
        }
        match &expr.kind {
            ExprKind::If(condition, then, otherwise) => {
                let state = self.expr(here, condition, state);
                let (gate, other) = self.gates(here, condition, then, otherwise.as_deref());
                let first = self.expr(here, then, gated_by(state, gate));
                let second = match otherwise {
                    Some(it) => self.expr(here, it, gated_by(state, other)),
                    None => gated_by(state, other),
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

    fn given_away(&mut self, here: &Here, args: &[Expr], state: State) {
        if here.own
            && self.role == Role::Middleware
            && let Some(gated) = state
            && gives_next_away(args)
        {
            self.on(gated);
        }
    }

    /// Whether the first branch is only reached past a check, and whether the second one is.
    fn gates(&mut self, here: &Here, condition: &Expr, then: &Expr, otherwise: Option<&Expr>) -> (bool, bool) {
        let refuses = self.is_refusal(here, then);
        let other = otherwise.is_some_and(|it| self.is_refusal(here, it));
        self.body.refuses |= (refuses && leaves(then)) || (other && otherwise.is_some_and(leaves));
        (other && certainly(condition, false, 0), refuses && certainly(condition, true, 0))
    }

    /// What stands before `?`: an arm that refuses leaves by it.
    pub(super) fn tried(&mut self, here: &Here, expr: &Expr, state: State) -> State {
        match &expr.kind {
            ExprKind::Same(inner) | ExprKind::Await(inner) => self.tried(here, inner, state),
            ExprKind::Match(value, arms) => {
                let outer = Here { own: false, ..here.clone() };
                self.arms(&outer, value, arms, state, true)
            }
            _ => self.expr(here, expr, state),
        }
    }

    pub(super) fn parts(&mut self, here: &Here, expr: &Expr, state: State) -> State {
        let mut state = state;
        match &expr.kind {
            ExprKind::Path(path) => self.words(path),
            ExprKind::Str(text) => self.word(text),
            ExprKind::Call(callee, args) => {
                for part in args.iter().chain([&**callee]) {
                    state = self.expr(here, part, state);
                }
                let copies = match &callee.kind {
                    ExprKind::Path(path) => {
                        matches!(path.last(), "clone" | "new" | "pin" | "replace" | "take" | "swap" | "drop")
                    }
                    _ => false,
                };
                if let ExprKind::Path(path) = &callee.kind {
                    self.learn(here.scope, here.owner.as_deref(), path, 0);
                }
                if !copies {
                    self.given_away(here, args, state);
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
                    && passes_on(name, args)
                    && let Some(gated) = state
                {
                    self.on(gated);
                }
                self.given_away(here, args, state);
            }
            ExprKind::Macro(call) => {
                for part in call.args.iter().flatten() {
                    state = self.expr(here, part, state);
                }
                // What can't be read may do anything.
                if here.own && self.role == Role::Middleware && call.args.is_none() && !is_harmless(call.path.last()) {
                    state.into_iter().for_each(|it| self.on(it));
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

    pub(super) fn arms(&mut self, here: &Here, value: &Expr, arms: &[Arm], state: State, tail: bool) -> State {
        let state = self.expr(here, value, state);
        let refuse: Vec<bool> = arms.iter().map(|it| self.is_refusal(here, &it.body)).collect();
        let any = refuse.iter().any(|it| *it);
        let about_credentials = mentions_credentials(value, 0);
        let mut end: Option<State> = None;
        for (arm, refuses) in arms.iter().zip(&refuse) {
            self.pattern(&arm.pattern);
            // A refusal that only some failures meet leaves `Err(_) => pass` open.
            let found = match leads(&arm.pattern, 0) {
                Some(lead) => lead == Lead::Value,
                // A verdict of the project's own about credentials, and not about a setting.
                None => about_credentials && !matches!(arm.pattern, Pattern::Wild | Pattern::Name(_, None)),
            };
            let from = gated_by(state, any && !refuses && found);
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

/// `next.run(…)`, `self.inner.call(…)`, `service.call(…)`. Whatever it is called on: something else that is called
/// so makes a guard less certain, and never more.
pub(super) fn passes_on(name: &str, args: &[Expr]) -> bool {
    matches!(name, "run" | "call" | "oneshot") && !args.is_empty()
}

/// Whether what comes next is given away, to be called where this can't see it.
fn gives_next_away(args: &[Expr]) -> bool {
    args.iter().any(|it| {
        let mut at = it;
        for _ in 0..16 {
            match &at.kind {
                ExprKind::Same(inner) | ExprKind::Await(inner) => at = inner,
                ExprKind::Method(inner, name, _, args) if args.is_empty() && &**name == "clone" => at = inner,
                _ => break,
            }
        }
        let word = match &at.kind {
            ExprKind::Path(path) => path.single().map(|it| it.to_lowercase()),
            ExprKind::Field(_, name) => Some(name.to_lowercase()),
            _ => None,
        };
        word.is_some_and(|it| matches!(&*it, "next" | "inner" | "service" | "svc" | "srv"))
    })
}

/// Whether an expression speaks of credentials, and of no setting.
fn mentions_credentials(expr: &Expr, depth: usize) -> bool {
    let inner = |it: &Expr| depth < 16 && mentions_credentials(it, depth + 1);
    match &expr.kind {
        ExprKind::Path(path) => path.segments.iter().any(|it| is_about_credentials(&it.name)),
        ExprKind::Str(text) => is_about_credentials(text),
        ExprKind::Call(callee, args) => inner(callee) || args.iter().any(inner),
        ExprKind::Method(receiver, name, _, args) => {
            is_about_credentials(name) || inner(receiver) || args.iter().any(inner)
        }
        ExprKind::Same(it) | ExprKind::Await(it) | ExprKind::Try(it) => inner(it),
        _ => false,
    }
}

/// Macros that only tell.
fn is_harmless(name: &str) -> bool {
    matches!(
        name,
        "trace"
            | "debug"
            | "info"
            | "warn"
            | "error"
            | "event"
            | "span"
            | "log"
            | "println"
            | "eprintln"
            | "format"
            | "info_span"
            | "debug_span"
            | "matches"
            | "json"
            | "assert"
            | "debug_assert"
    )
}
