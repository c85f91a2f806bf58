//! Reads the routes of Express programs.
//!
//! The program's start-up code is evaluated, and what it does to applications and routers is recorded ([`host`]).
//! Then each application is walked in the order Express would try its layers, with the middleware that has gone
//! before.

mod before;
mod errors;
mod findings;
mod host;
mod leftovers;
mod parts;
pub(in crate::frameworks) mod paths;
mod places;
mod routes;
mod shape;
mod templates;
mod trace;
mod used;
mod wiring;

use std::collections::{BTreeSet, HashMap, HashSet};

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{GuardState, Method, RouteId};
use doorward::path::PathTemplate;

use self::before::{Before, covers, sheltered};
use self::host::{Express, Kind, Layer, LayerKind};
use self::parts::{Part, parts};
use self::routes::Registration;
use self::trace::Way;
use self::used::Used;
use crate::js;
use crate::js::eval::{Eval, Problem};
use crate::js::flow::{self, Flow};
use crate::js::guards::{self, Verdict};
use crate::js::ir::Span;
use crate::js::program::Program;
use crate::js::shapes::Shapes;
use crate::js::value::{Closure, Place, Value};
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

/// A guard, and whether it protects anything.
#[derive(Debug)]
struct Protects {
    name: String,
    place: Place,
    prefix: PathTemplate,
    anything: bool,
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
                LayerKind::Use => {
                    let used = Used { layer: &layer, paths: &paths, prefix, way };
                    self.used(&used, chain, stack, reached);
                }
                LayerKind::Route(method) => {
                    let targets: Vec<PathTemplate> = paths.iter().map(|it| prefix.join(it)).collect();
                    self.routes(&Registration { method, targets: &targets, layer: &layer, way }, chain);
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
                    self.routes(&Registration { method: Method::ALL, targets: &targets, layer: &layer, way }, chain);
                }
            }
        }
        stack.pop();
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
