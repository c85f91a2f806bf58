//! What middleware does to strangers.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;

use super::HARMLESS_MIDDLEWARE;
use super::answers::{Answered, code_of};
use super::discover::Reader;
use super::guards::sounds_like_auth;
use super::host::{Entry, What};
use super::probe::{Probe, Seen};
use crate::py::eval::Branch;
use crate::py::value::{Arg, Args, Place, Value};

/// One middleware of an application.
#[derive(Debug, Clone)]
pub(crate) struct Middleware {
    pub(crate) name: String,
    pub(crate) state: GuardState,
    pub(crate) origin: String,
    pub(crate) place: Place,
    pub(crate) branch: Branch,
    /// WebSockets pass it by.
    pub(crate) http_only: bool,
    pub(crate) is_cors: bool,
    /// Where its function is, and what that answers by itself.
    pub(crate) code: Place,
    pub(crate) answers: Vec<Answered>,
}

impl<'p> Reader<'p> {
    /// The middleware of an application, a router or a mount, outermost first.
    pub(crate) fn middleware_of(&mut self, entries: &[Entry<'p>], own: Place) -> Vec<Middleware> {
        let (mut given, mut added) = (Vec::new(), Vec::new());
        for entry in entries {
            let Some(middleware) = self.middleware(entry) else { continue };
            // The last one added is the first to run; a list given to the constructor runs in its order.
            if entry.site.place() == own { given.push(middleware) } else { added.push(middleware) }
        }
        added.reverse();
        added.extend(given);
        added
    }

    fn middleware(&mut self, entry: &Entry<'p>) -> Option<Middleware> {
        let (value, args) = match &entry.what {
            What::Middleware { class, args } => (class.clone()?.value, Rc::clone(args)),
            What::Function { function } => (function.value.clone(), Rc::default()),
            _ => return None,
        };
        let place = match &entry.what {
            What::Middleware { class: Some(class), .. } => class.place,
            _ => entry.site.place(),
        };
        let name = self.shown(&value);
        let mut middleware = Middleware {
            name,
            state: GuardState::Open,
            origin: String::new(),
            place,
            branch: Rc::clone(&entry.site.branch),
            http_only: true,
            is_cors: false,
            code: place,
            answers: Vec::new(),
        };
        match value.some() {
            Value::External(external) => {
                let last = external.last();
                external.package().unwrap_or_default().clone_into(&mut middleware.origin);
                middleware.is_cors = last == "CORSMiddleware";
                if last == "BaseHTTPMiddleware" {
                    let function = args.named("dispatch").cloned().unwrap_or(Value::Unknown);
                    middleware.name = self.shown(&function);
                    self.ask_middleware(&mut middleware, &function, true);
                } else if !HARMLESS_MIDDLEWARE.contains(&last) && sounds_like_auth(&external.name()) {
                    middleware.state = GuardState::Unsure;
                }
            }
            Value::Class(class) => {
                middleware.origin = self.file(class.module);
                let is_base = class.inherits(|name| name.ends_with(".BaseHTTPMiddleware"));
                middleware.http_only = is_base;
                middleware.is_cors = class.inherits(|name| name.ends_with(".CORSMiddleware"));
                let instance = self.made_middleware(&value.some(), &args);
                let entry_point = if is_base { "dispatch" } else { "__call__" };
                let function = self.eval.attribute(&instance, entry_point);
                if matches!(function, Value::Bound(_)) {
                    self.ask_middleware(&mut middleware, &function, is_base);
                }
            }
            function @ (Value::Function(_) | Value::Bound(_)) => {
                if let Value::Function(it) = &function {
                    middleware.origin = self.file(it.module);
                }
                let is_asgi = matches!(entry.what, What::Middleware { .. });
                if is_asgi {
                    // A function that is given an application and gives another one.
                    middleware.state =
                        if sounds_like_auth(&middleware.name) { GuardState::Unsure } else { GuardState::Open };
                } else {
                    self.ask_middleware(&mut middleware, &function, true);
                }
            }
            _ => {
                middleware.state = GuardState::Unsure;
                "unknown".clone_into(&mut middleware.origin);
            }
        }
        Some(middleware)
    }

    fn made_middleware(&mut self, class: &Value<'p>, args: &Args<'p>) -> Value<'p> {
        let next = self.seen(Seen::Next);
        let place = Place::default();
        let mut given = Args::of(vec![next], place);
        given.positional.extend(args.positional.iter().skip(1).cloned());
        let own = |name: &str| matches!(name, "cls" | "middleware_class");
        given.keywords.extend(args.keywords.iter().filter(|(name, _)| !own(name)).cloned());
        self.ask(class, &given, Probe::Forger).returned
    }

    fn ask_middleware(&mut self, middleware: &mut Middleware, function: &Value<'p>, is_http: bool) {
        let place = middleware.place;
        middleware.state = self.judge_middleware(function, is_http, place);
        middleware.answers = self.answered(function, is_http, place);
        middleware.code = code_of(function).unwrap_or(place);
    }

    fn judge_middleware(&mut self, function: &Value<'p>, is_http: bool, place: Place) -> GuardState {
        let mut passes = Vec::new();
        let (mut denies, mut checks) = (false, false);
        let mut raised = Vec::new();
        for probe in [Probe::Stranger("GET"), Probe::Stranger("POST"), Probe::Forger] {
            let args = if is_http {
                Args::of(vec![self.seen(Seen::Request), self.seen(Seen::Next)], place)
            } else {
                Args::of(vec![self.seen(Seen::Scope), Value::Unknown, self.seen(Seen::Send)], place)
            };
            self.eval.host.passed.clear();
            self.eval.host.sent.clear();
            let outcome = self.ask(function, &args, probe);
            let passed = std::mem::take(&mut self.eval.host.passed);
            let sent = std::mem::take(&mut self.eval.host.sent);
            let no = outcome.returned.each().iter().chain(&sent).any(|it| self.says_no(it))
                || outcome.raised.iter().any(|it| self.says_no(&it.value));
            denies |= no;
            if probe == Probe::Forger {
                checks = !self.eval.host.unverified && (no || self.denies(&outcome));
            }
            passes.push(passed);
            raised.extend(outcome.raised);
        }
        if is_http {
            self.tell_of_raised(&raised);
        }
        let [get, post, forger] = passes.as_slice() else { return GuardState::Unsure };
        let refuses = get.is_empty() && post.is_empty();
        checks |= forger.is_empty();
        match (refuses, checks) {
            (true, true) => GuardState::Guarded,
            (true, false) => GuardState::Unsure,
            (false, _) if denies => GuardState::Unsure,
            _ => GuardState::Open,
        }
    }

    /// An `HTTPException` raised in a middleware is answered with 500.
    fn tell_of_raised(&mut self, raised: &[crate::py::eval::Raised<'p>]) {
        for it in raised {
            let is_http = match &it.value {
                Value::External(external) => external.last() == "HTTPException",
                Value::Instance(instance) => instance.class.inherits(|name| name.ends_with("HTTPException")),
                _ => false,
            };
            if is_http {
                let finding =
                    Diagnostic::new("DW2210", "an `HTTPException` raised in a middleware is answered with 500")
                        .at(self.location(it.place))
                        .help("return a `JSONResponse` with the status, or make a dependency of the check");
                self.found.source.findings.push(finding);
            }
        }
    }

    /// An argument that stands for nothing, at `place`.
    pub(crate) fn nothing(place: Place) -> Arg<'p> {
        Arg { value: Value::None, place }
    }
}
