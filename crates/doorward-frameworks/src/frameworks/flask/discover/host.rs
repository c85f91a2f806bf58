//! What a program does to its applications, blueprints and namespaces, in the order it does it.

use std::rc::Rc;

use super::super::{SERVES_ROUTES, VERBS};
use super::made::{Documents, Holder, Made, Methods, Note, Op, OpKind, Registration};
use super::probe::Caller;
use super::shapes::{NOTES, fields_of, noted};
use crate::py::eval::{Host, Site};
use crate::py::value::{Args, Class, External, ListKind, Place, Value, set};

#[derive(Default)]
pub(super) struct Flask<'p> {
    pub(super) made: Vec<Made<'p>>,
    /// Packages that were given an application, and where.
    pub(super) handed: Vec<(String, bool, Site)>,
    /// While a question is asked: who the caller is, and whether something that checks credentials turned them away.
    pub(super) caller: Option<Caller>,
    pub(super) denied: bool,
    /// Whether claims were read that nobody verified.
    pub(super) unverified: bool,
    /// Functions that flask-httpauth asks whether credentials are right, with where its object was made.
    pub(super) callbacks: Vec<(Place, Value<'p>)>,
    /// What the program writes into `app.config`.
    config: Vec<(String, Value<'p>)>,
}

/// Words of modules that make applications or do something to them.
static SERVING: &[&str] = &[
    "Flask",
    "Quart",
    "Blueprint",
    "register_blueprint",
    "add_url_rule",
    "add_resource",
    "add_namespace",
    "init_app",
    "before_request",
    ".route(",
];

impl<'p> Flask<'p> {
    fn make(&mut self, made: Made<'p>) -> Value<'p> {
        self.made.push(made);
        Value::Host(self.made.len() - 1)
    }

    fn configure(&mut self, key: &str, value: &Value<'p>) {
        self.config.push((key.to_owned(), value.clone()));
    }

    /// What `app.config[key]` is, unless a file or the environment says otherwise.
    fn configured(&self, key: &str) -> Value<'p> {
        match self.config.iter().rev().find(|(it, _)| it == key) {
            Some((_, Value::Str(text))) => Value::str(&text.text, true),
            _ => Value::Unknown,
        }
    }

    /// Whether flask-login may be switched off.
    pub(super) fn login_disabled(&self) -> bool {
        self.config.iter().any(|(key, value)| key == "LOGIN_DISABLED" && value.truth() != Some(false))
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

    pub(super) fn push(&mut self, at: usize, kind: OpKind<'p>, site: &Site) {
        if let Some(holder) = self.holder_mut(at) {
            holder.ops.push(Op { kind, site: site.clone() });
        }
    }

    fn decorator(
        &mut self,
        on: usize,
        rules: Vec<Value<'p>>,
        methods: Methods<'p>,
        args: &Args<'p>,
        site: &Site,
    ) -> Value<'p> {
        let endpoint = args.named("endpoint").filter(|it| !matches!(it, Value::None)).cloned();
        self.make(Made::Decorator(Registration { on, rules, endpoint, methods, site: site.clone() }))
    }

    fn config_method(&mut self, name: &str, args: &Args<'p>) -> Value<'p> {
        let table = args.positional.first().map(|it| it.value.clone());
        match (name, table) {
            ("update" | "from_mapping", Some(Value::Dict(table))) => {
                for (key, value) in fields_of(&table.items.borrow()) {
                    self.configure(&key, &value);
                }
            }
            ("get", _) => {
                return args.get(0, "key").and_then(Value::as_str).map_or(Value::Unknown, |it| self.configured(it));
            }
            _ => {}
        }
        for (key, arg) in args.keywords.iter().filter(|_| matches!(name, "update" | "from_mapping")) {
            self.configure(key, &arg.value);
        }
        Value::Unknown
    }

    /// A method of an application, a blueprint or an `Api`.
    fn register(&mut self, object: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        match name {
            "route" => {
                let methods = args.named("methods").cloned().map_or(Methods::Default, Methods::Given);
                let rules = args.positional.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
                let rules = if rules.is_empty() { args.named("rule").cloned().into_iter().collect() } else { rules };
                self.decorator(object, rules, methods, args, site)
            }
            verb if VERBS.contains(&verb) => {
                let rule = args.get(0, "rule").cloned();
                self.decorator(object, rule.into_iter().collect(), Methods::One(verb.to_ascii_uppercase()), args, site)
            }
            "endpoint" => {
                let name = args.get(0, "endpoint").cloned().unwrap_or(Value::Unknown);
                self.make(Made::Endpoint(object, name))
            }
            "add_url_rule" => {
                let methods = args.named("methods").cloned().map_or(Methods::Default, Methods::Given);
                let rules = args.get(0, "rule").cloned().into_iter().collect();
                let endpoint = args.get(1, "endpoint").filter(|it| !matches!(it, Value::None)).cloned();
                let registration = Registration { on: object, rules, endpoint, methods, site: site.clone() };
                let view = args.get(2, "view_func").filter(|it| !matches!(it, Value::None)).cloned();
                self.push(object, OpKind::Rule(registration, view), site);
                Value::None
            }
            "add_resource" => {
                let view = args.positional.first().map_or(Value::Unknown, |it| it.value.clone());
                let rules = args.positional.iter().skip(1).map(|it| it.value.clone()).collect();
                let methods = Methods::Default;
                let registration = Registration { on: object, rules, endpoint: None, methods, site: site.clone() };
                self.push(object, OpKind::Rule(registration, Some(view)), site);
                Value::None
            }
            "resource" => {
                let rules = args.positional.iter().map(|it| it.value.clone()).collect();
                self.decorator(object, rules, Methods::Default, &Args::default(), site)
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
            "parser" => self.make(Made::Parser(Vec::new())),
            "model" | "inherit" => self.model(args),
            "expect" | "marshal_with" | "marshal_list_with" => self.note(name, args),
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

    /// `Api(app)`, `api.init_app(app)`, `api.add_namespace(namespace)`.
    fn attach(&mut self, to: &Value<'p>, group: usize, prefix: Option<Value<'p>>, site: &Site) {
        for value in to.each() {
            if let Some(holder) = value.host() {
                self.push(holder, OpKind::Register(group, prefix.clone()), site);
            }
        }
    }

    /// `api.model(name, fields)`, or `api.inherit(name, parent, fields)`.
    fn model(&mut self, args: &Args<'p>) -> Value<'p> {
        let Some(name) = args.get(0, "name").and_then(Value::as_str).map(str::to_owned) else { return Value::Unknown };
        let mut fields: Vec<(String, Value<'p>)> = Vec::new();
        for arg in args.positional.iter().skip(1).chain(args.keyword("model")) {
            let more = match &arg.value {
                Value::Dict(dict) => fields_of(&dict.items.borrow()),
                Value::Host(at) => match self.made.get(*at) {
                    Some(Made::Model { fields, .. }) => fields.clone(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            };
            for (name, field) in more {
                fields.retain(|(it, _)| *it != name);
                fields.push((name, field));
            }
        }
        self.make(Made::Model { name, fields })
    }

    fn note(&mut self, name: &str, args: &Args<'p>) -> Value<'p> {
        let value = args.positional.first().map_or(Value::Unknown, |it| it.value.clone());
        if name == "expect" {
            return self.make(Made::Note(Note::Expect(value)));
        }
        let list = name == "marshal_list_with" || matches!(args.named("as_list"), Some(Value::Bool(true)));
        let code = match args.named("code") {
            Some(Value::Int(code)) => u16::try_from(*code).unwrap_or(200),
            _ => 200,
        };
        self.make(Made::Note(Note::Marshal { model: value, list, code }))
    }

    /// Keeps a note with the function or the class it was said of.
    fn keep(&mut self, note: usize, of: &Value<'p>) {
        let added = |old: Option<Value<'p>>| {
            let mut all = noted(old.as_ref());
            all.push(Value::Host(note));
            Value::list(ListKind::List, all, false, 0)
        };
        match of {
            Value::Function(function) => {
                let mut attrs = function.attrs.borrow_mut();
                let value = added(attrs.get(NOTES).cloned());
                attrs.insert(Rc::from(NOTES), value);
            }
            Value::Class(class) => {
                let value = added(class.own(NOTES));
                set(&mut class.attrs.borrow_mut(), NOTES, value);
            }
            _ => {}
        }
    }

    fn api(&mut self, args: &Args<'p>, site: &Site, restx: bool) -> Value<'p> {
        let mut holder = holder(site);
        holder.prefix = args.named("prefix").cloned();
        let page = match args.named("doc") {
            Some(Value::Bool(false)) => None,
            Some(Value::Str(text)) => Some(text.text.to_string()),
            _ => Some("/".to_owned()),
        };
        let specs = !matches!(args.named("add_specs"), Some(Value::Bool(false)));
        holder.documents = restx.then(|| Documents { page: page.filter(|_| specs), specs });
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
        if self.caller.is_some() {
            return self.asked(callee, args);
        }
        let name = callee.name();
        if let External::Member(of, last) = callee
            && matches!(&**last, "verify_token" | "verify_password")
            && let (Some((_, _, place)), Some(function)) = (of.called(), args.positional.first())
        {
            self.callbacks.push((place, function.value.clone()));
        }
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
            "flask_restful.reqparse.RequestParser"
            | "flask_restx.reqparse.RequestParser"
            | "flask_restplus.reqparse.RequestParser" => return Some(self.make(Made::Parser(Vec::new()))),
            "flask_restful.marshal_with" | "flask_restx.marshal_with" => return Some(self.note("marshal_with", args)),
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
        if self.caller.is_some() {
            return Value::Unknown;
        }
        match self.made.get(object) {
            Some(Made::Config) => return self.config_method(name, args),
            Some(Made::Views(on)) => return self.views_method(*on, name, args, site),
            Some(Made::Map(on)) => return self.map_method(*on, name, args, site),
            Some(Made::Hooks(on)) => return self.hooks_method(object, *on, name, site),
            _ => {}
        }
        if let Some(Made::Parser(known)) = self.made.get_mut(object) {
            return match name {
                "add_argument" => {
                    known.push(args.clone());
                    Value::Host(object)
                }
                "copy" => {
                    let copy = known.clone();
                    self.make(Made::Parser(copy))
                }
                _ => Value::Unknown,
            };
        }
        if self.holder(object).is_none() {
            return Value::Unknown;
        }
        self.register(object, name, args, site)
    }

    fn invoke(&mut self, object: usize, args: &Args<'p>, site: &Site) -> Value<'p> {
        let given = args.positional.first().map_or(Value::Unknown, |it| it.value.clone());
        if self.caller.is_some() {
            return given;
        }
        match self.made.get(object) {
            Some(Made::Decorator(registration)) => {
                let registration = registration.clone();
                // The statement is the function that is decorated, by which a wrapper around it is told.
                let site = Site { call: registration.site.call, ..site.clone() };
                self.push(registration.on, OpKind::Rule(registration, Some(given.clone())), &site);
                given
            }
            Some(Made::Endpoint(on, name)) => {
                let (on, name) = (*on, name.clone());
                self.push(on, OpKind::View(name, given.clone()), site);
                given
            }
            Some(Made::Hook { on, all }) => {
                let (on, all) = (*on, *all);
                self.push(on, OpKind::Before(given.clone(), all), site);
                given
            }
            Some(Made::Note(_)) => {
                self.keep(object, &given);
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

    fn attribute(&mut self, object: usize, name: &str) -> Option<Value<'p>> {
        if !matches!(self.made.get(object), Some(Made::App(_))) {
            return None;
        }
        let made = match name {
            "config" => Made::Config,
            "view_functions" => Made::Views(object),
            "url_map" => Made::Map(object),
            "before_request_funcs" => Made::Hooks(object),
            _ => return None,
        };
        Some(self.make(made))
    }

    fn set_item(&mut self, object: usize, key: &Value<'p>, value: &Value<'p>, site: &Site) {
        if self.caller.is_some() {
            return;
        }
        match (self.made.get(object), key.as_str()) {
            (Some(Made::Config), Some(key)) => self.configure(key, value),
            (Some(Made::Views(on)), _) => self.push(*on, OpKind::View(key.clone(), value.clone()), site),
            (Some(Made::Hooks(on)), _) => self.push(*on, OpKind::HooksGone, site),
            _ => {}
        }
    }

    fn assign(&mut self, object: usize, name: &str, value: &Value<'p>, site: &Site) {
        match name {
            _ if self.caller.is_some() => {}
            "before_request_funcs" => self.push(object, OpKind::HooksGone, site),
            "view_functions" => {
                self.views_method(object, "update", &Args::of(vec![value.clone()], site.place()), site);
            }
            _ => {}
        }
    }

    fn iterate(&mut self, object: usize) -> Option<(Vec<Value<'p>>, bool)> {
        match self.made.get(object)? {
            Made::Views(on) => {
                let (views, open) = self.views(*on);
                Some((views.into_iter().map(|(name, _)| Value::text(&name)).collect(), open))
            }
            _ => None,
        }
    }

    fn item(&mut self, object: usize, key: &Value<'p>) -> Value<'p> {
        match (self.made.get(object), key.as_str()) {
            (Some(Made::Config), Some(key)) => self.configured(key),
            (Some(Made::Views(on)), Some(key)) => {
                let found = self.views(*on).0.into_iter().find(|(name, _)| name == key);
                found.map_or(Value::Unknown, |(_, view)| view)
            }
            // The list of one blueprint is as good as all of them.
            (Some(Made::Hooks(_)), _) => Value::Host(object),
            _ => Value::Unknown,
        }
    }

    fn member(&mut self, of: &External<'p>, name: &str) -> Option<Value<'p>> {
        self.attribute_of(of, name)
    }

    fn subscript(&mut self, of: &External<'p>, key: &Value<'p>) -> Option<Value<'p>> {
        self.part(&of.name(), key.as_str())
    }

    fn contained(&mut self, of: &External<'p>, key: &Value<'p>) -> Option<bool> {
        match self.part(&of.name(), key.as_str())? {
            Value::None => Some(false),
            Value::Str(_) => Some(true),
            _ => None,
        }
    }

    fn raises(&mut self, callee: &External<'p>, args: &Args<'p>) -> bool {
        self.caller.is_some() && self.raises_for_caller(callee, args)
    }

    fn serves(&self, text: &str) -> bool {
        SERVING.iter().any(|it| text.contains(it))
    }

    fn makes(&self, name: &str) -> bool {
        matches!(name, "flask.Flask" | "flask.app.Flask" | "quart.Quart")
    }
}
