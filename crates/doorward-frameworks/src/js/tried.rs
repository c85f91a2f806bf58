//! Guards are tried by somebody who sends no credentials, and by somebody who makes them up.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;

use super::eval::{Eval, Host};
use super::guards::last_name;
use super::ir::{self, ExprKind, Function, Pattern};
use super::program::Program;
use super::stranger::{self, Caller, Fate, Notice, Question, Style};
use super::value::{Closure, External, Place, Value};

/// What becomes of somebody without credentials in a function that looks like a guard.
pub(super) fn held<H: Host>(eval: &mut Eval<H>, program: &Program, closure: &Rc<Closure>) -> (GuardState, bool) {
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
    let mut fails = false;
    for caller in [Caller::Nobody, Caller::Forger] {
        let answer = stranger::ask(eval, program, &question(closure, style, caller));
        fails |= answer.fails;
        let chooses = answer.reads_path || answer.reads_method;
        let passes = answer.served || answer.leaks;
        for notice in answer.notices.iter().filter(|_| !passes) {
            if let Notice::Unset(place, name) = notice {
                needs_variable(eval, *place, name);
            }
        }
        let switched = answer.fate == Fate::Unsure
            && answer.notices.iter().any(|it| matches!(it, Notice::Switch(_) | Notice::Unset(..)));
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

/// What becomes of `caller` in one function, whatever the request.
fn question(closure: &Rc<Closure>, style: Style, caller: Caller) -> Question {
    Question {
        chain: vec![Value::Function(Rc::clone(closure))],
        style,
        caller,
        method: None,
        paths: Vec::new(),
        place: Place { module: closure.module, span: closure.function.span },
    }
}

/// The project's own check in a guard of a package, and how many credentials it is given.
pub(super) fn checker(external: &External) -> Option<(Rc<Closure>, usize)> {
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
pub(super) fn checked<H: Host>(
    eval: &mut Eval<H>,
    program: &Program,
    closure: &Rc<Closure>,
    credentials: usize,
) -> GuardState {
    if let Some((_, known, _)) = eval.held.get(&Rc::as_ptr(closure)) {
        return *known;
    }
    let question = question(closure, Style::Checks { credentials }, Caller::Forger);
    let passes = stranger::ask(eval, program, &question).served;
    if passes {
        lets_forgers_pass(eval, closure);
    }
    let state = if passes { GuardState::Unsure } else { GuardState::Guarded };
    eval.held.insert(Rc::as_ptr(closure), (Rc::clone(closure), state, false));
    state
}

/// Whether a function leaves something on the request that sounds as if it told who asks.
pub(super) fn attaches(function: &Function) -> bool {
    const WHO: &[&str] =
        &["user", "auth", "session", "account", "claim", "token", "identity", "principal", "member", "jwt"];
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
pub(super) fn attached<H: Host>(eval: &mut Eval<H>, program: &Program, closure: &Rc<Closure>) {
    if eval.held.contains_key(&Rc::as_ptr(closure)) {
        return;
    }
    eval.held.insert(Rc::as_ptr(closure), (Rc::clone(closure), GuardState::Open, false));
    let style = if takes_context(&closure.function) { Style::GuardsContext } else { Style::Guards };
    let left = stranger::ask(eval, program, &question(closure, style, Caller::Forger)).left;
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
