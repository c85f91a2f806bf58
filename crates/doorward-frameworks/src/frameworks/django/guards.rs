//! What keeps strangers out of a view: middleware, decorators, mixins, permissions, and the view itself.

use std::rc::Rc;

use doorward::inventory::{Guard, GuardSeen, GuardState, Route, Step, StepKind};

use super::discover::Reader;
use super::host::{Django, Seen};
use super::tables::{self, Effect, Own};
use super::verdict::{self, all_of, for_strangers, of_handler, of_hook, of_test, of_wrapper, scanned};
use super::views::{Layer, Target, View, innermost, is_rest, layers_of, name_of, own, owner};
use crate::py::eval::span;
use crate::py::guards::sounds_like_auth;
use crate::py::packages::location;
use crate::py::program::Program;
use crate::py::value::{Args, Class, External, Function, Instance, Place, Value};
use crate::walk::printable;

/// How deep operators between permissions may nest.
const MAX_DEPTH: usize = 20;

/// Everything that runs before a handler, outermost first.
#[derive(Debug, Clone, Default)]
pub(super) struct Guards {
    all: Vec<One>,
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
    pub(super) fn push(&mut self, program: &Program, name: &str, origin: &str, state: GuardState, place: Place) {
        let at = location(program, place);
        self.all.push(One { name: printable(name), origin: printable(origin), state, file: at.file, line: at.line });
    }

    /// Whether something refuses strangers for sure.
    fn certain(&self) -> bool {
        self.all.iter().any(|it| it.state == GuardState::Guarded)
    }

    /// Writes what was seen into a route.
    pub(super) fn write(&self, route: &mut Route) {
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
pub(super) struct Middleware<'p> {
    pub(super) name: String,
    pub(super) kind: MiddlewareKind<'p>,
    pub(super) place: Place,
    /// It may not be in the list.
    pub(super) maybe: bool,
}

#[derive(Clone)]
pub(super) enum MiddlewareKind<'p> {
    /// Django's `LoginRequiredMiddleware`.
    Login,
    /// Of the tree: an object, or what a function made.
    Tree(Value<'p>, String),
    /// Of a package that may refuse.
    Package(String),
}

/// The request in question.
pub(super) struct Asked<'a> {
    /// `None`: any.
    pub(super) method: Option<&'a str>,
    pub(super) action: Option<&'a str>,
    /// The path, where it is certain.
    pub(super) path: Option<&'a str>,
    pub(super) place: Place,
}

impl<'p> Reader<'p> {
    /// Everything between a stranger and a view.
    pub(super) fn guards(&mut self, target: &Target<'p>, asked: &Asked<'_>) -> Guards {
        let mut guards = Guards::default();
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

    fn middleware_guard(
        &mut self,
        middleware: &Middleware<'p>,
        target: &Target<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        let (origin, mut state) = match &middleware.kind {
            MiddlewareKind::Login => {
                if target.is_rest() || self.needs_no_login(target) {
                    return;
                }
                ("django".to_owned(), GuardState::Guarded)
            }
            MiddlewareKind::Package(name) => (name.clone(), GuardState::Unsure),
            MiddlewareKind::Tree(value, origin) => {
                let value = value.clone();
                let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| of_middleware(eval, &value));
                (origin.clone(), state)
            }
        };
        if middleware.maybe && state == GuardState::Guarded {
            state = GuardState::Unsure;
        }
        guards.push(self.program, &middleware.name, &origin, state, middleware.place);
    }

    /// Whether a view says that `LoginRequiredMiddleware` is not for it.
    fn needs_no_login(&self, target: &Target<'p>) -> bool {
        let on_view = target.effects().any(|(effect, _)| effect == Effect::NoLogin);
        let on_class = match &target.view {
            View::Class { class, .. } => class.mro().iter().any(|it| match it {
                Value::Class(class) => {
                    let around = class.decorators.borrow().iter().any(|(it, _)| turns_off(it, true));
                    around
                        || matches!(class.own("dispatch"), Some(Value::Function(function))
                            if function.decorators.iter().any(|(it, _)| turns_off(it, false)))
                }
                Value::External(it) => tables::base(&it.name()).is_some_and(|it| it.guard == Own::NoLogin),
                _ => false,
            }),
            View::Package(name, _) => tables::base(name).is_some_and(|it| it.guard == Own::NoLogin),
            _ => false,
        };
        on_view || on_class
    }

    /// A decorator, or what one made.
    fn layer(&mut self, layer: &Layer<'p>, this: Option<&Value<'p>>, asked: &Asked<'_>, guards: &mut Guards) {
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

    fn decorator(
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
    fn each_decorator(
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
    fn applied(
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

    fn effect(&mut self, effect: Effect, external: &Rc<External<'p>>, asked: &Asked<'_>) -> GuardState {
        match effect {
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
            None if super::views::open_function(name) || name.ends_with(".obtain_auth_token") => {}
            None if name == "rest_framework.schemas.get_schema_view" => {
                let given = args.named("permission_classes").cloned();
                self.permissions_given(given, None, asked, guards);
            }
            None => guards.push(self.program, name, &package, GuardState::Unsure, asked.place),
        }
    }

    /// What a class puts around the function that answers.
    fn class(&mut self, class: &Rc<Class<'p>>, args: &Args<'p>, asked: &Asked<'_>, guards: &mut Guards) {
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
    fn dispatch(
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
    fn base(&mut self, external: &Rc<External<'p>>, instance: &Value<'p>, asked: &Asked<'_>, guards: &mut Guards) {
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
    fn may_guard(&self, external: &Rc<External<'p>>) -> bool {
        let of_framework = matches!(external.package(), Some("rest_framework" | "django") | None);
        let name = external.last();
        name == "UserPassesTestMixin"
            || (!of_framework && (sounds_like_auth(name) || !tables::is_mixin(&external.name())))
    }

    /// The permissions of a view that `@api_view` made of a function.
    fn rest_function(&mut self, target: &Target<'p>, asked: &Asked<'_>, guards: &mut Guards) {
        let mut given = None;
        let mut is_view = true;
        for layer in target.layers.iter().rev() {
            let Layer::Decorator(Value::External(external), place) = layer else { continue };
            match tables::decorator(&external.name()) {
                // What is told to the view that `@api_view` made comes too late.
                Effect::ApiView => is_view = false,
                _ if external.name() != "rest_framework.decorators.permission_classes" => {}
                _ if !is_view => {
                    let message = "`permission_classes` stands above `api_view`, so it guards nothing".to_owned();
                    self.find("DW2230", message, *place, "move it below `api_view`");
                }
                _ => {
                    let list = external.called().and_then(|(_, args, _)| args.get(0, "permission_classes").cloned());
                    given = list.map(|it| (it, *place));
                }
            }
        }
        let place = given.as_ref().map(|(_, place)| *place);
        self.permissions_given(given.map(|(it, _)| it), place, asked, guards);
    }

    fn rest_class(
        &mut self,
        class: &Rc<Class<'p>>,
        args: &Args<'p>,
        instance: &Value<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        if self.authentication(class, args, asked, guards) {
            return;
        }
        if let Some((Value::Function(function), of)) = owner(class, "check_permissions") {
            let this = instance.clone();
            let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
                of_wrapper(eval, &function, Some(this.clone()), "check_permissions")
            });
            let origin = self.program.module(of.module).file.clone();
            guards.push(self.program, "check_permissions", &origin, state, name_of(&function));
            // Whether it also looks at the classes is up to it.
            if state != GuardState::Open {
                return;
            }
        }
        if let Some((Value::Function(function), _)) = owner(class, "get_permissions") {
            let place = name_of(&function);
            let callee = Value::Bound(Rc::new((instance.clone(), innermost(&function))));
            let method = asked.method;
            self.eval.host.method = method.map(str::to_owned);
            self.eval.host.attached.clear();
            let outcome = self.eval.what_if(&callee, &Args::default());
            self.eval.host.method = None;
            let is_inherited = self.eval.host.seen(&outcome.returned) == Some(Seen::Inherited);
            if !is_inherited {
                self.permission_lists(&outcome.returned, place, instance, asked, guards);
                return;
            }
            if let Value::Instance(object) = instance
                && let Some(given) = object.own("permission_classes")
            {
                return self.permission_lists(&given, place, instance, asked, guards);
            }
        }
        let given = args.named("permission_classes").cloned();
        let (given, place) = match (given, owner(class, "permission_classes")) {
            (Some(given), _) => (Some(given), asked.place),
            (None, Some((value, of))) => (Some(value), assigned(&of, "permission_classes")),
            (None, None) => (None, asked.place),
        };
        match given {
            Some(given) => self.permission_lists(&given, place, instance, asked, guards),
            None => {
                let open = class.mro().iter().any(|it| {
                    matches!(it, Value::External(it)
                        if tables::base(&it.name()).is_some_and(|it| it.guard == Own::Anybody))
                });
                if !open {
                    self.default_permissions(instance, asked, guards);
                }
            }
        }
    }

    /// Permissions that are given to a view, or those of the settings.
    fn permissions_given(
        &mut self,
        given: Option<Value<'p>>,
        place: Option<Place>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        match given {
            Some(given) => {
                self.permission_lists(&given, place.unwrap_or(asked.place), &Value::Unknown, asked, guards);
            }
            None => self.default_permissions(&Value::Unknown, asked, guards),
        }
    }

    fn default_permissions(&mut self, instance: &Value<'p>, asked: &Asked<'_>, guards: &mut Guards) {
        let Some(list) = self.eval.host.rest_setting("DEFAULT_PERMISSION_CLASSES") else { return };
        let place = self.setting_place("REST_FRAMEWORK");
        self.permission_lists(&list, place, instance, asked, guards);
    }

    /// A list of permissions, or several of which one is in force: the weakest counts.
    fn permission_lists(
        &mut self,
        value: &Value<'p>,
        place: Place,
        instance: &Value<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) {
        let lists = value.each();
        if let [list] = lists.as_slice() {
            for (name, origin, state) in self.permission_list(list, instance, asked) {
                guards.push(self.program, &name, &origin, state, place);
            }
            return;
        }
        let mut states = Vec::new();
        let mut seen = ("permissions".to_owned(), "unknown".to_owned());
        for list in &lists {
            let all = self.permission_list(list, instance, asked);
            if let Some((name, origin, _)) = all.first() {
                seen = (name.clone(), origin.clone());
            }
            states.push(together(all.iter().map(|(_, _, state)| *state)));
        }
        guards.push(self.program, &seen.0, &seen.1, all_of(&states), place);
    }

    fn permission_list(
        &mut self,
        list: &Value<'p>,
        instance: &Value<'p>,
        asked: &Asked<'_>,
    ) -> Vec<(String, String, GuardState)> {
        let (items, open) = match list {
            Value::List(_) => self.eval.items(list),
            _ => (Vec::new(), true),
        };
        let mut all: Vec<(String, String, GuardState)> =
            items.iter().map(|it| self.permission(it, instance, asked, 0)).collect();
        if open {
            all.push(("permissions".to_owned(), "unknown".to_owned(), GuardState::Unsure));
        }
        all
    }

    /// What one permission says of strangers: its name, where it comes from, and whether they pass.
    fn permission(
        &mut self,
        value: &Value<'p>,
        instance: &Value<'p>,
        asked: &Asked<'_>,
        depth: usize,
    ) -> (String, String, GuardState) {
        let unsure = |name: &str| (name.to_owned(), "unknown".to_owned(), GuardState::Unsure);
        if depth > MAX_DEPTH {
            return unsure("permissions");
        }
        match value {
            Value::Str(text) => {
                let found = self.dotted(&text.text);
                match found {
                    Value::Str(_) => unsure(&text.text),
                    found => self.permission(&found, instance, asked, depth + 1),
                }
            }
            Value::Union(all) => {
                let parts: Vec<(String, String, GuardState)> =
                    all.iter().map(|it| self.permission(it, instance, asked, depth + 1)).collect();
                let any = |state| parts.iter().any(|(_, _, it)| *it == state);
                let state = match (any(GuardState::Open), any(GuardState::Unsure)) {
                    (true, _) => GuardState::Open,
                    (_, true) => GuardState::Unsure,
                    _ => GuardState::Guarded,
                };
                let name = parts.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(" | ");
                let origin = parts.first().map(|(_, origin, _)| origin.clone()).unwrap_or_default();
                (name, origin, state)
            }
            Value::External(external) => {
                let name = external.name();
                if let (Some(operator), Some((_, args, _))) = (name.strip_prefix("operator."), external.called()) {
                    let parts: Vec<(String, String, GuardState)> = args
                        .positional
                        .iter()
                        .map(|it| self.permission(&it.value, instance, asked, depth + 1))
                        .collect();
                    let origin = parts.first().map(|(_, origin, _)| origin.clone()).unwrap_or_default();
                    let names: Vec<&str> = parts.iter().map(|(name, ..)| name.as_str()).collect();
                    let all = together(parts.iter().map(|(_, _, it)| *it));
                    return match (operator, all) {
                        ("invert", GuardState::Guarded) => (format!("~{}", names.join("")), origin, GuardState::Open),
                        ("invert", GuardState::Open) => (format!("~{}", names.join("")), origin, GuardState::Guarded),
                        ("invert", state) => (format!("~{}", names.join("")), origin, state),
                        (_, state) => (names.join(" & "), origin, state),
                    };
                }
                let package = external.package().unwrap_or_default().to_owned();
                let state = match tables::permission(&name) {
                    Some(known) => match known.lets_strangers(asked.method) {
                        Some(true) => GuardState::Open,
                        Some(false) => GuardState::Guarded,
                        None => GuardState::Unsure,
                    },
                    None => GuardState::Unsure,
                };
                (external.last().to_owned(), package, state)
            }
            Value::Class(class) => {
                let made = self.eval.construct(class, &Args::default(), &self.site(asked.place));
                self.permission_of(class, &made, instance, asked)
            }
            Value::Instance(object) => {
                let class = Rc::clone(&object.class);
                self.permission_of(&class, value, instance, asked)
            }
            _ => unsure("a permission"),
        }
    }

    fn permission_of(
        &mut self,
        class: &Rc<Class<'p>>,
        made: &Value<'p>,
        view: &Value<'p>,
        asked: &Asked<'_>,
    ) -> (String, String, GuardState) {
        let origin = self.program.module(class.module).file.clone();
        let name = class.name().to_owned();
        let state = match owner(class, "has_permission") {
            Some((Value::Function(function), _)) => {
                let callee = Value::Bound(Rc::new((made.clone(), function)));
                let args = Args::of(vec![Django::part(Seen::Request), view.clone()], asked.place);
                for_strangers(&mut self.eval, asked.method, asked.path, |eval| of_test(eval, &callee, &args))
            }
            Some(_) => GuardState::Unsure,
            None => {
                let known = class.mro().iter().find_map(|it| match it {
                    Value::External(it) => Some(tables::permission(&it.name())),
                    Value::Unknown => Some(None),
                    _ => None,
                });
                match known.flatten().and_then(|it| it.lets_strangers(asked.method)) {
                    Some(false) => GuardState::Guarded,
                    // It may look at each object.
                    Some(true) if own(class, "has_object_permission").is_some() => GuardState::Unsure,
                    Some(true) => GuardState::Open,
                    None => GuardState::Unsure,
                }
            }
        };
        (name, origin, state)
    }

    /// Classes of authentication of the tree, which may refuse who sends nothing. `true`: one takes everybody for a
    /// user, so what the permissions ask says nothing of strangers.
    fn authentication(
        &mut self,
        class: &Rc<Class<'p>>,
        args: &Args<'p>,
        asked: &Asked<'_>,
        guards: &mut Guards,
    ) -> bool {
        let given = args.named("authentication_classes").cloned().map(|it| (it, asked.place));
        let own = || {
            let (value, of) = owner(class, "authentication_classes")?;
            Some((value, assigned(&of, "authentication_classes")))
        };
        let Some((list, place)) = given.or_else(own).or_else(|| {
            let list = self.eval.host.rest_setting("DEFAULT_AUTHENTICATION_CLASSES")?;
            Some((list, self.setting_place("REST_FRAMEWORK")))
        }) else {
            return false;
        };
        let (items, _) = match &list {
            Value::List(_) => self.eval.items(&list),
            _ => return false,
        };
        for item in items {
            let item = match item.as_str() {
                Some(text) => self.dotted(text),
                None => item,
            };
            let Value::Class(class) = item else { continue };
            let Some((Value::Function(function), _)) = owner(&class, "authenticate") else { continue };
            let made = self.eval.construct(&class, &Args::default(), &self.site(asked.place));
            let callee = Value::Bound(Rc::new((made, function)));
            let request = Args::of(vec![Django::part(Seen::Request)], asked.place);
            let mut everybody = false;
            let state = for_strangers(&mut self.eval, asked.method, asked.path, |eval| {
                let outcome = eval.what_if(&callee, &request);
                let users = outcome.returned.each().iter().all(|it| matches!(it, Value::List(_)));
                everybody |= users && outcome.complete && !eval.host.forged;
                let refuses = outcome.refuses && !outcome.raised.is_empty();
                if refuses { GuardState::Guarded } else { GuardState::Open }
            });
            let state = if everybody { GuardState::Unsure } else { state };
            if state != GuardState::Open {
                let origin = self.program.module(class.module).file.clone();
                guards.push(self.program, class.name(), &origin, state, place);
            }
            if everybody {
                return true;
            }
        }
        false
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

/// What an object of a class of middleware does to strangers, or what its function does.
fn of_middleware<'p>(eval: &mut verdict::DjangoEval<'p>, value: &Value<'p>) -> GuardState {
    let request = Django::part(Seen::Request);
    let class = match value {
        Value::Function(_) | Value::Bound(_) => {
            let args = Args::of(vec![request], Place::default());
            return verdict::of_call(eval, value, &args, "");
        }
        Value::Instance(instance) => Rc::clone(&instance.class),
        _ => return GuardState::Unsure,
    };
    let mut states = Vec::new();
    for name in ["process_request", "__call__", "process_view"] {
        let Some(Value::Function(function)) = own(&class, name) else { continue };
        let body = scanned(eval, &function);
        if !body.refuses && !body.redirects {
            continue;
        }
        let callee = Value::Bound(Rc::new((value.clone(), function)));
        let mut args = Args::of(vec![request.clone()], Place::default());
        args.open = true;
        states.push(match name {
            "__call__" => verdict::of_call(eval, &callee, &args, class.name()),
            _ => of_hook(eval, &callee, &args, class.name()),
        });
    }
    let is_login = class.inherits(|it| it.ends_with(".LoginRequiredMiddleware"));
    if is_login && own(&class, "process_view").is_none() {
        states.push(GuardState::Guarded);
    }
    together(states.into_iter())
}

/// `method_decorator(login_not_required, name="dispatch")`, or `login_not_required`.
fn turns_off(decorator: &Value, on_class: bool) -> bool {
    let Value::External(external) = decorator else { return false };
    match tables::decorator(&external.name()) {
        Effect::NoLogin => true,
        Effect::OfMethod => {
            let Some((_, args, _)) = external.called() else { return false };
            let on = args.get(1, "name").and_then(Value::as_str);
            let inner = match args.get(0, "decorator") {
                Some(Value::List(list)) => list.items.borrow().clone(),
                Some(other) => vec![other.clone()],
                None => Vec::new(),
            };
            (!on_class || on == Some("dispatch"))
                && inner
                    .iter()
                    .any(|it| matches!(it, Value::External(it) if tables::decorator(&it.name()) == Effect::NoLogin))
        }
        _ => false,
    }
}

/// Where a class gives an attribute its value.
fn assigned(class: &Class<'_>, name: &str) -> Place {
    let at = super::projects::assignment(&class.def.body, name).unwrap_or_else(|| span(&class.def.name));
    Place { module: class.module, span: at }
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
