//! Reads the routes of Koa programs: applications and routers are walked in the order Koa runs their middleware.

use std::collections::{BTreeSet, HashMap, HashSet};

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{Method, Route, RouteId, Step, StepKind};
use doorward::path::{PathTemplate, Segment};

use super::VERBS;
use super::host::{Koa, Layer, Piece, PieceKind};
use crate::js;
use crate::js::chain::{self, Part, Runs, covers, koalike, overlaps};
use crate::js::eval::{Branch, Eval, Problem};
use crate::js::guards::{self, HARMLESS};
use crate::js::packages::location;
use crate::js::program::Program;
use crate::js::value::{Arg, External, Place, Value};
use crate::project::{Found, Package};
use crate::walk::printable;

/// Reads one package.
pub(super) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, Koa::default());
    eval.load_all(&package.modules);
    for module in &package.modules {
        if program.sources(*module).iter().any(|it| it.contains("koa")) {
            eval.sweep(*module);
        }
    }
    let mut found = Found { read: eval.read(), ..Found::default() };
    found.unresolved.extend(eval.problems.iter().map(|it| js::packages::problem(program, it)));
    let mut reader = Reader {
        program,
        eval,
        found,
        syntax: syntax(program, package),
        seen: HashMap::new(),
        told: HashSet::new(),
        reached: BTreeSet::new(),
    };
    reader.read();
    reader.found.source.findings.extend(guards::weaknesses(&reader.eval, program));
    reader.found
}

/// Which syntax of paths the router knows, by Express's numbers: `@koa/router` 14 is where it changed.
fn syntax(program: &Program, package: &Package) -> u32 {
    let folders = [package.root.as_str(), "."];
    let range = folders.iter().find_map(|folder| {
        let text = program.read(&program.root().join(folder).join("package.json"))?;
        let json: serde_json::Value = serde_json::from_str(&text).ok()?;
        ["dependencies", "devDependencies"]
            .iter()
            .find_map(|kind| Some(json.get(kind)?.get("@koa/router")?.as_str()?.to_owned()))
    });
    let major: Option<u32> = range.and_then(|it| {
        it.chars()
            .skip_while(|it| !it.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .ok()
    });
    if major.is_some_and(|it| it >= 14) { 5 } else { 4 }
}

/// A middleware that runs before what follows it.
struct Before {
    prefix: PathTemplate,
    exact: bool,
    methods: Option<Vec<String>>,
    /// Paths it lets pass.
    except: Vec<PathTemplate>,
    branch: Branch,
    runs: Runs,
}

pub(super) struct Reader<'p> {
    pub(super) program: &'p Program,
    eval: Eval<'p, Koa>,
    found: Found,
    pub(super) syntax: u32,
    seen: HashMap<RouteId, usize>,
    /// Places whose path was complained about.
    pub(super) told: HashSet<Place>,
    reached: BTreeSet<usize>,
}

/// Where a walk stands.
#[derive(Clone)]
struct At {
    prefix: PathTemplate,
    branches: Vec<Branch>,
    trace: Vec<Step>,
    depth: usize,
}

impl Reader<'_> {
    fn read(&mut self) {
        let roots = self.roots();
        self.found.serves = !roots.is_empty();
        for root in roots {
            self.walk(root);
        }
        self.leftovers();
        if let Some(place) = self.eval.host.overflow {
            self.tell(js::packages::problem(self.program, &Problem::TooComplex(place)));
        }
    }

    /// Applications that no other one mounts.
    fn roots(&self) -> Vec<usize> {
        let made = &self.eval.host.made;
        let mut mounted = BTreeSet::new();
        for layer in made.iter().flat_map(|it| &it.layers) {
            for part in chain::parts(&layer.handlers, layer.site.module) {
                hosts_in(&part.value, 0, &mut mounted);
            }
        }
        (0..made.len()).filter(|at| !mounted.contains(at) && made.get(*at).is_some_and(|it| it.is_app)).collect()
    }

    pub(super) fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    fn step(&self, kind: StepKind, text: &str, path: Option<String>, place: Place) -> Step {
        chain::step(self.program, kind, printable(&chain::one_line(&chain::callee(text))), path, place)
    }

    fn walk(&mut self, root: usize) {
        let Some(place) = self.eval.host.made.get(root).map(|it| it.place) else { return };
        let app = self.step(StepKind::App, &chain::text(self.program, place), None, place);
        let at = At { prefix: PathTemplate::root(), branches: Vec::new(), trace: vec![app], depth: 0 };
        self.object(root, &at, &mut Vec::new());
    }

    /// Goes through the layers of an application or a router.
    fn object(&mut self, object: usize, at: &At, before: &mut Vec<Before>) {
        let Some(made) = self.eval.host.made.get(object) else { return };
        if at.depth > 16 || self.found.routes.len() > chain::MAX_ROUTES {
            return;
        }
        let (is_app, layers) = (made.is_app, made.layers.clone());
        self.reached.insert(object);
        self.found.mounted.insert(made.place);
        // What a router runs, it runs for its own routes only.
        let outer = before.len();
        for layer in layers {
            let parts = chain::parts(&layer.handlers, layer.site.module);
            match (&layer.methods, is_app) {
                (None, true) => self.used(&layer, &parts, at, before),
                (None, false) => {
                    let targets = self.targets(&layer.path, layer.site.place());
                    for part in &parts {
                        self.middleware(&layer, part, &targets, false, None, at, before);
                    }
                }
                (Some(_), _) => self.routes(&layer, &parts, at, before),
            }
        }
        if !is_app {
            before.truncate(outer);
        }
    }

    /// What `app.use` is given.
    fn used(&mut self, layer: &Layer, parts: &[Part], at: &At, before: &mut Vec<Before>) {
        for part in parts {
            for value in part.value.each() {
                self.use_one(layer, &Part { value, ..part.clone() }, at, before);
            }
        }
    }

    fn use_one(&mut self, layer: &Layer, part: &Part, at: &At, before: &mut Vec<Before>) {
        let mut inner = at.clone();
        inner.depth += 1;
        inner.branches.push(layer.site.branch.clone());
        let text = chain::text(self.program, part.place);
        match &part.value {
            Value::Host(object) => {
                inner.trace.push(self.step(StepKind::Mount, &text, None, part.place));
                self.object(*object, &inner, before);
            }
            Value::Function(closure) if !koalike(&closure.function).continues => {
                let flow = koalike(&closure.function);
                if flow.answers && !flow.only_not_found() {
                    let rest = PathTemplate::from_segments(vec![Segment::CatchAll("path".to_owned())]);
                    let target = at.prefix.join(&rest);
                    self.route(&[Method::ALL.to_owned()], &[target], layer, part, &[], at, before);
                }
            }
            Value::External(external) => self.use_package(external, layer, part, at, &inner, before),
            _ => self.middleware(layer, part, std::slice::from_ref(&at.prefix), false, None, at, before),
        }
    }

    /// What packages make, given to `use`. `inner` is what is mounted here.
    fn use_package(
        &mut self,
        external: &External,
        layer: &Layer,
        part: &Part,
        at: &At,
        inner: &At,
        before: &mut Vec<Before>,
    ) {
        let External::Call(callee, args, place) = external else {
            return self.middleware(layer, part, std::slice::from_ref(&at.prefix), false, None, at, before);
        };
        match (callee.path().as_slice(), args.as_slice()) {
            (["koa-mount"], [path, mounted]) => {
                let piece = Piece {
                    value: path.value.clone(),
                    place: Place { module: place.module, span: path.span },
                    kind: PieceKind::Mount,
                };
                for target in self.targets(&[piece], *place) {
                    let mut inner = inner.clone();
                    inner.trace.push(self.step(StepKind::Mount, "mount()", Some(target.to_string()), *place));
                    inner.prefix = at.prefix.join(&target);
                    let part = Part {
                        value: mounted.value.clone(),
                        place: Place { module: place.module, span: mounted.span },
                        spread: false,
                    };
                    self.used(layer, &chain::parts(&[arg(&part)], place.module), &inner, before);
                }
            }
            (["koa-mount"], [mounted]) => {
                let part = Part { value: mounted.value.clone(), ..part.clone() };
                self.used(layer, &chain::parts(&[arg(&part)], place.module), inner, before);
            }
            (["koa-route", verb], [path, handler, ..]) if VERBS.contains(verb) => {
                let methods = Value::text(if *verb == "del" { "DELETE" } else { verb }.to_ascii_uppercase().as_str());
                let own = Piece {
                    value: path.value.clone(),
                    place: Place { module: place.module, span: path.span },
                    kind: PieceKind::Own,
                };
                let layer = Layer {
                    methods: Some(methods),
                    path: vec![own],
                    handlers: vec![handler.clone()],
                    site: layer.site.clone(),
                };
                let parts = chain::parts(&layer.handlers, place.module);
                self.routes(&layer, &parts, at, before);
            }
            (["koa-static" | "koa-static-cache" | "koa-serve" | "koa-better-serve"], _) => {
                let place = location(self.program, part.place);
                self.found.source.findings.push(
                    Diagnostic::new(
                        "DW2021",
                        format!("static files below `{}` are served to anyone", printable(&at.prefix.to_string())),
                    )
                    .at(place)
                    .help("put a guard in front of them if they are not meant for everybody"),
                );
            }
            _ => {
                self.unknown_mount(external, part);
                self.middleware(layer, part, std::slice::from_ref(&at.prefix), false, None, at, before);
            }
        }
    }

    /// Something of a package that may serve routes of its own.
    fn unknown_mount(&mut self, external: &External, part: &Part) {
        let package = external.package().unwrap_or_default();
        let text = chain::callee(&chain::one_line(&chain::text(self.program, part.place)));
        let serves = text.to_ascii_lowercase().contains("route") && text != "allowedMethods";
        if package.is_empty() || HARMLESS.contains(&package) || !serves || guards::sounds_like_auth(&text) {
            return;
        }
        let at = location(self.program, part.place);
        self.tell(
            Diagnostic::new(
                "DW2004",
                format!(
                    "`{}` comes from the package `{}`; routes it serves are not listed",
                    printable(&text),
                    printable(package)
                ),
            )
            .at(at)
            .help("guard the mount by hand with a middleware in front of it"),
        );
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one walk, used once")]
    fn middleware(
        &mut self,
        layer: &Layer,
        part: &Part,
        targets: &[PathTemplate],
        exact: bool,
        methods: Option<&[String]>,
        at: &At,
        before: &mut Vec<Before>,
    ) {
        // A router that can't be followed is none of the middleware of others.
        let text = chain::text(self.program, part.place);
        if matches!(part.value, Value::Unknown) && [".routes()", ".middleware()"].iter().any(|it| text.ends_with(it)) {
            let at = location(self.program, part.place);
            let text = printable(&chain::one_line(&text));
            self.tell(
                Diagnostic::new("DW2004", format!("`{text}` can't be followed; routes it serves are not listed"))
                    .at(at)
                    .help("guard the mount by hand with a middleware in front of it"),
            );
            return;
        }
        let (runs, except) = self.judge(part);
        for target in targets {
            before.push(Before {
                prefix: if layer.path.is_empty() { target.clone() } else { at.prefix.join(target) },
                exact,
                methods: methods.map(<[String]>::to_vec),
                except: except.clone(),
                branch: layer.site.branch.clone(),
                runs: runs.clone(),
            });
        }
    }

    /// What a middleware does to strangers, and the paths it lets pass.
    fn judge(&mut self, part: &Part) -> (Runs, Vec<PathTemplate>) {
        let text = chain::text(self.program, part.place);
        let mut except = Vec::new();
        let mut sure = true;
        let mut value = part.value.clone();
        // `jwt({ … }).unless({ path: […] })`.
        if let Value::External(external) = &value
            && let External::Call(callee, args, _) = &**external
            && let External::Member(inner, name) = &**callee
            && &**name == "unless"
        {
            sure = args.first().is_some_and(|it| excepted(&it.value, &mut except));
            value = Value::External(std::rc::Rc::clone(inner));
        }
        if part.spread {
            let at = location(self.program, part.place);
            let text = printable(&chain::one_line(&text));
            self.tell(
                Diagnostic::new("DW2005", format!("the handlers in `...{text}` are only known when the program runs"))
                    .at(at)
                    .help("list the handlers, so that guards among them can be seen"),
            );
        }
        let verdict = guards::judge(&mut self.eval, self.program, &value, &text);
        (Runs { name: chain::shown(&part.value, &text), verdict, place: part.place, sure }, except)
    }

    fn methods(&mut self, layer: &Layer) -> Vec<String> {
        let mut methods: Vec<String> = Vec::new();
        let mut unknown = false;
        for value in layer.methods.iter().flat_map(Value::each) {
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
        if unknown {
            let at = location(self.program, layer.site.place());
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

    fn routes(&mut self, layer: &Layer, parts: &[Part], at: &At, before: &mut Vec<Before>) {
        let methods = self.methods(layer);
        let targets = self.targets(&layer.path, layer.site.place());
        let full: Vec<PathTemplate> = targets.iter().map(|it| at.prefix.join(it)).collect();
        let last = parts.len().saturating_sub(1);
        let mut own: Vec<Runs> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let ends = match &part.value {
                Value::Function(closure) => {
                    let flow = koalike(&closure.function);
                    !flow.continues || (index == last && flow.answers)
                }
                Value::External(_) if index == last => {
                    self.judge(part).0.verdict.state == doorward::inventory::GuardState::Open
                }
                _ => index == last && !part.spread,
            };
            if ends {
                let all = |it: &String| it == Method::ALL;
                let not_found = methods.iter().any(all)
                    && matches!(&part.value, Value::Function(it) if koalike(&it.function).only_not_found());
                if !not_found {
                    self.route(&methods, &full, layer, part, &own, at, before);
                }
                return;
            }
            let (runs, _) = self.judge(part);
            self.middleware(layer, part, &targets, true, Some(&methods), at, before);
            own.push(runs);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "everything a route is made of, used once")]
    fn route(
        &mut self,
        methods: &[String],
        targets: &[PathTemplate],
        layer: &Layer,
        part: &Part,
        own: &[Runs],
        at: &At,
        before: &[Before],
    ) {
        let place = layer.site.place();
        let start = layer.site.callee_end.saturating_sub(1);
        let line = Place { span: js::ir::Span { start, ..place.span }, ..place };
        let name = chain::shown(&part.value, &chain::text(self.program, part.place));
        for (method, target) in methods.iter().flat_map(|it| targets.iter().map(move |target| (it, target))) {
            let id = RouteId { method: Method::new(method), path: target.clone() };
            let mut runs: Vec<Runs> = Vec::new();
            for it in before {
                let fits = it.methods.as_ref().is_none_or(|it| it.iter().any(|it| it == method || it == Method::ALL));
                let is_own = own.iter().any(|own| own.place == it.runs.place);
                if !fits || is_own || !covers(&it.prefix, it.exact, target) {
                    continue;
                }
                if it.except.iter().any(|it| covers(it, true, target)) {
                    continue;
                }
                let always =
                    at.branches.iter().chain([&layer.site.branch]).any(|branch| branch.starts_with(&it.branch));
                let partly = it.except.iter().any(|it| overlaps(it, target));
                runs.push(Runs { sure: it.runs.sure && always && !partly, ..it.runs.clone() });
            }
            runs.extend(own.iter().cloned());
            let guard = chain::guard(self.program, &runs);
            if let Some(known) = self.seen.get(&id).and_then(|at| self.found.routes.get_mut(*at)) {
                if chain::strength(guard.state) < chain::strength(known.guard.state) && !layer.site.branch.is_empty() {
                    known.guard = guard;
                }
                continue;
            }
            let mut names: Vec<String> = runs.iter().map(|it| it.name.clone()).collect();
            names.dedup();
            let place = location(self.program, line);
            let mut route = Route { chain: names, guard, ..Route::new(id.clone(), place.file, place.line) };
            route.trace = at.trace.clone();
            for piece in &layer.path {
                let path = piece.value.as_str().map(printable);
                match piece.kind {
                    PieceKind::Prefix => route.trace.push(self.step(StepKind::Prefix, "prefix", path, piece.place)),
                    PieceKind::Mount => route.trace.push(self.step(StepKind::Mount, "use", path, piece.place)),
                    PieceKind::Own => {}
                }
            }
            for it in &runs {
                route.trace.push(chain::step(self.program, StepKind::Middleware, it.name.clone(), None, it.place));
            }
            let path = layer.path.last().and_then(|it| it.value.as_str()).map(printable);
            let called = self
                .program
                .module(line.module)
                .text
                .get(layer.site.object.start..layer.site.callee_end)
                .map(str::to_owned);
            route.trace.push(self.step(StepKind::Route, &called.unwrap_or_default(), path, line));
            let of = match &part.value {
                Value::Function(closure) => Place { module: closure.module, span: closure.function.span },
                _ => part.place,
            };
            route.trace.push(chain::step(self.program, StepKind::Handler, name.clone(), None, of));
            self.seen.insert(id, self.found.routes.len());
            self.found.routes.push(route);
        }
    }

    /// What is not in the inventory, and why.
    fn leftovers(&mut self) {
        let mut told = Vec::new();
        for (at, made) in self.eval.host.made.iter().enumerate() {
            let name = printable(made.name.as_deref().unwrap_or("a router"));
            let routes = made.layers.iter().filter(|it| it.methods.is_some()).count();
            if let Some(count) = made.nested {
                self.found.mounted.insert(made.place);
                for layer in made.layers.get(count..).unwrap_or_default().iter().filter(|_| !self.reached.contains(&at))
                {
                    told.push(
                        Diagnostic::new(
                            "DW2150",
                            format!("`{name}` was mounted before this registration, which no request reaches"),
                        )
                        .at(location(self.program, layer.site.place()))
                        .help("register it before the mount; the outer router copies what is there at that moment"),
                    );
                }
            } else if !self.reached.contains(&at) && routes > 0 {
                let loose = Diagnostic::new(
                    "DW2011",
                    format!("`{name}` is never mounted on an application; its registrations ({routes}) are not listed"),
                )
                .at(location(self.program, made.place))
                .help("mount it, delete it, or ignore this if it is mounted in a way doorward reports elsewhere");
                self.found.loose.push((made.place, loose));
            }
            for site in &made.escapes {
                let text = chain::callee(&chain::one_line(&chain::text(self.program, site.place())));
                told.push(
                    Diagnostic::new(
                        "DW2016",
                        format!("`{}` is given an application or a router and may add routes to it", printable(&text)),
                    )
                    .at(location(self.program, site.place()))
                    .help("if it does, guard those routes by hand; they are not listed"),
                );
            }
        }
        self.found.unresolved.extend(told);
    }
}

/// The applications in a value and in the calls that made it.
fn hosts_in(value: &Value, depth: usize, all: &mut BTreeSet<usize>) {
    match value {
        Value::Host(object) => drop(all.insert(*object)),
        Value::Array(array) if depth < 8 => array.items.borrow().iter().for_each(|it| hosts_in(it, depth + 1, all)),
        Value::OneOf(values) => values.iter().for_each(|it| hosts_in(it, depth + 1, all)),
        Value::External(external) if depth < 8 => {
            if let External::Call(_, args, _) = &**external {
                args.iter().for_each(|it| hosts_in(&it.value, depth + 1, all));
            }
        }
        _ => {}
    }
}

fn arg(part: &Part) -> Arg {
    Arg { value: part.value.clone(), span: part.place.span, spread: part.spread }
}

/// The paths in `unless({ path: […] })`. `false`: there are conditions that templates can't say.
fn excepted(value: &Value, all: &mut Vec<PathTemplate>) -> bool {
    let Value::Object(options) = value else { return false };
    let only_paths = options.props.borrow().iter().all(|(key, _)| matches!(&**key, "path"));
    let mut sure = only_paths && !options.open.get();
    let paths = match options.get("path") {
        Some(Value::Array(array)) => {
            sure &= !array.open.get();
            array.items.borrow().clone()
        }
        Some(other) => vec![other],
        None => Vec::new(),
    };
    for path in paths {
        match &path {
            Value::Str(text) => all.extend(text.text.parse::<PathTemplate>().ok()),
            // `/^\/public/` lets everything that starts so pass.
            Value::Regex(source, _) => match prefix_of(source) {
                // Without a slash at its end, `/publication`, too.
                Some(prefix) if source.ends_with(char::is_alphanumeric) => {
                    let longer = [format!("{prefix}{{path}}"), format!("{prefix}{{path}}/{{*more}}")];
                    all.extend(longer.iter().filter_map(|it| it.parse::<PathTemplate>().ok()));
                    all.push(prefix.join(&PathTemplate::from_segments(vec![Segment::CatchAll("path".to_owned())])));
                    all.push(prefix);
                }
                Some(prefix) => {
                    all.push(prefix.join(&PathTemplate::from_segments(vec![Segment::CatchAll("path".to_owned())])));
                    all.push(prefix);
                }
                None => sure = false,
            },
            _ => sure = false,
        }
    }
    sure
}

/// The plain path that a regular expression starts with.
fn prefix_of(source: &str) -> Option<PathTemplate> {
    let rest = source.strip_prefix('^')?.replace("\\/", "/");
    let plain: String = rest.chars().take_while(|it| it.is_alphanumeric() || matches!(it, '/' | '-' | '_')).collect();
    let ends = rest.get(plain.len()..).is_some_and(|it| matches!(it, "" | "/" | "(.*)" | ".*" | "/.*"));
    ends.then(|| plain.trim_end_matches('/').parse().ok()).flatten()
}
