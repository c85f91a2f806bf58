//! Runs a program's start-up code on values that may be unknown.
//!
//! Modules are evaluated in the order Node would load them. Where a condition isn't known, both sides run, one after
//! the other, and what they do is marked with the branch. Functions are entered when something calls them; functions
//! given to code that isn't in the tree are assumed to be called, with unknown arguments.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{
    AssignOp, Class, Export, Expr, ExprKind, Function, Imported, Item, Key, Pattern, Prop, Span, Stmt, StmtKind,
};
use super::program::{Program, Target};
use super::value::{Arg, Array, ClassValue, Closure, External, MAX_ITEMS, Object, Place, Scope, Slot, Text, Value};

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
    /// Whether the module in `file` is to be treated as the package with the returned name.
    fn stands_for(&self, file: &str) -> Option<&'static str>;
    /// A call of something from a package. `None`: nothing special.
    fn call(&mut self, callee: &External, args: &[Arg], site: &Site) -> Option<Value>;
    /// A method call on an object the host made.
    fn method(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) -> Value;
    /// A method call on an object the host made, where the name isn't known.
    fn computed_method(&mut self, object: usize, args: &[Arg], site: &Site);
    /// An object the host made got a name, or left a function.
    fn named(&mut self, object: usize, name: &str);
    fn returned(&mut self, object: usize, module: usize, statement: Span, value: Span);
    /// A call whose callee isn't known, but which is given a host object.
    fn escaped(&mut self, object: usize, site: &Site);
    /// Whether a function given to foreign code is certainly not start-up code.
    fn is_handler(&self, function: &Function) -> bool;
}

/// What stopped the evaluation from knowing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Problem {
    /// `require(variable)`.
    DynamicImport(Place),
    /// An import of a file that isn't there.
    MissingModule(Place, String),
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

struct Frame {
    module: usize,
    statement: Span,
    returned: Option<Value>,
    function: Option<Arc<Function>>,
    branch_base: usize,
}

pub(crate) struct Eval<'p, H> {
    program: &'p Program,
    pub(crate) host: H,
    loaded: HashMap<usize, Rc<Loaded>>,
    frames: Vec<Frame>,
    branch: Vec<u32>,
    branches: u32,
    steps: u64,
    limit: u64,
    /// Whether it was told that the program is too complex.
    told: bool,
    /// How deep the evaluator itself is nested, so that no program can exhaust the stack.
    depth: usize,
    guessing: usize,
    guessed: HashMap<*const Function, u32>,
    entered: HashSet<*const Function>,
    /// Classes of which there is an object.
    made: HashSet<*const Class>,
    pub(crate) problems: Vec<Problem>,
}

impl<'p, H: Host> Eval<'p, H> {
    pub(crate) fn new(program: &'p Program, host: H) -> Self {
        Self {
            program,
            host,
            loaded: HashMap::new(),
            frames: Vec::new(),
            branch: Vec::new(),
            branches: 0,
            steps: 0,
            limit: MAX_STEPS,
            told: false,
            depth: 0,
            guessing: 0,
            guessed: HashMap::new(),
            entered: HashSet::new(),
            made: HashSet::new(),
            problems: Vec::new(),
        }
    }

    /// Loads a module and what it imports, unless that was done already.
    pub(crate) fn load(&mut self, module: usize) {
        if self.loaded.contains_key(&module) {
            return;
        }
        let code = self.program.module(module);
        let scope = Rc::new(Scope { is_function: true, depth: self.branch.len(), ..Scope::default() });
        let exports = Value::Object(Rc::new(Object::default()));
        let cjs = Rc::new(Object::default());
        cjs.set("exports", exports.clone());
        if !code.esm || code.typescript {
            scope.declare("module", Value::Object(Rc::clone(&cjs)));
            scope.declare("exports", exports);
        }
        scope.declare("require", Value::Require);
        let folder = self.program.root().join(&code.file);
        let folder = folder.parent().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        scope.declare("__dirname", Value::text(&folder));
        let meta = Object::default();
        let path = self.program.root().join(&code.file).to_string_lossy().into_owned();
        meta.set("url", Value::text(&format!("file://{path}")));
        meta.set("filename", Value::text(&path));
        meta.set("dirname", Value::text(&folder));
        scope.declare("import.meta", Value::Object(Rc::new(meta)));
        self.loaded.insert(module, Rc::new(Loaded { scope: Rc::clone(&scope), cjs }));
        if self.host.stands_for(&code.file).is_some() {
            return;
        }
        for import in &code.imports {
            for (local, imported) in &import.bindings {
                let slot = Slot::Import(Arc::clone(&import.source), imported.clone());
                scope.vars.borrow_mut().insert(Arc::clone(local), slot);
            }
        }
        self.hoist(&code.body, &scope, module);
        let sources = code.imports.iter().map(|it| (&it.source, it.span));
        let from = code.exports.iter().filter_map(|it| match it {
            Export::From { source, span, .. } | Export::All { source, span } => Some((source, *span)),
            Export::Local { .. } => None,
        });
        let mut all: Vec<(Arc<str>, Span)> =
            sources.chain(from).map(|(source, span)| (Arc::clone(source), span)).collect();
        all.sort_by_key(|(_, span)| span.start);
        for (source, span) in all {
            match self.program.resolve(module, &source) {
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
                values.extend(self.export(module, &name, &mut HashSet::new()));
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

    fn enter(&mut self, closure: &Rc<Closure>, this: Option<Value>) {
        if !self.was_entered(&closure.function) && !self.host.is_handler(&closure.function) {
            self.call_function(closure, this, &unknown_args(&closure.function));
            // Nothing in the project calls it, still.
            self.entered.remove(&Arc::as_ptr(&closure.function));
        }
    }

    /// The modules loaded so far, without those that stand for a package.
    pub(crate) fn read(&self) -> BTreeSet<usize> {
        let ours = |at: &usize| self.host.stands_for(&self.program.module(*at).file).is_none();
        self.loaded.keys().copied().filter(ours).collect()
    }

    pub(crate) fn host_stands_for(&self, file: &str) -> bool {
        self.host.stands_for(file).is_some()
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

    fn in_branch<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.branches += 1;
        self.branch.push(self.branches);
        let result = work(self);
        self.branch.pop();
        result
    }

    // ---- modules -------------------------------------------------------------------------------------------

    /// What `name` of `source` is, seen from `module`.
    fn imported(&mut self, module: usize, source: &str, imported: &Imported) -> Value {
        match self.program.resolve(module, source) {
            Target::Module(target) => {
                if let Some(package) = self.host.stands_for(&self.program.module(target).file) {
                    return external_import(package, imported);
                }
                match imported {
                    Imported::Namespace => self.namespace(target),
                    Imported::Name(name) => self.export(target, name, &mut HashSet::new()).unwrap_or(Value::Unknown),
                }
            }
            Target::Json(path) => match (self.json(&path), imported) {
                (value, Imported::Namespace) => value,
                (value, Imported::Name(name)) if &**name == "default" => value,
                (Value::Object(object), Imported::Name(name)) => object.get(name).unwrap_or(Value::Undefined),
                _ => Value::Unknown,
            },
            Target::Package => external_import(source, imported),
            Target::Missing => Value::Unknown,
        }
    }

    fn namespace(&mut self, module: usize) -> Value {
        self.load(module);
        let code = self.program.module(module);
        if code.esm && !code.exports.is_empty() { Value::Namespace(module) } else { self.cjs_exports(module) }
    }

    fn cjs_exports(&mut self, module: usize) -> Value {
        self.load(module);
        self.loaded.get(&module).and_then(|it| it.cjs.get("exports")).unwrap_or(Value::Unknown)
    }

    fn export(&mut self, module: usize, name: &str, seen: &mut HashSet<usize>) -> Option<Value> {
        // Re-exports may lead in a circle.
        if !seen.insert(module) || self.depth > MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = self.export_inside(module, name, seen);
        self.depth -= 1;
        value
    }

    fn export_inside(&mut self, module: usize, name: &str, seen: &mut HashSet<usize>) -> Option<Value> {
        self.load(module);
        let code = self.program.module(module);
        if !code.esm || code.exports.is_empty() {
            let exports = self.cjs_exports(module);
            return Some(match (&exports, name) {
                (Value::Object(object), "default") => object.get("default").unwrap_or_else(|| exports.clone()),
                (_, "default") => exports,
                _ => self.member(&exports, name),
            });
        }
        for export in &code.exports {
            match export {
                Export::Local { local, exported } if &**exported == name => {
                    let scope = Rc::clone(&self.loaded.get(&module)?.scope);
                    // Modules that import each other may look before there is anything to see.
                    scope.lookup(local)?;
                    return Some(self.lookup(&scope, local, module));
                }
                Export::From { source, imported, exported, .. } if &**exported == name => {
                    let (source, imported) = (Arc::clone(source), imported.clone());
                    return Some(match (self.program.resolve(module, &source), &imported) {
                        (Target::Module(target), Imported::Name(inner))
                            if self.host.stands_for(&self.program.module(target).file).is_none() =>
                        {
                            seen.remove(&module);
                            self.export(target, inner, seen).unwrap_or(Value::Unknown)
                        }
                        _ => self.imported(module, &source, &imported),
                    });
                }
                _ => {}
            }
        }
        if name == "default" {
            return None;
        }
        let all: Vec<Arc<str>> = code
            .exports
            .iter()
            .filter_map(|it| match it {
                Export::All { source, .. } => Some(Arc::clone(source)),
                _ => None,
            })
            .collect();
        all.iter().find_map(|source| match self.program.resolve(module, source) {
            Target::Module(target) => match self.host.stands_for(&self.program.module(target).file) {
                Some(package) => Some(external_import(package, &Imported::Name(Arc::from(name)))),
                None => self.export(target, name, seen).filter(|it| !matches!(it, Value::Undefined)),
            },
            _ => None,
        })
    }

    /// The names a module exports.
    fn export_names(&self, module: usize) -> Vec<Arc<str>> {
        let code = self.program.module(module);
        code.exports
            .iter()
            .filter_map(|it| match it {
                Export::Local { exported, .. } | Export::From { exported, .. } => Some(Arc::clone(exported)),
                Export::All { .. } => None,
            })
            .collect()
    }

    fn require(&mut self, args: &[Arg], span: Span) -> Value {
        let module = self.module();
        let sources = args.first().map(|it| it.value.each()).unwrap_or_default();
        let mut result: Option<Value> = None;
        for source in sources {
            let value = match source.as_str() {
                Some(source) => match self.program.resolve(module, source) {
                    Target::Module(target) => match self.host.stands_for(&self.program.module(target).file) {
                        Some(package) => external_import(package, &Imported::Namespace),
                        None => self.namespace(target),
                    },
                    Target::Json(path) => self.json(&path),
                    Target::Package => external_import(source, &Imported::Namespace),
                    Target::Missing => {
                        let place = self.place(span);
                        self.problem(Problem::MissingModule(place, source.to_owned()));
                        Value::Unknown
                    }
                },
                None => {
                    let place = self.place(span);
                    self.problem(Problem::DynamicImport(place));
                    Value::Unknown
                }
            };
            result = Some(match result {
                Some(other) => other.or(value),
                None => value,
            });
        }
        result.unwrap_or(Value::Unknown)
    }

    fn json(&self, path: &std::path::Path) -> Value {
        fn convert(value: &serde_json::Value) -> Value {
            match value {
                serde_json::Value::Null => Value::Null,
                serde_json::Value::Bool(it) => Value::Bool(*it),
                serde_json::Value::Number(it) => it.as_f64().map_or(Value::Unknown, Value::Num),
                serde_json::Value::String(it) => Value::text(it),
                serde_json::Value::Array(it) => Value::array(it.iter().map(convert).collect(), false),
                serde_json::Value::Object(it) => {
                    let object = Object::default();
                    it.iter().for_each(|(key, value)| object.set(key, convert(value)));
                    Value::Object(Rc::new(object))
                }
            }
        }
        let text = self.program.read(path);
        text.and_then(|text| serde_json::from_str(&text).ok()).map_or(Value::Unknown, |it| convert(&it))
    }

    // ---- statements ----------------------------------------------------------------------------------------

    fn hoist(&mut self, statements: &[Stmt], scope: &Rc<Scope>, module: usize) {
        for statement in statements {
            if let StmtKind::Function(function) = &statement.kind
                && let Some(name) = &function.name
            {
                let closure = self.closure(function, scope, module);
                scope.declare(name, closure);
            }
        }
    }

    fn block(&mut self, statements: &[Stmt], scope: &Rc<Scope>) -> Flow {
        for statement in statements {
            let flow = self.statement(statement, scope);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn child(&self, scope: &Rc<Scope>) -> Rc<Scope> {
        Rc::new(Scope {
            parent: Some(Rc::clone(scope)),
            depth: self.branch.len(),
            is_function: false,
            vars: RefCell::default(),
        })
    }

    fn inner(&mut self, statements: &[Stmt], scope: &Rc<Scope>) -> Flow {
        let scope = self.child(scope);
        let module = self.module();
        self.hoist(statements, &scope, module);
        self.block(statements, &scope)
    }

    fn statement(&mut self, statement: &Stmt, scope: &Rc<Scope>) -> Flow {
        if self.exhausted(statement.span) {
            return Flow::Throw;
        }
        let outer = self.frames.last_mut().map(|frame| std::mem::replace(&mut frame.statement, statement.span));
        let flow = self.statement_kind(statement, scope);
        if let (Some(frame), Some(outer)) = (self.frames.last_mut(), outer) {
            frame.statement = outer;
        }
        flow
    }

    fn statement_kind(&mut self, statement: &Stmt, scope: &Rc<Scope>) -> Flow {
        match &statement.kind {
            StmtKind::Expr(expr) => {
                self.expr(expr, scope);
            }
            StmtKind::Var(all, hoisted) => {
                for (pattern, init) in all {
                    let value = match init {
                        Some(init) => self.expr(init, scope),
                        None => Value::Undefined,
                    };
                    let target = if *hoisted { function_scope(scope) } else { Rc::clone(scope) };
                    let redeclared = *hoisted
                        && init.is_none()
                        && matches!(pattern, Pattern::Name(name) if target.lookup(name).is_some());
                    if !redeclared {
                        self.bind(pattern, value, &target, true);
                    }
                }
            }
            // Hoisted already.
            StmtKind::Function(_) | StmtKind::Empty => {}
            StmtKind::Class(name, class) => {
                let value = self.class(class, scope);
                scope.declare(name, value);
            }
            StmtKind::Enum(name, members) => {
                let object = Object::default();
                for (member, value) in members {
                    let value = value.as_ref().map_or(Value::Unknown, |it| self.expr(it, scope));
                    object.set(member, value);
                }
                scope.declare(name, Value::Object(Rc::new(object)));
            }
            StmtKind::Return(value) => {
                let value = match value {
                    Some(expr) => {
                        let value = self.expr(expr, scope);
                        for it in value.each() {
                            if let Value::Host(object) = it {
                                let module = self.module();
                                self.host.returned(object, module, statement.span, expr.span);
                            }
                        }
                        value
                    }
                    None => Value::Undefined,
                };
                if let Some(frame) = self.frames.last_mut() {
                    frame.returned = Some(match frame.returned.take() {
                        Some(other) => other.or(value),
                        None => value,
                    });
                }
                return Flow::Return;
            }
            StmtKind::Throw(expr) => {
                self.expr(expr, scope);
                return Flow::Throw;
            }
            StmtKind::If(test, yes, no) => {
                let test = self.expr(test, scope);
                match test.truth() {
                    Some(true) => return self.statement(yes, scope),
                    Some(false) => return no.as_ref().map_or(Flow::Next, |no| self.statement(no, scope)),
                    None => {
                        let one = self.in_branch(|it| it.statement(yes, scope));
                        let two = match no {
                            Some(no) => self.in_branch(|it| it.statement(no, scope)),
                            None => Flow::Next,
                        };
                        return either(one, two);
                    }
                }
            }
            StmtKind::Block(statements) => return self.inner(statements, scope),
            StmtKind::ForOf(pattern, iterable, body) => {
                let iterable = self.expr(iterable, scope);
                return self.each(pattern, &iterable, body, scope);
            }
            StmtKind::ForIn(pattern, object, body) => {
                let object = self.expr(object, scope);
                let keys = self.keys(&object);
                return self.each(pattern, &keys, body, scope);
            }
            StmtKind::Loop(init, again, body) => {
                let scope = self.child(scope);
                self.block(init, &scope);
                let never = again.first().map(|test| self.expr(test, &scope).truth()) == Some(Some(false));
                if !never {
                    // The counter moves on: what it was at first says nothing about later turns.
                    for statement in init {
                        if let StmtKind::Var(all, _) = &statement.kind {
                            all.iter().for_each(|(pattern, _)| self.bind(pattern, Value::Unknown, &scope, true));
                        }
                    }
                    let flow = self.in_branch(|it| it.statement(body, &scope));
                    again.iter().skip(1).for_each(|it| {
                        self.expr(it, &scope);
                    });
                    if flow == Flow::Return && again.is_empty() {
                        return flow;
                    }
                }
            }
            StmtKind::Try(block, handler, finalizer) => {
                let flow = self.inner(block, scope);
                if let Some((pattern, body)) = handler {
                    let scope = self.child(scope);
                    if let Some(pattern) = pattern {
                        self.bind(pattern, Value::Unknown, &scope, true);
                    }
                    self.in_branch(|it| it.inner(body, &scope));
                }
                let last = self.inner(finalizer, scope);
                return match (last, flow) {
                    (Flow::Next, Flow::Throw) => Flow::Next,
                    (Flow::Next, flow) => flow,
                    (last, _) => last,
                };
            }
            StmtKind::Switch(value, cases) => {
                self.expr(value, scope);
                let scope = self.child(scope);
                for (test, body) in cases {
                    if let Some(test) = test {
                        self.expr(test, &scope);
                    }
                    self.in_branch(|it| it.block(body, &scope));
                }
            }
            StmtKind::Jump => return Flow::Jump,
        }
        Flow::Next
    }

    /// A loop over `iterable`: once per item where they are known, once for all where they are not.
    fn each(&mut self, pattern: &Pattern, iterable: &Value, body: &Stmt, scope: &Rc<Scope>) -> Flow {
        if let Value::Array(array) = iterable
            && !array.open.get()
        {
            let items = array.items.borrow().clone();
            for item in items {
                let scope = self.child(scope);
                self.bind(pattern, item, &scope, true);
                if self.statement(body, &scope) == Flow::Return {
                    return Flow::Return;
                }
            }
            return Flow::Next;
        }
        let item = match iterable {
            Value::Array(array) => array.items.borrow().iter().cloned().fold(Value::Unknown, Value::or),
            _ => Value::Unknown,
        };
        let scope = self.child(scope);
        self.bind(pattern, item, &scope, true);
        self.in_branch(|it| it.statement(body, &scope));
        Flow::Next
    }

    /// Gives names to the parts of a value. `declare`: make new names instead of changing old ones.
    fn bind(&mut self, pattern: &Pattern, value: Value, scope: &Rc<Scope>, declare: bool) {
        match pattern {
            Pattern::Name(name) => {
                if let Value::Host(object) = value {
                    self.host.named(object, name);
                }
                if declare { scope.declare(name, value) } else { self.assign(name, value, scope) }
            }
            Pattern::Member(target) => {
                let ExprKind::Member(object, key) = &target.kind else { return };
                let object = self.expr(object, scope);
                let Some(name) = self.key(key, scope) else { return };
                if let Value::Host(host) = value {
                    let text = self.source(target.span);
                    self.host.named(host, &text);
                }
                self.set_member(&object, &name, value);
            }
            Pattern::Object(props, rest) => {
                let mut taken = Vec::new();
                for (key, pattern) in props {
                    let part = match self.key(key, scope) {
                        Some(name) => {
                            let part = self.member(&value, &name);
                            taken.push(name);
                            part
                        }
                        None => Value::Unknown,
                    };
                    self.bind(pattern, part, scope, declare);
                }
                if let Some(rest) = rest {
                    let left = Object::default();
                    if let Value::Object(object) = &value {
                        left.open.set(object.open.get());
                        for (key, value) in object.props.borrow().iter().filter(|(key, _)| !taken.contains(key)) {
                            left.set(key, value.clone());
                        }
                    } else {
                        left.open.set(true);
                    }
                    self.bind(rest, Value::Object(Rc::new(left)), scope, declare);
                }
            }
            Pattern::Array(elements, rest) => {
                let (items, open) = match &value {
                    Value::Array(array) => (array.items.borrow().clone(), array.open.get()),
                    _ => (Vec::new(), true),
                };
                let missing = if open { Value::Unknown } else { Value::Undefined };
                for (at, pattern) in elements.iter().enumerate() {
                    if let Some(pattern) = pattern {
                        self.bind(pattern, items.get(at).cloned().unwrap_or_else(|| missing.clone()), scope, declare);
                    }
                }
                if let Some(rest) = rest {
                    let left = items.into_iter().skip(elements.len()).collect();
                    self.bind(rest, Value::array(left, open), scope, declare);
                }
            }
            Pattern::Default(inner, default) => {
                let value = match value {
                    Value::Undefined => self.expr(default, scope),
                    Value::Unknown | Value::External(_) => {
                        let default = self.in_branch(|it| it.expr(default, scope));
                        assumed(value, default)
                    }
                    value => value,
                };
                self.bind(inner, value, scope, declare);
            }
            Pattern::Ignore => {}
        }
    }

    fn assign(&mut self, name: &str, value: Value, scope: &Rc<Scope>) {
        let mut at = Some(Rc::clone(scope));
        while let Some(scope) = at {
            let old = scope.vars.borrow().get(name).cloned();
            if let Some(old) = old {
                let value = match old {
                    Slot::Value(old) if self.branch.len() > scope.depth => old.or(value),
                    _ => value,
                };
                scope.declare(name, value);
                return;
            }
            at = scope.parent.clone();
        }
        // A global: the whole module sees it.
        if let Some(loaded) = self.loaded.get(&self.module()) {
            loaded.scope.declare(name, value);
        }
    }

    fn set_member(&mut self, object: &Value, name: &str, value: Value) {
        for object in object.each() {
            match object {
                Value::Object(object) => object.set(name, value.clone()),
                Value::Function(closure) => closure.props.set(name, value.clone()),
                Value::Class(class) => class.statics.set(name, value.clone()),
                _ => {}
            }
        }
    }

    fn source(&self, span: Span) -> String {
        let module = self.program.module(self.module());
        module.text.get(span.range()).unwrap_or_default().to_owned()
    }

    // ---- expressions ---------------------------------------------------------------------------------------

    pub(crate) fn lookup(&mut self, scope: &Rc<Scope>, name: &str, module: usize) -> Value {
        match scope.lookup(name) {
            Some(Slot::Value(value)) => value,
            Some(Slot::Import(source, imported)) => self.imported(module, &source, &imported),
            None if name == "undefined" => Value::Undefined,
            None => Value::External(Rc::new(External::Global(Arc::from(name)))),
        }
    }

    fn key(&mut self, key: &Key, scope: &Rc<Scope>) -> Option<Arc<str>> {
        match key {
            Key::Name(name) => Some(Arc::clone(name)),
            Key::Computed(expr) => match self.expr(expr, scope) {
                Value::Str(text) => Some(text.text),
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the guard")]
                Value::Num(number) if number >= 0.0 && number.fract() == 0.0 && number < 1e9 => {
                    Some(Arc::from((number as u64).to_string()))
                }
                _ => None,
            },
        }
    }

    fn closure(&mut self, function: &Arc<Function>, scope: &Rc<Scope>, module: usize) -> Value {
        Value::Function(Rc::new(Closure {
            function: Arc::clone(function),
            scope: Rc::clone(scope),
            module,
            this: None,
            props: Object::default(),
        }))
    }

    fn expr(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Value {
        if self.exhausted(expr.span) || self.depth > MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.expr_inside(expr, scope);
        self.depth -= 1;
        value
    }

    fn expr_inside(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Value {
        let module = self.module();
        match &expr.kind {
            ExprKind::Str(text) => Value::Str(Text { text: Arc::clone(text), assumed: false }),
            ExprKind::Num(number) => Value::Num(*number),
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Null => Value::Null,
            ExprKind::Regex(pattern, flags) => Value::Regex(Arc::clone(pattern), Arc::clone(flags)),
            ExprKind::Template(quasis, parts) => {
                let mut value = quasis.first().map_or_else(|| Value::text(""), |it| Value::text(it));
                for (at, part) in parts.iter().enumerate() {
                    let part = self.expr(part, scope);
                    value = concat(&value, &part);
                    if let Some(quasi) = quasis.get(at + 1) {
                        value = concat(&value, &Value::text(quasi));
                    }
                }
                value
            }
            ExprKind::Name(name) => self.lookup(scope, name, module),
            ExprKind::This => match scope.lookup("this") {
                Some(Slot::Value(value)) => value,
                _ => Value::Unknown,
            },
            ExprKind::Super => Value::Unknown,
            ExprKind::Array(items) => {
                let (values, open) = self.items(items, scope);
                Value::array(values.into_iter().map(|it| it.value).collect(), open)
            }
            ExprKind::Object(props) => self.object(props, scope),
            ExprKind::Function(function) => self.closure(function, scope, module),
            ExprKind::Class(class) => self.class(class, scope),
            ExprKind::Member(object, key) => {
                let value = self.expr(object, scope);
                match self.key(key, scope) {
                    Some(name) => self.member(&value, &name),
                    None => match value {
                        // Some item: any of them.
                        Value::Array(array) if !array.open.get() => {
                            array.items.borrow().iter().cloned().reduce(Value::or).unwrap_or(Value::Undefined)
                        }
                        Value::Host(object) => Value::Method(Box::new(Value::Host(object)), Arc::from("")),
                        _ => Value::Unknown,
                    },
                }
            }
            ExprKind::Call(callee, items) => self.call_expr(expr.span, callee, items, scope),
            ExprKind::New(callee, items) => {
                let class = self.expr(callee, scope);
                let args = self.args(items, scope);
                self.construct(&class, &args, expr.span, callee.span)
            }
            ExprKind::Import(source) => {
                let value = self.expr(source, scope);
                self.require(&[Arg { value, span: source.span, spread: false }], expr.span)
            }
            ExprKind::Assign(target, op, value) => {
                let value = self.expr(value, scope);
                let value = match op {
                    AssignOp::Set => value,
                    AssignOp::Other => Value::Unknown,
                    AssignOp::Add | AssignOp::Logical => {
                        let old = match &**target {
                            Pattern::Name(name) => self.lookup(scope, name, module),
                            Pattern::Member(member) => self.expr(member, scope),
                            _ => Value::Unknown,
                        };
                        match op {
                            AssignOp::Add => concat(&old, &value),
                            _ if old.truth() == Some(true) => old,
                            _ => value,
                        }
                    }
                };
                self.bind(target, value.clone(), scope, false);
                value
            }
            ExprKind::Add(left, right) => {
                let left = self.expr(left, scope);
                let right = self.expr(right, scope);
                concat(&left, &right)
            }
            ExprKind::Equal(equal, left, right) => {
                let left = self.expr(left, scope);
                let right = self.expr(right, scope);
                match equal_values(&left, &right) {
                    Some(same) => Value::Bool(same == *equal),
                    None => Value::Unknown,
                }
            }
            ExprKind::And(left, right) => {
                let left = self.expr(left, scope);
                match left.truth() {
                    Some(true) => self.expr(right, scope),
                    Some(false) => left,
                    None => self.in_branch(|it| it.expr(right, scope)),
                }
            }
            ExprKind::Or(left, right) => {
                let left = self.expr(left, scope);
                match left.truth() {
                    Some(true) => left,
                    Some(false) => self.expr(right, scope),
                    None => {
                        let right = self.in_branch(|it| it.expr(right, scope));
                        assumed(left, right)
                    }
                }
            }
            ExprKind::Coalesce(left, right) => {
                let left = self.expr(left, scope);
                match left {
                    Value::Undefined | Value::Null => self.expr(right, scope),
                    Value::Unknown | Value::External(_) => {
                        let right = self.in_branch(|it| it.expr(right, scope));
                        assumed(left, right)
                    }
                    left => left,
                }
            }
            ExprKind::Not(inner) => match self.expr(inner, scope).truth() {
                Some(value) => Value::Bool(!value),
                None => Value::Unknown,
            },
            ExprKind::Conditional(test, yes, no) => match self.expr(test, scope).truth() {
                Some(true) => self.expr(yes, scope),
                Some(false) => self.expr(no, scope),
                None => {
                    let one = self.in_branch(|it| it.expr(yes, scope));
                    let two = self.in_branch(|it| it.expr(no, scope));
                    one.or(two)
                }
            },
            ExprKind::Sequence(parts) => parts.iter().map(|it| self.expr(it, scope)).last().unwrap_or(Value::Undefined),
            ExprKind::Await(inner) => self.expr(inner, scope),
            ExprKind::Other(parts) => {
                parts.iter().for_each(|it| {
                    self.expr(it, scope);
                });
                Value::Unknown
            }
        }
    }

    fn object(&mut self, props: &[Prop], scope: &Rc<Scope>) -> Value {
        let object = Object::default();
        for prop in props {
            match prop {
                Prop::Entry { key, value, getter } => {
                    let name = self.key(key, scope);
                    let value = self.expr(value, scope);
                    match name {
                        Some(name) => {
                            if *getter {
                                object.getters.borrow_mut().push(Arc::clone(&name));
                            }
                            object.set(&name, value);
                        }
                        None => object.open.set(true),
                    }
                }
                Prop::Spread(value) => match self.expr(value, scope) {
                    Value::Object(other) => {
                        object.open.set(object.open.get() || other.open.get());
                        for (key, value) in other.props.borrow().iter() {
                            object.set(key, value.clone());
                        }
                    }
                    Value::Namespace(module) => {
                        for name in self.export_names(module) {
                            if let Some(value) = self.export(module, &name, &mut HashSet::new()) {
                                object.set(&name, value);
                            }
                        }
                    }
                    Value::Undefined | Value::Null => {}
                    _ => object.open.set(true),
                },
            }
        }
        Value::Object(Rc::new(object))
    }

    fn items(&mut self, items: &[Item], scope: &Rc<Scope>) -> (Vec<Arg>, bool) {
        let mut all = Vec::new();
        let mut open = false;
        for item in items {
            let value = self.expr(&item.value, scope);
            let span = item.value.span;
            match (item.spread, value) {
                (false, value) => all.push(Arg { value, span, spread: false }),
                (true, Value::Array(array)) => {
                    self.steps += array.items.borrow().len() as u64;
                    all.extend(array.items.borrow().iter().map(|it| Arg { value: it.clone(), span, spread: false }));
                    if array.open.get() {
                        open = true;
                        all.push(Arg { value: Value::Unknown, span, spread: true });
                    }
                }
                (true, Value::Undefined | Value::Null) => {}
                (true, value) => {
                    open = true;
                    all.push(Arg { value, span, spread: true });
                }
            }
        }
        (all, open)
    }

    fn args(&mut self, items: &[Item], scope: &Rc<Scope>) -> Vec<Arg> {
        self.items(items, scope).0
    }

    // ---- members -------------------------------------------------------------------------------------------

    pub(crate) fn member(&mut self, object: &Value, name: &str) -> Value {
        match object {
            Value::Object(it) => match it.get(name) {
                Some(Value::Function(getter)) if it.getters.borrow().iter().any(|key| &**key == name) => {
                    self.call_function(&getter, Some(object.clone()), &[])
                }
                Some(value) => value,
                None => match it.class.as_ref().and_then(|class| self.method(class, name, false)) {
                    Some((Value::Function(getter), true)) => self.call_function(&getter, Some(object.clone()), &[]),
                    Some((Value::Function(closure), false)) => bound(&closure, object.clone()),
                    Some((value, _)) => value,
                    None if it.open.get() => Value::Unknown,
                    None if it.class.as_ref().is_some_and(|class| foreign_parent(class)) => Value::Unknown,
                    None => Value::Undefined,
                },
            },
            Value::Array(array) => match name {
                "length" if !array.open.get() =>
                {
                    #[expect(clippy::cast_precision_loss, reason = "arrays in source code are short")]
                    Value::Num(array.items.borrow().len() as f64)
                }
                _ => match name.parse::<usize>() {
                    Ok(at) => match array.items.borrow().get(at) {
                        Some(value) => value.clone(),
                        None if array.open.get() => Value::Unknown,
                        None => Value::Undefined,
                    },
                    Err(_) => Value::Method(Box::new(object.clone()), Arc::from(name)),
                },
            },
            Value::Class(class) => match class.statics.get(name) {
                Some(value) => value,
                None => match self.method(class, name, true) {
                    Some((Value::Function(getter), true)) => self.call_function(&getter, Some(object.clone()), &[]),
                    Some((Value::Function(closure), false)) => bound(&closure, object.clone()),
                    _ => Value::Unknown,
                },
            },
            Value::Function(closure) => match closure.props.get(name) {
                Some(value) => value,
                None => Value::Method(Box::new(object.clone()), Arc::from(name)),
            },
            Value::External(external) => {
                let is_package = matches!(**external, External::Package(_));
                if name == "default" && is_package {
                    return object.clone();
                }
                Value::External(Rc::new(External::Member(Rc::clone(external), Arc::from(name))))
            }
            Value::Namespace(module) => self.export(*module, name, &mut HashSet::new()).unwrap_or(Value::Undefined),
            Value::Host(_) | Value::Str(_) | Value::Require => Value::Method(Box::new(object.clone()), Arc::from(name)),
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                values.iter().map(|it| self.member(it, name)).reduce(Value::or).unwrap_or(Value::Unknown)
            }
            _ => Value::Unknown,
        }
    }

    /// A method of a class or of what it extends, and whether it is a getter.
    fn method(&mut self, class: &Rc<ClassValue>, name: &str, is_static: bool) -> Option<(Value, bool)> {
        let mut class = Rc::clone(class);
        for _ in 0..16 {
            let found = class.class.methods.iter().find(|it| &*it.name == name && it.is_static == is_static);
            if let Some(found) = found {
                let (function, getter) = (Arc::clone(&found.function), found.getter);
                let scope = Rc::clone(&class.scope);
                return Some((self.closure_of_class(&function, &scope, &class), getter));
            }
            match self.parent(&class) {
                Value::Class(parent) => class = parent,
                _ => return None,
            }
        }
        None
    }

    /// What a class extends. Modules that import each other may not have had it yet when the class was made.
    fn parent(&mut self, class: &Rc<ClassValue>) -> Value {
        match (&class.parent, &class.class.parent) {
            (Value::Undefined | Value::Unknown, Some(expr)) if self.depth < MAX_DEPTH => {
                self.depth += 1;
                let parent = match &expr.kind {
                    ExprKind::Name(name) => self.lookup(&class.scope, name, class.module),
                    _ => Value::Unknown,
                };
                self.depth -= 1;
                parent
            }
            (parent, _) => parent.clone(),
        }
    }

    /// A method knows its class, for `super`.
    fn closure_of_class(&mut self, function: &Arc<Function>, scope: &Rc<Scope>, class: &Rc<ClassValue>) -> Value {
        let scope = self.child(scope);
        scope.declare("#class", Value::Class(Rc::clone(class)));
        self.closure(function, &scope, class.module)
    }

    fn class(&mut self, class: &Arc<Class>, scope: &Rc<Scope>) -> Value {
        let parent = class.parent.as_ref().map_or(Value::Undefined, |it| self.expr(it, scope));
        let value = Rc::new(ClassValue {
            class: Arc::clone(class),
            scope: Rc::clone(scope),
            module: self.module(),
            parent,
            statics: Object::default(),
        });
        let this = self.child(scope);
        this.declare("this", Value::Class(Rc::clone(&value)));
        for field in class.fields.iter().filter(|it| it.is_static) {
            let initial = field.value.as_ref().map_or(Value::Undefined, |it| self.expr(it, &this));
            value.statics.set(&field.name, initial);
        }
        Value::Class(value)
    }

    // ---- calls ---------------------------------------------------------------------------------------------

    fn call_expr(&mut self, span: Span, callee: &Expr, items: &[Item], scope: &Rc<Scope>) -> Value {
        match &callee.kind {
            ExprKind::Super => {
                let args = self.args(items, scope);
                let class = scope.lookup("#class");
                if let (Some(Slot::Value(Value::Class(class))), Some(Slot::Value(this))) = (class, scope.lookup("this"))
                    && let Value::Class(parent) = &self.parent(&class)
                {
                    self.initialise(parent, &this, &args);
                }
                Value::Undefined
            }
            ExprKind::Member(object, key) => {
                let is_super = matches!(object.kind, ExprKind::Super);
                let receiver = if is_super { Value::Unknown } else { self.expr(object, scope) };
                let name = self.key(key, scope);
                let args = self.args(items, scope);
                let site = self.site(span, object.span, callee.span.end);
                if is_super {
                    let class = scope.lookup("#class");
                    if let (Some(Slot::Value(Value::Class(class))), Some(Slot::Value(this)), Some(name)) =
                        (class, scope.lookup("this"), &name)
                        && let Value::Class(parent) = &self.parent(&class)
                        && let Some((Value::Function(method), _)) = self.method(parent, name, false)
                    {
                        return self.call_function(&method, Some(this), &args);
                    }
                    return Value::Unknown;
                }
                match name {
                    Some(name) => self.call_method(&receiver, &name, &args, &site),
                    None => {
                        for it in receiver.each() {
                            if let Value::Host(object) = it {
                                self.host.computed_method(object, &args, &site);
                                return Value::Host(object);
                            }
                        }
                        let value = match &receiver {
                            Value::Array(_) | Value::Object(_) => self.expr(callee, scope),
                            _ => Value::Unknown,
                        };
                        self.call_value(&value, None, &args, &site)
                    }
                }
            }
            _ => {
                let value = self.expr(callee, scope);
                let args = self.args(items, scope);
                let site = self.site(span, callee.span, callee.span.end);
                self.call_value(&value, None, &args, &site)
            }
        }
    }

    fn call_method(&mut self, receiver: &Value, name: &str, args: &[Arg], site: &Site) -> Value {
        match receiver {
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                return values
                    .iter()
                    .map(|it| self.call_method(it, name, args, site))
                    .reduce(Value::or)
                    .unwrap_or(Value::Unknown);
            }
            Value::Host(object) if !matches!(name, "then" | "catch" | "finally") => {
                return self.host.method(*object, name, args, site);
            }
            Value::Array(array) => {
                if let Some(value) = self.array_method(array, receiver, name, args, site) {
                    return value;
                }
            }
            Value::Str(text) => return string_method(text, name, args),
            Value::Require => {
                return match name {
                    "resolve" => args.first().map_or(Value::Unknown, |it| it.value.clone()),
                    _ => Value::Unknown,
                };
            }
            Value::Function(closure) if closure.props.get(name).is_none() => {
                let this = args.first().map(|it| it.value.clone());
                match name {
                    "bind" => return bound(closure, this.unwrap_or(Value::Undefined)),
                    "call" => return self.call_function(closure, this, args.get(1..).unwrap_or_default()),
                    "apply" => {
                        let list = match args.get(1).map(|it| &it.value) {
                            Some(Value::Array(array)) => array.items.borrow().clone(),
                            _ => Vec::new(),
                        };
                        let span = site.call;
                        let list: Vec<Arg> = list.into_iter().map(|value| Arg { value, span, spread: false }).collect();
                        return self.call_function(closure, this, &list);
                    }
                    _ => {}
                }
            }
            Value::Method(object, inner) if matches!(name, "bind" | "call") => {
                return match name {
                    "bind" => receiver.clone(),
                    _ => self.call_method(object, inner, args.get(1..).unwrap_or_default(), site),
                };
            }
            _ => {}
        }
        let is_external = matches!(receiver, Value::External(_));
        let promise = matches!(name, "then" | "catch" | "finally");
        let own = matches!(receiver, Value::Object(object) if object.get(name).is_some());
        if promise && !own {
            // What resolves is taken to be the value itself.
            let resolved = if is_external { Value::Unknown } else { receiver.clone() };
            let mut result = receiver.clone();
            if let (Some(callback), "then") = (args.first(), name) {
                let given = [Arg { value: resolved, span: callback.span, spread: false }];
                result = self.call_value(&callback.value.clone(), None, &given, site);
            } else if let Some(callback) = args.first() {
                let unknown = [Arg { value: Value::Unknown, span: callback.span, spread: false }];
                self.in_branch(|it| it.call_value(&callback.value.clone(), None, &unknown, site));
            }
            return result;
        }
        let member = self.member(receiver, name);
        if matches!(member, Value::Method(..)) {
            // A method of the platform that isn't modelled.
            self.foreign(args, site, false);
            return Value::Unknown;
        }
        self.call_value(&member, Some(receiver.clone()), args, site)
    }

    /// Calls any value.
    pub(crate) fn call_value(&mut self, callee: &Value, this: Option<Value>, args: &[Arg], site: &Site) -> Value {
        if self.depth > MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let result = self.call_any(callee, this, args, site);
        self.depth -= 1;
        result
    }

    fn call_any(&mut self, callee: &Value, this: Option<Value>, args: &[Arg], site: &Site) -> Value {
        match callee {
            Value::Function(closure) => self.call_function(closure, this, args),
            Value::Require => self.require(args, site.call),
            Value::Method(object, name) if name.is_empty() => {
                if let Value::Host(object) = **object {
                    self.host.computed_method(object, args, site);
                }
                Value::Unknown
            }
            Value::Method(object, name) => {
                if matches!(**object, Value::Function(_)) {
                    return Value::Unknown;
                }
                self.call_method(object, name, args, site)
            }
            Value::External(external) => self.call_external(external, args, site),
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                values
                    .iter()
                    .map(|it| self.call_value(it, this.clone(), args, site))
                    .reduce(Value::or)
                    .unwrap_or(Value::Unknown)
            }
            Value::Namespace(module) => {
                // `import * as f from './f'` of a module that exports a function.
                match self.export(*module, "default", &mut HashSet::new()) {
                    Some(value @ (Value::Function(_) | Value::External(_))) => {
                        self.call_value(&value, this, args, site)
                    }
                    _ => Value::Unknown,
                }
            }
            _ => {
                self.foreign(args, site, true);
                Value::Unknown
            }
        }
    }

    fn call_external(&mut self, external: &Rc<External>, args: &[Arg], site: &Site) -> Value {
        if let Some(value) = self.host.call(external, args, site) {
            return value;
        }
        if let Some(value) = self.platform(external, args) {
            return value;
        }
        self.foreign(args, site, external.package().is_some());
        Value::External(Rc::new(External::Call(Rc::clone(external), args.to_vec(), site.place())))
    }

    /// Functions given to code we can't see are called by it, sooner or later; objects given to it may change.
    fn foreign(&mut self, args: &[Arg], site: &Site, escapes: bool) {
        for arg in args {
            for value in arg.value.each() {
                match value {
                    Value::Function(closure) => self.guess(&closure),
                    Value::Host(object) if escapes => self.host.escaped(object, site),
                    _ => {}
                }
            }
        }
    }

    fn guess(&mut self, closure: &Rc<Closure>) {
        let key = Arc::as_ptr(&closure.function);
        let times = self.guessed.entry(key).or_default();
        *times += 1;
        if *times > 1 || self.host.is_handler(&closure.function) || self.guessing > 6 {
            return;
        }
        let args = unknown_args(&closure.function);
        let outer = self.limit;
        self.limit = outer.min(self.steps + MAX_GUESSED_STEPS);
        self.guessing += 1;
        self.call_function(closure, None, &args);
        self.guessing -= 1;
        self.limit = outer;
    }

    fn call_function(&mut self, closure: &Rc<Closure>, this: Option<Value>, args: &[Arg]) -> Value {
        let function = &closure.function;
        let recursion =
            self.frames.iter().filter(|it| it.function.as_ref().is_some_and(|it| Arc::ptr_eq(it, function)));
        if self.frames.len() > MAX_CALL_DEPTH || recursion.count() >= MAX_RECURSION || self.steps >= self.limit {
            return Value::Unknown;
        }
        self.entered.insert(Arc::as_ptr(function));
        let scope = Rc::new(Scope {
            parent: Some(Rc::clone(&closure.scope)),
            depth: self.branch.len(),
            is_function: true,
            vars: RefCell::default(),
        });
        if !function.arrow {
            scope.declare("this", closure.this.clone().or(this).unwrap_or(Value::Undefined));
        }
        self.frames.push(Frame {
            module: closure.module,
            statement: function.span,
            returned: None,
            function: Some(Arc::clone(function)),
            branch_base: self.branch.len(),
        });
        let spread = args.iter().position(|it| it.spread);
        for (at, param) in function.params.iter().enumerate() {
            let value = match args.get(at) {
                _ if spread.is_some_and(|spread| at >= spread) => Value::Unknown,
                Some(arg) => arg.value.clone(),
                None => Value::Undefined,
            };
            self.bind(param, value, &scope, true);
        }
        if let Some(rest) = &function.rest {
            let items = args.iter().skip(function.params.len()).map(|it| it.value.clone()).collect();
            self.bind(rest, Value::array(items, spread.is_some()), &scope, true);
        }
        let module = closure.module;
        self.hoist(&function.body, &scope, module);
        self.block(&function.body, &scope);
        let frame = self.frames.pop();
        debug_assert!(frame.as_ref().is_none_or(|it| it.branch_base == self.branch.len()));
        frame.and_then(|it| it.returned).unwrap_or(Value::Undefined)
    }

    fn construct(&mut self, class: &Value, args: &[Arg], span: Span, callee: Span) -> Value {
        match class {
            Value::Class(class) => {
                let this = Value::Object(Rc::new(Object { class: Some(Rc::clone(class)), ..Object::default() }));
                self.initialise(class, &this, args);
                this
            }
            Value::Function(closure) => {
                let this = Value::Object(Rc::new(Object::default()));
                match self.call_function(closure, Some(this.clone()), args) {
                    Value::Undefined => this,
                    other => other,
                }
            }
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                values
                    .iter()
                    .map(|it| self.construct(it, args, span, callee))
                    .reduce(Value::or)
                    .unwrap_or(Value::Unknown)
            }
            other => {
                let site = self.site(span, callee, callee.end);
                if let Value::External(external) = other
                    && external.name() == "Promise"
                {
                    // `new Promise(resolve => …)`.
                    self.foreign(args, &site, false);
                    return Value::Unknown;
                }
                self.call_value(other, None, args, &site)
            }
        }
    }

    fn initialise(&mut self, class: &Rc<ClassValue>, this: &Value, args: &[Arg]) {
        if self.frames.len() > MAX_CALL_DEPTH {
            return;
        }
        self.made.insert(Arc::as_ptr(&class.class));
        let has_constructor = class.class.constructor.is_some();
        if !has_constructor && let Value::Class(parent) = &self.parent(class) {
            self.initialise(parent, this, args);
        }
        let scope = self.child(&class.scope);
        scope.declare("this", this.clone());
        self.frames.push(Frame {
            module: class.module,
            statement: Span::default(),
            returned: None,
            function: None,
            branch_base: self.branch.len(),
        });
        for field in class.class.fields.iter().filter(|it| !it.is_static) {
            let value = field.value.as_ref().map_or(Value::Undefined, |it| self.expr(it, &scope));
            if let Value::Host(object) = value {
                self.host.named(object, &format!("this.{}", field.name));
            }
            // A field without a value says nothing about what a parent's constructor stored.
            if field.value.is_some() || matches!(self.member(this, &field.name), Value::Undefined) {
                self.set_member(this, &field.name, value);
            }
        }
        self.frames.pop();
        if let Some(constructor) = &class.class.constructor {
            let constructor = Arc::clone(constructor);
            let scope = Rc::clone(&class.scope);
            if let Value::Function(closure) = self.closure_of_class(&constructor, &scope, class) {
                self.call_function(&closure, Some(this.clone()), args);
            }
        }
    }

    // ---- the platform --------------------------------------------------------------------------------------

    fn keys(&mut self, object: &Value) -> Value {
        match object {
            Value::Object(it) => {
                let keys = it.props.borrow().iter().map(|(key, _)| Value::text(key)).collect();
                Value::array(keys, it.open.get())
            }
            Value::Namespace(module) => {
                let names = self.export_names(*module);
                Value::array(names.iter().map(|it| Value::text(it)).collect(), false)
            }
            Value::Array(array) => {
                let keys = (0..array.items.borrow().len()).map(|at| Value::text(&at.to_string())).collect();
                Value::array(keys, array.open.get())
            }
            _ => Value::Unknown,
        }
    }

    fn platform(&mut self, external: &External, args: &[Arg]) -> Option<Value> {
        let first = args.first().map(|it| it.value.clone()).unwrap_or(Value::Undefined);
        let name = external.name();
        Some(match name.as_str() {
            "Object.keys" => self.keys(&first),
            "Object.values" | "Object.entries" => {
                let Value::Array(keys) = self.keys(&first) else { return Some(Value::Unknown) };
                let names: Vec<Value> = keys.items.borrow().clone();
                let mut all = Vec::new();
                for key in names {
                    let value = self.member(&first, key.as_str().unwrap_or_default());
                    all.push(if name == "Object.values" { value } else { Value::array(vec![key, value], false) });
                }
                Value::array(all, keys.open.get())
            }
            "Object.freeze" | "Object.seal" | "Promise.resolve" | "structuredClone" => first,
            "Object.assign" => {
                if let Value::Object(target) = &first {
                    for other in args.iter().skip(1) {
                        match &other.value {
                            Value::Object(other) => {
                                // It may be assigned to itself.
                                let props = other.props.borrow().clone();
                                props.into_iter().for_each(|(key, value)| target.set(&key, value));
                            }
                            _ => target.open.set(true),
                        }
                    }
                }
                first
            }
            "Promise.all" | "Promise.allSettled" | "Array.from" if matches!(first, Value::Array(_)) => first,
            "Array.of" => Value::array(args.iter().map(|it| it.value.clone()).collect(), false),
            "String" => match first {
                Value::Str(_) => first,
                _ => Value::Unknown,
            },
            "path.join" | "path.posix.join" | "path.resolve" => {
                let mut parts: Vec<String> = Vec::new();
                for arg in args {
                    match arg.value.as_str() {
                        Some(text) => parts.push(text.to_owned()),
                        None => return Some(Value::Unknown),
                    }
                }
                Value::text(&join_paths(&parts))
            }
            "path.basename" => match (first.as_str(), args.get(1).map(|it| &it.value)) {
                (Some(path), suffix) => {
                    let base = path.rsplit('/').next().unwrap_or(path);
                    let suffix = suffix.and_then(|it| it.as_str()).unwrap_or_default();
                    Value::text(base.strip_suffix(suffix).unwrap_or(base))
                }
                _ => Value::Unknown,
            },
            "url.fileURLToPath" => match first.as_str() {
                Some(url) => Value::text(url.strip_prefix("file://").unwrap_or(url)),
                None => Value::Unknown,
            },
            "path.dirname" => match first.as_str().and_then(|it| it.rsplit_once('/')) {
                Some((folder, _)) => Value::text(folder),
                None => Value::Unknown,
            },
            "fs.readdirSync" | "fs.promises.readdir" | "fs/promises.readdir" => match first.as_str() {
                Some(folder) if args.len() == 1 => {
                    let root = self.program.root().to_string_lossy().into_owned();
                    let relative = folder.strip_prefix(&root).unwrap_or(folder).trim_matches('/');
                    let relative = if relative.is_empty() { "." } else { relative };
                    let names = self.program.listing(relative);
                    Value::array(names.iter().map(|it| Value::text(it)).collect(), names.is_empty())
                }
                _ => Value::Unknown,
            },
            _ => return None,
        })
    }

    fn array_method(
        &mut self,
        array: &Rc<Array>,
        receiver: &Value,
        name: &str,
        args: &[Arg],
        site: &Site,
    ) -> Option<Value> {
        let items = array.items.borrow().clone();
        self.steps += items.len() as u64;
        let open = array.open.get();
        let callback = args.first().map(|it| it.value.clone()).unwrap_or(Value::Undefined);
        Some(match name {
            "forEach" | "map" | "flatMap" | "filter" | "some" | "every" | "find" => {
                let mut results = Vec::new();
                let mut decided = true;
                for (at, item) in items.iter().enumerate() {
                    #[expect(clippy::cast_precision_loss, reason = "arrays in source code are short")]
                    let given = [item.clone(), Value::Num(at as f64), receiver.clone()].map(|value| Arg {
                        value,
                        span: site.call,
                        spread: false,
                    });
                    let result = self.call_value(&callback, None, &given, site);
                    match name {
                        "filter" | "find" => match result.truth() {
                            Some(true) => results.push(item.clone()),
                            Some(false) => {}
                            None => {
                                decided = false;
                                results.push(item.clone());
                            }
                        },
                        "flatMap" => match result {
                            Value::Array(inner) => results.extend(inner.items.borrow().iter().cloned()),
                            other => results.push(other),
                        },
                        _ => results.push(result),
                    }
                }
                if open {
                    let unknown =
                        [Value::Unknown, Value::Unknown].map(|value| Arg { value, span: site.call, spread: false });
                    self.in_branch(|it| it.call_value(&callback, None, &unknown, site));
                }
                match name {
                    "forEach" => Value::Undefined,
                    "map" | "flatMap" | "filter" => Value::array(results, open),
                    "find" if decided && !open => results.first().cloned().unwrap_or(Value::Undefined),
                    "find" => results.into_iter().fold(Value::Unknown, Value::or),
                    _ => Value::Unknown,
                }
            }
            "reduce" => {
                let mut rest = items.into_iter();
                let mut total = match args.get(1) {
                    Some(initial) => initial.value.clone(),
                    None => rest.next().unwrap_or(Value::Undefined),
                };
                for item in rest {
                    let given = [total, item].map(|value| Arg { value, span: site.call, spread: false });
                    total = self.call_value(&callback, None, &given, site);
                }
                if open { Value::Unknown } else { total }
            }
            "push" | "unshift" => {
                let new = args.iter().map(|it| it.value.clone());
                let mut items = array.items.borrow_mut();
                if name == "push" {
                    items.extend(new);
                } else {
                    items.splice(0..0, new);
                }
                let too_many = items.len() > MAX_ITEMS;
                items.truncate(MAX_ITEMS);
                array.open.set(open || too_many || args.iter().any(|it| it.spread));
                Value::Unknown
            }
            "concat" => {
                let mut all = items;
                let mut open = open;
                for arg in args {
                    match &arg.value {
                        Value::Array(other) => {
                            all.extend(other.items.borrow().iter().cloned());
                            open |= other.open.get();
                        }
                        Value::Unknown | Value::External(_) => open = true,
                        other => all.push(other.clone()),
                    }
                }
                Value::array(all, open)
            }
            "slice" if args.is_empty() => Value::array(items, open),
            "slice" => match callback {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the guard")]
                Value::Num(from) if from >= 0.0 && args.len() == 1 => {
                    Value::array(items.into_iter().skip(from as usize).collect(), open)
                }
                _ => Value::array(items, true),
            },
            "flat" => {
                let mut all = Vec::new();
                for item in items {
                    match item {
                        Value::Array(inner) => all.extend(inner.items.borrow().iter().cloned()),
                        other => all.push(other),
                    }
                }
                Value::array(all, open)
            }
            "reverse" => Value::array(items.into_iter().rev().collect(), open),
            "sort" | "values" => receiver.clone(),
            "entries" => {
                #[expect(clippy::cast_precision_loss, reason = "arrays in source code are short")]
                let pairs = items
                    .into_iter()
                    .enumerate()
                    .map(|(at, value)| Value::array(vec![Value::Num(at as f64), value], false))
                    .collect();
                Value::array(pairs, open)
            }
            "join" => {
                let separator = callback.as_str().unwrap_or(",").to_owned();
                let mut total = Value::text("");
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        total = concat(&total, &Value::text(&separator));
                    }
                    total = concat(&total, item);
                }
                if open { Value::Unknown } else { total }
            }
            "includes" | "indexOf" if !open && name == "includes" => {
                match items.iter().map(|it| equal_values(it, &callback)).collect::<Option<Vec<bool>>>() {
                    Some(all) => Value::Bool(all.contains(&true)),
                    None => Value::Unknown,
                }
            }
            _ => return None,
        })
    }
}

fn unknown_args(function: &Function) -> Vec<Arg> {
    function.params.iter().map(|_| Arg { value: Value::Unknown, span: Span::default(), spread: false }).collect()
}

fn external_import(source: &str, imported: &Imported) -> Value {
    let source = source.strip_prefix("node:").unwrap_or(source);
    let package = Rc::new(External::Package(Arc::from(source)));
    match imported {
        Imported::Name(name) if &**name != "default" => {
            Value::External(Rc::new(External::Member(package, Arc::clone(name))))
        }
        _ => Value::External(package),
    }
}

fn function_scope(scope: &Rc<Scope>) -> Rc<Scope> {
    let mut at = Rc::clone(scope);
    while !at.is_function {
        match &at.parent {
            Some(parent) => at = Rc::clone(parent),
            None => break,
        }
    }
    at
}

fn bound(closure: &Rc<Closure>, this: Value) -> Value {
    Value::Function(Rc::new(Closure {
        function: Arc::clone(&closure.function),
        scope: Rc::clone(&closure.scope),
        module: closure.module,
        this: Some(this),
        props: Object::default(),
    }))
}

fn foreign_parent(class: &ClassValue) -> bool {
    match &class.parent {
        Value::Class(parent) => foreign_parent(parent),
        Value::Undefined => false,
        _ => true,
    }
}

fn either(one: Flow, two: Flow) -> Flow {
    if one == two { one } else { Flow::Next }
}

/// An unknown value with a default: the default, if it is the only thing known about it.
fn assumed(unknown: Value, default: Value) -> Value {
    match default {
        Value::Str(text) => Value::Str(Text { assumed: true, ..text }),
        Value::Unknown | Value::Undefined | Value::Null => unknown,
        default => match unknown {
            Value::Unknown | Value::External(_) => default,
            unknown => unknown.or(default),
        },
    }
}

fn concat(left: &Value, right: &Value) -> Value {
    let (lefts, rights) = (left.each(), right.each());
    if lefts.len() > 1 || rights.len() > 1 {
        let pairs = lefts.iter().flat_map(|left| rights.iter().map(move |right| concat(left, right)));
        return pairs.reduce(Value::or).unwrap_or(Value::Unknown);
    }
    let text = |value: &Value| match value {
        Value::Str(text) => Some((text.text.to_string(), text.assumed)),
        Value::Num(number) => Some((number.to_string(), false)),
        _ => None,
    };
    match (text(left), text(right)) {
        (Some((left, one)), Some((right, two))) if left.len() + right.len() < 10_000 => {
            Value::Str(Text { text: Arc::from(left + &right), assumed: one || two })
        }
        _ => Value::Unknown,
    }
}

fn equal_values(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Str(one), Value::Str(two)) if !one.assumed && !two.assumed => Some(one.text == two.text),
        (Value::Num(one), Value::Num(two)) => Some((one - two).abs() < f64::EPSILON),
        (Value::Bool(one), Value::Bool(two)) => Some(one == two),
        (Value::Undefined | Value::Null, Value::Undefined | Value::Null) => Some(true),
        (Value::Undefined | Value::Null, Value::Str(_) | Value::Object(_) | Value::Array(_) | Value::Function(_))
        | (Value::Str(_) | Value::Object(_) | Value::Array(_) | Value::Function(_), Value::Undefined | Value::Null) => {
            Some(false)
        }
        _ => None,
    }
}

fn string_method(text: &Text, name: &str, args: &[Arg]) -> Value {
    let arg = |at: usize| args.get(at).and_then(|it| it.value.as_str());
    let same = |new: String| Value::Str(Text { text: Arc::from(new), assumed: text.assumed });
    match (name, arg(0), arg(1)) {
        ("toLowerCase", ..) => same(text.text.to_lowercase()),
        ("toUpperCase", ..) => same(text.text.to_uppercase()),
        ("trim", ..) => same(text.text.trim().to_owned()),
        ("toString" | "valueOf", ..) => Value::Str(text.clone()),
        ("replace", Some(from), Some(to)) => same(text.text.replacen(from, to, 1)),
        ("replaceAll", Some(from), Some(to)) => same(text.text.replace(from, to)),
        ("startsWith", Some(part), _) if !text.assumed => Value::Bool(text.text.starts_with(part)),
        ("endsWith", Some(part), _) if !text.assumed => Value::Bool(text.text.ends_with(part)),
        ("includes", Some(part), _) if !text.assumed => Value::Bool(text.text.contains(part)),
        ("concat", Some(more), None) => same(format!("{}{more}", text.text)),
        ("split", Some(separator), _) if !separator.is_empty() => {
            Value::array(text.text.split(separator).map(|it| same(it.to_owned())).collect(), false)
        }
        _ => Value::Unknown,
    }
}

fn join_paths(parts: &[String]) -> String {
    let absolute = parts.first().is_some_and(|it| it.starts_with('/'));
    let mut segments: Vec<&str> = Vec::new();
    for part in parts.iter().flat_map(|it| it.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("{}{}", if absolute { "/" } else { "" }, segments.join("/"))
}
