//! Classes of views: what their parents and their own code do before a function answers.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::super::discover::Reader;
use super::super::host::{Django, Seen};
use super::super::tables::{self, Effect, Own};
use super::super::verdict::{for_strangers, of_test, of_wrapper, scanned};
use super::super::views::{is_rest, layers_of, name_of, own};
use super::{Asked, Guards};
use crate::py::eval::span;
use crate::py::guards::sounds_like_auth;
use crate::py::value::{Args, Class, External, Instance, Place, Value};

impl<'p> Reader<'p> {
    /// What a class puts around the function that answers.
    pub(super) fn class(&mut self, class: &Rc<Class<'p>>, args: &Args<'p>, asked: &Asked<'_>, guards: &mut Guards) {
        let instance = self.instance(class, args, asked);
        let method = asked.action.map_or_else(|| asked.method.unwrap_or("GET").to_ascii_lowercase(), str::to_owned);
        let mut reached = true;
        for parent in class.mro() {
            match &parent {
                Value::Class(parent) => {
                    self.class_decorators(parent, &method, &instance, asked, guards);
                    reached = self.dispatch(parent, &instance, asked, guards);
                }
                Value::External(external) => self.base(external, &instance, asked, guards),
                _ => guards.push(self.program, "a base class", "unknown", GuardState::Unsure, asked.place),
            }
            if !reached {
                break;
            }
        }
        if !reached {
            return;
        }
        let function = own(class, &method);
        if is_rest(class) {
            self.rest_class(class, args, &instance, asked, guards);
        }
        if let Some(Value::Function(function)) = function {
            let (layers, inner) = layers_of(&function);
            for layer in &layers {
                self.layer(layer, Some(&instance), asked, guards);
            }
            self.handler(&inner, Some(instance), asked, guards);
        }
    }

    /// An object of a class of views that got a stranger's request.
    pub(super) fn instance(&mut self, class: &Rc<Class<'p>>, args: &Args<'p>, asked: &Asked<'_>) -> Value<'p> {
        let instance = Rc::new(Instance {
            class: Rc::clone(class),
            attrs: std::cell::RefCell::default(),
            base: std::cell::RefCell::default(),
        });
        let base = class.mro().into_iter().find_map(|it| match it {
            Value::External(base) => Some(base),
            _ => None,
        });
        if let Some(base) = base {
            let call = External::Call(base, Rc::default(), asked.place);
            *instance.base.borrow_mut() = Some(Value::External(Rc::new(call)));
        }
        for (name, arg) in &args.keywords {
            instance.set(name, arg.value.clone());
        }
        instance.set("request", Django::part(Seen::Request));
        instance.set("kwargs", Value::Unknown);
        instance.set("args", Value::Unknown);
        instance.set("action", asked.action.map_or(Value::Unknown, Value::text));
        Value::Instance(instance)
    }

    pub(super) fn class_decorators(
        &mut self,
        class: &Rc<Class<'p>>,
        method: &str,
        instance: &Value<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        let decorators: Vec<(Value<'p>, Place)> = class.decorators.borrow().iter().rev().cloned().collect();
        for (decorator, place) in decorators {
            let Value::External(external) = &decorator else {
                self.decorator(&decorator, place, Some(instance), asked, guards);
                continue;
            };
            if tables::decorator(&external.name()) == Effect::OfMethod {
                let Some((_, args, _)) = external.called() else { continue };
                let on = args.get(1, "name").and_then(Value::as_str);
                if (on == Some("dispatch") || on == Some(method))
                    && let Some(inner) = args.get(0, "decorator").cloned()
                {
                    self.each_decorator(&inner, place, Some(instance), asked, guards);
                }
                continue;
            }
            self.decorator(&decorator, place, Some(instance), asked, guards);
        }
    }

    /// What a class does before it hands a request to the function for its method. `false`: it never hands it on.
    pub(super) fn dispatch(
        &mut self,
        class: &Rc<Class<'p>>,
        instance: &Value<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) -> bool {
        for name in ["dispatch", "initial", "setup"] {
            let Some(Value::Function(function)) = class.own(name) else { continue };
            let (layers, inner) = layers_of(&function);
            for layer in &layers {
                self.layer(layer, Some(instance), asked, guards);
            }
            let body = scanned(&mut self.eval, &inner);
            let this = instance.clone();
            let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
                let state = of_wrapper(eval, &inner, Some(this.clone()), name);
                // What `initial` and `setup` give is not looked at: they let a request pass unless they raise.
                match (name, state) {
                    ("dispatch", state) | (_, state @ GuardState::Guarded) => state,
                    _ if body.refuses => GuardState::Unsure,
                    _ => GuardState::Open,
                }
            });
            let name_is_dispatch = name == "dispatch";
            let relevant = body.refuses || body.redirects || state != GuardState::Unsure;
            let state = if relevant { state } else { GuardState::Open };
            if state != GuardState::Open {
                let origin = self.program.module(class.module).file.clone();
                let name = format!("{}.{name}", class.name());
                guards.push(self.program, &name, &origin, state, name_of(&inner));
            }
            // It answers by itself, so nothing that the classes behind it do is done.
            if name_is_dispatch && self.eval.host.unreached {
                return false;
            }
        }
        true
    }

    /// What a class of a package keeps out.
    pub(super) fn base(
        &mut self,
        external: &Rc<External<'p>>,
        instance: &Value<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        let name = external.name();
        let package = external.package().unwrap_or_default().to_owned();
        let Value::Instance(object) = instance else { return };
        let place = Place { module: object.class.module, span: span(&object.class.def.name) };
        let test = match external.last() {
            "UserPassesTestMixin" => "test_func",
            "PermissionRequiredMixin" => "has_permission",
            _ => "",
        };
        if let Some(Value::Function(function)) = own(&object.class, test) {
            let callee = Value::Bound(Rc::new((instance.clone(), function)));
            let args = Args::default();
            let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| of_test(eval, &callee, &args));
            guards.push(self.program, external.last(), &package, state, place);
        } else if tables::guards(&name) {
            guards.push(self.program, external.last(), &package, GuardState::Guarded, place);
        } else if let Some(base) = tables::base(&name) {
            if base.guard == Own::Refuses {
                guards.push(self.program, external.last(), &package, GuardState::Guarded, place);
            }
        } else if self.may_guard(external) {
            guards.push(self.program, external.last(), &package, GuardState::Unsure, place);
        }
    }

    /// Whether a class of a package that isn't known may keep somebody out.
    pub(super) fn may_guard(&self, external: &Rc<External<'p>>) -> bool {
        let of_framework = matches!(external.package(), Some("rest_framework" | "django") | None);
        let name = external.last();
        name == "UserPassesTestMixin"
            || (!of_framework && (sounds_like_auth(name) || !tables::is_mixin(&external.name())))
    }
}
