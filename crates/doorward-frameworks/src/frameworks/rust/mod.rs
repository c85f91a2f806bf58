//! What the frameworks of Rust have in common: where evaluation starts, which values are applications, and how a
//! route, its middleware and its history are put together.

pub(crate) mod extractors;
pub(crate) mod layers;
mod shapes;
mod silent;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId, Step, StepKind};
use doorward::path::PathTemplate;

use crate::project::{Found, Package};
use crate::rs;
use crate::rs::eval::Eval;
use crate::rs::ir::{Function, Name, Param, Pattern, Type};
use crate::rs::program::{FnRef, Program};
use crate::rs::value::{Arg, Branch, Term, TermKind, Value};
use crate::source::Place;
use crate::walk::printable;

/// No program a person wrote has this many routes, or mounts routers this often.
pub(crate) const MAX_ROUTES: usize = 50_000;
pub(crate) const MAX_WALKS: usize = 50_000;

/// Something that runs before a handler.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) branch: Branch,
    pub(crate) verdict: Verdict,
}

/// What something does to strangers, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) state: GuardState,
    pub(crate) origin: String,
}

impl Verdict {
    pub(crate) fn new(state: GuardState, origin: impl Into<String>) -> Self {
        Self { state, origin: origin.into() }
    }
}

/// The code that answers.
#[derive(Debug, Clone)]
pub(crate) struct Handler {
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) functions: Vec<FnRef>,
}

impl Handler {
    pub(crate) fn of(arg: &Arg) -> Self {
        let functions = arg.value.each().into_iter().filter_map(|it| match it {
            Value::Function(function) => Some(function),
            Value::Closure(closure) => Some(as_function(&closure)),
            _ => None,
        });
        Self { text: arg.text.to_string(), place: arg.place, functions: functions.collect() }
    }
}

/// A closure as a function of its own, for what its parameters say.
fn as_function(closure: &crate::rs::value::Closure) -> FnRef {
    let param = |(_, ty): &(Pattern, Option<Type>)| Param {
        pattern: Pattern::Wild,
        ty: ty.clone().unwrap_or(Type::Other),
        at: closure.closure.at,
    };
    let params = closure.closure.params.iter().map(param).collect();
    let function = Function { params, at: closure.closure.at, ..Function::default() };
    FnRef { function: Arc::new(function), scope: closure.scope, owner: closure.owner.clone() }
}

/// A route on its way through mounts and layers.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) method: Method,
    pub(crate) path: PathTemplate,
    pub(crate) place: Place,
    pub(crate) text: String,
    pub(crate) branch: Branch,
    pub(crate) handler: Handler,
    /// Outermost first.
    pub(crate) layers: Vec<Rc<Layer>>,
    /// Mounts and layers, outermost first.
    pub(crate) steps: Vec<Step>,
}

/// Reads one package: the engine, and what has been found so far.
pub(crate) struct Reader<'p> {
    pub(crate) program: &'p Program,
    pub(crate) eval: Eval<'p>,
    pub(crate) found: Found,
    pub(crate) package: usize,
    seen: HashMap<(RouteId, Place), usize>,
    extractors: extractors::Memo,
    words: HashMap<Name, usize>,
    types: shapes::Types,
    /// Attributes of the project whose routes are listed.
    pub(crate) understood: HashSet<Place>,
    /// From which function each logged term was found.
    starts: HashMap<*const Term, usize>,
    dead: HashMap<usize, bool>,
}

impl<'p> Reader<'p> {
    /// Follows every function of the package that has to do with what `knows` names.
    pub(crate) fn new(program: &'p Program, package: &Package, knows: fn(&[Name]) -> bool) -> Self {
        let number = program.packages.iter().position(|it| it.folder == package.root).unwrap_or(usize::MAX);
        let mut eval = Eval::new(program, knows);
        let is_main = |it: &&FnRef| {
            &*it.function.name == "main"
                && it.owner.is_none()
                && program.scope(it.scope).is_some_and(|it| it.parent.is_none())
        };
        let mine = || program.functions().iter().filter(|it| program.package_of(it.scope) == Some(number));
        let mut done = HashSet::new();
        for function in mine().filter(is_main).chain(mine().filter(|it| !is_main(it))) {
            let key = function.key();
            let runs = eval.is_hot(function) && !eval.entered.contains_key(&key);
            if runs && done.insert(key) {
                eval.start(function);
            }
        }
        let mut words: HashMap<Name, usize> = HashMap::new();
        for function in program.functions() {
            let names = function.function.paths.iter().filter_map(|it| it.segments.last()).map(|it| &it.name);
            for name in names.chain(&function.function.methods).filter(|it| **it != function.function.name) {
                *words.entry(Name::clone(name)).or_default() += 1;
            }
        }
        let starts = eval.log.iter().map(|(term, start)| (Rc::as_ptr(term), *start)).collect();
        Self {
            program,
            starts,
            dead: HashMap::new(),
            eval,
            found: Found::default(),
            package: number,
            seen: HashMap::new(),
            extractors: extractors::Memo::default(),
            words,
            types: shapes::Types::default(),
            understood: HashSet::new(),
        }
    }

    pub(crate) fn location(&self, place: Place) -> Location {
        rs::packages::location(self.program, place)
    }

    pub(crate) fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    /// What was logged, without what was followed again from a better place.
    pub(crate) fn log(&self) -> Vec<Rc<Term>> {
        let again = |start: &usize| self.eval.entered.get(start).is_some_and(|it| it.iter().any(|by| by != start));
        self.eval.log.iter().filter(|(_, start)| !again(start)).map(|(term, _)| Rc::clone(term)).collect()
    }

    /// The terms for which `is` holds and that no other such term builds on.
    pub(crate) fn roots(&self, is: fn(&[Name]) -> bool, ends: &[&str]) -> Vec<Rc<Term>> {
        let all = self.log();
        let mut consumed = Consumed::default();
        for term in all.iter().filter(|it| is(&it.head)) {
            match &term.kind {
                TermKind::Method(_, name, _, _) if ends.contains(&&**name) => {}
                _ => consumed.inside(term),
            }
        }
        let mut places = HashSet::new();
        let free = |it: &&Rc<Term>| {
            is(&it.head) && !consumed.terms.contains(&Rc::as_ptr(it)) && !consumed.places.contains(&it.place)
        };
        let built = |it: &&Rc<Term>| match &it.kind {
            TermKind::Method(_, name, _, _) => !ends.contains(&&**name),
            TermKind::Call(..) => true,
            _ => false,
        };
        let mut roots: Vec<Rc<Term>> = all.iter().filter(free).filter(built).map(Rc::clone).collect();
        // What only ends a chain, such as `into_make_service`, does not build on it.
        roots.retain(|it| places.insert((it.place, Rc::as_ptr(it))));
        roots
    }

    /// Whether the function from which a term was found is never called by anything, as far as names tell.
    pub(crate) fn is_dead(&mut self, term: &Rc<Term>) -> bool {
        let Some(start) = self.starts.get(&Rc::as_ptr(term)).copied() else { return false };
        if let Some(known) = self.dead.get(&start) {
            return *known;
        }
        let dead = self.is_unused(start);
        self.dead.insert(start, dead);
        dead
    }

    fn is_unused(&self, start: usize) -> bool {
        let Some(function) = self.program.functions().iter().find(|it| it.key() == start) else { return false };
        let library = self
            .program
            .scope(function.scope)
            .and_then(|it| self.program.crates.get(it.krate))
            .is_some_and(|it| !it.program);
        let name = &function.function.name;
        let trait_function = function.owner.as_ref().is_some_and(|it| it.implements.is_some());
        let attribute = function.function.attrs.iter().any(|it| it.path.segments.len() > 1 || it.name() == "main");
        let offered = library && function.function.public;
        let used = trait_function || attribute || offered || self.words.contains_key(name);
        &**name != "main" && !used
    }

    /// A step of a trace.
    pub(crate) fn step(&self, kind: StepKind, text: impl Into<String>, path: Option<String>, place: Place) -> Step {
        let module = self.program.module(place.module);
        let text = printable(&text.into());
        Step { kind, text, path, file: printable(&module.file), line: module.line(place.span.start) }
    }

    /// Lists a route.
    pub(crate) fn add(&mut self, entry: Entry) {
        if self.found.routes.len() >= MAX_ROUTES {
            return;
        }
        let id = RouteId { method: entry.method.clone(), path: entry.path.clone() };
        let guard = self.guard(&entry);
        if let Some(at) = self.seen.get(&(id.clone(), entry.place)) {
            // Served twice: the way with the weaker guard is the one that counts.
            if let Some(known) = self.found.routes.get_mut(*at)
                && strength(&guard) < strength(&known.guard)
            {
                known.guard = guard;
            }
            return;
        }
        let module = self.program.module(entry.place.module);
        let mut route = Route::new(id.clone(), printable(&module.file), module.line(entry.place.span.start));
        route.chain = entry.layers.iter().map(|it| printable(&it.text)).collect();
        route.guard = guard;
        if let [handler] = entry.handler.functions.as_slice() {
            route.shape = shapes::read(&mut self.types, self.program, handler, &id);
        }
        let handler = match entry.handler.functions.as_slice() {
            [one] => self.program.place(one.scope, one.function.at),
            _ => entry.handler.place,
        };
        route.trace.clone_from(&entry.steps);
        route.trace.push(self.step(StepKind::Route, entry.text, Some(entry.path.to_string()), entry.place));
        route.trace.push(self.step(StepKind::Handler, entry.handler.text.clone(), None, handler));
        self.seen.insert((id, entry.place), self.found.routes.len());
        self.found.routes.push(route);
    }

    fn guard(&mut self, entry: &Entry) -> Guard {
        let mut by: BTreeMap<usize, (GuardSeen, GuardState)> = BTreeMap::new();
        for (at, layer) in entry.layers.iter().enumerate() {
            let certain = entry.branch.starts_with(&layer.branch);
            let state = match layer.verdict.state {
                GuardState::Guarded if !certain => GuardState::Unsure,
                state => state,
            };
            if state != GuardState::Open {
                by.insert(at, (self.seen_guard(&layer.text, &layer.verdict.origin, layer.place), state));
            }
        }
        for function in &entry.handler.functions.clone() {
            for (text, verdict, place) in self.extracted(function) {
                if verdict.state != GuardState::Open {
                    by.insert(by.len() + 1_000_000, (self.seen_guard(&text, &verdict.origin, place), verdict.state));
                }
            }
        }
        let state = if by.values().any(|(_, it)| *it == GuardState::Guarded) {
            GuardState::Guarded
        } else if by.is_empty() {
            GuardState::Open
        } else {
            GuardState::Unsure
        };
        Guard { state, by: by.into_values().map(|(it, _)| it).collect() }
    }

    fn seen_guard(&self, name: &str, origin: &str, place: Place) -> GuardSeen {
        let module = self.program.module(place.module);
        GuardSeen {
            name: printable(name),
            origin: printable(origin),
            file: printable(&module.file),
            line: module.line(place.span.start),
            asks: None,
        }
    }

    /// Whether another package of the tree depends on this one.
    fn is_used_elsewhere(&self) -> bool {
        let Some(own) = self.program.packages.get(self.package) else { return false };
        let mut others = self.program.packages.iter().filter(|it| it.folder != own.folder);
        others.any(|it| it.dependencies.values().any(|it| it.package == own.name))
    }

    /// Ends the reading: routes in the order of the source, and what evaluation could not know.
    ///
    /// `crates` are those of the framework, as the source calls them.
    pub(crate) fn finish(mut self, crates: &[&str]) -> Found {
        self.silent(crates);
        if let Some(place) = self.eval.exhausted {
            let diagnostic = Diagnostic::new(
                "DW2013",
                "the program does more at start-up than doorward follows; the rest was not read",
            )
            .at(self.location(place))
            .help("move heavy work out of start-up, or run doorward on the folder of one app");
            self.tell(diagnostic);
        }
        self.found.schemas = std::mem::take(&mut self.types).into_named();
        self.found.read = std::mem::take(&mut self.eval.read);
        let dead = |start: &usize| self.dead.get(start).copied().unwrap_or(false);
        let live = self.eval.log.iter().filter(|(_, start)| !dead(start)).map(|(it, _)| it.place);
        self.found.mounted.extend(live);
        if !self.found.serves && self.is_used_elsewhere() {
            // With the arguments that its users give, they see what is unknown here.
            self.found.unresolved.retain(|it| !matches!(it.code.as_str(), "DW2003" | "DW2004"));
        }
        self.found
    }
}

fn strength(guard: &Guard) -> u8 {
    match guard.state {
        GuardState::Open => 0,
        GuardState::Unsure => 1,
        GuardState::Guarded => 2,
    }
}

/// What other terms build on.
#[derive(Default)]
struct Consumed {
    terms: HashSet<*const Term>,
    /// Lists that were gone through: many terms may share one.
    lists: HashSet<*const Vec<Value>>,
    places: HashSet<Place>,
}

impl Consumed {
    fn inside(&mut self, term: &Rc<Term>) {
        let mut work: Vec<(Value, Place)> = Vec::new();
        let push = |work: &mut Vec<(Value, Place)>, term: &Term| {
            if let TermKind::Method(receiver, ..) | TermKind::Index(receiver, _) = &term.kind {
                work.push((receiver.clone(), term.place));
            }
            work.extend(term.args().iter().map(|it| (it.value.clone(), term.place)));
        };
        push(&mut work, term);
        while let Some((value, by)) = work.pop() {
            match value {
                Value::Term(inner) => {
                    if inner.place != by {
                        self.places.insert(inner.place);
                    }
                    if self.terms.insert(Rc::as_ptr(&inner)) {
                        push(&mut work, &inner);
                    }
                }
                Value::List(all) | Value::Tuple(all) | Value::Either(all) if self.lists.insert(Rc::as_ptr(&all)) => {
                    work.extend(all.iter().map(|it| (it.clone(), by)));
                }
                Value::Cell(inner) => work.push((inner.borrow().clone(), by)),
                _ => {}
            }
        }
    }
}

/// The calls of a chain, the first first, and what it starts with.
pub(crate) fn unroll(value: &Value) -> (Value, Vec<Rc<Term>>) {
    let mut calls = Vec::new();
    let mut at = value.clone();
    loop {
        let next = match &at {
            Value::Term(term) => match &term.kind {
                TermKind::Method(receiver, ..) if calls.len() < 100_000 => {
                    calls.push(Rc::clone(term));
                    receiver.clone()
                }
                _ => break,
            },
            Value::Cell(inner) => inner.borrow().clone(),
            _ => break,
        };
        at = next;
    }
    calls.reverse();
    (at, calls)
}

/// Which guards of a finished run were attached only under a condition.
pub(crate) fn conditional(reader: &Reader<'_>, layers: &[(Rc<Layer>, Branch)]) -> Vec<Diagnostic> {
    let mut told = HashSet::new();
    layers
        .iter()
        .filter(|(layer, branch)| {
            layer.verdict.state == GuardState::Guarded && !branch.starts_with(&layer.branch) && told.insert(layer.place)
        })
        .map(|(layer, _)| {
            Diagnostic::new("DW2110", format!("`{}` guards only if a condition holds", printable(&layer.text)))
                .at(reader.location(layer.place))
                .help("attach the guard in any case, so that no setting can leave the routes open")
        })
        .collect()
}
