//! Reads the routes of Hono programs: each application's table, in the order Hono tries its entries.

use std::collections::{BTreeSet, HashMap, HashSet};

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{GuardState, Method, Route, RouteId, Step, StepKind};
use doorward::path::{PathTemplate, Segment};
use doorward::shape::Shape;

use super::host::{Entry, EntryKind, Hono, Piece, PieceKind};
use super::{MIDDLEWARE, paths, shape};
use crate::js;
use crate::js::chain::{self, Part, Runs, covers, koalike, overlaps};
use crate::js::eval::{Branch, Eval, Problem};
use crate::js::guards::{self, Verdict};
use crate::js::packages::location;
use crate::js::program::Program;
use crate::js::shapes::Shapes;
use crate::js::value::{Arg, External, Place, Value};
use crate::project::{Found, Package};
use crate::walk::printable;

/// Reads one package.
pub(super) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, Hono::default());
    eval.load_all(&package.modules);
    for module in &package.modules {
        if program.sources(*module).iter().any(|it| it == "hono" || it.starts_with("@hono/")) {
            eval.sweep(*module);
        }
    }
    let mut found = Found { read: eval.read(), ..Found::default() };
    found.unresolved.extend(eval.problems.iter().map(|it| js::packages::problem(program, it)));
    let mut reader =
        Reader { program, eval, found, shapes: Shapes::default(), seen: HashMap::new(), told: HashSet::new() };
    reader.read(package);
    reader.found.source.findings.extend(guards::weaknesses(&reader.eval, program));
    reader.found.schemas = reader.shapes.into_named();
    reader.found
}

/// A middleware that runs before what follows it.
struct Before {
    prefix: PathTemplate,
    exact: bool,
    method: Option<String>,
    /// Paths it lets pass.
    except: Vec<(PathTemplate, bool)>,
    branch: Branch,
    runs: Runs,
}

/// The path of an entry: its templates, and whether it ends with a star.
struct Target {
    template: PathTemplate,
    star: bool,
}

struct Reader<'p> {
    program: &'p Program,
    eval: Eval<'p, Hono>,
    found: Found,
    shapes: Shapes,
    seen: HashMap<RouteId, usize>,
    /// Places whose path was complained about.
    told: HashSet<Place>,
}

impl Reader<'_> {
    fn read(&mut self, package: &Package) {
        let roots = self.roots(package);
        self.found.serves = !roots.is_empty();
        for root in &roots {
            self.table(*root);
        }
        self.leftovers(&roots);
        if let Some(place) = self.eval.host.overflow {
            self.tell(js::packages::problem(self.program, &Problem::TooComplex(place)));
        }
    }

    /// The applications that get requests: those that are given to a server or are what a module exports. Where no
    /// application is, those that nothing mounts.
    fn roots(&mut self, package: &Package) -> Vec<usize> {
        let mut exported = BTreeSet::new();
        for (rank, module) in package.modules.iter().enumerate().filter(|(_, at)| self.program.matters(**at)) {
            let value = self.eval.exported(*module, "default");
            let table = match &value {
                Some(Value::Host(object)) => self.eval.host.made.get(*object).map(|it| (it.table, rank)),
                Some(Value::Object(options)) => match options.get("fetch") {
                    Some(Value::Method(object, _)) => match *object {
                        Value::Host(object) => self.eval.host.made.get(object).map(|it| (it.table, 0)),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            };
            exported.extend(table.map(|(table, rank)| (rank, table)));
        }
        let tables = &self.eval.host.tables;
        let free = |at: &usize| tables.get(*at).is_some_and(|it| it.mounted.is_none());
        let mut roots: Vec<usize> =
            (0..tables.len()).filter(|at| tables.get(*at).is_some_and(|it| it.served)).collect();
        if roots.is_empty() {
            let first = exported.iter().find(|(_, table)| free(table));
            roots.extend(first.map(|(_, table)| *table));
        }
        if roots.is_empty() {
            roots = (0..tables.len()).filter(free).collect();
        }
        roots
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    fn table(&mut self, at: usize) {
        let Some(table) = self.eval.host.tables.get(at) else { return };
        let (entries, place) = (table.entries.clone(), table.place);
        let app = chain::step(
            self.program,
            StepKind::App,
            printable(&chain::one_line(&chain::callee(&chain::text(self.program, place)))),
            None,
            place,
        );
        self.found.mounted.insert(place);
        let mut before: Vec<Before> = Vec::new();
        for entry in entries {
            self.entry(&entry, &app, &mut before);
        }
    }

    fn entry(&mut self, entry: &Entry, app: &Step, before: &mut Vec<Before>) {
        let module = entry.site.module;
        let methods = self.methods(entry);
        let targets = self.targets(entry);
        let mut parts: Vec<Part> = Vec::new();
        if let EntryKind::Described(route) = &entry.kind
            && let Some(value) = route.get("middleware")
        {
            let span = entry.path.last().map_or(entry.site.call, |it| it.place.span);
            // What is written in the description stands there, and not where the description is used.
            parts.extend(chain::parts(&[Arg { value, span, spread: false }], module).into_iter().map(|it| {
                match &it.value {
                    Value::External(external) => match &**external {
                        External::Call(_, _, place) => Part { place: *place, ..it },
                        _ => it,
                    },
                    _ => it,
                }
            }));
        }
        parts.extend(chain::parts(&entry.handlers, module));
        if matches!(entry.kind, EntryKind::Mount) {
            self.mounted(entry, &targets, &parts, app, before);
            return;
        }
        let is_use = matches!(entry.kind, EntryKind::Use);
        let last = parts.len().saturating_sub(1);
        let mut own: Vec<Runs> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            if part.spread {
                self.unknown_handlers(part.place);
            }
            let text = chain::text(self.program, part.place);
            let name = chain::shown(&part.value, &text);
            if self.ends(&part.value, is_use, at == last) {
                if is_use && self.says_not_found(&part.value) {
                    return;
                }
                let shape = match &entry.kind {
                    EntryKind::Described(route) => shape::described(&mut self.shapes, route),
                    _ => shape::validated(&mut self.shapes, &parts),
                };
                let handler = (part.clone(), name);
                for method in &methods {
                    for target in &targets {
                        self.route(method, &target.template, entry, app, before, &own, &handler, &shape);
                    }
                }
                return;
            }
            self.static_files(&part.value, part.place, &targets);
            let (verdict, except, sure) = self.judge(&part.value, &text, 0);
            let runs = Runs { name, verdict, place: part.place, sure };
            for target in &targets {
                for method in &methods {
                    before.push(Before {
                        prefix: trimmed(target),
                        exact: !target.star,
                        method: (method != Method::ALL).then(|| method.clone()),
                        except: except.clone(),
                        branch: entry.site.branch.clone(),
                        runs: runs.clone(),
                    });
                }
            }
            own.push(runs);
        }
    }

    /// Whether a handler answers, so that nothing behind it runs.
    fn ends(&self, value: &Value, is_use: bool, is_last: bool) -> bool {
        match value {
            Value::Function(closure) => !koalike(&closure.function).continues,
            Value::OneOf(all) => is_last && all.iter().all(|it| self.ends(it, is_use, is_last)),
            Value::External(external) => {
                let package = external.package().unwrap_or_default();
                let path = external.path();
                let is_static = path.contains(&"serveStatic");
                let passes = MIDDLEWARE.contains(&package) || package.starts_with("hono/combine") || is_static;
                is_last && !is_use && !passes
            }
            _ => is_last && !is_use,
        }
    }

    fn says_not_found(&self, value: &Value) -> bool {
        matches!(value, Value::Function(closure) if koalike(&closure.function).only_not_found())
    }

    fn methods(&mut self, entry: &Entry) -> Vec<String> {
        let value = match &entry.kind {
            EntryKind::Use | EntryKind::Mount => return vec![Method::ALL.to_owned()],
            EntryKind::Route(value) => value.clone(),
            EntryKind::Described(route) => route.get("method").unwrap_or(Value::Unknown),
        };
        let mut methods: Vec<String> = Vec::new();
        let mut unknown = false;
        for value in value.each() {
            let items = match &value {
                Value::Array(array) => {
                    unknown |= array.open.get();
                    array.items.borrow().clone()
                }
                other => vec![other.clone()],
            };
            for item in items {
                match item.as_str() {
                    Some(name) => methods.push(name.to_ascii_uppercase()),
                    None => unknown = true,
                }
            }
        }
        if unknown || methods.is_empty() {
            let at = location(self.program, entry.site.place());
            self.tell(
                Diagnostic::new(
                    "DW2008",
                    "a route is registered with a method that is only known when the program runs",
                )
                .at(at)
                .help("register it with `get`, `post` and so on, so that it can be named in a policy"),
            );
            return vec![Method::ALL.to_owned()];
        }
        methods
    }

    /// Every path an entry may have.
    fn targets(&mut self, entry: &Entry) -> Vec<Target> {
        let mut texts = vec![String::new()];
        for piece in &entry.path {
            let choices = self.texts(piece, matches!(entry.kind, EntryKind::Described(_)));
            texts = texts
                .iter()
                .flat_map(|head| choices.iter().map(move |tail| format!("{}/{tail}", head.trim_end_matches('/'))))
                .take(64)
                .collect();
        }
        let mut targets: Vec<Target> = Vec::new();
        for text in texts {
            let text = if matches!(entry.kind, EntryKind::Mount) { format!("{text}/*") } else { text };
            let Some(parsed) = paths::parse(&text) else {
                let at = location(self.program, entry.site.place());
                self.tell(
                    Diagnostic::new("DW2014", format!("the path `{}` holds control characters", printable(&text)))
                        .at(at)
                        .help("remove them; requests hold them only encoded, so the route can't be named"),
                );
                continue;
            };
            for template in parsed.templates {
                targets.push(Target { template, star: parsed.star });
            }
        }
        targets
    }

    fn texts(&mut self, piece: &Piece, described: bool) -> Vec<String> {
        let mut texts = Vec::new();
        let mut unknown = false;
        for value in piece.value.each() {
            let items = match &value {
                Value::Array(array) => {
                    unknown |= array.open.get();
                    array.items.borrow().clone()
                }
                other => vec![other.clone()],
            };
            for item in items {
                let Value::Str(text) = &item else {
                    unknown = true;
                    continue;
                };
                if text.assumed && self.told.insert(piece.place) {
                    let at = location(self.program, piece.place);
                    self.tell(
                        Diagnostic::new(
                            "DW2010",
                            format!("a path depends on the environment; `{}` is taken for it", printable(&text.text)),
                        )
                        .at(at)
                        .help("use a fixed path, or run doorward with the policy written for this default"),
                    );
                }
                let text = text.text.to_string();
                texts.push(if described && piece.kind == PieceKind::Own { braces(&text) } else { text });
            }
        }
        if unknown && self.told.insert(piece.place) {
            let at = location(self.program, piece.place);
            let text = printable(&chain::one_line(&chain::text(self.program, piece.place)));
            let what = if piece.kind == PieceKind::Own { "its route is" } else { "what is behind it is" };
            self.tell(
                Diagnostic::new(
                    "DW2003",
                    format!("the path `{text}` is only known when the program runs, so {what} not listed"),
                )
                .at(at)
                .help("use a literal or a constant, or guard what is behind it by hand"),
            );
        }
        texts
    }

    fn unknown_handlers(&mut self, place: Place) {
        let text = printable(&chain::one_line(&chain::text(self.program, place)));
        let at = location(self.program, place);
        self.tell(
            Diagnostic::new("DW2005", format!("the handlers in `...{text}` are only known when the program runs"))
                .at(at)
                .help("list the handlers, so that guards among them can be seen"),
        );
    }

    /// What a middleware does to strangers, on which paths it does nothing, and whether it always runs.
    fn judge(&mut self, value: &Value, text: &str, depth: usize) -> (Verdict, Vec<(PathTemplate, bool)>, bool) {
        if let Value::External(external) = value
            && let External::Call(callee, args, _) = &**external
            && let ["hono/combine", name] = callee.path().as_slice()
            && depth < 6
        {
            let (conditions, rest) = match (*name, args.split_first()) {
                ("except", Some((first, rest))) => (Some(&first.value), rest),
                _ => (None, args.as_slice()),
            };
            let all: Vec<Verdict> = rest.iter().map(|it| self.judge(&it.value, text, depth + 1).0).collect();
            // `some` lets in whoever one of them lets in; the others ask all of them.
            let states = all.iter().map(|it| it.state);
            let by = |it: &GuardState| chain::strength(*it);
            let state = if *name == "some" { states.min_by_key(by) } else { states.max_by_key(by) };
            let state = state.unwrap_or(GuardState::Open);
            let origin = all.into_iter().find(|it| it.state == state).map_or_else(String::new, |it| it.origin);
            let mut except = Vec::new();
            let sure = conditions.is_none_or(|it| excepted(it, &mut except));
            return (Verdict::new(state, origin), except, sure);
        }
        (guards::judge(&mut self.eval, self.program, value, text), Vec::new(), true)
    }

    #[expect(clippy::too_many_arguments, reason = "everything a route is made of, used once")]
    fn route(
        &mut self,
        method: &str,
        target: &PathTemplate,
        entry: &Entry,
        app: &Step,
        before: &[Before],
        own: &[Runs],
        handler: &(Part, String),
        shape: &Shape,
    ) {
        let (part, name) = handler;
        let upgrades = matches!(&part.value, Value::External(it) if it.name().ends_with("upgradeWebSocket"));
        let method = if upgrades { Method::WEBSOCKET } else { method };
        let id = RouteId { method: Method::new(method), path: target.clone() };
        let mut runs: Vec<Runs> = Vec::new();
        for it in before {
            let fits = it.method.as_deref().is_none_or(|it| it == method || (upgrades && it == "GET"));
            if !fits || !covers(&it.prefix, it.exact, target) || own.iter().any(|own| own.place == it.runs.place) {
                continue;
            }
            if it.except.iter().any(|(path, exact)| covers(path, *exact, target)) {
                continue;
            }
            let partly = it.except.iter().any(|(path, _)| overlaps(path, target));
            let sure = it.runs.sure && !partly && entry.site.branch.starts_with(&it.branch);
            runs.push(Runs { sure, ..it.runs.clone() });
        }
        runs.extend(own.iter().cloned());
        let mut guard = chain::guard(self.program, &runs);
        let mut names: Vec<String> = runs.iter().map(|it| it.name.clone()).collect();
        names.dedup();
        if let Value::Function(closure) = &part.value {
            // A handler that asks Clerk itself may refuse.
            let mut body = guards::Body::default();
            guards::scan(&mut self.eval, closure, &mut body, &mut HashSet::new(), 4);
            if body.refuses && body.get_auth {
                let file = printable(&self.program.file(closure.module));
                let verdict = Verdict::new(GuardState::Unsure, file);
                let asks = Runs { name: name.clone(), verdict, place: part.place, sure: true };
                let inline = chain::guard(self.program, &[asks]);
                if guard.state == GuardState::Open {
                    guard.state = inline.state;
                }
                guard.by.extend(inline.by);
            }
        }
        if let Some(known) = self.seen.get(&id).and_then(|at| self.found.routes.get_mut(*at)) {
            // Hono answers with the first; where branches differ, the weaker protection is the true one.
            if chain::strength(guard.state) < chain::strength(known.guard.state) && !entry.site.branch.is_empty() {
                known.guard = guard;
            }
            return;
        }
        let place = entry.site.place();
        let line =
            Place { span: js::ir::Span { start: entry.site.callee_end.saturating_sub(1), ..place.span }, ..place };
        let at = location(self.program, line);
        let mut route = Route { chain: names, guard, shape: shape.clone(), ..Route::new(id.clone(), at.file, at.line) };
        route.trace = self.trace(entry, app, &runs, line, handler);
        self.seen.insert(id, self.found.routes.len());
        self.found.routes.push(route);
    }

    fn trace(&self, entry: &Entry, app: &Step, runs: &[Runs], line: Place, handler: &(Part, String)) -> Vec<Step> {
        let step = |kind, text: String, path, place| chain::step(self.program, kind, text, path, place);
        let mut trace = vec![app.clone()];
        for piece in &entry.path {
            let path = piece.value.as_str().map(printable);
            let (kind, name) = match piece.kind {
                PieceKind::Base => (StepKind::Prefix, "basePath"),
                PieceKind::Mount => (StepKind::Mount, "route"),
                PieceKind::Own => continue,
            };
            trace.push(step(kind, name.to_owned(), path, piece.place));
        }
        trace.extend(runs.iter().map(|it| step(StepKind::Middleware, it.name.clone(), None, it.place)));
        let own = entry.path.last().and_then(|it| it.value.as_str()).map(printable);
        let called = chain::text(self.program, Place { span: entry.site.object, ..line });
        let verb = self.program.text(line.module).get(entry.site.object.end..entry.site.callee_end).map(str::to_owned);
        let text = format!("{}{}", chain::callee(&chain::one_line(&called)), verb.unwrap_or_default().trim());
        trace.push(step(StepKind::Route, printable(&chain::one_line(&text)), own, line));
        let place = match &handler.0.value {
            Value::Function(closure) => Place { module: closure.module, span: closure.function.span },
            _ => handler.0.place,
        };
        trace.push(step(StepKind::Handler, handler.1.clone(), None, place));
        trace
    }

    /// `app.mount('/x', handler)`: what a handler of requests serves is not known, unless it is an application.
    fn mounted(&mut self, entry: &Entry, targets: &[Target], parts: &[Part], app: &Step, before: &[Before]) {
        let Some(part) = parts.first() else { return };
        let inner = match &part.value {
            Value::Method(object, name) if &**name == "fetch" => match **object {
                Value::Host(object) => self.eval.host.made.get(object).map(|it| it.table),
                _ => None,
            },
            _ => None,
        };
        if let Some(table) = inner.and_then(|it| self.eval.host.tables.get_mut(it)) {
            table.mounted.get_or_insert(table.entries.len());
        }
        let name = chain::shown(&part.value, &chain::text(self.program, part.place));
        for target in targets {
            let handler = (part.clone(), name.clone());
            self.route(Method::ALL, &target.template, entry, app, before, &[], &handler, &Shape::default());
        }
        let at = location(self.program, part.place);
        self.tell(
            Diagnostic::new("DW2004", format!("`{name}` is mounted as a whole; the routes it serves are not listed"))
                .at(at)
                .help("mount it with `route` if it is a Hono application, or guard the mount by hand"),
        );
    }

    fn static_files(&mut self, value: &Value, place: Place, targets: &[Target]) {
        let Value::External(external) = value else { return };
        if !external.path().contains(&"serveStatic") {
            return;
        }
        let Some(first) = targets.first() else { return };
        let at = location(self.program, place);
        self.found.source.findings.push(
            Diagnostic::new(
                "DW2021",
                format!("static files below `{}` are served to anyone", printable(&trimmed(first).to_string())),
            )
            .at(at)
            .help("put a guard in front of them if they are not meant for everybody"),
        );
    }

    /// What is not in the inventory, and why.
    fn leftovers(&mut self, roots: &[usize]) {
        let mut told = Vec::new();
        for (at, table) in self.eval.host.tables.iter().enumerate() {
            let name = printable(table.name.as_deref().unwrap_or("an application"));
            if let Some(count) = table.mounted {
                self.found.mounted.insert(table.place);
                let late = table.entries.get(count..).unwrap_or_default();
                for entry in late.iter().filter(|_| !roots.contains(&at)) {
                    told.push(
                        Diagnostic::new(
                            "DW2150",
                            format!("`{name}` was mounted before this registration, which no request reaches"),
                        )
                        .at(location(self.program, entry.site.place()))
                        .help("register it before the mount; Hono copies what is there at that moment"),
                    );
                }
            } else if !roots.contains(&at) && !table.entries.is_empty() {
                let loose = Diagnostic::new(
                    "DW2011",
                    format!(
                        "`{name}` is never mounted on an application; its registrations ({}) are not listed",
                        table.entries.len()
                    ),
                )
                .at(location(self.program, table.place))
                .help("mount it, delete it, or ignore this if it is mounted in a way doorward reports elsewhere");
                self.found.loose.push((table.place, loose));
            }
            for site in &table.escapes {
                let text = chain::callee(&chain::text(self.program, site.place()));
                told.push(
                    Diagnostic::new(
                        "DW2016",
                        format!(
                            "`{}` is given an application and may add routes to it",
                            printable(&chain::one_line(&text))
                        ),
                    )
                    .at(location(self.program, site.place()))
                    .help("if it does, guard those routes by hand; they are not listed"),
                );
            }
        }
        for (place, _) in &self.eval.host.unknown {
            let text = chain::callee(&chain::text(self.program, *place));
            told.push(
                Diagnostic::new(
                    "DW2004",
                    format!(
                        "`{}` can't be followed; routes it serves are not listed",
                        printable(&chain::one_line(&text))
                    ),
                )
                .at(location(self.program, *place))
                .help("guard the mount by hand with a middleware in front of it"),
            );
        }
        self.found.unresolved.extend(told);
    }
}

/// What middleware at this path covers: a star at the end also stands for nothing.
fn trimmed(target: &Target) -> PathTemplate {
    let mut segments = target.template.segments().to_vec();
    if target.star && matches!(segments.last(), Some(Segment::CatchAll(_))) {
        segments.pop();
    }
    PathTemplate::from_segments(segments)
}

/// The paths that `except` names. `false`: some are only known when the program runs.
fn excepted(value: &Value, all: &mut Vec<(PathTemplate, bool)>) -> bool {
    match value {
        Value::Str(text) => {
            let Some(parsed) = paths::parse(&text.text) else { return true };
            for template in parsed.templates {
                let target = Target { template, star: parsed.star };
                all.push((trimmed(&target), !target.star));
            }
            true
        }
        Value::Array(array) => {
            let items = array.items.borrow().clone();
            items.iter().all(|it| !matches!(it, Value::Array(_)) && excepted(it, all)) && !array.open.get()
        }
        _ => false,
    }
}

/// `/users/{id}` of OpenAPI as Hono writes it.
fn braces(path: &str) -> String {
    path.split('/')
        .map(|part| match part.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(name) => format!(":{name}"),
            None => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/")
}
