//! Classes of views: what their parents and their own code do before a function answers.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::super::discover::Reader;
use super::super::host::{Django, Seen};
use super::super::line::{self, Root};
use super::super::tables::{self, Effect, Own};
use super::super::verdict::{self, Barrier, Handed, for_strangers, hands_on, of_link, of_test, of_wrapper, scanned};
use super::super::views::{is_rest, layers_of, name_of, own};
use super::{Asked, Guards};
use crate::py::eval::span;
use crate::py::guards::sounds_like_auth;
use crate::py::value::{Args, Class, External, Function, Instance, Place, Value};
use crate::walk::printable;

/// Where a request goes from one `dispatch` of a line.
enum Goes {
    /// On, to this place of the line.
    On(usize),
    /// The function answers by itself.
    Nowhere,
}

/// A class that is asked for a route.
struct View<'a, 'p> {
    class: &'a Rc<Class<'p>>,
    line: Vec<Value<'p>>,
    instance: Value<'p>,
}

impl<'p> View<'_, 'p> {
    /// The functions of this name in the line.
    fn functions(&self, name: &str) -> Vec<*const u8> {
        let own = |it: &Value<'p>| match it {
            Value::Class(it) => match it.own(name) {
                Some(Value::Function(it)) => Some(layers_of(&it).1.key()),
                _ => None,
            },
            _ => None,
        };
        self.line.iter().filter_map(own).collect()
    }
}

impl<'p> Reader<'p> {
    /// What a class puts around the function that answers.
    pub(super) fn class(&mut self, class: &Rc<Class<'p>>, args: &Args<'p>, asked: &Asked<'_>, guards: &mut Guards) {
        let instance = self.instance(class, args, asked);
        let view = View { class, line: line::line(class), instance: instance.clone() };
        let method = asked.action.map_or_else(|| asked.method.unwrap_or("GET").to_ascii_lowercase(), str::to_owned);
        if let Some(Value::Function(function)) = own(class, "setup") {
            self.early(&view, &function, asked, guards);
            // It may put something else in the place of what follows.
            guards.doubtful |= matches!(&instance, Value::Instance(it) if it.own("dispatch").is_some());
        }
        let Some(root) = self.dispatch(&view, asked, guards) else { return };
        if root == Root::Rest && self.checks(&view, asked, guards) {
            self.rest_class(class, args, &instance, asked, guards);
        }
        self.method_decorators(&view, &method, asked, guards);
        if let Some(Value::Function(function)) = own(class, &method) {
            let (layers, inner) = layers_of(&function);
            for layer in &layers {
                self.layer(layer, Some(&instance), asked, guards);
            }
            self.handler(&inner, Some(instance), asked, guards);
        }
    }

    /// An object of a class of views that got a stranger's request.
    fn instance(&mut self, class: &Rc<Class<'p>>, args: &Args<'p>, asked: &Asked<'_>) -> Value<'p> {
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

    /// Follows a request from one `dispatch` of a line to the next. `None`: one of them answers by itself.
    fn dispatch(&mut self, view: &View<'_, 'p>, asked: &Asked<'_>, guards: &mut Guards) -> Option<Root> {
        let (mut at, mut passed) = (0, Vec::new());
        while let Some(stop) = view.line.get(at) {
            at += 1;
            match stop {
                Value::Class(class) => {
                    self.class_decorators(class, "dispatch", &view.instance, asked, guards);
                    match self.own_dispatch(view, class, at, asked, guards) {
                        Goes::On(next) => at = next,
                        Goes::Nowhere => {
                            self.tell_of_bypassed(view, &passed);
                            return None;
                        }
                    }
                }
                Value::External(external) => {
                    if let Some(root) = line::root(external) {
                        self.tell_of_bypassed(view, &passed);
                        return Some(root);
                    }
                    passed.push(at - 1);
                    self.base(external, &view.instance, asked, guards);
                    self.after_foreign(external, view, at, guards);
                }
                _ => {
                    guards.push(self.program, "a base class", "unknown", GuardState::Unsure, asked.place);
                    guards.doubtful |= !leads_to_root(&view.line, at);
                }
            }
        }
        Some(if is_rest(view.class) { Root::Rest } else { Root::View })
    }

    /// Classes of packages that would guard a view, and that no request comes by.
    fn tell_of_bypassed(&mut self, view: &View<'_, 'p>, passed: &[usize]) {
        for (at, it) in view.line.iter().enumerate() {
            let Value::External(external) = it else { continue };
            if passed.contains(&at) || !tables::guards(&external.name()) {
                continue;
            }
            let place = Place { module: view.class.module, span: span(&view.class.def.name) };
            let message = format!("`{}` never runs for `{}`", printable(external.last()), printable(view.class.name()));
            self.find("DW2248", message, place, "name it first among the parents, and call `super().dispatch()`");
        }
    }

    /// A class of a package that may be a view: then nothing of what stands behind it runs.
    fn after_foreign(&self, external: &External<'p>, view: &View<'_, 'p>, at: usize, guards: &mut Guards) {
        let name = external.name();
        let known = tables::base(&name).is_some() || tables::is_mixin(&name) || tables::guards(&name);
        guards.doubtful |= !known && !leads_to_root(&view.line, at);
    }

    /// The `dispatch` of one class of the tree. `next`: the place behind it.
    fn own_dispatch(
        &mut self,
        view: &View<'_, 'p>,
        class: &Rc<Class<'p>>,
        next: usize,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) -> Goes {
        let function = match class.own("dispatch") {
            None => return Goes::On(next),
            Some(Value::Function(function)) => function,
            // `dispatch = View.dispatch`
            Some(other) => {
                let of = other.external_name().and_then(|it| Some(it.strip_suffix(".dispatch")?.to_owned()));
                let to = of.and_then(|it| line::position(&view.line, &it));
                guards.doubtful |= to.is_none();
                return Goes::On(to.unwrap_or(next));
            }
        };
        let (layers, inner) = layers_of(&function);
        for layer in &layers {
            self.layer(layer, Some(&view.instance), asked, guards);
        }
        let others: Vec<*const u8> = view.functions("dispatch").into_iter().filter(|it| *it != inner.key()).collect();
        let (mut own, mut unknown) = (false, false);
        let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
            let (state, answers) = of_link(eval, &inner, &view.instance, &others);
            own |= answers.own;
            unknown |= answers.unknown && !answers.passes;
            state
        });
        let body = scanned(&mut self.eval, &inner);
        if state != GuardState::Open && (body.refuses || body.redirects || state != GuardState::Unsure) {
            let name = format!("{}.dispatch", class.name());
            let origin = self.program.module(class.module).file.clone();
            guards.push(self.program, &name, &origin, state, name_of(&inner));
        }
        let barrier = Barrier { functions: others, names: &["dispatch"] };
        let (handed, to) = hands_on(&mut self.eval, asked.method, asked.path, &inner, &view.instance, &barrier);
        let farthest = to.iter().filter_map(|it| place_of(&view.line, it, next)).max();
        guards.doubtful |= own || (unknown && handed != Handed::Surely);
        match (handed, farthest) {
            (Handed::Never, _) if !unknown => Goes::Nowhere,
            (_, Some(to)) => Goes::On(to),
            (_, None) => Goes::On(next),
        }
    }

    /// A function that runs before, and can keep somebody out by raising only.
    fn early(&mut self, view: &View<'_, 'p>, function: &Rc<Function<'p>>, asked: &Asked<'_>, guards: &mut Guards) {
        let (layers, inner) = layers_of(function);
        let name = inner.name();
        for layer in &layers {
            self.layer(layer, Some(&view.instance), asked, guards);
        }
        let body = scanned(&mut self.eval, &inner);
        let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
            // What it gives is not looked at.
            match of_wrapper(eval, &inner, Some(view.instance.clone()), name) {
                state @ GuardState::Guarded => state,
                _ if body.refuses => GuardState::Unsure,
                _ => GuardState::Open,
            }
        });
        if state != GuardState::Open {
            let origin = self.program.module(inner.module).file.clone();
            let class = inner.class.borrow().as_ref().map_or(view.class.name(), |it| it.name());
            guards.push(self.program, &format!("{class}.{name}"), &origin, state, name_of(&inner));
        }
    }

    /// Whether the REST framework comes to look at permissions: a class may have an `initial` of its own.
    fn checks(&mut self, view: &View<'_, 'p>, asked: &Asked<'_>, guards: &mut Guards) -> bool {
        let before = view.line.iter().take_while(|it| !matches!(it, Value::External(it) if line::root(it).is_some()));
        let own = before.filter_map(|it| if let Value::Class(it) = it { it.own("initial") } else { None }).next();
        let Some(Value::Function(function)) = own else { return true };
        self.early(view, &function, asked, guards);
        let inner = layers_of(&function).1;
        let names: &[&str] = &["initial", "check_permissions"];
        let barrier = Barrier { functions: view.functions("check_permissions"), names };
        let (handed, _) = hands_on(&mut self.eval, asked.method, asked.path, &inner, &view.instance, &barrier);
        guards.doubtful |= handed == Handed::Maybe;
        handed != Handed::Never
    }

    /// Decorators on a class that are for one of its methods.
    fn class_decorators(
        &mut self,
        class: &Rc<Class<'p>>,
        method: &str,
        instance: &Value<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        let decorators: Vec<(Value<'p>, Place)> = class.decorators.borrow().iter().rev().cloned().collect();
        for (decorator, place) in decorators {
            let of_method = match &decorator {
                Value::External(it) if tables::decorator(&it.name()) == Effect::OfMethod => it.called(),
                _ if method != "dispatch" => continue,
                _ => {
                    self.decorator(&decorator, place, Some(instance), asked, guards);
                    continue;
                }
            };
            if let Some((_, args, _)) = of_method
                && args.get(1, "name").and_then(Value::as_str) == Some(method)
                && let Some(inner) = args.get(0, "decorator").cloned()
            {
                self.each_decorator(&inner, place, Some(instance), asked, guards);
            }
        }
    }

    /// `@method_decorator(login_required, name="get")`: on the class that has the function, or on one before it.
    fn method_decorators(&mut self, view: &View<'_, 'p>, method: &str, asked: &Asked<'_>, guards: &mut Guards) {
        for parent in &view.line {
            let Value::Class(parent) = parent else { continue };
            self.class_decorators(parent, method, &view.instance, asked, guards);
            if parent.own(method).is_some() {
                return;
            }
        }
    }

    /// What a class of a package keeps out.
    fn base(&mut self, external: &Rc<External<'p>>, instance: &Value<'p>, asked: &Asked<'_>, guards: &mut Guards) {
        let Value::Instance(object) = instance else { return };
        let Some(mut state) = self.base_state(external, instance, &object.class, asked) else { return };
        if state == GuardState::Guarded && !self.keeps_out(&object.class, "handle_no_permission", instance, asked) {
            state = GuardState::Unsure;
        }
        let place = Place { module: object.class.module, span: span(&object.class.def.name) };
        let package = external.package().unwrap_or_default();
        guards.push(self.program, external.last(), package, state, place);
    }

    fn base_state(
        &mut self,
        external: &Rc<External<'p>>,
        instance: &Value<'p>,
        class: &Rc<Class<'p>>,
        asked: &Asked<'_>,
    ) -> Option<GuardState> {
        let test = match external.last() {
            // What gives the test may give another one.
            "UserPassesTestMixin" if own(class, "get_test_func").is_some() => return Some(GuardState::Unsure),
            "UserPassesTestMixin" => "test_func",
            "PermissionRequiredMixin" => "has_permission",
            _ => "",
        };
        if let Some(Value::Function(function)) = own(class, test) {
            let callee = Value::Bound(Rc::new((instance.clone(), function)));
            let args = Args::default();
            return Some(for_strangers(&mut self.eval, asked.method, asked.path, |eval| of_test(eval, &callee, &args)));
        }
        let name = external.name();
        if test == "has_permission" && matches!(external.package(), Some("django" | "rules")) {
            return Some(self.needed_permissions(class, instance));
        }
        if tables::guards(&name) || tables::base(&name).is_some_and(|it| it.guard == Own::Refuses) {
            return Some(GuardState::Guarded);
        }
        (tables::base(&name).is_none() && self.may_guard(external)).then_some(GuardState::Unsure)
    }

    /// Whoever needs no permission has all of them, so strangers do.
    fn needed_permissions(&mut self, class: &Rc<Class<'p>>, instance: &Value<'p>) -> GuardState {
        let needed = match own(class, "get_permission_required") {
            Some(Value::Function(function)) => {
                let callee = Value::Bound(Rc::new((instance.clone(), function)));
                self.eval.what_if(&callee, &Args::default()).returned
            }
            Some(_) => Value::Unknown,
            // Without any, Django refuses to answer.
            None => {
                return match own(class, "permission_required") {
                    Some(Value::List(list)) if !list.open.get() && list.items.borrow().is_empty() => GuardState::Open,
                    Some(Value::Unknown | Value::OneOf(_)) => GuardState::Unsure,
                    _ => GuardState::Guarded,
                };
            }
        };
        match needed.truth() {
            Some(true) => GuardState::Guarded,
            Some(false) => GuardState::Open,
            None => GuardState::Unsure,
        }
    }

    /// Whether what a class does with those whom it keeps out does keep them out. The framework's own does.
    pub(super) fn keeps_out(
        &mut self,
        class: &Rc<Class<'p>>,
        name: &str,
        instance: &Value<'p>,
        asked: &Asked<'_>,
    ) -> bool {
        let Some(value) = own(class, name) else { return true };
        let Value::Function(function) = value else { return false };
        let inner: Rc<Function<'p>> = layers_of(&function).1;
        let callee = Value::Bound(Rc::new((instance.clone(), inner)));
        let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
            let kept = verdict::keeps_out(eval, &callee, name == "finalize_response");
            if kept { GuardState::Guarded } else { GuardState::Unsure }
        });
        state == GuardState::Guarded
    }

    /// Whether a class of a package that isn't known may keep somebody out.
    fn may_guard(&self, external: &Rc<External<'p>>) -> bool {
        let of_framework = matches!(external.package(), Some("rest_framework" | "django") | None);
        let name = external.last();
        name == "UserPassesTestMixin"
            || (!of_framework && (sounds_like_auth(name) || !tables::is_mixin(&external.name())))
    }
}

/// Whether a class that is certainly a view stands behind a place of a line: then whatever is before that runs first.
fn leads_to_root(line: &[Value<'_>], at: usize) -> bool {
    line.iter().skip(at).any(|it| matches!(it, Value::External(it) if line::root(it).is_some()))
}

/// The place of a line to which a request was handed.
fn place_of(line: &[Value<'_>], to: &verdict::To, next: usize) -> Option<usize> {
    match to {
        verdict::To::Next => {
            let own = |it: &&Value<'_>| match it {
                Value::Class(it) => matches!(it.own("dispatch"), Some(Value::Function(_))),
                _ => false,
            };
            // A class of the tree that has one would have been asked: `super(Parent, self)` goes past it.
            let before = line.iter().skip(next).take_while(|it| !matches!(it, Value::External(_)));
            Some(next + before.enumerate().filter(|(_, it)| own(it)).map(|(at, _)| at + 1).last().unwrap_or(0))
        }
        verdict::To::Package(name) => line::position(line, name),
        verdict::To::Function(key) => line.iter().position(|it| match it {
            Value::Class(it) => {
                matches!(it.own("dispatch"), Some(Value::Function(it)) if layers_of(&it).1.key() == *key)
            }
            _ => false,
        }),
    }
}
