//! Decorators around a view, and wrappers that decorators of the tree made.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::super::discover::Reader;
use super::super::host::{Django, Seen};
use super::super::tables::{self, Effect};
use super::super::verdict::{for_strangers, of_test, of_wrapper, scanned};
use super::super::views::{Layer, name_of};
use super::{Asked, Guards};
use crate::py::eval::span;
use crate::py::guards::sounds_like_auth;
use crate::py::program::Program;
use crate::py::value::{Args, External, Function, Place, Value};

impl<'p> Reader<'p> {
    /// A decorator, or what one made.
    pub(super) fn layer(
        &mut self,
        layer: &Layer<'p>,
        this: Option<&Value<'p>>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        match layer {
            Layer::Decorator(value, place) => self.decorator(value, *place, this, asked, guards),
            Layer::Wrapper(function) => {
                let name = decorator_name(self.program, function);
                let function = Rc::clone(function);
                let this = this.cloned();
                let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
                    of_wrapper(eval, &function, this.clone(), &name)
                });
                let origin = self.program.module(function.module).file.clone();
                guards.push(self.program, &name, &origin, state, name_of(&function));
            }
        }
    }

    pub(super) fn decorator(
        &mut self,
        value: &Value<'p>,
        place: Place,
        this: Option<&Value<'p>>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        let (name, origin, state) = match value {
            Value::External(external) => {
                let effect = tables::decorator(&external.name());
                if effect == Effect::OfMethod {
                    if let Some(inner) = external.called().and_then(|(_, args, _)| args.get(0, "decorator").cloned()) {
                        self.each_decorator(&inner, place, this, asked, guards);
                    }
                    return;
                }
                // What only describes a view to the REST framework and its tools does not run before it.
                let describes = matches!(effect, Effect::Nothing | Effect::ApiView);
                if describes && external.package() != Some("django") {
                    return;
                }
                let package = external.package().unwrap_or_default().to_owned();
                (external.last().to_owned(), package, self.effect(effect, external, asked))
            }
            Value::Function(function) => {
                let name = function.name().to_owned();
                let origin = self.program.module(function.module).file.clone();
                let state = scanned(&mut self.eval, function).state(&name);
                // It can't be followed to what it makes, so at best it is a hint.
                let state = if state == GuardState::Guarded { GuardState::Unsure } else { state };
                (name, origin, state)
            }
            _ => ("a decorator".to_owned(), "unknown".to_owned(), GuardState::Unsure),
        };
        guards.push(self.program, &name, &origin, state, place);
    }

    /// What `method_decorator` was given: one decorator, or several.
    pub(super) fn each_decorator(
        &mut self,
        value: &Value<'p>,
        place: Place,
        this: Option<&Value<'p>>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        match value {
            Value::List(list) => {
                let items: Vec<Value<'p>> = list.items.borrow().clone();
                if list.open.get() {
                    guards.push(self.program, "method_decorator", "unknown", GuardState::Unsure, place);
                }
                // The list is applied from its end, so its first is outermost.
                for item in &items {
                    self.applied(item, place, this, asked, guards);
                }
            }
            other => self.applied(other, place, this, asked, guards),
        }
    }

    /// A decorator of the tree is asked for its wrapper, by giving it something to stand around.
    pub(super) fn applied(
        &mut self,
        decorator: &Value<'p>,
        place: Place,
        this: Option<&Value<'p>>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        if let Value::Function(function) = decorator {
            let next = Django::part(Seen::Next);
            let outcome = self.eval.what_if(decorator, &Args::of(vec![next], place));
            let name = function.name().to_owned();
            let origin = self.program.module(function.module).file.clone();
            let state = match outcome.returned {
                Value::Function(wrapper) => for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
                    of_wrapper(eval, &wrapper, None, &name)
                }),
                Value::Host(_) => GuardState::Open,
                _ => GuardState::Unsure,
            };
            guards.push(self.program, &name, &origin, state, place);
            return;
        }
        self.decorator(decorator, place, this, asked, guards);
    }

    pub(super) fn effect(&mut self, effect: Effect, external: &Rc<External<'p>>, asked: &Asked<'_>) -> GuardState {
        match effect {
            // Whoever needs no permission has all of them.
            Effect::Refuses if asks_nothing(external) => GuardState::Open,
            Effect::Refuses => GuardState::Guarded,
            Effect::Tests => {
                let Some(test) = external.called().and_then(|(_, args, _)| args.get(0, "test_func").cloned()) else {
                    return GuardState::Unsure;
                };
                let user = Args::of(vec![Django::part(Seen::User)], asked.place);
                for_strangers(&mut self.eval, asked.method, asked.path, |eval| of_test(eval, &test, &user))
            }
            Effect::Unknown if sounds_like_auth(&external.name()) => GuardState::Unsure,
            _ => GuardState::Open,
        }
    }
}

/// What the decorator that made a wrapper is called: the outermost function around it.
fn decorator_name(program: &Program, function: &Function<'_>) -> String {
    let inside = name_of(function).span;
    let around = program.module(function.module).body.iter().find_map(|it| match it {
        ruff_python_ast::Stmt::FunctionDef(def) if span(def).start <= inside.start && inside.end <= span(def).end => {
            Some(def)
        }
        _ => None,
    });
    around.map_or_else(|| function.name().to_owned(), |def| def.name.id.to_string())
}

/// `permission_required(())`
fn asks_nothing(external: &External<'_>) -> bool {
    let needed = external.called().and_then(|(_, args, _)| args.get(0, "perm").cloned());
    external.last() == "permission_required"
        && matches!(needed, Some(Value::List(it)) if !it.open.get() && it.items.borrow().is_empty())
}
