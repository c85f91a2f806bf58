//! Reads the routes of Express programs.
//!
//! The program's start-up code is evaluated, and what it does to applications and routers is recorded ([`host`]).
//! Then each application is walked in the order Express would try its layers, with the middleware that has gone
//! before.

mod findings;
mod guards;
mod host;
mod paths;

use std::collections::{BTreeSet, HashMap, HashSet};

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId};
use doorward::path::{PathTemplate, Segment};

use self::guards::Verdict;
use self::host::{Event, Express, Kind, Layer, LayerKind};
use self::paths::PathProblem;
use super::{HARMLESS, SERVES_PAGES};
use crate::js::eval::{Branch, Eval, Problem, Site as CallSite};
use crate::js::ir::{self, ExprKind, Key, Span, StmtKind};
use crate::js::program::Program;
use crate::js::value::{Arg, Closure, External, Place, Value};
use crate::model::{Handler, HandlerKind, Site, Wiring, WiringKind};
use crate::project::{self, Found, Package};
use crate::walk::printable;

/// No program a person wrote mounts routers this often, or has this many routes.
const MAX_WALKS: usize = 20_000;
const MAX_ROUTES: usize = 50_000;
/// Nor does it register this many handlers or paths in one call.
const MAX_PARTS: usize = 2_000;

/// Reads one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, Express::default());
    let mut found = Found::default();
    for module in &package.modules {
        eval.load(*module);
    }
    for module in &package.modules {
        if program.module(*module).sources.iter().any(|it| it == "express") {
            eval.sweep(*module);
        }
    }
    found.read = eval.read();
    found.unresolved.extend(eval.problems.iter().map(|it| project::problem(program, it)));
    let major = package.version.as_deref().map_or(5, major);
    let mut reader = Reader {
        program,
        eval,
        major,
        found,
        sites: HashMap::new(),
        seen: HashMap::new(),
        mounted: HashSet::new(),
        guards: Vec::new(),
        verdicts: HashMap::new(),
        walks: 0,
    };
    reader.read();
    reader.found
}

/// The first number of a version or a range. Versions that say nothing are the current one.
fn major(version: &str) -> u32 {
    let digits: String =
        version.chars().skip_while(|it| !it.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(5)
}

/// A middleware that runs before what follows it.
#[derive(Debug, Clone)]
struct Before {
    prefix: PathTemplate,
    /// Only the path itself, not what is below it.
    exact: bool,
    method: Option<String>,
    name: String,
    verdict: Verdict,
    branch: Branch,
    place: Place,
    /// Where in `Reader::guards` it is counted.
    guard: Option<usize>,
}

/// A guard, and whether it protects anything.
#[derive(Debug)]
struct Protects {
    name: String,
    place: Place,
    prefix: PathTemplate,
    anything: bool,
}

/// One handler of a registration, arrays taken apart.
#[derive(Debug, Clone)]
struct Part {
    value: Value,
    span: Span,
    spread: bool,
}

struct Reader<'p> {
    program: &'p Program,
    eval: Eval<'p, Express>,
    major: u32,
    found: Found,
    /// Index in `found.source.sites`, by place.
    sites: HashMap<Place, usize>,
    /// Index in `found.routes`.
    seen: HashMap<(RouteId, Place), usize>,
    mounted: HashSet<usize>,
    guards: Vec<Protects>,
    verdicts: HashMap<Place, Verdict>,
    walks: usize,
}

impl Reader<'_> {
    fn read(&mut self) {
        for at in 0..self.eval.host.made.len() {
            for layer in self.layers(at) {
                for part in parts(&layer.handlers) {
                    for value in part.value.each() {
                        if let Value::Host(inner) = value {
                            self.mounted.insert(inner);
                        }
                    }
                }
            }
        }
        let roots: Vec<usize> = (0..self.eval.host.made.len())
            .filter(|at| self.kind(*at).is_some_and(|kind| matches!(kind, Kind::App)) && !self.mounted.contains(at))
            .collect();
        self.found.serves = !roots.is_empty();
        let mut reached = BTreeSet::new();
        for root in &roots {
            let mut chain = Vec::new();
            self.walk(*root, &PathTemplate::root(), &[], &mut chain, &mut vec![], &mut reached);
        }
        self.loose(&reached);
        self.uncalled();
        self.wiring(&roots);
        self.deprecated_mounts(&roots);
        findings::collect(self, &roots);
        self.order();
    }

    fn kind(&self, at: usize) -> Option<&Kind> {
        self.eval.host.made.get(at).map(|it| &it.kind)
    }

    fn layers(&self, at: usize) -> Vec<Layer> {
        self.eval.host.made.get(at).map(|it| it.layers.clone()).unwrap_or_default()
    }

    fn location(&self, module: usize, span: Span) -> Location {
        project::location(self.program, Place { module, span })
    }

    fn text(&self, module: usize, span: Span) -> String {
        self.program.module(module).text.get(span.range()).unwrap_or_default().to_owned()
    }

    fn file(&self, module: usize) -> String {
        printable(&self.program.module(module).file)
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    /// Goes through the layers of `object`, mounted at `prefix`.
    fn walk(
        &mut self,
        object: usize,
        prefix: &PathTemplate,
        branches: &[Branch],
        chain: &mut Vec<Before>,
        stack: &mut Vec<usize>,
        reached: &mut BTreeSet<usize>,
    ) {
        if stack.contains(&object) || stack.len() > 32 {
            return;
        }
        self.walks += 1;
        if self.walks > MAX_WALKS || self.found.routes.len() > MAX_ROUTES {
            if let Some(made) = self.eval.host.made.get(object) {
                let problem = Problem::TooComplex(made.place);
                self.tell(project::problem(self.program, &problem));
            }
            return;
        }
        stack.push(object);
        reached.insert(object);
        for layer in self.layers(object) {
            let paths = match &layer.path {
                Some(path) => self.paths(path, &layer.site, layer.kind == LayerKind::Use),
                None => vec![PathTemplate::root()],
            };
            match &layer.kind {
                LayerKind::Use => self.used(&layer, &paths, prefix, branches, chain, stack, reached),
                LayerKind::Route(method) => {
                    let targets: Vec<PathTemplate> = paths.iter().map(|it| prefix.join(it)).collect();
                    self.routes(method, &targets, &layer, branches, chain);
                }
                LayerKind::Computed => {
                    let place = self.location(layer.site.module, layer.site.call);
                    self.tell(
                        Diagnostic::new(
                            "DW2008",
                            "a route is registered with a method that is only known when the program runs",
                        )
                        .at(place)
                        .help("register it with `get`, `post` and so on, so that it can be named in a policy"),
                    );
                    let targets: Vec<PathTemplate> = paths.iter().map(|it| prefix.join(it)).collect();
                    self.routes(Method::ALL, &targets, &layer, branches, chain);
                }
            }
        }
        stack.pop();
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one walk, used once")]
    fn used(
        &mut self,
        layer: &Layer,
        paths: &[PathTemplate],
        prefix: &PathTemplate,
        branches: &[Branch],
        chain: &mut Vec<Before>,
        stack: &mut Vec<usize>,
        reached: &mut BTreeSet<usize>,
    ) {
        let all = parts(&layer.handlers);
        let last = all.len().saturating_sub(1);
        for (at, part) in all.iter().enumerate() {
            if part.spread {
                self.unknown_handlers(&layer.site, part.span);
            }
            let mut judged = false;
            for value in part.value.each() {
                match value {
                    Value::Host(inner) if self.kind(inner).is_some_and(|it| !matches!(it, Kind::Route(..))) => {
                        let mut branches = branches.to_vec();
                        branches.push(layer.site.branch.clone());
                        for path in paths {
                            self.walk(inner, &prefix.join(path), &branches, chain, stack, reached);
                        }
                    }
                    Value::Function(closure) if closure.function.arity >= 4 => {}
                    Value::Function(closure)
                        if closure.function.arity <= 2 && !self.only_not_found(closure.as_ref()) =>
                    {
                        let rest = PathTemplate::from_segments(vec![Segment::CatchAll("path".to_owned())]);
                        let targets: Vec<PathTemplate> = paths
                            .iter()
                            .map(|it| prefix.join(it))
                            .map(|it| match it.segments().last() {
                                Some(Segment::CatchAll(_)) => it,
                                _ => it.join(&rest),
                            })
                            .collect();
                        self.routes(Method::ALL, &targets, layer, branches, chain);
                    }
                    _ if judged => {}
                    value => {
                        judged = true;
                        self.mount_of_unknown(&value, part, layer, paths, at == last);
                        let text = self.text(layer.site.module, part.span);
                        let place = Place { module: layer.site.module, span: part.span };
                        let verdict = self.judge(&part.value, &text, place);
                        let name = self.shown(&part.value, &text);
                        let first = paths.first().map_or_else(|| prefix.clone(), |it| prefix.join(it));
                        let guard = self.count_guard(&verdict, &name, place, first);
                        if at < last
                            && let Some(guard) = guard.and_then(|it| self.guards.get_mut(it))
                        {
                            // It guards what follows it in the same call, whatever that is.
                            guard.anything = true;
                        }
                        for path in paths {
                            chain.push(Before {
                                prefix: prefix.join(path),
                                exact: false,
                                method: None,
                                name: name.clone(),
                                verdict: verdict.clone(),
                                branch: layer.site.branch.clone(),
                                place,
                                guard,
                            });
                        }
                    }
                }
            }
        }
    }

    fn count_guard(&mut self, verdict: &Verdict, name: &str, place: Place, prefix: PathTemplate) -> Option<usize> {
        if verdict.state != GuardState::Guarded {
            return None;
        }
        if let Some(at) = self.guards.iter().position(|it| it.place == place) {
            return Some(at);
        }
        self.guards.push(Protects { name: name.to_owned(), place, prefix, anything: false });
        Some(self.guards.len() - 1)
    }

    fn judge(&mut self, value: &Value, text: &str, place: Place) -> Verdict {
        // The same source text may hold different values in a loop, so only stable kinds are remembered.
        if matches!(value, Value::External(_))
            && let Some(known) = self.verdicts.get(&place)
        {
            return known.clone();
        }
        let verdict = guards::judge(&mut self.eval, self.program, value, text);
        if matches!(value, Value::External(_)) {
            self.verdicts.insert(place, verdict.clone());
        }
        verdict
    }

    /// A handler that says 404 and nothing else is what remains when no route matched. What it says must not hang
    /// on a condition, or it may be a route that found nothing to show.
    fn only_not_found(&self, closure: &Closure) -> bool {
        for statement in &closure.function.body {
            match &statement.kind {
                StmtKind::Expr(_) | StmtKind::Return(Some(_)) | StmtKind::Var(..) => {
                    let mut found = false;
                    let mut chooses = false;
                    ir::visit(std::slice::from_ref(statement), &mut |expr| {
                        found |= match &expr.kind {
                            ExprKind::Num(status) => (status - 404.0).abs() < f64::EPSILON,
                            // `HttpStatus.NOT_FOUND`, `new NotFoundError()`.
                            ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) => {
                                name.to_ascii_lowercase().replace('_', "").starts_with("notfound")
                            }
                            _ => false,
                        };
                        chooses |=
                            matches!(expr.kind, ExprKind::Conditional(..) | ExprKind::And(..) | ExprKind::Or(..));
                        true
                    });
                    if chooses || found {
                        return found && !chooses;
                    }
                }
                _ => return false,
            }
        }
        false
    }

    /// Registers `method` on each of `targets`.
    fn routes(
        &mut self,
        method: &str,
        targets: &[PathTemplate],
        layer: &Layer,
        branches: &[Branch],
        chain: &mut Vec<Before>,
    ) {
        let all = parts(&layer.handlers);
        if method == "OPTIONS" && !all.is_empty() && all.iter().all(|it| is_cors(&it.value)) {
            // It answers preflights, as `app.use(cors())` does. Nobody is let in or kept out.
            return;
        }
        let module = layer.site.module;
        let mut own = Vec::new();
        let last = all.iter().rposition(|it| !is_error_handler(&it.value)).unwrap_or(0);
        let mut ends_with_guard = None;
        let mut passes_on = false;
        for (at, part) in all.iter().enumerate() {
            if part.spread {
                self.unknown_handlers(&layer.site, part.span);
            }
            if is_error_handler(&part.value) || matches!(part.value, Value::Host(_)) {
                continue;
            }
            let text = self.text(module, part.span);
            let place = Place { module, span: part.span };
            let is_last = at == last && !part.spread;
            let verdict = match &part.value {
                // What answers is not what guards, unless it is made to pass requests on.
                Value::Function(closure) if is_last => {
                    let mut body = guards::Body::default();
                    guards::scan(&mut self.eval, closure, &mut body, &mut HashSet::new(), 4);
                    if method == Method::ALL && self.only_not_found(closure) {
                        return;
                    }
                    if method == Method::ALL && body.continues && closure.function.arity == 3 {
                        passes_on = true;
                        let verdict = self.judge(&part.value, &text, place);
                        ends_with_guard = (verdict.state == GuardState::Guarded).then(|| verdict.clone());
                        verdict
                    } else {
                        let inline = body.refuses && body.get_auth;
                        let state = if inline { GuardState::Unsure } else { GuardState::Open };
                        Verdict::new(state, self.file(closure.module))
                    }
                }
                Value::External(_) if is_last => {
                    let verdict = self.judge(&part.value, &text, place);
                    if verdict.state == GuardState::Guarded {
                        passes_on = method == Method::ALL;
                        ends_with_guard = Some(verdict.clone());
                        verdict
                    } else {
                        Verdict { state: GuardState::Open, ..verdict }
                    }
                }
                _ if is_last => Verdict::new(GuardState::Open, ""),
                value => self.judge(value, &text, place),
            };
            let name = self.shown(&part.value, &text);
            own.push((name, verdict, place, is_last));
        }
        // `app.all('/api/*path', auth)` answers nobody: it is middleware, written as a route.
        let targets_of_routes = if passes_on { &[] } else { targets };
        for target in targets_of_routes {
            let id = RouteId { method: Method::new(method), path: target.clone() };
            let mut names = Vec::new();
            let mut by = Vec::new();
            let mut state = GuardState::Open;
            let mut hits = Vec::new();
            for before in chain.iter() {
                let method_fits = before.method.as_deref().is_none_or(|it| it == Method::ALL || it == method);
                if !method_fits || !covers(&before.prefix, before.exact, target) {
                    continue;
                }
                names.push(before.name.clone());
                hits.extend(before.guard);
                let sure = branches.iter().chain([&layer.site.branch]).any(|it| it.starts_with(&before.branch));
                let seen = if before.verdict.state == GuardState::Guarded && !sure {
                    GuardState::Unsure
                } else {
                    before.verdict.state
                };
                self.see(&before.name, &before.verdict, seen, before.place, &mut state, &mut by);
            }
            for hit in hits {
                if let Some(guard) = self.guards.get_mut(hit) {
                    guard.anything = true;
                }
            }
            for (name, verdict, place, is_last) in &own {
                if !is_last {
                    names.push(name.clone());
                }
                self.see(name, verdict, verdict.state, *place, &mut state, &mut by);
            }
            self.add(id, layer, names, Guard { state, by });
        }
        if let Some(verdict) = ends_with_guard {
            let (name, _, place, _) =
                own.last().cloned().unwrap_or_else(|| (String::new(), verdict.clone(), Place::default(), true));
            for target in targets {
                chain.push(Before {
                    prefix: target.clone(),
                    exact: true,
                    method: Some(method.to_owned()),
                    name: name.clone(),
                    verdict: verdict.clone(),
                    branch: layer.site.branch.clone(),
                    place,
                    guard: if passes_on { self.count_guard(&verdict, &name, place, target.clone()) } else { None },
                });
            }
        }
    }

    fn see(
        &self,
        name: &str,
        verdict: &Verdict,
        seen: GuardState,
        place: Place,
        state: &mut GuardState,
        by: &mut Vec<GuardSeen>,
    ) {
        if seen == GuardState::Open && verdict.kind != HandlerKind::Doorward {
            return;
        }
        by.push(GuardSeen {
            name: name.to_owned(),
            origin: verdict.origin.clone(),
            file: self.file(place.module),
            line: self.location(place.module, place.span).line,
            asks: if seen == verdict.state { verdict.asks.clone() } else { None },
        });
        *state = match (*state, seen) {
            (GuardState::Guarded, _) | (_, GuardState::Guarded) => GuardState::Guarded,
            (GuardState::Unsure, _) | (_, GuardState::Unsure) => GuardState::Unsure,
            _ => GuardState::Open,
        };
    }

    fn add(&mut self, id: RouteId, layer: &Layer, chain: Vec<String>, guard: Guard) {
        let place = layer.site.place();
        // In a chain over several lines, the line of the method is the one people look at.
        let method = Span { start: layer.site.callee_end.saturating_sub(1), end: layer.site.call.end };
        let line = self.location(place.module, method).line;
        let file = self.file(place.module);
        let key = (id.clone(), place);
        if let Some(known) = self.seen.get(&key).and_then(|at| self.found.routes.get_mut(*at)) {
            // Reached twice, as when a factory is called twice: the weaker protection is the true one.
            if strength(guard.state) < strength(known.guard.state) {
                known.guard = guard;
                known.chain = chain;
            }
            return;
        }
        self.seen.insert(key, self.found.routes.len());
        let params = id.path.params().map(str::to_owned).collect();
        let (method, path) = (id.method.clone(), id.path.clone());
        self.found.routes.push(Route { id: id.clone(), method, path, file: file.clone(), line, chain, guard, params });
        if let Some(site) = self.sites.get(&place).and_then(|at| self.found.source.sites.get_mut(*at)) {
            site.routes.push(id);
            return;
        }
        let handlers = self.handlers(layer);
        self.sites.insert(place, self.found.source.sites.len());
        let call = place.span.range();
        self.found.source.sites.push(Site { routes: vec![id], file, line, call, handlers });
    }

    fn handlers(&mut self, layer: &Layer) -> Vec<Handler> {
        let mut handlers: Vec<Handler> = Vec::new();
        for arg in &layer.handlers {
            let inner = parts(std::slice::from_ref(arg));
            let mut kind = HandlerKind::Other;
            for part in &inner {
                let place = Place { module: layer.site.module, span: part.span };
                let text = self.text(layer.site.module, part.span);
                let found = match &part.value {
                    value @ Value::External(_) => self.judge(value, &text, place).kind,
                    _ => HandlerKind::Other,
                };
                if kind == HandlerKind::Other {
                    kind = found;
                }
            }
            let span = arg.span.range();
            // A spread array shows as one place in the source.
            if handlers.last().is_none_or(|it| it.span != span) {
                handlers.push(Handler { span, kind });
            }
        }
        handlers
    }

    /// The templates of a path argument.
    fn paths(&mut self, arg: &Arg, site: &CallSite, is_prefix: bool) -> Vec<PathTemplate> {
        let mut all: Vec<PathTemplate> = Vec::new();
        let mut values = vec![(arg.value.clone(), 0)];
        while let Some((value, depth)) = values.pop() {
            if all.len() > MAX_PARTS || values.len() > MAX_PARTS * 4 {
                break;
            }
            match value {
                Value::OneOf(inner) => values.extend(inner.iter().rev().map(|it| (it.clone(), depth))),
                Value::Array(inner) if depth < 4 => {
                    values.extend(inner.items.borrow().iter().rev().map(|it| (it.clone(), depth + 1)));
                    if inner.open.get() {
                        self.computed_path(arg, site, is_prefix);
                    }
                }
                Value::Str(text) => {
                    if text.assumed {
                        let place = self.location(site.module, arg.span);
                        self.tell(
                            Diagnostic::new(
                                "DW2010",
                                format!(
                                    "a path depends on the environment; `{}` is taken for it",
                                    printable(&text.text)
                                ),
                            )
                            .at(place)
                            .help("use a fixed path, or run doorward with the policy written for this default"),
                        );
                    }
                    let parsed = paths::parse(&text.text, self.major);
                    self.parsed(parsed, &text.text, arg, site, &mut all);
                }
                Value::Regex(source, flags) => {
                    let shown = format!("/{source}/{flags}");
                    let parsed = paths::parse_regex(&source);
                    self.parsed(parsed, &shown, arg, site, &mut all);
                }
                _ => self.computed_path(arg, site, is_prefix),
            }
        }
        all
    }

    fn parsed(
        &mut self,
        parsed: Result<paths::Paths, PathProblem>,
        shown: &str,
        arg: &Arg,
        site: &CallSite,
        all: &mut Vec<PathTemplate>,
    ) {
        let place = self.location(site.module, arg.span);
        let shown = printable(shown);
        match parsed {
            Ok(paths) => {
                if paths.approximate {
                    let near = paths.templates.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
                    self.tell(
                        Diagnostic::new(
                            "DW2009",
                            format!("`{shown}` is more than a path template can say; it is listed as {near}"),
                        )
                        .at(place)
                        .help("check that the template means what the pattern means, or split the route"),
                    );
                }
                for template in paths.templates {
                    if !all.contains(&template) {
                        all.push(template);
                    }
                }
            }
            Err(PathProblem::Control) => self.tell(
                Diagnostic::new("DW2014", format!("the path `{shown}` holds control characters"))
                    .at(place)
                    .help("remove them; requests hold them only encoded, so the route can't be named"),
            ),
            Err(PathProblem::NeverMatches) => self.tell(
                Diagnostic::new("DW2015", format!("`{shown}` does not start with `/`, so no request reaches it"))
                    .at(place)
                    .help(format!("write `/{shown}`")),
            ),
            Err(PathProblem::Unsupported) => self.tell(
                Diagnostic::new(
                    "DW2009",
                    format!("the pattern `{shown}` has no path template, so its route is not listed"),
                )
                .at(place)
                .help("write the path with named parameters, or guard the route by hand"),
            ),
        }
    }

    fn computed_path(&mut self, arg: &Arg, site: &CallSite, is_prefix: bool) {
        let place = self.location(site.module, arg.span);
        let text = printable(&one_line(&self.text(site.module, arg.span)));
        let what = if is_prefix { "what is mounted there is" } else { "its route is" };
        self.tell(
            Diagnostic::new(
                "DW2003",
                format!("the path `{text}` is only known when the program runs, so {what} not listed"),
            )
            .at(place)
            .help("use a literal or a constant, or guard what is behind it by hand"),
        );
    }

    fn unknown_handlers(&mut self, site: &CallSite, span: Span) {
        let place = self.location(site.module, span);
        let text = printable(&one_line(&self.text(site.module, span)));
        self.tell(
            Diagnostic::new("DW2005", format!("the handlers in `...{text}` are only known when the program runs"))
                .at(place)
                .help("list the handlers, so that guards among them can be seen"),
        );
    }

    /// Something is used that may register routes of its own.
    fn mount_of_unknown(&mut self, value: &Value, part: &Part, layer: &Layer, paths: &[PathTemplate], is_last: bool) {
        let below_root = layer.path.is_some() && paths.iter().any(|it| !it.segments().is_empty());
        let from = match value {
            Value::Unknown if is_last => "code that can't be read".to_owned(),
            Value::External(external) => {
                let Some(package) = external.package() else { return };
                let name = external.name();
                let known = HARMLESS.contains(&package)
                    || package == "doorward"
                    || package.starts_with("@clerk/")
                    || SERVES_PAGES.contains(&name.as_str())
                    || guards::sounds_like_auth(&name)
                    || package.contains("swagger-ui");
                let text = self.text(layer.site.module, part.span).to_ascii_lowercase();
                if known || !is_last || !(below_root || text.contains("route")) {
                    return;
                }
                format!("the package `{}`", printable(package))
            }
            _ => return,
        };
        let place = self.location(layer.site.module, part.span);
        let text = printable(&one_line(&callee(&self.text(layer.site.module, part.span))));
        self.tell(
            Diagnostic::new("DW2004", format!("`{text}` comes from {from}; routes it serves are not listed"))
                .at(place)
                .help("guard the mount by hand with a middleware in front of it"),
        );
    }

    /// A handler's name for people: never with arguments, which may hold secrets, except for our own guards.
    fn shown(&self, value: &Value, text: &str) -> String {
        let text = one_line(text);
        let ours = matches!(value, Value::External(it) if it.package() == Some("doorward"));
        if ours {
            return printable(&text);
        }
        let is_code = text.starts_with("function") || text.starts_with("async ") || text.contains("=>");
        if is_code && let Value::Function(closure) = value {
            return closure.function.name.as_ref().map_or_else(|| "(inline)".to_owned(), |it| printable(it));
        }
        printable(&callee(&text))
    }

    /// Routers that nothing mounts.
    fn loose(&mut self, reached: &BTreeSet<usize>) {
        for at in 0..self.eval.host.made.len() {
            let Some(made) = self.eval.host.made.get(at) else { continue };
            if reached.contains(&at) {
                self.found.mounted.insert(made.place);
                continue;
            }
            let routes = made.layers.iter().filter(|it| it.kind != LayerKind::Use).count();
            if matches!(made.kind, Kind::Route(..)) || made.layers.is_empty() {
                continue;
            }
            let name = made.name.clone().unwrap_or_else(|| "a router".to_owned());
            let place = made.place;
            let diagnostic = Diagnostic::new(
                "DW2011",
                format!(
                    "`{}` is never mounted on an application; its registrations ({routes}) are not listed",
                    printable(&name)
                ),
            )
            .at(project::location(self.program, place))
            .help("mount it, delete it, or ignore this if it is mounted in a way doorward reports elsewhere");
            self.found.loose.push((place, diagnostic));
        }
        let escapes: Vec<(usize, CallSite)> = self
            .eval
            .host
            .made
            .iter()
            .enumerate()
            .filter(|(at, made)| {
                !matches!(made.kind, Kind::Route(..)) && (reached.contains(at) || !made.layers.is_empty())
            })
            .flat_map(|(at, made)| made.escapes.iter().map(move |site| (at, site.clone())))
            .collect();
        for (_, site) in escapes {
            let text = printable(&one_line(&callee(&self.text(site.module, site.call))));
            let place = self.location(site.module, site.call);
            self.tell(
                Diagnostic::new(
                    "DW2016",
                    format!("`{text}` is given an application or a router and may add routes to it"),
                )
                .at(place)
                .help("if it does, guard those routes by hand; they are not listed"),
            );
        }
    }

    /// Functions that register routes on a parameter, and that nothing calls.
    fn uncalled(&mut self) {
        let read: Vec<usize> = self.found.read.iter().copied().collect();
        for at in read {
            let module = self.program.module(at);
            if self.eval.host_stands_for(&module.file) {
                continue;
            }
            let mut functions = Vec::new();
            for statement in &module.body {
                if let StmtKind::Function(function) = &statement.kind {
                    functions.push(function);
                }
            }
            ir::visit(&module.body, &mut |expr| {
                if let ExprKind::Function(function) = &expr.kind {
                    functions.push(function);
                }
                true
            });
            for function in functions {
                let params: Vec<&str> = (0..function.params.len()).filter_map(|at| function.param_name(at)).collect();
                if params.is_empty() || self.eval.was_entered(function) {
                    continue;
                }
                let mut registers = false;
                ir::visit(&function.body, &mut |expr| {
                    if let ExprKind::Call(callee, items) = &expr.kind
                        && let ExprKind::Member(object, Key::Name(verb)) = &callee.kind
                        && let ExprKind::Name(name) = &object.kind
                        && params.contains(&&**name)
                        && items.len() > 1
                        && matches!(&**verb, "get" | "post" | "put" | "patch" | "delete" | "use" | "all")
                        && matches!(items.first().map(|it| &it.value.kind), Some(ExprKind::Str(path)) if path.starts_with('/'))
                    {
                        registers = true;
                    }
                    !registers
                });
                if registers {
                    let place = self.location(at, function.span);
                    self.tell(
                        Diagnostic::new(
                            "DW2017",
                            "a function registers routes on its parameter, but nothing in the project calls it",
                        )
                        .at(place)
                        .help("call it with an application, or delete it; until then, its routes are not listed"),
                    );
                }
            }
        }
    }

    /// What the statements about root applications do, in order.
    fn wiring(&mut self, roots: &[usize]) {
        let mut seen = HashSet::new();
        for event in self.eval.host.events.clone() {
            let wiring = match event {
                Event::Made(at) if roots.contains(&at) => {
                    let Some(made) = self.eval.host.made.get(at) else { continue };
                    Wiring {
                        kind: WiringKind::Create,
                        file: self.file(made.place.module),
                        line: self.location(made.place.module, made.place.span).line,
                        app: made.name.clone().unwrap_or_else(|| "app".to_owned()),
                        statement: made.statement.range(),
                        call: made.place.span.range(),
                    }
                }
                Event::Layer(at, layer) if roots.contains(&at) => {
                    let Some(layer) = self.layers(at).get(layer).cloned() else { continue };
                    let (kind, call) = self.layer_kind(&layer);
                    Wiring {
                        kind,
                        file: self.file(layer.site.module),
                        line: self.location(layer.site.module, layer.site.statement).line,
                        app: self.app_name(at, layer.site.module, layer.site.object),
                        statement: layer.site.statement.range(),
                        call: call.range(),
                    }
                }
                Event::End(at, module, statement, call, name) if roots.contains(&at) => Wiring {
                    kind: WiringKind::End,
                    file: self.file(module),
                    line: self.location(module, statement).line,
                    app: self.app_name(at, module, name),
                    statement: statement.range(),
                    call: call.range(),
                },
                _ => continue,
            };
            if seen.insert((wiring.file.clone(), wiring.call.start, wiring.call.end, wiring.statement.start)) {
                self.found.source.wiring.push(wiring);
            }
        }
    }

    /// Mounts behind a deprecated guard: no routes of their own, but something to take away.
    fn deprecated_mounts(&mut self, roots: &[usize]) {
        let mut seen = HashSet::new();
        for event in self.eval.host.events.clone() {
            let Event::Layer(at, layer) = event else { continue };
            let Some(layer) = self.layers(at).get(layer).cloned() else { continue };
            let place = layer.site.place();
            if layer.kind != LayerKind::Use || self.sites.contains_key(&place) || !seen.insert(place) {
                continue;
            }
            let handlers = self.handlers(&layer);
            let is_wiring = roots.contains(&at) && self.layer_kind(&layer).0 == WiringKind::DeprecatedClerk;
            if is_wiring || !handlers.iter().any(|it| it.kind == HandlerKind::Deprecated) {
                continue;
            }
            let (file, line) = (self.file(place.module), self.location(place.module, place.span).line);
            let call = layer.site.statement.range();
            self.found.source.sites.push(Site { routes: Vec::new(), file, line, call, handlers });
        }
    }

    /// `app` of `app.use(a).use(b)`.
    fn app_name(&self, object: usize, module: usize, span: Span) -> String {
        let text = self.text(module, span);
        let head = text.split('(').next().unwrap_or_default();
        let head = if text.contains('(') { head.rsplit_once('.').map_or("", |(head, _)| head) } else { head };
        let plain = !head.is_empty() && head.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '#'));
        if plain {
            return head.to_owned();
        }
        self.eval.host.made.get(object).and_then(|it| it.name.clone()).unwrap_or_else(|| "app".to_owned())
    }

    fn layer_kind(&mut self, layer: &Layer) -> (WiringKind, Span) {
        let all = parts(&layer.handlers);
        let whole = layer.site.call;
        if layer.kind != LayerKind::Use {
            let preflight = !all.is_empty() && all.iter().all(|it| is_cors(&it.value));
            return (if preflight { WiringKind::Cors } else { WiringKind::Routes }, whole);
        }
        for part in &all {
            for value in part.value.each() {
                match value {
                    Value::Host(_) => return (WiringKind::Routes, whole),
                    Value::Function(closure) if closure.function.arity >= 4 => {
                        return (WiringKind::ErrorHandler(false), whole);
                    }
                    Value::Function(closure)
                        if closure.function.arity <= 2 && !self.only_not_found(closure.as_ref()) =>
                    {
                        return (WiringKind::Routes, whole);
                    }
                    _ => {}
                }
            }
        }
        for part in &all {
            let Value::External(external) = &part.value else { continue };
            let package = external.package().unwrap_or_default();
            let path = external.path();
            let name = path.iter().rev().find(|it| **it != "()").copied().unwrap_or_default();
            let span = match &**external {
                External::Call(_, _, place)
                    if place.module == layer.site.module && inside(place.span, layer.site.statement) =>
                {
                    place.span
                }
                _ => part.span,
            };
            let kind = match (package, name) {
                ("cors", _) | ("doorward", "crossOrigin") => WiringKind::Cors,
                ("express", "json" | "urlencoded" | "raw" | "text") | ("body-parser", _) => WiringKind::BodyParser,
                ("doorward", "rawBody") => {
                    let path = layer.path.as_ref().and_then(|it| it.value.as_str()).unwrap_or("/");
                    WiringKind::RawBody(printable(path))
                }
                ("doorward", "authErrors") => WiringKind::ErrorHandler(true),
                ("@clerk/express", "clerkMiddleware") => WiringKind::Clerk,
                ("@clerk/express", "requireAuth")
                | (
                    "@clerk/clerk-sdk-node",
                    "ClerkExpressWithAuth" | "ClerkExpressRequireAuth" | "withAuth" | "requireAuth",
                ) => WiringKind::DeprecatedClerk,
                _ => continue,
            };
            return (kind, span);
        }
        (WiringKind::Middleware, whole)
    }

    /// Guards that protect nothing.
    fn order(&mut self) {
        for guard in std::mem::take(&mut self.guards) {
            let too_late = self.found.routes.iter().any(|it| covers(&guard.prefix, false, &it.path));
            if guard.anything || !too_late {
                continue;
            }
            let place = project::location(self.program, guard.place);
            self.found.source.findings.push(
                Diagnostic::new("DW2111", format!("`{}` runs after every route it could protect", guard.name))
                    .at(place)
                    .help("move it above the routes it is meant for"),
            );
        }
        self.found.source.findings.sort_by(|one, two| (&one.location, &one.code).cmp(&(&two.location, &two.code)));
        self.found.source.findings.dedup();
    }
}

fn strength(state: GuardState) -> u8 {
    match state {
        GuardState::Open => 0,
        GuardState::Unsure => 1,
        GuardState::Guarded => 2,
    }
}

fn inside(inner: Span, outer: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn is_cors(value: &Value) -> bool {
    matches!(value, Value::External(it) if it.package() == Some("cors"))
}

fn is_error_handler(value: &Value) -> bool {
    matches!(value, Value::Function(closure) if closure.function.arity >= 4)
}

/// The handlers, with arrays taken apart.
fn parts(args: &[Arg]) -> Vec<Part> {
    fn flatten(value: &Value, span: Span, depth: usize, all: &mut Vec<Part>) {
        if all.len() > MAX_PARTS {
            return;
        }
        match value {
            Value::Array(array) if depth < 8 => {
                for item in array.items.borrow().iter() {
                    flatten(item, item_span(item, span), depth + 1, all);
                }
                if array.open.get() {
                    all.push(Part { value: Value::Unknown, span, spread: true });
                }
            }
            Value::Undefined | Value::Null | Value::Bool(_) => {}
            other => all.push(Part { value: other.clone(), span, spread: false }),
        }
    }
    let mut all = Vec::new();
    for arg in args {
        if arg.spread {
            all.push(Part { value: Value::Unknown, span: arg.span, spread: true });
        } else {
            flatten(&arg.value, arg.span, 0, &mut all);
        }
    }
    all
}

/// Where an item of an array literal stands: a call knows its own place, if it lies within the argument.
fn item_span(item: &Value, whole: Span) -> Span {
    match item {
        Value::External(external) => match &**external {
            External::Call(_, _, place) if inside(place.span, whole) => place.span,
            _ => whole,
        },
        Value::Function(closure) if inside(closure.function.span, whole) => closure.function.span,
        _ => whole,
    }
}

/// Whether a middleware at `before` runs for every request that `route` takes.
fn covers(before: &PathTemplate, exact: bool, route: &PathTemplate) -> bool {
    let (ours, theirs) = (before.segments(), route.segments());
    for (at, segment) in ours.iter().enumerate() {
        let hit = match (segment, theirs.get(at)) {
            (Segment::CatchAll(_), _) => return true,
            (_, None) => false,
            (Segment::Literal(one), Some(Segment::Literal(two))) => one.eq_ignore_ascii_case(two),
            (Segment::Param { prefix, suffix, .. }, Some(Segment::Literal(_) | Segment::Param { .. })) => {
                prefix.is_empty() && suffix.is_empty() || Some(segment) == theirs.get(at)
            }
            _ => false,
        };
        if !hit {
            return false;
        }
    }
    !exact || ours.len() == theirs.len()
}

/// One line of at most 80 characters.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

/// `auth` and `auth(…)` for what is called; the text itself for the rest.
fn callee(text: &str) -> String {
    match text.split_once('(') {
        Some((name, rest)) if rest.starts_with(')') => format!("{name}()"),
        Some((name, _)) => format!("{name}(…)"),
        None => text.to_owned(),
    }
}
