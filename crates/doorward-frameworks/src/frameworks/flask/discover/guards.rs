//! What runs before a view: hooks of applications and blueprints, decorators, and the view itself.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{Guard, GuardSeen, GuardState, Route, Step, StepKind};
use ruff_python_ast::Stmt;

use super::super::GUARDS;
use super::host::Flask;
use super::made::Made;
use super::probe::{callbacks_check, tried};
use crate::py::eval::{Branch, Eval, Site, span};
use crate::py::guards::{scan, sounds_like_auth};
use crate::py::packages::location;
use crate::py::program::Program;
use crate::py::value::{Class, Def, External, Function, Place, Value};
use crate::walk::printable;

/// Wrappers in one view; people write fewer.
const MAX_WRAPPERS: usize = 16;

/// Everything that runs before a handler, outermost first.
#[derive(Debug, Clone, Default)]
pub(super) struct Guards {
    all: Vec<Seen>,
    /// The program took hooks away, nobody knows which.
    doubtful_hooks: bool,
    /// It put other views in the place of some.
    doubtful: bool,
}

#[derive(Debug, Clone)]
struct Seen {
    name: String,
    origin: String,
    state: GuardState,
    file: String,
    line: u32,
}

/// What a view is made of.
pub(super) struct View<'p> {
    /// The class, if a class answers.
    pub(super) class: Option<Rc<Class<'p>>>,
    /// The function or class that answers, and where it stands.
    pub(super) handler: Option<(String, Place)>,
    /// The function that answers.
    pub(super) function: Option<Rc<Function<'p>>>,
    pub(super) findings: Vec<Diagnostic>,
}

pub(super) type FlaskEval<'p> = Eval<'p, Flask<'p>>;

impl Guards {
    fn push(&mut self, program: &Program, name: &str, origin: &str, state: GuardState, place: Place) {
        let at = location(program, place);
        let state = if self.doubtful && state == GuardState::Guarded { GuardState::Unsure } else { state };
        self.all.push(Seen { name: printable(name), origin: printable(origin), state, file: at.file, line: at.line });
    }

    /// What holds for a whole application. `hooks_gone`: the program took some of its hooks away.
    pub(super) fn of_app(hooks_gone: bool) -> Self {
        Self { doubtful_hooks: hooks_gone, ..Self::default() }
    }

    /// Any view may have been replaced by another one.
    pub(super) fn replaced_views(&mut self, program: &Program, place: Place) {
        self.push(program, "view_functions", "unknown", GuardState::Unsure, place);
        self.doubtful = true;
    }

    /// A function that runs before requests.
    pub(super) fn hook<'p>(
        &mut self,
        eval: &mut FlaskEval<'p>,
        program: &Program,
        value: &Value<'p>,
        text: &str,
        place: Place,
        branch: &Branch,
    ) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let (name, origin, mut state) = match value {
            Value::Function(function) => {
                let body = scan(eval, function);
                let state = certain(eval, function, body.state(function.name()));
                if state != GuardState::Open && !body.knows_options {
                    let message = format!("`{}` refuses preflights, which never carry a token", function.name());
                    findings.push(
                        Diagnostic::new("DW2231", printable(&message))
                            .at(location(program, place))
                            .help("return at its start when `request.method == \"OPTIONS\"`"),
                    );
                }
                (function.name().to_owned(), program.module(function.module).file.clone(), state)
            }
            Value::External(external) => {
                let state = of_package(external);
                (external.last().to_owned(), external.package().unwrap_or_default().to_owned(), state)
            }
            _ => (text.to_owned(), "unknown".to_owned(), GuardState::Unsure),
        };
        if (!branch.is_empty() || self.doubtful_hooks) && state == GuardState::Guarded {
            state = GuardState::Unsure;
        }
        self.push(program, &name, &origin, state, place);
        findings
    }

    /// A decorator around a view.
    pub(super) fn decorator<'p>(
        &mut self,
        eval: &mut FlaskEval<'p>,
        program: &Program,
        value: &Value<'p>,
        place: Place,
    ) {
        let (name, origin, state) = match value {
            Value::External(external) => {
                let package = external.package().unwrap_or_default().to_owned();
                (external.last().to_owned(), package, beside_settings(eval, external))
            }
            Value::Function(function) => {
                let file = program.module(function.module).file.clone();
                let state = scan(eval, function).state(function.name());
                (function.name().to_owned(), file, certain(eval, function, state))
            }
            _ => ("a decorator".to_owned(), "unknown".to_owned(), GuardState::Unsure),
        };
        self.push(program, &name, &origin, state, place);
    }

    /// Takes a view apart: the wrappers around it are guards, what is left answers.
    pub(super) fn view<'p>(
        &mut self,
        eval: &mut FlaskEval<'p>,
        program: &Program,
        view: &Value<'p>,
        site: &Site,
    ) -> View<'p> {
        let mut parts = View { class: None, handler: None, function: None, findings: Vec::new() };
        let mut at = view.clone();
        for _ in 0..MAX_WRAPPERS {
            match at {
                Value::External(external) => match external.called() {
                    // `login_required(view)` where the rule is registered.
                    Some((_, args, place)) if !args.positional.is_empty() => {
                        self.decorator(eval, program, &Value::External(Rc::clone(&external)), place);
                        at = args.positional.first().map_or(Value::Unknown, |it| it.value.clone());
                        continue;
                    }
                    _ => {
                        let place = site.place();
                        self.push(
                            program,
                            external.last(),
                            external.package().unwrap_or_default(),
                            GuardState::Open,
                            place,
                        );
                        parts.handler = Some((external.last().to_owned(), place));
                    }
                },
                Value::Function(function) => {
                    if let Some(inner) = self.function(eval, program, &function, site, &mut parts) {
                        at = Value::Function(inner);
                        continue;
                    }
                }
                Value::Bound(bound) => {
                    at = Value::Function(Rc::clone(&bound.1));
                    continue;
                }
                Value::Host(made) => {
                    if let Some(Made::View(class) | Made::AsView(class)) = eval.host.made.get(made) {
                        at = Value::Class(Rc::clone(class));
                        continue;
                    }
                }
                Value::Class(class) => {
                    let place = Place { module: class.module, span: span(&class.def.name) };
                    parts.handler = Some((class.name().to_owned(), place));
                    parts.class = Some(class);
                }
                _ => self.push(program, "a view", "unknown", GuardState::Unsure, site.place()),
            }
            break;
        }
        parts
    }

    /// A function of a view: a wrapper that a decorator of the tree made, whose inner function is given back, or the
    /// handler.
    fn function<'p>(
        &mut self,
        eval: &mut FlaskEval<'p>,
        program: &Program,
        function: &Rc<Function<'p>>,
        site: &Site,
        parts: &mut View<'p>,
    ) -> Option<Rc<Function<'p>>> {
        for (decorator, place) in function.decorators.iter().rev() {
            self.decorator(eval, program, decorator, *place);
        }
        let place = Place { module: function.module, span: name_span(function) };
        let is_decorated = matches!(function.def, Def::Def(def) if site.module == function.module
            && def.decorator_list.iter().any(|it| span(&it.expression) == site.call));
        let body = scan(eval, function);
        if function.wraps.is_some() || (!is_decorated && is_wrapper(function)) {
            let name = decorator_name(program, function);
            let origin = program.module(function.module).file.clone();
            let state = certain(eval, function, body.state(&name));
            self.push(program, &name, &origin, state, place);
            if function.wraps.is_none() {
                parts.handler = Some((function.name().to_owned(), place));
            }
            return function.wraps.clone();
        }
        // A handler that refuses by itself may do so for any reason; a running server shows for which.
        if body.state("") == GuardState::Guarded {
            let origin = program.module(function.module).file.clone();
            self.push(program, function.name(), &origin, GuardState::Unsure, place);
        }
        parts.handler = Some((function.name().to_owned(), place));
        parts.function = Some(Rc::clone(function));
        parts.findings.extend(above_the_route(eval, program, function, site));
        None
    }

    /// What a class puts around the function that answers `method`.
    pub(super) fn class<'p>(
        &mut self,
        eval: &mut FlaskEval<'p>,
        program: &Program,
        class: &Rc<Class<'p>>,
        method: &str,
        site: &Site,
    ) {
        for name in ["decorators", "method_decorators"] {
            let list = match super::own(class, name) {
                Some(Value::Dict(dict)) => dict.get_str(&method.to_ascii_lowercase()),
                other => other,
            };
            if let Some(value) = list {
                let (items, open) = eval.items(&value);
                for item in items.iter().rev() {
                    self.decorator(eval, program, item, site.place());
                }
                if open {
                    self.push(program, name, "unknown", GuardState::Unsure, site.place());
                }
            }
        }
        let dispatch =
            super::own(class, "dispatch_request").or_else(|| super::own(class, &method.to_ascii_lowercase()));
        if let Some(Value::Function(function)) = dispatch {
            let mut parts = View { class: None, handler: None, function: None, findings: Vec::new() };
            let inner = Site { module: function.module, statement: def_span(&function), ..site.clone() };
            let mut at = Some(function);
            for _ in 0..MAX_WRAPPERS {
                let Some(function) = at else { break };
                at = self.function(eval, program, &function, &inner, &mut parts);
            }
        }
    }

    /// Writes what was seen into a route.
    pub(super) fn write(&self, route: &mut Route) {
        let mut guard = Guard::open();
        for seen in &self.all {
            route.chain.push(seen.name.clone());
            route.trace.push(Step {
                kind: StepKind::Middleware,
                text: seen.name.clone(),
                path: None,
                file: seen.file.clone(),
                line: seen.line,
            });
            if seen.state == GuardState::Open {
                continue;
            }
            guard.by.push(GuardSeen {
                name: seen.name.clone(),
                origin: seen.origin.clone(),
                file: seen.file.clone(),
                line: seen.line,
                asks: None,
            });
            guard.state = match (guard.state, seen.state) {
                (GuardState::Guarded, _) | (_, GuardState::Guarded) => GuardState::Guarded,
                _ => GuardState::Unsure,
            };
        }
        route.guard = guard;
    }
}

/// What looks like a guard is one if it turns away those whom it is tried with.
fn certain<'p>(eval: &mut FlaskEval<'p>, function: &Rc<Function<'p>>, seen: GuardState) -> GuardState {
    if seen == GuardState::Open { seen } else { tried(eval, function) }
}

/// What something from a package does to strangers, given what the program told the package.
fn beside_settings(eval: &mut FlaskEval<'_>, external: &External<'_>) -> GuardState {
    let state = of_package(external);
    if state != GuardState::Guarded {
        return state;
    }
    let weakened = match external.package() {
        Some("flask_login") => eval.host.login_disabled(),
        Some("flask_httpauth") => !made_at(external).is_none_or(|it| callbacks_check(eval, it)),
        _ => false,
    };
    if weakened { GuardState::Unsure } else { state }
}

/// Where the object was made that something is a method of.
fn made_at(external: &External<'_>) -> Option<Place> {
    match external {
        External::Member(of, _) => match &**of {
            External::Call(_, _, place) => Some(*place),
            _ => None,
        },
        External::Call(of, ..) => made_at(of),
        _ => None,
    }
}

/// What something from a package does to strangers.
fn of_package(external: &External<'_>) -> GuardState {
    let name = external.name();
    if GUARDS.contains(&name.as_str()) {
        // `jwt_required(optional=True)(view)` is two calls.
        let (mut at, mut state) = (external, GuardState::Guarded);
        while let External::Call(of, args, _) = at {
            match args.named("optional") {
                Some(Value::Bool(true)) => return GuardState::Open,
                None | Some(Value::Bool(false)) if !args.open => {}
                _ => state = GuardState::Unsure,
            }
            if matches!(args.named("verify_jwt"), Some(Value::Bool(false))) {
                return GuardState::Open;
            }
            at = of;
        }
        return state;
    }
    if external.package().is_some_and(|it| KNOWN.contains(&it)) || !sounds_like_auth(&name) {
        GuardState::Open
    } else {
        GuardState::Unsure
    }
}

/// Packages whose other decorators keep nobody out.
static KNOWN: &[&str] =
    &["flask", "flask_login", "flask_limiter", "flask_cors", "flask_restful", "functools", "werkzeug"];

/// A decorator above the one that registers a route decorates what nobody calls.
fn above_the_route<'p>(
    eval: &mut FlaskEval<'p>,
    program: &Program,
    function: &Rc<Function<'p>>,
    site: &Site,
) -> Vec<Diagnostic> {
    let Def::Def(def) = function.def else { return Vec::new() };
    if site.module != function.module {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for decorator in def.decorator_list.iter().filter(|it| span(*it).end <= site.call.start) {
        let callee = match &decorator.expression {
            ruff_python_ast::Expr::Call(call) => &call.func,
            other => other,
        };
        let value = eval.static_value(callee, &function.scope, function.module);
        let (name, guards) = match &value {
            Value::External(external) => (external.last().to_owned(), of_package(external) != GuardState::Open),
            Value::Function(inner) => {
                (inner.name().to_owned(), scan(eval, inner).state(inner.name()) != GuardState::Open)
            }
            _ => continue,
        };
        if guards {
            let place = Place { module: function.module, span: span(decorator) };
            let message = format!("`{}` stands above the route, so it guards nothing", printable(&name));
            findings.push(
                Diagnostic::new("DW2230", message)
                    .at(location(program, place))
                    .help("move it below the decorator that registers the route"),
            );
        }
    }
    findings
}

/// Whether a function is written inside another one, as wrappers are.
fn is_wrapper(function: &Function<'_>) -> bool {
    function.scope.kind == crate::py::value::ScopeKind::Function
        && function.parameters().is_some_and(|it| it.vararg.is_some() || it.kwarg.is_some())
}

/// What the decorator that made a wrapper is called: the outermost function around it.
fn decorator_name(program: &Program, function: &Function<'_>) -> String {
    let inside = name_span(function);
    let around = program.module(function.module).body.iter().find_map(|it| match it {
        Stmt::FunctionDef(def) if span(def).start <= inside.start && inside.end <= span(def).end => Some(def),
        _ => None,
    });
    around.map_or_else(|| function.name().to_owned(), |def| def.name.id.to_string())
}

fn name_span(function: &Function<'_>) -> crate::source::Span {
    match function.def {
        Def::Def(def) => span(&def.name),
        Def::Lambda(lambda) => span(lambda),
    }
}

fn def_span(function: &Function<'_>) -> crate::source::Span {
    match function.def {
        Def::Def(def) => span(def),
        Def::Lambda(lambda) => span(lambda),
    }
}
