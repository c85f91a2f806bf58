//! What keeps strangers out of a view: middleware, decorators, mixins, permissions, and the view itself.

mod classes;
mod decorators;
mod middleware;
mod permissions;

use std::rc::Rc;

use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, Step, StepKind};

use super::discover::Reader;
use super::tables::{self, Own};
use super::verdict::{for_strangers, of_handler};
use super::views::{self, Target, View, name_of};
use crate::py::packages::location;
use crate::py::program::Program;
use crate::py::value::{Args, Function, Place, Value};
use crate::walk::printable;

/// Everything that runs before a handler, outermost first.
#[derive(Debug, Clone, Default)]
pub(in crate::frameworks::django) struct Guards {
    all: Vec<One>,
    /// A request may get around whatever is added now.
    doubtful: bool,
}

#[derive(Debug, Clone)]
struct One {
    name: String,
    origin: String,
    state: GuardState,
    file: String,
    line: u32,
}

impl Guards {
    pub(in crate::frameworks::django) fn push(
        &mut self,
        program: &Program,
        name: &str,
        origin: &str,
        state: GuardState,
        place: Place,
    ) {
        let at = location(program, place);
        let state = if self.doubtful && state == GuardState::Guarded { GuardState::Unsure } else { state };
        self.all.push(One { name: printable(name), origin: printable(origin), state, file: at.file, line: at.line });
    }

    /// Whether something refuses strangers for sure.
    fn certain(&self) -> bool {
        self.all.iter().any(|it| it.state == GuardState::Guarded)
    }

    /// Writes what was seen into a route.
    pub(in crate::frameworks::django) fn write(&self, route: &mut Route) {
        let mut guard = Guard::open();
        for one in &self.all {
            route.chain.push(one.name.clone());
            route.trace.push(Step {
                kind: StepKind::Middleware,
                text: one.name.clone(),
                path: None,
                file: one.file.clone(),
                line: one.line,
            });
            if one.state == GuardState::Open {
                continue;
            }
            guard.by.push(GuardSeen {
                name: one.name.clone(),
                origin: one.origin.clone(),
                file: one.file.clone(),
                line: one.line,
                asks: None,
            });
            guard.state = match (guard.state, one.state) {
                (GuardState::Guarded, _) | (_, GuardState::Guarded) => GuardState::Guarded,
                _ => GuardState::Unsure,
            };
        }
        route.guard = guard;
    }
}

/// One of the settings' middleware.
#[derive(Clone)]
pub(in crate::frameworks::django) struct Middleware<'p> {
    pub(in crate::frameworks::django) name: String,
    pub(in crate::frameworks::django) kind: MiddlewareKind<'p>,
    pub(in crate::frameworks::django) place: Place,
    /// It may not be in the list.
    pub(in crate::frameworks::django) maybe: bool,
}

#[derive(Clone)]
pub(in crate::frameworks::django) enum MiddlewareKind<'p> {
    /// Django's `LoginRequiredMiddleware`.
    Login,
    /// Of the tree: an object, or what a function made.
    Tree(Value<'p>, String),
    /// Of a package that may refuse.
    Package(String),
}

/// The request in question.
pub(in crate::frameworks::django) struct Asked<'a> {
    /// `None`: any.
    pub(in crate::frameworks::django) method: Option<&'a str>,
    pub(in crate::frameworks::django) action: Option<&'a str>,
    /// The path, where it is certain.
    pub(in crate::frameworks::django) path: Option<&'a str>,
    pub(in crate::frameworks::django) place: Place,
}

impl<'p> Reader<'p> {
    /// Everything between a stranger and a view.
    pub(in crate::frameworks::django) fn guards(&mut self, target: &Target<'p>, asked: &Asked<'_>) -> Guards {
        let mut guards = Guards::default();
        if asked.method == Some(Method::WEBSOCKET) {
            // Django's middleware does not run, and who may connect is up to the consumer.
            let (name, place) = target.handler("", None).unwrap_or_else(|| ("a consumer".to_owned(), asked.place));
            guards.push(self.program, &name, "channels", GuardState::Unsure, place);
            return guards;
        }
        for middleware in self.middleware.clone() {
            self.middleware_guard(&middleware, target, asked, &mut guards);
        }
        for layer in &target.layers {
            self.layer(layer, None, asked, &mut guards);
        }
        match &target.view {
            View::Function(function, this) => {
                if target.is_rest() {
                    self.rest_function(target, asked, &mut guards);
                }
                self.handler(function, this.clone(), asked, &mut guards);
            }
            View::Class { class, args } => self.class(class, args, asked, &mut guards),
            View::Package(name, args) => self.package(name, args, asked, &mut guards),
            View::Unknown => {
                guards.push(self.program, "a view", "unknown", GuardState::Unsure, asked.place);
            }
        }
        guards
    }

    /// What a function does by itself, after everything around it let the request pass.
    fn handler(
        &mut self,
        function: &Rc<Function<'p>>,
        this: Option<Value<'p>>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        // What a handler may do by itself matters where nothing certain stands before it.
        if guards.certain() {
            return;
        }
        let state =
            for_strangers(&mut self.eval, asked.method, asked.path, |eval| of_handler(eval, function, this.clone()));
        if state != GuardState::Open {
            let origin = self.program.module(function.module).file.clone();
            guards.push(self.program, function.name(), &origin, state, name_of(function));
        }
    }

    fn package(&mut self, name: &str, args: &Args<'p>, asked: &Asked<'_>, guards: &mut Guards) {
        let package = name.split('.').next().unwrap_or(name).to_owned();
        match tables::base(name) {
            Some(base) => match base.guard {
                Own::Refuses => guards.push(self.program, name, &package, GuardState::Guarded, asked.place),
                Own::Anybody if package == "drf_spectacular" => {
                    let set = match self.eval.host.settings.get("SPECTACULAR_SETTINGS") {
                        Some(Value::Dict(settings)) => settings.get_str("SERVE_PERMISSIONS"),
                        _ => None,
                    };
                    if let Some(given) = set {
                        let place = self.setting_place("SPECTACULAR_SETTINGS");
                        self.permission_lists(&given, place, &Value::Unknown, asked, guards);
                    }
                }
                Own::Nothing if base.kind == tables::Kind::Rest => {
                    let given = args.named("permission_classes").cloned();
                    self.permissions_given(given, None, asked, guards);
                }
                _ => {}
            },
            None if views::open_function(name) || name.ends_with(".obtain_auth_token") => {}
            None if name == "rest_framework.schemas.get_schema_view" => {
                let given = args.named("permission_classes").cloned();
                self.permissions_given(given, None, asked, guards);
            }
            None => guards.push(self.program, name, &package, GuardState::Unsure, asked.place),
        }
    }
}

/// Everything must let a request pass.
fn together(states: impl Iterator<Item = GuardState>) -> GuardState {
    states.fold(GuardState::Open, |all, it| match (all, it) {
        (GuardState::Guarded, _) | (_, GuardState::Guarded) => GuardState::Guarded,
        (GuardState::Unsure, _) | (_, GuardState::Unsure) => GuardState::Unsure,
        _ => GuardState::Open,
    })
}
