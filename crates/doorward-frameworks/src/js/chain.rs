//! Chains of middleware, as far as they look alike in every framework: handlers taken apart, their names for people,
//! and what a route's guards amount to.

use doorward::inventory::{Guard, GuardSeen, GuardState, Step, StepKind};
use doorward::path::{PathTemplate, Segment};

use super::guards::Verdict;
use super::ir::{self, Expr, ExprKind, Function, Key, Pattern, Span};
use super::packages::location;
use super::program::Program;
use super::value::{Arg, External, Place, Value};
use crate::model::HandlerKind;
use crate::walk::printable;

/// No program a person wrote has this many routes, or registers this many handlers in one call.
pub(crate) const MAX_ROUTES: usize = 50_000;
const MAX_PARTS: usize = 2_000;

/// One handler of a registration, arrays taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) value: Value,
    pub(crate) place: Place,
    /// It stands for an unknown number of handlers.
    pub(crate) spread: bool,
}

/// The handlers among `args` of a call in `module`, with arrays taken apart.
pub(crate) fn parts(args: &[Arg], module: usize) -> Vec<Part> {
    let mut all = Vec::new();
    for arg in args {
        let place = Place { module, span: arg.span };
        if arg.spread {
            all.push(Part { value: Value::Unknown, place, spread: true });
        } else {
            flatten(&arg.value, place, 0, &mut all);
        }
    }
    all
}

fn flatten(value: &Value, place: Place, depth: usize, all: &mut Vec<Part>) {
    if all.len() > MAX_PARTS {
        return;
    }
    match value {
        Value::Array(array) if depth < 8 => {
            for item in array.items.borrow().iter() {
                flatten(item, Place { span: item_span(item, place.span), ..place }, depth + 1, all);
            }
            if array.open.get() {
                all.push(Part { value: Value::Unknown, place, spread: true });
            }
        }
        Value::Undefined | Value::Null | Value::Bool(_) => {}
        other => all.push(Part { value: other.clone(), place, spread: false }),
    }
}

/// Where an item of an array literal stands: a call knows its own place, if it lies within the argument.
fn item_span(item: &Value, whole: Span) -> Span {
    let inside = |span: Span| whole.start <= span.start && span.end <= whole.end;
    match item {
        Value::External(external) => match &**external {
            External::Call(_, _, place) if inside(place.span) => place.span,
            _ => whole,
        },
        Value::Function(closure) if inside(closure.function.span) => closure.function.span,
        _ => whole,
    }
}

/// One line of at most 80 characters.
pub(crate) fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

/// `auth` and `auth(…)` for what is called; the text itself for the rest.
pub(crate) fn callee(text: &str) -> String {
    match text.split_once('(') {
        Some((name, rest)) if rest.starts_with(')') => format!("{name}()"),
        Some((name, _)) => format!("{name}(…)"),
        None => text.to_owned(),
    }
}

/// `wrap(auth.jwt)`: a function made of one that has a name, which tells more than that of the wrapper.
pub(crate) fn wrapped<'a>(value: &Value, text: &'a str) -> Option<&'a str> {
    let name = |it: &str| !it.is_empty() && it.chars().all(|c| c.is_alphanumeric() || "_$.".contains(c));
    let (outer, rest) = text.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    let named = name(outer) && name(inner) && inner.starts_with(|c: char| !c.is_ascii_digit());
    (matches!(value, Value::Function(_)) && named).then_some(text)
}

/// A handler's name for people: never with arguments, which may hold secrets, unless the argument is but a name.
pub(crate) fn shown(value: &Value, text: &str) -> String {
    let text = one_line(text);
    let is_code = text.starts_with("function") || text.starts_with("async ") || text.contains("=>");
    if is_code && let Value::Function(closure) = value {
        return closure.function.name.as_ref().map_or_else(|| "(inline)".to_owned(), |it| printable(it));
    }
    printable(&wrapped(value, &text).map_or_else(|| callee(&text), str::to_owned))
}

pub(crate) fn text(program: &Program, place: Place) -> String {
    program.text(place.module).get(place.span.range()).unwrap_or_default().to_owned()
}

/// One part of how a route came to be.
pub(crate) fn step(program: &Program, kind: StepKind, text: String, path: Option<String>, place: Place) -> Step {
    let at = location(program, place);
    Step { kind, text, path, file: at.file, line: at.line }
}

/// Something that runs before a handler.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) place: Place,
    /// It runs for every request that reaches the handler.
    pub(crate) sure: bool,
}

/// What `runs` amount to: the guard of a route behind them.
pub(crate) fn guard(program: &Program, runs: &[Runs]) -> Guard {
    let mut guard = Guard::open();
    for run in runs {
        let seen = match run.verdict.state {
            GuardState::Guarded if !run.sure => GuardState::Unsure,
            state => state,
        };
        if seen == GuardState::Open && run.verdict.kind != HandlerKind::Doorward {
            continue;
        }
        let at = location(program, run.place);
        guard.by.push(GuardSeen {
            name: run.name.clone(),
            origin: run.verdict.origin.clone(),
            file: at.file,
            line: at.line,
            asks: if seen == run.verdict.state { run.verdict.asks.clone() } else { None },
        });
        guard.state = strongest(guard.state, seen);
    }
    guard
}

fn strongest(one: GuardState, two: GuardState) -> GuardState {
    match (one, two) {
        (GuardState::Guarded, _) | (_, GuardState::Guarded) => GuardState::Guarded,
        (GuardState::Unsure, _) | (_, GuardState::Unsure) => GuardState::Unsure,
        _ => GuardState::Open,
    }
}

/// How much a state protects, to compare two.
pub(crate) fn strength(state: GuardState) -> u8 {
    match state {
        GuardState::Open => 0,
        GuardState::Unsure => 1,
        GuardState::Guarded => 2,
    }
}

/// Whether middleware at `before` runs for every request that `route` takes. `exact`: not for what is below `before`.
pub(crate) fn covers(before: &PathTemplate, exact: bool, route: &PathTemplate) -> bool {
    let (ours, theirs) = (before.segments(), route.segments());
    for (at, segment) in ours.iter().enumerate() {
        let hit = match (segment, theirs.get(at)) {
            (Segment::CatchAll(_), _) => return true,
            (_, None) => false,
            (Segment::Literal(one), Some(Segment::Literal(two))) => one == two,
            (Segment::Param { prefix, suffix, .. }, Some(Segment::Literal(_) | Segment::Param { .. })) => {
                prefix.is_empty() && suffix.is_empty() || Some(segment) == theirs.get(at)
            }
            (one, Some(two)) => one == two,
        };
        if !hit {
            return false;
        }
    }
    !exact || ours.len() == theirs.len()
}

/// Whether some request that `route` takes may be one of `other`.
pub(crate) fn overlaps(other: &PathTemplate, route: &PathTemplate) -> bool {
    let (ours, theirs) = (other.segments(), route.segments());
    for (at, segment) in ours.iter().enumerate() {
        match (segment, theirs.get(at)) {
            (Segment::CatchAll(_), _) | (_, Some(Segment::CatchAll(_))) => return true,
            (_, None) => return false,
            (Segment::Literal(one), Some(two)) if !two.matches(one) => return false,
            (one, Some(Segment::Literal(two))) if !one.matches(two) => return false,
            _ => {}
        }
    }
    ours.len() == theirs.len()
}

/// What a function of a context and the way on does, read from its text.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Koalike {
    /// It may pass the request on.
    pub(crate) continues: bool,
    /// It answers with something.
    pub(crate) answers: bool,
    /// It says 404.
    pub(crate) not_found: bool,
}

impl Koalike {
    /// It says 404 and nothing else.
    pub(crate) fn only_not_found(self) -> bool {
        self.not_found && !self.answers && !self.continues
    }
}

/// Methods of a context that answer: Hono's.
const ANSWERS: &[&str] = &["json", "text", "html", "body", "redirect", "newResponse", "stream", "respond", "render"];

pub(crate) fn koalike(function: &Function) -> Koalike {
    let mut found = Koalike::default();
    let context = function.param_name(0).unwrap_or_default().to_owned();
    let next = function.param_name(1).unwrap_or_default().to_owned();
    // A way on that is taken apart or gathered in a list can't be followed.
    found.continues = (function.params.len() > 1 && next.is_empty()) || function.rest.is_some();
    // `({ req, res }) => …`.
    found.answers = !function.params.is_empty() && context.is_empty();
    let of_context = |it: &Expr| matches!(&it.kind, ExprKind::Name(name) if **name == *context);
    ir::visit(&function.body, &mut |expr| {
        match &expr.kind {
            ExprKind::Name(name) if !next.is_empty() && **name == *next => found.continues = true,
            ExprKind::Call(callee, items) => {
                if let ExprKind::Member(object, Key::Name(name)) = &callee.kind
                    && of_context(object)
                {
                    let status = items.iter().find_map(|it| match it.value.kind {
                        ExprKind::Num(status) if (100.0..600.0).contains(&status) => Some(status),
                        _ => None,
                    });
                    let is_404 = status.is_some_and(|it| (it - 404.0).abs() < f64::EPSILON);
                    found.not_found |= is_404 || &**name == "notFound";
                    found.answers |= ANSWERS.contains(&&**name) && status.is_none_or(|it| it < 400.0);
                }
            }
            ExprKind::New(callee, _) if super::guards::last_name(callee) == Some("Response") => found.answers = true,
            ExprKind::Assign(target, _, value) => {
                if let Pattern::Member(member) = &**target
                    && let ExprKind::Member(object, Key::Name(name)) = &member.kind
                    && of_context(object)
                {
                    match (&**name, &value.kind) {
                        ("status", ExprKind::Num(status)) if (status - 404.0).abs() < f64::EPSILON => {
                            found.not_found = true;
                        }
                        ("body" | "res" | "respond" | "response" | "type", _) => found.answers = true,
                        _ => {}
                    }
                }
            }
            ExprKind::Member(object, Key::Name(name)) if of_context(object) => {
                found.answers |= matches!(&**name, "res" | "response");
            }
            _ => {}
        }
        true
    });
    // `ctx.status = 404; ctx.body = 'not found'`.
    if found.not_found && !function.body.iter().any(|it| matches!(it.kind, ir::StmtKind::If(..))) {
        found.answers = false;
    }
    found
}
