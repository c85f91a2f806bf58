//! Reads the routes of Django projects.
//!
//! The settings of a project are evaluated first, as Django does, and then the module of its `ROOT_URLCONF`. What
//! that leaves in `urlpatterns` is walked, pattern by pattern.

use std::collections::{BTreeSet, HashSet};

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{Method, Route, RouteId, Step, StepKind};

use super::guards::{Asked, Guards, Middleware, MiddlewareKind};
use super::host::{Django, Seen};
use super::pattern::{self, Way};
use super::projects::{self, Project};
use super::serializers::Schemas;
use super::verdict::DjangoEval;
use super::views::Target;
use crate::project::{Found, Package};
use crate::py::eval::{Eval, Site};
use crate::py::packages::{location, problem};
use crate::py::program::{self, Program};
use crate::py::value::{Args, Place, Slot, Value};
use crate::walk::printable;

const MAX_ROUTES: usize = 50_000;

/// Reads one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let projects = projects::find(program, package);
    let mut found = Found { unresolved: projects.unresolved, ..Found::default() };
    let several = projects.all.len() > 1;
    let mut read: BTreeSet<usize> = BTreeSet::new();
    for (at, project) in projects.all.iter().enumerate() {
        let mut one = Reader::read(program, package, project);
        read.extend(one.read.iter().copied());
        if at == 0 && (!several || project.folder == package.root) {
            one.unresolved.append(&mut found.unresolved);
            one.further = std::mem::take(&mut found.further);
            found = one;
        } else {
            let root = project.folder.clone();
            found.further.push((root, one));
        }
    }
    unreached(program, package, &read, &mut found);
    found
}

/// URL configurations that no project includes.
fn unreached(program: &Program, package: &Package, read: &BTreeSet<usize>, found: &mut Found) {
    for at in &package.modules {
        let module = program.module(*at);
        if read.contains(at) || !module.text.contains("urlpatterns") {
            continue;
        }
        let Some(span) = projects::assignment(&module.body, "urlpatterns") else { continue };
        let place = Place { module: *at, span };
        let message = format!("the patterns of `{}` are never included", printable(&module.file));
        let diagnostic = Diagnostic::new("DW2011", message)
            .at(location(program, place))
            .help("include them, delete them, or ignore this if they are for tests");
        found.loose.push((place, diagnostic));
    }
}

/// What leads to a pattern.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) way: Way,
    pub(super) steps: Vec<Step>,
    /// It may not be there, or something before it may not.
    pub(super) maybe: bool,
    /// It is about WebSockets, which Channels serves.
    pub(super) sockets: bool,
    pub(super) depth: usize,
}

pub(super) struct Reader<'p> {
    pub(super) program: &'p Program,
    pub(super) eval: DjangoEval<'p>,
    pub(super) found: Found,
    pub(super) project: Project,
    pub(super) middleware: Vec<Middleware<'p>>,
    /// Patterns that answer for sure, by their whole text and method.
    taken: HashSet<String>,
    seen: HashSet<(RouteId, Place)>,
    /// Lists of patterns that are being walked.
    pub(super) open: Vec<*const u8>,
    pub(super) walked: usize,
    pub(super) schemas: Schemas,
}

impl<'p> Reader<'p> {
    fn read(program: &'p Program, package: &Package, project: &Project) -> Found {
        let mut reader = Self {
            program,
            eval: Eval::new(program, Django::new()),
            found: Found::default(),
            project: project.clone(),
            middleware: Vec::new(),
            taken: HashSet::new(),
            seen: HashSet::new(),
            open: Vec::new(),
            walked: 0,
            schemas: Schemas::default(),
        };
        reader.settings(package);
        reader.resolve_permissions();
        reader.middleware();
        reader.root();
        reader.sockets();
        reader.admin();
        reader.foreign();
        let mut found = reader.found;
        found.read = reader.eval.read();
        found.unresolved.extend(reader.eval.problems.iter().map(|it| problem(program, it)));
        found.schemas = reader.schemas.into_named();
        found
    }

    /// Evaluates the settings, and keeps what they say.
    fn settings(&mut self, package: &Package) {
        let settings = self.project.settings;
        self.eval.load(settings);
        let Some(scope) = self.eval.module_scope(settings) else { return };
        let names: Vec<String> = scope
            .vars
            .borrow()
            .keys()
            .filter(|it| it.starts_with(|c: char| c.is_uppercase()))
            .map(|it| it.to_string())
            .collect();
        for name in names {
            let value = match scope.lookup(&name) {
                Some(Slot::Value(value)) => value,
                Some(Slot::Late(..)) => self.eval.resolve(&name, &scope).unwrap_or(Value::Unknown),
                None => continue,
            };
            self.eval.host.settings.insert(name, value);
        }
        let labels = crate::py::value::Dict::default();
        for at in &package.modules {
            let file = &self.program.module(*at).file;
            let mut folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            while let Some((outside, inside)) = folder.rsplit_once('/') {
                if !matches!(inside, "models" | "migrations") {
                    break;
                }
                folder = outside;
            }
            let label = folder.rsplit('/').next().unwrap_or(folder);
            if let Ok(key) = i64::try_from(*at) {
                labels.set(Value::Int(key), Value::text(label));
            }
        }
        self.eval.host.settings.insert("\0labels".to_owned(), Value::Dict(std::rc::Rc::new(labels)));
    }

    /// The permissions that views of the REST framework have unless they name others.
    fn resolve_permissions(&mut self) {
        let items = match self.eval.host.rest_setting("DEFAULT_PERMISSION_CLASSES") {
            Some(list @ Value::List(_)) => {
                let (items, open) = self.eval.items(&list);
                let found = items.iter().map(|it| match it.as_str() {
                    Some(text) => self.dotted(text),
                    None => it.clone(),
                });
                let found: Vec<Value<'p>> = found.collect();
                (!open).then_some(found)
            }
            Some(_) => None,
            None => Some(vec![self.dotted("rest_framework.permissions.AllowAny")]),
        };
        let list = items.map_or(Value::Unknown, |it| Value::list(Default::default(), it, false, 0));
        self.eval.host.default_permissions = Some(list);
    }

    /// Where a setting is given its value.
    pub(super) fn setting_place(&self, name: &str) -> Place {
        let read = std::iter::once(self.project.settings).chain(self.eval.read());
        let mut places = read.filter_map(|module| {
            let span = projects::assignment(&self.program.module(module).body, name)?;
            Some(Place { module, span })
        });
        places.next().unwrap_or(Place { module: self.project.settings, span: Default::default() })
    }

    /// What a dotted name of the settings stands for. A text: nothing in the tree or of a package.
    pub(super) fn dotted(&mut self, dotted: &str) -> Value<'p> {
        let Some((module, name)) = dotted.rsplit_once('.') else { return Value::text(dotted) };
        match self.program.resolve(self.project.from, 0, module) {
            program::Target::Module(at) => match self.eval.module_attribute(at, name) {
                Some(value) => value,
                None => Value::text(dotted),
            },
            program::Target::Package => match Value::package(module) {
                Value::External(package) => package.member(name),
                other => other,
            },
            program::Target::Missing => Value::text(dotted),
        }
    }

    pub(super) fn site(&self, place: Place) -> Site {
        Site { module: place.module, call: place.span, statement: place.span, branch: std::rc::Rc::from([]) }
    }

    fn middleware(&mut self) {
        let Some(list) = self.eval.host.settings.get("MIDDLEWARE").cloned() else { return };
        let place = self.setting_place("MIDDLEWARE");
        let lists = list.each();
        let (mut named, mut open): (Vec<(String, usize, bool)>, bool) = (Vec::new(), false);
        for list in &lists {
            let (items, is_open) = self.eval.items(list);
            open |= is_open;
            for item in items {
                let maybe = matches!(item, Value::OneOf(_));
                let Some(text) = item.some().as_str().map(str::to_owned) else { continue };
                match named.iter_mut().find(|(it, ..)| *it == text) {
                    Some((_, count, _)) => *count += 1,
                    None => named.push((text, 1, maybe)),
                }
            }
        }
        for (text, count, maybe) in named {
            let maybe = maybe || count < lists.len();
            let name = text.rsplit('.').next().unwrap_or(&text).to_owned();
            let kind = if text == "django.contrib.auth.middleware.LoginRequiredMiddleware" {
                MiddlewareKind::Login
            } else {
                let value = self.dotted(&text);
                let next = Args::of(vec![Django::part(Seen::Next)], place);
                match &value {
                    Value::Class(class) => {
                        let origin = self.program.module(class.module).file.clone();
                        let made = self.eval.construct(class, &next, &self.site(place));
                        MiddlewareKind::Tree(made, origin)
                    }
                    Value::Function(function) => {
                        let origin = self.program.module(function.module).file.clone();
                        let made = self.eval.call_value(&value, &next, &self.site(place));
                        MiddlewareKind::Tree(made, origin)
                    }
                    Value::External(external) => {
                        let package = external.package().unwrap_or_default().to_owned();
                        let quiet = super::tables::quiet_middleware(&package);
                        if quiet || !crate::py::guards::sounds_like_auth(&text) {
                            continue;
                        }
                        MiddlewareKind::Package(package)
                    }
                    _ => {
                        let message = format!("the middleware `{}` is not in the tree", printable(&text));
                        self.note(
                            Diagnostic::new("DW2022", message).help("read what it does to strangers").listed(),
                            place,
                        );
                        continue;
                    }
                }
            };
            let place = self.text_place(place, &text);
            self.middleware.push(Middleware { name, kind, place, maybe });
        }
        if open {
            let unknown = Diagnostic::new("DW2244", "some middleware is only known when the program runs");
            self.note(unknown.help("list the middleware as literals").listed(), place);
        }
    }

    /// Where a text stands inside of a place.
    fn text_place(&self, place: Place, text: &str) -> Place {
        let module = self.program.module(place.module);
        let inside = module.text.get(place.span.range()).and_then(|it| it.find(text));
        match inside {
            Some(at) => {
                let start = place.span.start + at;
                Place { module: place.module, span: crate::source::Span { start, end: start + text.len() } }
            }
            None => place,
        }
    }

    fn root(&mut self) {
        let place = self.setting_place("ROOT_URLCONF");
        let Some(value) = self.eval.host.settings.get("ROOT_URLCONF").cloned() else {
            let message = format!(
                "`{}` does not say where the URLs are",
                printable(&self.program.module(self.project.settings).file)
            );
            self.tell("DW2240", message, self.project.place, "set ROOT_URLCONF to a literal");
            return;
        };
        let mut steps = Vec::new();
        if self.project.from != self.project.settings {
            steps.push(self.step(StepKind::App, self.project.place, None));
        }
        for value in value.each() {
            let Some(text) = value.as_str().map(str::to_owned) else {
                if !matches!(value, Value::None) {
                    let message = "ROOT_URLCONF is only known when the program runs".to_owned();
                    self.tell("DW2240", message, place, "set it to a literal");
                }
                continue;
            };
            let from = self.project.from;
            match self.program.resolve(from, 0, &text) {
                program::Target::Module(module) => {
                    self.found.serves = true;
                    let mut steps = steps.clone();
                    steps.push(self.step(StepKind::App, place, None));
                    let context = Context { way: Way::text("/"), steps, maybe: false, sockets: false, depth: 0 };
                    self.module(module, place, &context);
                }
                _ => {
                    let message = format!("the module `{}` is not in the tree", printable(&text));
                    self.tell("DW2240", message, place, "correct ROOT_URLCONF");
                }
            }
        }
    }

    /// Classes of the admin that make URLs of their own.
    fn admin(&mut self) {
        for class in std::mem::take(&mut self.eval.host.admin_urls) {
            let place = Place { module: class.module, span: crate::py::eval::span(&class.def.name) };
            let message = format!("`{}` adds URLs to the admin, which are not listed", printable(class.name()));
            self.tell("DW2245", message, place, "wrap each of its views in `self.admin_site.admin_view`");
        }
    }

    fn foreign(&mut self) {
        for (_, place) in std::mem::take(&mut self.eval.host.foreign) {
            let message = "this API is made with Django Ninja, whose routes are not read".to_owned();
            self.tell("DW2246", message, place, "look at its operations by hand");
        }
    }

    pub(super) fn tell(&mut self, code: &str, message: String, place: Place, help: &str) {
        self.note(Diagnostic::new(code, message).help(help), place);
    }

    /// Something that can't be known, and what it means for the list of routes.
    pub(super) fn note(&mut self, diagnostic: Diagnostic, place: Place) {
        let diagnostic = diagnostic.at(location(self.program, place));
        if !self.found.unresolved.contains(&diagnostic) {
            self.found.unresolved.push(diagnostic);
        }
    }

    /// Something that is wrong with the guards there are.
    pub(super) fn find(&mut self, code: &str, message: String, place: Place, help: &str) {
        let diagnostic = Diagnostic::new(code, message).at(location(self.program, place)).help(help);
        if !self.found.source.findings.contains(&diagnostic) {
            self.found.source.findings.push(diagnostic);
        }
    }

    pub(super) fn step(&self, kind: StepKind, place: Place, path: Option<&str>) -> Step {
        let at = location(self.program, place);
        let text = self.program.module(place.module).text.get(place.span.range()).unwrap_or_default().to_owned();
        Step { kind, text: shown(&text), path: path.map(printable), file: at.file, line: at.line }
    }

    /// Adds the routes of a view. `way`: the pattern behind what leads to it.
    pub(super) fn endpoint(
        &mut self,
        context: &Context,
        way: &Way,
        target: &Target<'p>,
        methods: &[(String, Option<String>)],
        place: Place,
    ) {
        if self.found.routes.len() > MAX_ROUTES {
            return;
        }
        let whole = context.way.then(way);
        let Some((path, exact)) = pattern::template(&whole) else {
            let message = format!("the pattern `{}` has no path template", printable(&whole.shown()));
            self.tell("DW2009", message, place, "check the route by hand");
            return;
        };
        if !exact {
            let message = format!("the pattern is more than the template `{path}` says");
            self.note(Diagnostic::new("DW2009", message).help("check by hand which paths it takes").listed(), place);
        }
        let text = if context.sockets { format!("{} {}", Method::WEBSOCKET, whole.shown()) } else { whole.shown() };
        if self.taken.contains(&text) {
            // Routers repeat their page and their suffixes without anybody's mistake.
            let by_router = target.is_root_page() || text.ends_with(".{format}") || text.ends_with(".{format}/");
            if !by_router {
                let message = format!("an earlier pattern takes every request to `{}`", printable(&text));
                self.tell("DW2242", message, place, "remove the pattern, or move it before the other");
            }
            return;
        }
        if !context.maybe {
            self.taken.insert(text.clone());
        }
        let shown = whole.shown();
        let literal = whole.parts.iter().all(|it| matches!(it, pattern::Part::Text(_))).then_some(shown.as_str());
        for (method, action) in methods {
            let id = RouteId { method: Method::new(method), path: path.clone() };
            if !self.seen.insert((id.clone(), place)) {
                continue;
            }
            let asked = Asked {
                method: (method != Method::ALL).then_some(method.as_str()),
                action: action.as_deref(),
                path: literal,
                place,
            };
            let guards: Guards = self.guards(target, &asked);
            let at = location(self.program, place);
            let mut route = Route::new(id, at.file, at.line);
            route.trace.clone_from(&context.steps);
            guards.write(&mut route);
            route.trace.push(self.step(StepKind::Route, place, Some(&way.shown())));
            if let Some((name, at)) = target.handler(method, action.as_deref()) {
                let mut step = self.step(StepKind::Handler, if at == Place::default() { place } else { at }, None);
                step.text = printable(&name);
                route.trace.push(step);
            }
            route.shape = self.shape(target, &whole, method, action.as_deref());
            self.found.routes.push(route);
        }
    }
}

/// One line of at most 80 characters, without arguments, which may hold secrets.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = match line.split_once('(') {
        Some((name, rest)) if rest.starts_with(')') => format!("{name}()"),
        Some((name, _)) => format!("{name}(…)"),
        None => line,
    };
    let line: String = if line.chars().count() <= 80 { line } else { line.chars().take(79).chain(['…']).collect() };
    printable(&line)
}
