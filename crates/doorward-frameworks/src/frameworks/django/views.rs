//! What a pattern leads to: the decorators around a view, the view, and the methods it answers.

use std::rc::Rc;

use doorward::inventory::Method;
use ruff_python_ast::{Expr, Stmt};

use super::host::{Django, Made};
use super::tables::{self, Effect, Kind};
use super::verdict::{self, DjangoEval};
use crate::py::eval::Eval;
use crate::py::value::{Args, Class, External, Function, Place, Value};

/// Wrappers around one view; people write fewer.
const MAX_WRAPPERS: usize = 24;

/// Methods that a class of views may have; HEAD and OPTIONS are answered by Django itself.
pub(super) static METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "trace"];

/// A view with what stands around it.
#[derive(Clone)]
pub(super) struct Target<'p> {
    /// Outermost first.
    pub(super) layers: Vec<Layer<'p>>,
    pub(super) view: View<'p>,
}

#[derive(Clone)]
pub(super) enum Layer<'p> {
    Decorator(Value<'p>, Place),
    /// What a decorator of the tree made.
    Wrapper(Rc<Function<'p>>),
}

#[derive(Clone)]
pub(super) enum View<'p> {
    /// A function, or a method of an object.
    Function(Rc<Function<'p>>, Option<Value<'p>>),
    Class {
        class: Rc<Class<'p>>,
        args: Args<'p>,
    },
    /// Something of a package, by its dotted name.
    Package(String, Args<'p>),
    Unknown,
}

impl<'p> Target<'p> {
    /// Takes a value of a pattern apart.
    pub(super) fn of(eval: &Eval<'p, Django<'p>>, value: &Value<'p>, place: Place) -> Self {
        let mut layers = Vec::new();
        let mut at = value.clone();
        for _ in 0..MAX_WRAPPERS {
            match at {
                Value::External(external) => match around(eval, &external) {
                    Some((decorator, inner, place)) => {
                        layers.push(Layer::Decorator(decorator, place));
                        at = inner;
                    }
                    None => return Self { layers, view: of_package(&external) },
                },
                Value::Function(function) => match unwrapped(&function, &mut layers) {
                    Some(inner) => at = inner,
                    None => return Self { layers, view: View::Function(function, None) },
                },
                Value::Bound(bound) => {
                    let view = View::Function(Rc::clone(&bound.1), Some(bound.0.clone()));
                    return Self { layers, view };
                }
                Value::Partial(partial) => at = partial.0.clone(),
                Value::Instance(ref instance) => {
                    let call = instance.class.mro().iter().find_map(|it| match it {
                        Value::Class(class) => class.own("__call__"),
                        _ => None,
                    });
                    let view = match call {
                        Some(Value::Function(function)) => View::Function(function, Some(at.clone())),
                        _ => match &*instance.base.borrow() {
                            Some(Value::External(base)) => View::Package(base.name(), Args::default()),
                            _ => View::Unknown,
                        },
                    };
                    return Self { layers, view };
                }
                Value::Host(object) => {
                    let view = match eval.host.made.get(object) {
                        Some(Made::View(view)) => {
                            View::Class { class: Rc::clone(&view.class), args: view.args.clone() }
                        }
                        // `as_view` without a call is a mistake that answers nothing.
                        _ => View::Unknown,
                    };
                    return Self { layers, view };
                }
                _ => break,
            }
        }
        let _ = place;
        Self { layers, view: View::Unknown }
    }

    /// A class that a router takes as it is.
    pub(super) fn class(class: Rc<Class<'p>>, args: Args<'p>) -> Self {
        Self { layers: Vec::new(), view: View::Class { class, args } }
    }

    /// What it is called, and where it stands.
    pub(super) fn handler(&self, method: &str, action: Option<&str>) -> Option<(String, Place)> {
        match &self.view {
            View::Function(function, _) => Some((function.name().to_owned(), name_of(function))),
            View::Class { class, .. } => {
                let method = action.map_or_else(|| method.to_ascii_lowercase(), str::to_owned);
                let own = own(class, &method);
                Some(match own {
                    Some(Value::Function(function)) => {
                        let name = format!("{}.{}", class.name(), innermost(&function).name());
                        (name, name_of(&innermost(&function)))
                    }
                    _ => {
                        let place = Place { module: class.module, span: crate::py::eval::span(&class.def.name) };
                        (class.name().to_owned(), place)
                    }
                })
            }
            View::Package(name, _) => Some((name.clone(), Place::default())),
            View::Unknown => None,
        }
    }

    /// Whether the REST framework decides who may call it.
    pub(super) fn is_rest(&self) -> bool {
        match &self.view {
            View::Class { class, .. } => is_rest(class),
            View::Package(name, _) => tables::base(name).is_some_and(|it| it.kind == Kind::Rest),
            View::Function(..) => self.effects().any(|(effect, _)| effect == Effect::ApiView),
            View::Unknown => false,
        }
    }

    /// Whether it is the page of a router.
    pub(super) fn is_root_page(&self) -> bool {
        matches!(&self.view, View::Package(name, _) if name.ends_with(".APIRootView"))
    }

    /// Decorators of packages around it, outermost first.
    pub(super) fn effects(&self) -> impl Iterator<Item = (Effect, &Rc<External<'p>>)> {
        self.layers.iter().filter_map(|it| match it {
            Layer::Decorator(Value::External(external), _) => Some((tables::decorator(&external.name()), external)),
            _ => None,
        })
    }

    /// The methods it answers, with the action of a viewset for each. `None`: that isn't known.
    pub(super) fn methods(&self, eval: &mut DjangoEval<'p>) -> Option<Vec<(String, Option<String>)>> {
        let mut all = match &self.view {
            View::Function(..) => Some(vec![Method::ALL.to_owned()]),
            View::Class { class, args } => {
                if let Some(actions) = actions(args) {
                    return actions.map(|actions| {
                        let known = actions.into_iter().filter(|(method, _)| METHODS.contains(&method.as_str()));
                        known.map(|(method, action)| (method.to_ascii_uppercase(), Some(action))).collect()
                    });
                }
                of_class(eval, class, args)
            }
            View::Package(name, args) => of_known(name, args),
            View::Unknown => None,
        }?;
        for (effect, external) in self.effects() {
            let given = match effect {
                Effect::Methods(methods) => Some(methods.iter().map(|it| (*it).to_owned()).collect()),
                Effect::GivenMethods | Effect::ApiView => {
                    let list = external.called().and_then(|(_, args, _)| args.positional.first().cloned());
                    let named = external.called().and_then(|(_, args, _)| args.keyword("http_method_names").cloned());
                    match list.or(named) {
                        None => Some(vec!["GET".to_owned()]),
                        Some(list) => texts(eval, &list.value),
                    }
                }
                _ => continue,
            };
            let given: Vec<String> = given?.iter().map(|it| it.to_ascii_uppercase()).collect();
            let only_automatic = given.iter().all(|it| matches!(it.as_str(), "HEAD" | "OPTIONS"));
            let given: Vec<String> =
                given.into_iter().filter(|it| only_automatic || !matches!(it.as_str(), "HEAD" | "OPTIONS")).collect();
            all = if all == [Method::ALL] { given } else { all.into_iter().filter(|it| given.contains(it)).collect() };
        }
        Some(all.into_iter().map(|it| (it, None)).collect())
    }
}

/// The texts of a list, if all of them are known.
pub(super) fn texts<'p>(eval: &mut DjangoEval<'p>, value: &Value<'p>) -> Option<Vec<String>> {
    let (items, open) = eval.items(value);
    let texts: Option<Vec<String>> = items.iter().map(|it| it.as_str().map(str::to_owned)).collect();
    texts.filter(|_| !open)
}

/// `login_required(view)`: the decorator, and what it is around.
fn around<'p>(eval: &Eval<'p, Django<'p>>, external: &Rc<External<'p>>) -> Option<(Value<'p>, Value<'p>, Place)> {
    let (callee, args, place) = external.called()?;
    if callee.last() == "as_view" {
        return None;
    }
    let inner = args.positional.first()?.value.clone();
    let is_view = match &inner {
        Value::Function(_) | Value::Bound(_) | Value::Partial(_) => true,
        Value::Host(object) => matches!(eval.host.made.get(*object), Some(Made::View(_))),
        Value::External(it) => {
            it.called().is_some_and(|(callee, ..)| callee.last() == "as_view") || around(eval, it).is_some()
        }
        _ => false,
    };
    // `user_passes_test(is_staff)` takes a function and is no view yet.
    let takes_view = is_view && !(tables::decorator(&callee.name()) == Effect::Tests && callee.called().is_none());
    takes_view.then(|| (Value::External(Rc::clone(callee)), inner, place))
}

/// Puts the decorators of a function into `layers`. If it is a wrapper, what it wraps is given back.
fn unwrapped<'p>(function: &Rc<Function<'p>>, layers: &mut Vec<Layer<'p>>) -> Option<Value<'p>> {
    let decorators = function.decorators.iter().rev();
    layers.extend(decorators.map(|(decorator, place)| Layer::Decorator(decorator.clone(), *place)));
    let inner = wrapped(function)?;
    layers.push(Layer::Wrapper(Rc::clone(function)));
    Some(inner)
}

/// What a wrapper wraps.
pub(super) fn wrapped<'p>(function: &Rc<Function<'p>>) -> Option<Value<'p>> {
    let takes_any = function.parameters().is_some_and(|it| it.vararg.is_some() || it.kwarg.is_some());
    if function.wraps.is_some() || takes_any { verdict::inner_of(function) } else { None }
}

/// The function that is left when all wrappers are taken away.
pub(super) fn innermost<'p>(function: &Rc<Function<'p>>) -> Rc<Function<'p>> {
    let mut at = Rc::clone(function);
    for _ in 0..MAX_WRAPPERS {
        match wrapped(&at) {
            Some(Value::Function(inner)) => at = inner,
            _ => break,
        }
    }
    at
}

/// The layers around a method, and the method.
pub(super) fn layers_of<'p>(function: &Rc<Function<'p>>) -> (Vec<Layer<'p>>, Rc<Function<'p>>) {
    let (mut layers, mut at) = (Vec::new(), Rc::clone(function));
    for _ in 0..MAX_WRAPPERS {
        match unwrapped(&at, &mut layers) {
            Some(Value::Function(inner)) => at = inner,
            _ => break,
        }
    }
    (layers, at)
}

fn of_package<'p>(external: &Rc<External<'p>>) -> View<'p> {
    match external.called() {
        Some((callee, args, _)) => match &**callee {
            External::Member(of, name) if &**name == "as_view" => View::Package(of.name(), (**args).clone()),
            _ => View::Package(callee.name(), (**args).clone()),
        },
        None => View::Package(external.name(), Args::default()),
    }
}

/// The methods of something that a package brings; `None` if that isn't known.
fn of_known(name: &str, args: &Args<'_>) -> Option<Vec<String>> {
    if let Some(base) = tables::base(name) {
        if let Some(Some(actions)) = actions(args) {
            return Some(actions.into_iter().map(|(method, _)| method.to_ascii_uppercase()).collect());
        }
        return Some(base.methods.iter().map(|it| it.to_ascii_uppercase()).collect());
    }
    match name {
        "rest_framework.authtoken.views.obtain_auth_token" => Some(vec!["POST".to_owned()]),
        "rest_framework.schemas.get_schema_view" => Some(vec!["GET".to_owned()]),
        name if open_function(name) => Some(vec![Method::ALL.to_owned()]),
        _ => None,
    }
}

/// Views of Django that are functions and serve everybody.
pub(super) fn open_function(name: &str) -> bool {
    matches!(
        name,
        "django.views.static.serve"
            | "django.contrib.staticfiles.views.serve"
            | "django.views.i18n.set_language"
            | "django.views.defaults.page_not_found"
            | "django.views.defaults.server_error"
            | "django.views.defaults.permission_denied"
            | "django.views.defaults.bad_request"
            | "django.contrib.sitemaps.views.sitemap"
            | "django.contrib.sitemaps.views.index"
    )
}

/// `as_view({"get": "list"})`: what it is given. The inner `None`: it isn't known.
#[expect(clippy::option_option, reason = "given or not, known or not")]
fn actions(args: &Args<'_>) -> Option<Option<Vec<(String, String)>>> {
    let given = args.get(0, "actions")?;
    Some(match given {
        Value::Dict(dict) if !dict.open.get() => dict
            .items
            .borrow()
            .iter()
            .map(|(method, action)| Some((method.as_str()?.to_ascii_lowercase(), action.as_str()?.to_owned())))
            .collect(),
        Value::None => return None,
        _ => None,
    })
}

fn of_class<'p>(eval: &mut DjangoEval<'p>, class: &Rc<Class<'p>>, args: &Args<'p>) -> Option<Vec<String>> {
    let mut all: Vec<String> = METHODS.iter().filter(|it| has(class, it)).map(|it| it.to_ascii_uppercase()).collect();
    if all.is_empty() && !is_foreign(class) && own(class, "dispatch").is_some() {
        all = METHODS.iter().map(|it| it.to_ascii_uppercase()).collect();
        if own(class, "http_method_names").is_none() {
            return Some(vec![Method::ALL.to_owned()]);
        }
    }
    if all.is_empty() {
        return None;
    }
    let given = args.named("http_method_names").cloned().or_else(|| own(class, "http_method_names"));
    if let Some(given) = given {
        let names: Vec<String> = texts(eval, &given)?.iter().map(|it| it.to_ascii_uppercase()).collect();
        all.retain(|it| names.contains(it));
    }
    Some(all)
}

/// An attribute of a class, from itself or its parents in the tree.
pub(super) fn own<'p>(class: &Rc<Class<'p>>, name: &str) -> Option<Value<'p>> {
    owner(class, name).map(|(value, _)| value)
}

/// An attribute, and the class of the tree that has it.
pub(super) fn owner<'p>(class: &Rc<Class<'p>>, name: &str) -> Option<(Value<'p>, Rc<Class<'p>>)> {
    class.mro().iter().find_map(|it| match it {
        Value::Class(class) => Some((class.own(name)?, Rc::clone(class))),
        _ => None,
    })
}

/// Whether a class answers a method or has an action.
pub(super) fn has<'p>(class: &Rc<Class<'p>>, name: &str) -> bool {
    class.mro().iter().any(|it| match it {
        Value::Class(class) => class.own(name).is_some_and(|it| !matches!(it, Value::None)),
        Value::External(it) => {
            tables::base(&it.name()).is_some_and(|it| it.methods.contains(&name) || it.actions.contains(&name))
        }
        _ => false,
    })
}

pub(super) fn is_rest(class: &Rc<Class<'_>>) -> bool {
    class.mro().iter().any(|it| match it {
        Value::External(it) => tables::base(&it.name()).is_some_and(|it| it.kind == Kind::Rest),
        _ => false,
    })
}

/// Whether it inherits from something that isn't known.
pub(super) fn is_foreign(class: &Rc<Class<'_>>) -> bool {
    class.mro().iter().any(|it| match it {
        Value::External(it) => tables::base(&it.name()).is_none() && !tables::is_mixin(&it.name()),
        Value::Unknown => true,
        _ => false,
    })
}

/// An extra action of a viewset.
pub(super) struct Action<'p> {
    pub(super) name: String,
    /// Methods, each with the function that answers.
    pub(super) mapping: Vec<(String, String)>,
    pub(super) detail: Option<bool>,
    /// `None`: it is only known when the program runs.
    pub(super) url_path: Option<String>,
    pub(super) args: Args<'p>,
}

/// The functions of a viewset that `@action` makes routes of.
pub(super) fn extra_actions<'p>(eval: &mut DjangoEval<'p>, class: &Rc<Class<'p>>) -> Vec<Action<'p>> {
    let mut all: Vec<Action<'p>> = Vec::new();
    for parent in class.mro() {
        let Value::Class(parent) = parent else { continue };
        let attrs: Vec<(Rc<str>, Value<'p>)> = parent.attrs.borrow().clone();
        for (name, value) in attrs {
            let Value::Function(function) = value else { continue };
            if all.iter().any(|it| it.name == *name) {
                continue;
            }
            if let Some(mut action) = action(eval, &function) {
                name.as_ref().clone_into(&mut action.name);
                if action.url_path.as_deref() == Some("") {
                    action.url_path = Some(action.name.clone());
                }
                action.mapping.iter_mut().for_each(|(_, it)| it.clone_from(&action.name));
                action.mapping.extend(mapped(&parent, &name));
                all.push(action);
            }
        }
    }
    all.sort_by(|one, two| one.name.cmp(&two.name));
    all
}

fn action<'p>(eval: &mut DjangoEval<'p>, function: &Rc<Function<'p>>) -> Option<Action<'p>> {
    let (layers, _) = layers_of(function);
    let args = layers.iter().find_map(|it| match it {
        Layer::Decorator(Value::External(external), _) => {
            let (callee, args, _) = external.called()?;
            let known = callee.package() == Some("rest_framework")
                && matches!(callee.last(), "action" | "list_route" | "detail_route");
            known.then(|| (callee.last().to_owned(), Rc::clone(args)))
        }
        _ => None,
    })?;
    let (kind, args) = args;
    let methods = match args.get(0, "methods") {
        Some(Value::None) | None => Some(vec!["get".to_owned()]),
        Some(list) => texts(eval, list),
    };
    let mapping = match methods {
        Some(methods) => methods.iter().map(|it| (it.to_ascii_lowercase(), String::new())).collect(),
        None => vec![(Method::ALL.to_ascii_lowercase(), String::new())],
    };
    let detail = match (kind.as_str(), args.get(1, "detail")) {
        ("list_route", _) => Some(false),
        ("detail_route", _) => Some(true),
        (_, Some(Value::Bool(detail))) => Some(*detail),
        _ => None,
    };
    let url_path = match args.get(2, "url_path") {
        None | Some(Value::None) => Some(String::new()),
        Some(value) => value.as_str().map(str::to_owned),
    };
    Some(Action { name: String::new(), mapping, detail, url_path, args: (*args).clone() })
}

/// `@create_note.mapping.delete`: further methods of an action, which only the syntax tells.
fn mapped(class: &Class<'_>, action: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for statement in &class.def.body {
        let Stmt::FunctionDef(def) = statement else { continue };
        for decorator in &def.decorator_list {
            if let Expr::Attribute(method) = &decorator.expression
                && let Expr::Attribute(mapping) = &*method.value
                && mapping.attr.id.as_str() == "mapping"
                && matches!(&*mapping.value, Expr::Name(name) if name.id.as_str() == action)
            {
                all.push((method.attr.id.to_ascii_lowercase(), def.name.id.to_string()));
            }
        }
    }
    all
}

pub(super) fn name_of(function: &Function<'_>) -> Place {
    let span = match function.def {
        crate::py::value::Def::Def(def) => crate::py::eval::span(&def.name),
        crate::py::value::Def::Lambda(lambda) => crate::py::eval::span(lambda),
    };
    Place { module: function.module, span }
}
