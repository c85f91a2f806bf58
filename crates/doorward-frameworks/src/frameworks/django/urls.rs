//! Walks URL configurations.

use std::rc::Rc;

use doorward::inventory::{Method, StepKind};

use super::discover::{Context, Reader};
use super::host::Made;
use super::pattern::{self, Converter, Part, Way};
use super::projects;
use super::tables;
use super::views::{Target, View};
use crate::py::program;
use crate::py::value::{Args, External, ListKind, Place, Value};
use crate::walk::printable;

/// No project a person wrote nests includes deeper.
const MAX_NESTING: usize = 24;
/// Nor has it more patterns, each counted as often as it is included.
const MAX_PATTERNS: usize = 100_000;

impl<'p> Reader<'p> {
    /// The patterns of a module.
    pub(super) fn module(&mut self, module: usize, place: Place, context: &Context) {
        match self.eval.module_attribute(module, "urlpatterns") {
            Some(value) => {
                let span = projects::assignment(&self.program.module(module).body, "urlpatterns");
                self.patterns(&value, span.map_or(place, |span| Place { module, span }), context);
            }
            None => {
                let file = printable(&self.program.module(module).file);
                self.tell("DW2244", format!("`{file}` has no `urlpatterns`"), place, "correct the name of the module");
            }
        }
    }

    /// A list of patterns.
    pub(super) fn patterns(&mut self, value: &Value<'p>, place: Place, context: &Context) {
        if context.depth > MAX_NESTING {
            return;
        }
        let context = Context { depth: context.depth + 1, ..context.clone() };
        let lists = value.each();
        // Alternatives share most of their patterns.
        let mut walked: Vec<Value<'p>> = Vec::new();
        for value in &lists {
            if matches!(value, Value::None) {
                continue;
            }
            let (items, open) = match value {
                Value::List(list) => {
                    let key = Rc::as_ptr(list).cast::<u8>();
                    // A list that includes itself has routes without end.
                    if self.open.contains(&key) {
                        self.unknown(place);
                        continue;
                    }
                    self.open.push(key);
                    self.eval.items(value)
                }
                _ => (vec![value.clone()], false),
            };
            for item in items {
                if lists.len() > 1 {
                    if walked.iter().any(|it| it.same(&item)) {
                        continue;
                    }
                    walked.push(item.clone());
                }
                self.pattern(&item, place, &context);
            }
            if matches!(value, Value::List(_)) {
                self.open.pop();
            }
            if open {
                let message = "some patterns of this list are only known when the program runs".to_owned();
                self.tell("DW2244", message, place, "list the patterns as literals");
            }
        }
    }

    fn pattern(&mut self, value: &Value<'p>, place: Place, context: &Context) {
        self.walked += 1;
        if self.walked > MAX_PATTERNS {
            return;
        }
        match value {
            Value::None => {}
            Value::OneOf(values) => {
                let context = Context { maybe: true, ..context.clone() };
                for value in values.iter() {
                    self.pattern(value, place, &context);
                }
            }
            Value::List(_) => self.patterns(value, place, context),
            Value::Host(object) => match self.eval.host.made.get(*object) {
                Some(Made::Urls(urls)) => {
                    let urls = Rc::clone(urls);
                    self.router(&urls.router, context);
                }
                _ => self.unknown(place),
            },
            Value::External(external) => match external.called() {
                Some((callee, args, at)) => {
                    let (callee, args) = (Rc::clone(callee), Rc::clone(args));
                    self.call(&callee, &args, at, context);
                }
                None => self.foreign_urls(&external.name(), place, context),
            },
            Value::Instance(instance) => {
                let base = instance.base.borrow().clone();
                match base {
                    Some(base @ Value::External(_)) => self.pattern(&base, place, context),
                    _ => self.unknown(place),
                }
            }
            _ => self.unknown(place),
        }
    }

    fn unknown(&mut self, place: Place) {
        let message = "a pattern is only known when the program runs".to_owned();
        self.tell("DW2244", message, place, "write the pattern as `path(…)` with a literal");
    }

    /// `path(…)` and what else makes patterns.
    fn call(&mut self, callee: &Rc<External<'p>>, args: &Rc<Args<'p>>, place: Place, context: &Context) {
        match (callee.package(), callee.last()) {
            (Some("django"), "path") => self.made(args, place, context, false),
            (Some("django"), "re_path" | "url") => self.made(args, place, context, true),
            (Some("django"), "i18n_patterns") => self.translated(args, place, context),
            (Some("django"), "static") => {
                let prefix = args.get(0, "prefix").cloned();
                let view = args.named("view").cloned();
                self.files(prefix, view, place, context);
            }
            (Some("django"), "staticfiles_urlpatterns") => {
                let prefix =
                    args.get(0, "prefix").cloned().or_else(|| self.eval.host.settings.get("STATIC_URL").cloned());
                self.files(prefix, None, place, context);
            }
            (Some("rest_framework"), "format_suffix_patterns") => {
                if let Some(inner) = args.get(0, "urlpatterns").cloned() {
                    self.suffixed(&inner, place, context);
                }
            }
            (Some("django"), "include") => self.include(args, place, context),
            _ => self.foreign_urls(&callee.name(), place, context),
        }
    }

    /// `path(route, view)`, where the view may be an include.
    fn made(&mut self, args: &Rc<Args<'p>>, place: Place, context: &Context, regex: bool) {
        let (route, view) = (args.get(0, if regex { "regex" } else { "route" }), args.get(1, "view"));
        let (Some(route), Some(view)) = (route.cloned(), view.cloned()) else { return self.unknown(place) };
        for view in view.each() {
            let context = Context {
                maybe: context.maybe || matches!(args.get(1, "view"), Some(Value::OneOf(_))),
                ..context.clone()
            };
            let included = self.included(&view);
            for ways in self.ways(&route, place, regex, included.is_none()) {
                match &included {
                    None => self.view(&view, &ways, place, &context),
                    Some(inner) => {
                        let mut inside = Context { way: context.way.then(&ways), ..context.clone() };
                        let step = self.step(StepKind::Mount, place, Some(&ways.shown()));
                        inside.steps.push(step);
                        self.included_patterns(inner, place, &inside);
                    }
                }
            }
        }
    }

    /// What a pattern's text matches; nothing if it isn't known.
    fn ways(&mut self, route: &Value<'p>, place: Place, regex: bool, endpoint: bool) -> Vec<Way> {
        let mut all = Vec::new();
        for value in route.some().each() {
            let Some(text) = value.as_str().map(str::to_owned) else {
                // A translated path, or one that a variable gives.
                let message = "the path of a pattern is only known when the program runs".to_owned();
                self.tell("DW2003", message, place, "use a literal or a constant");
                continue;
            };
            if matches!(&value, Value::Str(text) if text.assumed) {
                let message = format!("a path depends on the environment; `{}` is its default", printable(&text));
                self.tell("DW2010", message, place, "make it a constant, or check the deployment's value");
            }
            if regex {
                all.extend(pattern::regex(&text, endpoint));
            } else {
                let known = self.converters(&text);
                all.push(pattern::route(&text, &|name| {
                    let own = known.iter().find(|(it, _)| it == name).map(|(_, it)| it.clone());
                    own.or_else(|| pattern::converter(name))
                }));
            }
        }
        all
    }

    /// The converters of the program that a route names.
    fn converters(&mut self, text: &str) -> Vec<(String, Converter)> {
        let names: Vec<String> = text
            .split('<')
            .skip(1)
            .filter_map(|it| Some(it.split_once('>')?.0.split_once(':')?.0.to_owned()))
            .collect();
        names
            .into_iter()
            .filter_map(|name| {
                let value = self.eval.host.converters.get(&name).cloned()?;
                let regex = self.eval.attribute(&value, "regex");
                let many = regex.as_str().is_some_and(pattern::holds_slashes);
                let mut schema = serde_json::json!({ "type": "string" });
                if let (Some(text), Some(object)) = (regex.as_str(), schema.as_object_mut()) {
                    object.insert("pattern".to_owned(), serde_json::json!(format!("^(?:{})$", printable(text))));
                }
                Some((name, Converter { many, schema }))
            })
            .collect()
    }

    /// What a view of a pattern includes, if it is not a view.
    fn included(&self, view: &Value<'p>) -> Option<Value<'p>> {
        match view {
            Value::List(_) => Some(view.clone()),
            Value::External(external) => match external.called() {
                Some((callee, args, _)) if callee.name() == "channels.routing.URLRouter" => {
                    Some(args.get(0, "routes").cloned().unwrap_or(Value::Unknown))
                }
                Some((callee, args, _)) if callee.package() == Some("django") && callee.last() == "include" => {
                    Some(args.get(0, "arg").cloned().unwrap_or(Value::Unknown))
                }
                Some(_) => None,
                None => external.name().ends_with(".urls").then(|| view.clone()),
            },
            Value::Module(_) => Some(view.clone()),
            Value::Host(object) => {
                matches!(self.eval.host.made.get(*object), Some(Made::Urls(_))).then(|| view.clone())
            }
            _ => None,
        }
    }

    fn include(&mut self, args: &Rc<Args<'p>>, place: Place, context: &Context) {
        if let Some(inner) = args.get(0, "arg").cloned() {
            self.included_patterns(&inner, place, context);
        }
    }

    /// The argument of `include(…)`: a module, its name, a list, or one of these with the name of an app.
    fn included_patterns(&mut self, value: &Value<'p>, place: Place, context: &Context) {
        match value {
            Value::Str(text) => match self.program.resolve(self.project.from, 0, &text.text) {
                program::Target::Module(module) => self.module(module, place, context),
                program::Target::Package => {
                    let name = text.text.to_string();
                    self.foreign_urls(&name, place, context);
                }
                program::Target::Missing => {
                    let message = format!("the module `{}` is not in the tree", printable(&text.text));
                    self.tell("DW2007", message, place, "correct the name, or generate the file first");
                }
            },
            Value::Module(module) => self.module(*module, place, context),
            Value::List(list) if list.kind == ListKind::Tuple => {
                let first = list.items.borrow().first().cloned();
                let is_pair = list.items.borrow().iter().skip(1).any(|it| matches!(it, Value::Str(_) | Value::None));
                match first {
                    Some(first) if is_pair || list.items.borrow().len() == 1 => {
                        self.included_patterns(&first, place, context);
                    }
                    _ => self.patterns(value, place, context),
                }
            }
            Value::OneOf(values) => {
                let context = Context { maybe: true, ..context.clone() };
                for value in values.iter() {
                    self.included_patterns(value, place, &context);
                }
            }
            Value::None => {}
            Value::External(external) if external.called().is_none() || external.last() == "urls" => {
                let name = external.name();
                self.foreign_urls(&name, place, context);
            }
            other => self.patterns(other, place, context),
        }
    }

    fn view(&mut self, view: &Value<'p>, way: &Way, place: Place, context: &Context) {
        if context.sockets {
            let target = Target::of(&self.eval, view, place);
            return self.endpoint(context, way, &target, &[(Method::WEBSOCKET.to_owned(), None)], place);
        }
        let view = match view.as_str() {
            // Names of views in quotes were taken until Django 1.10.
            Some(text) => self.dotted(text),
            None => view.clone(),
        };
        let target = Target::of(&self.eval, &view, place);
        let methods = self.methods(&target, place);
        self.endpoint(context, way, &target, &methods, place);
    }

    /// The methods of a view; every method where they are not known.
    pub(super) fn methods(&mut self, target: &Target<'p>, place: Place) -> Vec<(String, Option<String>)> {
        if let View::Package(name, _) = &target.view
            && tables::base(name).is_none()
            && !super::views::open_function(name)
            && !matches!(
                name.as_str(),
                "rest_framework.authtoken.views.obtain_auth_token" | "rest_framework.schemas.get_schema_view"
            )
        {
            let message = format!("the view `{}` is not in the tree; it is listed for all methods", printable(name));
            self.tell("DW2241", message, place, "read in the package's documentation who may call it");
        }
        match target.methods(&mut self.eval) {
            Some(methods) => methods,
            None => {
                if !matches!(target.view, View::Package(..)) {
                    let message = "the methods of a view are only known when the program runs; it is listed for all";
                    self.tell("DW2008", message.to_owned(), place, "list the methods as literals");
                }
                vec![(Method::ALL.to_owned(), None)]
            }
        }
    }

    /// URLs that a package brings.
    fn foreign_urls(&mut self, name: &str, place: Place, context: &Context) {
        if name.starts_with("django.contrib.admin") && name.ends_with("urls") && !name.contains("admindocs") {
            return self.admin_site(place, context);
        }
        if let Some(known) = tables::INCLUDED.iter().find(|it| it.module == name) {
            for (path, view) in known.routes {
                let way = pattern::route(path, &pattern::converter);
                self.package_view(view, &way, place, context);
            }
            return;
        }
        let message = format!("the URLs of `{}` are included; they are not listed", printable(name));
        self.tell("DW2004", message, place, "read in the package's documentation what it serves, and to whom");
    }

    /// The admin: its page to log in, and everything else, which it guards itself.
    fn admin_site(&mut self, place: Place, context: &Context) {
        self.load_admin();
        let rest =
            Way { parts: vec![Part::Value { name: "path".to_owned(), many: true }], exact: true, schemas: Vec::new() };
        let view = if self.eval.host.admin_urls.is_empty() && !self.eval.host.own_admin {
            tables::ADMIN
        } else {
            tables::ADMIN_MIXED
        };
        self.package_view(tables::ADMIN_LOGIN, &Way::text("login/"), place, context);
        self.package_view(view, &rest, place, context);
    }

    /// A view of a package that is known; all methods where it doesn't say which.
    fn package_view(&mut self, view: &str, way: &Way, place: Place, context: &Context) {
        let target = Target { layers: Vec::new(), view: View::Package(view.to_owned(), Args::default()) };
        let mut methods = target.methods(&mut self.eval).unwrap_or_default();
        if methods.is_empty() {
            methods.push((Method::ALL.to_owned(), None));
        }
        self.endpoint(context, way, &target, &methods, place);
    }

    /// Loads the modules that the admin loads: those called `admin` of the project.
    fn load_admin(&mut self) {
        let prefix = match self.project.folder.as_str() {
            "." => String::new(),
            folder => format!("{folder}/"),
        };
        for at in 0..self.program.count() {
            let module = self.program.module(at);
            let is_admin = module.file.ends_with("/admin.py") || module.file.contains("/admin/");
            if is_admin && module.file.starts_with(&prefix) && module.text.contains("get_urls") {
                self.eval.load(at);
            }
        }
    }

    /// `i18n_patterns(…)`: each pattern below the language, and without it where the default has no prefix.
    fn translated(&mut self, args: &Rc<Args<'p>>, place: Place, context: &Context) {
        let unprefixed = matches!(args.named("prefix_default_language"), Some(Value::Bool(false)));
        let items: Vec<Value<'p>> = args.positional.iter().map(|it| it.value.clone()).collect();
        let used = self.eval.host.setting("USE_I18N").is_none_or(|it| it.truth() != Some(false));
        let mut ways = vec![Way::text("")];
        if used {
            let mut way = Way::text("");
            way.parts = vec![Part::Value { name: "language".to_owned(), many: false }, Part::Text("/".to_owned())];
            if !unprefixed {
                ways.clear();
            }
            ways.push(way);
        }
        for way in ways {
            let mut inside = Context { way: context.way.then(&way), ..context.clone() };
            inside.steps.push(self.step(StepKind::Prefix, place, Some(&way.shown())));
            for item in &items {
                self.pattern(item, place, &inside);
            }
        }
        if args.open {
            self.unknown(place);
        }
    }

    /// `static(…)`, which serves files while debugging.
    fn files(&mut self, prefix: Option<Value<'p>>, view: Option<Value<'p>>, place: Place, context: &Context) {
        let debug = self.eval.host.setting("DEBUG").unwrap_or(Value::Unknown);
        if debug.truth() == Some(false) {
            return;
        }
        let context = Context { maybe: context.maybe || debug.truth().is_none(), ..context.clone() };
        let Some(prefix) = prefix else { return };
        let Some(text) = prefix.as_str().map(str::to_owned) else {
            let message = "the path of files is only known when the program runs".to_owned();
            return self.tell("DW2003", message, place, "use a literal or a constant");
        };
        // Files of other hosts are not served.
        if text.contains("://") {
            return;
        }
        let way = Way::text(text.trim_start_matches('/')).then(&Way {
            parts: vec![Part::Value { name: "path".to_owned(), many: true }],
            exact: true,
            schemas: Vec::new(),
        });
        match view {
            Some(view) => self.view(&view, &way, place, &context),
            None => {
                let target = Target {
                    layers: Vec::new(),
                    view: View::Package("django.views.static.serve".to_owned(), Args::default()),
                };
                self.endpoint(&context, &way, &target, &[(Method::ALL.to_owned(), None)], place);
            }
        }
    }

    /// `format_suffix_patterns(…)`: each pattern, and the same with a suffix.
    fn suffixed(&mut self, value: &Value<'p>, place: Place, context: &Context) {
        let (items, open) = self.eval.items(value);
        for item in items {
            self.pattern(&item, place, context);
            for item in item.each() {
                let Value::External(external) = &item else { continue };
                let Some((callee, args, at)) = external.called() else { continue };
                let regex = matches!(callee.last(), "re_path" | "url");
                let (Some(route), Some(view)) = (args.get(0, "route"), args.get(1, "view")) else { continue };
                let Some(text) = route.as_str() else { continue };
                let text = text.trim_end_matches('$').trim_end_matches('/');
                let suffixed = match regex {
                    true => format!("{text}\\.(?P<format>[a-z0-9]+)/?$"),
                    false => format!("{text}<drf_format_suffix:format>"),
                };
                let view = view.clone();
                for way in self.ways(&Value::text(&suffixed), at, regex, true) {
                    self.view(&view, &way, at, context);
                }
            }
        }
        if open {
            self.unknown(place);
        }
    }
}
