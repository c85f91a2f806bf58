//! From what a program does to its applications, to routes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use doorward::inventory::{RouteId, Step};

use super::guards::{Dependency, Judged};
use super::host::{Entry, FastApi, Kind, Made, What};
use super::middleware::Middleware;
use super::paths::Known;
use crate::project::{Found, Package};
use crate::py::eval::{Branch, Eval, Problem, Site};
use crate::py::program::Program;
use crate::py::value::{Args, Place, Value};

pub(crate) struct Reader<'p> {
    pub(super) program: &'p Program,
    pub(super) eval: Eval<'p, FastApi<'p>>,
    pub(super) found: Found,
    pub(super) judged: HashMap<(usize, usize), Judged<'p>>,
    pub(super) seen: HashMap<(RouteId, Place), usize>,
    /// What is being read, so that routers that include each other end.
    pub(super) open: Vec<usize>,
    /// What was reached from an application.
    pub(super) reached: HashSet<usize>,
    pub(super) told: HashSet<(&'static str, Place)>,
    /// Which class each named schema is of.
    pub(super) schema_names: HashMap<String, usize>,
}

/// What holds for everything below a point.
#[derive(Clone)]
pub(super) struct Context<'p> {
    pub(super) prefix: Known,
    /// The prefix without that of the router itself, which only FastAPI's own routes have.
    pub(super) outer: Known,
    pub(super) dependencies: Vec<(Dependency<'p>, bool)>,
    pub(super) middleware: Vec<Middleware>,
    pub(super) steps: Vec<Step>,
    /// Groups that everything below belongs to.
    pub(super) tags: Vec<String>,
    /// Where the way leads through undecided conditions.
    pub(super) branches: Vec<Branch>,
    /// The program changed a route after it was registered.
    pub(super) changed: bool,
}

/// Reads the applications of one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, FastApi::default());
    load(&mut eval, program, package);
    let found = Found { read: eval.read(), ..Found::default() };
    let mut reader = Reader {
        program,
        eval,
        found,
        judged: HashMap::new(),
        seen: HashMap::new(),
        open: Vec::new(),
        reached: HashSet::new(),
        told: HashSet::new(),
        schema_names: HashMap::new(),
    };
    reader.apps(&package.modules.iter().copied().collect());
    reader.leftovers();
    reader.findings();
    reader.found
}

/// Loads what makes applications, then the modules in which programs start, then the rest.
fn load<'p>(eval: &mut Eval<'p, FastApi<'p>>, program: &'p Program, package: &Package) {
    let own = &package.modules;
    let starts = |at: &&usize| {
        let text = &program.module(**at).text;
        ["FastAPI(", "Starlette(", "uvicorn.run(", "Mangum("].iter().any(|it| text.contains(it))
    };
    let named = |at: &&usize| {
        let file = program.module(**at).file.as_str();
        let name = file.rsplit('/').next().unwrap_or(file);
        matches!(name, "main.py" | "asgi.py" | "wsgi.py" | "server.py" | "app.py" | "run.py" | "__main__.py")
    };
    own.iter().filter(named).for_each(|it| eval.load(*it));
    own.iter().filter(starts).for_each(|it| eval.load(*it));
    // Where modules are loaded by computed names, any module may be one of them.
    let dynamic = eval.problems.iter().any(|it| matches!(it, Problem::DynamicImport(_)));
    eval.host.late = (!dynamic).then_some(eval.host.made.len());
    own.iter().for_each(|it| eval.load(*it));
    eval.host.late = None;
    eval.sweep(own);
    start(eval);
    eval.host.settle();
}

/// Runs what applications run when they start: some register their routes there.
fn start<'p>(eval: &mut Eval<'p, FastApi<'p>>) {
    // What a start registers to be run at the start is run too, a few times over.
    for _ in 0..4 {
        for (object, value) in std::mem::take(&mut eval.host.startup) {
            let (takes_app, place) = match &value {
                Value::Function(function) => (!function.params().is_empty(), Place::default()),
                Value::Bound(bound) => (bound.1.params().len() > 1, Place::default()),
                _ => continue,
            };
            let args = if takes_app { Args::of(vec![Value::Host(object)], place) } else { Args::default() };
            let site =
                Site { module: 0, call: Default::default(), statement: Default::default(), branch: Rc::from([]) };
            eval.at_work(|eval| eval.call_value(&value, &args, &site));
        }
    }
}

impl<'p> Reader<'p> {
    fn apps(&mut self, own: &BTreeSet<usize>) {
        let mounted = self.mounted();
        let roots: Vec<usize> = (0..self.eval.host.made.len())
            .filter(|at| match self.made(*at) {
                // What another package's modules make is that package's.
                Some(made @ Made { kind: Kind::App(_), .. }) => self.is_own(made, own) && !mounted.contains(at),
                _ => false,
            })
            .collect();
        self.found.serves = !roots.is_empty();
        for root in roots {
            let context = Context {
                prefix: Known { text: String::new(), assumed: false },
                outer: Known { text: String::new(), assumed: false },
                dependencies: Vec::new(),
                middleware: Vec::new(),
                steps: Vec::new(),
                tags: Vec::new(),
                branches: Vec::new(),
                changed: false,
            };
            self.object(root, &context, 0);
        }
    }

    pub(super) fn made(&self, at: usize) -> Option<&Made<'p>> {
        self.eval.host.made.get(at)
    }

    /// Whether an application is this package's: its code made it, or called what made it and added to it.
    fn is_own(&self, made: &Made<'p>, own: &BTreeSet<usize>) -> bool {
        let adds = |entry: &Entry<'p>| {
            let router = match &entry.what {
                What::Include { router: Some(router), .. } => router.value.host().and_then(|it| self.made(it)),
                _ => None,
            };
            own.contains(&entry.site.module) || router.is_some_and(|it| own.contains(&it.site.module))
        };
        own.contains(&made.site.module) || own.contains(&made.owner) && made.entries.iter().any(adds)
    }

    /// Applications that others mount or include.
    fn mounted(&self) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        for made in &self.eval.host.made {
            for entry in &made.entries {
                let value = match &entry.what {
                    What::Mount { app: Some(app), .. } => app.value.clone(),
                    What::Include { router: Some(router), .. } => router.value.clone(),
                    What::Item { item } => match &item.value {
                        Value::External(external) => match external.called() {
                            Some((_, args, _)) => args.get(1, "app").cloned().unwrap_or(Value::None),
                            None => continue,
                        },
                        _ => continue,
                    },
                    _ => continue,
                };
                all.extend(value.each().iter().filter_map(Value::host));
            }
        }
        all
    }
}

impl PartialEq for Kind<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::App(one), Self::App(two)) => one == two,
            (Self::Router, Self::Router) => true,
            _ => false,
        }
    }
}
