//! Runs a program's start-up code on values that may be unknown.
//!
//! Modules are evaluated in the order Node would load them. Where a condition isn't known, both sides run, one after
//! the other, and what they do is marked with the branch. Functions are entered when something calls them; functions
//! given to code that isn't in the tree are assumed to be called, with unknown arguments.

mod calls;
mod expressions;
mod members;
mod modules;
mod platform;
mod statements;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use doorward::inventory::GuardState;

use self::calls::unknown_args;
use self::modules::Origin;
use crate::js::guards::Weakness;
use crate::js::ir::{Class, Export, Expr, Function, Span};
use crate::js::program::{Program, Target};
use crate::js::value::{Arg, ClassValue, Closure, External, Object, Place, Scope, Slot, Value};

/// Enough for any start-up code; a program that needs more is reported and left unfinished.
const MAX_STEPS: u64 = 5_000_000;
/// What functions handed to foreign code may use, each.
const MAX_GUESSED_STEPS: u64 = 200_000;
/// Every level of the evaluator costs stack.
const MAX_DEPTH: usize = 20_000;
const MAX_CALL_DEPTH: usize = 80;
/// How often one function may be entered from within itself.
const MAX_RECURSION: usize = 3;

/// The way through undecided conditions that leads to a place. A longer way starts with a shorter one.
pub(crate) type Branch = Rc<[u32]>;

/// A call, for the host.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) module: usize,
    /// The whole call.
    pub(crate) call: Span,
    /// What is left of the last dot of the callee; the callee itself for plain calls.
    pub(crate) object: Span,
    /// Where the callee ends, which is where its name ends.
    pub(crate) callee_end: usize,
    /// The statement it stands in.
    pub(crate) statement: Span,
    pub(crate) branch: Branch,
}

impl Site {
    pub(crate) fn place(&self) -> Place {
        Place { module: self.module, span: self.call }
    }
}

/// Says what packages mean.
pub(crate) trait Host {
    /// The package that a module of the tree is to be treated as.
    fn stands_for(&self, _file: &str, _text: &str) -> Option<&'static str> {
        None
    }
    /// A call of something from a package. `None`: nothing special.
    fn call(&mut self, callee: &External, args: &[Arg], site: &Site) -> Option<Value>;
    /// A method call on an object the host made.
    fn method(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) -> Value;
    /// A member of an object the host made, where that is something other than a method.
    fn member(&mut self, _object: usize, _name: &str) -> Option<Value> {
        None
    }
    /// A call of a static method that a class has from a package.
    fn inherited(&mut self, _class: &Rc<ClassValue>, _name: &str, _args: &[Arg]) -> Option<Value> {
        None
    }
    /// Whether objects the host made have a method of this name, which means the same whatever the program puts in
    /// its place: those who replace it call it in the end.
    fn is_method(&self, _object: usize, _name: &str) -> bool {
        false
    }
    /// A method call on an object the host made, where the name isn't known.
    fn computed_method(&mut self, object: usize, args: &[Arg], site: &Site);
    /// An object the host made got a name, or left a function.
    fn named(&mut self, object: usize, name: &str);
    fn returned(&mut self, object: usize, module: usize, statement: Span, value: Span);
    /// A call whose callee isn't known, but which is given a host object.
    fn escaped(&mut self, object: usize, site: &Site);
    /// Whether a function given to foreign code is certainly not start-up code.
    fn is_handler(&self, function: &Function) -> bool;
    /// What frameworks with queues do next, while the program waits for one of their objects, or, with `None`, once
    /// it has nothing left to do itself.
    fn due(&mut self, _waiting: Option<usize>) -> Option<Due> {
        None
    }
    /// The work that was due is over, with this result: of the call, or what the module exports.
    fn done(&mut self, _result: &Value) {}
}

/// Work that a host wants done.
#[derive(Debug)]
pub(crate) enum Due {
    /// A call, in the branch of its site.
    Call { callee: Value, args: Vec<Arg>, site: Site },
    /// Loads a module.
    Load(usize),
}

/// What stopped the evaluation from knowing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Problem {
    /// `require(variable)`.
    DynamicImport(Place),
    /// An import of a file that isn't there.
    MissingModule(Place, String),
    /// `eval(text)`.
    Text(Place),
    /// The program does too much at start-up.
    TooComplex(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Return,
    Jump,
    Throw,
}

struct Loaded {
    scope: Rc<Scope>,
    /// Holds `exports`.
    cjs: Rc<Object>,
}

/// A variable that an undecided branch changed.
struct Assigned {
    depth: usize,
    scope: Rc<Scope>,
    name: Arc<str>,
    old: Value,
    value: Value,
}

struct Frame {
    module: usize,
    statement: Span,
    returned: Option<Value>,
    function: Option<Arc<Function>>,
    branch_base: usize,
}

pub(crate) struct Eval<'p, H> {
    pub(crate) program: &'p Program,
    pub(crate) host: H,
    loaded: HashMap<usize, Rc<Loaded>>,
    /// Where the names that modules export lead.
    origins: HashMap<usize, HashMap<Arc<str>, Origin>>,
    /// Scopes that functions were made in. They hold each other, and are taken apart in the end.
    scopes: Vec<Weak<Scope>>,
    /// What the program puts on objects of the host.
    host_props: HashMap<usize, Object>,
    frames: Vec<Frame>,
    branch: Vec<u32>,
    /// How many of those are code that runs for sure, but later.
    late: usize,
    branches: u32,
    steps: u64,
    limit: u64,
    /// Whether it was told that the program is too complex.
    told: bool,
    /// Modules are loaded when something of theirs is looked at, and not when they are imported.
    lazy: bool,
    /// How deep the evaluator itself is nested, so that no program can exhaust the stack.
    depth: usize,
    guessing: usize,
    /// How many `throw` statements were run.
    pub(crate) thrown: usize,
    /// How many `try` blocks with a handler are being run.
    trying: usize,
    /// What was assigned in the branches of an undecided `if … else …`, and how many of those are being run.
    assigned: Vec<Assigned>,
    forks: usize,
    guessed: HashMap<*const Function, u32>,
    entered: HashSet<*const Function>,
    /// Classes of which there is an object.
    made: HashSet<*const Class>,
    /// What was found out about guards, with what keeps their addresses from being given to others.
    pub(crate) held: HashMap<*const Closure, (Rc<Closure>, GuardState, bool)>,
    /// Guards that strangers get past in a way worth telling.
    pub(crate) weak: Vec<Weakness>,
    /// What middleware leaves on a request although whoever asks has made it up; whether it is as they sent it.
    pub(crate) forged: BTreeMap<String, bool>,
    /// Whether the program starts without these variables of the environment.
    pub(crate) required: HashMap<String, bool>,
    pub(crate) problems: Vec<Problem>,
}

impl<H> Drop for Eval<'_, H> {
    /// A function holds the scope it was made in, and the scope the function: nobody else would let go of them.
    fn drop(&mut self) {
        for module in self.loaded.values() {
            module.scope.vars.take();
            module.cjs.props.take();
        }
        for scope in self.scopes.iter().filter_map(Weak::upgrade) {
            scope.vars.take();
        }
    }
}

impl<'p, H: Host> Eval<'p, H> {
    pub(crate) fn new(program: &'p Program, host: H) -> Self {
        Self {
            program,
            host,
            loaded: HashMap::new(),
            origins: HashMap::new(),
            scopes: Vec::new(),
            host_props: HashMap::new(),
            frames: Vec::new(),
            branch: Vec::new(),
            late: 0,
            branches: 0,
            steps: 0,
            limit: MAX_STEPS,
            told: false,
            lazy: false,
            depth: 0,
            guessing: 0,
            thrown: 0,
            trying: 0,
            assigned: Vec::new(),
            forks: 0,
            guessed: HashMap::new(),
            entered: HashSet::new(),
            made: HashSet::new(),
            held: HashMap::new(),
            weak: Vec::new(),
            forged: BTreeMap::new(),
            required: HashMap::new(),
            problems: Vec::new(),
        }
    }

    /// An evaluator for programs of which each module is an entry point, and imports are only worth reading where
    /// something of theirs is used.
    pub(crate) fn lazy(program: &'p Program, host: H) -> Self {
        let mut eval = Self::new(program, host);
        eval.lazy = true;
        eval
    }

    /// Gives what runs next `steps` of its own, so that one module can't use up what others need.
    pub(crate) fn allow(&mut self, steps: u64) {
        self.limit = MAX_STEPS.min(self.steps.saturating_add(steps));
    }

    /// Calls `value` from outside of the program.
    pub(crate) fn call_at(&mut self, value: &Value, args: &[Value], place: Place) -> Value {
        let Place { module, span } = place;
        let args: Vec<Arg> = args.iter().map(|it| Arg { value: it.clone(), span, spread: false }).collect();
        let branch = self.branch.as_slice().into();
        let site = Site { module, call: span, object: span, callee_end: span.end, statement: span, branch };
        self.call_value(value, None, &args, &site)
    }

    /// The names of a module.
    pub(crate) fn scope_of(&mut self, module: usize) -> Rc<Scope> {
        self.load(module);
        self.loaded.get(&module).map(|it| Rc::clone(&it.scope)).unwrap_or_default()
    }

    /// Loads those of `modules` that may have to do with a server.
    pub(crate) fn load_all(&mut self, modules: &[usize]) {
        modules.iter().filter(|at| self.program.matters(**at)).for_each(|at| self.load(*at));
    }

    /// Loads a module and what it imports, unless that was done already.
    pub(crate) fn load(&mut self, module: usize) {
        if self.loaded.contains_key(&module) {
            return;
        }
        let code = self.program.module(module);
        let scope = Rc::new(Scope { is_function: true, depth: self.undecided(), ..Scope::default() });
        let exports = Object::default();
        exports.depth.set(self.undecided());
        let exports = Value::Object(Rc::new(exports));
        let cjs = Rc::new(Object::default());
        cjs.set("exports", exports.clone());
        if !code.esm || code.typescript {
            scope.declare("module", Value::Object(Rc::clone(&cjs)));
            scope.declare("exports", exports);
        }
        scope.declare("require", Value::Require);
        let folder = self.program.root().join(&*code.file);
        let folder = folder.parent().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        scope.declare("__dirname", Value::text(&folder));
        let meta = Object::default();
        let path = self.program.root().join(&*code.file).to_string_lossy().into_owned();
        meta.set("url", Value::text(&format!("file://{path}")));
        meta.set("filename", Value::text(&path));
        meta.set("dirname", Value::text(&folder));
        scope.declare("import.meta", Value::Object(Rc::new(meta)));
        self.loaded.insert(module, Rc::new(Loaded { scope: Rc::clone(&scope), cjs }));
        if self.stands_for(module).is_some() {
            return;
        }
        for import in &code.imports {
            for (local, imported) in &import.bindings {
                let slot = Slot::Import(Arc::clone(&import.source), imported.clone());
                scope.vars.borrow_mut().insert(Arc::clone(local), slot);
            }
        }
        self.hoist(&code.body, &scope, module);
        // Without bindings, it is there for what it does.
        let sources = code.imports.iter().map(|it| (&it.source, it.span, it.bindings.is_empty()));
        let from = code.exports.iter().filter_map(|it| match it {
            Export::From { source, span, .. } | Export::All { source, span } => Some((source, *span, false)),
            Export::Local { .. } => None,
        });
        let mut all: Vec<(Arc<str>, Span, bool)> =
            sources.chain(from).map(|(source, span, bare)| (Arc::clone(source), span, bare)).collect();
        all.sort_by_key(|(_, span, _)| span.start);
        if self.lazy {
            all.clear();
        }
        for (source, span, bare) in all {
            match self.program.resolve(module, &source) {
                // The others are loaded when something of theirs is looked at.
                Target::Module(target) if !bare && !self.program.matters(target) => {}
                Target::Module(target) => self.load(target),
                Target::Missing => self.problem(Problem::MissingModule(Place { module, span }, source.to_string())),
                Target::Json(_) | Target::Package => {}
            }
        }
        self.frames.push(Frame {
            module,
            statement: Span::default(),
            returned: None,
            function: None,
            branch_base: self.branch.len(),
        });
        self.block(&code.body, &scope);
        self.frames.pop();
    }

    /// Enters what a module exports and nothing has entered: something outside of the project may, such as a
    /// command line framework, a cloud function or a container of dependencies.
    pub(crate) fn sweep(&mut self, module: usize) {
        let mut values = Vec::new();
        let code = self.program.module(module);
        if code.esm && !code.exports.is_empty() {
            for name in self.export_names(module) {
                values.extend(self.exported(module, &name));
            }
        } else {
            let exports = self.cjs_exports(module);
            if let Value::Object(object) = &exports {
                values.extend(object.props.borrow().iter().map(|(_, value)| value.clone()));
            }
            values.push(exports);
        }
        for value in values {
            match value {
                Value::Function(closure) if closure.module == module => self.enter(&closure, None),
                Value::Class(class) if class.module == module && !self.made.contains(&Arc::as_ptr(&class.class)) => {
                    let unknown = class.class.constructor.as_ref().map(|it| unknown_args(it)).unwrap_or_default();
                    let this =
                        self.construct(&Value::Class(Rc::clone(&class)), &unknown, Span::default(), Span::default());
                    let methods: Vec<Arc<str>> =
                        class.class.methods.iter().filter(|it| !it.is_static).map(|it| Arc::clone(&it.name)).collect();
                    for name in methods {
                        if let Some((Value::Function(method), false)) = self.method(&class, &name, false) {
                            self.enter(&method, Some(this.clone()));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Does what the host has in its queues: what stands before `waiting` is over, or all of it.
    pub(crate) fn settle(&mut self, waiting: Option<usize>) {
        while self.steps < self.limit && self.depth < MAX_DEPTH {
            let Some(due) = self.host.due(waiting) else { break };
            self.steps += 1;
            let result = match due {
                Due::Call { callee, args, site } => {
                    let outer = std::mem::replace(&mut self.branch, site.branch.to_vec());
                    let late = std::mem::take(&mut self.late);
                    let result = self.call_value(&callee, None, &args, &site);
                    (self.branch, self.late) = (outer, late);
                    result
                }
                Due::Load(module) => self.exports(module),
            };
            self.host.done(&result);
        }
    }

    /// Everything a module exports, as one object.
    fn exports(&mut self, module: usize) -> Value {
        self.load(module);
        let code = self.program.module(module);
        if !code.esm || code.exports.is_empty() {
            return self.cjs_exports(module);
        }
        let object = Object::default();
        for name in self.export_names(module) {
            if let Some(value) = self.exported(module, &name) {
                object.set(&name, value);
            }
        }
        Value::Object(Rc::new(object))
    }

    fn enter(&mut self, closure: &Rc<Closure>, this: Option<Value>) {
        if !self.was_entered(&closure.function) && !self.host.is_handler(&closure.function) {
            self.call_function(closure, this, &unknown_args(&closure.function));
            // Nothing in the project calls it, still.
            self.entered.remove(&Arc::as_ptr(&closure.function));
        }
    }

    /// What an expression in front of a class or one of its members is, as the class sees it: `Controller('/users')`.
    pub(crate) fn decorator(&mut self, class: &ClassValue, expr: &Expr) -> Value {
        self.alone(class.module, |it| it.expr(expr, &class.scope))
    }

    /// Calls a function after start-up, with a budget of its own, so that no call eats up that of the others.
    pub(crate) fn run(&mut self, callee: &Value, this: Option<Value>, args: &[Arg], module: usize) -> Value {
        let site = Site {
            module,
            call: Span::default(),
            object: Span::default(),
            callee_end: 0,
            statement: Span::default(),
            branch: Rc::from([]),
        };
        self.alone(module, |it| it.call_value(callee, this, args, &site))
    }

    /// A new object of a class.
    pub(crate) fn instantiate(&mut self, class: &Rc<ClassValue>, args: &[Arg]) -> Value {
        let value = Value::Class(Rc::clone(class));
        self.alone(class.module, |it| it.construct(&value, args, Span::default(), Span::default()))
    }

    /// What a name stands for at the top of a module.
    pub(crate) fn top(&mut self, module: usize, name: &str) -> Option<Value> {
        let scope = Rc::clone(&self.loaded.get(&module)?.scope);
        scope.lookup(name).is_some().then(|| self.lookup(&scope, name, module))
    }

    fn alone<T>(&mut self, module: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let steps = std::mem::take(&mut self.steps);
        let limit = std::mem::replace(&mut self.limit, MAX_GUESSED_STEPS);
        self.frames.push(Frame {
            module,
            statement: Span::default(),
            returned: None,
            function: None,
            branch_base: self.branch.len(),
        });
        let result = work(self);
        self.frames.pop();
        (self.steps, self.limit) = (steps, limit);
        result
    }

    /// The modules loaded so far, without those that stand for a package.
    pub(crate) fn read(&self) -> BTreeSet<usize> {
        let ours = |at: &usize| self.stands_for(*at).is_none();
        self.loaded.keys().copied().filter(ours).collect()
    }

    /// The package that a module is to be treated as.
    pub(crate) fn stands_for(&self, module: usize) -> Option<&'static str> {
        self.host.stands_for(&self.program.file(module), &self.program.text(module))
    }

    /// Whether calling `function` of a module gives a promise. Its tree does not say so; its text does.
    pub(crate) fn is_async(&self, module: usize, function: &Function) -> bool {
        let code = self.program.module(module);
        let own = code.text.get(function.span.range()).unwrap_or_default();
        let is_keyword = |rest: &str| rest.starts_with([' ', '(', '\n', '*']) && !rest.trim_start().starts_with("=>");
        if own.strip_prefix("async").is_some_and(is_keyword) {
            return true;
        }
        // `async name(…) { … }` of a class or an object.
        let before = code.text.get(..function.span.start).unwrap_or_default().trim_end();
        let named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#');
        let start = before.trim_end_matches(named).trim_end();
        own.starts_with('(') && (start.ends_with("async") || before.ends_with("async"))
    }

    /// Whether anything called the function.
    pub(crate) fn was_entered(&self, function: &Arc<Function>) -> bool {
        self.entered.contains(&Arc::as_ptr(function))
    }

    fn problem(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn module(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.module)
    }

    fn place(&self, span: Span) -> Place {
        Place { module: self.module(), span }
    }

    fn site(&self, call: Span, object: Span, callee_end: usize) -> Site {
        let statement = self.frames.last().map_or(call, |frame| frame.statement);
        Site { module: self.module(), call, object, callee_end, statement, branch: self.branch.as_slice().into() }
    }

    fn exhausted(&mut self, span: Span) -> bool {
        self.steps += 1;
        if self.steps >= MAX_STEPS && !self.told {
            self.told = true;
            let place = self.place(span);
            self.problems.push(Problem::TooComplex(place));
        }
        self.steps >= self.limit
    }

    /// How many undecided branches have been entered.
    fn undecided(&self) -> usize {
        self.branch.len() - self.late
    }

    /// Code that runs later than what follows it. What it registers is not there yet for what is outside of it; what
    /// it assigns is.
    fn later<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.late += 1;
        let result = self.in_branch(work);
        self.late -= 1;
        result
    }

    fn in_branch<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.branches += 1;
        self.branch.push(self.branches);
        let result = work(self);
        self.branch.pop();
        result
    }
}
