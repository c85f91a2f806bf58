//! What a piece of code does to a stranger: it is run on a request without credentials, and its answers are told
//! apart.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::host::{Django, Seen};
use super::tables;
use crate::py::eval::{Eval, Outcome};
use crate::py::guards::{self, Body, sounds_like_auth};
use crate::py::value::{Args, External, Function, Scope, ScopeKind, Slot, Value};
use crate::source::Place;

pub(super) type DjangoEval<'p> = Eval<'p, Django<'p>>;

/// What a guard answered, over all ways through it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// The handler behind it was called, or nothing was said.
    pub(super) passes: bool,
    /// 401, 403, or a redirect.
    refuses: bool,
    /// At least one of the refusals is not only a redirect.
    by_status: bool,
    /// Another way redirects.
    redirects: bool,
    /// Another answer.
    other: bool,
    /// One that is no mistake of the caller's, so that whoever asks got what they wanted.
    pub(super) own: bool,
    pub(super) unknown: bool,
}

impl Answers {
    /// `name`: what people read into the guard where its code doesn't tell.
    fn state(self, name: &str) -> GuardState {
        match (self.passes, self.refuses, self.other || self.unknown) {
            (true, false, unclear) if unclear && sounds_like_auth(name) => GuardState::Unsure,
            (true, false, _) => GuardState::Open,
            (false, true, false) => GuardState::Guarded,
            _ => GuardState::Unsure,
        }
    }
}

/// Asks with a request of each of these methods, as far as the method matters.
const METHODS: [&str; 2] = ["GET", "POST"];

/// Runs `ask` for a stranger's request, once per method if the method isn't certain, and takes the weakest answer.
pub(super) fn for_strangers<'p>(
    eval: &mut DjangoEval<'p>,
    method: Option<&str>,
    path: Option<&str>,
    mut ask: impl FnMut(&mut DjangoEval<'p>) -> GuardState,
) -> GuardState {
    let methods: &[&str] = match &method {
        Some(method) => std::slice::from_ref(method),
        None => &METHODS,
    };
    let mut states = Vec::new();
    for asked in methods {
        eval.host.method = Some((*asked).to_owned());
        eval.host.path = path.map(str::to_owned);
        eval.host.attached.clear();
        eval.host.unreached = false;
        eval.host.looked = false;
        let mut state = ask(eval);
        // Who looks for a credential and lets any pass guards nothing.
        if state == GuardState::Guarded && eval.host.looked {
            eval.host.forged = true;
            eval.host.attached.clear();
            if ask(eval) == GuardState::Open {
                state = GuardState::Unsure;
            }
            eval.host.forged = false;
        }
        // A method that a guard answers with 405 says nothing about the others.
        if !eval.host.unreached || method.is_some() {
            states.push(state);
        }
    }
    eval.host.method = None;
    eval.host.path = None;
    all_of(&states)
}

/// What holds of every one of `states`.
pub(super) fn all_of(states: &[GuardState]) -> GuardState {
    match states.split_first() {
        Some((first, rest)) if rest.iter().all(|it| it == first) => *first,
        Some(_) => GuardState::Unsure,
        None => GuardState::Open,
    }
}

/// What a function was read to do; each is read once.
pub(super) fn scanned<'p>(eval: &mut DjangoEval<'p>, function: &Rc<Function<'p>>) -> Rc<Body> {
    if let Some(known) = eval.host.scans.get(&function.key()) {
        return Rc::clone(known);
    }
    let body = Rc::new(guards::scan(eval, function));
    eval.host.scans.insert(function.key(), Rc::clone(&body));
    body
}

/// What a function answers that has a handler behind it. `this`: the object, for methods.
pub(super) fn of_wrapper<'p>(
    eval: &mut DjangoEval<'p>,
    function: &Rc<Function<'p>>,
    this: Option<Value<'p>>,
    name: &str,
) -> GuardState {
    let outer = std::mem::replace(&mut eval.host.behind, behind(function));
    let request = Django::part(Seen::Request);
    let mut args = Args::of(this.into_iter().chain([request]).collect(), Place::default());
    args.open = true;
    let callee = Value::Function(Rc::clone(function));
    let outcome = eval.what_if(&callee, &args);
    eval.host.behind = outer;
    let answers = answers(eval, &outcome);
    let state = answers.state(name);
    eval.host.unreached |= answers.other && !answers.passes && !answers.refuses && !answers.unknown;
    match state {
        GuardState::Open if answers.unknown && calls_auth(eval, function) => GuardState::Unsure,
        other => other,
    }
}

/// Where a request may be handed on to.
pub(super) struct Barrier {
    /// Functions of the tree.
    pub(super) functions: Vec<*const u8>,
    /// Methods of classes of packages.
    pub(super) names: &'static [&'static str],
}

/// Where one was handed on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum To {
    /// `super()`, which is whatever comes next.
    Next,
    /// The method of this class of a package: `View.dispatch(self, request)`.
    Package(String),
    Function(*const u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handed {
    /// On every way through a function.
    Surely,
    Maybe,
    Never,
}

/// What one `dispatch` of several answers by itself. `others`: those it may hand a request on to.
pub(super) fn of_link<'p>(
    eval: &mut DjangoEval<'p>,
    function: &Rc<Function<'p>>,
    this: &Value<'p>,
    others: &[*const u8],
) -> (GuardState, Answers) {
    let outer = std::mem::replace(&mut eval.host.behind, others.to_vec());
    let outcome = eval.what_if(&Value::Function(Rc::clone(function)), &request_for(this));
    eval.host.behind = outer;
    let answers = answers(eval, &outcome);
    let state = match answers.state("dispatch") {
        GuardState::Open if answers.unknown && calls_auth(eval, function) => GuardState::Unsure,
        other => other,
    };
    (state, answers)
}

/// Whether, and to what, a function hands a request on. What it is handed to raises in this question, so that whoever
/// gets around it, or swallows what it raises, is seen.
pub(super) fn hands_on<'p>(
    eval: &mut DjangoEval<'p>,
    method: Option<&str>,
    path: Option<&str>,
    function: &Rc<Function<'p>>,
    this: &Value<'p>,
    barrier: &Barrier,
) -> (Handed, Vec<To>) {
    let args = request_for(this);
    eval.host.handed.clear();
    let mut complete = true;
    let state = for_strangers(eval, method, path, |eval| {
        let known = (std::mem::replace(&mut eval.host.barrier, barrier.functions.clone()), eval.host.barred);
        eval.host.barred = barrier.names;
        let outcome = eval.what_if(&Value::Function(Rc::clone(function)), &args);
        (eval.host.barrier, eval.host.barred) = known;
        complete &= outcome.complete;
        if outcome.refuses { GuardState::Guarded } else { GuardState::Open }
    });
    let to = std::mem::take(&mut eval.host.handed);
    let handed = match (state, to.is_empty()) {
        (GuardState::Guarded, false) => Handed::Surely,
        (_, true) if complete => Handed::Never,
        _ => Handed::Maybe,
    };
    (handed, to)
}

/// Whether a function answers strangers in no other way than with a refusal, or with an error. `given`: it is given
/// the request and the refusal.
pub(super) fn keeps_out<'p>(eval: &mut DjangoEval<'p>, callee: &Value<'p>, given: bool) -> bool {
    let known = if given { vec![Django::part(Seen::Request), Django::part(Seen::Refused)] } else { Vec::new() };
    let args = Args { open: true, ..Args::of(known, Place::default()) };
    let outcome = eval.what_if(callee, &args);
    let raises = outcome.refuses && !outcome.raised.is_empty();
    let answers = answers(eval, &outcome);
    outcome.complete && (raises || answers.refuses && !(answers.passes || answers.own || answers.unknown))
}

/// The arguments of a method that is given a stranger's request, and nobody knows what else.
fn request_for<'p>(this: &Value<'p>) -> Args<'p> {
    let mut args = Args::of(vec![this.clone(), Django::part(Seen::Request)], Place::default());
    args.open = true;
    args
}

trait NotCertain {
    /// Words alone don't make a guard.
    fn at_most_unsure(self) -> Self;
}

impl NotCertain for GuardState {
    fn at_most_unsure(self) -> Self {
        if self == Self::Open { Self::Open } else { Self::Unsure }
    }
}

/// What a function answers that lets a request go on by returning nothing: `process_request`.
pub(super) fn of_hook<'p>(eval: &mut DjangoEval<'p>, callee: &Value<'p>, args: &Args<'p>, name: &str) -> GuardState {
    let outcome = eval.what_if(callee, args);
    let mut answers = answers(eval, &outcome);
    answers.passes |= outcome.returned.each().iter().any(|it| matches!(it, Value::None));
    answers.state(name)
}

/// What any callable with the request as its last certain argument answers, where calling on is `Passed`.
pub(super) fn of_call<'p>(eval: &mut DjangoEval<'p>, callee: &Value<'p>, args: &Args<'p>, name: &str) -> GuardState {
    let outcome = eval.what_if(callee, args);
    answers(eval, &outcome).state(name)
}

/// What a handler does by itself: only a refusal by status counts, since pages redirect for many reasons.
pub(super) fn of_handler<'p>(
    eval: &mut DjangoEval<'p>,
    function: &Rc<Function<'p>>,
    this: Option<Value<'p>>,
) -> GuardState {
    let request = Django::part(Seen::Request);
    let mut args = Args::of(this.into_iter().chain([request]).collect(), Place::default());
    args.open = true;
    let outcome = eval.what_if(&Value::Function(Rc::clone(function)), &args);
    let answers = answers(eval, &outcome);
    let elsewhere = answers.passes || answers.other || answers.unknown || answers.redirects || !outcome.complete;
    match (answers.by_status, elsewhere) {
        (true, false) => GuardState::Guarded,
        (true, true) => GuardState::Unsure,
        (false, _) => scanned(eval, function).state("").at_most_unsure(),
    }
}

/// What a function says of a stranger that gives true or false: `has_permission`, `test_func`.
pub(super) fn of_test<'p>(eval: &mut DjangoEval<'p>, callee: &Value<'p>, args: &Args<'p>) -> GuardState {
    let outcome = eval.what_if(callee, args);
    let by_raising = outcome.refuses && !outcome.raised.is_empty();
    match outcome.returned.truth() {
        _ if !outcome.complete => GuardState::Unsure,
        _ if by_raising => GuardState::Guarded,
        Some(false) => GuardState::Guarded,
        Some(true) if outcome.raised.is_empty() => GuardState::Open,
        _ => GuardState::Unsure,
    }
}

fn answers<'p>(eval: &DjangoEval<'p>, outcome: &Outcome<'p>) -> Answers {
    let mut all = Answers { unknown: !outcome.complete, ..Answers::default() };
    for raised in &outcome.raised {
        if raises_refusal(&raised.value) {
            (all.refuses, all.by_status) = (true, true);
        } else if !is_mistake(&raised.value) {
            all.other = true;
        }
    }
    if outcome.refuses {
        // What is raised by code that can't be seen says nothing.
        all.unknown |= outcome.raised.is_empty();
        return all;
    }
    for value in outcome.returned.each() {
        match (eval.host.seen(&value), &value) {
            (Some(Seen::Passed), _) => all.passes = true,
            (Some(Seen::Refused), _) => (all.refuses, all.by_status) = (true, true),
            (_, Value::External(external)) => of_response(external, &mut all),
            (_, Value::Instance(instance)) => {
                let base = instance.base.borrow().clone();
                match base {
                    Some(Value::External(external)) => of_response(&external, &mut all),
                    _ => all.unknown = true,
                }
            }
            _ => all.unknown = true,
        }
    }
    all
}

/// What calling a class or function of a package answers.
fn of_response(external: &External<'_>, all: &mut Answers) {
    let Some((callee, args, _)) = external.called() else {
        all.unknown = true;
        return;
    };
    match callee.last() {
        "HttpResponseForbidden" | "handle_no_permission" | "permission_denied" => {
            (all.refuses, all.by_status) = (true, true);
        }
        "HttpResponseRedirect" | "HttpResponsePermanentRedirect" | "redirect" | "redirect_to_login" => {
            (all.refuses, all.redirects) = (true, true);
        }
        "HttpResponse" | "JsonResponse" | "Response" | "render" | "TemplateResponse" | "HttpResponseBase" => {
            let status = args.named("status").or_else(|| match callee.last() {
                "HttpResponse" => args.get(2, "status"),
                "Response" => args.get(1, "status"),
                "render" => args.get(4, "status"),
                _ => None,
            });
            match status {
                Some(status) if is_refusal(status) => (all.refuses, all.by_status) = (true, true),
                Some(Value::Unknown | Value::OneOf(_)) => all.unknown = true,
                status => {
                    all.other = true;
                    all.own |= status.is_none_or(|it| !is_mistaken(it));
                }
            }
        }
        name if name.starts_with("HttpResponse") => all.other = true,
        _ => all.unknown = true,
    }
}

/// Whether a status says that nothing was done.
fn is_mistaken(status: &Value) -> bool {
    match status {
        Value::Int(it) => *it >= 400,
        Value::External(it) => it.last().starts_with("HTTP_4") || it.last().starts_with("HTTP_5"),
        _ => false,
    }
}

fn is_refusal(status: &Value) -> bool {
    match status {
        Value::Int(401 | 403) => true,
        Value::External(it) => {
            let name = it.last().to_ascii_uppercase();
            ["UNAUTHORIZED", "FORBIDDEN"].iter().any(|word| name.contains(word))
        }
        _ => false,
    }
}

fn raises_refusal(value: &Value) -> bool {
    let is = |name: &str| {
        matches!(
            name,
            "PermissionDenied" | "NotAuthenticated" | "AuthenticationFailed" | "InvalidToken" | "SuspiciousOperation"
        ) || ["unauthorized", "unauthenticated", "forbidden"].iter().any(|it| name.to_ascii_lowercase().contains(it))
    };
    match value {
        Value::External(it) => is(it.last()),
        Value::Instance(it) => {
            is(it.class.name()) || it.class.inherits(|name| is(name.rsplit('.').next().unwrap_or(name)))
        }
        Value::Class(it) => is(it.name()) || it.inherits(|name| is(name.rsplit('.').next().unwrap_or(name))),
        _ => false,
    }
}

/// Whether an exception says that the program is wrong, which a program that runs is not.
fn is_mistake(value: &Value) -> bool {
    let is =
        |name: &str| matches!(name, "ImproperlyConfigured" | "NotImplementedError" | "AssertionError" | "TypeError");
    match value {
        Value::External(it) => is(it.last()),
        Value::Instance(it) => it.class.inherits(|name| is(name.rsplit('.').next().unwrap_or(name))),
        _ => false,
    }
}

/// The functions that stand behind a wrapper: those it says it wraps, or those it was made with.
fn behind<'p>(function: &Rc<Function<'p>>) -> Vec<*const u8> {
    if let Some(inner) = &function.wraps {
        return vec![inner.key()];
    }
    let mut all = Vec::new();
    let mut at: Option<Rc<Scope<'p>>> = Some(Rc::clone(&function.scope));
    while let Some(scope) = at.filter(|it| it.kind == ScopeKind::Function) {
        for slot in scope.vars.borrow().values() {
            if let Slot::Value(value) = slot {
                for value in value.each() {
                    match value {
                        Value::Function(it) if it.key() != function.key() && !Rc::ptr_eq(&it.scope, &scope) => {
                            all.push(it.key());
                        }
                        _ => {}
                    }
                }
            }
        }
        at = scope.parent.clone();
    }
    all
}

/// The function that a wrapper without `functools.wraps` was made with, if there is one.
pub(super) fn inner_of<'p>(function: &Rc<Function<'p>>) -> Option<Value<'p>> {
    if let Some(inner) = &function.wraps {
        return Some(Value::Function(Rc::clone(inner)));
    }
    if function.scope.kind != ScopeKind::Function {
        return None;
    }
    let scope = Rc::clone(&function.scope);
    let vars = scope.vars.borrow();
    let mut found = vars.values().filter_map(|slot| match slot {
        Slot::Value(value @ Value::Function(it)) if it.key() != function.key() && !Rc::ptr_eq(&it.scope, &scope) => {
            Some(value.clone())
        }
        Slot::Value(value @ Value::Host(_)) => Some(value.clone()),
        _ => None,
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// Whether it calls something from a package that sounds like a check of who calls.
fn calls_auth<'p>(eval: &mut DjangoEval<'p>, function: &Rc<Function<'p>>) -> bool {
    let body = scanned(eval, function);
    body.calls.iter().any(|it| tables::decorator(it) == tables::Effect::Unknown && sounds_like_auth(it))
}
