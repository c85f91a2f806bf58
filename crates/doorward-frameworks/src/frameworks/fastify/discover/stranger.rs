//! What a hook or a handler does to a request that carries no credentials.
//!
//! The function is followed statement by statement with a request of which one thing is known: whatever could tell who
//! sends it is absent, or made up. Where a test hangs on something else, both ways are followed. What remains is whether such a
//! request may get through ([`Outcome::passes`]), and whether it may be refused.

mod calls;
mod values;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

pub(super) use self::values::Known;
use self::values::is_refusal_name;
use super::host::Fastify;
use crate::js::eval::Eval;
use crate::js::ir::{Expr, ExprKind, Function, Key, Pattern, Span, Stmt, StmtKind};
use crate::js::stranger::Caller;
use crate::js::value::{Closure, Object, Place};

/// Functions within functions.
const MAX_CALLS: usize = 8;
/// More different states than this are not told apart.
const MAX_STATES: usize = 48;
const MAX_STEPS: usize = 20_000;
const MAX_DEPTH: usize = 400;

/// What is known about the route while its functions run.
#[derive(Debug, Clone, Default)]
pub(super) struct RouteFacts {
    /// The method, if there is only one.
    pub(super) method: Option<String>,
    /// Its `config`.
    pub(super) config: Option<Rc<Object>>,
}

/// What becomes of a stranger's request.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    /// It may get through.
    pub(super) passes: bool,
    /// It may be refused.
    pub(super) refuses: bool,
    /// A refusal is about who the caller is: 401, 403, or a check of credentials that fails.
    pub(super) auth: bool,
    /// The route's method or `config` was asked.
    pub(super) consults: bool,
    /// The request was handed to code that can't be read.
    pub(super) hands_on: bool,
    /// Refusals after which the function goes on as if the request were let through.
    pub(super) unreturned: Vec<Place>,
    /// Statuses of errors that are set, returned, and never sent.
    pub(super) unsent: Vec<Place>,
    /// Calls of Clerk's `getAuth`.
    pub(super) get_auth: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
enum Sent {
    #[default]
    No,
    Refusal,
    Answer,
}

/// The state of the reply on one way through the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
struct At {
    sent: Sent,
    /// 0: not set; otherwise the status, or 1 where it isn't known.
    status: u16,
    /// Where it was sent, or where the status was set; nothing if the program waited for the sending.
    place: Option<Place>,
}

impl At {
    fn is_error(self) -> bool {
        self.status >= 400
    }
}

/// What kind of function is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Hook {
        /// The parameter that lets the request through when it is called.
        done: usize,
    },
    Handler,
}

/// The names a function sees, and what it has left to do.
struct Frame {
    closure: Rc<Closure>,
    names: HashMap<Arc<str>, Known>,
    returned: Vec<At>,
    /// Ways on which the reply itself is returned.
    returned_reply: Vec<At>,
    value: Option<Known>,
    thrown: Vec<At>,
    /// Something that was thrown is about who the caller is.
    thrown_auth: bool,
    /// Ways that left a loop.
    jumped: Vec<At>,
}

struct Walk<'e, 'p> {
    caller: Caller,
    eval: &'e mut Eval<'p, Fastify<'p>>,
    facts: &'e RouteFacts,
    outcome: Outcome,
    live: Vec<At>,
    frame: Frame,
    calls: usize,
    /// Inside of how many `try` blocks with a handler.
    trying: usize,
    steps: usize,
    depth: usize,
    /// The functions entered, so that recursion ends.
    entered: Vec<*const Function>,
}

/// Follows `closure`.
pub(super) fn follow<'p>(
    eval: &mut Eval<'p, Fastify<'p>>,
    closure: &Rc<Closure>,
    role: Role,
    facts: &RouteFacts,
    caller: Caller,
) -> Outcome {
    let function = Arc::clone(&closure.function);
    let mut walk = Walk {
        caller,
        eval,
        facts,
        outcome: Outcome::default(),
        live: vec![At::default()],
        frame: Frame::new(Rc::clone(closure)),
        calls: 0,
        trying: 0,
        steps: 0,
        depth: 0,
        entered: vec![Arc::as_ptr(&function)],
    };
    let done = match role {
        Role::Hook { done } if function.params.len() > done => Some(done),
        _ => None,
    };
    for (at, param) in function.params.iter().enumerate() {
        let value = match at {
            0 => Known::Request,
            1 => Known::Reply,
            _ if Some(at) == done => Known::Done,
            _ => Known::Unknown,
        };
        walk.bind(param, value);
    }
    if function.rest.is_some() {
        walk.outcome.hands_on = true;
    }
    walk.block(&function.body);
    let mut through = std::mem::take(&mut walk.live);
    through.append(&mut walk.frame.returned);
    if !walk.frame.thrown.is_empty() {
        walk.outcome.refuses = true;
        walk.outcome.auth |= walk.frame.thrown_auth;
    }
    let replied = std::mem::take(&mut walk.frame.returned_reply);
    for at in replied.iter().filter(|it| it.sent == Sent::No && it.is_error()) {
        walk.outcome.unsent.extend(at.place);
        walk.outcome.refuses = true;
        walk.outcome.auth |= matches!(at.status, 401 | 403);
    }
    match role {
        // A handler that gives a value back sends it, with the status it has set.
        Role::Handler => {
            let shows = |it: &At| it.sent == Sent::Answer || (it.sent == Sent::No && !it.is_error());
            walk.outcome.passes = through.iter().chain(&replied).any(shows);
            let refused = |it: &&At| it.sent == Sent::No && it.is_error();
            for at in through.iter().chain(&replied).filter(refused) {
                walk.outcome.refuses = true;
                walk.outcome.auth |= matches!(at.status, 401 | 403);
            }
            walk.outcome.unsent.clear();
        }
        Role::Hook { .. } if done.is_none() => {
            walk.outcome.passes |= through.iter().any(|it| it.sent == Sent::No);
            let refused = through.iter().filter(|it| it.sent == Sent::Refusal);
            walk.outcome.unreturned.extend(refused.filter_map(|it| it.place));
        }
        Role::Hook { .. } => {}
    }
    if walk.steps >= MAX_STEPS {
        walk.outcome.passes = true;
        walk.outcome.hands_on = true;
    }
    let Outcome { unreturned, unsent, get_auth, .. } = &mut walk.outcome;
    for places in [unreturned, unsent, get_auth] {
        places.sort_unstable();
        places.dedup();
    }
    walk.outcome
}

impl Frame {
    fn new(closure: Rc<Closure>) -> Self {
        Self {
            closure,
            names: HashMap::new(),
            returned: Vec::new(),
            returned_reply: Vec::new(),
            value: None,
            thrown: Vec::new(),
            thrown_auth: false,
            jumped: Vec::new(),
        }
    }
}

/// Both ways on, without doubles.
fn merge(mut one: Vec<At>, two: Vec<At>) -> Vec<At> {
    for at in two {
        if one.len() < MAX_STATES && !one.contains(&at) {
            one.push(at);
        }
    }
    one
}

impl Walk<'_, '_> {
    fn place(&self, span: Span) -> Place {
        Place { module: self.frame.closure.module, span }
    }

    fn block(&mut self, statements: &[Stmt]) {
        for statement in statements {
            if let StmtKind::Function(function) = &statement.kind
                && let Some(name) = &function.name
            {
                self.frame.names.insert(Arc::clone(name), Known::Local(Arc::clone(function)));
            }
        }
        for statement in statements {
            if self.live.is_empty() {
                break;
            }
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        self.steps += 1;
        if self.steps >= MAX_STEPS || self.depth > MAX_DEPTH {
            self.outcome.passes = true;
            self.outcome.hands_on = true;
            return;
        }
        self.depth += 1;
        self.statement_inside(statement);
        self.depth -= 1;
    }

    fn statement_inside(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Expr(expr) if matches!(expr.kind, ExprKind::Call(..)) => self.left_alone(expr),
            StmtKind::Expr(expr) => {
                self.expr(expr);
            }
            StmtKind::Var(all, _) => {
                for (pattern, init) in all {
                    let value = init.as_ref().map_or(Known::Falsy, |it| self.expr(it));
                    self.bind(pattern, value);
                }
            }
            StmtKind::Return(value) => {
                let value = value.as_ref().map_or(Known::Falsy, |it| self.expr(it));
                let live = std::mem::take(&mut self.live);
                if matches!(value, Known::Reply) {
                    self.frame.returned_reply = merge(std::mem::take(&mut self.frame.returned_reply), live);
                } else {
                    self.frame.returned = merge(std::mem::take(&mut self.frame.returned), live);
                }
                self.frame.value = Some(match self.frame.value.take() {
                    Some(other) => other.or(value),
                    None => value,
                });
            }
            StmtKind::Throw(expr) => {
                let error = self.expr(expr);
                self.throws(matches!(error, Known::Error { auth: true }) || names_refusal(expr));
            }
            StmtKind::If(test, yes, no) => {
                let test = self.expr(test).truth();
                self.fork(test, |it| it.statement(yes), |it| no.iter().for_each(|no| it.statement(no)));
            }
            StmtKind::Block(all) => self.block(all),
            StmtKind::ForOf(pattern, list, body) | StmtKind::ForIn(pattern, list, body) => {
                self.expr(list);
                let jumped = std::mem::take(&mut self.frame.jumped);
                self.fork(
                    None,
                    |it| {
                        it.bind(pattern, Known::Unknown);
                        it.statement(body);
                    },
                    |_| {},
                );
                let left = std::mem::replace(&mut self.frame.jumped, jumped);
                self.live = merge(std::mem::take(&mut self.live), left);
            }
            StmtKind::Loop(init, again, body) => {
                self.block(init);
                let jumped = std::mem::take(&mut self.frame.jumped);
                again.iter().for_each(|it| {
                    self.expr(it);
                });
                self.fork(None, |it| it.statement(body), |_| {});
                let left = std::mem::replace(&mut self.frame.jumped, jumped);
                self.live = merge(std::mem::take(&mut self.live), left);
            }
            StmtKind::Try(block, handler, last) => self.attempt(block, handler.as_ref(), last),
            StmtKind::Switch(value, cases) => {
                self.expr(value);
                let jumped = std::mem::take(&mut self.frame.jumped);
                for (test, body) in cases {
                    test.iter().for_each(|it| {
                        self.expr(it);
                    });
                    self.fork(None, |it| it.block(body), |_| {});
                }
                let left = std::mem::replace(&mut self.frame.jumped, jumped);
                self.live = merge(std::mem::take(&mut self.live), left);
            }
            StmtKind::Jump => {
                let live = std::mem::take(&mut self.live);
                self.frame.jumped = merge(std::mem::take(&mut self.frame.jumped), live);
            }
            StmtKind::Function(_) | StmtKind::Class(..) | StmtKind::Enum(..) | StmtKind::Empty => {}
        }
    }

    fn attempt(&mut self, block: &[Stmt], handler: Option<&(Option<Pattern>, Vec<Stmt>)>, last: &[Stmt]) {
        let outer = std::mem::take(&mut self.frame.thrown);
        let outer_auth = std::mem::take(&mut self.frame.thrown_auth);
        self.trying += usize::from(handler.is_some());
        self.block(block);
        self.trying -= usize::from(handler.is_some());
        let caught = std::mem::replace(&mut self.frame.thrown, outer);
        let auth = std::mem::replace(&mut self.frame.thrown_auth, outer_auth);
        match handler {
            Some((pattern, body)) => {
                let after = std::mem::take(&mut self.live);
                let names = self.frame.names.clone();
                self.live = caught;
                if let Some(pattern) = pattern {
                    self.bind(pattern, Known::Error { auth });
                }
                self.block(body);
                let handled = std::mem::replace(&mut self.live, after);
                self.join(&names);
                self.live = merge(std::mem::take(&mut self.live), handled);
            }
            None => {
                self.frame.thrown = merge(std::mem::take(&mut self.frame.thrown), caught);
                self.frame.thrown_auth |= auth;
            }
        }
        self.block(last);
    }

    /// What is live stops here with an error.
    fn throws(&mut self, auth: bool) {
        self.frame.thrown_auth |= auth;
        let live = std::mem::take(&mut self.live);
        self.frame.thrown = merge(std::mem::take(&mut self.frame.thrown), live);
    }

    /// Goes the way that `test` says, or both.
    fn fork<T>(
        &mut self,
        test: Option<bool>,
        yes: impl FnOnce(&mut Self) -> T,
        no: impl FnOnce(&mut Self) -> T,
    ) -> (Option<T>, Option<T>) {
        match test {
            Some(true) => (Some(yes(self)), None),
            Some(false) => (None, Some(no(self))),
            None => {
                let live = self.live.clone();
                let names = self.frame.names.clone();
                let one = yes(self);
                let after = std::mem::replace(&mut self.live, live);
                let changed = std::mem::replace(&mut self.frame.names, names);
                let two = no(self);
                self.join(&changed);
                self.live = merge(after, std::mem::take(&mut self.live));
                (Some(one), Some(two))
            }
        }
    }

    /// Names that are not the same on both ways are not known.
    fn join(&mut self, other: &HashMap<Arc<str>, Known>) {
        for (name, value) in other {
            match self.frame.names.get_mut(name) {
                Some(ours) if !ours.same(value) => *ours = Known::Unknown,
                Some(_) => {}
                None => {
                    self.frame.names.insert(Arc::clone(name), Known::Unknown);
                }
            }
        }
    }

    fn bind(&mut self, pattern: &Pattern, value: Known) {
        if self.depth > MAX_DEPTH {
            return;
        }
        match pattern {
            Pattern::Name(name) => {
                self.frame.names.insert(Arc::clone(name), value);
            }
            Pattern::Object(props, rest) => {
                for (key, inner) in props {
                    let part = match key {
                        Key::Name(name) => self.member(&value, name),
                        Key::Computed(_) => Known::Unknown,
                    };
                    self.bind(inner, part);
                }
                if let Some(rest) = rest {
                    self.bind(rest, Known::Unknown);
                }
            }
            Pattern::Array(items, rest) => {
                let part = if matches!(value, Known::Absent | Known::Sent) { value } else { Known::Unknown };
                items.iter().flatten().for_each(|it| self.bind(it, part.clone()));
                if let Some(rest) = rest {
                    self.bind(rest, Known::Unknown);
                }
            }
            Pattern::Default(inner, default) => {
                let value = match value {
                    Known::Absent | Known::Falsy => self.expr(default),
                    other => other,
                };
                self.bind(inner, value);
            }
            Pattern::Member(target) => {
                // What a forger has written into a token is on the request now.
                if let ExprKind::Member(object, Key::Name(name)) = &target.kind
                    && self.caller == Caller::Forger
                    && matches!(value, Known::Unknown | Known::Sent)
                    && matches!(self.expr(object), Known::Request)
                {
                    self.frame.names.insert(Arc::from(format!("request.{name}")), value.clone());
                }
                if let ExprKind::Member(object, Key::Name(name)) = &target.kind
                    && &**name == "statusCode"
                    && matches!(self.expr(object), Known::Reply)
                {
                    let place = self.place(target.span);
                    self.set_status(&value, place);
                }
            }
            Pattern::Ignore => {}
        }
    }

    fn set_status(&mut self, status: &Known, place: Place) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the guard")]
        let status = match status {
            Known::Num(status) if (100.0..1000.0).contains(status) => *status as u16,
            Known::Refusal => 401,
            _ => 1,
        };
        for at in &mut self.live {
            at.status = status;
            if at.sent == Sent::No {
                at.place = Some(place);
            }
        }
        self.dedup();
    }

    fn dedup(&mut self) {
        self.live.sort_unstable();
        self.live.dedup();
    }
}

/// `throw new UnauthorizedError()`, `throw fastify.httpErrors.forbidden()`, `throw { statusCode: 401 }`.
fn names_refusal(expr: &Expr) -> bool {
    let mut found = false;
    let statement = std::slice::from_ref(expr);
    let mut waiting: Vec<&Expr> = statement.iter().collect();
    while let Some(expr) = waiting.pop() {
        match &expr.kind {
            ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) if is_refusal_name(name) => found = true,
            ExprKind::Num(status) => found |= (*status - 401.0).abs() < 0.5 || (*status - 403.0).abs() < 0.5,
            ExprKind::Str(text) => found |= text.len() < 60 && is_refusal_name(text),
            _ => {}
        }
        match &expr.kind {
            ExprKind::New(callee, items) | ExprKind::Call(callee, items) => {
                waiting.push(callee);
                waiting.extend(items.iter().map(|it| &it.value));
            }
            ExprKind::Member(object, _) => waiting.push(object),
            ExprKind::Object(props) => waiting.extend(props.iter().map(|it| match it {
                crate::js::ir::Prop::Entry { value, .. } | crate::js::ir::Prop::Spread(value) => value,
            })),
            _ => {}
        }
    }
    found
}
