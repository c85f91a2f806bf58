//! Permissions of the REST framework, and its classes of authentication.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::super::discover::Reader;
use super::super::host::{Django, Seen};
use super::super::projects;
use super::super::tables::{self, Effect, Own};
use super::super::verdict::{all_of, for_strangers, of_test, of_wrapper};
use super::super::views::{Layer, Target, innermost, name_of, own, owner};
use super::{Asked, Guards, together};
use crate::py::eval::span;
use crate::py::value::{Args, Class, Place, Value};

/// How deep operators between permissions may nest.
const MAX_DEPTH: usize = 20;

impl<'p> Reader<'p> {
    /// The permissions of a view that `@api_view` made of a function.
    pub(super) fn rest_function(&mut self, target: &Target<'p>, asked: &Asked<'_>, guards: &mut Guards) {
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

    pub(super) fn rest_class(
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
        let refuses = |it| self.keeps_out(class, it, instance, asked);
        guards.doubtful |= !["permission_denied", "handle_exception", "finalize_response"].into_iter().all(refuses);
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
    pub(super) fn permissions_given(
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

    pub(super) fn default_permissions(&mut self, instance: &Value<'p>, asked: &Asked<'_>, guards: &mut Guards) {
        let Some(list) = self.eval.host.rest_setting("DEFAULT_PERMISSION_CLASSES") else { return };
        let place = self.setting_place("REST_FRAMEWORK");
        self.permission_lists(&list, place, instance, asked, guards);
    }

    /// A list of permissions, or several of which one is in force: the weakest counts.
    pub(super) fn permission_lists(
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

    pub(super) fn permission_list(
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
    pub(super) fn permission(
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

    pub(super) fn permission_of(
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
    pub(super) fn authentication(
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

/// Where a class gives an attribute its value.
fn assigned(class: &Class<'_>, name: &str) -> Place {
    let at = projects::assignment(&class.def.body, name).unwrap_or_else(|| span(&class.def.name));
    Place { module: class.module, span: at }
}
