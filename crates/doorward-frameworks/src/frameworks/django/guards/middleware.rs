//! Middleware of the settings.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::super::discover::Reader;
use super::super::host::{Django, Seen};
use super::super::tables::{self, Effect, Own};
use super::super::verdict::{self, for_strangers, of_hook, scanned};
use super::super::views::{Target, View, own};
use super::{Asked, Guards, Middleware, MiddlewareKind, together};
use crate::py::value::{Args, Place, Value};

impl<'p> Reader<'p> {
    pub(super) fn middleware_guard(
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
    pub(super) fn needs_no_login(&self, target: &Target<'p>) -> bool {
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
