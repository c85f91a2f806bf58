//! Reads the routes of Express programs.
//!
//! The program's start-up code is evaluated, and what it does to applications and routers is recorded ([`host`]).
//! Then each application is walked in the order Express would try its layers, with the middleware that has gone
//! before.

mod errors;
mod findings;
mod host;
mod leftovers;
pub(in crate::frameworks) mod paths;
mod places;
mod shape;
mod templates;
mod trace;
mod wiring;

use std::collections::{BTreeSet, HashMap, HashSet};

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId, Step};
use doorward::path::{PathTemplate, Segment};
use doorward::shape::Shape;

use self::host::{Express, Kind, Layer, LayerKind};
use self::trace::Way;
use super::SERVES_PAGES;
use crate::js;
use crate::js::eval::{Branch, Eval, Problem};
use crate::js::flow::{self, Flow};
use crate::js::guards::{self, Verdict};
use crate::js::ir::Span;
use crate::js::program::Program;
use crate::js::shapes::Shapes;
use crate::js::value::{Arg, Closure, External, Place, Value};
use crate::model::{HandlerKind, Site};
use crate::project::{Found, Package};
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
    eval.load_all(&package.modules);
    for module in &package.modules {
        if program.sources(*module).iter().any(|it| it == "express") {
            eval.sweep(*module);
        }
    }
    found.read = eval.read();
    found.unresolved.extend(eval.problems.iter().map(|it| js::packages::problem(program, it)));
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
        shapes: Shapes::default(),
        walks: 0,
    };
    reader.read();
    reader.found.schemas = reader.shapes.into_named();
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
    /// A catch-all at the end of its path may be empty.
    bare: bool,
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

/// A handler of a route: its name, what it does, where it stands, and whether it is the last.
type Own = (String, Verdict, Place, bool);

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
    /// Schemas that handlers give the request to.
    shapes: Shapes,
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
            self.walk(*root, &PathTemplate::root(), &self.way_from(*root), &mut chain, &mut vec![], &mut reached);
        }
        self.loose(&reached);
        self.uncalled();
        self.listeners();
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
        js::packages::location(self.program, Place { module, span })
    }

    fn text(&self, module: usize, span: Span) -> String {
        self.program.text(module).get(span.range()).unwrap_or_default().to_owned()
    }

    fn file(&self, module: usize) -> String {
        printable(&self.program.file(module))
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    /// Goes through the layers of `object`, mounted at `prefix`.
    fn walk(
        &mut self,
        object: usize,
        prefix: &PathTemplate,
        way: &Way,
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
                self.tell(js::packages::problem(self.program, &problem));
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
                LayerKind::Use => self.used(&layer, &paths, prefix, way, chain, stack, reached),
                LayerKind::Route(method) => {
                    let targets: Vec<PathTemplate> = paths.iter().map(|it| prefix.join(it)).collect();
                    self.routes(method, &targets, &layer, way, chain);
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
                    self.routes(Method::ALL, &targets, &layer, way, chain);
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
        way: &Way,
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
            let flow = self.flow_of(&part.value);
            for value in part.value.each() {
                match value {
                    Value::Host(inner) if self.kind(inner).is_some_and(|it| !matches!(it, Kind::Route(..))) => {
                        for path in paths {
                            let step = self.mount(layer, path, part);
                            let way = way.through(&layer.site.branch, chain.len(), step);
                            self.walk(inner, &prefix.join(path), &way, chain, stack, reached);
                        }
                    }
                    value @ Value::Function(_) if is_error_handler(&value) => {
                        if errors::forgives(&value) {
                            let place = Place { module: layer.site.module, span: part.span };
                            self.forgive_below(chain, prefix, place);
                        }
                    }
                    Value::Function(closure) if self.answers_all(&closure) => {
                        let rest = PathTemplate::from_segments(vec![Segment::CatchAll("path".to_owned())]);
                        let targets: Vec<PathTemplate> = paths
                            .iter()
                            .map(|it| prefix.join(it))
                            .map(|it| match it.segments().last() {
                                Some(Segment::CatchAll(_)) => it,
                                _ => it.join(&rest),
                            })
                            .collect();
                        self.routes(Method::ALL, &targets, layer, way, chain);
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
                        if verdict.state == GuardState::Open
                            && self.answers_some(&part.value, flow)
                            && !paths.iter().all(|it| sheltered(chain, &way.branches, layer, &prefix.join(it)))
                        {
                            self.tell_of_answers(&name, place);
                        }
                        if let Value::External(external) = &value
                            && SERVES_PAGES.contains(&external.name().as_str())
                        {
                            self.files_for_anyone(chain, &way.branches, layer, part, paths, prefix);
                        }
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
                                bare: self.bare(layer),
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
            if flow.stops() && flow.terminal() {
                self.unheard(layer, all.get(at + 1..).unwrap_or_default());
                break;
            }
        }
    }

    /// Whether a catch-all at the end of a path also matches when nothing is left: `{/*rest}`, or `*` of Express 4.
    fn bare(&self, layer: &Layer) -> bool {
        match layer.path.as_ref().map(|it| &it.value) {
            None => true,
            Some(Value::Str(path)) if self.major >= 5 => path.text.contains('{'),
            Some(Value::Str(path)) => matches!(&*path.text, "*" | "/*" | "(.*)" | "/(.*)"),
            Some(_) => false,
        }
    }

    /// Guards behind a handler that answers.
    fn unheard(&mut self, layer: &Layer, parts: &[Part]) {
        for part in parts {
            let text = self.text(layer.site.module, part.span);
            let place = Place { module: layer.site.module, span: part.span };
            if self.judge(&part.value, &text, place).state == GuardState::Guarded {
                let name = self.shown(&part.value, &text);
                let place = js::packages::location(self.program, place);
                self.found.source.findings.push(
                    Diagnostic::new("DW2111", format!("`{name}` comes after the handler that answers, and never runs"))
                        .at(place)
                        .help("move it in front of the handler"),
                );
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

    /// A handler that says 404 and nothing else is what remains when no route matched.
    #[expect(clippy::unused_self, reason = "asked like everything else about a handler")]
    fn only_not_found(&self, closure: &Closure) -> bool {
        flow::flow::<Express>(None, closure).only_not_found()
    }

    /// Whether a function given to `use` answers whatever reaches it.
    fn answers_all(&mut self, closure: &Closure) -> bool {
        let flow = flow::flow(Some(&mut self.eval), closure);
        match closure.function.arity {
            ..=2 => !self.only_not_found(closure),
            3 => flow.terminal() && !flow.only_not_found(),
            _ => false,
        }
    }

    /// What becomes of the requests a handler is given.
    fn flow_of(&mut self, value: &Value) -> Flow {
        let mut all = Flow::default();
        for value in value.each() {
            match &value {
                Value::Function(closure) if closure.function.arity < 4 => {
                    let flow = flow::flow(Some(&mut self.eval), closure);
                    all.shows |= flow.shows;
                    all.ends |= flow.ends;
                    all.errors |= flow.errors;
                    all.hands_on |= flow.hands_on;
                    all.continues |= flow.continues || !flow.stops();
                }
                _ => all.continues = true,
            }
        }
        all
    }

    /// Whether a handler answers some requests and passes others on, without looking at who asks.
    fn answers_some(&mut self, value: &Value, flow: Flow) -> bool {
        if !(flow.shows && flow.continues) {
            return false;
        }
        value.each().iter().any(|value| {
            let Value::Function(closure) = value else { return false };
            let mut body = guards::Body::default();
            guards::scan(&mut self.eval, closure, &mut body, &mut HashSet::new(), 0);
            !body.refuses
        })
    }

    /// Tells of a handler that answers before any guard has run.
    fn tell_of_answers(&mut self, name: &str, place: Place) {
        let place = js::packages::location(self.program, place);
        self.found.source.findings.push(
            Diagnostic::new("DW2113", format!("`{name}` answers some requests itself, before any guard has run"))
                .at(place)
                .help("put a guard in front of it, or make a route of its own of what it answers"),
        );
    }

    /// Registers `method` on each of `targets`.
    fn routes(&mut self, method: &str, targets: &[PathTemplate], layer: &Layer, way: &Way, chain: &mut Vec<Before>) {
        let mut all = parts(&layer.handlers);
        if method == "OPTIONS" && !all.is_empty() && all.iter().all(|it| is_cors(&it.value)) {
            // It answers preflights, as `app.use(cors())` does. Nobody is let in or kept out.
            return;
        }
        let module = layer.site.module;
        let mut own: Vec<Own> = Vec::new();
        let flows: Vec<Flow> = all.iter().map(|it| self.flow_of(&it.value)).collect();
        if let Some(end) = flows.iter().position(|it| it.stops()) {
            let behind = all.split_off(end + 1);
            self.unheard(layer, &behind);
        }
        let last = all.iter().rposition(|it| !is_error_handler(&it.value)).unwrap_or(0);
        // Whether something before may have answered already.
        let mut answered = false;
        let mut ends_with_guard = None;
        let mut passes_on = false;
        for (at, part) in all.iter().enumerate() {
            if part.spread {
                self.unknown_handlers(&layer.site, part.span);
            }
            let place = Place { module, span: part.span };
            if errors::forgives(&part.value) {
                self.forgive(own.iter_mut().map(|it| &mut it.1), place);
            }
            if is_error_handler(&part.value) || matches!(part.value, Value::Host(_)) {
                continue;
            }
            let text = self.text(module, part.span);
            let is_last = at == last && !part.spread;
            let verdict = match &part.value {
                // What answers is not what guards, unless it is made to pass requests on.
                Value::Function(closure) if is_last => {
                    let mut body = guards::Body::default();
                    guards::scan(&mut self.eval, closure, &mut body, &mut HashSet::new(), 4);
                    if method == Method::ALL && self.only_not_found(closure) {
                        return;
                    }
                    let flow = flows.get(at).copied().unwrap_or_default();
                    let answers = flow.shows && !body.refuses;
                    if method == Method::ALL && body.continues && closure.function.arity == 3 && !answers {
                        passes_on = true;
                        let verdict = self.judge(&part.value, &text, place);
                        ends_with_guard = (verdict.state != GuardState::Open).then(|| verdict.clone());
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
            let mut verdict = verdict;
            if answered && verdict.state == GuardState::Guarded {
                verdict.state = GuardState::Unsure;
                verdict.asks = None;
            }
            let name = self.shown(&part.value, &text);
            let flow = flows.get(at).copied().unwrap_or_default();
            let guarded = own.iter().any(|(_, verdict, ..)| verdict.state == GuardState::Guarded)
                || targets.iter().all(|it| sheltered(chain, &way.branches, layer, it));
            if !is_last && !guarded && verdict.state == GuardState::Open && self.answers_some(&part.value, flow) {
                answered = true;
                self.tell_of_answers(&name, place);
            }
            own.push((name, verdict, place, is_last));
        }
        // `app.all('/api/*path', auth)` answers nobody: it is middleware, written as a route.
        let maybe_bare = layer.kind == LayerKind::Use || self.bare(layer);
        let targets_of_routes = if passes_on { &[] } else { targets };
        let shape = if targets_of_routes.is_empty() { Shape::default() } else { self.shape(&all) };
        for target in targets_of_routes {
            let id = RouteId { method: Method::new(method), path: target.clone() };
            let mut names = Vec::new();
            let mut by = Vec::new();
            let mut state = GuardState::Open;
            let mut hits = Vec::new();
            let mut passed = Vec::new();
            for (at, before) in chain.iter().enumerate() {
                let method_fits = before.method.as_deref().is_none_or(|it| it == Method::ALL || it == method);
                if !method_fits || !before.covers(target, false) {
                    continue;
                }
                names.push(before.name.clone());
                passed.push(at);
                hits.extend(before.guard);
                let always = way.branches.iter().chain([&layer.site.branch]).any(|it| it.starts_with(&before.branch));
                let sure = always && before.covers(target, maybe_bare);
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
            let trace = self.trace(way, chain, &passed, layer, target, &own);
            self.add(id, layer, (names, trace, shape.clone()), Guard { state, by });
        }
        if let Some(verdict) = ends_with_guard {
            let (name, _, place, _) =
                own.last().cloned().unwrap_or_else(|| (String::new(), verdict.clone(), Place::default(), true));
            for target in targets {
                chain.push(Before {
                    prefix: target.clone(),
                    exact: true,
                    bare: self.bare(layer),
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

    fn add(&mut self, id: RouteId, layer: &Layer, known: (Vec<String>, Vec<Step>, Shape), guard: Guard) {
        let (chain, trace, shape) = known;
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
                known.trace = trace;
            }
            return;
        }
        self.seen.insert(key, self.found.routes.len());
        self.found.routes.push(Route { chain, trace, shape, guard, ..Route::new(id.clone(), file.clone(), line) });
        if let Some(site) = self.sites.get(&place).and_then(|at| self.found.source.sites.get_mut(*at)) {
            site.routes.push(id);
            return;
        }
        let handlers = self.handlers(layer);
        self.sites.insert(place, self.found.source.sites.len());
        let call = place.span.range();
        self.found.source.sites.push(Site { routes: vec![id], file, line, call, handlers });
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
        printable(&crate::js::chain::wrapped(value, &text).map_or_else(|| callee(&text), str::to_owned))
    }

    /// Guards that protect nothing.
    fn order(&mut self) {
        for guard in std::mem::take(&mut self.guards) {
            let too_late = self.found.routes.iter().any(|it| covers(&guard.prefix, false, true, &it.path, false));
            if guard.anything || !too_late {
                continue;
            }
            let place = js::packages::location(self.program, guard.place);
            self.found.source.findings.push(
                Diagnostic::new("DW2111", format!("`{}` runs after every route it could protect", guard.name))
                    .at(place)
                    .help("move it above the routes it is meant for"),
            );
        }
        let weak = guards::weaknesses(&self.eval, self.program);
        self.found.source.findings.extend(weak);
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
            Value::External(external) if depth < 8 && guards::wrapped(external).is_some() => {
                flatten(&guards::wrapped(external).unwrap_or(Value::Unknown), span, depth + 1, all);
            }
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

/// Whether something that guards runs before every request to `target`.
fn sheltered(chain: &[Before], branches: &[Branch], layer: &Layer, target: &PathTemplate) -> bool {
    chain.iter().any(|it| {
        it.verdict.state == GuardState::Guarded
            && it.method.as_deref().is_none_or(|it| it == Method::ALL)
            && it.covers(target, layer.kind == LayerKind::Use)
            && branches.iter().chain([&layer.site.branch]).any(|branch| branch.starts_with(&it.branch))
    })
}

impl Before {
    fn covers(&self, route: &PathTemplate, maybe_bare: bool) -> bool {
        covers(&self.prefix, self.exact, self.bare, route, maybe_bare)
    }
}

/// Whether a middleware at `before` runs for every request that `route` takes. `bare`: a catch-all at its end may be
/// empty; `maybe_bare`: one at the end of `route` may.
fn covers(before: &PathTemplate, exact: bool, bare: bool, route: &PathTemplate, maybe_bare: bool) -> bool {
    let (ours, theirs) = (before.segments(), route.segments());
    for (at, segment) in ours.iter().enumerate() {
        let hit = match (segment, theirs.get(at)) {
            (Segment::CatchAll(_), Some(Segment::CatchAll(_))) => return bare || !maybe_bare,
            (Segment::CatchAll(_), theirs) => return bare || theirs.is_some(),
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
