//! What is wrong with the authentication that is there.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{CmpOp, Expr, Stmt, StmtFunctionDef};

use super::discover::Reader;
use super::guards::Judged;
use super::host::What;
use super::middleware::Middleware;
use super::probe::{self, Probe, Seen};
use crate::py::eval::{Site, span};
use crate::py::value::{Args, Place, Value};
use crate::walk::printable;

/// Checks of a token whose absence matters, and what they are about.
static CHECKS: &[(&str, &str)] = &[
    ("verify_exp", "expired tokens are accepted"),
    ("verify_aud", "tokens for other audiences are accepted"),
    ("verify_iss", "tokens of other issuers are accepted"),
    ("verify_nbf", "tokens that are not valid yet are accepted"),
];

impl<'p> Reader<'p> {
    /// What is found by looking at calls and at the text of modules.
    pub(super) fn findings(&mut self) {
        for noticed in std::mem::take(&mut self.eval.host.noticed) {
            self.noticed(&noticed.name, &noticed.args, noticed.site.place());
        }
        self.cors();
        for module in self.found.read.clone() {
            self.read_module(module);
        }
        self.found.source.findings.sort_by(|one, two| (&one.location, &one.code).cmp(&(&two.location, &two.code)));
        self.found.source.findings.dedup();
    }

    fn noticed(&mut self, name: &str, args: &Rc<Args<'p>>, place: Place) {
        if name == "fastapi_clerk_auth.ClerkHTTPBearer" {
            self.tell_finding("DW2208", place, || {
                Diagnostic::new("DW2208", "`fastapi-clerk-auth` is not Clerk's own package")
                    .help("use `clerk-backend-api`, which Clerk maintains")
            });
            if matches!(args.named("auto_error"), Some(Value::Bool(false))) {
                self.tell_finding("DW2209", place, || {
                    Diagnostic::new("DW2209", "`auto_error=False` lets bad tokens in as credentials")
                        .help("remove `auto_error=False`, or refuse where `decoded` is `None`")
                });
            }
        }
    }

    fn cors(&mut self) {
        for at in 0..self.eval.host.made.len() {
            let entries = self.made(at).map(|it| it.entries.clone()).unwrap_or_default();
            for entry in &entries {
                let What::Middleware { class: Some(class), args } = &entry.what else { continue };
                let is_cors = matches!(&class.value, Value::External(it) if it.last() == "CORSMiddleware");
                let any =
                    match args.named("allow_origins") {
                        Some(Value::List(list)) => list.items.borrow().iter().any(|it| it.as_str() == Some("*")),
                        _ => false,
                    } || matches!(args.named("allow_origin_regex").and_then(Value::as_str), Some(".*" | "^.*$" | ".+"));
                if is_cors && any && matches!(args.named("allow_credentials"), Some(Value::Bool(true))) {
                    self.tell_finding("DW2201", entry.site.place(), || {
                        Diagnostic::new("DW2201", "every origin may send requests with the user's credentials")
                            .help("list the origins of your own front ends in `allow_origins`")
                    });
                }
            }
        }
    }

    pub(super) fn tell_of_mount(&mut self, path: &str, site: &Site) {
        let path = printable(path);
        self.tell_finding("DW2205", site.place(), || {
            Diagnostic::new(
                "DW2205",
                format!("the application's dependencies do not run for what is mounted at `{path}`"),
            )
            .help("give the mounted application dependencies of its own")
        });
    }

    pub(super) fn tell_of_condition(&mut self, name: &str, place: Place) {
        let name = name.to_owned();
        self.tell_finding("DW2110", place, || {
            Diagnostic::new("DW2110", format!("`{name}` is attached only under a condition"))
                .help("attach it always, and make exceptions route by route")
        });
    }

    pub(super) fn tell_of_presence(&mut self, name: &str, place: Place) {
        let name = name.to_owned();
        self.tell_finding("DW2211", place, || {
            Diagnostic::new(
                "DW2211",
                format!("`{name}` looks whether credentials are there, not whether they are right"),
            )
            .help("verify the token, and raise `HTTPException(401)` where it is wrong")
        });
    }

    /// A middleware that refuses, in front of the one that answers browsers' questions.
    pub(super) fn tell_of_order(&mut self, middleware: &[Middleware]) {
        let Some(cors) = middleware.iter().position(|it| it.is_cors) else { return };
        for guard in middleware.iter().take(cors).filter(|it| it.state != GuardState::Open) {
            let (name, place) = (guard.name.clone(), guard.place);
            self.tell_finding("DW2107", place, || {
                Diagnostic::new("DW2107", format!("`{name}` runs before the CORS middleware"))
                    .help("add `CORSMiddleware` last: the middleware that is added last runs first")
            });
        }
    }

    /// Decorators of a handler that may refuse.
    pub(super) fn decorators(&mut self, handler: &Value<'p>) -> Vec<(String, Judged<'p>, Place)> {
        let Value::Function(function) = handler else { return Vec::new() };
        let mut all = Vec::new();
        for (decorator, place) in function.decorators.iter().rev() {
            let mut judged = self.judge(&decorator.clone(), 0);
            let name = self.shown(decorator);
            let known = decorator.external_name().unwrap_or_default();
            if known == "starlette.authentication.requires" {
                judged.state = if self.backends_check() { GuardState::Guarded } else { GuardState::Unsure };
            }
            if judged.state != GuardState::Open {
                all.push((name, judged, *place));
            }
        }
        if function.wraps.is_some() {
            let judged = self.wrapper(handler);
            if judged.state != GuardState::Open {
                let place = Place { module: function.module, ..Place::default() };
                let place = match function.def {
                    crate::py::value::Def::Def(def) => Place { span: span(&def.name), ..place },
                    crate::py::value::Def::Lambda(_) => place,
                };
                all.push((function.name().to_owned(), judged, place));
            }
        }
        all
    }

    /// Whether what authenticates for Starlette turns away strangers and those who forge their credentials.
    fn backends_check(&mut self) -> bool {
        let is_middleware =
            |value: &Value<'p>| value.external_name().is_some_and(|it| it.ends_with(".AuthenticationMiddleware"));
        let mut backends = Vec::new();
        for entry in self.eval.host.made.iter().flat_map(|it| &it.entries) {
            if let What::Middleware { class: Some(class), args } = &entry.what
                && is_middleware(&class.value)
            {
                backends.push((args.named("backend").cloned().unwrap_or(Value::Unknown), class.place));
            }
        }
        let mut check = !backends.is_empty();
        for (backend, place) in backends {
            let function = self.eval.attribute(&backend, "authenticate");
            for probe in [Probe::Stranger("GET"), Probe::Forger] {
                let args = Args::of(vec![self.seen(Seen::Request)], place);
                let outcome = self.ask(&function, &args, probe);
                let nobody = matches!(function, Value::Bound(_))
                    && outcome.returned.each().iter().any(|it| matches!(it, Value::None));
                let denied = !self.eval.host.unverified && (self.denies(&outcome) || nobody);
                check &= outcome.complete && (outcome.refuses || denied);
            }
        }
        check
    }

    /// What the function that a decorator of the project put around a handler does to strangers.
    fn wrapper(&mut self, handler: &Value<'p>) -> Judged<'p> {
        let mut judged = self.judge(&Value::None, 0);
        if let Value::Function(function) = handler {
            judged.origin = self.file(function.module);
        }
        let outcomes: Vec<_> = [Probe::Stranger("GET"), Probe::Forger]
            .into_iter()
            .map(|probe| {
                let args = self.stranger_args(handler, probe);
                self.ask(handler, &args, probe)
            })
            .collect();
        if let [stranger, forger] = outcomes.as_slice() {
            let no = |it: &crate::py::eval::Outcome<'p>| {
                it.raised.iter().any(|it| self.says_no(&it.value))
                    || it.returned.each().iter().any(|it| self.says_no(it))
            };
            let closed = |it: &crate::py::eval::Outcome<'p>| {
                let answers = it.returned.each();
                it.complete && (it.refuses && no(it) || answers.iter().all(|it| self.says_no(it)))
            };
            let denied = forger.refuses || (!self.eval.host.unverified && (self.denies(forger) || no(forger)));
            judged.state = match (closed(stranger), denied) {
                (true, true) => GuardState::Guarded,
                _ if no(stranger) || no(forger) => GuardState::Unsure,
                _ => GuardState::Open,
            };
            judged.presence = closed(stranger) && !denied;
        }
        judged
    }

    fn stranger_args(&mut self, handler: &Value<'p>, probe: Probe) -> Args<'p> {
        let mut args = Args::default();
        for parameter in self.parameters(handler) {
            let value = match parameter.depends() {
                Some(inner) => self.given_by(&inner, probe),
                None => match &parameter.kind {
                    Value::External(it) if matches!(it.last(), "Request" | "WebSocket" | "HTTPConnection") => {
                        self.seen(super::probe::Seen::Request)
                    }
                    _ => Value::Unknown,
                },
            };
            args.keywords.push((Rc::from(parameter.name), crate::py::value::Arg { value, place: parameter.place }));
        }
        args
    }

    /// A handler that refuses strangers itself, after whatever it did before.
    pub(super) fn inline(&mut self, handler: &Value<'p>) -> Option<(String, Judged<'p>, Place)> {
        let Value::Function(function) = handler else { return None };
        if function.wraps.is_some() {
            return None;
        }
        let args = self.stranger_args(handler, Probe::Stranger("GET"));
        let outcome = self.ask(handler, &args, Probe::Stranger("GET"));
        let no = outcome.raised.iter().any(|it| self.says_no(&it.value))
            || outcome.returned.each().iter().any(|it| self.says_no(it));
        if !no {
            return None;
        }
        let mut judged = self.judge(&Value::None, 0);
        judged.state = GuardState::Unsure;
        judged.origin = self.file(function.module);
        let place = outcome
            .raised
            .first()
            .map_or(Self::nothing(Place { module: function.module, ..Place::default() }).place, |it| it.place);
        Some((function.name().to_owned(), judged, place))
    }

    /// Patterns in the text of a module.
    fn read_module(&mut self, module: usize) {
        let program = self.program;
        let code = program.module(module);
        let relevant = ["decode", "authenticate_request", "verify_token", "org_role"];
        if !relevant.iter().any(|it| code.text.contains(it)) {
            return;
        }
        let mut visitor = Patterns { calls: Vec::new(), roles: Vec::new(), in_async: Vec::new(), words: Vec::new() };
        visitor.visit_body(&code.body);
        let Some(scope) = self.eval.module_scope(module) else { return };
        let checks_claims = ["sts", "cat", "typ"].iter().any(|word| visitor.words.iter().any(|it| it == word));
        for (call, is_async, awaited) in visitor.calls {
            let place = Place { module, span: span(call) };
            let callee = self.eval.static_value(&call.func, &scope, module);
            let Some(name) = callee.external_name() else {
                if !awaited && is_async && last_name(&call.func) == Some("authenticate_request") {
                    self.blocking(place);
                }
                continue;
            };
            let (package, last) =
                (name.split('.').next().unwrap_or_default(), name.rsplit('.').next().unwrap_or_default());
            match (package, last) {
                ("jwt" | "jose", "decode") => {
                    let args = self.eval.in_module(module, |eval| eval.arguments(&call.arguments, &scope));
                    self.decoded(&args, place);
                }
                ("clerk_backend_api", "authenticate_request" | "verify_token") if is_async && !awaited => {
                    self.blocking(place)
                }
                _ => {}
            }
            let verifies = matches!(
                last,
                "verify_token" | "verify_token_async" | "authenticate_request" | "authenticate_request_async"
            );
            if package == "clerk_backend_api" && verifies && !checks_claims {
                self.tell_finding("DW2203", place, || {
                    Diagnostic::new(
                        "DW2203",
                        "the token is verified, but neither its kind nor the state of its session is looked at",
                    )
                    .help("refuse tokens whose `sts` is `pending`, and whose header has another `typ` or `cat`")
                });
            }
        }
        for compare in visitor.roles {
            let place = Place { module, span: span(compare) };
            self.tell_finding("DW2204", place, || {
                Diagnostic::new("DW2204", "a role is compared as one version of the token writes it")
                    .help("take `org:` away from both sides before comparing")
            });
        }
    }

    fn blocking(&mut self, place: Place) {
        self.tell_finding("DW2202", place, || {
            Diagnostic::new("DW2202", "a call that may wait for the network stops every other request")
                .help("await the `_async` form, or make the dependency a `def` without `async`")
        });
    }

    fn decoded(&mut self, args: &Args<'p>, place: Place) {
        if probe::skips_signature(args) {
            self.tell_finding("DW2206", place, || {
                Diagnostic::new("DW2206", "a token is read without checking its signature")
                    .help("verify the signature, and never decide anything by claims that anybody can write")
            });
            return;
        }
        for (check, means) in CHECKS {
            if probe::switched_off(args, check) {
                self.tell_finding("DW2207", place, || {
                    Diagnostic::new("DW2207", format!("`{check}` is switched off: {means}"))
                        .help("leave the check on, and tell the library what to expect")
                });
            }
        }
    }
}

/// What the text of a module shows.
struct Patterns<'p> {
    /// Calls, whether they stand in an `async def`, and whether they are awaited.
    calls: Vec<(&'p ruff_python_ast::ExprCall, bool, bool)>,
    roles: Vec<&'p Expr>,
    in_async: Vec<bool>,
    words: Vec<String>,
}

impl<'p> Visitor<'p> for Patterns<'p> {
    fn visit_stmt(&mut self, statement: &'p Stmt) {
        if let Stmt::FunctionDef(StmtFunctionDef { is_async, .. }) = statement {
            self.in_async.push(*is_async);
            visitor::walk_stmt(self, statement);
            self.in_async.pop();
        } else {
            visitor::walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, expr: &'p Expr) {
        let is_async = self.in_async.last().copied().unwrap_or(false);
        match expr {
            Expr::Await(it) => {
                if let Expr::Call(call) = &*it.value {
                    self.calls.push((call, is_async, true));
                    return visitor::walk_expr(self, &it.value);
                }
            }
            Expr::Call(call) => self.calls.push((call, is_async, false)),
            Expr::StringLiteral(text) if text.value.len() == 3 => self.words.push(text.value.to_str().to_owned()),
            Expr::Attribute(it) if it.attr.id.len() == 3 => self.words.push(it.attr.id.to_string()),
            Expr::Compare(it) => {
                let sides = || std::iter::once(&*it.left).chain(&it.comparators);
                let is_role = sides().any(|it| last_name(it) == Some("org_role"));
                let is_literal = sides().any(|it| match it {
                    Expr::StringLiteral(text) => text.value.to_str().starts_with("org:"),
                    _ => false,
                });
                if is_role && is_literal && it.ops.iter().all(|it| matches!(it, CmpOp::Eq | CmpOp::NotEq)) {
                    self.roles.push(expr);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(&name.id),
        Expr::Attribute(it) => Some(&it.attr.id),
        Expr::Subscript(it) => match &*it.slice {
            Expr::StringLiteral(text) => Some(text.value.to_str()),
            _ => None,
        },
        Expr::Call(it) => it.arguments.args.first().and_then(|it| match it {
            Expr::StringLiteral(text) => Some(text.value.to_str()),
            _ => None,
        }),
        _ => None,
    }
}
