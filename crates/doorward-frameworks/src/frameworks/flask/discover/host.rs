//! What a program does to its applications, blueprints and namespaces, in the order it does it.

use std::rc::Rc;

use super::super::{SERVES_ROUTES, VERBS};
use crate::py::eval::{Host, Site};
use crate::py::value::{Args, Class, External, Place, Value};

/// An object of the host.
pub(super) enum Made<'p> {
    /// `Flask(…)`.
    App(Holder<'p>),
    /// `Blueprint(…)`, `Namespace(…)`, or an `Api(…)` that is given a blueprint or initialised later.
    Group(Holder<'p>),
    /// `app.route(…)`: a decorator that registers what it is given.
    Decorator(Registration<'p>),
    /// `app.before_request`, as a decorator or a call.
    Hook {
        on: usize,
        all: bool,
    },
    /// `UserView.as_view`, and what calling it gives.
    AsView(Rc<Class<'p>>),
    View(Rc<Class<'p>>),
}

/// Something that holds rules.
pub(super) struct Holder<'p> {
    pub(super) place: Place,
    pub(super) name: Option<String>,
    /// As given when it is made: `url_prefix`, `path`.
    pub(super) prefix: Option<Value<'p>>,
    pub(super) ops: Vec<Op<'p>>,
    /// Decorators around every view: those of a restful `Api`.
    pub(super) decorators: Vec<Value<'p>>,
    /// It serves files below this path.
    pub(super) files: Option<Value<'p>>,
    /// It was made by flask-restx, which serves its document, and a page for it at this path.
    pub(super) documents: Option<String>,
}

/// One thing that happened to a holder.
#[derive(Clone)]
pub(super) struct Op<'p> {
    pub(super) kind: OpKind<'p>,
    pub(super) site: Site,
}

#[derive(Clone)]
pub(super) enum OpKind<'p> {
    Rule(Registration<'p>, Value<'p>),
    /// Another holder, with the prefix given there.
    Register(usize, Option<Value<'p>>),
    /// A blueprint of a package.
    Foreign(String),
    /// A function that runs before each request; `true`: of the whole application.
    Before(Value<'p>, bool),
}

/// How a rule is registered, before its view is known.
#[derive(Clone)]
pub(super) struct Registration<'p> {
    pub(super) on: usize,
    pub(super) rules: Vec<Value<'p>>,
    pub(super) methods: Methods<'p>,
    pub(super) site: Site,
}

#[derive(Clone)]
pub(super) enum Methods<'p> {
    /// What the view says, or GET.
    Default,
    One(String),
    Given(Value<'p>),
}

#[derive(Default)]
pub(super) struct Flask<'p> {
    pub(super) made: Vec<Made<'p>>,
    /// Packages that were given an application, and where.
    pub(super) handed: Vec<(String, bool, Site)>,
}

impl<'p> Flask<'p> {
    fn make(&mut self, made: Made<'p>) -> Value<'p> {
        self.made.push(made);
        Value::Host(self.made.len() - 1)
    }

    pub(super) fn holder(&self, at: usize) -> Option<&Holder<'p>> {
        match self.made.get(at)? {
            Made::App(holder) | Made::Group(holder) => Some(holder),
            _ => None,
        }
    }

    fn holder_mut(&mut self, at: usize) -> Option<&mut Holder<'p>> {
        match self.made.get_mut(at)? {
            Made::App(holder) | Made::Group(holder) => Some(holder),
            _ => None,
        }
    }

    fn push(&mut self, at: usize, kind: OpKind<'p>, site: &Site) {
        if let Some(holder) = self.holder_mut(at) {
            holder.ops.push(Op { kind, site: site.clone() });
        }
    }

    fn decorator(&mut self, on: usize, rules: Vec<Value<'p>>, methods: Methods<'p>, site: &Site) -> Value<'p> {
        self.make(Made::Decorator(Registration { on, rules, methods, site: site.clone() }))
    }

    /// `Api(app)`, `api.init_app(app)`, `api.add_namespace(namespace)`.
    fn attach(&mut self, to: &Value<'p>, group: usize, prefix: Option<Value<'p>>, site: &Site) {
        for value in to.each() {
            if let Some(holder) = value.host() {
                self.push(holder, OpKind::Register(group, prefix.clone()), site);
            }
        }
    }

    fn api(&mut self, args: &Args<'p>, site: &Site, restx: bool) -> Value<'p> {
        let mut holder = holder(site);
        holder.prefix = args.named("prefix").cloned();
        holder.documents = match args.named("doc") {
            Some(Value::Bool(false)) => None,
            Some(Value::Str(text)) => Some(text.text.to_string()),
            _ => Some("/".to_owned()),
        };
        holder.documents = holder.documents.filter(|_| restx);
        if let Some(Value::List(list)) = args.named("decorators") {
            holder.decorators = list.items.borrow().clone();
        }
        let api = self.make(Made::Group(holder));
        if let (Some(app), Value::Host(at)) = (args.get(0, "app"), &api) {
            self.attach(app, *at, None, site);
        }
        api
    }
}

fn holder<'p>(site: &Site) -> Holder<'p> {
    Holder {
        place: site.place(),
        name: None,
        prefix: None,
        ops: Vec::new(),
        decorators: Vec::new(),
        files: None,
        documents: None,
    }
}

/// Where the files of a static folder are: at the path given, or below the folder's name.
fn files<'p>(args: &Args<'p>, default: Option<&str>) -> Option<Value<'p>> {
    match (args.named("static_url_path"), args.named("static_folder")) {
        (_, Some(Value::None)) => None,
        (Some(path), folder) if !matches!(path, Value::None) && (default.is_some() || folder.is_some()) => {
            Some(path.clone())
        }
        (_, Some(folder)) => Some(match folder.as_str() {
            Some(text) => Value::text(&format!("/{}", text.trim_end_matches('/').rsplit('/').next().unwrap_or(text))),
            None => Value::Unknown,
        }),
        _ => default.map(Value::text),
    }
}

impl<'p> Host<'p> for Flask<'p> {
    fn call(&mut self, callee: &External<'p>, args: &Args<'p>, site: &Site) -> Option<Value<'p>> {
        let name = callee.name();
        match name.as_str() {
            "flask.Flask" | "flask.app.Flask" | "quart.Quart" => {
                let holder = Holder { files: files(args, Some("/static")), ..holder(site) };
                return Some(self.make(Made::App(holder)));
            }
            "flask.Blueprint" | "flask.blueprints.Blueprint" | "quart.Blueprint" | "flask_smorest.Blueprint" => {
                let prefix = args.named("url_prefix").filter(|it| !matches!(it, Value::None)).cloned();
                let holder = Holder { prefix, files: files(args, None), ..holder(site) };
                return Some(self.make(Made::Group(holder)));
            }
            "flask_restful.Api" => return Some(self.api(args, site, false)),
            "flask_restx.Api" | "flask_restplus.Api" => return Some(self.api(args, site, true)),
            "flask_restx.Namespace" | "flask_restplus.Namespace" => {
                let mut holder = holder(site);
                holder.prefix = args.named("path").cloned().or_else(|| {
                    let name = args.get(0, "name")?.as_str()?;
                    Some(Value::text(&format!("/{name}")))
                });
                return Some(self.make(Made::Group(holder)));
            }
            _ => {}
        }
        if let Some(package) = callee.package().map(str::to_owned)
            && args.all().any(|it| it.value.host().is_some_and(|at| self.holder(at).is_some()))
        {
            let serves = SERVES_ROUTES.contains(&package.as_str());
            self.handed.push((package, serves, site.clone()));
        }
        None
    }

    fn method(&mut self, object: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        if self.holder(object).is_none() {
            return Value::Unknown;
        }
        match name {
            "route" => {
                let methods = args.named("methods").cloned().map_or(Methods::Default, Methods::Given);
                let rules = args.positional.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
                let rules = if rules.is_empty() { args.named("rule").cloned().into_iter().collect() } else { rules };
                self.decorator(object, rules, methods, site)
            }
            verb if VERBS.contains(&verb) => {
                let rule = args.get(0, "rule").cloned();
                self.decorator(object, rule.into_iter().collect(), Methods::One(verb.to_ascii_uppercase()), site)
            }
            "add_url_rule" => {
                let methods = args.named("methods").cloned().map_or(Methods::Default, Methods::Given);
                let rules = args.get(0, "rule").cloned().into_iter().collect();
                let registration = Registration { on: object, rules, methods, site: site.clone() };
                if let Some(view) = args.get(2, "view_func") {
                    self.push(object, OpKind::Rule(registration, view.clone()), site);
                }
                Value::None
            }
            "add_resource" => {
                let view = args.positional.first().map_or(Value::Unknown, |it| it.value.clone());
                let rules = args.positional.iter().skip(1).map(|it| it.value.clone()).collect();
                let registration = Registration { on: object, rules, methods: Methods::Default, site: site.clone() };
                self.push(object, OpKind::Rule(registration, view), site);
                Value::None
            }
            "resource" => {
                let rules = args.positional.iter().map(|it| it.value.clone()).collect();
                self.decorator(object, rules, Methods::Default, site)
            }
            "register_blueprint" | "add_namespace" => {
                let prefix = args.get(1, if name == "add_namespace" { "path" } else { "url_prefix" });
                let prefix = prefix.filter(|it| !matches!(it, Value::None)).cloned();
                for value in args.positional.first().map(|it| it.value.each()).unwrap_or_default() {
                    match (&value, value.host()) {
                        (_, Some(group)) => self.push(object, OpKind::Register(group, prefix.clone()), site),
                        (Value::External(it), None) => self.push(object, OpKind::Foreign(it.name()), site),
                        _ => self.push(object, OpKind::Foreign(String::new()), site),
                    }
                }
                Value::None
            }
            "namespace" => {
                let mut holder = holder(site);
                holder.prefix = args.named("path").cloned().or_else(|| {
                    let name = args.get(0, "name")?.as_str()?;
                    Some(Value::text(&format!("/{name}")))
                });
                let made = self.make(Made::Group(holder));
                if let Value::Host(group) = made {
                    self.push(object, OpKind::Register(group, None), site);
                }
                made
            }
            "init_app" => {
                if let Some(app) = args.get(0, "app") {
                    self.attach(app, object, None, site);
                }
                Value::None
            }
            "before_request" | "before_app_request" => {
                let all = name == "before_app_request";
                if let Some(function) = args.get(0, "f") {
                    self.push(object, OpKind::Before(function.clone(), all), site);
                    return function.clone();
                }
                self.make(Made::Hook { on: object, all })
            }
            _ => Value::Unknown,
        }
    }

    fn invoke(&mut self, object: usize, args: &Args<'p>, site: &Site) -> Value<'p> {
        let given = args.positional.first().map_or(Value::Unknown, |it| it.value.clone());
        match self.made.get(object) {
            Some(Made::Decorator(registration)) => {
                let registration = registration.clone();
                // The statement is the function that is decorated, by which a wrapper around it is told.
                let site = Site { call: registration.site.call, ..site.clone() };
                self.push(registration.on, OpKind::Rule(registration, given.clone()), &site);
                given
            }
            Some(Made::Hook { on, all }) => {
                let (on, all) = (*on, *all);
                self.push(on, OpKind::Before(given.clone(), all), site);
                given
            }
            Some(Made::AsView(class)) => {
                let class = Rc::clone(class);
                self.make(Made::View(class))
            }
            _ => Value::Unknown,
        }
    }

    fn class_member(&mut self, class: &Rc<Class<'p>>, base: &External<'p>, name: &str) -> Option<Value<'p>> {
        let is_view = matches!(base.package(), Some("flask" | "quart" | "flask_restful" | "flask_restx"));
        (name == "as_view" && is_view).then(|| self.make(Made::AsView(Rc::clone(class))))
    }

    fn named(&mut self, object: usize, name: &str) {
        if let Some(holder) = self.holder_mut(object) {
            holder.name.get_or_insert_with(|| name.to_owned());
        }
    }

    fn makes(&self, name: &str) -> bool {
        matches!(name, "flask.Flask" | "flask.app.Flask" | "quart.Quart")
    }
}
